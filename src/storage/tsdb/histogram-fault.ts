import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { validateHistogram } from '../../core/histogram/validate.ts';
import { MAX_BUCKETS } from './rich-chunk.ts';

/**
 * Why appenders refuse a histogram as `AppendOutcome.malformed`: what Prometheus says of it, or that it is larger than
 * what is stored. Undefined for one that they take. Looks at each bucket once and allocates nothing when all is well.
 *
 * @see prometheus tsdb/head_append.go AppendHistogram
 */
export function histogramFault(h: FloatHistogram): string | undefined {
  const size = h.positiveBuckets.length + h.negativeBuckets.length + h.customValues.length;
  if (size > MAX_BUCKETS) {
    return `a histogram with ${size} buckets and bounds cannot be stored, only up to ${MAX_BUCKETS}: limit the buckets where it is made`;
  }
  return validateHistogram(h);
}
