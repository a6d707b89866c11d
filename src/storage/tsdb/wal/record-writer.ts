import type { FloatHistogram, Spans } from '../../../core/histogram/float-histogram.ts';
import type { StoredSample } from '../stored-sample.ts';
import { METRIC_TYPES } from '../../../core/metric-types.ts';
import { MetadataField, RecordType, StartMarker } from './record-types.ts';
import type { RichRecordType } from './record-types.ts';

const encoder = new TextEncoder();
const floatBox = new Float64Array(1);
const wordBox = new Uint32Array(floatBox.buffer);

/** Builds records one after the other; {@link bytes} is good until the next begins. */
export class RecordWriter {
  #buffer = new Uint8Array(64 * 1024);
  #length = 0;
  #baseId = 0;
  #baseTimeMs = 0;
  #lastId = 0;
  #baseStartMs = 0;
  #lastStartMs = 0;
  #hasStarts = false;
  #count = 0;

  /** The record so far. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** How many series or samples the record has. */
  get count(): number {
    return this.#count;
  }

  beginSeries(): void {
    this.#begin(RecordType.series);
  }

  /** Adds a series by its labels: name, value, name, value … */
  series(walId: number, flat: readonly string[]): void {
    this.#reserve(20);
    this.#uint64(walId);
    this.#labels(flat);
    this.#count++;
  }

  /** Begins a series whose labels follow by {@link utf8}, name and value in turn. */
  beginLabels(walId: number, labelCount: number): void {
    this.#reserve(20);
    this.#uint64(walId);
    this.#uvarint(labelCount);
    this.#count++;
  }

  /** Adds a text of {@link beginLabels}. */
  utf8(bytes: Uint8Array, start: number, length: number): void {
    this.#reserve(length + 5);
    this.#uvarint(length);
    const buffer = this.#buffer;
    const at = this.#length;
    if (length > 64) buffer.set(bytes.subarray(start, start + length), at);
    else for (let i = 0; i < length; i++) buffer[at + i] = bytes[start + i]!;
    this.#length = at + length;
  }

  beginSamples(): void {
    this.#begin(RecordType.samples);
  }

  /** Adds a sample by the bits of its value. */
  sample(walId: number, tMs: number, low: number, high: number): void {
    if (this.#buffer.length - this.#length < 48) this.#reserve(48);
    if (this.#count === 0) {
      this.#baseId = walId;
      this.#baseTimeMs = tMs;
      this.#uint64(walId);
      this.#uint64(tMs);
    }
    this.#varint(walId - this.#baseId);
    this.#varint(tMs - this.#baseTimeMs);
    this.#word(high);
    this.#word(low);
    this.#count++;
  }

  beginExemplars(): void {
    this.#begin(RecordType.exemplars);
  }

  /** Adds an exemplar; its labels as {@link series} has them. */
  exemplar(walId: number, tMs: number, value: number, flat: readonly string[]): void {
    this.#reserve(64);
    this.#head(walId, tMs);
    this.#float(value);
    this.#labels(flat);
    this.#count++;
  }

  beginMetadata(): void {
    this.#begin(RecordType.metadata);
  }

  /** Adds what is known of a series' metric; a type that the format does not know is written as `unknown`. */
  metadata(walId: number, type: string, unit: string, help: string): void {
    this.#reserve(20);
    this.#uvarint(walId);
    this.#buffer[this.#length++] = Math.max(
      0,
      METRIC_TYPES.findIndex((known) => known === type),
    );
    this.#uvarint(2);
    for (const text of [MetadataField.unit, unit, MetadataField.help, help]) this.#roomyText(text);
    this.#count++;
  }

  beginTombstones(): void {
    this.#begin(RecordType.tombstones);
  }

  /** Adds that a series' samples with minMs <= t <= maxMs are deleted. */
  tombstone(walId: number, minMs: number, maxMs: number): void {
    this.#reserve(32);
    this.#uint64(walId);
    this.#anyVarint(minMs);
    this.#anyVarint(maxMs);
    this.#count++;
  }

  /** Begins a record for samples with this {@link recordTypeOf}. */
  beginRich(type: RichRecordType): void {
    this.#begin(type);
    this.#hasStarts = type >= RecordType.samplesWithStart;
  }

  /** Adds a rich sample of the record's type. */
  rich(walId: number, tMs: number, sample: StoredSample): void {
    this.#reserve(64);
    if (this.#hasStarts) this.#headWithStart(walId, tMs, sample.startMs);
    else this.#head(walId, tMs);
    if (sample.histogram === undefined) {
      this.#word(sample.high);
      this.#word(sample.low);
    } else this.#histogram(sample.histogram);
    this.#count++;
  }

  /** Forgets the record. */
  clear(): void {
    this.#length = 0;
    this.#count = 0;
  }

  #begin(type: RecordType): void {
    this.clear();
    this.#buffer[this.#length++] = type;
  }

