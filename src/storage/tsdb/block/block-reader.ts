import { join } from 'node:path';
import type { Labels } from '../../../core/labels.ts';
import { assert } from '../../../core/errors.ts';
import type { Matcher } from '../../../core/matcher.ts';
import type { FileSystem } from '../../../core/ports.ts';
import { SampleBuffer } from '../../seam.ts';
import type { Querier } from '../../seam.ts';
import { encodeSamples } from '../chunk/encode-samples.ts';
import type { EncodedChunk } from '../chunk/encoding.ts';
import { readChunk } from '../chunk/read-chunk.ts';
import type { BlockParts } from './block-cursor.ts';
import type { BlockMeta } from './block-meta.ts';
import { BlockQuerier } from './block-querier.ts';
import { Slices, selectRefs } from './block-selection.ts';
import { ChunkFileReader } from './chunk-file-reader.ts';
import { dropWithin } from './drop-samples.ts';
import { IndexReader, SeriesEntry } from './index-reader.ts';
import { isWithin, overlapsAny } from './intervals.ts';
import { decodeMeta } from './meta-file.ts';
import { threadPageCache } from './paged-file.ts';
import type { PageCache } from './paged-file.ts';
import { readTombstones } from './tombstones.ts';
import type { Tombstones } from './tombstones.ts';

/** What {@link BlockReader.open} may be told. */
export interface BlockReaderOptions {
  /** Pages of indexes; the thread's own unless told. */
  readonly cache?: PageCache;
  /** Awaited again and again during long selections, to let others have their turn. */
  readonly pause?: () => Promise<void>;
}

/** Walks all series of a block, for compaction. */
export interface BlockSeriesCursor {
  next(): boolean;
  /** Ref of the series in its block, as tombstones name it. */
  ref(): number;
  labels(): Labels;
  /** The chunks without what is deleted; data are the caller's. Empty when all of it is. */
  chunks(): EncodedChunk[];
}

/** Refs of blocks begin above those of the head. */
const REFS_PER_BLOCK = 2 ** 32;
/** Bases of refs that a thread gives out, before it begins anew. */
const MAX_BASES = 2 ** 20;
let bases = 0;

/**
 * An open block. Reads are synchronous and go through pages that all blocks of the thread share. Whatever is damaged
 * throws TOCSIN_ERR_STORAGE with file and place, here or on reading.
 */
export class BlockReader {
  readonly meta: BlockMeta;
  readonly folder: string;
  /** Bytes of its files. */
  readonly sizeBytes: number;
  readonly #files: FileSystem;
  readonly #parts: BlockParts;
  readonly #pause: (() => Promise<void>) | undefined;
  #queriers = 0;
  #isClosing = false;

  private constructor(files: FileSystem, folder: string, options: BlockReaderOptions) {
    this.folder = folder;
    this.#files = files;
    this.#pause = options.pause;
    const metaPath = join(folder, 'meta.json');
    const metaBytes = readWhole(files, metaPath);
    this.meta = decodeMeta(metaBytes, metaPath);
    const tombstones = readTombstones(files, join(folder, 'tombstones'));
    const chunks = new ChunkFileReader(files, join(folder, 'chunks'));
    try {
      const index = new IndexReader(files, join(folder, 'index'), options.cache ?? threadPageCache());
      bases = (bases % MAX_BASES) + 1;
      this.#parts = { index, chunks, tombstones, refBase: bases * REFS_PER_BLOCK };
      this.sizeBytes = metaBytes.length + index.sizeBytes + chunks.sizeBytes + tombstones.encode().length;
    } catch (error) {
      chunks.close();
      throw error;
    }
  }

  /** Opens a block; throws TOCSIN_ERR_STORAGE with the path and the reason. */
  static open(files: FileSystem, folder: string, options: BlockReaderOptions = {}): BlockReader {
    return new BlockReader(files, folder, options);
  }

  /** What is deleted but still there. */
  get tombstones(): Tombstones {
    return this.#parts.tombstones;
  }

  /** The index, for who analyses it. */
  get index(): IndexReader {
    return this.#parts.index;
  }

  /** All symbols, rising. */
  symbols(): Iterable<string> {
    return this.#parts.index.symbols.all();
  }

