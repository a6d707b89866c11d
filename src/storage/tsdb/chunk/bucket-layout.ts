import { CUSTOM_BUCKETS_SCHEMA, NO_FLOATS, NO_SPANS } from '../../../core/histogram/float-histogram.ts';
import type { FloatHistogram, Spans } from '../../../core/histogram/float-histogram.ts';
import { bucketIndexes, sameSpans } from '../../../core/histogram/layout.ts';
import type { BitReader } from './bit-reader.ts';
import type { BitWriter } from './bit-writer.ts';
import { damagedChunk } from './damaged-chunk.ts';
import { HIGH, LOW } from './words.ts';

/** What all histograms of a chunk have in common. */
export interface ChunkLayout {
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly positiveSpans: Spans;
  readonly negativeSpans: Spans;
  /** Bounds of custom buckets. */
  readonly customValues: Float64Array;
}

/** That of a chunk of nothing but stale markers. */
export const EMPTY_LAYOUT: ChunkLayout = {
  schema: 0,
  zeroThreshold: 0,
  positiveSpans: NO_SPANS,
  negativeSpans: NO_SPANS,
  customValues: NO_FLOATS,
};

const floatBox = new Float64Array(1);
const wordBox = new Uint32Array(floatBox.buffer);

/** Writes a float by its bits. */
export function writeFloat(out: BitWriter, value: number): void {
  floatBox[0] = value;
  out.words(wordBox[HIGH]!, wordBox[LOW]!);
}

function readFloat(reader: BitReader): number {
  wordBox[HIGH] = reader.long(32);
  wordBox[LOW] = reader.long(32);
  return floatBox[0]!;
}

/** Numbers in front of the buckets: count, count of the zero bucket, sum. */
export const COUNT = 0;
export const ZERO_COUNT = 1;
export const SUM = 2;
export const FIRST_BUCKET = 3;

/**
 * Writes a layout.
 *
 * @see prometheus tsdb/chunkenc/histogram_meta.go writeHistogramChunkLayout
 */
export function writeLayout(out: BitWriter, layout: ChunkLayout): void {
  writeZeroThreshold(out, layout.zeroThreshold);
  out.varbitInt(layout.schema);
  writeSpans(out, layout.positiveSpans);
  writeSpans(out, layout.negativeSpans);
  if (layout.schema !== CUSTOM_BUCKETS_SCHEMA) return;
  out.varbitUint(layout.customValues.length);
  for (const bound of layout.customValues) writeBound(out, bound);
}

/** Reads a layout. Throws TOCSIN_ERR_STORAGE when it cannot be one, or calls for more than is there. */
export function readLayout(reader: BitReader): ChunkLayout {
  const zeroThreshold = readZeroThreshold(reader);
  const schema = reader.varbitInt();
  if (schema !== CUSTOM_BUCKETS_SCHEMA && !(schema >= -9 && schema <= 52))
    throw damagedChunk(`a histogram has the unknown schema ${schema}`);
  const positiveSpans = readSpans(reader);
  const negativeSpans = readSpans(reader);
  let customValues = NO_FLOATS;
  if (schema === CUSTOM_BUCKETS_SCHEMA) {
    customValues = new Float64Array(readSize(reader, 1));
    for (let i = 0; i < customValues.length; i++) customValues[i] = readBound(reader);
  }
  return { schema, zeroThreshold, positiveSpans, negativeSpans, customValues };
}

/** A length of something that takes `bits` a piece at least. */
function readSize(reader: BitReader, bits: number): number {
  const size = reader.varbitUint();
  if (size * bits > reader.left) throw damagedChunk('it ends within the layout of its histograms');
  return size;
}

function writeSpans(out: BitWriter, spans: Spans): void {
  out.varbitUint(spans.length / 2);
  for (let i = 0; i < spans.length; i += 2) {
    out.varbitUint(spans[i + 1]!);
    out.varbitInt(spans[i]!);
  }
}

function readSpans(reader: BitReader): Spans {
  const spans = new Int32Array(2 * readSize(reader, 2));
  let buckets = 0;
  for (let i = 0; i < spans.length; i += 2) {
    const length = reader.varbitUint();
    buckets += length;
    // Each bucket takes a bit at least in the first histogram.
    if (buckets > reader.left) throw damagedChunk('its histograms have more buckets than bits');
    spans[i + 1] = length;
    spans[i] = reader.varbitInt();
  }
  return spans;
}

/** Powers of two from 2^-243 to 2^10 are a byte, by their exponent. */
const EXPONENT_BIAS = 243;

function writeZeroThreshold(out: BitWriter, threshold: number): void {
  floatBox[0] = threshold;
  const high = wordBox[HIGH]!;
  // Exponent as of a fraction from 0.5 to 1.
  const exponent = ((high >>> 20) & 0x7ff) - 1022;
  const isPower = wordBox[LOW] === 0 && (high & 0x800f_ffff) === 0;
  if (threshold === 0) out.bits(0, 8);
  else if (isPower && exponent >= -242 && exponent <= 11) out.bits(exponent + EXPONENT_BIAS, 8);
  else {
    out.bits(255, 8);
    writeFloat(out, threshold);
  }
}

