/**
 * Native histograms as PromQL computes with them: buckets of absolute counts, which may be fractions.
 *
 * @see prometheus model/histogram/float_histogram.go
 */

/** What a histogram says about the one before it in its series. */
export const CounterResetHint = {
  /** Nothing is known: whoever asks compares the two. */
  unknown: 0,
  /** The counter began anew with this histogram. */
  reset: 1,
  /** No reset between the previous histogram and this. */
  notReset: 2,
  /** A gauge: resets have no meaning. */
  gauge: 3,
} as const;
export type CounterResetHint = (typeof CounterResetHint)[keyof typeof CounterResetHint];

/** Schema of histograms whose upper bounds are given one by one ("custom buckets"). */
export const CUSTOM_BUCKETS_SCHEMA = -53;
/** Lowest and highest schema of exponential buckets: the bounds grow by 2^(2^-schema). */
export const MIN_EXPONENTIAL_SCHEMA = -4;
export const MAX_EXPONENTIAL_SCHEMA = 8;

/**
 * Runs of neighbouring buckets, two numbers each: the distance from the end of the previous run (from index 0 for the
 * first, where it may be negative), and the length.
 */
export type Spans = Int32Array;

/** What a histogram is made of; see {@link FloatHistogram}. */
export interface FloatHistogramParts {
  readonly schema: number;
  readonly count: number;
  readonly sum: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positiveSpans: Spans;
  readonly positiveBuckets: Float64Array;
  readonly negativeSpans: Spans;
  readonly negativeBuckets: Float64Array;
  readonly customValues: Float64Array;
  readonly counterResetHint: CounterResetHint;
}

/** No runs of buckets. */
export const NO_SPANS: Spans = new Int32Array(0);
/** No buckets, or no custom bounds. */
export const NO_FLOATS: Float64Array = new Float64Array(0);

/**
 * One native histogram, never changed once made: results of computing are new ones, and arrays may be shared.
 *
 * Bucket i of an exponential schema has the upper bound 2^(i * 2^-schema), inclusive. With
 * {@link CUSTOM_BUCKETS_SCHEMA} bucket i has the upper bound `customValues[i]`, the last one +Inf, and there are neither
 * negative buckets nor a zero bucket. Within [-zeroThreshold, zeroThreshold] observations are in `zeroCount`.
 */
export class FloatHistogram implements FloatHistogramParts {
  readonly schema: number;
  readonly count: number;
  readonly sum: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positiveSpans: Spans;
  readonly positiveBuckets: Float64Array;
  readonly negativeSpans: Spans;
  readonly negativeBuckets: Float64Array;
  readonly customValues: Float64Array;
  readonly counterResetHint: CounterResetHint;

  /** Takes the arrays over: nobody may write to them any more. What is left out is 0, empty, or unknown. */
  constructor(parts: Partial<FloatHistogramParts>) {
    this.schema = parts.schema ?? 0;
    this.count = parts.count ?? 0;
    this.sum = parts.sum ?? 0;
    this.zeroThreshold = parts.zeroThreshold ?? 0;
    this.zeroCount = parts.zeroCount ?? 0;
    this.positiveSpans = parts.positiveSpans ?? NO_SPANS;
    this.positiveBuckets = parts.positiveBuckets ?? NO_FLOATS;
    this.negativeSpans = parts.negativeSpans ?? NO_SPANS;
    this.negativeBuckets = parts.negativeBuckets ?? NO_FLOATS;
    this.customValues = parts.customValues ?? NO_FLOATS;
    this.counterResetHint = parts.counterResetHint ?? CounterResetHint.unknown;
  }

  /** Whether the bounds are {@link customValues}. */
  get usesCustomBuckets(): boolean {
    return this.schema === CUSTOM_BUCKETS_SCHEMA;
  }

  /** The same with some parts replaced. */
  with(parts: Partial<FloatHistogramParts>): FloatHistogram {
    return new FloatHistogram({
      schema: parts.schema ?? this.schema,
      count: parts.count ?? this.count,
      sum: parts.sum ?? this.sum,
      zeroThreshold: parts.zeroThreshold ?? this.zeroThreshold,
      zeroCount: parts.zeroCount ?? this.zeroCount,
      positiveSpans: parts.positiveSpans ?? this.positiveSpans,
      positiveBuckets: parts.positiveBuckets ?? this.positiveBuckets,
      negativeSpans: parts.negativeSpans ?? this.negativeSpans,
      negativeBuckets: parts.negativeBuckets ?? this.negativeBuckets,
      customValues: parts.customValues ?? this.customValues,
      counterResetHint: parts.counterResetHint ?? this.counterResetHint,
    });
  }

  /**
   * How many float samples it counts as when samples in memory are limited.
   *
   * @see prometheus promql/value.go (HPoint) size, a sample being 16 bytes
   */
  get sampleCount(): number {
    const floats = this.positiveBuckets.length + this.negativeBuckets.length + this.customValues.length;
    const spanBytes = (this.positiveSpans.length + this.negativeSpans.length) * 4;
    return Math.floor((168 + spanBytes + floats * 8 + 8) / 16);
  }
}
