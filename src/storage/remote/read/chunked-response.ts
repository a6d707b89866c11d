import { TocsinError } from '../../../core/errors.ts';
import { ProtoReader } from '../../../core/protobuf/proto-reader.ts';
import type { ProtoWriter } from '../../../core/protobuf/proto-writer.ts';
import { ChunkEncoding } from '../../tsdb/chunk/encoding.ts';
import type { EncodedChunk } from '../../tsdb/chunk/encoding.ts';

const ENCODINGS: readonly ChunkEncoding[] = Object.values(ChunkEncoding);

/** Chunks of one series, or a part of them. */
export interface ChunkedSeries {
  /** Names and values in turn. */
  readonly flat: readonly string[];
  readonly chunks: readonly EncodedChunk[];
}

/** Writes a `prometheus.ChunkedReadResponse` with one series. */
export function writeChunkedResponse(
  out: ProtoWriter,
  { flat, chunks }: ChunkedSeries,
  queryIndex: number,
): void {
  out.message(1, () => {
    for (let i = 0; i < flat.length; i += 2) {
      out.message(1, () => {
        out.text(1, flat[i]!);
        out.text(2, flat[i + 1]!);
      });
    }
    for (const { minMs, maxMs, encoding, data } of chunks) {
      out.message(2, () => {
        out.int(1, minMs);
        out.int(2, maxMs);
        out.uint(3, encoding);
        out.data(4, data);
      });
    }
  });
  if (queryIndex !== 0) out.int(2, queryIndex);
}

/**
 * The series of a `prometheus.ChunkedReadResponse`; texts may be ill-formed, chunks own their data, whose samples are not
 * looked at. Throws TOCSIN_ERR_PARSE for bytes that are no such message.
 *
 * @see prometheus prompb/remote.proto
 */
export function readChunkedResponse(bytes: Uint8Array): ChunkedSeries[] {
  const reader = new ProtoReader(bytes);
  const series: ChunkedSeries[] = [];
  while (reader.next()) {
    if (reader.field === 1) series.push(readSeries(reader));
    else reader.skip();
  }
  return series;
}

function readSeries(reader: ProtoReader): ChunkedSeries {
  const flat: string[] = [];
  const chunks: EncodedChunk[] = [];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) readLabel(reader, flat);
    else if (reader.field === 2) chunks.push(readChunk(reader));
    else reader.skip();
  }
  reader.leave(outer);
  return { flat, chunks };
}

function readLabel(reader: ProtoReader, into: string[]): void {
  let [name, value] = ['', ''];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) name = reader.anyText();
    else if (reader.field === 2) value = reader.anyText();
    else reader.skip();
  }
  reader.leave(outer);
  into.push(name, value);
}

function readChunk(reader: ProtoReader): EncodedChunk {
  let [minMs, maxMs, type] = [0, 0, 0];
  let data = new Uint8Array(0);
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) minMs = reader.int();
    else if (reader.field === 2) maxMs = reader.int();
    else if (reader.field === 3) type = reader.uint();
    else if (reader.field === 4) data = reader.data().slice();
    else reader.skip();
  }
  reader.leave(outer);
  const encoding = ENCODINGS.find((known) => known === type);
  if (encoding === undefined) {
    const message = `the answer of a remote read cannot be read: a chunk has the unknown encoding ${type}`;
    throw new TocsinError('TOCSIN_ERR_PARSE', message);
  }
  return { minMs, maxMs, encoding, data };
}
