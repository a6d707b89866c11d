import { TocsinError } from '../../core/errors.ts';

/**
 * Contents of the log's records, as Prometheus has them: series (type 1) and samples (type 2). Numbers of series are 64
 * bits there; here they are JavaScript numbers and anything above 2^53 is refused.
 *
 * @see prometheus tsdb/docs/format/wal.md, tsdb/record/record.go
 */
export const RecordType = { series: 1, samples: 2 } as const;

/** Types of record that Prometheus writes and this version does not read. */
export const FOREIGN_RECORDS: Readonly<Record<number, string>> = {
  3: 'tombstones',
  4: 'exemplars',
  5: 'mmap markers',
  6: 'metadata',
  7: 'native histograms',
  8: 'native float histograms',
  9: 'native histograms with custom buckets',
  10: 'native float histograms with custom buckets',
  11: 'samples with start times',
  12: 'native histograms with start times',
  13: 'native float histograms with start times',
};

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Builds records one after the other; {@link bytes} is good until the next begins. */
export class RecordWriter {
  #buffer = new Uint8Array(64 * 1024);
  #length = 0;
  #baseId = 0;
  #baseTimeMs = 0;
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
    this.#length = 0;
    this.#count = 0;
    this.#buffer[this.#length++] = RecordType.series;
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
    this.#length = 0;
    this.#count = 0;
    this.#buffer[this.#length++] = RecordType.samples;
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

/** What a record holds; called by {@link readRecord} in order. */
export interface RecordSink {
  series(walId: number, flat: readonly string[]): void;
  sample(walId: number, tMs: number, low: number, high: number): void;
}

/**
 * Reads one record. Returns its type; `sink` is only called for series and samples. Throws TOCSIN_ERR_STORAGE when the
 * record does not end where it should; what came before it has then been handed over.
 */
export function readRecord(bytes: Uint8Array, sink: RecordSink): number {
  const type = bytes[0] ?? 0;
  const cursor = new Cursor(bytes);
  if (type === RecordType.series) {
    while (cursor.hasMore) {
      const walId = cursor.uint64();
      const count = cursor.uvarint();
      const flat: string[] = [];
      for (let i = 0; i < count * 2; i++) flat.push(cursor.text());
      sink.series(walId, flat);
    }
  } else if (type === RecordType.samples && cursor.hasMore) {
    const baseId = cursor.uint64();
    const baseTimeMs = cursor.uint64();
    while (cursor.hasMore) {
      const walId = baseId + cursor.varint();
      const tMs = baseTimeMs + cursor.varint();
      const high = cursor.word();
      sink.sample(walId, tMs, cursor.word(), high);
    }
  }
  return type;
}

class Cursor {
  readonly #bytes: Uint8Array;
  #at = 1;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length;
  }

  word(): number {
    const at = this.#at;
    if (at + 4 > this.#bytes.length) throw malformed('it ends within a number');
    this.#at = at + 4;
    const b = this.#bytes;
    return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
  }

  /** A 64-bit integer, signed. */
  uint64(): number {
    const high = this.word() | 0;
    const value = high * 0x1_0000_0000 + this.word();
    if (!Number.isSafeInteger(value)) throw malformed('a number is too large');
    return value;
  }

  uvarint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw malformed('it ends within a number');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw malformed('a number is too large');
  }

  varint(): number {
    const zigzag = this.uvarint();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  text(): string {
    const length = this.uvarint();
    if (this.#at + length > this.#bytes.length) throw malformed('it ends within a text');
    this.#at += length;
    return decoder.decode(this.#bytes.subarray(this.#at - length, this.#at));
  }
}

function malformed(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_STORAGE', `a record of the write-ahead log is malformed: ${what}`);
}
