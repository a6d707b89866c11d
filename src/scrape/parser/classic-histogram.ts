import { formatFloatGeneral } from '../../core/float-text.ts';
import { compactHistogram } from '../../core/histogram/compact.ts';
import { CUSTOM_BUCKETS_SCHEMA, FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { BUCKETS_MAX } from './entry.ts';
import type { CounterResetHint } from '../../core/histogram/float-histogram.ts';

/** A classic histogram as a native one with custom buckets. */
export interface ConvertedHistogram {
  readonly histogram: FloatHistogram;
  /** Whether all counts are whole. */
  readonly isWhole: boolean;
}

/**
 * Gathers the series of one classic histogram, in any order, and makes a native histogram with custom buckets of them.
 * What contradicts itself is remembered and told by {@link convert}.
 *
 * @see prometheus util/convertnhcb/convertnhcb.go
 */
export class ClassicHistogram {
  readonly #buckets: Bucket[] = [];
  #isSorted = true;
  #count: number | undefined;
  #sum = 0;
  #fault: string | undefined;

  clear(): void {
    this.#buckets.length = 0;
    this.#isSorted = true;
    this.#count = undefined;
    this.#sum = 0;
    this.#fault = undefined;
  }

  setSum(sum: number): void {
    this.#sum = sum;
  }

  setCount(count: number): void {
    if (count < 0) this.#fault ??= `count must be non-negative: count=${formatFloatGeneral(count)}`;
    else this.#count = count;
  }

  /** Adds a bucket of observations up to `bound`; of several with the same bound the first counts. */
  addBucket(bound: number, count: number): void {
    if (Number.isNaN(bound)) this.#fault ??= 'bucket boundary must not be NaN';
    else if (count < 0) {
      const shown = `le=${formatFloatGeneral(bound)}, count=${formatFloatGeneral(count)}`;
      this.#fault ??= `bucket count must be non-negative: ${shown}`;
    } else if (this.#buckets.length >= BUCKETS_MAX) this.#fault ??= `more than ${BUCKETS_MAX} buckets`;
    else {
      const last = this.#buckets.at(-1);
      if (last !== undefined && last.bound >= bound) this.#isSorted = false;
      this.#buckets.push({ bound, count });
    }
  }

  /** The native histogram; a text says why there is none. */
  convert(hint: CounterResetHint): ConvertedHistogram | string {
    const buckets = this.#rising();
    const fault = this.#fault ?? cumulativeFault(buckets);
    if (fault !== undefined) return fault;
    const count = this.#count ?? buckets.at(-1)?.count ?? 0;
    const finite = buckets.filter(({ bound }) => bound !== Infinity);
    const counts = buckets.map((bucket) => bucket.count);
    if (finite.length === buckets.length) counts.push(count);
    const last = counts.at(-1)!;
    if (count !== last) {
      const shown = formatFloatGeneral(count);
      return `count mismatch: count=${shown} != le=+Inf count=${formatFloatGeneral(last)}`;
    }
    const isWhole = counts.every(Number.isInteger);
    const histogram = new FloatHistogram({
      schema: CUSTOM_BUCKETS_SCHEMA,
      count,
      sum: this.#sum,
      positiveSpans: Int32Array.of(0, counts.length),
      positiveBuckets: Float64Array.from(counts, (value, i) => (i === 0 ? value : value - counts[i - 1]!)),
      customValues: Float64Array.from(finite, ({ bound }) => bound),
      counterResetHint: hint,
    });
    return { histogram: compactHistogram(histogram, isWhole ? 2 : 0), isWhole };
  }

  /** The buckets by rising bounds, no bound twice. */
  #rising(): readonly Bucket[] {
    if (this.#isSorted) return this.#buckets;
    const sorted = this.#buckets.toSorted((a, b) => (a.bound < b.bound ? -1 : a.bound > b.bound ? 1 : 0));
    return sorted.filter(({ bound }, i) => i === 0 || bound !== sorted[i - 1]!.bound);
  }
}

interface Bucket {
  readonly bound: number;
  /** Cumulative. */
  readonly count: number;
}

function cumulativeFault(buckets: readonly Bucket[]): string | undefined {
  for (let i = 1; i < buckets.length; i++) {
    const { count } = buckets[i]!;
    const below = buckets[i - 1]!.count;
    if (count < below)
      return `count is not cumulative: ${formatFloatGeneral(count)} < ${formatFloatGeneral(below)}`;
  }
  return undefined;
}