  /** Reads within minMs <= t <= maxMs. The block stays open until it is closed. */
  querier(minMs: number, maxMs: number): Querier {
    assert(!this.#isClosing, 'a closed block must not be queried');
    this.#queriers++;
    return new BlockQuerier(this.#parts, this.meta, { minMs, maxMs }, this.#pause, () => {
      this.#queriers--;
      this.#closeIfUnused();
    });
  }

  /** All series in order of labels. */
  eachSeries(): BlockSeriesCursor {
    return new AllSeries(this.#parts);
  }

  /**
   * What is deleted once all samples with minMs <= t <= maxMs of the series that match are, too. Nothing is written.
   *
   * @see prometheus tsdb/block.go Block.Delete
   */
  async withDeletion(matchers: readonly Matcher[], minMs: number, maxMs: number): Promise<Tombstones> {
    const { index, tombstones } = this.#parts;
    const all = tombstones.copy();
    const slices = new Slices(this.#pause);
    const series = new SeriesEntry();
    for (const ref of await selectRefs(index, matchers, slices)) {
      index.readSeries(ref, series);
      const count = series.references.length;
      let isTouched = false;
      for (let i = 0; i < count && !isTouched; i++) {
        isTouched = series.minMs[i]! <= maxMs && series.maxMs[i]! >= minMs;
      }
      // No further than there are samples.
      const firstMs = Math.max(minMs, series.minMs[0] ?? minMs);
      const lastMs = Math.min(maxMs, series.maxMs[count - 1] ?? maxMs);
      if (isTouched) all.add(ref, { minMs: firstMs, maxMs: lastMs });
      if (slices.step()) await slices.rest();
    }
    return all;
  }

  /** Reads tombstones anew after they were written. */
  reloadTombstones(): void {
    const read = readTombstones(this.#files, join(this.folder, 'tombstones'));
    this.#parts.tombstones.replaceBy(read);
  }

  /** Closes the files as soon as all queriers are closed. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#closeIfUnused();
  }

  #closeIfUnused(): void {
    if (!this.#isClosing || this.#queriers > 0) return;
    this.#parts.index.close();
    this.#parts.chunks.close();
  }
}

class AllSeries implements BlockSeriesCursor {
  readonly #parts: BlockParts;
  readonly #refs: Uint32Array;
  readonly #series = new SeriesEntry();
  readonly #buffer = new SampleBuffer();
  #at = -1;

  constructor(parts: BlockParts) {
    this.#parts = parts;
    this.#refs = parts.index.all();
  }

  next(): boolean {
    if (this.#at + 1 >= this.#refs.length) return false;
    this.#at++;
    this.#parts.index.readSeries(this.ref(), this.#series);
    return true;
  }

  ref(): number {
    return this.#refs[this.#at]!;
  }

  labels(): Labels {
    return this.#parts.index.labelsOf(this.#series);
  }

  chunks(): EncodedChunk[] {
    const { chunks, tombstones } = this.#parts;
    const { references } = this.#series;
    const deleted = tombstones.of(this.ref());
    const out: EncodedChunk[] = [];
    for (let i = 0; i < references.length; i++) {
      const minMs = this.#series.minMs[i]!;
      const maxMs = this.#series.maxMs[i]!;
      if (isWithin(deleted, minMs, maxMs)) continue;
      chunks.read(references[i]!, references.at(-1)!);
      if (!overlapsAny(deleted, minMs, maxMs)) {
        out.push({ minMs, maxMs, encoding: chunks.encoding, data: chunks.data.slice() });
        continue;
      }
      const buffer = this.#buffer;
      buffer.clear();
      try {
        readChunk(chunks.encoding, chunks.data, minMs, maxMs, buffer);
      } catch (error) {
        throw chunks.unreadable(references[i]!, error);
      }
      dropWithin(buffer, 0, deleted);
      if (buffer.length > 0) encodeSamples(buffer, (chunk) => out.push(chunk));
    }
    return out;
  }
}

function readWhole(files: FileSystem, path: string): Uint8Array {
  const file = files.openRandomAccess(path);
  try {
    const bytes = new Uint8Array(file.sizeBytes);
    return bytes.subarray(0, file.readAt(bytes, 0, bytes.length, 0));
  } finally {
    file.close();
  }
}
