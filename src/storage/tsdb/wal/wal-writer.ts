import { join } from 'node:path';
import { assert, TocsinError, errorText, hasSystemCode } from '../../../core/errors.ts';
import type { Clock, Timer } from '../../../core/clock.ts';
import type { Logger } from '../../../core/log.ts';
import type { FileHandle, FileSystem } from '../../../core/ports.ts';
import { crc32c } from '../crc32c.ts';
import { FailedSyncs } from './failed-syncs.ts';
import { RecordCompressor } from './record-compression.ts';
import type { WalCompression } from './record-compression.ts';
import { isUnwritable } from '../compact/failures.ts';
import { FRAGMENT_HEAD, Fragment, PAGE_BYTES, SEGMENT_BYTES, segmentName } from './wal-format.ts';
import type { CommitPace } from '../../seam.ts';
import type { WalCounters } from './wal-counters.ts';
import type { WalPosition, WalProgress } from './wal-position.ts';

/** How long what need not be written at once may wait for more, and how much of it may. */
const GATHER_MS = 20;
const GATHER_BYTES = 128 * 1024;
/** Room of a part, at least; and how large one may be that is kept for the next. */
const PART_BYTES = 16 * 1024;
const KEPT_PART_BYTES = 256 * 1024;

const MISSING: ReadonlySet<string> = new Set(['ENOENT']);

/** What a log that goes on for as long as the program does about a disk that fails it. */
export interface WalRescue {
  readonly logger: Logger;
  /** The folder was removed, and is made anew: what the log held is gone, so it must name series again. */
  readonly onVanished: () => void;
}

/** Framed bytes on their way into one segment. */
interface Part {
  readonly segment: number;
  bytes: Uint8Array;
  length: number;
}

/** Commits that wait for the same write. */
interface Batch {
  readonly parts: Part[];
  /** Series records of the batch: no later sample can be read back without them, so they outlive a failed write. */
  readonly kept: Uint8Array[];
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function newBatch(): Batch {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // A batch that nobody waits for may fail; the failure is counted and the next commit tells of it.
  promise.catch(() => undefined);
  return { parts: [], kept: [], done: promise, resolve, reject };
}

/**
 * Appends records to the log. Framing is synchronous; writes are grouped: while one is under way, what comes goes
 * into the next. {@link flush} resolves when the system has taken everything that was logged before: a killed process
 * loses none of it. Against a power cut there is {@link sync}.
 *
 * After a failed write the segment is cut back to its last good byte and the next one is begun; the failed samples are
 * lost to the log (their flush rejected), the failed series records are written again first. With a {@link WalRescue} a segment that
 * cannot be synced is written again, and a folder that is gone made anew; without one both fail the write.
 */
export class WalWriter implements WalProgress {
  readonly #files: FileSystem;
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #counters: WalCounters;
  readonly #monotonicMs: () => number;
  #handle: FileHandle | undefined;
  /** The segment that was opened last. */
  #handleSegment: number;
  #handleBytes = 0;
  #segment: number;
  /** Bytes of the present segment that were framed so far. */
  #framed = 0;
  #batch = newBatch();
  #writing: Promise<void> | undefined;
  #pendingSync = false;
  /** Whether the present segment's name is on the disk. */
  #isNamed = true;
  readonly #gathers: Clock | undefined;
  /** While what was logged may wait for more. */
  #gathering: Timer | undefined;
  /** Memory of a part that was written: a new one for each write had the whole heap collected now and then. */
  #spare: Uint8Array | undefined;
  readonly #compressor: RecordCompressor;
  readonly #listeners = new Set<() => void>();
  #position: WalPosition;
  readonly #onVanished: (() => void) | undefined;
  readonly #failedSyncs: FailedSyncs | undefined;
  /** Series records of failed writes; the next record to come takes them along. */
  #unwritten: Uint8Array[] = [];

