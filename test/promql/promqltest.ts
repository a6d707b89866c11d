import { METRIC_NAME, type Labels } from '../../src/core/labels.ts';
import { silentLogger } from '../../src/core/log.ts';
import { matchesAll } from '../../src/core/matcher.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { almostEqual } from '../../src/promql/functions/numeric.ts';
import {
  LocalQueryEngine,
  parseExpr,
  printExpr,
  PromqlParseError,
  QueryError,
  walkExpr,
  type Expr,
  type LocalQueryEngineOptions,
  type ParseOptions,
  type QueryResult,
  type QueryValue,
} from '../../src/promql/index.ts';
import { staleMarker } from '../../src/storage/index.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { hasHistogram, parseScript, type EvalCommand, type LoadCommand } from './script.ts';

/** What became of one `eval`. */
export interface Outcome {
  readonly line: number;
  readonly expr: string;
  /** Why it failed, in one line; undefined when it passed. */
  readonly failure: string | undefined;
  /** Its selectors match a series that has native histograms among its samples in the script. */
  readonly touchesNativeHistograms: boolean;
  /** Its selectors match a series that has start timestamps in the script. */
  readonly touchesStartTimestamps: boolean;
}

/** Upstream's scripts assume that everything experimental is on. */
export const ALL_FEATURES: ParseOptions = {
  features: {
    experimentalFunctions: true,
    durationExpressions: true,
    extendedRangeSelectors: true,
    fillModifiers: true,
  },
};

const TOLERANCE = 1e-6;
/** Functions that give something else at another time, whatever their arguments. */
const TIME_DEPENDENT = new Set(
  'days_in_month day_of_month day_of_week day_of_year hour minute month year predict_linear time timestamp start end range step'.split(
    ' ',
  ),
);
const QUERY_CONTEXT = /(start|end|range|step)\(\)/;

/** Runs scripts, each against its own storage. */
export class ScriptRunner {
  readonly #engineOptions: Partial<LocalQueryEngineOptions>;
  #storage = new MemoryStorage();
  #engine: LocalQueryEngine;
  readonly #histogramSeries: Labels[] = [];
  readonly #startedSeries: Labels[] = [];

  constructor(engineOptions: Partial<LocalQueryEngineOptions> = {}) {
    this.#engineOptions = engineOptions;
    this.#engine = this.#makeEngine();
  }

  /** Runs a whole script. */
  async run(text: string): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const command of parseScript(text)) {
      switch (command.kind) {
        case 'clear':
          this.#clear();
          break;
        case 'load':
          await this.#load(command);
          break;
        case 'eval':
          outcomes.push(await this.#outcome(command));
          break;
      }
    }
    return outcomes;
  }

  #makeEngine(): LocalQueryEngine {
    return new LocalQueryEngine({
      storage: this.#storage,
      clock: new SystemClock(),
      logger: silentLogger,
      maxSamples: 100_000,
      ...this.#engineOptions,
    });
  }

  #clear(): void {
    this.#storage = new MemoryStorage();
    this.#engine = this.#makeEngine();
    this.#histogramSeries.length = 0;
    this.#startedSeries.length = 0;
  }

  async #load({ stepMs, series, withNativeHistograms, withStartTimestamps }: LoadCommand): Promise<void> {
    const appender = this.#storage.appender();
    for (const { labels, values } of series) {
      if (hasHistogram(values)) this.#histogramSeries.push(labels);
      if (withStartTimestamps.has(labels.key)) this.#startedSeries.push(labels);
      if (withNativeHistograms) {
        const name = labels.metricName.replace(/_(bucket|count|sum)$/, '');
        this.#histogramSeries.push(labels.with(METRIC_NAME, name).without('le'));
      }
      const ref = appender.series(labels);
      values.forEach((value, i) => {
        if (value.kind === 'number') appender.append(ref, i * stepMs, value.value);
        else if (value.kind === 'stale') appender.append(ref, i * stepMs, staleMarker);
      });
    }
    await appender.commit();
  }

  async #outcome(command: EvalCommand): Promise<Outcome> {
    const failure = await this.#failure(command).catch((error: unknown) => {
      if (error instanceof QueryError) return `${error.kind}: ${error.message}`;
      throw error;
    });
    return {
      line: command.line,
      expr: command.expr,
      failure,
      touchesNativeHistograms: this.#touches(command.expr, this.#histogramSeries),
      touchesStartTimestamps: this.#touches(command.expr, this.#startedSeries),
    };
  }

  #touches(text: string, series: readonly Labels[]): boolean {
    const tree = parseOrNothing(text);
    if (tree === undefined) return false;
    let touches = false;
    walkExpr(tree, (node) => {
      if (node.kind !== 'vectorSelector') return;
      touches ||= series.some((labels) => matchesAll(node.matchers, labels));
    });
    return touches;
  }

  async #failure(command: EvalCommand): Promise<string | undefined> {
    if (!command.instant) {
      const { startMs, endMs, stepMs, expr } = command;
      return await this.#check(command, expr, false, () => this.#engine.range(expr, startMs, endMs, stepMs));
    }
    for (const { expr, atMs } of variants(command.expr, command.atMs)) {
      const why = await this.#checkInstant(command, expr, atMs);
      if (why !== undefined) return expr === command.expr ? why : `as ${expr} at ${atMs}: ${why}`;
    }
    return undefined;
  }

  async #checkInstant(command: EvalCommand, expr: string, atMs: number): Promise<string | undefined> {
    const why = await this.#check(command, expr, true, () => this.#engine.instant(expr, atMs));
    const fails = command.expectations.some(({ kind }) => kind === 'fail');
    if (why !== undefined || fails || command.onlyInstant || QUERY_CONTEXT.test(expr)) return why;
    const ordered = command.expectations.some(({ kind }) => kind === 'ordered');
    const { value } = await this.#engine.range(expr, atMs - 60_000, atMs + 60_000, 60_000);
    if (value.type !== 'matrix') return `a range query gave a ${value.type}`;
    const sorted = unsorted(value);
    if (sorted !== undefined) return sorted;
    if (ordered) return undefined;
    const inRange = compare(command, atStep(value, atMs, command.expected.kind === 'scalar'));
    return inRange === undefined ? undefined : `as a range query: ${inRange}`;
  }

  async #check(
    command: EvalCommand,
    expr: string,
    instant: boolean,
    query: () => Promise<QueryResult>,
  ): Promise<string | undefined> {
    const fail = command.expectations.find(({ kind }) => kind === 'fail');
    let result: QueryResult;
    try {
      result = await query();
    } catch (error) {
      if (!(error instanceof QueryError) || fail === undefined) throw error;
      if (isRefusal(error) && !fail.shown.includes('not in this version')) throw error;
      return fail.matches(error.message)
        ? undefined
        : `expected the error ${fail.shown}, got ${error.message}`;
    }
    if (fail !== undefined) return `expected an error for ${expr}`;
    const notes = compareNotes(command, result);
    if (notes !== undefined) return notes;
    if (!instant && result.value.type === 'matrix') {
      const sorted = unsorted(result.value);
      if (sorted !== undefined) return sorted;
    }
    return compare(command, result.value);
  }
}

