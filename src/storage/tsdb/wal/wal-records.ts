import { RecordCursor, malformed } from './record-cursor.ts';
import { readHistogram } from './record-histogram.ts';
import type { StoredSample } from '../stored-sample.ts';
import { METRIC_TYPES } from '../../../core/metric-types.ts';
import { MetadataField, RecordType, StartMarker, recordTypeOf } from './record-types.ts';
import type { RichRecordType } from './record-types.ts';
import { RecordWriter } from './record-writer.ts';

export { isReadable, RecordType, recordTypeOf } from './record-types.ts';
export type { RichRecordType } from './record-types.ts';
export { RecordWriter } from './record-writer.ts';

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
  /** A series by its labels: name, value, name, value … */
  series(walId: number, flat: readonly string[]): void;
  /** A float at a time. */
  sample(walId: number, tMs: number, low: number, high: number): void;
  /** A histogram, or a float with a start timestamp. */
  rich(walId: number, tMs: number, sample: StoredSample): void;
  exemplar(walId: number, tMs: number, value: number, flat: readonly string[]): void;
  /** What is known of a series' metric; `type` as {@link METRIC_TYPES} spells it. */
  metadata(walId: number, type: string, unit: string, help: string): void;
  /** Samples with minMs <= t <= maxMs are deleted; times beyond ±2^53 are given as ±Number.MAX_SAFE_INTEGER. */
  tombstone(walId: number, minMs: number, maxMs: number): void;
}

/**
 * Reads one record. Returns its type; `sink` is only called when it {@link isReadable}. Throws TOCSIN_ERR_STORAGE when the
 * record does not end where it should; what came before it has then been handed over.
 */
export function readRecord(bytes: Uint8Array, sink: RecordSink): number {
  const type = bytes[0] ?? 0;
  if (bytes.length < 2) return type;
  if (type === RecordType.samples) readSamples(bytes, sink);
  else if (type === RecordType.series) readSeries(new RecordCursor(bytes), sink);
  else if (type === RecordType.exemplars) readExemplars(new RecordCursor(bytes), sink);
  else if (type === RecordType.metadata) readMetadata(new RecordCursor(bytes), sink);
  else if (type === RecordType.tombstones) {
    const cursor = new RecordCursor(bytes);
    while (cursor.left > 0) sink.tombstone(cursor.uint64(), cursor.anyVarint(), cursor.anyVarint());
  } else if (type in RICH_RECORDS) readRich(new RecordCursor(bytes), RICH_RECORDS[type]!, sink);
  return type;
}

/** Nearly everything in a log is here: numbers of one byte, the usual ones, are taken without a call. */
function readSamples(bytes: Uint8Array, sink: RecordSink): void {
  const cursor = new RecordCursor(bytes);
  const baseId = cursor.uint64();
  const baseTimeMs = cursor.uint64();
  const { length } = bytes;
  for (let at = cursor.at; at < length;) {
    let byte = bytes[at]!;
    let walId = baseId;
    if (byte < 128) {
      walId += (byte >>> 1) ^ -(byte & 1);
      at++;
    } else {
      cursor.at = at;
      walId += cursor.varint();
      ({ at } = cursor);
    }
    let tMs = baseTimeMs;
    byte = bytes[at] ?? 128;
    if (byte < 128) {
      tMs += (byte >>> 1) ^ -(byte & 1);
      at++;
    } else {
      cursor.at = at;
      tMs += cursor.varint();
      ({ at } = cursor);
    }
    if (at + 8 > length) throw malformed('it ends within a sample');
    const high = ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
    const low =
      ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0;
    at += 8;
    sink.sample(walId, tMs, low, high);
  }
}

function readSeries(cursor: RecordCursor, sink: RecordSink): void {
  while (cursor.left > 0) {
    const walId = cursor.uint64();
    sink.series(walId, readLabels(cursor));
  }
}

/** Whether records of a type have histograms, or floats with start timestamps. */
export function isRichType(type: number): boolean {
  return type in RICH_RECORDS;
}

/** Calls `take` with the number of each series that a record of type `series` names. Throws as {@link readRecord} does. */
export function skimSeries(bytes: Uint8Array, take: (walId: number) => void): void {
  const cursor = new RecordCursor(bytes);
  while (cursor.left > 0) {
    const walId = cursor.uint64();
    for (let texts = cursor.size(2) * 2; texts > 0; texts--) cursor.skipText();
    take(walId);
  }
}

function readLabels(cursor: RecordCursor): string[] {
  const count = cursor.size(2);
  const flat: string[] = [];
  for (let i = 0; i < count * 2; i++) flat.push(cursor.text());
  return flat;
}

function readExemplars(cursor: RecordCursor, sink: RecordSink): void {
  const baseId = cursor.uint64();
  const baseTimeMs = cursor.uint64();
  while (cursor.left > 0) {
    const walId = baseId + cursor.varint();
    const tMs = baseTimeMs + cursor.varint();
    const value = cursor.float();
    sink.exemplar(walId, tMs, value, readLabels(cursor));
  }
}

function readMetadata(cursor: RecordCursor, sink: RecordSink): void {
  while (cursor.left > 0) {
    const walId = cursor.uvarint();
    const type = METRIC_TYPES[cursor.byte()] ?? METRIC_TYPES[0];
    let unit = '';
    let help = '';
    for (let left = cursor.size(2); left > 0; left--) {
      const field = cursor.text();
      const text = cursor.text();
      if (field === MetadataField.unit) unit = text;
      else if (field === MetadataField.help) help = text;
    }
    sink.metadata(walId, type, unit, help);
  }
}

function readRich(
  cursor: RecordCursor,
  { hasStarts, values }: (typeof RICH_RECORDS)[number],
  sink: RecordSink,
): void {
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
