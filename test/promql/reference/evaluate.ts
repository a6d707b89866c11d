import { Labels } from '../../../src/core/labels.ts';
import { matchesAll } from '../../../src/core/matcher.ts';
import type { AtModifier, Expr, MatrixSelector, VectorSelector } from '../../../src/promql/index.ts';
import type { FuzzSeries } from '../../fuzz/promql/data.ts';
import { aggregated } from './aggregate.ts';
import { joined, scalarBinary, setOperation, withScalar } from './binary.ts';
import { PlainHistogram, plain, scale } from './histogram.ts';
import {
  absentLabels,
  classicQuantile,
  labelJoin,
  labelReplace,
  mapped,
  ofHistogram,
} from './instant-functions.ts';
import { overRange } from './over-range.ts';
import {
  mustBeDistinct,
  unnamed,
  Unsupported,
  type Result,
  type Sample,
  type Value,
  type Window,
} from './values.ts';

/** A range vector at one time, and the edges of its windows; the left one is exclusive. */
interface Windows {
  readonly windows: readonly Window[];
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * PromQL worked out at one time by recursion, straight from what the documentation says: no plan, no columns, nothing
 * shared. It is slow and leaves out what is hard to say plainly ({@link Unsupported}); tests compare the engine with it.
 */
export class ReferenceEvaluator {
  readonly #data: readonly FuzzSeries[];
  readonly #startMs: number;
  readonly #endMs: number;
  readonly #stepMs: number;

  /** Start, end and step are those of the whole query. */
  constructor(data: readonly FuzzSeries[], startMs: number, endMs: number, stepMs: number) {
    this.#data = data;
    this.#startMs = startMs;
    this.#endMs = endMs;
    this.#stepMs = stepMs;
  }

  /** The value of an expression at one time. Throws QueryFailure when it has none. */
  at(expr: Expr, tMs: number): Result {
    switch (expr.kind) {
      case 'numberLiteral':
        return { type: 'scalar', value: expr.value };
      case 'stringLiteral':
        return { type: 'string', value: expr.value };
      case 'paren':
        return this.at(expr.expr, tMs);
      case 'vectorSelector':
        return vector(
          this.#select(expr, tMs).map(({ labels, points }) => ({ labels, value: points[0]!.value })),
        );
      case 'unary':
        return this.#unary(expr, tMs);
      case 'binary':
        return this.#binary(expr, tMs);
      case 'aggregate':
        return vector(
          mustBeDistinct(
            aggregated(expr, this.#vector(expr.expr, tMs), expr.param && this.at(expr.param, tMs)),
          ),
        );
      case 'call':
        return this.#call(expr, tMs);
      case 'matrixSelector':
      case 'subquery':
        throw new Unsupported('a range vector as a result');
    }
  }

  #vector(expr: Expr, tMs: number): readonly Sample[] {
    const result = this.at(expr, tMs);
    if (result.type !== 'vector') throw new Unsupported(`a ${result.type} where a vector belongs`);
    return result.samples;
  }

  #scalar(expr: Expr, tMs: number): number {
    const result = this.at(expr, tMs);
    if (result.type !== 'scalar') throw new Unsupported(`a ${result.type} where a scalar belongs`);
    return result.value;
  }