/** Whether a query was refused because this version doesn't have what it uses. */
function isRefusal(error: QueryError): boolean {
  return error.message.endsWith('is not in this version');
}

/** The tree of an expression, undefined where it is meant not to parse. */
function parseOrNothing(text: string): Expr | undefined {
  try {
    return parseExpr(text, ALL_FEATURES);
  } catch (error) {
    if (error instanceof PromqlParseError) return undefined;
    throw error;
  }
}

/**
 * An instant query as it is and with every selector pinned to its time, at other times: what doesn't depend on the
 * time of evaluation must not change.
 */
function variants(text: string, atMs: number): { readonly expr: string; readonly atMs: number }[] {
  const plain = [{ expr: text, atMs }];
  const tree = parseOrNothing(text);
  if (tree === undefined) return plain;
  let timeDependent = false;
  walkExpr(tree, (node) => {
    if (node.kind === 'call' && TIME_DEPENDENT.has(node.func.name)) timeDependent = true;
  });
  if (timeDependent) return plain;
  const pinned = printExpr(pin(tree, atMs));
  const times = atMs === 0 ? [-1000, 0, 1000] : [-10 * atMs, 0, Math.trunc(atMs / 5), atMs, 10 * atMs];
  return [...plain, ...times.map((time) => ({ expr: pinned, atMs: time }))];
}

/** Gives `@ atMs` to every selector and subquery that has no `@`, except inside subqueries that have one now. */
function pin(expr: Expr, atMs: number): Expr {
  const at = { kind: 'time', ms: atMs } as const;
  const inside = (child: Expr): Expr => pin(child, atMs);
  switch (expr.kind) {
    case 'numberLiteral':
    case 'stringLiteral':
      return expr;
    case 'vectorSelector':
      return { ...expr, at: expr.at ?? at };
    case 'matrixSelector':
      return { ...expr, selector: { ...expr.selector, at: expr.selector.at ?? at } };
    case 'subquery':
      return { ...expr, at: expr.at ?? at };
    case 'unary':
    case 'paren':
      return { ...expr, expr: inside(expr.expr) };
    case 'binary':
      return { ...expr, lhs: inside(expr.lhs), rhs: inside(expr.rhs) };
    case 'aggregate':
      return { ...expr, expr: inside(expr.expr), param: expr.param && inside(expr.param) };
    case 'call':
      return { ...expr, args: expr.args.map(inside) };
  }
}

function unsorted(value: QueryValue & { type: 'matrix' }): string | undefined {
  for (let i = 1; i < value.series.length; i++) {
    if (value.series[i - 1]!.labels.compare(value.series[i]!.labels) > 0) return 'the matrix is not sorted';
  }
  return undefined;
}

