import type { FloatHistogram, Spans } from '../../../core/histogram/float-histogram.ts';
import { RecordCursor } from './record-cursor.ts';
import { readHistogram } from './record-histogram.ts';
import type { StoredSample } from '../stored-sample.ts';

/**
 * Contents of the log's records, as Prometheus has them. Written are series, samples, and (for what is more than a float
 * at a time) histograms of floats and the records with start timestamps; histograms of whole numbers, which
 * Prometheus writes, are read too. Numbers of series are 64 bits there; here they are JavaScript numbers and anything above
 * 2^53 is refused.
 *
 * @see prometheus tsdb/docs/format/wal.md, tsdb/record/record.go
 */
export const RecordType = {
  series: 1,
  samples: 2,
  histograms: 7,
  floatHistograms: 8,
  customHistograms: 9,
  customFloatHistograms: 10,
  /** From here on every sample may have a start timestamp. */
  samplesWithStart: 11,
  histogramsWithStart: 12,
  floatHistogramsWithStart: 13,
} as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** Types of record that Prometheus writes and this version does not read. */
export const FOREIGN_RECORDS: Readonly<Record<number, string>> = {
  3: 'tombstones',
  4: 'exemplars',
  5: 'mmap markers',
  6: 'metadata',
};

/** Whether {@link readRecord} takes records of a type apart. */
export function isReadable(type: number): boolean {
  return type === RecordType.series || type === RecordType.samples || type in RICH_RECORDS;
}

/** The types with rich samples; how each is read. */
const RICH_RECORDS: Readonly<
  Record<number, { readonly hasStarts: boolean; readonly values: 'float' | 'histogram' | 'integers' }>
> = {
  [RecordType.histograms]: { hasStarts: false, values: 'integers' },
  [RecordType.floatHistograms]: { hasStarts: false, values: 'histogram' },
  [RecordType.customHistograms]: { hasStarts: false, values: 'integers' },
  [RecordType.customFloatHistograms]: { hasStarts: false, values: 'histogram' },
  [RecordType.samplesWithStart]: { hasStarts: true, values: 'float' },
  [RecordType.histogramsWithStart]: { hasStarts: true, values: 'integers' },
  [RecordType.floatHistogramsWithStart]: { hasStarts: true, values: 'histogram' },
};

/** How a sample's start timestamp is given. */
const StartMarker = { none: 0, asBefore: 1, fromFirst: 2 } as const;

/** Types of the records that rich samples are written in. */
export type RichRecordType = 8 | 10 | 11 | 13;

/** The type of record that a sample belongs in. */
export function recordTypeOf({ histogram, startMs }: StoredSample): RichRecordType {
  if (histogram === undefined) return RecordType.samplesWithStart;
  if (startMs !== 0) return RecordType.floatHistogramsWithStart;
  return histogram.usesCustomBuckets ? RecordType.customFloatHistograms : RecordType.floatHistograms;
}

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
    this.#uvarint(flat.length / 2);
    for (const text of flat) {
      this.#reserve(text.length * 3 + 10);
      this.#text(text);
    }
    this.#count++;
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

/** Sorts rich samples into the records they belong in. Of one series only samples of one type may come between two ends. */
export class RichRecords {
  readonly #writers = new Map<RichRecordType, RecordWriter>();

  /** Whether nothing came since the last end. */
  get isEmpty(): boolean {
    for (const writer of this.#writers.values()) if (writer.count > 0) return false;
    return true;
  }

  add(walId: number, tMs: number, sample: StoredSample): void {
    const type = recordTypeOf(sample);
    let writer = this.#writers.get(type);
    if (writer === undefined) {
      writer = new RecordWriter();
      this.#writers.set(type, writer);
    }
    if (writer.count === 0) writer.beginRich(type);
    writer.rich(walId, tMs, sample);
  }

  /** Hands over what came since the last end. */
  end(take: (record: Uint8Array) => void): void {
    for (const writer of this.#writers.values()) {
      if (writer.count === 0) continue;
      take(writer.bytes);
      writer.clear();
    }
  }
}

/** What a record holds; called by {@link readRecord} in order. */
export interface RecordSink {
  series(walId: number, flat: readonly string[]): void;
  /** A float at a time. */
  sample(walId: number, tMs: number, low: number, high: number): void;
  /** A histogram, or a float with a start timestamp. */
  rich(walId: number, tMs: number, sample: StoredSample): void;
}

/**
 * Reads one record. Returns its type; `sink` is only called when it {@link isReadable}. Throws TOCSIN_ERR_STORAGE when the
 * record does not end where it should; what came before it has then been handed over.
 */
export function readRecord(bytes: Uint8Array, sink: RecordSink): number {
  const type = bytes[0] ?? 0;
  const cursor = new RecordCursor(bytes);
  if (type === RecordType.series) {
    while (cursor.left > 0) {
      const walId = cursor.uint64();
      const count = cursor.uvarint();
      const flat: string[] = [];
      for (let i = 0; i < count * 2; i++) flat.push(cursor.text());
      sink.series(walId, flat);
    }
  } else if (type === RecordType.samples && cursor.left > 0) {
    const baseId = cursor.uint64();
    const baseTimeMs = cursor.uint64();
    while (cursor.left > 0) {
      const walId = baseId + cursor.varint();
      const tMs = baseTimeMs + cursor.varint();
      const high = cursor.word();
      sink.sample(walId, tMs, cursor.word(), high);
    }
  } else if (type in RICH_RECORDS && cursor.left > 0) {
    const { hasStarts, values } = RICH_RECORDS[type]!;
    const read = hasStarts ? headsWithStart(cursor) : heads(cursor);
    while (cursor.left > 0) {
      const { walId, tMs, startMs } = read();
      if (values === 'float') {
        const high = cursor.word();
        handOver(sink, walId, tMs, { low: cursor.word(), high, histogram: undefined, startMs });
      } else {
        const sample = readHistogram(cursor, values === 'integers', startMs);
        if (sample !== undefined) handOver(sink, walId, tMs, sample);
      }
    }
  }
  return type;
}

function handOver(sink: RecordSink, walId: number, tMs: number, sample: StoredSample): void {
  const isPlain = sample.histogram === undefined && sample.startMs === 0;
  if (isPlain) sink.sample(walId, tMs, sample.low, sample.high);
  else sink.rich(walId, tMs, sample);
}

interface SampleHead {
  readonly walId: number;
  readonly tMs: number;
  readonly startMs: number;
}

function heads(cursor: RecordCursor): () => SampleHead {
  const baseId = cursor.uint64();
  const baseTimeMs = cursor.uint64();
  return () => {
    const walId = baseId + cursor.varint();
    return { walId, tMs: baseTimeMs + cursor.varint(), startMs: 0 };
  };
}

function headsWithStart(cursor: RecordCursor): () => SampleHead {
  let first: SampleHead | undefined;
  let last: SampleHead | undefined;
  return () => {
    if (first === undefined || last === undefined) {
      const walId = cursor.varint();
      const tMs = cursor.varint();
      first = last = { walId, tMs, startMs: cursor.varint() };
      return first;
    }
    const walId = last.walId + cursor.varint();
    const tMs = first.tMs + cursor.varint();
    const marker = cursor.byte();
    let startMs = 0;
    if (marker === StartMarker.asBefore) ({ startMs } = last);
    else if (marker !== StartMarker.none) startMs = first.startMs + cursor.varint();
    last = { walId, tMs, startMs };
    return last;
  };
}
