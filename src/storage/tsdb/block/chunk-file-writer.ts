import { join } from 'node:path';
import type { FileSystem } from '../../../core/ports.ts';
import type { EncodedChunk } from '../chunk/encoding.ts';
import { crc32c } from '../crc32c.ts';
import {
  CHUNKS_HEADER_BYTES,
  CHUNKS_MAGIC,
  CHUNK_FILE_FACTOR,
  MAX_CHUNK_LENGTH_BYTES,
  chunkFileName,
} from './block-format.ts';
import { ByteWriter } from './byte-writer.ts';
import { FileOutput } from './file-output.ts';

/** Writes a block's `chunks/000001` and following. @see prometheus tsdb/chunks/chunks.go Writer */
export class ChunkFileWriter {
  readonly #files: FileSystem;
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #scratch = new ByteWriter();
  #index = -1;
  #output: FileOutput | undefined;

  constructor(files: FileSystem, folder: string, segmentBytes: number) {
    this.#files = files;
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
  }

  /** Writes a chunk; resolves to its reference. */
  async add(chunk: EncodedChunk): Promise<number> {
    const most = MAX_CHUNK_LENGTH_BYTES + 1 + chunk.data.length + 4;
    const present = this.#output;
    const isOver =
      present !== undefined &&
      present.position > CHUNKS_HEADER_BYTES &&
      present.position + most > this.#segmentBytes;
    const output = present === undefined || isOver ? await this.#cut() : present;
    if (output.isFull) await output.flush();
    const reference = this.#index * CHUNK_FILE_FACTOR + output.position;
    const scratch = this.#scratch;
    scratch.clear();
    scratch.uvarint(chunk.data.length);
    const from = scratch.length;
    scratch.u8(chunk.encoding);
    scratch.raw(chunk.data);
    scratch.u32(crc32c(scratch.bytes, from, scratch.length));
    output.put(scratch.bytes);
    return reference;
  }

  /** Resolves when everything is on disk. */
  async end(): Promise<void> {
    const output = this.#output;
    this.#output = undefined;
    await output?.end();
    await this.#files.syncFolder(this.#folder);
  }

  /** Gives up. */
  async abandon(): Promise<void> {
    const output = this.#output;
    this.#output = undefined;
    await output?.abandon();
  }

  async #cut(): Promise<FileOutput> {
    const before = this.#output;
    this.#output = undefined;
    await before?.end();
    this.#index++;
    this.#output = await FileOutput.create(this.#files, join(this.#folder, chunkFileName(this.#index)));
    const header = new ByteWriter(CHUNKS_HEADER_BYTES);
    header.u32(CHUNKS_MAGIC);
    header.u8(1);
    header.raw(new Uint8Array(3));
    this.#output.put(header.bytes);
    return this.#output;
  }
}
