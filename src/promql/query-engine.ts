import type { FloatHistogram } from '../core/histogram/float-histogram.ts';
import type { Labels } from '../core/labels.ts';

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

/** Figures of one evaluation. */
export interface QueryStats {
  readonly samplesRead: number;
  readonly peakSamples: number;
  readonly seriesRead: number;
  readonly evalMs: number;
}

/** An answer with the notes that belong to it. */
export interface QueryResult {
  readonly value: QueryValue;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  readonly stats: QueryStats;
}

/** Options of both kinds of query. */
export interface QueryOptions {
  /** How far back an instant selector looks, exclusive; the engine's default when absent. */
  readonly lookbackMs?: number;
  /** The engine's default when absent; never longer than it. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
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
