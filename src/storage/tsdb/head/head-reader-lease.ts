import type { HeadDescriptor } from './slabs.ts';

/** Queriers that a reading thread has open at a time, unless told otherwise. */
export const SLOTS_PER_READER = 4;

/** What a thread reads the head with; structured-cloneable. */
export interface HeadReaderData {
  readonly descriptor: HeadDescriptor;
  readonly slots: readonly number[];
}

/** A thread's right to read the head; the part of memory in a `ReaderLease`, see tsdb-reader.ts. */
export interface HeadReaderLease {
  readonly data: HeadReaderData;
  /** Ends it, and everything the thread left pinned. Only when the thread has ended or will not read again; may be called twice. */
  release(): void;
}
