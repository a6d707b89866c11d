import { join } from 'node:path';
import { Matcher } from '../../../core/matcher.ts';
import { compareText } from '../../../core/labels.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { FloatEncoding } from '../../config.ts';
import type { Querier, ReadableStorage } from '../../seam.ts';
import { BlockWriter } from '../block/index.ts';
import type { BlockCompaction, BlockMeta } from '../block/index.ts';
import { ChunkEncoding } from '../chunk/encoding.ts';
import type { EncodedChunk } from '../chunk/encoding.ts';
import { chunksOf } from '../head-chunks.ts';

/** End of the name of a block's folder that is being written. */
export const TEMPORARY_BLOCK = '.tmp-for-creation';
/** End of the name of a block's folder that is being removed. */
export const DELETED_BLOCK = '.tmp-for-deletion';

/** A block that is to be made of samples. */
export interface HeadBlockJob {
  /** Where blocks are. */
  readonly path: string;
  readonly ulid: string;
  /** Samples with minMs <= t < maxMs. */
  readonly minMs: number;
  readonly maxMs: number;
  readonly hints: readonly string[];
  /** Of what came out of order, instead of all the rest. */
  readonly isOutOfOrder?: boolean;
  /** Most bytes of a file of chunks; 0 is the usual 512 MiB. */
  readonly segmentBytes: number;
  /** How chunks of floats are encoded. */
  readonly floats: FloatEncoding;
}

/** What writing blocks works with. */
export interface BlockPorts {
  readonly files: FileSystem;
  /** Awaited every few hundred series. */
  readonly pause: () => Promise<void>;
}

/** Series between two pauses. */
const SERIES_PER_PAUSE = 64;

/**
 * Writes a block of everything that a storage has within a span of time. Resolves to undefined when that is nothing. Rejects
 * with TOCSIN_ERR_STORAGE; what was written is removed then.
 *
 * @see prometheus tsdb/compact.go LeveledCompactor.Write
 */
export async function writeHeadBlock(
  job: HeadBlockJob,
  storage: ReadableStorage,
  ports: BlockPorts,
): Promise<BlockMeta | undefined> {
  const { minMs, maxMs } = job;
  const querier = storage.querier(minMs, maxMs - 1);
  try {
    const all = [new Matcher('__name__', '=~', '.*')];
    const cursor = await querier.select(all, { minMs, maxMs: maxMs - 1, limit: 0 });
    if (cursor.count === 0) return undefined;
    const symbols = await symbolsOf(querier, ports);
    const compaction = firstCompaction(job.ulid, job.hints);
    return await writeBlock(job, symbols, compaction, ports, async (writer) => {
      for (let series = 1; cursor.next(); series++) {
        if (series % SERIES_PER_PAUSE === 0) await ports.pause();
        const chunks: EncodedChunk[] = [];
        chunksOf(cursor, minMs, maxMs - 1, (chunk) => chunks.push(chunk), ChunkEncoding[job.floats]);
        if (chunks.length > 0) await writer.addSeries(cursor.labels(), chunks);
      }
    });
  } finally {
    querier.close();
  }
}

/** Names and values of all labels that a querier sees, rising by bytes. */
export async function symbolsOf(querier: Querier, { pause }: Pick<BlockPorts, 'pause'>): Promise<string[]> {
  const names = await querier.labelNames([], 0);
  const symbols = new Set(names);
  for (const name of names) {
    for (const value of await querier.labelValues(name, [], 0)) symbols.add(value);
    await pause();
  }
  return [...symbols].sort(compareText);
}

/** How a block came to be that was not made of others. */
export function firstCompaction(ulid: string, hints: readonly string[]): BlockCompaction {
  return { level: 1, sources: [ulid], parents: [], hints, deletable: false, failed: false };
}

/** Where a block goes and which time it has. */
export type BlockTarget = Pick<HeadBlockJob, 'path' | 'ulid' | 'minMs' | 'maxMs' | 'segmentBytes'>;

/**
 * Makes a block's folder under its temporary name, has it filled, and gives it its name when all is on disk: a block is there
 * as a whole or not at all. Resolves to undefined, leaving nothing, when no series was added.
 */
export async function writeBlock(
  target: BlockTarget,
  symbols: readonly string[],
  compaction: BlockCompaction,
  { files }: BlockPorts,
  fill: (writer: BlockWriter) => Promise<void>,
): Promise<BlockMeta | undefined> {
  const { path, ulid, minMs, maxMs, segmentBytes } = target;
  const folder = join(path, ulid);
  const temporary = folder + TEMPORARY_BLOCK;
  await files.remove(temporary);
  let writer: BlockWriter | undefined;
  try {
    writer = await BlockWriter.create({
      files,
      folder: temporary,
      symbols,
      ...(segmentBytes > 0 && { segmentBytes }),
    });
    await fill(writer);
    if (writer.seriesCount === 0) {
      await writer.abandon();
      await files.remove(temporary);
      return undefined;
    }
    const meta = await writer.finish({ ulid, minTime: minMs, maxTime: maxMs, compaction });
    await files.rename(temporary, folder);
    try {
      await files.syncFolder(path);
    } catch (error) {
      // It is made again, under another name.
      await files.remove(folder).catch(() => undefined);
      throw error;
    }
    return meta;
  } catch (error) {
    // The first failure is the one to tell; what cannot be removed now goes at the next start.
    await writer?.abandon().catch(() => undefined);
    await files.remove(temporary).catch(() => undefined);
    throw error;
  }
}
