import type { MonotonicityFix } from '../annotations.ts';
import { almostEqual } from './numeric.ts';

/**
 * Quantiles and fractions of classic histograms: cumulative counts at upper bounds.
 *
 * @see prometheus promql/quantile.go BucketQuantile, BucketFraction
 */

/** Relative differences up to this are taken for rounding: an observation in 10^12 would be needed to make one. */
const SMALL_DELTA = 1e-12;

/** The buckets of one histogram at one step, in order of their bounds; filled anew for each step. */
export class Buckets {
  readonly bounds: Float64Array;
  readonly counts: Float64Array;
  length = 0;

  constructor(capacity: number) {
    this.bounds = new Float64Array(capacity);
    this.counts = new Float64Array(capacity);
  }

  /** Adds a bucket whose bound is not below the last one's; counts of equal bounds add up. */
  push(bound: number, count: number): void {
    const last = this.length - 1;
    if (last >= 0 && this.bounds[last] === bound) {
      this.counts[last]! += count;
      return;
    }
    this.bounds[this.length] = bound;
    this.counts[this.length] = count;
    this.length++;
  }
}

/**
 * Makes counts rise with the bounds: rounding differences are ignored, real decreases flattened. Returns what had to be
 * flattened, undefined when nothing.
 */
function makeMonotonic(buckets: Buckets, tMs: number): MonotonicityFix | undefined {
  const { bounds, counts, length } = buckets;
  let minBucket = Infinity;
  let maxBucket = -Infinity;
  let maxDiff = 0;
  let forced = false;
  let previous = counts[0]!;
  for (let i = 1; i < length; i++) {
    const count = counts[i]!;
    if (count === previous) continue;
    if (almostEqual(previous, count, SMALL_DELTA)) {
      counts[i] = previous;
    } else if (count < previous) {
      counts[i] = previous;
      forced = true;
      minBucket = Math.min(minBucket, bounds[i]!);
      maxBucket = Math.max(maxBucket, bounds[i]!);
      maxDiff = Math.max(maxDiff, previous - count);
    } else {
      previous = count;
    }
  }
  return forced ? { tMs, minBucket, maxBucket, maxDiff } : undefined;
}

/**
 * The φ-quantile by linear interpolation inside a bucket, and NaN where the buckets can't tell: fewer than two, the
 * highest not +Inf, no observations. `onFixed` hears of counts that had to be made monotonic. Changes `buckets`.
 */
export function bucketQuantile(
  phi: number,
  buckets: Buckets,
  tMs: number,
  onFixed: (fix: MonotonicityFix) => void,
): number {
  if (phi !== phi) return NaN;
  if (phi < 0) return -Infinity;
  if (phi > 1) return Infinity;
  const { bounds, counts, length } = buckets;
  if (bounds[length - 1] !== Infinity) return NaN;
  const fix = makeMonotonic(buckets, tMs);
  if (fix !== undefined) onFixed(fix);
  if (length < 2) return NaN;
  const observations = counts[length - 1]!;
  if (observations === 0) return NaN;
  let rank = phi * observations;
  const at = firstReaching(counts, length - 1, rank);
  if (at === length - 1) return bounds[length - 2]!;
  if (at === 0 && bounds[0]! <= 0) return bounds[0]!;
  let start = 0;
  let count = counts[at]!;
  if (at > 0) {
    start = bounds[at - 1]!;
    count -= counts[at - 1]!;
    rank -= counts[at - 1]!;
  }
  return start + (bounds[at]! - start) * (rank / count);
}

/** Smallest index in [0, end) whose count is at least `rank`, `end` when there is none (Go's sort.Search). */
function firstReaching(counts: Float64Array, end: number, rank: number): number {
  let low = 0;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (counts[middle]! >= rank) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How many observations lie at or below `value`, by interpolation; `count` when it is beyond all finite bounds. */
function rankOf(value: number, buckets: Buckets): number {
  const { bounds, counts, length } = buckets;
  const total = counts[length - 1]!;
  // Observations are taken to be positive when the first bound is.
  let lower = bounds[0]! <= 0 ? -Infinity : 0;
  let below = 0;
  for (let i = 0; i < length; i++) {
    if (i > 0) lower = bounds[i - 1]!;
    const upper = bounds[i]!;
    const count = counts[i]!;
    if (lower >= value) return Math.min(below, total);
    if (upper > value) {
      // Nothing can be said inside a bucket of infinite width: it counts as a whole (below) or not at all (above).
      const rank =
        lower === -Infinity ? count : below + ((count - below) * (value - lower)) / (upper - lower);
      return rank > total ? total : rank;
    }
    below = count;
  }
  return total;
}

/** The share of observations between two values; NaN where the buckets can't tell. */
export function bucketFraction(lower: number, upper: number, buckets: Buckets): number {
  const { bounds, counts, length } = buckets;
  if (bounds[length - 1] !== Infinity) return NaN;
  const total = counts[length - 1]!;
  if (total === 0 || lower !== lower || upper !== upper) return NaN;
  if (lower >= upper) return 0;
  return (rankOf(upper, buckets) - rankOf(lower, buckets)) / total;
}
