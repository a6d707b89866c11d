import type { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { bucketsOf } from '../compare.ts';
import { Unsupported } from './values.ts';

/**
 * Native histograms in the plainest form: counts by bucket index. Exponential schemas only, one zero threshold; what is
 * beyond that the reference doesn't answer.
 */
export class PlainHistogram {
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positive: ReadonlyMap<number, number>;
  readonly negative: ReadonlyMap<number, number>;

  constructor(parts: Omit<PlainHistogram, 'bounds'>) {
    this.schema = parts.schema;
    this.zeroThreshold = parts.zeroThreshold;
    this.zeroCount = parts.zeroCount;
    this.count = parts.count;
    this.sum = parts.sum;
    this.positive = parts.positive;
    this.negative = parts.negative;
  }

  /** Bounds and count of every bucket that isn't empty, from the lowest to the highest. */
  bounds(): { readonly lower: number; readonly upper: number; readonly count: number }[] {
    const bound = (index: number): number => 2 ** (index * 2 ** -this.schema);
    const rows = [...this.positive].map(([i, count]) => ({ lower: bound(i - 1), upper: bound(i), count }));
    for (const [i, count] of this.negative) rows.push({ lower: -bound(i), upper: -bound(i - 1), count });
    const { zeroThreshold, zeroCount } = this;
    if (zeroCount > 0) rows.push({ lower: -zeroThreshold, upper: zeroThreshold, count: zeroCount });
    return rows.filter(({ count }) => count !== 0).sort((a, b) => a.upper - b.upper);
  }
}

/** A stored histogram in plain form. */
export function plain(histogram: FloatHistogram): PlainHistogram {
  if (histogram.usesCustomBuckets) throw new Unsupported('custom buckets');
  return new PlainHistogram({
    schema: histogram.schema,
    zeroThreshold: histogram.zeroThreshold,
    zeroCount: histogram.zeroCount,
    count: histogram.count,
    sum: histogram.sum,
    positive: bucketsOf(histogram.positiveSpans, histogram.positiveBuckets),
    negative: bucketsOf(histogram.negativeSpans, histogram.negativeBuckets),
  });
}

/** Bucket i of a finer schema lies in bucket ceil(i / 2^levels) of a coarser one. */
function atSchema(buckets: ReadonlyMap<number, number>, levels: number): Map<number, number> {
  const merged = new Map<number, number>();
  for (const [index, count] of buckets) {
    const target = Math.ceil(index / 2 ** levels);
    merged.set(target, (merged.get(target) ?? 0) + count);
  }
  return merged;
}

/** a + sign * b, in the coarser of both resolutions. */
export function combine(a: PlainHistogram, b: PlainHistogram, sign: 1 | -1): PlainHistogram {
  if (a.zeroThreshold !== b.zeroThreshold) throw new Unsupported('different zero thresholds');
  const schema = Math.min(a.schema, b.schema);
  const side = (key: 'positive' | 'negative'): Map<number, number> => {
    const total = atSchema(a[key], a.schema - schema);
    for (const [index, count] of atSchema(b[key], b.schema - schema)) {
      total.set(index, (total.get(index) ?? 0) + sign * count);
    }
    return total;
  };
  return new PlainHistogram({
    schema,
    zeroThreshold: a.zeroThreshold,
    zeroCount: a.zeroCount + sign * b.zeroCount,
    count: a.count + sign * b.count,
    sum: a.sum + sign * b.sum,
    positive: side('positive'),
    negative: side('negative'),
  });
}

/** Every count and the sum times a factor. */
export function scale(histogram: PlainHistogram, factor: number): PlainHistogram {
  const times = (buckets: ReadonlyMap<number, number>): Map<number, number> =>
    new Map([...buckets].map(([index, count]) => [index, count * factor]));
  return new PlainHistogram({
    schema: histogram.schema,
    zeroThreshold: histogram.zeroThreshold,
    zeroCount: histogram.zeroCount * factor,
    count: histogram.count * factor,
    sum: histogram.sum * factor,
    positive: times(histogram.positive),
    negative: times(histogram.negative),
  });
}

/** Whether the counter began anew: a finer schema, or any count that went down (compared in the earlier resolution). */
export function isReset(current: PlainHistogram, previous: PlainHistogram): boolean {
  if (current.count < previous.count) return true;
  if (current.schema > previous.schema || current.zeroCount < previous.zeroCount) return true;
  return (['positive', 'negative'] as const).some((key) =>
    [...atSchema(previous[key], previous.schema - current.schema)].some(
      ([index, count]) => (current[key].get(index) ?? 0) < count,
    ),
  );
}
