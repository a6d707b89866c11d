import { BucketWalk } from './buckets.ts';
import { compactHistogram } from './compact.ts';
import type { FloatHistogram } from './float-histogram.ts';
import { fractionBelow } from './interpolation.ts';

/**
 * Removes the observations below `bound`, as far as buckets tell: one that contains the bound is cut by interpolation
 * (linear for custom buckets and the zero bucket, exponential otherwise). When anything went, the count is that of what
 * is left and the sum an estimate from the middles of buckets. PromQL's operator `>/`.
 *
 * @see prometheus model/histogram/float_histogram.go TrimBuckets
 */
export function trimBelow(h: FloatHistogram, bound: number): FloatHistogram {
  return new Trim(h, bound, 'above').result();
}

/** Removes the observations above `bound`, else as {@link trimBelow}. PromQL's operator `</`. */
export function trimAbove(h: FloatHistogram, bound: number): FloatHistogram {
  return new Trim(h, bound, 'below').result();
}

/** What of a bucket is left: how many observations, and the value they are taken to have. */
interface Rest {
  readonly count: number;
  readonly middle: number;
}

const NOTHING: Rest = { count: 0, middle: 0 };

class Trim {
  readonly #h: FloatHistogram;
  readonly #bound: number;
  readonly #keeps: 'above' | 'below';
  #count = 0;
  #sum = 0;
  #trimmed = false;

  constructor(h: FloatHistogram, bound: number, keeps: 'above' | 'below') {
    this.#h = h;
    this.#bound = bound;
    this.#keeps = keeps;
  }

  result(): FloatHistogram {
    const h = this.#h;
    const positiveBuckets = this.#side('positive', h.positiveBuckets);
    const negativeBuckets = this.#side('negative', h.negativeBuckets);
    let zeroCount = h.zeroCount;
    if (zeroCount > 0) {
      const hasNegative = h.negativeBuckets.some((count) => count !== 0);
      const hasPositive = h.positiveBuckets.some((count) => count !== 0);
      const rest = this.#zeroBucket(hasNegative, hasPositive);
      this.#keep(rest, zeroCount);
      zeroCount = rest.count;
    }
    if (!this.#trimmed) return h;
    const left = h.with({ count: this.#count, sum: this.#sum, zeroCount, positiveBuckets, negativeBuckets });
    return compactHistogram(left, 0);
  }

  #keep(rest: Rest, before: number): void {
    this.#count += rest.count;
    this.#sum += rest.middle * rest.count;
    if (rest.count !== before) this.#trimmed = true;
  }

  #side(side: 'positive' | 'negative', counts: Float64Array): Float64Array {
    const left = counts.slice();
    const walk = new BucketWalk(this.#h, side);
    for (let i = 0; walk.next(); i++) {
      if (walk.count === 0) continue;
      const rest = this.#bucket(walk, side === 'positive');
      this.#keep(rest, walk.count);
      left[i] = rest.count;
    }
    return left;
  }

  #bucket({ lower, upper, count }: BucketWalk, positive: boolean): Rest {
    const bound = this.#bound;
    const keepsBelow = this.#keeps === 'below';
    if (keepsBelow ? upper <= bound : lower >= bound)
      return { count, middle: this.#middle(lower, upper, positive) };
    if (keepsBelow ? !(lower < bound) : !(upper > bound)) return NOTHING;
    if (lower === -Infinity) return this.#lowestBucket(upper, count);
    // Nobody knows how far the observations of the highest bucket reach.
    if (upper === Infinity) return keepsBelow ? NOTHING : { count, middle: bound };
    const below = count * this.#fractionBelow(lower, upper);
    return keepsBelow
      ? { count: below, middle: this.#middle(lower, bound, positive) }
      : { count: count - below, middle: this.#middle(bound, upper, positive) };
  }

  /** A bucket with a lower bound of -Inf that contains the bound. */
  #lowestBucket(upper: number, count: number): Rest {
    const bound = this.#bound;
    if (this.#keeps === 'below') {
      if (upper <= 0) return { count, middle: bound };
      // Custom buckets with a positive first bound are taken to begin at 0.
      if (bound > 0 && upper !== Infinity) return { count: (count * bound) / upper, middle: bound / 2 };
      return NOTHING;
    }
    if (bound >= 0 && upper !== Infinity)
      return { count: count * (1 - bound / upper), middle: (bound + upper) / 2 };
    return NOTHING;
  }

  #fractionBelow(lower: number, upper: number): number {
    const bound = this.#bound;
    return this.#h.usesCustomBuckets ? (bound - lower) / (upper - lower) : fractionBelow(bound, lower, upper);
  }

  #middle(lower: number, upper: number, positive: boolean): number {
    if (Math.abs(lower) === Infinity) {
      if (Math.abs(upper) === Infinity) return 0;
      return upper > 0 ? upper / 2 : upper;
    }
    if (upper === Infinity) return lower;
    if (this.#h.usesCustomBuckets) return (lower + upper) / 2;
    const middle = Math.sqrt(Math.abs(lower * upper));
    return positive ? middle : -middle;
  }

  #zeroBucket(hasNegative: boolean, hasPositive: boolean): Rest {
    const { zeroThreshold, zeroCount: count } = this.#h;
    const bound = this.#bound;
    const lower = hasPositive && !hasNegative ? 0 : -zeroThreshold;
    const upper = hasNegative && !hasPositive ? 0 : zeroThreshold;
    const keepsBelow = this.#keeps === 'below';
    if (bound <= lower) return keepsBelow ? NOTHING : { count, middle: (lower + upper) / 2 };
    if (bound >= upper) return keepsBelow ? { count, middle: (lower + upper) / 2 } : NOTHING;
    const fraction = (keepsBelow ? bound - lower : upper - bound) / (upper - lower);
    return { count: count * fraction, middle: ((keepsBelow ? lower : upper) + bound) / 2 };
  }
}
