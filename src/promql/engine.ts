import type { Clock } from '../core/clock.ts';
import { errorText, TocsinError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Registry } from '../core/metrics.ts';
import type { Querier, ReadableStorage } from '../storage/index.ts';
import { Annotations } from './annotations.ts';
import { QueryControl } from './eval/control.ts';
import type { OpenSelection } from './eval/selection.ts';
import { Evaluation, planSpan, sortSeries } from './evaluate.ts';
import { StepTally } from './eval/step-tally.ts';
import type { OwnFunctions } from './functions/own-function.ts';
import { ExprCache } from './expr-cache.ts';
import { EngineMetrics } from './metrics.ts';
import { DOCUMENTED_TYPES, exprType, type Expr } from './parser/ast.ts';
import { parseExpr, type ParseOptions } from './parser/parse.ts';
import { planQuery, type PlanOptions } from './planner.ts';
import type { Plan } from './plan.ts';
import {
  QueryError,
  type QueryEngine,
  type QueryOptions,
  type QueryResult,
  type QueryStats,
  type QueryValue,
  type QueryWatcher,
} from './query-engine.ts';
import { QueryGate } from './query-gate.ts';
import { QueryMonitor } from './service/query-monitor.ts';

/** Longest stretch of evaluation on the main thread without giving other work a turn. */
const SLICE_MS = 10;

/** How a {@link LocalQueryEngine} works. */
export interface LocalQueryEngineOptions {
  readonly storage: ReadableStorage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where metrics are registered; none are when absent, or when there is a {@link monitor}. */
  readonly registry?: Registry;
  /** Notes down each query; one of its own when absent. */
  readonly monitor?: QueryMonitor;
  /** How far back instant selectors look; 5 minutes. */
  readonly lookbackMs?: number;
  /** Longest time of a query, waiting included; 2 minutes. */
  readonly timeoutMs?: number;
  /** Most samples of one query in memory; 50 million. */
  readonly maxSamples?: number;
  /** Most queries at a time; 20. */
  readonly maxConcurrency?: number;
  /** Resolution of subqueries that give none, asked at each query: the global evaluation interval. 1 minute. */
  readonly subqueryStepMs?: () => number;
  /** What the parser accepts; stock PromQL with duration expressions when absent. */
  readonly parseOptions?: ParseOptions;
  /** The feature `promql-delayed-name-removal`. */
  readonly delayedNameRemoval?: boolean;
  /** The feature `type-and-unit-labels`. */
  readonly typeAndUnitLabels?: boolean;
  /** The feature `use-start-timestamps`. */
  readonly useStartTimestamps?: boolean;
  /** Functions that Prometheus doesn't have, which the parser accepts then too; none when absent. */
  readonly ownFunctions?: OwnFunctions;
  /** The feature `promql-per-step-stats`: samples are counted step by step for queries that ask for it. */
  readonly perStepStats?: boolean;
  /** Longest stretch without giving other work a turn; Infinity in a thread of its own. */
  readonly sliceMs?: number;
}

type Times = Pick<PlanOptions, 'startMs' | 'endMs' | 'stepMs'>;

interface Request {
  readonly text: string;
  readonly plan: Plan;
  readonly times: Times;
  readonly instant: boolean;
  readonly lookbackMs: number;
  readonly timeoutMs: number;
  readonly options: QueryOptions;
}

/** A query on its way. When what happened is on the monotonic clock; undefined is what was not reached. */
interface Run {
  readonly request: Request;
  readonly control: QueryControl;
  readonly signal: AbortSignal;
  readonly tally: StepTally;
  readonly watchers: readonly QueryWatcher[];
  readonly arrivedMs: number;
  begunMs?: number;
  preparedMs?: number;
  evaluatedMs?: number;
  sortedMs?: number;
}

/** Answers PromQL from the program's own samples. */
export class LocalQueryEngine implements QueryEngine {
  readonly #options: LocalQueryEngineOptions;
  readonly #clock: Clock;
  readonly #gate: QueryGate;
  readonly #monitor: QueryMonitor;
  readonly #exprs: ExprCache;

