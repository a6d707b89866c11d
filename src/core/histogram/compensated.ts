import { bucketIndexes, mergedLayout, sameSpans, unionLayout } from './layout.ts';
import type { Side } from './sides.ts';

/** Buckets as compensated sums: a true count is `counts[i] + compensations[i]`. */
export interface CompensatedSide extends Side {
  readonly compensations: Float64Array;
}

/**
 * Adds `value` at one place of a list of compensated sums (Kahan's algorithm with Neumaier's swap); an infinite sum has
 * no compensation.
 *
 * @see prometheus util/kahansum/kahansum.go Inc
 */
export function addAt(sums: Float64Array, compensations: Float64Array, at: number, value: number): void {
  const sum = sums[at]!;
  const total = sum + value;
  if (total === Infinity || total === -Infinity) compensations[at] = 0;
  else if (Math.abs(sum) >= Math.abs(value)) compensations[at]! += sum - total + value;
  else compensations[at]! += value - total + sum;
  sums[at] = total;
}

/** The side with exact counts, to add to: its counts are copied. */
export function compensatedSide({ spans, counts }: Side): CompensatedSide {
  return { spans, counts: counts.slice(), compensations: new Float64Array(counts.length) };
}

/**
 * Adds `other` without its first `skipped` buckets to `into`, whose arrays are written to when it has all these
 * buckets already.
 *
 * @see prometheus model/histogram/float_histogram.go kahanAddBuckets
 */
export function addCompensated(
  into: CompensatedSide,
  other: Side & Partial<CompensatedSide>,
  skipped: number,
): CompensatedSide {
  if (other.counts.length <= skipped) return into;
  if (skipped === 0 && sameSpans(into.spans, other.spans)) {
    for (let i = 0; i < other.counts.length; i++) addBucket(into, i, other, i);
    return into;
  }
  const { spans, length, fromFirst, fromSecond } = unionLayout(into.spans, other.spans, skipped);
  if (length === into.counts.length) {
    for (let i = skipped; i < other.counts.length; i++) addBucket(into, fromSecond[i]!, other, i);
    return into;
  }
  const sum = { spans, counts: new Float64Array(length), compensations: new Float64Array(length) };
  for (let i = 0; i < into.counts.length; i++) {
    sum.counts[fromFirst[i]!] = into.counts[i]!;
    sum.compensations[fromFirst[i]!] = into.compensations[i]!;
  }
  for (let i = skipped; i < other.counts.length; i++) {
    const to = fromSecond[i]!;
    if (to >= 0) addBucket(sum, to, other, i);
    else {
      sum.counts[~to] = other.counts[i]!;
      sum.compensations[~to] = other.compensations?.[i] ?? 0;
    }
  }
  return sum;
}

function addBucket(
  into: CompensatedSide,
  at: number,
  other: Side & Partial<CompensatedSide>,
  i: number,
): void {
  addAt(into.counts, into.compensations, at, other.counts[i]!);
  const compensation = other.compensations?.[i] ?? 0;
  if (compensation !== 0) addAt(into.counts, into.compensations, at, compensation);
}

/**
 * The side `levels` schemas below.
 *
 * @see prometheus model/histogram/float_histogram.go kahanReduceResolution
 */
export function reduceCompensated(side: CompensatedSide, levels: number): CompensatedSide {
  if (levels === 0 || side.counts.length === 0) return side;
  const { spans, length, from } = mergedLayout(side.spans, levels);
  const reduced = { spans, counts: new Float64Array(length), compensations: new Float64Array(length) };
  for (let i = 0; i < from.length; i++) {
    const to = from[i]!;
    if (i === 0 || to !== from[i - 1]) {
      reduced.counts[to] = side.counts[i]!;
      reduced.compensations[to] = side.compensations[i]!;
    } else {
      addAt(reduced.counts, reduced.compensations, to, side.counts[i]!);
      addAt(reduced.counts, reduced.compensations, to, side.compensations[i]!);
    }
  }
  return reduced;
}

/** The side without its first `dropped` buckets and without empty ones (upstream kahanCompact). */
export function compactCompensated(side: CompensatedSide, dropped: number): CompensatedSide {
  const indexes = bucketIndexes(side.spans);
  const counts = new Float64Array(indexes.length);
  const compensations = new Float64Array(indexes.length);
  const spans: number[] = [];
  let kept = 0;
  let end = 0;
  for (let i = dropped; i < indexes.length; i++) {
    if (side.counts[i] === 0 && side.compensations[i] === 0) continue;
    const index = indexes[i]!;
    if (kept > 0 && index === end) spans[spans.length - 1]!++;
    else spans.push(index - end, 1);
    end = index + 1;
    counts[kept] = side.counts[i]!;
    compensations[kept++] = side.compensations[i]!;
  }
  return {
    spans: new Int32Array(spans),
    counts: counts.slice(0, kept),
    compensations: compensations.slice(0, kept),
  };
}
