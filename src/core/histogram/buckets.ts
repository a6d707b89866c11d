import { exponentialBound } from './bounds.ts';
import { CUSTOM_BUCKETS_SCHEMA, NO_FLOATS, type FloatHistogram, type Spans } from './float-histogram.ts';

/** One bucket with its bounds. */
export interface HistogramBucket {
  readonly lower: number;
  readonly upper: number;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
  readonly count: number;
  /** Within schema and sign; 0 for the zero bucket. */
  readonly index: number;
}

/**
 * Upper bound of bucket `index` on the positive side: +Inf past the last of `customValues`, -Inf before the first.
 *
 * @see prometheus model/histogram/generic.go getBound
 */
export function bucketBound(index: number, schema: number, customValues: Float64Array = NO_FLOATS): number {
  if (schema !== CUSTOM_BUCKETS_SCHEMA) return exponentialBound(index, schema);
  if (index < 0) return -Infinity;
  return index < customValues.length ? customValues[index]! : Infinity;
}

/** All buckets, also explicit empty ones, from the lowest bound to the highest; the zero bucket when it is populated. */
export function allBuckets(h: FloatHistogram): HistogramBucket[] {
  const buckets: HistogramBucket[] = [];
  const walk = new BucketWalk(h, 'rising');
  while (walk.next()) buckets.push(bucketOf(walk));
  return buckets;
}

function bucketOf(walk: BucketWalk): HistogramBucket {
  const { lower, upper, lowerInclusive, upperInclusive, count, index } = walk;
  return { lower, upper, lowerInclusive, upperInclusive, count, index };
}

/**
 * Which buckets a walk meets in what order: all of them by rising or falling bounds, with bounds cut off at the zero
 * threshold; or those of one side from zero outwards, with the bounds of the schema.
 */
export type WalkOrder = 'rising' | 'falling' | 'positive' | 'negative';

const NEGATIVE = -1;
const ZERO = 0;
const POSITIVE = 1;

const STAGES: { readonly [order in WalkOrder]: readonly (-1 | 0 | 1)[] } = {
  rising: [NEGATIVE, ZERO, POSITIVE],
  falling: [POSITIVE, ZERO, NEGATIVE],
  positive: [POSITIVE],
  negative: [NEGATIVE],
};

/**
 * Goes through the buckets of one histogram without making an object for each: after `next()` was true the fields
 * describe the present bucket, including empty ones that are explicit.
 *
 * @see prometheus model/histogram/float_histogram.go AllBucketIterator, AllReverseBucketIterator
 */
export class BucketWalk {
  lower = 0;
  upper = 0;
  lowerInclusive = false;
  upperInclusive = false;
  count = 0;
  index = 0;
  readonly #h: FloatHistogram;
  readonly #stages: readonly (-1 | 0 | 1)[];
  readonly #cutsAtZero: boolean;
  #stage = -1;
  #cursor: SideCursor | undefined;

  constructor(h: FloatHistogram, order: WalkOrder) {
    this.#h = h;
    this.#stages = STAGES[order];
    this.#cutsAtZero = this.#stages.length > 1;
  }

  /** Goes on to the next bucket; false when there is none. */
  next(): boolean {
    for (;;) {
      if (this.#cursor?.next() === true) {
        this.#showSide(this.#cursor);
        return true;
      }
      this.#stage++;
      this.#cursor = undefined;
      const sign = this.#stages[this.#stage];
      if (sign === undefined) return false;
      if (sign !== ZERO) this.#cursor = this.#openSide(sign);
      else if (this.#h.zeroCount > 0) {
        this.#showZero();
        return true;
      }
    }
  }

  #openSide(sign: 1 | -1): SideCursor {
    // The first of several stages is walked towards zero, the last away from it.
    const inwards = this.#stage < this.#stages.length - 1;
    const { positiveSpans, positiveBuckets: positive, negativeSpans, negativeBuckets: negative } = this.#h;
    return sign === POSITIVE
      ? new SideCursor(positiveSpans, positive, sign, inwards)
      : new SideCursor(negativeSpans, negative, sign, inwards);
  }

  #showZero(): void {
    const { zeroThreshold, zeroCount } = this.#h;
    this.lower = -zeroThreshold;
    this.upper = zeroThreshold;
    this.lowerInclusive = true;
    this.upperInclusive = true;
    this.count = zeroCount;
    this.index = 0;
  }

  #showSide({ index, count, sign }: SideCursor): void {
    const { schema, zeroThreshold } = this.#h;
    const outer = this.#bound(index, sign);
    const inner = this.#bound(index - 1, sign);
    this.lower = sign === POSITIVE ? inner : -outer;
    this.upper = sign === POSITIVE ? outer : -inner;
    this.count = count;
    this.index = index;
    if (schema === CUSTOM_BUCKETS_SCHEMA) {
      this.lowerInclusive = index === 0;
      this.upperInclusive = true;
    } else {
      this.lowerInclusive = this.lower < 0;
      this.upperInclusive = this.upper > 0;
    }
    if (!this.#cutsAtZero) return;
    if (this.upper < 0 && this.upper > -zeroThreshold) this.upper = -zeroThreshold;
    else if (this.lower > 0 && this.lower < zeroThreshold) this.lower = zeroThreshold;
  }

  #bound(index: number, sign: 1 | -1): number {
    return bucketBound(index, this.#h.schema, sign === POSITIVE ? this.#h.customValues : NO_FLOATS);
  }
}

/** Goes through the buckets of one side, from zero outwards or inwards. */
class SideCursor {
  index: number;
  count = 0;
  readonly sign: 1 | -1;
  readonly #spans: Spans;
  readonly #counts: Float64Array;
  readonly #step: 1 | -1;
  #span: number;
  #left = 0;
  #at: number;

  constructor(spans: Spans, counts: Float64Array, sign: 1 | -1, inwards: boolean) {
    this.#spans = spans;
    this.#counts = counts;
    this.sign = sign;
    this.#step = inwards ? -1 : 1;
    let end = 0;
    for (const number of spans) end += number;
    this.index = inwards ? end : -1;
    this.#span = inwards ? spans.length : -2;
    this.#at = inwards ? counts.length : -1;
  }

  next(): boolean {
    const at = this.#at + this.#step;
    if (at < 0 || at >= this.#counts.length) return false;
    while (this.#left === 0) if (!this.#enterSpan()) return false;
    this.#left--;
    this.index += this.#step;
    this.#at = at;
    this.count = this.#counts[at]!;
    return true;
  }

  #enterSpan(): boolean {
    const spans = this.#spans;
    // Going inwards the gap to cross is that of the span left, going outwards that of the span entered.
    const leaving = this.#span;
    this.#span += 2 * this.#step;
    const length = spans[this.#span + 1];
    if (length === undefined) return false;
    if (this.#step === 1) this.index += spans[this.#span]!;
    else if (leaving < spans.length) this.index -= spans[leaving]!;
    this.#left = length;
    return true;
  }
}
