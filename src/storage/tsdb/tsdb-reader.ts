/**
 * Reading a data folder, what is in memory and what is in blocks, in the main thread and in others.
 *
 * In the main thread, one lease for each reading thread:
 *
 *     const lease = tsdb.leaseReader((announcement) => thread.postAside(announcement));
 *     // start the thread with lease.data (structured-cloneable; the memory is shared)
 *     // when the thread has ended, however it ended:
 *     lease.release();
 *
 * In the thread, once, and then queries one after the other or several at a time:
 *
 *     const storage = new TsdbReader(lease.data, { drain: () => context.drain() as StorageAnnouncement[] }, context.files);
 *     const querier = storage.querier(minMs, maxMs);
 *     …
 *     querier.close();
 *
 * Announcements may be sent before the thread runs; they wait. A querier pins what it can see until it is closed. Each
 * open querier takes a slot of the lease; more than that share one, and hold for as long as any of those that share it is
 * open. A thread that dies leaves its pins behind; `release` takes them away. All leases together have at most 64 slots.
 */
import { join } from 'node:path';
import type { Matcher } from '../../core/matcher.ts';
import type { FileSystem } from '../../core/ports.ts';
import type { Querier, ReadableStorage, SelectHints, SeriesCursor } from '../seam.ts';
import { BlockReader } from './block/index.ts';
import { unpackDeletions } from './head/head-deletions.ts';
import type { HeadDeletionsAnnouncement, PackedDeletions } from './head/head-deletions.ts';
import { HeadReader } from './head/head-reader.ts';
import { HeadQuerier } from './head/head-querier.ts';
import type { HeadReaderData } from './head/head-reader-lease.ts';
import { mergeQueriers } from './merge/merge-queriers.ts';
import type { SlabAnnouncement } from './head/slabs.ts';
import { OooQuerier } from './ooo/ooo-querier.ts';

/** A block, as readers are told of it. Its samples have minMs <= t < maxMs. */
export interface BlockPlace {
  /** Name of its folder. */
  readonly name: string;
  readonly minMs: number;
  readonly maxMs: number;
}

/** All blocks there are from now on. */
export interface BlocksAnnouncement {
  readonly kind: 'blocks';
  readonly blocks: readonly BlockPlace[];
}

/** Something was deleted in blocks. */
export interface DeletionsAnnouncement {
  readonly kind: 'deletions';
}

/** What readers in other threads are told: memory that comes or goes, blocks that come or go, deletions in either. */
export type StorageAnnouncement =
  SlabAnnouncement | BlocksAnnouncement | DeletionsAnnouncement | HeadDeletionsAnnouncement;

/** What a thread opens a {@link TsdbReader} with; structured-cloneable. */
export interface TsdbReaderData {
  readonly head: HeadReaderData;
  /** What is deleted in memory. */
  readonly deleted: PackedDeletions;
  readonly path: string;
  readonly blocks: readonly BlockPlace[];
}

/** A thread's right to read. */
export interface ReaderLease {
  readonly data: TsdbReaderData;
  /** Ends it, and everything the thread left pinned. Only when the thread has ended or will not read again; may be called twice. */
  release(): void;
}

/** The blocks that a thread has open: each is opened when it is first read, and closed when it is announced no more. */
export class OpenBlocks {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #pause: (() => Promise<void>) | undefined;
  readonly #readers = new Map<string, BlockReader>();
  #blocks: readonly BlockPlace[];

  /** `pause` is awaited during long selections; give it where others wait for their turn. */
  constructor(files: FileSystem, path: string, blocks: readonly BlockPlace[], pause?: () => Promise<void>) {
    this.#files = files;
    this.#path = path;
    this.#pause = pause;
    this.#blocks = blocks;
  }

  /** Takes on another list of blocks. */
  update(blocks: readonly BlockPlace[]): void {
    this.#blocks = blocks;
    const names = new Set(blocks.map(({ name }) => name));
    for (const [name, reader] of this.#readers) {
      if (names.has(name)) continue;
      // Queriers that still read it keep it open.
      reader.close();
      this.#readers.delete(name);
    }
  }

  /** Where there is something within a span of time, oldest first. */
  within(minMs: number, maxMs: number): readonly BlockPlace[] {
    return this.#blocks.filter((block) => block.minMs <= maxMs && block.maxMs > minMs);
  }

