import type { Spans } from './float-histogram.ts';

/**
 * Where buckets lie: arithmetic on spans alone. Each function says where counts go; moving them is a plain loop of the
 * caller, which may have a second array (of rounding errors) to move alongside.
 */

/** How many buckets the spans hold. */
export function bucketCount(spans: Spans): number {
  let count = 0;
  for (let i = 1; i < spans.length; i += 2) count += spans[i]!;
  return count;
}

/** The index of each bucket in its schema, rising. */
export function bucketIndexes(spans: Spans): Int32Array {
  const indexes = new Int32Array(bucketCount(spans));
  writeIndexes(spans, indexes);
  return indexes;
}

/** Writes what {@link bucketIndexes} gives to the beginning of `into`; gives the number of buckets. */
function writeIndexes(spans: Spans, into: Int32Array): number {
  let index = 0;
  let at = 0;
  for (let i = 0; i < spans.length; i += 2) {
    index += spans[i]!;
    for (let left = spans[i + 1]!; left > 0; left--) into[at++] = index++;
  }
  return at;
}

/** Whether two lists of spans are the same number by number. */
export function sameSpans(a: Spans, b: Spans): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether two lists of numbers are equal one by one. */
export function sameBounds(a: Float64Array, b: Float64Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Whether spans describe the same layout, empty spans counting towards the offset of the next. Neighbouring spans
 * without a gap are not the same as one span.
 *
 * @see prometheus model/histogram/histogram.go spansMatch
 */
export function sameLayout(a: Spans, b: Spans): boolean {
  return sameSpans(a, b) || sameSpans(withoutEmptySpans(a), withoutEmptySpans(b));
}

function withoutEmptySpans(spans: Spans): Spans {
  const kept: number[] = [];
  let offset = 0;
  for (let i = 0; i < spans.length; i += 2) {
    offset += spans[i]!;
    if (spans[i + 1]! === 0) continue;
    kept.push(offset, spans[i + 1]!);
    offset = 0;
  }
  return new Int32Array(kept);
}

/** Two layouts in one. */
export interface UnionLayout {
  readonly spans: Spans;
  /** How many buckets the union has. */
  readonly length: number;
  /** Where the i-th bucket of the first goes. To be read before the next union is made, as the memory is shared. */
  readonly fromFirst: Int32Array;
  /** Where the i-th bucket of the second goes, what the first lacks as the complement `~at`; as `fromFirst`. */
  readonly fromSecond: Int32Array;
}

/** Memory for unions, which are made by the million and used at once. */
class UnionScratch {
  readonly capacity: number;
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly startsSpan: Uint8Array;
  readonly fromFirst: Int32Array;
  readonly fromSecond: Int32Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.first = new Int32Array(capacity);
    this.second = new Int32Array(capacity);
    this.startsSpan = new Uint8Array(capacity);
    this.fromFirst = new Int32Array(capacity);
    this.fromSecond = new Int32Array(capacity);
  }
}

let scratch = new UnionScratch(256);

/**
 * The buckets of both, the first `skipped` of `second` left out (their places in `fromSecond` are meaningless). Spans
 * of `first` stay apart even where nothing is left between them: a bucket that fills a gap belongs to the span before
 * it, one directly in front of a span to that span.
 *
 * @see prometheus model/histogram/float_histogram.go addBuckets
 */
export function unionLayout(first: Spans, second: Spans, skipped: number): UnionLayout {
  const needed = Math.max(bucketCount(first), bucketCount(second));
  if (needed > scratch.capacity) scratch = new UnionScratch(2 * needed);
  const { first: a, second: b, startsSpan, fromFirst, fromSecond } = scratch;
  const aLength = writeIndexes(first, a);
  const bLength = writeIndexes(second, b);
  writeSpanStarts(first, startsSpan);
  const spans: number[] = [];
  let length = 0;
  // The two buckets before, and whether the last one is in `first`.
  let last = BEFORE_ALL;
  let beforeLast = last;
  let lastInFirst = false;
  for (let i = 0, j = skipped; i < aLength || j < bLength; length++) {
    const inFirst = i < aLength && (j >= bLength || a[i]! <= b[j]!);
    const index = inFirst ? a[i]! : b[j]!;
    let opens = last !== index - 1;
    if (!opens && inFirst) opens = lastInFirst ? startsSpan[i] === 1 : beforeLast === index - 2;
    if (opens) spans.push(last === BEFORE_ALL ? index : index - last - 1, 1);
    else spans[spans.length - 1]!++;
    if (j < bLength && b[j] === index) fromSecond[j++] = inFirst ? length : ~length;
    if (inFirst) fromFirst[i++] = length;
    beforeLast = last;
    last = index;
    lastInFirst = inFirst;
  }
  return { spans: new Int32Array(spans), length, fromFirst, fromSecond };
}

/** No index of a bucket, nor next to one. */
const BEFORE_ALL = -(2 ** 33);

/** 1 for each bucket with which a span begins, 0 for the others. */
function writeSpanStarts(spans: Spans, into: Uint8Array): void {
  let at = 0;
  for (let i = 1; i < spans.length; i += 2) {
    const end = at + spans[i]!;
    for (let first = 1; at < end; at++, first = 0) into[at] = first;
  }
}

/** A layout with less resolution. */
export interface MergedLayout {
  readonly spans: Spans;
  readonly length: number;
  /** Where the i-th bucket goes; rising. */
  readonly from: Int32Array;
}

/**
 * The layout `levels` schemas below: 2^levels buckets in one. Neighbours become one span.
 *
 * @see prometheus model/histogram/generic.go reduceResolution
 */
export function mergedLayout(spans: Spans, levels: number): MergedLayout {
  const from = bucketIndexes(spans);
  const merged: number[] = [];
  let length = 0;
  let last = BEFORE_ALL;
  for (let i = 0; i < from.length; i++) {
    const index = ((from[i]! - 1) >> levels) + 1;
    if (index !== last) {
      if (length === 0) merged.push(index, 1);
      else if (index === last + 1) merged[merged.length - 1]!++;
      else merged.push(index - last - 1, 1);
      last = index;
      length++;
    }
    from[i] = length - 1;
  }
  return { spans: new Int32Array(merged), length, from };
}
