import { BucketWalk } from '../../core/histogram/buckets.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { fractionBelow, valueAtFraction } from '../../core/histogram/interpolation.ts';
import { addCompensated, type Compensated } from './numeric.ts';

/**
 * What there is to say about a result: `nanResult`, a quantile is NaN because it falls on observations of NaN;
 * `nanSkew`, a quantile is skewed upwards by them; `nanObservations`, a fraction leaves them out.
 */
export type NativeNote = 'nanResult' | 'nanSkew' | 'nanObservations';

/** A number computed from a native histogram. */
export interface NativeResult {
  readonly value: number;
  readonly note: NativeNote | undefined;
}

function plain(value: number): NativeResult {
  return { value, note: undefined };
}

/**
 * The φ-quantile of the observations, interpolated linearly in custom buckets and the zero bucket, exponentially
 * elsewhere. NaN without observations or for φ NaN, -Inf for φ < 0, +Inf for φ > 1.
 *
 * @see prometheus promql/quantile.go HistogramQuantile
 */
export function nativeQuantile(phi: number, h: FloatHistogram): NativeResult {
  if (phi < 0) return plain(-Infinity);
  if (phi > 1) return plain(Infinity);
  if (h.count === 0 || phi !== phi) return plain(NaN);
  // A sum of NaN may mean observations of NaN, which are in no bucket and count as the highest.
  const mayHaveNaNs = h.sum !== h.sum;
  const rising = mayHaveNaNs || phi < 0.5;
  const rank = rising ? phi * h.count : (1 - phi) * h.count;
  const walk = new BucketWalk(h, rising ? 'rising' : 'falling');
  let reached = 0;
  // Not `reached < rank`: a count of NaN reaches nothing.
  while (!(reached >= rank) || walk.count === 0) {
    if (!walk.next()) break;
    reached += walk.count;
  }
  const { count } = walk;
  const bounds = quantileBounds(walk, h);
  if (typeof bounds === 'number') return plain(bounds);
  if (reached > h.count) reached = h.count;
  if (reached < rank) return mayHaveNaNs ? { value: NaN, note: 'nanResult' } : plain(bounds.upper);
  const inBucket = rising ? rank - (reached - count) : reached - rank;
  if (!mayHaveNaNs) return plain(interpolate(inBucket / count, bounds, h));
  // Having counted the rest, Prometheus 3.14 interpolates in the bucket where that ended, the highest.
  let counted = reached;
  let last: Bounds = bounds;
  while (walk.next()) {
    counted += walk.count;
    last = walk;
  }
  const note = counted < h.count ? 'nanSkew' : undefined;
  return { value: interpolate(inBucket / walk.count, last, h), note };
}

interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

function interpolate(fraction: number, { lower, upper }: Bounds, h: FloatHistogram): number {
  const linear = h.usesCustomBuckets || (lower <= 0 && upper >= 0);
  return linear ? lower + (upper - lower) * fraction : valueAtFraction(fraction, lower, upper);
}

/** The bounds to interpolate between, or the quantile itself where a bound is infinite. */
function quantileBounds({ lower, upper }: BucketWalk, h: FloatHistogram): Bounds | number {
  if (!h.usesCustomBuckets)
    return lower < 0 && upper > 0 ? zeroBucketBounds(h, lower, upper) : { lower, upper };
  if (lower === -Infinity) return upper <= 0 ? upper : { lower: 0, upper };
  return upper === Infinity ? lower : { lower, upper };
}

/** With buckets on one side only, the zero bucket is taken to end at 0. */
function zeroBucketBounds(h: FloatHistogram, lower: number, upper: number): Bounds {
  const hasNegative = h.negativeBuckets.length > 0;
  const hasPositive = h.positiveBuckets.length > 0;
  return { lower: hasPositive && !hasNegative ? 0 : lower, upper: hasNegative && !hasPositive ? 0 : upper };
}

/**
 * The share of observations between two bounds, interpolated as in {@link nativeQuantile}. NaN without observations or
 * with a bound NaN, 0 when `lower` is not below `upper`.
 *
 * @see prometheus promql/quantile.go HistogramFraction
 */
export function nativeFraction(lower: number, upper: number, h: FloatHistogram): NativeResult {
  if (h.count === 0 || lower !== lower || upper !== upper) return plain(NaN);
  if (lower >= upper) return plain(0);
  const walk = new BucketWalk(h, 'rising');
  let rank = 0;
  let lowerRank: number | undefined;
  let upperRank: number | undefined;
  let count = 0;
  while ((lowerRank === undefined || upperRank === undefined) && walk.next()) {
    count += walk.count;
    lowerRank ??= rankWithin(walk, h, rank, lower);
    upperRank ??= rankWithin(walk, h, rank, upper);
    rank += walk.count;
  }
  let note: NativeNote | undefined;
  if (h.sum === h.sum) count = h.count;
  else {
    while (walk.next()) count += walk.count;
    if (count < h.count) note = 'nanObservations';
  }
  const capped = (of: number | undefined): number => (of === undefined || of > count ? count : of);
  return { value: (capped(upperRank) - capped(lowerRank)) / h.count, note };
}

/** How many observations are below `bound`, with `rank` of them below the present bucket; undefined when it is above. */
function rankWithin(walk: BucketWalk, h: FloatHistogram, rank: number, bound: number): number | undefined {
  let { lower, upper } = walk;
  const atZero = lower <= 0 && upper >= 0;
  if (atZero) ({ lower, upper } = zeroBucketBounds(h, lower, upper));
  if (lower >= bound) return rank;
  if (upper <= bound) return undefined;
  if (!h.usesCustomBuckets && !atZero) return rank + walk.count * fractionBelow(bound, lower, upper);
  // Without a lower bound there is nothing to interpolate between.
  if (lower === -Infinity) return walk.count;
  return rank + walk.count * ((bound - lower) / (upper - lower));
}

/**
 * The variance of the observations, each taken to lie in the middle of its bucket: the arithmetic one of custom buckets,
 * 0 in the zero bucket, else the geometric one.
 *
 * @see prometheus promql/functions.go histogramVariance
 */
export function nativeVariance(h: FloatHistogram): number {
  const mean = h.sum / h.count;
  const variance: Compensated = { sum: 0, compensation: 0 };
  const walk = new BucketWalk(h, 'rising');
  while (walk.next()) {
    if (walk.count === 0) continue;
    const delta = middle(walk, h) - mean;
    addCompensated(variance, walk.count * delta * delta);
  }
  return (variance.sum + variance.compensation) / h.count;
}

function middle({ lower, upper }: BucketWalk, h: FloatHistogram): number {
  if (h.usesCustomBuckets) return (upper + lower) / 2;
  if (lower <= 0 && upper >= 0) return 0;
  const geometric = Math.sqrt(upper * lower);
  return upper < 0 ? -geometric : geometric;
}

/** The standard deviation: the square root of {@link nativeVariance}. */
export function nativeDeviation(h: FloatHistogram): number {
  return Math.sqrt(nativeVariance(h));
}
