import { join } from 'node:path';
import { errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { Matcher } from '../../../core/matcher.ts';
import type { FileSystem } from '../../../core/ports.ts';
import { BlockReader, encodeMeta, writeTombstones } from '../block/index.ts';
import type { BlockMeta } from '../block/index.ts';
import { OpenBlocks } from '../tsdb-reader.ts';
import type { BlockPlace, BlocksAnnouncement, DeletionsAnnouncement } from '../tsdb-reader.ts';
import { isUlid } from './ulid.ts';
import { DELETED_BLOCK, TEMPORARY_BLOCK } from './write-head-block.ts';

/** What readers are told of blocks. */
type StoreAnnouncement = BlocksAnnouncement | DeletionsAnnouncement;

/** A block that is in use. */
export interface StoredBlock {
  /** Name of its folder, its ULID. */
  readonly name: string;
  readonly meta: BlockMeta;
  readonly sizeBytes: number;
}

/** A folder that looks like a block and can't be used. */
export interface DamagedBlock {
  readonly name: string;
  readonly reason: string;
}

/** Hints of blocks that hold a part only of what there was in their time. */
const PARTIAL_HINTS = ['from-out-of-order', 'from-stale-series', 'from-selected-series'];

/** End of the newest block that has all of its time, -Infinity when there is none: what is before it is not in the head. */
export function endOfBlocks(blocks: Iterable<{ readonly meta: BlockMeta }>): number {
  let endMs = -Infinity;
  for (const { meta } of blocks) {
    const isPart = meta.compaction.hints.some((hint) => PARTIAL_HINTS.includes(hint));
    if (!isPart) endMs = Math.max(endMs, meta.maxTime);
  }
  return endMs;
}

/**
 * The blocks of a data folder: which there are, and who is told. The list changes as a whole, and readers in other threads are
 * told before anything relies on it. Folders that cannot be read stay where they are, for a person to look at, and are left
 * out.
 */
export class BlockStore {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #logger: Logger;
  readonly #pause: () => Promise<void>;
  readonly #subscribers = new Set<(announcement: StoreAnnouncement) => void>();
  /** The main thread's own. */
  readonly open: OpenBlocks;
  #blocks: readonly StoredBlock[] = [];
  #damaged: readonly DamagedBlock[] = [];

  private constructor(options: {
    readonly files: FileSystem;
    readonly path: string;
    readonly logger: Logger;
    readonly pause: () => Promise<void>;
  }) {
    this.#files = options.files;
    this.#path = options.path;
    this.#logger = options.logger;
    this.#pause = options.pause;
    this.open = new OpenBlocks(options.files, options.path, [], options.pause);
  }

  /**
   * Looks at a data folder: removes what an interruption left (half-written blocks, blocks that were being removed, blocks of
   * which a larger one was made) and checks the others. Rejects when the folder cannot be read.
   */
  static async load(options: {
    readonly files: FileSystem;
    readonly path: string;
    readonly logger: Logger;
    readonly pause: () => Promise<void>;
  }): Promise<BlockStore> {
    const store = new BlockStore(options);
    const names = await options.files.list(options.path);
    for (const name of names) {
      if (isUlid(name.slice(0, 26)) && /\.tmp(-for-creation|-for-deletion)?$/.test(name))
        await store.#removeLeftover(name);
    }
    const found: StoredBlock[] = [];
    const damaged: DamagedBlock[] = [];
    for (const name of names) {
      if (!isUlid(name)) continue;
      try {
        found.push(store.#check(name));
      } catch (error) {
        const reason = errorText(error);
        damaged.push({ name, reason });
        options.logger.error(
          { block: name },
          `a block is damaged and left out, its samples are not in answers: ${reason}; it stays where it is: restore it from a copy, or remove the folder`,
        );
      }
      await options.pause();
    }
    store.#damaged = damaged;
    const replaced = replacedBy(found);
    store.#set(found.filter(({ name }) => !replaced.has(name)));
    for (const name of replaced) {
      options.logger.info({ block: name }, 'removing a block of which a larger one was made');
    }
    await store.remove([...replaced]);
    return store;
  }

  /** Blocks in use, oldest first. */
  get blocks(): readonly StoredBlock[] {
    return this.#blocks;
  }

  get damaged(): readonly DamagedBlock[] {
    return this.#damaged;
  }

  get sizeBytes(): number {
    return this.#blocks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** See {@link endOfBlocks}. */
  get endMs(): number {
    return endOfBlocks(this.#blocks);
  }

  /** Blocks as readers are told of them. */
  get places(): readonly BlockPlace[] {
    return this.#blocks.map(({ name, meta }) => ({ name, minMs: meta.minTime, maxMs: meta.maxTime }));
  }

  /** Calls `tell` whenever the list changes, before anybody relies on it. Returns the end of it. */
  subscribe(tell: (announcement: StoreAnnouncement) => void): () => void {
    this.#subscribers.add(tell);
    return () => {
      this.#subscribers.delete(tell);
    };
  }

  /** Puts a new block in use, in the place of those that it was made of. Throws TOCSIN_ERR_STORAGE when it cannot be read. */
  replace(removed: readonly string[], added: string | undefined): void {
    const kept = this.#blocks.filter(({ name }) => !removed.includes(name));
    this.#set(added === undefined ? kept : [...kept, this.#check(added)]);
  }

  /** Writes down that blocks could not be joined, as Prometheus does: they are left out of plans from now on. */
  async markFailed(names: readonly string[]): Promise<void> {
    const changed = new Map<string, BlockMeta>();
    for (const { name, meta } of this.#blocks) {
      if (!names.includes(name) || meta.compaction.failed) continue;
      const failed = { ...meta, compaction: { ...meta.compaction, failed: true } };
      await this.#files.replaceFile(join(this.#path, name, 'meta.json'), encodeMeta(failed));
      changed.set(name, failed);
    }
    this.#blocks = this.#blocks.map((block) => ({ ...block, meta: changed.get(block.name) ?? block.meta }));
  }

  /** Removes the folders of blocks that nobody reads any more. Failures are logged; the next start tries again. */
  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const folder = join(this.#path, name);
      try {
        await this.#files.rename(folder, folder + DELETED_BLOCK);
        await this.#files.remove(folder + DELETED_BLOCK);
      } catch (error) {
        this.#logger.error({ block: name, err: error }, `a block could not be removed: ${errorText(error)}`);
      }
    }
  }

  /**
   * Deletes in a block; {@link tellDeletions} makes readers see it. Rejects with TOCSIN_ERR_STORAGE.
   *
   * @see prometheus tsdb/block.go Block.Delete
   */
  async delete(name: string, matchers: readonly Matcher[], minMs: number, maxMs: number): Promise<void> {
    const folder = join(this.#path, name);
    const reader = BlockReader.open(this.#files, folder, { pause: this.#pause });
    try {
      const stones = await reader.withDeletion(matchers, minMs, maxMs);
      const stats = { ...reader.meta.stats, numTombstones: stones.count };
      await writeTombstones(this.#files, join(folder, 'tombstones'), stones);
      await this.#files.replaceFile(join(folder, 'meta.json'), encodeMeta({ ...reader.meta, stats }));
    } finally {
      reader.close();
    }
    const changed = this.#check(name);
    this.#blocks = this.#blocks.map((block) => (block.name === name ? changed : block));
  }

  /** Has all readers, those in other threads too, look at what is deleted in blocks. */
  tellDeletions(): void {
    this.open.reloadTombstones();
    for (const tell of this.#subscribers) tell({ kind: 'deletions' });
  }

  async #removeLeftover(name: string): Promise<void> {
    const what = name.endsWith(TEMPORARY_BLOCK) ? 'was not finished' : 'was being removed';
    this.#logger.info({ folder: name }, `removing what is left of a block that ${what}`);
    try {
      await this.#files.remove(join(this.#path, name));
    } catch (error) {
      this.#logger.warn({ folder: name, err: error }, `it could not be removed: ${errorText(error)}`);
    }
  }

  #check(name: string): StoredBlock {
    const reader = BlockReader.open(this.#files, join(this.#path, name));
    const { meta, sizeBytes } = reader;
    reader.close();
    return { name, meta, sizeBytes };
  }

  #set(blocks: readonly StoredBlock[]): void {
    this.#blocks = blocks.toSorted(
      (a, b) => a.meta.minTime - b.meta.minTime || a.meta.maxTime - b.meta.maxTime,
    );
    const { places } = this;
    this.open.update(places);
    for (const tell of this.#subscribers) tell({ kind: 'blocks', blocks: places });
  }
}

/** Names of blocks that others were made of, or that say themselves that they can go. */
function replacedBy(blocks: readonly StoredBlock[]): Set<string> {
  const replaced = new Set<string>();
  for (const { name, meta } of blocks) {
    if (meta.compaction.deletable) replaced.add(name);
    for (const { ulid } of meta.compaction.parents) {
      if (blocks.some((other) => other.name === ulid)) replaced.add(ulid);
    }
  }
  return replaced;
}
