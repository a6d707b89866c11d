import {
  CounterResetHint,
  CUSTOM_BUCKETS_SCHEMA,
  FloatHistogram,
} from '../../core/histogram/float-histogram.ts';
import type { Spans } from '../../core/histogram/float-histogram.ts';
import { TocsinError } from '../../core/errors.ts';
import { sameBounds, sameSpans } from '../../core/histogram/layout.ts';
import { detectReset } from '../../core/histogram/resets.ts';
import type { SampleBuffer } from '../seam.ts';
import type { StoredSample } from './stored-sample.ts';

/**
 * Chunks of native histograms and of samples with start timestamps, as they lie in memory. This is no format of
 * Prometheus': its own encodings (histograms, XOR2) are those of blocks on disk, see `chunk/`.
 *
 * A chunk is its samples one after the other; how many there are stands beside it. Everything is whole bytes:
 *
 * - sample: time, flags, [start], float or histogram
 * - time: varint of the first; of others uvarint of the distance from the one before
 * - flags: a byte, see {@link Flag}
 * - start, when it is not the one of the sample before (0 before the first): varint of the difference
 * - float: number, compared with the float before (0 before the first)
 * - histogram: [layout], then count, sum, zero bucket and buckets as numbers, each compared with the same one of the
 *   histogram before, or with 0 after a layout
 * - layout, when it is not the one of the histogram before: varint schema; number zero threshold; runs of positive
 *   buckets and of negative ones (uvarint how many, then varint distance and uvarint length of each); uvarint how many
 *   positive and negative buckets and bounds there are; the bounds
 * - number: the XOR of its bits with what it is compared with; a byte with the number of its significant bytes (low
 *   half) and of zero bytes below them (high half), then those bytes, lowest first
 */

/** Bits of a sample's flags; above them the counter reset hint. */
const Flag = { histogram: 1, newStart: 2, newLayout: 4, hintShift: 3 } as const;

/** Most buckets and bounds of a histogram that is stored. */
export const MAX_BUCKETS = 1 << 17;

/** What a chunk's next sample is compared with: its newest float, histogram and start. */
export class RichTail {
  low = 0;
  high = 0;
  startMs = 0;
  histogram: FloatHistogram | undefined;
  /** Whether the newest sample is a histogram. */
  endsInHistogram = false;

  /** The newest sample. */
  get last(): StoredSample {
    const { low, high, startMs, histogram, endsInHistogram } = this;
    return { low, high, startMs, histogram: endsInHistogram ? histogram : undefined };
  }
}

const floatBox = new Float64Array(1);
const wordBox = new Uint32Array(floatBox.buffer);
const byteBox = new Uint8Array(floatBox.buffer);

/**
 * The hint that readers get, as in Prometheus: a gauge's stays; of counters it is known that nothing was reset since
 * `previous`, the histogram before in the same chunk with nothing between, or nothing is known.
 *
 * @see prometheus tsdb/chunkenc/histogram_meta.go counterResetHint, float_histogram.go appendable
 */
export function storedHint(
  histogram: FloatHistogram,
  previous: FloatHistogram | undefined,
): CounterResetHint {
  const { gauge, notReset, reset, unknown } = CounterResetHint;
  if (histogram.counterResetHint === gauge) return gauge;
  if (previous === undefined || histogram.counterResetHint === reset) return unknown;
  if (previous.counterResetHint === gauge || !isComparable(histogram, previous)) return unknown;
  const unhinted =
    histogram.counterResetHint === unknown ? histogram : histogram.with({ counterResetHint: unknown });
  return detectReset(unhinted, previous) ? unknown : notReset;
}

function isComparable(a: FloatHistogram, b: FloatHistogram): boolean {
  return (
    a.schema === b.schema &&
    a.zeroThreshold === b.zeroThreshold &&
    (a.schema !== CUSTOM_BUCKETS_SCHEMA || sameBounds(a.customValues, b.customValues))
  );
}

function haveSameLayout(a: FloatHistogram, b: FloatHistogram): boolean {
  return (
    isComparable(a, b) &&
    sameSpans(a.positiveSpans, b.positiveSpans) &&
    sameSpans(a.negativeSpans, b.negativeSpans) &&
    a.positiveBuckets.length === b.positiveBuckets.length &&
    a.negativeBuckets.length === b.negativeBuckets.length &&
    sameBounds(a.customValues, b.customValues)
  );
}

/** Puts samples into bytes, one at a time. */
export class RichEncoder {
  #buffer = new Uint8Array(1024);
  #length = 0;

