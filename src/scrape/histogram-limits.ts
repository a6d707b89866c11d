import {
  MAX_EXPONENTIAL_SCHEMA,
  MIN_EXPONENTIAL_SCHEMA,
  type FloatHistogram,
} from '../core/histogram/float-histogram.ts';
import { reduceResolution } from '../core/histogram/resolution.ts';
import { validateWholeCounts } from '../core/histogram/validate.ts';
import { histogramFault } from '../storage/index.ts';

/** Least and greatest schema that is set aside for exponential buckets, whether in use or not. */
const MIN_RESERVED_SCHEMA = -9;
const MAX_RESERVED_SCHEMA = 52;

/** How large scraped native histograms may be. */
export interface HistogramLimits {
  /** Buckets; 0 is no limit. */
  readonly bucketLimit: number;
  /** Highest schema; finer histograms are made coarser. */
  readonly maxSchema: number;
}

/**
 * Limits of a job: `native_histogram_bucket_limit`, and `native_histogram_min_bucket_factor`, by which neighbouring
 * bounds differ at least.
 *
 * @see prometheus scrape/scrape.go pickSchema
 */
export function histogramLimits(bucketLimit: number, minBucketFactor: number): HistogramLimits {
  const schema =
    minBucketFactor <= 1 ? MAX_EXPONENTIAL_SCHEMA : Math.floor(-Math.log2(Math.log2(minBucketFactor)));
  const maxSchema = Math.min(MAX_EXPONENTIAL_SCHEMA, Math.max(MIN_EXPONENTIAL_SCHEMA, schema));
  return { bucketLimit, maxSchema };
}

/**
 * The histogram, as coarse as the limits want it; undefined when it cannot be made coarse enough.
 *
 * @see prometheus scrape/target.go bucketLimitAppender, maxSchemaAppender
 */
export function fittingHistogram(h: FloatHistogram, limits: HistogramLimits): FloatHistogram | undefined {
  const { bucketLimit, maxSchema } = limits;
  let fitting = h;
  const isExponential = h.schema >= MIN_RESERVED_SCHEMA && h.schema <= MAX_RESERVED_SCHEMA;
  if (maxSchema < MAX_EXPONENTIAL_SCHEMA && isExponential && h.schema > maxSchema)
    fitting = coarser(h, maxSchema);
  if (bucketLimit === 0) return fitting;
  while (fitting.positiveBuckets.length + fitting.negativeBuckets.length > bucketLimit) {
    const { schema } = fitting;
    if (schema <= MIN_EXPONENTIAL_SCHEMA || schema > MAX_EXPONENTIAL_SCHEMA) return undefined;
    fitting = reduceResolution(fitting, schema - 1);
  }
  return fitting;
}

/** Levels that are merged at a time: indexes have 32 bits. */
const LEVELS_AT_ONCE = 30;

function coarser(h: FloatHistogram, schema: number): FloatHistogram {
  let reduced = h;
  while (reduced.schema > schema)
    reduced = reduceResolution(reduced, Math.max(schema, reduced.schema - LEVELS_AT_ONCE));
  return reduced;
}

/** What is wrong with a scraped histogram; undefined when nothing is. */
export function brokenHistogram(h: FloatHistogram, isWhole: boolean): string | undefined {
  return histogramFault(h) ?? (isWhole ? validateWholeCounts(h) : undefined);
}
