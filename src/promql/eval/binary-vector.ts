import type { Labels } from '../../core/labels.ts';
import { ARITHMETIC, COMPARISON } from '../functions/operators.ts';
import { isComparisonOp, type VectorMatching } from '../parser/ast.ts';
import { QueryError } from '../query-engine.ts';
import type { ScalarOp } from './binary-scalar.ts';
import { ABSENT, Column, FLOAT, hasAny, type StepGrid } from './column.ts';
import { changesMetric, resultLabels, signatureOf } from './matching.ts';
import { OneSide, type OneGroup } from './one-side.ts';
import { type EvalContext, type SeriesSource, Status } from './source.ts';

/** An operator between two vectors. */
export interface VectorBinary {
  readonly op: ScalarOp;
  readonly matching: VectorMatching;
  readonly returnBool: boolean;
}

/**
 * An operator between two vectors, one-to-one or many-to-one. The "one" side is taken in first, the other streams by.
 *
 * A series of the streaming side may meet several of the "one" side, one after the other; where their included labels
 * differ it gives one series for each.
 *
 * @see prometheus promql/engine.go VectorBinop
 */
export class BinarySource implements SeriesSource {
  readonly column: Column;
  readonly dropName: boolean;
  readonly #many: SeriesSource;
  readonly #one: OneSide;
  readonly #context: EvalContext;
  readonly #binary: VectorBinary;
  readonly #signature: (labels: Labels) => string;
  readonly #dropMetricName: boolean;
  /** Steps at which a signature (one-to-one) or a result (many-to-one) has been matched already. */
  readonly #matched = new Map<string, Uint8Array>();
  readonly #pairs: Uint8Array;
  #labels: Labels | undefined;
  /** The match at hand while its results are given one by one. */
  #group: OneGroup | undefined;
  #manyLabels: Labels | undefined;
  #signatureText = '';
  #nextOwner = 0;

  constructor(
    lhs: SeriesSource,
    rhs: SeriesSource,
    context: EvalContext,
    grid: StepGrid,
    binary: VectorBinary,
  ) {
    this.column = new Column(grid.count);
    const oneToMany = binary.matching.card === 'one-to-many';
    this.#many = oneToMany ? rhs : lhs;
    this.#one = new OneSide(oneToMany ? lhs : rhs, context, binary.matching);
    this.#context = context;
    this.#binary = binary;
    this.#signature = signatureOf(binary.matching);
    this.#dropMetricName = changesMetric(binary.op) || (binary.returnBool && !context.delayedNameRemoval);
    this.dropName = binary.returnBool;
    this.#pairs = new Uint8Array(grid.count);
  }

  labels(): Labels {
    return this.#labels!;
  }

  next(): Status {
    if (!this.#one.run()) return Status.pause;
    for (;;) {
      if (this.#group !== undefined) {
        if (this.#nextResult()) return Status.series;
        this.#group = undefined;
      }
      const status = this.#many.next();
      if (status !== Status.series) return status;
      this.#one.refuseDuplicates(this.#many.column.present);
      if (this.#one.isEmpty) continue;
      this.#manyLabels = this.#many.labels();
      this.#signatureText = this.#signature(this.#manyLabels);
      this.#group = this.#one.find(this.#signatureText);
      this.#nextOwner = 0;
      this.#context.control.tick(this.column.values.length);
    }
  }

  /** Computes the next result of the match at hand; false when there is none left. */
  #nextResult(): boolean {
    const { column, series, owners } = this.#group!;
    const many = this.#many.column;
    const split = owners !== undefined && this.#binary.matching.include.length > 0;
    while (this.#nextOwner < (split ? series.length : 1)) {
      const owner = this.#nextOwner++;
      let any = false;
      for (let k = 0; k < this.#pairs.length; k++) {
        const both = many.present[k] !== ABSENT && column.present[k] !== ABSENT;
        const pair = both && (!split || owners[k] === owner);
        this.#pairs[k] = pair ? FLOAT : ABSENT;
        any ||= pair;
      }
      if (!any) continue;
      this.#labels = resultLabels(
        this.#binary.matching,
        this.#manyLabels!,
        series[owner]!,
        this.#dropMetricName,
      );
      this.#claim();
      this.#compute(many, column);
      if (hasAny(this.column.present)) return true;
    }
    return false;
  }

  /** Throws when a step's match is not unique. Counts also for what a comparison then drops. */
  #claim(): void {
    const oneToOne = this.#binary.matching.card === 'one-to-one';
    const key = oneToOne ? this.#signatureText : this.#labels!.key;
    const matched = this.#matched.get(key);
    if (matched === undefined) {
      this.#matched.set(key, this.#pairs.slice());
      return;
    }
    for (let k = 0; k < matched.length; k++) {
      if (this.#pairs[k] === ABSENT) continue;
      if (matched[k] !== ABSENT) {
        throw new QueryError(
          'execution',
          oneToOne
            ? 'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)'
            : 'multiple matches for labels: grouping labels must ensure unique matches',
        );
      }
      matched[k] = FLOAT;
    }
  }

  #compute(many: Column, one: Column): void {
    const { op, matching, returnBool } = this.#binary;
    const [left, right] =
      matching.card === 'one-to-many' ? [one.values, many.values] : [many.values, one.values];
    if (isComparisonOp(op)) compareColumns(COMPARISON[op], left, right, this.#pairs, returnBool, this.column);
    else computeColumns(ARITHMETIC[op], left, right, this.#pairs, this.column);
  }
}

function computeColumns(
  compute: (left: number, right: number) => number,
  left: Float64Array,
  right: Float64Array,
  pairs: Uint8Array,
  out: Column,
): void {
  out.present.set(pairs);
  for (let k = 0; k < pairs.length; k++)
    if (pairs[k] !== ABSENT) out.values[k] = compute(left[k]!, right[k]!);
}

function compareColumns(
  compare: (left: number, right: number) => boolean,
  left: Float64Array,
  right: Float64Array,
  pairs: Uint8Array,
  returnBool: boolean,
  out: Column,
): void {
  for (let k = 0; k < pairs.length; k++) {
    out.present[k] = ABSENT;
    if (pairs[k] === ABSENT) continue;
    const holds = compare(left[k]!, right[k]!);
    if (!holds && !returnBool) continue;
    out.values[k] = returnBool ? (holds ? 1 : 0) : left[k]!;
    out.present[k] = FLOAT;
  }
}
