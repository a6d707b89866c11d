/**
 * OpenTelemetry's metrics as far as the translation to series needs them. Attribute values are texts already, as the
 * translation writes them. Times are whole milliseconds, 0 where none is said.
 *
 * @see opentelemetry-proto metrics/v1/metrics.proto
 */

/** Keys and values of attributes, as they came: keys may repeat. */
export type Attributes = readonly (readonly [key: string, value: string])[];

/** Bit of `flags`: the series ended, there is no value. */
export const NO_RECORDED_VALUE = 1;

/** `AggregationTemporality`. */
export const Temporality = { unspecified: 0, delta: 1, cumulative: 2 } as const;

/** An exemplar; ids in hexadecimal, '' where there is none. */
export interface OtlpExemplar {
  readonly attributes: Attributes;
  readonly tMs: number;
  /** Undefined where the message has none. */
  readonly value: number | undefined;
  readonly traceId: string;
  readonly spanId: string;
}

interface Point {
  readonly attributes: Attributes;
  readonly startMs: number;
  readonly tMs: number;
  readonly flags: number;
  readonly exemplars: readonly OtlpExemplar[];
}

/** A point of a gauge or a sum. */
export interface NumberPoint extends Point {
  readonly value: number;
}

/** A point of a histogram with explicit bounds. */
export interface HistogramPoint extends Point {
  readonly count: number;
  readonly sum: number | undefined;
  readonly bucketCounts: readonly number[];
  readonly bounds: readonly number[];
}

/** Neighbouring buckets from an index on. */
export interface DenseBuckets {
  readonly offset: number;
  readonly counts: readonly number[];
}

/** A point of an exponential histogram. */
export interface ExponentialPoint extends Point {
  readonly count: number;
  readonly sum: number | undefined;
  readonly scale: number;
  readonly zeroCount: number;
  readonly positive: DenseBuckets;
  readonly negative: DenseBuckets;
}

/** A point of a summary. */
export interface SummaryPoint extends Point {
  readonly count: number;
  readonly sum: number;
  readonly quantiles: readonly { readonly quantile: number; readonly value: number }[];
}

/** The data of a metric; undefined in {@link OtlpMetric} for a kind that nobody knows. */
export type MetricData =
  | { readonly kind: 'gauge'; readonly points: readonly NumberPoint[] }
  | {
      readonly kind: 'sum';
      readonly points: readonly NumberPoint[];
      readonly temporality: number;
      readonly isMonotonic: boolean;
    }
  | { readonly kind: 'histogram'; readonly points: readonly HistogramPoint[]; readonly temporality: number }
  | {
      readonly kind: 'exponentialHistogram';
      readonly points: readonly ExponentialPoint[];
      readonly temporality: number;
    }
  | { readonly kind: 'summary'; readonly points: readonly SummaryPoint[] };

/** One metric. */
export interface OtlpMetric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly data: MetricData | undefined;
}

/** The metrics of one instrumentation library. */
export interface OtlpScope {
  readonly name: string;
  readonly version: string;
  readonly schemaUrl: string;
  readonly attributes: Attributes;
  readonly metrics: readonly OtlpMetric[];
}

/** The metrics of one resource: a process, as a rule. */
export interface OtlpResource {
  readonly attributes: Attributes;
  readonly scopes: readonly OtlpScope[];
}
