import { join } from 'node:path';
import { compareText } from '../../../core/labels.ts';
import type { Labels } from '../../../core/labels.ts';
import { SampleBuffer } from '../../seam.ts';
import { BlockReader } from '../block/index.ts';
import type { BlockCompaction, BlockMeta, BlockSeriesCursor } from '../block/index.ts';
import { encodeSamples } from '../chunk/encode-samples.ts';
import type { EncodedChunk } from '../chunk/encoding.ts';
import { readChunk } from '../chunk/read-chunk.ts';
import { mergeSamples } from '../merge/merge-samples.ts';
import { writeBlock } from './write-head-block.ts';
import type { BlockPorts } from './write-head-block.ts';

/** Blocks of which one is to be made. */
export interface CompactionJob {
  /** Where blocks are. */
  readonly path: string;
  /** Names of their folders there. */
  readonly sources: readonly string[];
  readonly ulid: string;
  /** Most bytes of a file of chunks; 0 is the usual 512 MiB. */
  readonly segmentBytes: number;
}

/** Series between two pauses. */
const SERIES_PER_PAUSE = 64;

/**
 * Makes one block of several: series of equal labels become one, chunks are taken over as they are where they do not overlap,
 * deleted samples are left out. Resolves to undefined when nothing is left. The sources stay. Rejects with
 * TOCSIN_ERR_STORAGE.
 *
 * @see prometheus tsdb/compact.go LeveledCompactor.CompactWithBlockPopulator
 */
export async function compactBlocks(job: CompactionJob, ports: BlockPorts): Promise<BlockMeta | undefined> {
  const readers: BlockReader[] = [];
  try {
    for (const name of job.sources) readers.push(BlockReader.open(ports.files, join(job.path, name)));
    const metas = readers.map(({ meta }) => meta);
    const target = {
      path: job.path,
      ulid: job.ulid,
      segmentBytes: job.segmentBytes,
      minMs: Math.min(...metas.map(({ minTime }) => minTime)),
      maxMs: Math.max(...metas.map(({ maxTime }) => maxTime)),
    };
    const symbols = await mergeSymbols(readers, ports);
    return await writeBlock(target, symbols, compactionOf(metas), ports, async (writer) => {
      const series = new SeriesMerge(readers.map((reader) => reader.eachSeries()));
      for (let count = 1; series.next(); count++) {
        if (count % SERIES_PER_PAUSE === 0) await ports.pause();
        const chunks = series.chunks();
        if (chunks.length > 0) await writer.addSeries(series.labels, chunks);
      }
    });
  } finally {
    for (const reader of readers) reader.close();
  }
}

/** @see prometheus tsdb/compact.go CompactBlockMetas */
function compactionOf(metas: readonly BlockMeta[]): BlockCompaction {
  const sources = new Set(metas.flatMap(({ compaction }) => compaction.sources));
  const [first] = metas;
  return {
    level: Math.max(...metas.map(({ compaction }) => compaction.level)) + 1,
    sources: [...sources].sort(compareText),
    parents: metas.map(({ ulid, minTime, maxTime }) => ({ ulid, minTime, maxTime })),
    // A hint holds for the whole only when it holds for every part.
    hints: first!.compaction.hints.filter((hint) =>
      metas.every((meta) => meta.compaction.hints.includes(hint)),
    ),
    deletable: false,
    failed: false,
  };
}

async function mergeSymbols(readers: readonly BlockReader[], ports: BlockPorts): Promise<string[]> {
  const symbols = new Set<string>();
  for (const reader of readers) {
    for (const symbol of reader.symbols()) symbols.add(symbol);
    await ports.pause();
  }
  return [...symbols].sort(compareText);
}

interface Source {
  readonly cursor: BlockSeriesCursor;
  labels: Labels;
}

/** Walks the series of several blocks in step. */
class SeriesMerge {
  #waiting: Source[] = [];
  #present: Source[] = [];
  readonly #one = new SampleBuffer();
  readonly #all = new SampleBuffer();
  readonly #sum = new SampleBuffer();

  constructor(cursors: readonly BlockSeriesCursor[]) {
    for (const cursor of cursors) {
      if (cursor.next()) this.#waiting.push({ cursor, labels: cursor.labels() });
    }
  }

  get labels(): Labels {
    return this.#present[0]!.labels;
  }

  next(): boolean {
    for (const source of this.#present) {
      if (!source.cursor.next()) continue;
      source.labels = source.cursor.labels();
      this.#waiting.push(source);
    }
    if (this.#waiting.length === 0) return false;
    let first = this.#waiting[0]!.labels;
    for (const { labels } of this.#waiting) if (labels.compare(first) < 0) first = labels;
    this.#present = this.#waiting.filter(({ labels }) => labels.equals(first));
    this.#waiting = this.#waiting.filter(({ labels }) => !labels.equals(first));
    return true;
  }

  /** The series' chunks in order of time; those that overlap are made anew of their samples. */
  chunks(): EncodedChunk[] {
    const all = this.#present.flatMap(({ cursor }) => cursor.chunks());
    all.sort((a, b) => a.minMs - b.minMs || a.maxMs - b.maxMs);
    const out: EncodedChunk[] = [];
    for (let from = 0; from < all.length;) {
      let maxMs = all[from]!.maxMs;
      let to = from + 1;
      while (to < all.length && all[to]!.minMs <= maxMs) maxMs = Math.max(maxMs, all[to++]!.maxMs);
      if (to === from + 1) out.push(all[from]!);
      else this.#rewrite(all.slice(from, to), (chunk) => out.push(chunk));
      from = to;
    }
    return out;
  }

  #rewrite(chunks: readonly EncodedChunk[], emit: (chunk: EncodedChunk) => void): void {
    let merged = this.#all;
    let spare = this.#sum;
    merged.clear();
    for (const { encoding, data, minMs, maxMs } of chunks) {
      this.#one.clear();
      readChunk(encoding, data, minMs, maxMs, this.#one);
      mergeSamples(merged, this.#one, spare);
      [merged, spare] = [spare, merged];
    }
    encodeSamples(merged, emit);
  }
}
