import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { TocsinError, errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { Querier } from '../../seam.ts';
import { BlockReader } from '../block/index.ts';
import type { BlockMeta } from '../block/index.ts';
import { endOfBlocks } from '../compact/block-store.ts';
import { isUlid, ulidTimeMs } from '../compact/ulid.ts';
import { HeadStorage } from '../head/head-storage.ts';
import { mergeQueriers } from '../merge/merge-queriers.ts';
import { replayOutOfOrder } from '../ooo/ooo-log.ts';
import { IdMap } from '../wal/id-map.ts';
import { listWal } from '../wal/wal-folder.ts';
import { replayWal } from '../wal/wal-replay.ts';

/** A block as `tsdb list` shows it. */
export interface ListedBlock {
  readonly meta: BlockMeta;
  readonly sizeBytes: number;
}

/** How often a folder that changes while it is read is read again. */
const MAX_TRIES = 5;
/** Names of a data folder's blocks; rejects with TOCSIN_ERR_DATA_FOLDER when there is no such folder. */
export async function blockNames(files: FileSystem, path: string): Promise<string[]> {
  const stat = await files.stat(path);
  if (stat?.isDirectory !== true) {
    throw new TocsinError('TOCSIN_ERR_DATA_FOLDER', `there is no folder ${path}: name a data folder`);
  }
  return (await files.list(path)).filter(isUlid);
}

/** Opens a block; throws TOCSIN_ERR_STORAGE that names the block and says why it can't be read. */
export function openBlock(files: FileSystem, path: string, name: string): BlockReader {
  try {
    return BlockReader.open(files, join(path, name));
  } catch (error) {
    throw new TocsinError(
      'TOCSIN_ERR_STORAGE',
      `block ${name} in ${path} cannot be read: ${errorText(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** The block of a data folder that was made last. Rejects with TOCSIN_ERR_DATA_FOLDER when there is none. */
export async function lastBlock(files: FileSystem, path: string): Promise<string> {
  const names = await blockNames(files, path);
  const newest = names.toSorted((a, b) => ulidTimeMs(a) - ulidTimeMs(b) || (a < b ? -1 : 1)).at(-1);
  if (newest !== undefined) return newest;
  throw new TocsinError('TOCSIN_ERR_DATA_FOLDER', `no blocks found in ${path}`);
}

/**
 * The blocks of a data folder by time. Rejects with TOCSIN_ERR_DATA_FOLDER or, for the first that is damaged, TOCSIN_ERR_STORAGE.
 *
 * @see prometheus tsdb/db.go DBReadOnly.Blocks
 */
export async function listBlocks(files: FileSystem, path: string): Promise<ListedBlock[]> {
  const blocks = await openAll(files, path);
  for (const block of blocks) block.close();
  return blocks.map(({ meta, sizeBytes }) => ({ meta, sizeBytes }));
}

async function openAll(files: FileSystem, path: string): Promise<BlockReader[]> {
  const blocks: BlockReader[] = [];
  try {
    for (const name of await blockNames(files, path)) blocks.push(openBlock(files, path, name));
  } catch (error) {
    for (const block of blocks) block.close();
    throw error;
  }
  return blocks.sort((a, b) => a.meta.minTime - b.meta.minTime);
}

/** What {@link ReadOnlyData.open} needs. */
export interface ReadOnlyOptions {
  readonly files: FileSystem;
  readonly path: string;
  readonly clock: Clock;
  /** Told of damage in the log, which is passed over. */
  readonly logger: Logger;
  /** Without the log when everything wanted is before the end of the blocks. */
  readonly maxMs: number;
}

/**
 * A data folder that is only looked at: nothing is locked, written or repaired, so that a program may be using it. What its
 * log held when it was opened is in memory.
 *
 * @see prometheus tsdb/db.go DBReadOnly
 */
export class ReadOnlyData {
  readonly #blocks: readonly BlockReader[];
  readonly #head: HeadStorage | undefined;

  private constructor(blocks: readonly BlockReader[], head: HeadStorage | undefined) {
    this.#blocks = blocks;
    this.#head = head;
  }

  /**
   * Opens it. Whoever uses the folder may put a block in the place of others, or of a part of the log, meanwhile: it is read
   * again then. Rejects with TOCSIN_ERR_DATA_FOLDER and TOCSIN_ERR_STORAGE.
   */
  static async open(options: ReadOnlyOptions): Promise<ReadOnlyData> {
    for (let attempt = 1; ; attempt++) {
      const before = await stateOf(options);
      let blocks: readonly BlockReader[] = [];
      try {
        blocks = await openAll(options.files, options.path);
        const head = await readHead(options, blocks);
        if ((await stateOf(options)) === before || attempt === MAX_TRIES)
          return new ReadOnlyData(blocks, head);
      } catch (error) {
        for (const block of blocks) block.close();
        if ((await stateOf(options)) === before || attempt === MAX_TRIES) throw error;
        continue;
      }
      for (const block of blocks) block.close();
    }
  }

  /** Reads within minMs <= t <= maxMs. */
  querier(minMs: number, maxMs: number): Querier {
    const queriers = this.#blocks
      .filter(({ meta }) => meta.minTime <= maxMs && meta.maxTime > minMs)
      .map((block) => block.querier(minMs, maxMs));
    if (this.#head !== undefined) queriers.push(this.#head.querier(minMs, maxMs));
    return mergeQueriers(queriers);
  }

  close(): void {
    for (const block of this.#blocks) block.close();
  }
}

/** What changes when a block is made or the log cut. */
async function stateOf({ files, path }: ReadOnlyOptions): Promise<string> {
  const names = await blockNames(files, path);
  const wal = join(path, 'wal');
  if ((await files.stat(wal)) === undefined) return names.join();
  const { segments, checkpoint } = await listWal(files, wal);
  return [...names, checkpoint ?? '', segments[0] ?? ''].join();
}

async function readHead(
  { files, path, clock, logger, maxMs }: ReadOnlyOptions,
  blocks: readonly BlockReader[],
): Promise<HeadStorage | undefined> {
  const folder = join(path, 'wal');
  const endMs = endOfBlocks(blocks);
  const hasOutOfOrder = (await files.stat(join(path, 'wbl'))) !== undefined;
  if ((maxMs < endMs && !hasOutOfOrder) || (await files.stat(folder)) === undefined) return undefined;
  const storage = new HeadStorage();
  const minValidMs = storage.head.startAfter(endMs);
  const rows = new IdMap();
  await replayWal({
    files,
    folder,
    head: storage.head,
    clock,
    logger,
    minValidMs,
    rows,
    readOnly: true,
    target: {
      exemplar: () => undefined,
      metadata: () => undefined,
      tombstone: (ref, fromMs, toMs) => {
        storage.deletions.replay(ref, fromMs, toMs);
      },
    },
  });
  await replayOutOfOrder({ files, path, head: storage.head, rows, clock, logger }, true);
  storage.deletions.endReplay();
  return storage;
}
