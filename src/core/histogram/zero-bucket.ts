import { exponentialBound } from './bounds.ts';
import type { FloatHistogram, Spans } from './float-histogram.ts';
import { compactSide, type Side } from './sides.ts';

/** A zero bucket. */
export interface ZeroBucket {
  readonly threshold: number;
  readonly count: number;
}

/** A zero bucket that grows while buckets are counted in. */
interface GrowingZero {
  count: number;
  threshold: number;
}

/**
 * The zero bucket `h` would have with a threshold of at least `threshold` (not below its own). A threshold that falls
 * into a populated bucket rises to that bucket's bound, and the bucket is counted in.
 *
 * @see prometheus model/histogram/float_histogram.go zeroCountForLargerThreshold
 */
export function zeroBucketFor(h: FloatHistogram, threshold: number): ZeroBucket {
  if (threshold === h.zeroThreshold) return { threshold, count: h.zeroCount };
  const absorbed: GrowingZero = { count: 0, threshold };
  let before: number;
  do {
    absorbed.count = h.zeroCount;
    absorb(h.positiveSpans, h.positiveBuckets, h.schema, absorbed);
    before = absorbed.threshold;
    absorb(h.negativeSpans, h.negativeBuckets, h.schema, absorbed);
    // Risen on the negative side: the positive side was measured with a lower threshold.
  } while (absorbed.threshold !== before);
  return absorbed;
}

function absorb(spans: Spans, counts: Float64Array, schema: number, into: GrowingZero): void {
  const within = bucketsBelow(spans, schema, into.threshold);
  for (let i = 0; i < within.buckets; i++) into.count += counts[i]!;
  if (within.lastBound > into.threshold && counts[within.buckets - 1] !== 0)
    into.threshold = within.lastBound;
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

/** `h` with a threshold of at least `threshold`; buckets within are gone, and empty buckets with them. */
export function widenZeroBucket(h: FloatHistogram, threshold: number): FloatHistogram {
  const zero = zeroBucketFor(h, threshold);
  const positive = sideBeyond(
    { spans: h.positiveSpans, counts: h.positiveBuckets },
    h.schema,
    zero.threshold,
  );
  const negative = sideBeyond(
    { spans: h.negativeSpans, counts: h.negativeBuckets },
    h.schema,
    zero.threshold,
  );
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
  let other: ZeroBucket = { threshold: b.zeroThreshold, count: b.zeroCount };
  // Either one grows in each round.
  for (;;) {
    if (other.threshold < widened.zeroThreshold) other = zeroBucketFor(b, widened.zeroThreshold);
    else if (other.threshold > widened.zeroThreshold) widened = widenZeroBucket(widened, other.threshold);
    else return { widened, otherZeroCount: other.count };
  }
}
