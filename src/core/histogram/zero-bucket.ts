import { exponentialBound } from './bounds.ts';
import { addAt, type CompensatedSide } from './compensated.ts';
import type { FloatHistogram, Spans } from './float-histogram.ts';
import { compactSide, negativeSide, positiveSide, type Side } from './sides.ts';

/** A zero bucket; its count is `count + compensation`. */
export interface ZeroBucket {
  readonly threshold: number;
  readonly count: number;
  readonly compensation: number;
}

/** What of a histogram decides about its zero bucket; the compensations are left out where counts are exact. */
export interface ZeroBucketParts {
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly zeroCompensation?: number;
  readonly positive: Side & Partial<CompensatedSide>;
  readonly negative: Side & Partial<CompensatedSide>;
}

/**
 * The zero bucket of a histogram with a threshold of at least `threshold` (not below its own). A threshold that falls
 * into a populated bucket rises to that bucket's bound, and the bucket is counted in.
 *
 * @see prometheus model/histogram/float_histogram.go zeroCountForLargerThreshold
 */
export function zeroBucketFor(h: ZeroBucketParts, threshold: number): ZeroBucket {
  const count = new Float64Array(1);
  const compensation = new Float64Array(1);
  const absorb = (
    { spans, counts, compensations }: Side & Partial<CompensatedSide>,
    limit: number,
  ): number => {
    const { buckets, lastBound } = bucketsBelow(spans, h.schema, limit);
    for (let i = 0; i < buckets; i++) {
      addAt(count, compensation, 0, counts[i]!);
      if (compensations !== undefined) addAt(count, compensation, 0, compensations[i]!);
    }
    return lastBound > limit && counts[buckets - 1] !== 0 ? lastBound : limit;
  };
  let reached = threshold;
  let positiveReached: number;
  do {
    count[0] = h.zeroCount;
    compensation[0] = h.zeroCompensation ?? 0;
    positiveReached = threshold === h.zeroThreshold ? threshold : absorb(h.positive, reached);
    reached = threshold === h.zeroThreshold ? threshold : absorb(h.negative, positiveReached);
    // Risen on the negative side: the positive side was measured with a lower threshold.
  } while (reached !== positiveReached);
  return { threshold: reached, count: count[0], compensation: compensation[0] };
}

/** The buckets at the beginning whose lower bound is below `threshold`, and the upper bound of the last of them. */
export function bucketsBelow(
  spans: Spans,
  schema: number,
  threshold: number,
): { readonly buckets: number; readonly lastBound: number } {
  let buckets = 0;
  let lastBound = 0;
  let index = 0;
  for (let i = 0; i < spans.length; i += 2) {
    index += spans[i]!;
    for (let left = spans[i + 1]!; left > 0; left--, index++, buckets++) {
      if (exponentialBound(index - 1, schema) >= threshold) return { buckets, lastBound };
      lastBound = exponentialBound(index, schema);
    }
  }
  return { buckets, lastBound };
}

/** What {@link zeroBucketFor} asks about a histogram. */
export function zeroBucketParts(h: FloatHistogram): ZeroBucketParts {
  return {
    schema: h.schema,
    zeroThreshold: h.zeroThreshold,
    zeroCount: h.zeroCount,
    positive: positiveSide(h),
    negative: negativeSide(h),
  };
}

/** `h` with a threshold of at least `threshold`; buckets within are gone, and empty buckets with them. */
function widenZeroBucket(h: FloatHistogram, threshold: number): FloatHistogram {
  const parts = zeroBucketParts(h);
  const zero = zeroBucketFor(parts, threshold);
  const positive = sideBeyond(parts.positive, h.schema, zero.threshold);
  const negative = sideBeyond(parts.negative, h.schema, zero.threshold);
  return h.with({
    zeroThreshold: zero.threshold,
    zeroCount: zero.count,
    positiveSpans: positive.spans,
    positiveBuckets: positive.counts,
    negativeSpans: negative.spans,
    negativeBuckets: negative.counts,
  });
}

function sideBeyond(side: Side, schema: number, threshold: number): Side {
  const { buckets } = bucketsBelow(side.spans, schema, threshold);
  const counts = side.counts.slice();
  counts.fill(0, 0, buckets);
  return compactSide({ spans: side.spans, counts }, 0);
}

/**
 * Makes the zero buckets of two histograms equally wide, with a threshold within no populated bucket of either: gives
 * `a` with that threshold, and the zero count `b` would have.
 *
 * @see prometheus model/histogram/float_histogram.go reconcileZeroBuckets
 */
export function reconcileZeroBuckets(
  a: FloatHistogram,
  b: FloatHistogram,
): { readonly widened: FloatHistogram; readonly otherZeroCount: number } {
  let widened = a;
  const otherParts = zeroBucketParts(b);
  let other: ZeroBucket = { threshold: b.zeroThreshold, count: b.zeroCount, compensation: 0 };
  // Either one grows in each round.
  for (;;) {
    if (other.threshold < widened.zeroThreshold) other = zeroBucketFor(otherParts, widened.zeroThreshold);
    else if (other.threshold > widened.zeroThreshold) widened = widenZeroBucket(widened, other.threshold);
    else return { widened, otherZeroCount: other.count };
  }
}
