/**
 * Reading the head in other threads.
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
 *     const storage = new HeadReaderStorage(lease.data, { drain: () => context.drain() as SlabAnnouncement[] });
 *     const querier = storage.querier(minMs, maxMs);
 *     …
 *     querier.close();
 *
 * Announcements may be sent before the thread runs; they wait. A querier pins what it can see until it is closed. Each
 * open querier takes a slot of the lease ({@link SLOTS_PER_READER} unless told); more than that share one, and hold for
 * as long as any of those that share it is open. A thread that dies leaves its pins behind; `release` takes them away.
 * All leases together have at most 64 slots.
 */
import type { Querier, ReadableStorage } from '../../seam.ts';
import { HeadQuerier } from './head-querier.ts';
import { HeadReader } from './head-reader.ts';
import type { HeadDescriptor, SlabSource } from './slabs.ts';

/** Queriers that a reading thread has open at a time, unless told otherwise. */
export const SLOTS_PER_READER = 4;

/** What a thread opens a {@link HeadReaderStorage} with; structured-cloneable. */
export interface HeadReaderData {
  readonly descriptor: HeadDescriptor;
  readonly slots: readonly number[];
}

/** A thread's right to read the head. */
export interface HeadReaderLease {
  readonly data: HeadReaderData;
  /** Ends it, and everything the thread left pinned. Only when the thread has ended or will not read again; may be called twice. */
  release(): void;
}

/** The head as a thread other than the writer's reads it; see the top of this file. */
export class HeadReaderStorage implements ReadableStorage {
  readonly #reader: HeadReader;

  /** `source` gives the announcements that were made since the lease, as the lease's callback was told them. */
  constructor({ descriptor, slots }: HeadReaderData, source: SlabSource) {
    this.#reader = HeadReader.open(descriptor, source, slots);
  }

  querier(minMs: number, maxMs: number): Querier {
    return new HeadQuerier(this.#reader, minMs, maxMs);
  }
}
