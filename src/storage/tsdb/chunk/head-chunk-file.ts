import { TocsinError } from '../../../core/errors.ts';
import { crc32c } from '../crc32c.ts';
import { ChunkEncoding } from './encoding.ts';

/**
 * Files of `chunks_head/`, to which Prometheus moves chunks of its head that take no more samples: a header, then chunks
 * one after the other, each with its series and its span of time, and a checksum. Prometheus may make a file longer than
 * what it holds; the rest is zeros.
 *
 * @see prometheus tsdb/docs/format/head_chunks.md, tsdb/chunks/head_chunks.go
 */

const MAGIC = 0x0130bc91;
const VERSION = 1;
const HEADER_BYTES = 8;
/** Series, first and last time, encoding. */
const FIXED_BYTES = 25;
const CRC_BYTES = 4;
/** Most bytes that the length of a chunk takes. */
const MAX_LENGTH_BYTES = 5;
/** Most that a chunk takes beside its data; Prometheus does not read the last chunk of a file that ends sooner. */
const MAX_META_BYTES = FIXED_BYTES + MAX_LENGTH_BYTES + CRC_BYTES;
/** Bit of the encoding that marks a chunk of out-of-order samples. */
const OUT_OF_ORDER = 0x80;

/** A chunk of the head as its file holds it. */
export interface HeadChunk {
  /** Number of the series in the log, from 1 on. */
  readonly seriesRef: number;
  /** Times of the first and the last sample, in milliseconds. */
  readonly minMs: number;
  readonly maxMs: number;
  readonly encoding: ChunkEncoding;
  readonly isOutOfOrder: boolean;
  /** As in {@link EncodedChunk}; when read, a view of the file's bytes. */
  readonly data: Uint8Array;
}

/** What {@link readHeadChunks} found. */
export interface HeadChunkReport {
  /** Where the next chunk would stand: up to here all is sound. */
  readonly soundBytes: number;
  /** Why reading stopped before the end. */
  readonly damage: TocsinError | undefined;
}

/** Name of the n-th file (from 1) in `chunks_head/`. */
export function headChunkFileName(sequence: number): string {
  return String(sequence).padStart(6, '0');
}

/** Where a chunk is found, as the log's mmap markers name it: the upper half is the file, the lower the place therein. */
export function headChunkReference(sequence: number, position: number): bigint {
  return (BigInt(sequence) << 32n) | BigInt(position);
}

/** Beginning of a file. */
export function headChunkFileHeader(): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  new DataView(bytes.buffer).setUint32(0, MAGIC);
  bytes[4] = VERSION;
  return bytes;
}

/** A chunk as it is appended to a file. The ref of its series must be above 0, the times be whole. */
export function encodeHeadChunk(chunk: HeadChunk): Uint8Array {
  const { data } = chunk;
  const bytes = new Uint8Array(MAX_META_BYTES + data.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(chunk.seriesRef));
  view.setBigInt64(8, BigInt(chunk.minMs));
  view.setBigInt64(16, BigInt(chunk.maxMs));
  bytes[24] = chunk.encoding | (chunk.isOutOfOrder ? OUT_OF_ORDER : 0);
  let at = FIXED_BYTES;
  let rest = data.length;
  for (; rest >= 128; rest >>>= 7) bytes[at++] = (rest & 127) | 128;
  bytes[at++] = rest;
  bytes.set(data, at);
  at += data.length;
  view.setUint32(at, crc32c(bytes, 0, at));
  return bytes.subarray(0, at + CRC_BYTES);
}

/**
 * Hands the chunks of a file to `take`, with the place where each begins, up to the end or the first damage. A file that
 * is empty, or of zeros only, is one that was just made when the machine stopped: it holds nothing and is sound.
 *
 * Beside what Prometheus demands, a chunk's encoding has to be known. A last chunk that is whole though the file ends
 * right behind it is read, which Prometheus leaves out when chunk and checksum are shorter than the largest header.
 */
export function readHeadChunks(
  bytes: Uint8Array,
  take: (chunk: HeadChunk, position: number) => void,
): HeadChunkReport {
  if (isZeros(bytes, 0)) return { soundBytes: 0, damage: undefined };
  const headerDamage = damageOfHeader(bytes);
  if (headerDamage !== undefined) return { soundBytes: 0, damage: damaged(0, headerDamage) };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = HEADER_BYTES; ;) {
    if (isEnd(bytes, at)) return { soundBytes: at, damage: undefined };
    const found = readOne(bytes, view, at);
    if (typeof found === 'string') return { soundBytes: at, damage: damaged(at, found) };
    take(found.chunk, at);
    at = found.end;
  }
}

function damageOfHeader(bytes: Uint8Array): string | undefined {
  if (bytes.length < HEADER_BYTES) return 'the file is shorter than its header';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0) !== MAGIC) return 'it is no file of head chunks';
  if (bytes[4] !== VERSION) return `version ${bytes[4]} of head chunks is not known`;
  return undefined;
}

/** The chunk at `at` and where it ends, or what is wrong with it. */
function readOne(
  bytes: Uint8Array,
  view: DataView,
  at: number,
): { readonly chunk: HeadChunk; readonly end: number } | string {
  if (at + FIXED_BYTES + 1 + CRC_BYTES > bytes.length) return 'the file ends within a chunk';
  let length = 0;
  let from = at + FIXED_BYTES;
  for (let i = 0; ; i++) {
    const byte = bytes[from++];
    if (byte === undefined || i === MAX_LENGTH_BYTES) return 'the length of a chunk is wrong';
    length += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) break;
  }
  const end = from + length;
  if (end + CRC_BYTES > bytes.length) return 'the file ends within a chunk';
  if (view.getUint32(end) !== crc32c(bytes, at, end)) return 'the checksum of a chunk is wrong';
  const seriesRef = Number(view.getBigUint64(at));
  const minMs = Number(view.getBigInt64(at + 8));
  const maxMs = Number(view.getBigInt64(at + 16));
  if (![seriesRef, minMs, maxMs].every((number) => Number.isSafeInteger(number)))
    return 'a number of a chunk is too large';
  const byte = bytes[at + 24]!;
  const encoding = byte & ~OUT_OF_ORDER;
  if (!isEncoding(encoding)) return `encoding ${encoding} of a chunk is unknown`;
  const isOutOfOrder = (byte & OUT_OF_ORDER) !== 0;
  const data = bytes.subarray(from, end);
  return { chunk: { seriesRef, minMs, maxMs, encoding, isOutOfOrder, data }, end: end + CRC_BYTES };
}

/** Whether no more chunks come: the file ends, or has no series and no times there. */
function isEnd(bytes: Uint8Array, at: number): boolean {
  return bytes.length - at < MAX_META_BYTES ? isZeros(bytes, at) : isZeros(bytes, at, at + FIXED_BYTES - 1);
}

function isZeros(bytes: Uint8Array, from: number, to: number = bytes.length): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

function isEncoding(value: number): value is ChunkEncoding {
  return value >= ChunkEncoding.xor && value <= ChunkEncoding.floatHistogramWithStart;
}

function damaged(position: number, what: string): TocsinError {
  return new TocsinError(
    'TOCSIN_ERR_STORAGE',
    `a file of head chunks is damaged at byte ${position}: ${what}`,
  );
}
