import { join } from 'node:path';
import { assert } from '../../../core/errors.ts';
import type { Labels } from '../../../core/labels.ts';
import type { FileSystem } from '../../../core/ports.ts';
import { ChunkEncoding } from '../chunk/encoding.ts';
import type { EncodedChunk } from '../chunk/encoding.ts';
import { sampleCountOf } from '../chunk/read-chunk.ts';
import { CHUNKS_SEGMENT_BYTES } from './block-format.ts';
import type { BlockCompaction, BlockMeta } from './block-meta.ts';
import { ChunkFileWriter } from './chunk-file-writer.ts';
import { IndexWriter } from './index-writer.ts';
import type { ChunkPlace } from './index-writer.ts';
import { encodeMeta } from './meta-file.ts';
import { Tombstones, writeTombstones } from './tombstones.ts';

/** What {@link BlockWriter.create} wants. */
export interface BlockWriterOptions {
  readonly files: FileSystem;
  /** Where the block goes; must not be there yet. Callers rename it when it is finished. */
  readonly folder: string;
  /** All names and values of labels to come, rising by bytes (compareText); more than are used is fine. */
  readonly symbols: Iterable<string>;
  /** Most bytes of a file of chunks; 512 MiB unless told. */
  readonly segmentBytes?: number;
}

/** What a writer is told of its block in the end. */
export interface FinishedBlock {
  readonly ulid: string;
  /** Samples have minTime <= t < maxTime, in milliseconds. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly compaction: BlockCompaction;
}

/**
 * Writes a block: `meta.json`, `index`, `chunks/` and `tombstones`. Use: create, {@link addSeries} in order of labels,
 * then {@link finish} or {@link abandon}. Failures reject with TOCSIN_ERR_STORAGE; abandon then, and remove the folder.
 *
 * @see prometheus tsdb/compact.go LeveledCompactor.write
 */
export class BlockWriter {
  readonly #files: FileSystem;
  readonly #folder: string;
  readonly #index: IndexWriter;
  readonly #chunks: ChunkFileWriter;
  #numChunks = 0;
  #numFloats = 0;
  #numHistograms = 0;

  private constructor(options: BlockWriterOptions, index: IndexWriter) {
    this.#files = options.files;
    this.#folder = options.folder;
    this.#index = index;
    this.#chunks = new ChunkFileWriter(
      options.files,
      join(options.folder, 'chunks'),
      options.segmentBytes ?? CHUNKS_SEGMENT_BYTES,
    );
  }

  /** Begins a block. */
  static async create(options: BlockWriterOptions): Promise<BlockWriter> {
    await options.files.makeFolder(join(options.folder, 'chunks'));
    const index = await IndexWriter.create(options.files, join(options.folder, 'index'), options.symbols);
    return new BlockWriter(options, index);
  }

  /** How many series were added. */
  get seriesCount(): number {
    return this.#index.seriesCount;
  }

  /**
   * Adds a series with its chunks, of which there is at least one, in order of time and without overlap. Labels rise
   * from call to call. The data are copied before it resolves.
   */
  async addSeries(labels: Labels, chunks: readonly EncodedChunk[]): Promise<void> {
    assert(chunks.length > 0, 'a series in a block has chunks');
    const places: ChunkPlace[] = [];
    for (const chunk of chunks) {
      const reference = await this.#chunks.add(chunk);
      places.push({ minMs: chunk.minMs, maxMs: chunk.maxMs, reference });
      const samples = sampleCountOf(chunk.encoding, chunk.data);
      const isFloat = chunk.encoding === ChunkEncoding.xor || chunk.encoding === ChunkEncoding.xor2;
      if (isFloat) this.#numFloats += samples;
      else this.#numHistograms += samples;
    }
    this.#numChunks += chunks.length;
    await this.#index.addSeries(labels, places);
  }

  /** Writes what is left; resolves when all of the block is on disk. The caller renames the folder. */
  async finish(block: FinishedBlock): Promise<BlockMeta> {
    const meta: BlockMeta = {
      ...block,
      stats: {
        numSamples: this.#numFloats + this.#numHistograms,
        numFloatSamples: this.#numFloats,
        numHistogramSamples: this.#numHistograms,
        numSeries: this.#index.seriesCount,
        numChunks: this.#numChunks,
        numTombstones: 0,
      },
    };
    await this.#chunks.end();
    await this.#index.end();
    await this.#files.replaceFile(join(this.#folder, 'meta.json'), encodeMeta(meta));
    await writeTombstones(this.#files, join(this.#folder, 'tombstones'), new Tombstones());
    await this.#files.syncFolder(this.#folder);
    return meta;
  }

  /** Gives up: closes the files. What was written stays for the caller to remove. */
  async abandon(): Promise<void> {
    await this.#chunks.abandon();
    await this.#index.abandon();
  }
}
