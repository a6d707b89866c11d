import { combinedHint, divideHistogram } from './arithmetic.ts';
import {
  addAt,
  addCompensated,
  compactCompensated,
  compensatedSide,
  reduceCompensated,
  type CompensatedSide,
} from './compensated.ts';
import { combineAtCommonBounds, commonBounds } from './custom-bounds.ts';
import type { CounterResetHint } from './float-histogram.ts';
import { CUSTOM_BUCKETS_SCHEMA, FloatHistogram } from './float-histogram.ts';
import { sameBounds } from './layout.ts';
import { bucketsWithin, negativeSide, positiveSide, type Side } from './sides.ts';
import { bucketsBelow, zeroBucketFor, zeroBucketParts, type ZeroBucket } from './zero-bucket.ts';

/** What became of adding one histogram to a running sum or mean. */
export type Added =
  | {
      readonly kind: 'added';
      /** The sum was of counters that were reset and this one not, or the other way round. */
      readonly counterResetCollision: boolean;
      /** Custom bounds differed: the sum now has those in both. */
      readonly boundsReconciled: boolean;
    }
  /** One has exponential, the other custom buckets; the sum is unchanged. */
  | { readonly kind: 'incompatibleSchema' };

const INCOMPATIBLE: Added = { kind: 'incompatibleSchema' };
const ADDED: readonly Added[] = [0, 1, 2, 3].map((flags) => ({
  kind: 'added',
  counterResetCollision: (flags & 1) !== 0,
  boundsReconciled: (flags & 2) !== 0,
}));

/** Places of `#totals`. */
const COUNT = 0;
const SUM = 1;
const ZERO = 2;

/**
 * Sum of histograms in which every number is a compensated sum, so that its rounding error doesn't grow with how many
 * are added. Adding histograms of one layout makes no objects.
 *
 * @see prometheus model/histogram/float_histogram.go KahanAdd
 */
export class HistogramSum {
  #schema: number;
  #hint: CounterResetHint;
  #zeroThreshold: number;
  #customValues: Float64Array;
  #totals: Float64Array;
  #compensations: Float64Array;
  #positive: CompensatedSide;
  #negative: CompensatedSide;
  /** Something was added: until then there is no compensation, whose zero would make of -0 a 0. */
  #summed = false;

  /** Begins with one histogram, or, for a copy, with what another sum has come to. */
  constructor(from: FloatHistogram | HistogramSum) {
    if (from instanceof HistogramSum) {
      this.#schema = from.#schema;
      this.#hint = from.#hint;
      this.#zeroThreshold = from.#zeroThreshold;
      this.#customValues = from.#customValues;
      this.#totals = from.#totals.slice();
      this.#compensations = from.#compensations.slice();
      this.#positive = copySide(from.#positive);
      this.#negative = copySide(from.#negative);
      this.#summed = from.#summed;
      return;
    }
    this.#schema = from.schema;
    this.#hint = from.counterResetHint;
    this.#zeroThreshold = from.zeroThreshold;
    this.#customValues = from.customValues;
    this.#totals = Float64Array.of(from.count, from.sum, from.zeroCount);
    this.#compensations = new Float64Array(3);
    this.#positive = compensatedSide(positiveSide(from));
    this.#negative = compensatedSide(negativeSide(from));
  }

