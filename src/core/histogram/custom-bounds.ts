import type { Spans } from './float-histogram.ts';
import { addAt, type CompensatedSide } from './compensated.ts';
import type { Side } from './sides.ts';

/**
 * Histograms with different custom bounds, compared and combined at the bounds both have.
 *
 * @see prometheus model/histogram/float_histogram.go intersectCustomBucketBounds
 */

/** The bounds in both lists, each of which rises. */
export function commonBounds(a: Float64Array, b: Float64Array): Float64Array {
  const common = new Float64Array(Math.min(a.length, b.length));
  let length = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) {
      common[length++] = a[i]!;
      i++;
      j++;
    } else if (a[i]! < b[j]!) i++;
    else j++;
  }
  return common.slice(0, length);
}

/**
 * Where each bucket of `spans` with upper bounds `bounds` goes among `common`, a part of these bounds: the first with
 * a bound not below its own, `common.length` being the one up to +Inf.
 */
export function placesAmong(
  spans: Spans,
  buckets: number,
  bounds: Float64Array,
  common: Float64Array,
): Int32Array {
  const places = new Int32Array(buckets);
  let at = 0;
  let index = 0;
  let place = 0;
  for (let i = 0; i < spans.length; i += 2) {
    index += spans[i]!;
    for (let left = spans[i + 1]!; left > 0 && at < buckets; left--, index++) {
      const bound = index < bounds.length ? bounds[index]! : Infinity;
      while (place < common.length && common[place]! < bound) place++;
      places[at++] = place;
    }
  }
  return places;
}

/** One of two histograms to be combined at common bounds. */
export interface BoundedSide extends Side {
  readonly bounds: Float64Array;
  readonly compensations?: Float64Array;
}

/**
 * `a + sign * b` at the bounds both have; buckets that come out empty are left out.
 *
 * @see prometheus model/histogram/float_histogram.go addCustomBucketsWithMismatches
 */
export function combineAtCommonBounds(
  a: BoundedSide,
  b: BoundedSide,
  common: Float64Array,
  sign: 1 | -1,
): CompensatedSide {
  const sums = new Float64Array(common.length + 1);
  const compensations = new Float64Array(common.length + 1);
  const toA = placesAmong(a.spans, a.counts.length, a.bounds, common);
  for (let i = 0; i < toA.length; i++) {
    addAt(sums, compensations, toA[i]!, a.counts[i]!);
    if (a.compensations !== undefined) addAt(sums, compensations, toA[i]!, a.compensations[i]!);
  }
  const toB = placesAmong(b.spans, b.counts.length, b.bounds, common);
  for (let i = 0; i < toB.length; i++) addAt(sums, compensations, toB[i]!, sign * b.counts[i]!);
  return withoutEmpty(sums, compensations);
}

function withoutEmpty(sums: Float64Array, compensations: Float64Array): CompensatedSide {
  const spans: number[] = [];
  let kept = 0;
  let last = -1;
  for (let i = 0; i < sums.length; i++) {
    if (sums[i] === 0 && compensations[i] === 0) continue;
    if (kept > 0 && last === i - 1) spans[spans.length - 1]!++;
    else spans.push(i - last - 1, 1);
    last = i;
    sums[kept] = sums[i]!;
    compensations[kept++] = compensations[i]!;
  }
  return {
    spans: new Int32Array(spans),
    counts: sums.slice(0, kept),
    compensations: compensations.slice(0, kept),
  };
}
