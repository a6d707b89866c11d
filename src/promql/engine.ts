import type { Clock } from '../core/clock.ts';
import { errorText, TocsinError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Registry } from '../core/metrics.ts';
import type { Querier, SampleStorage } from '../storage/index.ts';
import { Annotations } from './annotations.ts';
import { QueryControl } from './eval/control.ts';
import type { OpenSelection } from './eval/selection.ts';
import { Evaluation, planSpan } from './evaluate.ts';
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
  type QueryValue,
} from './query-engine.ts';
import { QueryGate } from './query-gate.ts';
import { refuseUnsupported } from './unsupported.ts';

/** Longest stretch of evaluation on the main thread without giving other work a turn. */
const SLICE_MS = 10;

/** How a {@link LocalQueryEngine} works. */
export interface LocalQueryEngineOptions {
  readonly storage: SampleStorage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where metrics are registered; none are when absent. */
  readonly registry?: Registry;
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
  /** Longest stretch without giving other work a turn; Infinity in a thread of its own. */
  readonly sliceMs?: number;
}

interface Request {
  readonly text: string;
  readonly plan: Plan;
  readonly instant: boolean;
  readonly lookbackMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Answers PromQL from the program's own samples. */
export class LocalQueryEngine implements QueryEngine {
  readonly #options: LocalQueryEngineOptions;
  readonly #clock: Clock;
  readonly #gate: QueryGate;
  readonly #metrics: EngineMetrics | undefined;

  constructor(options: LocalQueryEngineOptions) {
    const maxConcurrency = options.maxConcurrency ?? 20;
    this.#options = options;
    this.#clock = options.clock;
    this.#gate = new QueryGate(options.clock, maxConcurrency);
    this.#metrics = options.registry && new EngineMetrics(options.registry, maxConcurrency);
  }

  async instant(expr: string, timeMs: number, options: QueryOptions = {}): Promise<QueryResult> {
    const tree = this.#parse(expr);
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
    const tree = this.#parse(expr);
    const type = exprType(tree);
    if (type !== 'scalar' && type !== 'vector') {
      const shown = DOCUMENTED_TYPES[type];
      const message = `invalid expression type "${shown}" for range query, must be Scalar or instant Vector`;
      throw new QueryError('bad_data', message);
    }
    return await this.#run(this.#request(expr, tree, { startMs, endMs, stepMs }, false, options));
  }

  #parse(text: string): Expr {
    const { parseOptions } = this.#options;
    const expr = parseExpr(text, {
      ...parseOptions,
      features: { durationExpressions: true, ...parseOptions?.features },
    });
    refuseUnsupported(expr);
    return expr;
  }

  #request(
    text: string,
    expr: Expr,
    times: Pick<PlanOptions, 'startMs' | 'endMs' | 'stepMs'>,
    instant: boolean,
    options: QueryOptions,
  ): Request {
    const lookbackMs = options.lookbackMs ?? this.#options.lookbackMs ?? 300_000;
    const longestMs = this.#options.timeoutMs ?? 120_000;
    const subqueryStepMs = this.#options.subqueryStepMs?.() ?? 60_000;
    return {
      text,
      plan: planQuery(expr, { ...times, lookbackMs, subqueryStepMs }),
      instant,
      lookbackMs,
      timeoutMs: Math.min(longestMs, options.timeoutMs ?? longestMs),
      signal: options.signal,
    };
  }

  async #run(request: Request): Promise<QueryResult> {
    const startedMs = this.#clock.monotonicMs();
    const control = new QueryControl({
      clock: this.#clock,
      deadlineMs: startedMs + request.timeoutMs,
      signal: request.signal,
      maxSamples: this.#options.maxSamples ?? 50_000_000,
      sliceMs: this.#options.sliceMs ?? SLICE_MS,
    });
    this.#metrics?.began();
    try {
      await this.#gate.enter(request.timeoutMs, request.signal);
      this.#metrics?.observe('queue_time', this.#clock.monotonicMs() - startedMs);
      try {
        control.check();
        return await this.#evaluate(request, control, startedMs);
      } finally {
        this.#gate.leave();
      }
    } finally {
      this.#metrics?.ended(control.samplesRead);
      this.#options.logger.debug(
        {
          query: request.text,
          durationMs: this.#clock.monotonicMs() - startedMs,
          samples: control.samplesRead,
        },
        'query ended',
      );
    }
  }

  async #evaluate(request: Request, control: QueryControl, startedMs: number): Promise<QueryResult> {
    const annotations = new Annotations();
    const preparingMs = this.#clock.monotonicMs();
    const querier = this.#options.storage.querier(...planSpan(request.plan));
    try {
      const selections = await this.#select(querier, request.plan, control);
      const evaluatingMs = this.#clock.monotonicMs();
      this.#metrics?.observe('prepare_time', evaluatingMs - preparingMs);
      const value = await this.#drive(
        new Evaluation({
          plan: request.plan,
          selections,
          context: {
            control,
            annotations,
            lookbackMs: request.lookbackMs,
            delayedNameRemoval: this.#options.delayedNameRemoval ?? false,
          },
          instant: request.instant,
        }),
        control,
      );
      const endedMs = this.#clock.monotonicMs();
      this.#metrics?.observe('inner_eval', endedMs - evaluatingMs);
      return {
        value,
        warnings: annotations.texts('warning', request.text),
        infos: annotations.texts('info', request.text),
        stats: {
          samplesRead: control.samplesRead,
          peakSamples: control.peakSamples,
          seriesRead: control.seriesRead,
          evalMs: endedMs - startedMs,
        },
      };
    } finally {
      querier.close();
    }
  }

  async #select(querier: Querier, plan: Plan, control: QueryControl): Promise<OpenSelection[]> {
    const selections: OpenSelection[] = [];
    for (const { matchers, minMs, maxMs, uses } of plan.selections) {
      try {
        const cursor = await querier.select(matchers, { minMs, maxMs, limit: 0 });
        selections.push({ cursor, minMs, maxMs, uses });
      } catch (error) {
        if (!(error instanceof TocsinError)) throw error;
        throw new QueryError('execution', `expanding series: ${errorText(error)}`, { cause: error });
      }
      control.check();
    }
    return selections;
  }

  async #drive(evaluation: Evaluation, control: QueryControl): Promise<QueryValue> {
    for (;;) {
      const value = evaluation.run();
      if (value !== undefined) return value;
      await this.#clock.yieldTurn();
      control.resume();
    }
  }
}