  #text(expr: Expr, tMs: number): string {
    const result = this.at(expr, tMs);
    if (result.type !== 'string') throw new Unsupported(`a ${result.type} where a string belongs`);
    return result.value;
  }

  /** The time that a selector looks at. */
  #shifted(at: AtModifier | undefined, offsetMs: number, tMs: number): number {
    if (at === undefined) return tMs - offsetMs;
    if (at.kind === 'time') return at.ms - offsetMs;
    return (at.kind === 'start' ? this.#startMs : this.#endMs) - offsetMs;
  }

  #matching({ matchers }: VectorSelector): readonly FuzzSeries[] {
    return this.#data.filter(({ labels }) => matchesAll(matchers, labels));
  }

  /** The newest sample of each series within five minutes, unless it is a stale marker. */
  #select(selector: VectorSelector, tMs: number): Window[] {
    if (selector.extended !== undefined || selector.offsetExpr !== undefined)
      throw new Unsupported('modifier');
    const atMs = this.#shifted(selector.at, selector.offsetMs, tMs);
    return this.#matching(selector).flatMap(({ labels, samples }): Window[] => {
      const sample = samples.findLast((one) => one.tMs <= atMs);
      if (sample === undefined || sample.stale || sample.tMs <= atMs - 300_000) return [];
      return [{ labels, points: [{ tMs: sample.tMs, value: valueOf(sample) }] }];
    });
  }

  /** The windows of a range vector, and their edges. */
  #windows(expr: Expr, tMs: number): Windows {
    if (expr.kind === 'matrixSelector') return this.#rangeOf(expr, tMs);
    if (expr.kind !== 'subquery') throw new Unsupported('a range vector of another kind');
    if (expr.stepExpr !== undefined || expr.rangeExpr !== undefined || expr.offsetExpr !== undefined) {
      throw new Unsupported('duration expression');
    }
    const toMs = this.#shifted(expr.at, expr.offsetMs, tMs);
    const fromMs = toMs - expr.rangeMs;
    const stepMs = expr.stepMs === 0 ? 60_000 : expr.stepMs;
    const found = new Map<string, { labels: Labels; points: { tMs: number; value: Value }[] }>();
    for (let at = (Math.floor(fromMs / stepMs) + 1) * stepMs; at <= toMs; at += stepMs) {
      const result = this.at(expr.expr, at);
      const samples =
        result.type === 'scalar'
          ? [{ labels: Labels.EMPTY, value: result.value }]
          : this.#vector(expr.expr, at);
      for (const { labels, value } of samples) {
        const window = found.get(labels.key) ?? { labels, points: [] };
        found.set(labels.key, window);
        window.points.push({ tMs: at, value });
      }
    }
    return { windows: [...found.values()], fromMs, toMs };
  }

  #rangeOf({ selector, rangeMs, rangeExpr }: MatrixSelector, tMs: number): Windows {
    if (selector.extended !== undefined || selector.offsetExpr !== undefined || rangeExpr !== undefined) {
      throw new Unsupported('modifier');
    }
    const toMs = this.#shifted(selector.at, selector.offsetMs, tMs);
    const fromMs = toMs - rangeMs;
    const windows = this.#matching(selector).map(({ labels, samples }) => ({
      labels,
      points: samples
        .filter((one) => one.tMs > fromMs && one.tMs <= toMs && !one.stale)
        .map((one) => ({ tMs: one.tMs, value: valueOf(one) })),
    }));
    return { windows: windows.filter(({ points }) => points.length > 0), fromMs, toMs };
  }

  #unary({ op, expr }: Expr & { kind: 'unary' }, tMs: number): Result {
    const result = this.at(expr, tMs);
    if (op === '+') return result;
    if (result.type === 'scalar') return { type: 'scalar', value: -result.value };
    const samples = this.#vector(expr, tMs).map(({ labels, value }) => ({
      labels: unnamed(labels),
      value: value instanceof PlainHistogram ? scale(value, -1) : -value,
    }));
    return vector(mustBeDistinct(samples));
  }

  #binary({ op, lhs, rhs, matching, returnBool }: Expr & { kind: 'binary' }, tMs: number): Result {
    if (op === '>/' || op === '</') throw new Unsupported(op);
    const [left, right] = [this.at(lhs, tMs), this.at(rhs, tMs)];
    if (left.type === 'scalar' && right.type === 'scalar') {
      return { type: 'scalar', value: scalarBinary(op, left.value, right.value) };
    }
    if (left.type === 'vector' && right.type === 'scalar') {
      return vector(mustBeDistinct(withScalar(op, left.samples, right.value, false, returnBool)));
    }
    if (left.type === 'scalar' && right.type === 'vector') {
      return vector(mustBeDistinct(withScalar(op, right.samples, left.value, true, returnBool)));
    }
    if (left.type !== 'vector' || right.type !== 'vector' || matching === undefined) {
      throw new Unsupported('operands');
    }
    if (matching.card === 'many-to-many') {
      return vector(mustBeDistinct(setOperation(op, left.samples, right.samples, matching)));
    }
    return vector(joined(op, left.samples, right.samples, matching, returnBool));
  }

  #call({ func: { name, argTypes }, args }: Expr & { kind: 'call' }, tMs: number): Result {
    if (argTypes.includes('matrix')) return vector(this.#overRange(name, args, tMs));
    switch (name) {
      case 'pi':
        return { type: 'scalar', value: Math.PI };
      case 'time':
        return { type: 'scalar', value: tMs / 1000 };
      case 'start':
        return { type: 'scalar', value: this.#startMs / 1000 };
      case 'end':
        return { type: 'scalar', value: this.#endMs / 1000 };
      case 'step':
        return { type: 'scalar', value: this.#stepMs / 1000 };
      case 'range':
        return { type: 'scalar', value: (this.#endMs - this.#startMs) / 1000 };
      case 'scalar': {
        const samples = this.#vector(args[0]!, tMs);
        const floats = samples.filter(({ value }) => typeof value === 'number');
        return { type: 'scalar', value: floats.length === 1 ? (floats[0]!.value as number) : NaN };
      }
      case 'vector':
        return vector([{ labels: Labels.EMPTY, value: this.#scalar(args[0]!, tMs) }]);
      case 'absent': {
        const samples = this.#vector(args[0]!, tMs);
        return vector(samples.length > 0 ? [] : [{ labels: absentOf(args[0]!), value: 1 }]);
      }
      case 'timestamp':
        return vector(this.#timestamps(args[0]!, tMs));
      case 'histogram_quantile':
        return vector(
          mustBeDistinct(classicQuantile(this.#scalar(args[0]!, tMs), this.#vector(args[1]!, tMs))),
        );
      case 'label_replace':
      case 'label_join': {
        const texts = args.slice(1).map((arg) => this.#text(arg, tMs));
        const edit = name === 'label_replace' ? labelReplace : labelJoin;
        return vector(mustBeDistinct(edit(this.#vector(args[0]!, tMs), texts)));
      }
      case 'sort':
      case 'sort_desc':
        return vector(this.#vector(args[0]!, tMs).filter(({ value }) => typeof value === 'number'));
    }
    return this.#mapped(name, args, tMs);
  }

  #mapped(name: string, args: readonly Expr[], tMs: number): Result {
    const samples = args.length === 0 ? [{ labels: Labels.EMPTY, value: tMs / 1000 }] : undefined;
    const given = samples ?? this.#vector(args[0]!, tMs);
    const params = args.slice(1).map((arg) => this.#scalar(arg, tMs));
    const out = mapped(name, given, params) ?? ofHistogram(name, given);
    if (out === undefined) throw new Unsupported(name);
    return vector(mustBeDistinct(out));
  }

  /** A selector gives its samples' times, anything else the time of evaluation. */
  #timestamps(expr: Expr, tMs: number): readonly Sample[] {
    let inner = expr;
    while (inner.kind === 'paren') inner = inner.expr;
    const samples =
      inner.kind === 'vectorSelector'
        ? this.#select(inner, tMs).map(({ labels, points }) => ({ labels, value: points[0]!.tMs / 1000 }))
        : this.#vector(expr, tMs).map(({ labels }) => ({ labels, value: tMs / 1000 }));
    return mustBeDistinct(samples.map(({ labels, value }) => ({ labels: unnamed(labels), value })));
  }

  #overRange(name: string, args: readonly Expr[], tMs: number): readonly Sample[] {
    const range = args.find((arg) => arg.kind === 'matrixSelector' || arg.kind === 'subquery');
    if (range === undefined) throw new Unsupported('a range vector in parentheses');
    const params = args.filter((arg) => arg !== range).map((arg) => this.#scalar(arg, tMs));
    const { windows, fromMs, toMs } = this.#windows(range, tMs);
    if (name === 'absent_over_time') {
      if (windows.length > 0) return [];
      return [{ labels: absentOf(range.kind === 'matrixSelector' ? range.selector : range), value: 1 }];
    }
    const keepsName = name === 'last_over_time' || name === 'first_over_time';
    const samples = windows.flatMap((window): Sample[] => {
      const value = overRange(name, { window, fromMs, toMs, atMs: tMs, params });
      return value === undefined
        ? []
        : [{ labels: keepsName ? window.labels : unnamed(window.labels), value }];
    });
    return mustBeDistinct(samples);
  }
}

function vector(samples: readonly Sample[]): Result {
  return { type: 'vector', samples };
}

function valueOf({ value, histogram }: FuzzSeries['samples'][number]): Value {
  return histogram === undefined ? value : plain(histogram);
}

function absentOf(expr: Expr): Labels {
  return expr.kind === 'vectorSelector' ? absentLabels(Labels.EMPTY, expr.matchers) : Labels.EMPTY;
}
