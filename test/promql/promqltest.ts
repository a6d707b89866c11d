import { silentLogger } from '../../src/core/log.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
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
import { AppendOutcome, staleMarker, type Appender, type SampleStorage } from '../../src/storage/index.ts';
import { classicToNative } from './classic-to-native.ts';
import { compareNotes, compareValue, pointsOf } from './compare.ts';
import { parseScript, type EvalCommand, type LoadCommand, type LoadedSeries } from './script.ts';

/** What became of one `eval`. */
export interface Outcome {
  readonly line: number;
  readonly expr: string;
  /** Why it failed, in one line; undefined when it passed. */
  readonly failure: string | undefined;
}

/** What upstream's scripts assume: everything experimental is on. */
export const ALL_FEATURES: ParseOptions = {
  features: {
    experimentalFunctions: true,
    durationExpressions: true,
    extendedRangeSelectors: true,
    fillModifiers: true,
  },
};

/** Functions that give something else at another time, whatever their arguments. */
const TIME_DEPENDENT = new Set(
  'days_in_month day_of_month day_of_week day_of_year hour minute month year predict_linear time timestamp start end range step'.split(
    ' ',
  ),
);
const QUERY_CONTEXT = /(start|end|range|step)\(\)/;

/** Runs scripts, each against its own storage. */
export class ScriptRunner {
  readonly #makeStorage: () => SampleStorage;
  readonly #engineOptions: Partial<LocalQueryEngineOptions>;
  #storage: SampleStorage;
  #engine: LocalQueryEngine;

  constructor(makeStorage: () => SampleStorage, engineOptions: Partial<LocalQueryEngineOptions> = {}) {
    this.#makeStorage = makeStorage;
    this.#engineOptions = engineOptions;
    this.#storage = makeStorage();
    this.#engine = this.#makeEngine();
  }

  /** Runs a whole script; every `eval` becomes one outcome. */
  async run(text: string): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const command of parseScript(text)) {
      switch (command.kind) {
        case 'clear':
          this.#storage = this.#makeStorage();
          this.#engine = this.#makeEngine();
          break;
        case 'load':
          await load(this.#storage, command);
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

  async #outcome(command: EvalCommand): Promise<Outcome> {
    const failure = await this.#failure(command).catch((error: unknown) => {
      if (error instanceof QueryError) return `${error.kind}: ${error.message}`;
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    return { line: command.line, expr: command.expr, failure };
  }

  async #failure(command: EvalCommand): Promise<string | undefined> {
    if (!command.instant) {
      const { startMs, endMs, stepMs, expr } = command;
      return await this.#check(command, expr, () => this.#engine.range(expr, startMs, endMs, stepMs));
    }
    for (const { expr, atMs } of variants(command.expr, command.atMs)) {
      const why = await this.#checkInstant(command, expr, atMs);
      if (why !== undefined) return expr === command.expr ? why : `as ${expr} at ${atMs}: ${why}`;
    }
    return undefined;
  }

  /** As an instant query, and then as the middle step of a range query. */
  async #checkInstant(command: EvalCommand, expr: string, atMs: number): Promise<string | undefined> {
    const why = await this.#check(command, expr, () => this.#engine.instant(expr, atMs));
    const fails = command.expectations.some(({ kind }) => kind === 'fail');
    if (why !== undefined || fails || command.onlyInstant || QUERY_CONTEXT.test(expr)) return why;
    const { value } = await this.#engine.range(expr, atMs - 60_000, atMs + 60_000, 60_000);
    if (value.type !== 'matrix') return `a range query gave a ${value.type}`;
    if (command.expectations.some(({ kind }) => kind === 'ordered')) return undefined;
    const middle = atStep(value, atMs, command.expected.kind === 'scalar');
    const inRange = compareValue(command, middle);
    return inRange === undefined ? undefined : `as a range query: ${inRange}`;
  }

  async #check(
    command: EvalCommand,
    expr: string,
    query: () => Promise<QueryResult>,
  ): Promise<string | undefined> {
    const fail = command.expectations.find(({ kind }) => kind === 'fail');
    let result: QueryResult;
    try {
      result = await query();
    } catch (error) {
      if (fail === undefined) throw error;
      if (!(error instanceof QueryError) && !(error instanceof PromqlParseError)) throw error;
      return fail.matches(error.message)
        ? undefined
        : `expected the error ${fail.shown}, got ${error.message}`;
    }
    if (fail !== undefined) return `expected an error for ${expr}`;
    return compareNotes(command, result) ?? compareValue(command, result.value);
  }
}

/** Stores what a `load` says; throws Error for a sample that the storage doesn't take. */
export async function load(storage: SampleStorage, command: LoadCommand): Promise<void> {
  const { stepMs, series } = command;
  const longest = series.reduce((most, { values }) => Math.max(most, values.length), 0);
  const appender = storage.appender(longest * stepMs);
  for (const one of series) append(appender, one, command);
  if (command.withNativeHistograms) appendConverted(appender, command);
  await appender.commit();
}

function append(
  appender: Appender,
  { labels, values, startOffsetsMs }: LoadedSeries,
  command: LoadCommand,
): void {
  const ref = appender.series(labels);
  values.forEach((value, i) => {
    if (value.kind === 'omitted') return;
    const tMs = i * command.stepMs;
    const offsetMs = startOffsetsMs[i];
    const startMs = offsetMs === undefined ? 0 : tMs + offsetMs;
    const outcome =
      value.kind === 'histogram'
        ? appender.appendRich(ref, tMs, {
            value: NaN,
            histogram: value.histogram,
            startMs,
          })
        : appendFloat(appender, ref, tMs, value.kind === 'stale' ? staleMarker : value.value, startMs);
    mustBeStored(outcome, labels.toString(), tMs);
  });
}

function appendFloat(
  appender: Appender,
  ref: number,
  tMs: number,
  value: number,
  startMs: number,
): AppendOutcome {
  if (startMs === 0) return appender.append(ref, tMs, value);
  return appender.appendRich(ref, tMs, { value, histogram: undefined, startMs });
}

function appendConverted(appender: Appender, { series, stepMs }: LoadCommand): void {
  const classic = series.map(({ labels, values }) => ({
    labels,
    points: values.flatMap((value, i) =>
      value.kind === 'number' ? [{ tMs: i * stepMs, value: value.value }] : [],
    ),
  }));
  for (const { labels, points } of classicToNative(classic)) {
    const ref = appender.series(labels);
    for (const { tMs, histogram } of points) {
      mustBeStored(
        appender.appendRich(ref, tMs, { value: NaN, histogram, startMs: 0 }),
        labels.toString(),
        tMs,
      );
    }
  }
}

function mustBeStored(outcome: AppendOutcome, series: string, tMs: number): void {
  if (outcome === AppendOutcome.stored || outcome === AppendOutcome.same) return;
  throw new Error(`${series} at ${tMs} was not stored: outcome ${outcome}`);
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

/** Gives `@ atMs` to every selector and subquery that has no `@`, except inside subqueries that had one before. */
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

function atStep(value: QueryValue & { type: 'matrix' }, tMs: number, scalar: boolean): QueryValue {
  const samples = value.series.flatMap((series) => {
    const point = pointsOf(series).get(tMs);
    return point === undefined ? [] : [{ labels: series.labels, tMs, ...point }];
  });
  return scalar ? { type: 'scalar', tMs, value: samples[0]?.value ?? NaN } : { type: 'vector', samples };
}
