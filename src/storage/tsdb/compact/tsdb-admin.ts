import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { Matcher } from '../../../core/matcher.ts';
import type { FileSystem, Random } from '../../../core/ports.ts';
import type { BlockLife } from './block-life.ts';
import type { BlockStore, StoredBlock } from './block-store.ts';

/** Folder of snapshots in a data folder. */
const SNAPSHOTS = 'snapshots';

/** What is done to a data folder by hand; behind `/api/v1/admin/tsdb`. */
export interface TsdbAdmin {
  /**
   * Deletes the samples with minMs <= t <= maxMs of all series that match. They are in no answer any more when it resolves; their
   * room is given back by {@link cleanTombstones} or with time.
   */
  deleteSeries(matchers: readonly Matcher[], minMs: number, maxMs: number): Promise<void>;
  /** Writes blocks anew without what is deleted in them. */
  cleanTombstones(): Promise<void>;
  /** Makes a copy of everything (without what is in memory when `skipHead`) below `snapshots/`; resolves to its name there. */
  snapshot(skipHead: boolean): Promise<string>;
}

/** What {@link BlockAdmin} works with. */
export interface BlockAdminOptions {
  readonly files: FileSystem;
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly store: BlockStore;
  readonly life: Pick<BlockLife, 'rewrite' | 'writeSnapshotBlock'>;
  readonly head: HeadAdmin;
  /** Length of the blocks of out-of-order samples. */
  readonly minBlockMs: number;
  /** Between which times there are out-of-order samples in memory. */
  readonly outOfOrderSpan: () => { readonly minMs: number; readonly maxMs: number } | undefined;
}

/** What is in memory. */
export interface HeadAdmin {
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  /** Deletes there. Rejects with TOCSIN_ERR_STORAGE, having deleted nothing. */
  readonly delete: (matchers: readonly Matcher[], minMs: number, maxMs: number) => Promise<void>;
}

/** See {@link TsdbAdmin}. One call at a time, and none while blocks are compacted: who owns it takes care of that. */
export class BlockAdmin implements TsdbAdmin {
  readonly #options: BlockAdminOptions;

  constructor(options: BlockAdminOptions) {
    this.#options = options;
  }

  async deleteSeries(matchers: readonly Matcher[], minMs: number, maxMs: number): Promise<void> {
    const { store, head, logger } = this.#options;
    const touched = store.blocks.filter(({ meta }) => meta.minTime <= maxMs && minMs < meta.maxTime);
    for (const { name } of touched) await store.delete(name, matchers, minMs, maxMs);
    store.tellDeletions();
    const selector = `{${matchers.map(String).join(',')}}`;
    logger.info({ selector, minMs, maxMs, blocks: touched.length }, 'deleted samples');
    if (head.minTimeMs <= maxMs && minMs <= head.maxTimeMs) await head.delete(matchers, minMs, maxMs);
  }

  async cleanTombstones(): Promise<void> {
    const { store, life } = this.#options;
    const deleted = (): StoredBlock | undefined =>
      store.blocks.find(({ meta }) => meta.stats.numTombstones > 0);
    for (let block = deleted(); block !== undefined; block = deleted()) await life.rewrite([block.name]);
  }

  async snapshot(skipHead: boolean): Promise<string> {
    const { files, path, clock, store, head, life, logger } = this.#options;
    const name = `${compactTime(clock.nowMs())}-${this.#hex()}`;
    const folder = join(path, SNAPSHOTS, name);
    await files.makeFolder(folder);
    try {
      for (const block of store.blocks) await this.#link(block.name, folder);
      if (!skipHead && !Number.isNaN(head.minTimeMs)) {
        await life.writeSnapshotBlock(folder, head.minTimeMs, head.maxTimeMs + 1);
      }
      if (!skipHead) await this.#snapshotOutOfOrder(folder);
      await files.syncFolder(folder);
      await files.syncFolder(join(path, SNAPSHOTS));
    } catch (error) {
      // The first failure is the one to tell.
      await files.remove(folder).catch((why: unknown) => {
        logger.warn({ folder }, `an unfinished snapshot could not be removed: ${errorText(why)}`);
      });
      throw error;
    }
    logger.info({ folder, blocks: store.blocks.length }, 'made a snapshot');
    return name;
  }

  async #snapshotOutOfOrder(folder: string): Promise<void> {
    const { life, minBlockMs, outOfOrderSpan } = this.#options;
    const span = outOfOrderSpan();
    if (span === undefined) return;
    let fromMs = Math.floor(span.minMs / minBlockMs) * minBlockMs;
    for (; fromMs <= span.maxMs; fromMs += minBlockMs)
      await life.writeSnapshotBlock(folder, fromMs, fromMs + minBlockMs, true);
  }

  /** Gives the files of a block second names; none of them is changed in place, ever. */
  async #link(name: string, folder: string): Promise<void> {
    const { files, path } = this.#options;
    const from = join(path, name);
    const to = join(folder, name);
    await files.makeFolder(join(to, 'chunks'));
    for (const file of await files.list(from)) {
      if (file === 'meta.json' || file === 'index' || file === 'tombstones')
        await files.link(join(from, file), join(to, file));
    }
    for (const file of await files.list(join(from, 'chunks'))) {
      await files.link(join(from, 'chunks', file), join(to, 'chunks', file));
    }
    await files.syncFolder(join(to, 'chunks'));
    await files.syncFolder(to);
  }

  #hex(): string {
    const bytes = this.#options.random.bytes(8);
    bytes[0]! &= 0x7f;
    return Buffer.from(bytes).toString('hex');
  }
}

/** `20260105T080000Z`. */
function compactTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
}