function atStep(value: QueryValue & { type: 'matrix' }, tMs: number, scalar: boolean): QueryValue {
  const samples = value.series.flatMap(({ labels, timestamps, values }) => {
    const at = timestamps.indexOf(tMs);
    return at < 0 ? [] : [{ labels, tMs, value: values[at]! }];
  });
  return scalar ? { type: 'scalar', tMs, value: samples[0]!.value } : { type: 'vector', samples };
}

/** Scripts of v3.14 and before expect annotations without position and what is only known with it. */
function bareNote(text: string): string {
  return text.replace(/(, from buckets .*)? \(\d+:\d+\)$/, '');
}

function compareNotes({ expectations }: EvalCommand, { warnings, infos }: QueryResult): string | undefined {
  for (const [kind, texts] of [
    ['warn', warnings],
    ['info', infos],
  ] as const) {
    const expected = expectations
      .filter((expectation) => expectation.kind === kind)
      .map(({ matches, shown }) => ({
        shown,
        matches: (text: string) => matches(text) || matches(bareNote(text)),
      }));
    for (const { matches, shown } of expected) {
      if (!texts.some(matches)) return `expected ${kind} ${shown}, got ${JSON.stringify(texts)}`;
    }
    const surplus = texts.find((text) => !expected.some(({ matches }) => matches(text)));
    if (expected.length > 0 && surplus !== undefined) return `unexpected ${kind} ${surplus}`;
    if (expectations.some((expectation) => expectation.kind === `no_${kind}`) && texts.length > 0) {
      return `unexpected ${kind} ${texts.join('; ')}`;
    }
  }
  return undefined;
}

function compare(command: EvalCommand, value: QueryValue): string | undefined {
  const { expected } = command;
  switch (value.type) {
    case 'string':
      if (expected.kind !== 'string') return 'got a string';
      return expected.text === value.value ? undefined : `expected "${expected.text}", got "${value.value}"`;
    case 'scalar':
      if (expected.kind !== 'scalar') return 'got a scalar';
      return almostEqual(expected.value, value.value, TOLERANCE)
        ? undefined
        : `expected ${expected.value}, got ${value.value}`;
    case 'vector':
      return compareVector(command, value);
    case 'matrix':
      return compareMatrix(command, value);
  }
}

function compareVector(
  command: EvalCommand,
  { samples }: QueryValue & { type: 'vector' },
): string | undefined {
  if (command.expected.kind !== 'series') return `expected a ${command.expected.kind}, got a vector`;
  const expected = new Map(command.expected.series.map((series, i) => [series.labels.key, { ...series, i }]));
  const ordered = command.expectations.some(({ kind }) => kind === 'ordered');
  for (const [i, { labels, value }] of samples.entries()) {
    const wanted = expected.get(labels.key);
    if (wanted === undefined) return `unexpected ${labels.toString()} ${value}`;
    if (ordered && wanted.i !== i) return `${labels.toString()} is at place ${i}, expected at ${wanted.i}`;
    const first = wanted.values[0];
    if (first?.kind !== 'number') return `expected a ${first?.kind} for ${labels.toString()}, got ${value}`;
    if (!almostEqual(first.value, value, TOLERANCE)) {
      return `expected ${first.value} for ${labels.toString()}, got ${value}`;
    }
    expected.delete(labels.key);
  }
  for (const { labels } of expected.values()) return `expected ${labels.toString()}`;
  return undefined;
}

function compareMatrix(
  command: EvalCommand,
  { series }: QueryValue & { type: 'matrix' },
): string | undefined {
  if (command.expected.kind !== 'series') return `expected a ${command.expected.kind}, got a matrix`;
  const expected = new Map(command.expected.series.map((one) => [one.labels.key, one]));
  for (const { labels, timestamps, values } of series) {
    const wanted = expected.get(labels.key);
    if (wanted === undefined) return `unexpected ${labels.toString()} ${[...values].join(' ')}`;
    expected.delete(labels.key);
    const points = wanted.values.flatMap((value, i) =>
      value.kind === 'omitted' ? [] : [{ tMs: command.startMs + i * command.stepMs, value }],
    );
    const shown = `${labels.toString()}: ${[...values].map((v, i) => `${v}@${timestamps[i]}`).join(' ')}`;
    if (points.length !== values.length) return `expected ${points.length} points, got ${shown}`;
    for (const [i, { tMs, value }] of points.entries()) {
      if (value.kind !== 'number') return `expected a ${value.kind}, got ${shown}`;
      if (tMs !== timestamps[i] || !almostEqual(value.value, values[i]!, TOLERANCE)) {
        return `expected ${value.value}@${tMs}, got ${shown}`;
      }
    }
  }
  for (const { labels } of expected.values()) return `expected ${labels.toString()}`;
  return undefined;
}
