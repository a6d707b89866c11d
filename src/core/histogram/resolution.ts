import { assert } from '../errors.ts';
import type { FloatHistogram } from './float-histogram.ts';
import { negativeSide, positiveSide, reduceSide } from './sides.ts';

/**
 * The same observations in the exponential schema `schema`, which must not be above that of `h`: buckets are merged
 * 2^n in one. The histogram itself when it has that schema.
 *
 * @see prometheus model/histogram/float_histogram.go ReduceResolution
 */
export function reduceResolution(h: FloatHistogram, schema: number): FloatHistogram {
  if (schema === h.schema) return h;
  assert(
    !h.usesCustomBuckets && schema < h.schema,
    'resolution can only be reduced, and of exponential buckets',
  );
  const levels = h.schema - schema;
  const positive = reduceSide(positiveSide(h), levels);
  const negative = reduceSide(negativeSide(h), levels);
  return h.with({
    schema,
    positiveSpans: positive.spans,
    positiveBuckets: positive.counts,
    negativeSpans: negative.spans,
    negativeBuckets: negative.counts,
  });
}