  constructor(options: LocalQueryEngineOptions) {
    const maxConcurrency = options.maxConcurrency ?? 20;
    this.#options = options;
    this.#clock = options.clock;
    const { parseOptions, ownFunctions } = options;
    const parsing = {
      ...(ownFunctions && { functions: ownFunctions.signatures }),
      ...parseOptions,
      features: { durationExpressions: true, ...parseOptions?.features },
    };
    this.#exprs = new ExprCache((text) => parseExpr(text, parsing));
    this.#gate = new QueryGate(options.clock, maxConcurrency);
    const metrics = options.registry && new EngineMetrics(options.registry, maxConcurrency);
    this.#monitor = options.monitor ?? new QueryMonitor({ clock: options.clock, metrics });
  }

  async instant(expr: string, timeMs: number, options: QueryOptions = {}): Promise<QueryResult> {
    const tree = this.#exprs.get(expr);
    return await this.#run(
      this.#request(expr, tree, { startMs: timeMs, endMs: timeMs, stepMs: 0 }, true, options),
    );
  }

  async range(
    expr: string,
    startMs: number,
    endMs: number,
    stepMs: number,
    options: QueryOptions = {},
  ): Promise<QueryResult> {
    const tree = this.#exprs.get(expr);
    const type = exprType(tree);
    if (type !== 'scalar' && type !== 'vector') {
      const shown = DOCUMENTED_TYPES[type];
      const message = `invalid expression type "${shown}" for range query, must be Scalar or instant Vector`;
      throw new QueryError('bad_data', message);
    }
    return await this.#run(this.#request(expr, tree, { startMs, endMs, stepMs }, false, options));
  }

  #request(text: string, expr: Expr, times: Times, instant: boolean, options: QueryOptions): Request {
    const lookbackMs = options.lookbackMs ?? this.#options.lookbackMs ?? 300_000;
    const longestMs = this.#options.timeoutMs ?? 120_000;
    const subqueryStepMs = this.#options.subqueryStepMs?.() ?? 60_000;
    return {
      text,
      plan: planQuery(expr, { ...times, lookbackMs, subqueryStepMs }),
      times,
      instant,
      lookbackMs,
      timeoutMs: Math.min(longestMs, options.timeoutMs ?? longestMs),
      options,
    };
  }

  async #run(request: Request): Promise<QueryResult> {
    const { text, plan, times, instant, timeoutMs, options } = request;
    const kind = instant ? 'instant' : 'range';
    const query = { kind, query: text, ...times, origin: options.origin } as const;
    const active = this.#monitor.begin(query, options.signal);
    const arrivedMs = this.#clock.monotonicMs();
    const control = new QueryControl({
      clock: this.#clock,
      deadlineMs: arrivedMs + timeoutMs,
      signal: active.signal,
      maxSamples: this.#options.maxSamples ?? 50_000_000,
      sliceMs: this.#options.sliceMs ?? SLICE_MS,
    });
    const watchers = options.watcher === undefined ? [active] : [active, options.watcher];
    const perStep = this.#options.perStepStats === true && options.perStepStats === true;
    const tally = StepTally.create(plan.grid.count, perStep);
    const run: Run = { request, control, signal: active.signal, tally, watchers, arrivedMs };
    try {
      await this.#gate.enter(timeoutMs, active.signal);
      try {
        for (const watcher of watchers) watcher.started();
        run.begunMs = this.#clock.monotonicMs();
        control.check();
        const answer = await this.#evaluate(run);
        const stats = this.#stats(run);
        for (const watcher of watchers) watcher.ended(stats);
        return { ...answer, stats };
      } finally {
        this.#gate.leave();
      }
    } catch (error) {
      const stats = this.#stats(run);
      for (const watcher of watchers) watcher.ended(stats, error);
      throw error;
    }
  }

  #stats(run: Run): QueryStats {
    const { request, control, tally } = run;
    const nowMs = this.#clock.monotonicMs();
    const { arrivedMs, begunMs = nowMs, preparedMs = nowMs, evaluatedMs = nowMs } = run;
    const { sortedMs = evaluatedMs } = run;
    const { startMs, stepMs } = request.plan.grid;
    const { seriesRead, peakSamples } = control;
    const samplesRead = tally.totalRead;
    this.#options.logger.debug(
      { query: request.text, durationMs: nowMs - arrivedMs, samples: samplesRead },
      'query ended',
    );
    return {
      samplesRead,
      seriesRead,
      totalSamples: tally.total,
      totalSamplesPerStep: tally.steps && { startMs, stepMs, counts: tally.steps },
      samplesReadPerStep: tally.stepsRead && { startMs, stepMs, counts: tally.stepsRead },
      peakSamples,
      timings: {
        evalTotalMs: nowMs - begunMs,
        resultSortMs: sortedMs - evaluatedMs,
        queryPreparationMs: preparedMs - begunMs,
        innerEvalMs: evaluatedMs - preparedMs,
        execQueueMs: begunMs - arrivedMs,
        execTotalMs: nowMs - arrivedMs,
      },
    };
  }

  async #evaluate(run: Run): Promise<Omit<QueryResult, 'stats'>> {
    const { request, control, signal, tally, watchers } = run;
    const annotations = new Annotations();
    const source = request.options.reads ?? this.#options.storage;
    const querier = source.querier(...planSpan(request.plan));
    const onAbort = (): void => querier.cancel?.();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const selections = await this.#select(querier, request.plan, control);
      run.preparedMs = this.#clock.monotonicMs();
      const unsorted = await this.#drive(
        new Evaluation({
          plan: request.plan,
          selections,
          context: {
            control,
            annotations,
            lookbackMs: request.lookbackMs,
            delayedNameRemoval: this.#options.delayedNameRemoval ?? false,
            typeAndUnitLabels: this.#options.typeAndUnitLabels ?? false,
            useStartTimestamps: this.#options.useStartTimestamps ?? false,
            ownFunctions: this.#options.ownFunctions,
          },
          instant: request.instant,
          tally,
        }),
        control,
        watchers,
      );
      run.evaluatedMs = this.#clock.monotonicMs();
      const value = sortSeries(unsorted);
      run.sortedMs = this.#clock.monotonicMs();
      return {
        value,
        warnings: [...(querier.warnings ?? []), ...annotations.texts('warning', request.text)],
        infos: annotations.texts('info', request.text),
      };
    } finally {
      signal.removeEventListener('abort', onAbort);
      querier.close();
    }
  }

  async #select(querier: Querier, plan: Plan, control: QueryControl): Promise<OpenSelection[]> {
    const { stepMs } = plan.grid;
    const wanted = plan.selections.map(({ matchers, minMs, maxMs, purpose, uses }) => ({
      matchers,
      hints: { minMs, maxMs, limit: 0, stepMs, purpose },
      uses,
    }));
    querier.expect?.(wanted);
    const selections: OpenSelection[] = [];
    for (const { matchers, hints, uses } of wanted) {
      const { minMs, maxMs } = hints;
      try {
        const cursor = await querier.select(matchers, hints);
        selections.push({ cursor, minMs, maxMs, uses });
      } catch (error) {
        if (!(error instanceof TocsinError)) throw error;
        throw new QueryError('execution', `expanding series: ${errorText(error)}`, { cause: error });
      }
      control.check();
    }
    return selections;
  }

  async #drive(
    evaluation: Evaluation,
    control: QueryControl,
    watchers: readonly QueryWatcher[],
  ): Promise<QueryValue> {
    for (;;) {
      const value = evaluation.run();
      if (value !== undefined) return value;
      for (const watcher of watchers) watcher.progressed(control.samplesRead);
      await this.#clock.yieldTurn();
      control.resume();
    }
  }
}
