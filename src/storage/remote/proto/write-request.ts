import { ProtoReader, WireType } from '../../../core/protobuf/proto-reader.ts';
import { SeriesData } from './series-data.ts';

const NO_BYTES = new Uint8Array(0);
/** First bytes of the fields of a TimeSeries that nearly all are made of. */
const Tag = { label: 0x0a, sample: 0x12, value: 0x09, time: 0x10 } as const;

/**
 * Walks the series of a `prometheus.WriteRequest` (remote write 1.0). The labels of a series are left as they are: bytes
 * {@link labelsFrom} to {@link labelsTo} of {@link bytes}, the fields `labels` of the message one after the other. Its
 * samples are in {@link data}. Metadata of families is passed over, as Prometheus' receiver does.
 *
 * Everything throws TOCSIN_ERR_PARSE for bytes that are no such message.
 *
 * @see prometheus prompb/remote.proto, prompb/types.proto
 */
export class WriteRequestCursor {
  readonly data = new SeriesData();
  /** The message, or a copy of the present series' labels where they do not lie together. */
  bytes: Uint8Array = NO_BYTES;
  /** Over {@link bytes}. */
  view: DataView = new DataView(NO_BYTES.buffer);
  labelsFrom = 0;
  labelsTo = 0;
  #message: Uint8Array = NO_BYTES;
  #view: DataView = new DataView(NO_BYTES.buffer);
  readonly #outer = new ProtoReader(NO_BYTES);
  readonly #reader = new ProtoReader(NO_BYTES);

  /** Begins a message. */
  reset(message: Uint8Array): void {
    this.#message = message;
    this.#view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    this.#outer.reset(message);
  }

  /** Lets go of the message. */
  release(): void {
    this.reset(NO_BYTES);
    this.bytes = NO_BYTES;
    this.view = this.#view;
    this.data.clear();
  }

  /** Goes to the next series; false at the end. */
  next(): boolean {
    const from = this.#outer.findMessage(1);
    if (from < 0) return false;
    this.#read(from, this.#outer.at);
    return true;
  }

  /** Labels, then samples with both fields: what all senders write. The rest, and all else, goes the general way. */
  #read(from: number, to: number): void {
    const bytes = this.#message;
    const { data } = this;
    data.clear();
    this.bytes = bytes;
    this.view = this.#view;
    let at = from;
    while (at + 1 < to && bytes[at] === Tag.label && bytes[at + 1]! < 128) at += 2 + bytes[at + 1]!;
    if (at > to) {
      this.#readAny(from, from, to);
      return;
    }
    this.labelsFrom = from;
    this.labelsTo = at;
    while (
      at + 12 < to &&
      bytes[at] === Tag.sample &&
      bytes[at + 2] === Tag.value &&
      bytes[at + 11] === Tag.time
    ) {
      const end = at + 2 + bytes[at + 1]!;
      if (bytes[at + 1]! > 20 || end > to) break;
      // Seven bytes are 49 bits: times until the year 19800.
      let time = 0;
      let factor = 1;
      let next = at + 12;
      for (; bytes[next]! >= 128 && next < end - 1 && factor < 2 ** 42; next++, factor *= 128)
        time += (bytes[next]! & 0x7f) * factor;
      if (bytes[next]! >= 128 || next !== end - 1) break;
      data.reserve();
      data.times[data.samples] = time + bytes[next]! * factor;
      data.values[data.samples++] = this.#view.getFloat64(at + 3, true);
      at = end;
    }
    if (at < to) this.#readAny(from, at, to);
  }

  /** Reads the fields from `at` on; before it are labels and the samples that `data` has. */
  #readAny(from: number, at: number, to: number): void {
    const reader = this.#reader;
    const { data } = this;
    let labelsTo = at === from ? from : this.labelsTo;
    let scattered: Uint8Array[] | undefined;
    reader.reset(this.#message, at, to);
    for (;;) {
      const begin = reader.at;
      if (!reader.next()) break;
      if (reader.field === 1 && reader.wire === WireType.bytes) {
        reader.skip();
        if (scattered === undefined && begin === labelsTo) labelsTo = reader.at;
        else {
          scattered ??= [this.#message.subarray(from, labelsTo)];
          scattered.push(this.#message.subarray(begin, reader.at));
        }
      } else if (reader.field === 2) data.readSample(reader);
      else if (reader.field === 3) this.#readExemplar(reader);
      else if (reader.field === 4) data.readHistogram(reader);
      else reader.skip();
    }
    this.labelsFrom = from;
    this.labelsTo = labelsTo;
    if (scattered === undefined) return;
    this.bytes = joined(scattered);
    this.view = new DataView(this.bytes.buffer);
    this.labelsFrom = 0;
    this.labelsTo = this.bytes.length;
  }

  /** Names and values of the present series' labels, in turn, as the message has them. */
  labels(): string[] {
    const flat: string[] = [];
    const reader = this.#reader;
    reader.reset(this.bytes, this.labelsFrom, this.labelsTo);
    while (reader.next()) readLabel(reader, flat);
    return flat;
  }

  #readExemplar(reader: ProtoReader): void {
    const flat: string[] = [];
    let value = 0;
    let tMs = 0;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === 1) readLabel(reader, flat);
      else if (reader.field === 2) value = reader.double();
      else if (reader.field === 3) tMs = reader.int();
      else reader.skip();
    }
    reader.leave(outer);
    this.data.exemplars.push({ flat, value, tMs });
  }
}

/** Reads a Label message to the end of a list of names and values. */
function readLabel(reader: ProtoReader, into: string[]): void {
  let name = '';
  let value = '';
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) name = reader.anyText();
    else if (reader.field === 2) value = reader.anyText();
    else reader.skip();
  }
  reader.leave(outer);
  into.push(name, value);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
