import { commonBounds, placesAmong } from './custom-bounds.ts';
import { CounterResetHint, CUSTOM_BUCKETS_SCHEMA, type FloatHistogram } from './float-histogram.ts';
import { bucketIndexes, sameBounds, sameSpans } from './layout.ts';
import { bucketsWithin, negativeSide, positiveSide, reduceSide, type Side } from './sides.ts';
import { zeroBucketFor, zeroBucketParts } from './zero-bucket.ts';

/**
 * Whether a counter was reset between `previous` and `current`: the hint of `current` says so, or, when it says
 * nothing (or is that of a gauge), a count or a bucket shrank, the resolution rose, or the zero bucket became narrower.
 * The sum of observations is not looked at.
 *
 * @see prometheus model/histogram/float_histogram.go DetectReset
 */
export function detectReset(current: FloatHistogram, previous: FloatHistogram): boolean {
  if (current.counterResetHint === CounterResetHint.reset) return true;
  if (current.counterResetHint === CounterResetHint.notReset) return false;
  if (current.count < previous.count) return true;
  if (current.usesCustomBuckets) {
    if (!previous.usesCustomBuckets) return true;
    if (!sameBounds(current.customValues, previous.customValues))
      return shrankAtCommonBounds(current, previous);
  }
  if (current.schema > previous.schema || current.zeroThreshold < previous.zeroThreshold) return true;
  if (current.zeroThreshold > previous.zeroThreshold) {
    const zero = zeroBucketFor(zeroBucketParts(previous), current.zeroThreshold);
    // A populated bucket can't have been cut in two.
    if (zero.threshold !== current.zeroThreshold || current.zeroCount < zero.count) return true;
  } else if (current.zeroCount < previous.zeroCount) return true;
  const levels = previous.schema - current.schema;
  const { schema, zeroThreshold } = current;
  return (
    sideShrank(positiveSide(current), reduceSide(positiveSide(previous), levels), schema, zeroThreshold) ||
    sideShrank(negativeSide(current), reduceSide(negativeSide(previous), levels), schema, zeroThreshold)
  );
}

/** Whether a bucket of `before` beyond the zero bucket is larger than that of `now`, or populated and missing there. */
function sideShrank(now: Side, before: Side, schema: number, zeroThreshold: number): boolean {
  if (before.counts.length === 0) return false;
  const within = ({ spans }: Side): number =>
    zeroThreshold === 0 || schema === CUSTOM_BUCKETS_SCHEMA ? 0 : bucketsWithin(spans, schema, zeroThreshold);
  if (sameSpans(now.spans, before.spans)) {
    for (let i = within(before); i < before.counts.length; i++) {
      if (now.counts[i]! < before.counts[i]!) return true;
    }
    return false;
  }
  const nowAt = bucketIndexes(now.spans);
  const beforeAt = bucketIndexes(before.spans);
  for (let i = within(before), at = within(now); i < beforeAt.length; i++) {
    while (at < nowAt.length && nowAt[at]! < beforeAt[i]!) at++;
    const found = at < nowAt.length && nowAt[at] === beforeAt[i];
    if (found ? now.counts[at]! < before.counts[i]! : before.counts[i] !== 0) return true;
  }
  return false;
}

/** Whether less was counted up to one of the bounds both have (upstream detectResetWithMismatchedCustomBounds). */
function shrankAtCommonBounds(current: FloatHistogram, previous: FloatHistogram): boolean {
  const common = commonBounds(current.customValues, previous.customValues);
  const now = countsAt(current, common);
  const before = countsAt(previous, common);
  for (let i = 0; i < now.length; i++) if (now[i]! < before[i]!) return true;
  return false;
}

function countsAt(h: FloatHistogram, common: Float64Array): Float64Array {
  const counts = new Float64Array(common.length + 1);
  const places = placesAmong(h.positiveSpans, h.positiveBuckets.length, h.customValues, common);
  for (let i = 0; i < places.length; i++) counts[places[i]!]! += h.positiveBuckets[i]!;
  return counts;
}