  /** Adds `h`, in the lower resolution and with the wider zero bucket of both, as `addHistograms` does. */
  add(h: FloatHistogram): Added {
    const custom = h.usesCustomBuckets;
    if (custom !== (this.#schema === CUSTOM_BUCKETS_SCHEMA)) return INCOMPATIBLE;
    let flags = 0;
    this.#summed = true;
    if (h.counterResetHint !== this.#hint) {
      const { hint, collision } = combinedHint(this.#hint, h.counterResetHint);
      this.#hint = hint;
      if (collision) flags |= 1;
    }
    this.#addTotal(COUNT, h.count);
    this.#addTotal(SUM, h.sum);
    if (!custom) this.#addExponential(h);
    else if (sameBounds(this.#customValues, h.customValues)) {
      this.#positive = addCompensated(this.#positive, positiveSide(h), 0);
    } else {
      this.#addReconciled(h);
      flags |= 2;
    }
    return ADDED[flags]!;
  }

  /** The sum so far. It may have empty buckets: see `compactHistogram`. */
  result(): FloatHistogram {
    return new FloatHistogram({
      schema: this.#schema,
      counterResetHint: this.#hint,
      zeroThreshold: this.#zeroThreshold,
      customValues: this.#customValues,
      count: this.#total(COUNT),
      sum: this.#total(SUM),
      zeroCount: this.#total(ZERO),
      positiveSpans: this.#positive.spans,
      positiveBuckets: this.#sideTotals(this.#positive),
      negativeSpans: this.#negative.spans,
      negativeBuckets: this.#sideTotals(this.#negative),
    });
  }

  /** Changes every number by `change`. */
  #each(change: (value: number) => number): void {
    const { counts, compensations } = this.#positive;
    const { counts: negativeCounts, compensations: negativeCompensations } = this.#negative;
    const all = [
      counts,
      compensations,
      negativeCounts,
      negativeCompensations,
      this.#totals,
      this.#compensations,
    ];
    for (const numbers of all) for (let i = 0; i < numbers.length; i++) numbers[i] = change(numbers[i]!);
  }

  /** Multiplies the sum by `factor`, which is positive. */
  scale(factor: number): void {
    this.#each((value) => value * factor);
  }

  /** Divides the sum by `divisor`, which is positive. */
  divide(divisor: number): void {
    this.#each((value) => value / divisor);
  }

  /** Whether any number has become infinite. */
  hasOverflow(): boolean {
    return (
      hasInfinity(this.#totals) ||
      hasInfinity(this.#positive.counts) ||
      hasInfinity(this.#negative.counts) ||
      hasInfinity(this.#customValues)
    );
  }

  #addTotal(at: number, value: number): void {
    addAt(this.#totals, this.#compensations, at, value);
  }

  #total(at: number): number {
    return this.#summed ? this.#totals[at]! + this.#compensations[at]! : this.#totals[at]!;
  }

  #sideTotals({ counts, compensations }: CompensatedSide): Float64Array {
    return this.#summed ? counts.map((count, i) => count + compensations[i]!) : counts.slice();
  }

  #addExponential(h: FloatHistogram): void {
    if (h.zeroThreshold === this.#zeroThreshold) this.#addTotal(ZERO, h.zeroCount);
    else this.#addOtherZeroBucket(h);
    if (h.schema < this.#schema) {
      const levels = this.#schema - h.schema;
      this.#positive = reduceCompensated(this.#positive, levels);
      this.#negative = reduceCompensated(this.#negative, levels);
      this.#schema = h.schema;
    }
    this.#positive = this.#addSide(this.#positive, h.positiveSpans, h.positiveBuckets, h.schema);
    this.#negative = this.#addSide(this.#negative, h.negativeSpans, h.negativeBuckets, h.schema);
  }

  #addSide(into: CompensatedSide, spans: Int32Array, counts: Float64Array, schema: number): CompensatedSide {
    if (counts.length === 0) return into;
    let other: Side = { spans, counts };
    if (schema > this.#schema) other = reduceCompensated(compensatedSide(other), schema - this.#schema);
    return addCompensated(into, other, bucketsWithin(other.spans, this.#schema, this.#zeroThreshold));
  }

  #addOtherZeroBucket(h: FloatHistogram): void {
    const parts = zeroBucketParts(h);
    let other: ZeroBucket = { threshold: h.zeroThreshold, count: h.zeroCount, compensation: 0 };
    for (;;) {
      if (other.threshold < this.#zeroThreshold) other = zeroBucketFor(parts, this.#zeroThreshold);
      else if (other.threshold > this.#zeroThreshold) this.#widenZeroBucket(other.threshold);
      else break;
    }
    this.#addTotal(ZERO, other.count);
    this.#addTotal(ZERO, other.compensation);
  }

  #widenZeroBucket(atLeast: number): void {
    const { threshold, count, compensation } = zeroBucketFor(
      {
        schema: this.#schema,
        zeroThreshold: this.#zeroThreshold,
        zeroCount: this.#totals[ZERO]!,
        zeroCompensation: this.#compensations[ZERO]!,
        positive: this.#positive,
        negative: this.#negative,
      },
      atLeast,
    );
    this.#zeroThreshold = threshold;
    this.#totals[ZERO] = count;
    this.#compensations[ZERO] = compensation;
    const beyond = (side: CompensatedSide): CompensatedSide =>
      compactCompensated(side, bucketsBelow(side.spans, this.#schema, threshold).buckets);
    this.#positive = beyond(this.#positive);
    this.#negative = beyond(this.#negative);
  }

  #addReconciled(h: FloatHistogram): void {
    const common = commonBounds(this.#customValues, h.customValues);
    this.#positive = combineAtCommonBounds(
      { ...this.#positive, bounds: this.#customValues },
      { spans: h.positiveSpans, counts: h.positiveBuckets, bounds: h.customValues },
      common,
      1,
    );
    this.#customValues = common;
  }
}

function copySide({ spans, counts, compensations }: CompensatedSide): CompensatedSide {
  return { spans, counts: counts.slice(), compensations: compensations.slice() };
}

function hasInfinity(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i]!) === Infinity) return true;
  return false;
}

/**
 * Mean of histograms: the compensated sum divided by how many there are, unless the sum overflows; from then on the mean
 * is carried along, which is less exact.
 *
 * @see prometheus promql/engine.go aggregation (parser.AVG), promql/functions.go funcAvgOverTime
 */
export class HistogramMean {
  #sum: HistogramSum;
  #count = 1;
  #incremental = false;

  constructor(first: FloatHistogram) {
    this.#sum = new HistogramSum(first);
  }

  /** Takes one more into the mean; see {@link HistogramSum.add}. */
  add(h: FloatHistogram): Added {
    if (!this.#incremental) {
      const sum = new HistogramSum(this.#sum);
      const added = sum.add(h);
      if (added.kind === 'incompatibleSchema') return added;
      if (!sum.hasOverflow()) {
        this.#sum = sum;
        this.#count++;
        return added;
      }
      this.#incremental = true;
      this.#sum.divide(this.#count);
    }
    const count = this.#count + 1;
    const share = divideHistogram(h, count);
    const next = new HistogramSum(this.#sum);
    next.scale((count - 1) / count);
    const added = next.add(share);
    if (added.kind === 'incompatibleSchema') return added;
    this.#sum = next;
    this.#count = count;
    return added;
  }

  /** The mean so far. It may have empty buckets: see `compactHistogram`. */
  result(): FloatHistogram {
    if (this.#incremental) return this.#sum.result();
    const mean = new HistogramSum(this.#sum);
    mean.divide(this.#count);
    return mean.result();
  }
}
