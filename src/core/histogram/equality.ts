import type { FloatHistogram } from './float-histogram.ts';
import { sameBounds, sameLayout } from './layout.ts';

/**
 * Whether two histograms are the same data: equal counts bit by bit (so NaN equals NaN, and 0 is not -0) in equal
 * layouts. An explicit empty bucket is not the same as none: compact both to compare what they mean. The hint of a
 * counter reset is not compared.
 *
 * @see prometheus model/histogram/float_histogram.go Equals
 */
export function equalHistograms(a: FloatHistogram, b: FloatHistogram): boolean {
  if (a === b) return true;
  return (
    a.schema === b.schema &&
    Object.is(a.count, b.count) &&
    Object.is(a.sum, b.sum) &&
    a.zeroThreshold === b.zeroThreshold &&
    Object.is(a.zeroCount, b.zeroCount) &&
    (!a.usesCustomBuckets || sameBounds(a.customValues, b.customValues)) &&
    sameLayout(a.negativeSpans, b.negativeSpans) &&
    sameBits(a.negativeBuckets, b.negativeBuckets) &&
    sameLayout(a.positiveSpans, b.positiveSpans) &&
    sameBits(a.positiveBuckets, b.positiveBuckets)
  );
}

function sameBits(a: Float64Array, b: Float64Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}