function readZeroThreshold(reader: BitReader): number {
  const byte = reader.bits(8);
  if (byte === 0) return 0;
  return byte === 255 ? readFloat(reader) : 2 ** (byte - EXPONENT_BIAS - 1);
}

/** Largest bound, in thousandths, that is written as a whole number. */
const MAX_THOUSANDTHS = 33_554_430;

function writeBound(out: BitWriter, bound: number): void {
  const thousandths = bound * 1000;
  const whole = Math.round(thousandths);
  if (thousandths >= 0 && thousandths <= MAX_THOUSANDTHS && whole / 1000 === bound) {
    out.varbitUint(whole + 1);
    return;
  }
  out.bits(0, 1);
  writeFloat(out, bound);
}

function readBound(reader: BitReader): number {
  const whole = reader.varbitUint();
  return whole === 0 ? readFloat(reader) : (whole - 1) / 1000;
}

/** One side's buckets of a layout. */
export interface SideLayout {
  readonly spans: Spans;
  /** Index of each bucket, rising. */
  readonly indexes: Int32Array;
}

/** The side that spans describe. */
export function sideLayout(spans: Spans): SideLayout {
  return { spans, indexes: bucketIndexes(spans) };
}

/** What one side of a chunk's histograms lacks of another's buckets, and the other way round. */
export interface SideGaps {
  /** The chunk lacks buckets of the histogram. */
  readonly inChunk: boolean;
  /** The histogram lacks buckets of the chunk. */
  readonly inHistogram: boolean;
}

const NO_GAPS: SideGaps = { inChunk: false, inHistogram: false };

/**
 * Compares the buckets of a chunk, and its newest counts, with those of a histogram. Undefined when a counter was reset
 * between them: a bucket shrank, or was not empty and is gone. Of gauges (`isGauge`) counts are not looked at.
 *
 * @see prometheus tsdb/chunkenc/float_histogram.go expandFloatSpansAndBuckets, histogram_meta.go expandSpansBothWays
 */
export function compareSides(
  chunk: SideLayout,
  chunkCounts: Float64Array,
  histogram: SideLayout,
  counts: Float64Array,
  isGauge: boolean,
): SideGaps | undefined {
  const a = chunk.indexes;
  const b = histogram.indexes;
  if (isGauge && sameSpans(chunk.spans, histogram.spans)) return NO_GAPS;
  let inChunk = false;
  let inHistogram = false;
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (j === b.length || (i < a.length && a[i]! < b[j]!)) {
      if (!isGauge && chunkCounts[i] !== 0) return undefined;
      inHistogram = true;
      i++;
    } else if (i === a.length || a[i]! > b[j]!) {
      inChunk = true;
      j++;
    } else if (!isGauge && chunkCounts[i]! > counts[j]!) {
      return undefined;
    } else {
      i++;
      j++;
    }
  }
  return inChunk || inHistogram ? { inChunk, inHistogram } : NO_GAPS;
}

/** The buckets of both; neighbours are one span. */
export function joinSides(a: SideLayout, b: SideLayout): SideLayout {
  const indexes = new Int32Array(a.indexes.length + b.indexes.length);
  const spans: number[] = [];
  let length = 0;
  for (let i = 0, j = 0; i < a.indexes.length || j < b.indexes.length; length++) {
    const left = i < a.indexes.length ? a.indexes[i]! : Infinity;
    const right = j < b.indexes.length ? b.indexes[j]! : Infinity;
    const index = Math.min(left, right);
    if (left === index) i++;
    if (right === index) j++;
    if (length === 0) spans.push(index, 1);
    else if (index === indexes[length - 1]! + 1) spans[spans.length - 1]!++;
    else spans.push(index - indexes[length - 1]! - 1, 1);
    indexes[length] = index;
  }
  return { spans: new Int32Array(spans), indexes: indexes.slice(0, length) };
}

/** Puts the counts of one side to their places in a layout that has all its buckets; `into` has zeros. */
export function placeCounts(
  from: Int32Array,
  counts: Float64Array,
  layout: Int32Array,
  into: Float64Array,
): void {
  for (let i = 0, at = 0; i < from.length; i++, at++) {
    while (at < layout.length && layout[at] !== from[i]) at++;
    into[at] = counts[i]!;
  }
}

/** The histogram itself, or one with as many counts as its spans call for. */
export function withMatchingCounts(
  histogram: FloatHistogram,
  positive: SideLayout,
  negative: SideLayout,
): FloatHistogram {
  const { positiveBuckets, negativeBuckets } = histogram;
  const positives = positive.indexes.length;
  const negatives = negative.indexes.length;
  if (positiveBuckets.length === positives && negativeBuckets.length === negatives) return histogram;
  return histogram.with({
    positiveBuckets: resized(positiveBuckets, positives),
    negativeBuckets: resized(negativeBuckets, negatives),
  });
}

function resized(counts: Float64Array, length: number): Float64Array {
  const made = new Float64Array(length);
  made.set(counts.subarray(0, length));
  return made;
}
