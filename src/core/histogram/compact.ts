import type { FloatHistogram } from './float-histogram.ts';
import { compactSide, negativeSide, positiveSide } from './sides.ts';

/**
 * The same histogram without empty buckets, except runs of at most `maxEmptyBuckets` between others, which are written
 * out so that fewer spans are needed. With 0 equal counts have equal layouts. The histogram itself when nothing changes.
 *
 * @see prometheus model/histogram/float_histogram.go Compact
 */
export function compactHistogram(h: FloatHistogram, maxEmptyBuckets: number): FloatHistogram {
  const positive = positiveSide(h);
  const negative = negativeSide(h);
  const newPositive = compactSide(positive, maxEmptyBuckets);
  const newNegative = compactSide(negative, maxEmptyBuckets);
  if (newPositive === positive && newNegative === negative) return h;
  return h.with({
    positiveSpans: newPositive.spans,
    positiveBuckets: newPositive.counts,
    negativeSpans: newNegative.spans,
    negativeBuckets: newNegative.counts,
  });
}
