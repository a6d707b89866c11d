import { exponentialBound } from './bounds.ts';
import { NO_FLOATS, NO_SPANS, type FloatHistogram, type Spans } from './float-histogram.ts';
import { mergedLayout, sameSpans, unionLayout } from './layout.ts';

/** The positive or the negative buckets of a histogram. */
export interface Side {
  readonly spans: Spans;
  readonly counts: Float64Array;
}

/** The positive buckets of a histogram. */
export function positiveSide(h: FloatHistogram): Side {
  return { spans: h.positiveSpans, counts: h.positiveBuckets };
}

/** The negative buckets of a histogram. */
export function negativeSide(h: FloatHistogram): Side {
  return { spans: h.negativeSpans, counts: h.negativeBuckets };
}

/** No buckets. */
const EMPTY_SIDE: Side = { spans: NO_SPANS, counts: NO_FLOATS };

/** How many buckets at the beginning lie within the zero bucket: those whose upper bound is not above `threshold`. */
export function bucketsWithin(spans: Spans, schema: number, threshold: number): number {
  let within = 0;
  let index = 0;
  for (let i = 0; i < spans.length; i += 2) {
    index += spans[i]!;
    for (let left = spans[i + 1]!; left > 0; left--, index++, within++) {
      if (exponentialBound(index, schema) > threshold) return within;
    }
  }
  return within;
}

/** `a + sign * b` bucket by bucket, without the first `skipped` of `b`. New arrays, or those of `a` when `b` is empty. */
export function combineSides(a: Side, b: Side, skipped: number, sign: 1 | -1): Side {
  if (b.counts.length <= skipped) return a;
  if (skipped === 0 && sameSpans(a.spans, b.spans)) {
    return { spans: a.spans, counts: combineEqual(a.counts, b.counts, sign) };
  }
  const { spans, length, fromFirst, fromSecond } = unionLayout(a.spans, b.spans, skipped);
  const counts = new Float64Array(length);
  for (let i = 0; i < a.counts.length; i++) counts[fromFirst[i]!] = a.counts[i]!;
  for (let i = skipped; i < b.counts.length; i++) {
    const to = fromSecond[i]!;
    counts[to < 0 ? ~to : to]! += sign * b.counts[i]!;
  }
  return { spans, counts };
}

/** The common case of series scraped one after the other: no layout to work out. */
function combineEqual(a: Float64Array, b: Float64Array, sign: 1 | -1): Float64Array {
  const counts = new Float64Array(a.length);
  if (sign === 1) for (let i = 0; i < counts.length; i++) counts[i] = a[i]! + b[i]!;
  else for (let i = 0; i < counts.length; i++) counts[i] = a[i]! - b[i]!;
  return counts;
}

/** The side `levels` schemas below. */
export function reduceSide(side: Side, levels: number): Side {
  if (levels === 0 || side.counts.length === 0) return side;
  const { spans, length, from } = mergedLayout(side.spans, levels);
  const counts = new Float64Array(length);
  for (let i = 0; i < from.length; i++) counts[from[i]!]! += side.counts[i]!;
  return { spans, counts };
}

/**
 * Drops empty buckets, except runs of at most `maxEmpty` between others, which stay (or become) explicit. The side
 * itself when there is nothing to do.
 *
 * @see prometheus model/histogram/generic.go compactBuckets
 */
export function compactSide(side: Side, maxEmpty: number): Side {
  if (isCompact(side, maxEmpty)) return side;
  const compacted: number[] = [];
  let length = 0;
  forEachFilled(side, (gap) => {
    const joins = compacted.length > 0 && gap <= maxEmpty;
    if (joins) compacted[compacted.length - 1]! += gap + 1;
    else compacted.push(gap, 1);
    length += joins ? gap + 1 : 1;
  });
  if (length === 0) return EMPTY_SIDE;
  const counts = new Float64Array(length);
  let at = -1;
  forEachFilled(side, (gap, count) => {
    at += at >= 0 && gap <= maxEmpty ? gap + 1 : 1;
    counts[at] = count;
  });
  return { spans: new Int32Array(compacted), counts };
}

function isCompact({ spans, counts }: Side, maxEmpty: number): boolean {
  for (let i = 0; i < counts.length; i++) if (counts[i] === 0) return false;
  for (let i = 0; i < spans.length; i += 2) {
    if (spans[i + 1] === 0 || (i > 0 && spans[i]! <= maxEmpty)) return false;
  }
  return true;
}

/** Calls with the count of each bucket that is not empty and its distance from the end of the one before. */
function forEachFilled({ spans, counts }: Side, visit: (gap: number, count: number) => void): void {
  let gap = 0;
  let at = 0;
  for (let i = 0; i < spans.length; i += 2) {
    gap += spans[i]!;
    for (let left = spans[i + 1]!; left > 0; left--, at++) {
      const count = counts[at]!;
      if (count === 0) gap++;
      else {
        visit(gap, count);
        gap = 0;
      }
    }
  }
}