  /**
   * Bytes of the next sample of a chunk; good until the next call. `time` is as the format has it; `tail` is what the
   * chunk ended in and becomes what it ends in with this sample.
   */
  encode(tail: RichTail, isFirst: boolean, time: number, sample: StoredSample): Uint8Array {
    const { histogram, startMs } = sample;
    this.#length = 0;
    this.#reserve(64);
    if (isFirst) this.#varint(time);
    else this.#uvarint(time);
    const before = tail.histogram;
    const isNewLayout =
      histogram !== undefined && (before === undefined || !haveSameLayout(histogram, before));
    let flags = histogram === undefined ? 0 : Flag.histogram;
    if (startMs !== tail.startMs) flags |= Flag.newStart;
    if (isNewLayout) flags |= Flag.newLayout;
    if (histogram !== undefined) flags |= storedHint(histogram, tail.last.histogram) << Flag.hintShift;
    this.#buffer[this.#length++] = flags;
    if (startMs !== tail.startMs) this.#varint(startMs - tail.startMs);
    if (histogram === undefined) {
      this.#xor(sample.low ^ tail.low, sample.high ^ tail.high);
      tail.low = sample.low;
      tail.high = sample.high;
    } else {
      if (isNewLayout) this.#layout(histogram);
      this.#counts(histogram, isNewLayout ? undefined : before);
      tail.histogram = histogram;
    }
    tail.endsInHistogram = histogram !== undefined;
    tail.startMs = startMs;
    return this.#buffer.subarray(0, this.#length);
  }

  #layout(histogram: FloatHistogram): void {
    this.#reserve(64);
    this.#varint(histogram.schema);
    this.#number(histogram.zeroThreshold, 0);
    this.#spans(histogram.positiveSpans);
    this.#spans(histogram.negativeSpans);
    this.#reserve(32);
    this.#uvarint(histogram.positiveBuckets.length);
    this.#uvarint(histogram.negativeBuckets.length);
    this.#uvarint(histogram.customValues.length);
    this.#numbers(histogram.customValues, undefined);
  }

  #spans(spans: Spans): void {
    this.#reserve(10 + spans.length * 5);
    this.#uvarint(spans.length / 2);
    for (let i = 0; i < spans.length; i += 2) {
      this.#varint(spans[i]!);
      this.#uvarint(spans[i + 1]!);
    }
  }

  #counts(histogram: FloatHistogram, before: FloatHistogram | undefined): void {
    this.#reserve(32);
    this.#number(histogram.count, before?.count ?? 0);
    this.#number(histogram.sum, before?.sum ?? 0);
    this.#number(histogram.zeroCount, before?.zeroCount ?? 0);
    this.#numbers(histogram.positiveBuckets, before?.positiveBuckets);
    this.#numbers(histogram.negativeBuckets, before?.negativeBuckets);
  }

  #numbers(values: Float64Array, before: Float64Array | undefined): void {
    this.#reserve(values.length * 9);
    for (let i = 0; i < values.length; i++) this.#number(values[i]!, before === undefined ? 0 : before[i]!);
  }

  #number(value: number, before: number): void {
    floatBox[0] = before;
    const low = wordBox[0]!;
    const high = wordBox[1]!;
    floatBox[0] = value;
    this.#xor(wordBox[0]! ^ low, wordBox[1]! ^ high);
  }

  #xor(low: number, high: number): void {
    if (low === 0 && high === 0) {
      this.#buffer[this.#length++] = 0;
      return;
    }
    wordBox[0] = low;
    wordBox[1] = high;
    let from = 0;
    let to = 8;
    while (byteBox[from] === 0) from++;
    while (byteBox[to - 1] === 0) to--;
    this.#buffer[this.#length++] = (to - from) | (from << 4);
    while (from < to) this.#buffer[this.#length++] = byteBox[from++]!;
  }

  #varint(value: number): void {
    this.#uvarint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  #uvarint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#buffer[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#length++] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + bytes));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

/**
 * Appends the samples of a chunk with minMs <= t <= maxMs to `into`. Its data are the `length` bytes of `source` from
 * `offset` on; `count` is how many samples to decode. Throws TOCSIN_ERR_STORAGE, having added some or none, when the
 * data are not what they should be.
 */
export function readRichChunk(
  source: Uint8Array,
  offset: number,
  length: number,
  count: number,
  minMs: number,
  maxMs: number,
  into: SampleBuffer,
): void {
  const decoder = new RichDecoder(source, offset, offset + length);
  into.reserve(into.length + count);
  let t = 0;
  let startMs = 0;
  for (let i = 0; i < count; i++) {
    t = i === 0 ? decoder.varint() : t + decoder.uvarint();
    if (t > maxMs) return;
    const flags = decoder.byte();
    if ((flags & Flag.newStart) !== 0) startMs += decoder.varint();
    const isWanted = t >= minMs;
    const at = into.length;
    if ((flags & Flag.histogram) !== 0) {
      if ((flags & Flag.newLayout) !== 0) decoder.layout();
      decoder.counts();
      if (isWanted) into.setHistogram(at, decoder.histogram((flags >>> Flag.hintShift) as CounterResetHint));
    } else {
      decoder.float();
      if (isWanted) into.values[at] = decoder.value();
    }
    if (!isWanted) continue;
    into.timestamps[at] = t;
    if (startMs !== 0) into.setStart(at, startMs);
    into.length = at + 1;
  }
}

