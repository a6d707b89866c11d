import type { FloatHistogram } from '../core/histogram/float-histogram.ts';
import type { Labels } from '../core/labels.ts';
import type { ReadableStorage } from '../storage/index.ts';

/** One series' value at the time of an instant query. */
export interface VectorSample {
  readonly labels: Labels;
  readonly tMs: number;
  /** NaN when it is a histogram. */
  readonly value: number;
  readonly histogram?: FloatHistogram | undefined;
}

/** Native histograms of one series of a range. */
export interface HistogramPoints {
  readonly timestamps: Float64Array;
  /** As many as there are timestamps. */
  readonly values: readonly FloatHistogram[];
}

/** One series of a range; both columns have the same length. */
export interface MatrixSeries {
  readonly labels: Labels;
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
  /** The steps at which it has a histogram and no float; absent when there is none. */
  readonly histograms?: HistogramPoints | undefined;
}

/** What an expression evaluates to. */
export type QueryValue =
  | { readonly type: 'scalar'; readonly tMs: number; readonly value: number }
  | { readonly type: 'string'; readonly tMs: number; readonly value: string }
  | { readonly type: 'vector'; readonly samples: readonly VectorSample[] }
  | { readonly type: 'matrix'; readonly series: readonly MatrixSeries[] };

/** Where a query's time went, in milliseconds; the parts of Prometheus' statistics. */
export interface QueryTimings {
  readonly evalTotalMs: number;
  readonly resultSortMs: number;
  readonly queryPreparationMs: number;
  readonly innerEvalMs: number;
  readonly execQueueMs: number;
  readonly execTotalMs: number;
}

/** A count for each step of a query. */
export interface StepCounts {
  readonly startMs: number;
  readonly stepMs: number;
  readonly counts: Float64Array;
}

/** Figures of one query. */
export interface QueryStats {
  /** Samples that the steps had to read: one is counted once for each selector, however many windows hold it. */
  readonly samplesRead: number;
  /** Series read from storage. */
  readonly seriesRead: number;
  /** Samples that the steps looked at; one is counted at every step that does. */
  readonly totalSamples: number;
  /** {@link totalSamples} step by step, when that was asked for. */
  readonly totalSamplesPerStep?: StepCounts | undefined;
  /** {@link samplesRead} step by step, when that was asked for. */
  readonly samplesReadPerStep?: StepCounts | undefined;
  /** Most samples held at a time. */
  readonly peakSamples: number;
  readonly timings: QueryTimings;
}

/** Figures of a query that did nothing. */
export const NO_STATS: QueryStats = {
  samplesRead: 0,
  seriesRead: 0,
  totalSamples: 0,
  peakSamples: 0,
  timings: {
    evalTotalMs: 0,
    resultSortMs: 0,
    queryPreparationMs: 0,
    innerEvalMs: 0,
    execQueueMs: 0,
    execTotalMs: 0,
  },
};

/** An answer with the notes that belong to it. */
export interface QueryResult {
  readonly value: QueryValue;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  readonly stats: QueryStats;
}

/** Who asked for a query; ends up in the list of queries and in the query log. */
export type QueryOrigin =
  | { readonly kind: 'http'; readonly clientIp: string; readonly method: string; readonly path: string }
  | { readonly kind: 'rule'; readonly file: string; readonly group: string; readonly rule: string };

/** What a query asks for, as it is shown. */
export interface QueryDescription {
  readonly kind: 'instant' | 'range';
  readonly query: string;
  readonly startMs: number;
  /** The same as {@link startMs} for an instant query. */
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
  readonly origin: QueryOrigin | undefined;
}

/** Follows one query. */
export interface QueryWatcher {
  /** It left the queue. */
  started(): void;
  /** It is between two pieces of work. */
  progressed(samplesRead: number): void;
  /** It is over; `error` says why it has no answer. */
  ended(stats: QueryStats, error?: unknown): void;
}

/** Options of both kinds of query. */
export interface QueryOptions {
  /** Where this query reads: what it has in common with others at the same time, as a rule. The engine's storage when absent. */
  readonly reads?: ReadableStorage;
  /** How far back an instant selector looks, exclusive; the engine's default when absent. */
  readonly lookbackMs?: number;
  /** The engine's default when absent; never longer than it. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Counts samples step by step. */
  readonly perStepStats?: boolean;
  readonly origin?: QueryOrigin | undefined;
  /** Told how a query whose text is valid gets on. */
  readonly watcher?: QueryWatcher;
}

/** Kinds of {@link QueryError}, named as the HTTP API names them. */
export type QueryErrorKind = 'bad_data' | 'execution' | 'canceled' | 'timeout' | 'internal';

/** Why a query has no answer; `message` is the text that Prometheus gives. */
export class QueryError extends Error {
  readonly kind: QueryErrorKind;

  constructor(kind: QueryErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'QueryError';
    this.kind = kind;
  }
}

/** The error of a query that is no longer wanted; a QueryError as the signal's reason adds why. */
export function canceledError(signal: AbortSignal, stage: string): QueryError {
  const reason: unknown = signal.reason;
  const why = reason instanceof QueryError ? `: ${reason.message}` : '';
  return new QueryError('canceled', `query was canceled in ${stage}${why}`, { cause: reason });
}

/** Answers PromQL. The embedded engine and, later, a remote one implement it; rules and API know only this. */
export interface QueryEngine {
  /** Rejects with {@link QueryError}. */
  instant(expr: string, timeMs: number, options?: QueryOptions): Promise<QueryResult>;
  /** Steps are startMs, startMs + stepMs, … <= endMs. Rejects with {@link QueryError}. */
  range(
    expr: string,
    startMs: number,
    endMs: number,
    stepMs: number,
    options?: QueryOptions,
  ): Promise<QueryResult>;
}