  /** `segment` is the index of the first segment to write; it must not exist. */
  constructor(options: {
    readonly files: FileSystem;
    readonly folder: string;
    readonly segment: number;
    readonly counters: WalCounters;
    readonly monotonicMs: () => number;
    /** Whole pages; {@link SEGMENT_BYTES} when not given. */
    readonly segmentBytes?: number;
    /** How records are written; snappy when not given. */
    readonly compression?: WalCompression;
    readonly rescue?: WalRescue;
    /** Whose time passes while what need not be written at once waits for more; all is written at once when not given. */
    readonly gathers?: Clock;
  }) {
    this.#files = options.files;
    this.#folder = options.folder;
    this.#segment = options.segment;
    this.#handleSegment = options.segment - 1;
    this.#counters = options.counters;
    this.#gathers = options.gathers;
    const { rescue } = options;
    this.#onVanished = rescue?.onVanished;
    this.#failedSyncs = rescue && new FailedSyncs(options.files, options.folder, rescue.logger);
    this.#monotonicMs = options.monotonicMs;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#compressor = new RecordCompressor(options.compression ?? 'snappy');
    this.#position = { segment: options.segment, offset: 0 };
    assert(this.#segmentBytes % PAGE_BYTES === 0, 'a segment of the log is made of whole pages');
  }

  /** Index of the segment that is being filled. */
  get segment(): number {
    return this.#segment;
  }

  /** Where what the system has taken ends, always between two records. */
  get position(): WalPosition {
    return this.#position;
  }

  /** Calls `listener` after each write that succeeded; it must be quick. Returns how to end that. */
  onProgress(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Makes the first segment, so that the folder is known to take one. Resolves to whether that went: a full disk may have room later,
   * and one that may only be read be written to. Rejects when the folder can't be written for another reason.
   */
  async start(): Promise<boolean> {
    try {
      await this.#openSegment(this.#segment);
      return true;
    } catch (error) {
      if (!isUnwritable(error)) throw error;
      this.#counters.writesFailed++;
      return false;
    }
  }

  /** Frames a record (copying it). `keep` is for series records. */
  log(record: Uint8Array, keep: boolean): void {
    if (this.#unwritten.length > 0) {
      const again = this.#unwritten;
      this.#unwritten = [];
      for (const lost of again) this.log(lost, true);
    }
    if (keep) this.#batch.kept.push(record.slice());
    this.#frame(record);
  }

  /**
   * Resolves when everything logged so far was taken by the system; rejects with TOCSIN_ERR_STORAGE. With pace `soon` it waits for
   * up to 20 ms for more: each write wakes a thread, which costs as much as a scrape's samples do.
   */
  flush(pace: CommitPace = 'now'): Promise<void> {
    const { done, parts } = this.#batch;
    if (parts.length === 0) return this.#writing ?? Promise.resolve();
    if (this.#writing !== undefined) return done;
    if (pace === 'now' || this.#gathers === undefined || parts[0]!.length >= GATHER_BYTES) this.#begin();
    else if (this.#gathering === undefined) {
      const clock = this.#gathers;
      this.#gathering = clock.setTimer(clock.nowMs() + GATHER_MS, () => {
        this.#begin();
      });
    }
    return done;
  }

  #begin(): void {
    this.#gathering?.cancel();
    this.#gathering = undefined;
    if (this.#writing !== undefined) return;
    const writing = this.#writeAll();
    this.#writing = this.#gathers?.track(writing) ?? writing;
  }

  /** Ends the present segment; what is logged from now on goes into the next. Returns the next one's index. */
  rotate(): number {
    this.#endSegment();
    return this.#segment;
  }

  /**
   * Resolves when everything flushed so far is on the disk. Rejects with TOCSIN_ERR_STORAGE when something is not, and may be called
   * again.
   */
  async sync(): Promise<void> {
    await this.#lookForFile();
    if (this.#pendingSync && this.#handle !== undefined) {
      this.#pendingSync = false;
      const segment = this.#handleSegment;
      try {
        await this.#timedSync(this.#handle);
      } catch (error) {
        if (this.#failedSyncs === undefined) {
          this.#pendingSync = true;
          throw error;
        }
        this.#failedSyncs.add(segment, error);
        if (segment === this.#segment) this.#endSegment();
      }
    }
    if (this.#failedSyncs?.has(this.#handleSegment) === true) {
      // Whatever is framed for it must be in it; who waits for that is told when it fails.
      await this.flush().catch(() => undefined);
    }
    await this.#syncName();
    await this.#failedSyncs?.secure(this.#segment);
  }

  /** Writes what is left, syncs and closes. */
  async close(): Promise<void> {
    try {
      await this.flush();
      while (this.#writing !== undefined) await this.#writing;
      await this.sync();
    } finally {
      const handle = this.#handle;
      this.#handle = undefined;
      await handle?.close();
    }
  }

  /** Gives the file free without writing or syncing what is left: for a log that is thrown away. */
  async abandon(): Promise<void> {
    this.#gathering?.cancel();
    this.#gathering = undefined;
    this.#batch = newBatch();
    while (this.#writing !== undefined) await this.#writing;
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  #frame(plain: Uint8Array): void {
    const record = this.#compressor.compress(plain);
    const { flag } = this.#compressor;
    this.#counters.savedBytes += plain.length - record.length;
    const pages = this.#segmentBytes / PAGE_BYTES;
    let inPage = this.#framed % PAGE_BYTES;
    const pageRoom = PAGE_BYTES - inPage - FRAGMENT_HEAD;
    const otherPages = pages - Math.floor(this.#framed / PAGE_BYTES) - 1;
    const room = Math.max(pageRoom, 0) + otherPages * (PAGE_BYTES - FRAGMENT_HEAD);
    if (record.length > room && this.#framed > 0) {
      this.#endSegment();
      inPage = 0;
    }
    for (let done = 0, isFirst = true; isFirst || done < record.length; isFirst = false) {
      if (PAGE_BYTES - inPage < FRAGMENT_HEAD) {
        this.#pad(PAGE_BYTES - inPage);
        inPage = 0;
      }
      const length = Math.min(record.length - done, PAGE_BYTES - inPage - FRAGMENT_HEAD);
      const isLast = done + length === record.length;
      this.#fragment(fragmentType(isFirst, isLast) | flag, record, done, length);
      done += length;
      inPage = this.#framed % PAGE_BYTES;
      // A page with no room for another fragment's data is full; the head alone would be of no use.
      if (inPage !== 0 && PAGE_BYTES - inPage <= FRAGMENT_HEAD) {
        this.#pad(PAGE_BYTES - inPage);
        inPage = 0;
      }
    }
  }

  #fragment(type: number, record: Uint8Array, from: number, length: number): void {
    const part = this.#room(FRAGMENT_HEAD + length);
    const { bytes } = part;
    let at = part.length;
    const sum = crc32c(record, from, from + length);
    bytes[at++] = type;
    bytes[at++] = length >>> 8;
    bytes[at++] = length;
    bytes[at++] = sum >>> 24;
    bytes[at++] = sum >>> 16;
    bytes[at++] = sum >>> 8;
    bytes[at++] = sum;
    bytes.set(length === record.length ? record : record.subarray(from, from + length), at);
    part.length = at + length;
    this.#framed += FRAGMENT_HEAD + length;
    this.#counters.recordParts++;
    this.#counters.recordPartBytes += FRAGMENT_HEAD + length;
  }

  #pad(count: number): void {
    const part = this.#room(count);
    part.bytes.fill(0, part.length, part.length + count);
    part.length += count;
    this.#framed += count;
    this.#counters.completedPages++;
  }

  #room(count: number): Part {
    const { parts } = this.#batch;
    let part = parts.at(-1);
    if (part?.segment !== this.#segment) {
      part = { segment: this.#segment, bytes: this.#takeBytes(count), length: 0 };
      parts.push(part);
    } else if (part.length + count > part.bytes.length) {
      const larger = new Uint8Array(Math.max(part.bytes.length * 2, part.length + count));
      larger.set(part.bytes.subarray(0, part.length));
      part.bytes = larger;
    }
    return part;
  }

  #takeBytes(least: number): Uint8Array {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare !== undefined && spare.length >= least ? spare : new Uint8Array(Math.max(least, PART_BYTES));
  }

  #endSegment(): void {
    if (this.#framed === 0) return;
    const inPage = this.#framed % PAGE_BYTES;
    if (inPage !== 0) this.#pad(PAGE_BYTES - inPage);
    this.#segment++;
    this.#framed = 0;
  }

  async #writeAll(): Promise<void> {
    // Whatever is logged in this turn still joins the first write.
    await Promise.resolve();
    while (this.#batch.parts.length > 0) {
      const batch = this.#batch;
      this.#batch = newBatch();
      try {
        for (const part of batch.parts) await this.#write(part);
        batch.resolve();
      } catch (error) {
        await this.#recover(batch, error);
      }
    }
    this.#writing = undefined;
  }

  async #write(part: Part): Promise<void> {
    if (part.segment !== this.#handleSegment || this.#handle === undefined)
      await this.#openSegment(part.segment);
    await this.#handle!.append(part.bytes.subarray(0, part.length));
    this.#handleBytes += part.length;
    if (part.bytes.length <= KEPT_PART_BYTES) this.#spare = part.bytes;
    this.#pendingSync = true;
    this.#counters.pageFlushes++;
    this.#position = { segment: part.segment, offset: this.#handleBytes };
    for (const listener of this.#listeners) listener();
  }

  async #openSegment(segment: number): Promise<void> {
    if (this.#handle !== undefined) {
      const handle = this.#handle;
      this.#handle = undefined;
      try {
        if (this.#pendingSync && this.#failedSyncs?.has(this.#handleSegment) !== true)
          await this.#timedSync(handle);
      } catch (error) {
        if (this.#failedSyncs === undefined) throw error;
        this.#failedSyncs.add(this.#handleSegment, error);
      } finally {
        await handle.close();
      }
    }
    this.#failedSyncs?.delete(segment);
    try {
      this.#handle = await this.#files.open(join(this.#folder, segmentName(segment)), 'append');
    } catch (error) {
      if (this.#onVanished !== undefined && hasSystemCode(error, MISSING)) await this.#makeFolder();
      throw error;
    }
    this.#handleSegment = segment;
    this.#handleBytes = 0;
    this.#pendingSync = false;
    this.#isNamed = false;
    try {
      await this.#syncName();
    } catch (error) {
      // Whoever only wants it taken by the system has that; the next sync tries again.
      if (this.#failedSyncs === undefined) throw error;
      this.#counters.syncsFailed++;
    }
  }

  /** Makes the present segment's name durable. */
  async #syncName(): Promise<void> {
    if (this.#isNamed) return;
    await this.#files.syncFolder(this.#folder);
    this.#isNamed = true;
  }

  /** A file that was removed takes what is written, and nobody finds it again. */
  async #lookForFile(): Promise<void> {
    if (this.#onVanished === undefined || this.#handle === undefined) return;
    const segment = this.#handleSegment;
    // One that nothing is added to any more may have gone with what it held.
    if (segment !== this.#segment) return;
    const isThere = (await this.#files.stat(join(this.#folder, segmentName(segment)))) !== undefined;
    if (isThere || segment !== this.#segment || this.#handle === undefined) return;
    this.#pendingSync = false;
    await this.#makeFolder();
    if (segment === this.#segment) this.#endSegment();
  }

  async #makeFolder(): Promise<void> {
    await this.#files.makeFolder(this.#folder);
    this.#onVanished?.();
  }

  async #timedSync(handle: FileHandle): Promise<void> {
    const startMs = this.#monotonicMs();
    try {
      await handle.sync();
    } catch (error) {
      this.#counters.syncsFailed++;
      throw error;
    }
    this.#counters.fsyncSeconds((this.#monotonicMs() - startMs) / 1000);
  }

  /** Closes a segment after a failed write. What was written before must still get to the disk. */
  async #leave(handle: FileHandle | undefined, isEmpty: boolean): Promise<void> {
    const isOwed = this.#pendingSync && !isEmpty && handle !== undefined;
    this.#pendingSync = false;
    try {
      if (isOwed && this.#failedSyncs?.has(this.#handleSegment) !== true) await this.#timedSync(handle);
    } catch (error) {
      this.#failedSyncs?.add(this.#handleSegment, error);
    }
    await handle?.close().catch(() => {
      this.#counters.writesFailed++;
    });
  }

  /** After a failed write: nothing of the batch counts, nor of what was framed behind it; a fresh segment follows. */
  async #recover(batch: Batch, cause: unknown): Promise<void> {
    this.#counters.writesFailed++;
    const failed = new TocsinError(
      'TOCSIN_ERR_STORAGE',
      `cannot write the write-ahead log in ${this.#folder}: samples are kept in memory only until this works again: ${errorText(cause)}`,
      { cause },
    );
    const handle = this.#handle;
    const goodBytes = this.#handleBytes;
    this.#handle = undefined;
    let isEmpty = false;
    try {
      // A torn record that stays would be found and cut off at the next start.
      await handle?.truncate(goodBytes);
      isEmpty = handle !== undefined && goodBytes === 0;
    } catch {
      this.#counters.writesFailed++;
    }
    await this.#leave(handle, isEmpty);
    const behind = this.#batch;
    this.#batch = newBatch();
    // Without a gap, which Prometheus refuses; and without a file for each attempt while the disk is full.
    this.#segment = isEmpty ? this.#handleSegment : this.#handleSegment + 1;
    this.#framed = 0;
    this.#unwritten.push(...batch.kept, ...behind.kept);
    batch.reject(failed);
    behind.reject(failed);
  }
}

function fragmentType(isFirst: boolean, isLast: boolean): number {
  if (isFirst) return isLast ? Fragment.full : Fragment.first;
  return isLast ? Fragment.last : Fragment.middle;
}