  #head(walId: number, tMs: number): void {
    if (this.#count === 0) {
      this.#baseId = walId;
      this.#baseTimeMs = tMs;
      this.#uint64(walId);
      this.#uint64(tMs);
    }
    this.#varint(walId - this.#baseId);
    this.#varint(tMs - this.#baseTimeMs);
  }

  #headWithStart(walId: number, tMs: number, startMs: number): void {
    if (this.#count === 0) {
      this.#baseTimeMs = tMs;
      this.#baseStartMs = startMs;
      this.#varint(walId);
      this.#varint(tMs);
      this.#varint(startMs);
    } else {
      this.#varint(walId - this.#lastId);
      this.#varint(tMs - this.#baseTimeMs);
      if (startMs === 0) this.#buffer[this.#length++] = StartMarker.none;
      else if (startMs === this.#lastStartMs) this.#buffer[this.#length++] = StartMarker.asBefore;
      else {
        this.#buffer[this.#length++] = StartMarker.fromFirst;
        this.#varint(startMs - this.#baseStartMs);
      }
    }
    this.#lastId = walId;
    this.#lastStartMs = startMs;
  }

  #histogram(histogram: FloatHistogram): void {
    const { positiveSpans, negativeSpans, positiveBuckets, negativeBuckets, customValues } = histogram;
    const numbers = positiveBuckets.length + negativeBuckets.length + customValues.length;
    this.#reserve(128 + (positiveSpans.length + negativeSpans.length) * 5 + numbers * 8);
    this.#buffer[this.#length++] = histogram.counterResetHint;
    this.#varint(histogram.schema);
    this.#float(histogram.zeroThreshold);
    this.#float(histogram.zeroCount);
    this.#float(histogram.count);
    this.#float(histogram.sum);
    this.#spans(positiveSpans);
    this.#spans(negativeSpans);
    this.#floats(positiveBuckets);
    this.#floats(negativeBuckets);
    if (histogram.usesCustomBuckets) this.#floats(customValues);
  }

  #spans(spans: Spans): void {
    this.#uvarint(spans.length / 2);
    for (let i = 0; i < spans.length; i += 2) {
      this.#varint(spans[i]!);
      this.#uvarint(spans[i + 1]!);
    }
  }

  #floats(values: Float64Array): void {
    this.#uvarint(values.length);
    for (let i = 0; i < values.length; i++) this.#float(values[i]!);
  }

  #float(value: number): void {
    floatBox[0] = value;
    this.#word(wordBox[1]!);
    this.#word(wordBox[0]!);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + bytes));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }

  #word(value: number): void {
    const buffer = this.#buffer;
    const at = this.#length;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
    this.#length = at + 4;
  }

  #uint64(value: number): void {
    this.#word(Math.floor(value / 0x1_0000_0000));
    this.#word(value);
  }

  #uvarint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#buffer[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#length++] = rest;
  }

  #varint(value: number): void {
    this.#uvarint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  /** A number that may be ±Number.MAX_SAFE_INTEGER, which stand for the ends of 64 bits. */
  #anyVarint(value: number): void {
    if (Math.abs(value) < 2 ** 52) {
      this.#varint(value);
      return;
    }
    const isEnd = Math.abs(value) === Number.MAX_SAFE_INTEGER;
    const wide = isEnd ? (value < 0 ? -(2n ** 63n) : 2n ** 63n - 1n) : BigInt(value);
    let rest = wide < 0n ? -wide * 2n - 1n : wide * 2n;
    for (; rest >= 128n; rest >>= 7n) this.#buffer[this.#length++] = Number(rest & 127n) | 128;
    this.#buffer[this.#length++] = Number(rest);
  }

  #labels(flat: readonly string[]): void {
    this.#uvarint(flat.length / 2);
    for (const text of flat) this.#roomyText(text);
  }

  #roomyText(text: string): void {
    this.#reserve(text.length * 3 + 16);
    this.#text(text);
  }

  #text(text: string): void {
    // The length comes first, so the text is written behind room for the longest length and moved.
    const room = 5;
    const { written } = encoder.encodeInto(text, this.#buffer.subarray(this.#length + room));
    const from = this.#length + room;
    this.#uvarint(written);
    this.#buffer.copyWithin(this.#length, from, from + written);
    this.#length += written;
  }
}