  /** Opens a block, or gives the one that is open. Throws TOCSIN_ERR_STORAGE when it is damaged. */
  open({ name }: BlockPlace): BlockReader {
    let reader = this.#readers.get(name);
    if (reader === undefined) {
      const options = this.#pause === undefined ? {} : { pause: this.#pause };
      reader = BlockReader.open(this.#files, join(this.#path, name), options);
      this.#readers.set(name, reader);
    }
    return reader;
  }

  /** Reads the deletions of all open blocks anew. */
  reloadTombstones(): void {
    for (const reader of this.#readers.values()) reader.reloadTombstones();
  }

  close(): void {
    this.update([]);
  }
}

/** A data folder as a thread other than the writer's reads it; see the top of this file. */
export class TsdbReader implements ReadableStorage {
  /** What is in memory alone. */
  readonly head: ReadableStorage;
  /** What came out of order alone. */
  readonly outOfOrder: ReadableStorage;
  readonly #reader: HeadReader;
  readonly #blocks: OpenBlocks;
  readonly #drain: () => void;

  /** `source` gives the announcements that were made since the lease, as the lease's callback was told them. */
  constructor(
    { head, deleted, path, blocks }: TsdbReaderData,
    source: { drain(): readonly StorageAnnouncement[] },
    files: FileSystem,
  ) {
    this.#blocks = new OpenBlocks(files, path, blocks);
    const waiting: SlabAnnouncement[] = [];
    let stones = unpackDeletions(deleted);
    const take = (): void => {
      for (const announcement of source.drain()) {
        if (announcement.kind === 'blocks') this.#blocks.update(announcement.blocks);
        else if (announcement.kind === 'deletions') this.#blocks.reloadTombstones();
        else if (announcement.kind === 'headDeletions') {
          stones = unpackDeletions(announcement.deleted, announcement.isAddition ? stones : undefined);
          reader.setDeleted(stones);
        } else waiting.push(announcement);
      }
    };
    const reader = HeadReader.open(head.descriptor, { drain: () => (take(), waiting.splice(0)) }, head.slots);
    reader.setDeleted(stones);
    this.#drain = take;
    this.#reader = reader;
    this.outOfOrder = { querier: (minMs, maxMs) => new OooQuerier(reader, minMs, maxMs) };
    this.head = { querier: (minMs, maxMs) => new HeadQuerier(reader, minMs, maxMs) };
  }

  querier(minMs: number, maxMs: number): Querier {
    return new TsdbQuerier(this.#reader, this.#blocks, this.#drain, minMs, maxMs);
  }
}

/**
 * Reads memory and blocks as one. Which blocks there are is looked at for every selection: a block is announced before what it
 * holds is taken out of memory, so a selection that finds memory cut off at a time finds the block with what was before.
 */
export class TsdbQuerier implements Querier {
  readonly #reader: HeadReader;
  readonly #head: HeadQuerier;
  readonly #blocks: OpenBlocks;
  readonly #drain: () => void;
  readonly #minMs: number;
  readonly #maxMs: number;
  /** Queriers of blocks, by the blocks' names. */
  readonly #opened = new Map<string, Querier>();

  /** `drain` takes in what was announced. */
  constructor(reader: HeadReader, blocks: OpenBlocks, drain: () => void, minMs: number, maxMs: number) {
    this.#reader = reader;
    this.#head = new HeadQuerier(reader, minMs, maxMs);
    this.#blocks = blocks;
    this.#drain = drain;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesCursor> {
    const minMs = Math.max(hints.minMs, this.#minMs);
    const maxMs = Math.min(hints.maxMs, this.#maxMs);
    for (;;) {
      const { truncatedMs } = this.#reader;
      const oooVersion = this.#reader.outOfOrder.version;
      const others = this.#queriers(minMs, maxMs);
      const inHead = await this.#head.select(matchers, hints);
      // Cut meanwhile: series may have gone from memory that were looked for there.
      if (this.#reader.truncatedMs !== truncatedMs || this.#reader.outOfOrder.version !== oooVersion)
        continue;
      if (others.length === 0) return inHead;
      return mergeQueriers([new Selected(inHead), ...others]).select(matchers, hints);
    }
  }

  labelNames(matchers: readonly Matcher[], limit: number): Promise<string[]> {
    return this.#all().labelNames(matchers, limit);
  }

  labelValues(name: string, matchers: readonly Matcher[], limit: number): Promise<string[]> {
    return this.#all().labelValues(name, matchers, limit);
  }

  close(): void {
    for (const querier of this.#opened.values()) querier.close();
    this.#opened.clear();
    this.#head.close();
  }

  #all(): Querier {
    return mergeQueriers([this.#head, ...this.#queriers(this.#minMs, this.#maxMs)]);
  }

  #queriers(minMs: number, maxMs: number): Querier[] {
    this.#drain();
    return this.#blocks.within(minMs, maxMs).map((block) => {
      let querier = this.#opened.get(block.name);
      if (querier === undefined) {
        querier = this.#blocks.open(block).querier(this.#minMs, this.#maxMs);
        this.#opened.set(block.name, querier);
      }
      return querier;
    });
  }
}

/** A selection that was made already, as a querier for the merge. */
class Selected implements Querier {
  readonly #cursor: SeriesCursor;

  constructor(cursor: SeriesCursor) {
    this.#cursor = cursor;
  }

  select(): Promise<SeriesCursor> {
    return Promise.resolve(this.#cursor);
  }

  labelNames(): Promise<string[]> {
    return Promise.resolve([]);
  }

  labelValues(): Promise<string[]> {
    return Promise.resolve([]);
  }

  close(): void {
    // The querier that selected closes.
  }
}