class RichDecoder {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #low = 0;
  #high = 0;
  #schema = 0;
  #zeroThreshold = 0;
  #positiveSpans: Spans | undefined;
  #negativeSpans: Spans = new Int32Array(0);
  #customValues = new Float64Array(0);
  #positiveCount = 0;
  /** Count, sum, zero bucket, positive and negative buckets of the newest histogram. */
  #numbers = new Float64Array(0);
  #words = new Uint32Array(0);

  constructor(bytes: Uint8Array, from: number, end: number) {
    if (end > bytes.length) throw corrupt('it is shorter than it says');
    this.#bytes = bytes;
    this.#at = from;
    this.#end = end;
  }

  byte(): number {
    if (this.#at >= this.#end) throw corrupt('it ends within a sample');
    return this.#bytes[this.#at++]!;
  }

  uvarint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw corrupt('a varint has no end');
  }

  varint(): number {
    const zigzag = this.uvarint();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  /** Moves on to the next float: see {@link value}. */
  float(): void {
    wordBox[0] = 0;
    wordBox[1] = 0;
    this.#xor();
    this.#low ^= wordBox[0];
    this.#high ^= wordBox[1];
  }

  /** The newest float. */
  value(): number {
    wordBox[0] = this.#low;
    wordBox[1] = this.#high;
    return floatBox[0]!;
  }

  layout(): void {
    this.#schema = this.varint();
    this.#zeroThreshold = this.#number();
    this.#positiveSpans = this.#spans();
    this.#negativeSpans = this.#spans();
    this.#positiveCount = this.#size();
    const negativeCount = this.#size();
    this.#customValues = new Float64Array(this.#size());
    for (let i = 0; i < this.#customValues.length; i++) this.#customValues[i] = this.#number();
    this.#numbers = new Float64Array(3 + this.#positiveCount + negativeCount);
    this.#words = new Uint32Array(this.#numbers.buffer);
  }

  counts(): void {
    if (this.#positiveSpans === undefined) throw corrupt('its first histogram has no layout');
    const words = this.#words;
    for (let i = 0; i < words.length; i += 2) {
      // Most buckets are as they were.
      if (this.#bytes[this.#at] === 0 && this.#at < this.#end) {
        this.#at++;
        continue;
      }
      wordBox[0] = 0;
      wordBox[1] = 0;
      this.#xor();
      words[i]! ^= wordBox[0];
      words[i + 1]! ^= wordBox[1];
    }
  }

  /** The newest histogram. */
  histogram(counterResetHint: CounterResetHint): FloatHistogram {
    const numbers = this.#numbers;
    const negativeFrom = 3 + this.#positiveCount;
    return new FloatHistogram({
      schema: this.#schema,
      count: numbers[0]!,
      sum: numbers[1]!,
      zeroThreshold: this.#zeroThreshold,
      zeroCount: numbers[2]!,
      positiveSpans: this.#positiveSpans!,
      positiveBuckets: numbers.slice(3, negativeFrom),
      negativeSpans: this.#negativeSpans,
      negativeBuckets: numbers.slice(negativeFrom),
      customValues: this.#customValues,
      counterResetHint,
    });
  }

  #spans(): Spans {
    const spans = new Int32Array(this.#size() * 2);
    for (let i = 0; i < spans.length; i += 2) {
      spans[i] = this.varint();
      spans[i + 1] = this.uvarint();
    }
    return spans;
  }

  /** Length of a list, each element of which takes a byte at least. */
  #size(): number {
    const size = this.uvarint();
    if (size > this.#end - this.#at) throw corrupt('it ends within a histogram');
    return size;
  }

  #number(): number {
    wordBox[0] = 0;
    wordBox[1] = 0;
    this.#xor();
    return floatBox[0]!;
  }

  /** Fills the bytes of an XOR into the box, which is 0. */
  #xor(): void {
    const head = this.byte();
    const from = head >>> 4;
    const to = from + (head & 15);
    if (to > 8) throw corrupt('a number has more than 8 bytes');
    for (let i = from; i < to; i++) byteBox[i] = this.byte();
  }
}

function corrupt(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_STORAGE', `a chunk of histograms is damaged: ${what}`);
}
