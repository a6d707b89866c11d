import { join } from 'node:path';
import { TocsinError } from '../../../core/errors.ts';
import type { FileSystem, RandomAccessFile } from '../../../core/ports.ts';
import type { ChunkEncoding } from '../chunk/encoding.ts';
import { crc32c } from '../crc32c.ts';
import {
  CHUNKS_HEADER_BYTES,
  CHUNKS_MAGIC,
  CHUNK_FILE_FACTOR,
  chunkFileName,
  damaged,
} from './block-format.ts';
import { isMissing } from './tombstones.ts';

/** Read at once beyond the begin of a series' last chunk, whose length nothing tells. */
const LAST_CHUNK_BYTES = 1280;
/** Most that is read ahead. */
const MAX_AHEAD_BYTES = 256 * 1024;

/** Reads chunks of a block. One buffer serves all of them: what was read last is good until the next read. */
export class ChunkFileReader {
  /** Encoding of the chunk that was read last. */
  encoding: ChunkEncoding = 1;
  /** Its data; good until the next. */
  data: Uint8Array = new Uint8Array(0);
  readonly #files: { readonly path: string; readonly file: RandomAccessFile }[] = [];
  #buffer = new Uint8Array(16 * 1024);
  #bufferFile = -1;
  #bufferStart = 0;
  #bufferEnd = 0;

  /** Opens all files; throws TOCSIN_ERR_STORAGE. */
  constructor(files: FileSystem, folder: string) {
    try {
      for (let index = 0; ; index++) {
        const path = join(folder, chunkFileName(index));
        const file = openIfThere(files, path);
        if (file === undefined) break;
        this.#files.push({ path, file });
        verifyHeader(path, file);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get sizeBytes(): number {
    return this.#files.reduce((sum, { file }) => sum + file.sizeBytes, 0);
  }

  /** Reads a chunk; one at `lastReference` at most will be read next, so what lies between may be read too. */
  read(reference: number, lastReference: number): void {
    const index = Math.floor(reference / CHUNK_FILE_FACTOR);
    const at = reference % CHUNK_FILE_FACTOR;
    const ahead = Math.min(Math.max(0, lastReference - reference), MAX_AHEAD_BYTES) + LAST_CHUNK_BYTES;
    // No chunk is shorter than its length, its encoding and its checksum.
    this.#fill(index, at, 6, ahead);
    const { path } = this.#files[index]!;
    let length = 0;
    let shift = 0;
    let from = at - this.#bufferStart;
    for (;;) {
      if (from >= this.#bufferEnd - this.#bufferStart || shift > 28)
        throw damaged(path, at, 'the length of a chunk is wrong');
      const byte = this.#buffer[from++]!;
      length += (byte & 127) * 2 ** shift;
      shift += 7;
      if (byte < 128) break;
    }
    const header = from - (at - this.#bufferStart);
    const total = header + 1 + length + 4;
    this.#fill(index, at, total, Math.max(total, ahead));
    const start = at - this.#bufferStart + header;
    const end = start + 1 + length;
    const buffer = this.#buffer;
    const sum =
      ((buffer[end]! << 24) | (buffer[end + 1]! << 16) | (buffer[end + 2]! << 8) | buffer[end + 3]!) >>> 0;
    if (sum !== crc32c(buffer, start, end)) throw damaged(path, at, 'the checksum of a chunk is wrong');
    const encoding = buffer[start]!;
    if (!isEncoding(encoding)) throw damaged(path, at, `encoding ${encoding} of a chunk is unknown`);
    this.encoding = encoding;
    this.data = buffer.subarray(start + 1, end);
  }

  /** The failure for a chunk whose data cannot be read. */
  unreadable(reference: number, error: unknown): unknown {
    if (!(error instanceof TocsinError)) return error;
    const { path } = this.#files[Math.floor(reference / CHUNK_FILE_FACTOR)]!;
    return damaged(path, reference % CHUNK_FILE_FACTOR, error.message);
  }

  close(): void {
    for (const { file } of this.#files) file.close();
    this.#files.length = 0;
  }

  /** Makes the buffer hold `least` bytes at a place; reads `ahead` when it has to read. */
  #fill(index: number, at: number, least: number, ahead: number): void {
    const entry = this.#files[index];
    if (entry === undefined)
      throw new TocsinError(
        'TOCSIN_ERR_STORAGE',
        `a block has no file ${chunkFileName(index)} of chunks (${
          this.#files[0]?.path ?? 'it has none at all'
        })`,
      );
    const { path, file } = entry;
    if (at < CHUNKS_HEADER_BYTES || at + least > file.sizeBytes)
      throw damaged(path, at, `a chunk of ${least} bytes should be there, the file has ${file.sizeBytes}`);
    if (index === this.#bufferFile && at >= this.#bufferStart && at + least <= this.#bufferEnd) return;
    const length = Math.min(ahead, file.sizeBytes - at);
    if (length > this.#buffer.length)
      this.#buffer = new Uint8Array(Math.max(length, Math.min(this.#buffer.length * 2, MAX_AHEAD_BYTES)));
    this.#bufferFile = -1;
    const count = file.readAt(this.#buffer, 0, length, at);
    if (count !== length) throw damaged(path, at + count, 'the file ends');
    this.#bufferFile = index;
    this.#bufferStart = at;
    this.#bufferEnd = at + length;
  }
}

function isEncoding(value: number): value is ChunkEncoding {
  return value >= 1 && value <= 6;
}

function openIfThere(files: FileSystem, path: string): RandomAccessFile | undefined {
  try {
    return files.openRandomAccess(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function verifyHeader(path: string, file: RandomAccessFile): void {
  const header = new Uint8Array(CHUNKS_HEADER_BYTES);
  if (file.readAt(header, 0, header.length, 0) !== header.length)
    throw damaged(path, 0, 'it is too short for a file of chunks');
  if (new DataView(header.buffer).getUint32(0) !== CHUNKS_MAGIC)
    throw damaged(path, 0, 'it is no file of chunks');
  if (header[4] !== 1) throw damaged(path, 4, `version ${header[4]} of chunks is not known`);
}
