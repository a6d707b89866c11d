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
  #bounds: number[] = [];
  /** Cumulative. */
  #counts: number[] = [];
  #isSorted = true;
  #count: number | undefined;
  #sum = 0;
  #fault: string | undefined;

  clear(): void {
    this.#bounds.length = 0;
    this.#counts.length = 0;
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
    const bounds = this.#bounds;
    if (Number.isNaN(bound)) this.#fault ??= 'bucket boundary must not be NaN';
    else if (count < 0) {
      const shown = `le=${formatFloatGeneral(bound)}, count=${formatFloatGeneral(count)}`;
      this.#fault ??= `bucket count must be non-negative: ${shown}`;
    } else if (bounds.length >= BUCKETS_MAX) this.#fault ??= `more than ${BUCKETS_MAX} buckets`;
    else {
      if (bounds.length > 0 && bounds[bounds.length - 1]! >= bound) this.#isSorted = false;
      bounds.push(bound);
      this.#counts.push(count);
    }
  }

  /** The native histogram; a text says why there is none. */
  convert(hint: CounterResetHint): ConvertedHistogram | string {
    if (!this.#isSorted) this.#sort();
    const bounds = this.#bounds;
    const cumulative = this.#counts;
    const fault = this.#fault ?? cumulativeFault(cumulative);
    if (fault !== undefined) return fault;
    const highest = cumulative.length === 0 ? 0 : cumulative[cumulative.length - 1]!;
    const count = this.#count ?? highest;
    const hasInfinity = bounds.length > 0 && bounds[bounds.length - 1] === Infinity;
    if (hasInfinity && count !== highest) {
      const shown = formatFloatGeneral(count);
      return `count mismatch: count=${shown} != le=+Inf count=${formatFloatGeneral(highest)}`;
    }
    // A count that is none is no count that a bucket could have.
    if (Number.isNaN(count)) return 'count mismatch: count=NaN != le=+Inf count=NaN';
    const finite = hasInfinity ? bounds.length - 1 : bounds.length;
    const counts = new Float64Array(finite + 1);
    let isWhole = Number.isInteger(count);
    let below = 0;
    for (let i = 0; i <= finite; i++) {
      const upTo = i < cumulative.length ? cumulative[i]! : count;
      isWhole &&= Number.isInteger(upTo);
      counts[i] = upTo - below;
      below = upTo;
    }
    const histogram = new FloatHistogram({
      schema: CUSTOM_BUCKETS_SCHEMA,
      count,
      sum: this.#sum,
      positiveSpans: Int32Array.of(0, finite + 1),
      positiveBuckets: counts,
      customValues: Float64Array.from(hasInfinity ? bounds.slice(0, finite) : bounds),
      counterResetHint: hint,
    });
    return { histogram: compactHistogram(histogram, isWhole ? 2 : 0), isWhole };
  }

  /** Brings the buckets into the order of their bounds, no bound twice. */
  #sort(): void {
    const bounds = this.#bounds;
    const counts = this.#counts;
    const order = Array.from(bounds.keys()).sort((a, b) => compare(bounds[a]!, bounds[b]!));
    const kept = order.filter((at, i) => i === 0 || bounds[at] !== bounds[order[i - 1]!]);
    this.#bounds = kept.map((at) => bounds[at]!);
    this.#counts = kept.map((at) => counts[at]!);
    this.#isSorted = true;
  }
}

/** For bounds that may be infinite, whose difference is none. */
function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function cumulativeFault(counts: readonly number[]): string | undefined {
  for (let i = 1; i < counts.length; i++) {
    const count = counts[i]!;
    const below = counts[i - 1]!;
    if (count < below)
      return `count is not cumulative: ${formatFloatGeneral(count)} < ${formatFloatGeneral(below)}`;
  }
  return undefined;
}
