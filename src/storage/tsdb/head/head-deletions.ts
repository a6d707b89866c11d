import type { Matcher } from '../../../core/matcher.ts';
import { Tombstones } from '../block/tombstones.ts';
import { RecordWriter } from '../wal/wal-records.ts';
import type { SampleLog } from './head-appender.ts';
import type { HeadReader } from './head-reader.ts';
import { Row } from './head-slabs.ts';
import type { Head } from './head.ts';
import { selectRefs } from './selection.ts';

/** Series in a record of the log. */
const SERIES_PER_RECORD = 10_000;

/** What is deleted of a head's series, for other threads: ref, first and last time in milliseconds, ref … */
export type PackedDeletions = Float64Array;

/** What is deleted in memory from now on: all of it, or what is added to it. */
export interface HeadDeletionsAnnouncement {
  readonly kind: 'headDeletions';
  readonly deleted: PackedDeletions;
  readonly isAddition: boolean;
}

/** For another thread. */
export function packDeletions(stones: Tombstones): PackedDeletions {
  const flat: number[] = [];
  for (const [ref, spans] of stones) for (const { minMs, maxMs } of spans) flat.push(ref, minMs, maxMs);
  return Float64Array.from(flat);
}

/** What {@link packDeletions} packed, added to a copy of what was there before. */
export function unpackDeletions(packed: PackedDeletions, before?: Tombstones): Tombstones {
  const stones = before?.copy() ?? new Tombstones();
  for (let i = 0; i < packed.length; i += 3) {
    stones.add(packed[i]!, { minMs: packed[i + 1]!, maxMs: packed[i + 2]! });
  }
  return stones;
}

/**
 * What is deleted of samples in memory. Samples stay where they are; readers of every thread leave out what is deleted, blocks are
 * written without it, and the log has it for the next start. Spans reach no further than a series' newest sample, so what comes
 * later is not deleted.
 *
 * @see prometheus tsdb/head.go Head.Delete
 */
export class HeadDeletions {
  readonly #head: Head;
  readonly #reader: HeadReader;
  readonly #log: SampleLog | undefined;
  readonly #subscribers = new Set<(announcement: HeadDeletionsAnnouncement) => void>();
  /** Never changed in place: cursors go on with what they began with. */
  #stones = new Tombstones();
  #replayed: Tombstones | undefined;

  constructor(head: Head, reader: HeadReader, log: SampleLog | undefined) {
    this.#head = head;
    this.#reader = reader;
    this.#log = log;
  }

  /** Everything at present, for another thread; follow up with {@link subscribe} in the same turn. */
  get packed(): PackedDeletions {
    return packDeletions(this.#stones);
  }

  /** How many spans are deleted. */
  get count(): number {
    return this.#stones.count;
  }

  /** Calls `tell` at every change. Returns the end of it. */
  subscribe(tell: (announcement: HeadDeletionsAnnouncement) => void): () => void {
    this.#subscribers.add(tell);
    return () => {
      this.#subscribers.delete(tell);
    };
  }

  /**
   * Deletes samples with minMs <= t <= maxMs of the series that match. Resolves when the log has it, and readers see it. Rejects
   * with TOCSIN_ERR_STORAGE when the log can't be written; then nothing is deleted. The head must not be truncated meanwhile.
   */
  async delete(matchers: readonly Matcher[], minMs: number, maxMs: number): Promise<void> {
    const { slabs, labels } = this.#head;
    const stones = this.#stones.copy();
    const record = new RecordWriter();
    record.beginTombstones();
    const added: number[] = [];
    for (const ref of selectRefs(slabs, labels, matchers)) {
      const row = slabs.rowOf(ref);
      if (row < 0) continue;
      const span = this.#clamped(row, minMs, maxMs);
      if (span === undefined) continue;
      added.push(ref, span.minMs, span.maxMs);
      stones.add(ref, span);
      record.tombstone(this.#head.walIdOf(row), span.minMs, span.maxMs);
      if (record.count < SERIES_PER_RECORD) continue;
      this.#log?.log(record.bytes, false);
      record.beginTombstones();
    }
    if (added.length === 0) return;
    if (record.count > 0) this.#log?.log(record.bytes, false);
    await this.#log?.flush();
    this.#use(stones, Float64Array.from(added));
  }

  /** Takes in what the log says at the start; {@link endReplay} makes readers see it. */
  replay(ref: number, minMs: number, maxMs: number): void {
    this.#replayed ??= new Tombstones();
    this.#replayed.add(ref, { minMs, maxMs });
  }

  endReplay(): void {
    const stones = this.#replayed;
    this.#replayed = undefined;
    if (stones === undefined) return;
    this.#stones = stones;
    this.truncate();
  }

  /** Forgets what concerns series and times that are gone from memory. */
  truncate(): void {
    if (this.#stones.isEmpty) return;
    const { truncatedMs, slabs } = this.#head;
    const kept = new Tombstones();
    for (const [ref, spans] of this.#stones) {
      if (slabs.rowOf(ref) < 0) continue;
      for (const span of spans) if (span.maxMs >= truncatedMs) kept.add(ref, span);
    }
    this.#use(kept);
  }

  /** The part of a span in which a series may have samples; undefined when there is none. */
  #clamped(
    row: number,
    minMs: number,
    maxMs: number,
  ): { readonly minMs: number; readonly maxMs: number } | undefined {
    const head = this.#head;
    const newestMs = head.rowFloats(row)[(head.rowStart(row) >>> 1) + Row.lastTimeFloat]!;
    const fromMs = Math.max(minMs, head.minTimeMs);
    const toMs = Math.min(maxMs, newestMs);
    return fromMs <= toMs ? { minMs: fromMs, maxMs: toMs } : undefined;
  }

  /** `added` is what is new of it; all else is as before then. */
  #use(stones: Tombstones, added?: PackedDeletions): void {
    this.#stones = stones;
    this.#reader.setDeleted(stones);
    if (this.#subscribers.size === 0) return;
    const isAddition = added !== undefined;
    const deleted = added ?? packDeletions(stones);
    for (const tell of this.#subscribers) tell({ kind: 'headDeletions', deleted, isAddition });
  }
}
