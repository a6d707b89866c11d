import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { TocsinError, assert, errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import { Pacer } from '../../../core/pacer.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { Appender, SeriesRef } from '../../seam.ts';
import type { HeadStorage } from '../head/head-storage.ts';
import { PendingSamples } from '../head/pending-samples.ts';
import type { PendingExtras } from '../head/series-extras.ts';
import type { WalCompression } from '../wal/record-compression.ts';
import { listWal } from '../wal/wal-folder.ts';
import { isBefore } from '../wal/wal-position.ts';
import { readRecord } from '../wal/wal-records.ts';
import { WalTail } from '../wal/wal-tail.ts';
import { ownCounters } from '../wal/wal-counters.ts';
import { WalWriter } from '../wal/wal-writer.ts';
import { EarlyAppender } from './early-appender.ts';
import { EarlyReader } from './early-reader.ts';
import { EarlyRecords } from './early-records.ts';

/** How long reading goes on before others get a turn. */
const SLICE_MS = 8;
/** How many samples are put into the head at a time, at least. */
const SAMPLES_PER_COMMIT = 5000;
/** After that many pages in a row that the disk does not give, the rest is left for the next start. */
const MAX_BAD_PAGES = 32;

/** What {@link EarlyWrites} works with. */
export interface EarlyWritesOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The data folder. */
  readonly path: string;
  readonly storage: HeadStorage;
  readonly segmentBytes: number;
  readonly compression: WalCompression;
  /** Syncs the logs that the head's appenders write. */
  readonly syncLogs: () => Promise<void>;
}

/** What came while the log was read. */
export interface EarlyReport {
  readonly earlySamples: number;
  /** Those of them that the head did not take: older than what it had, as a rule. */
  readonly earlySamplesRefused: number;
}

/**
 * Takes samples while the log is still being read at a start. Series are made in the head at once, so their refs stay; samples go
 * to a log of their own, `early/`, and when the reading has ended from there into the head, as if they came then. So a commit is
 * as safe as ever, and nothing waits in memory however long it takes. What a start that did not end has left there is taken by the next.
 */
export class EarlyWrites {
  readonly #options: EarlyWritesOptions;
  readonly #folder: string;
  readonly #writer: WalWriter;
  readonly #records: EarlyRecords;
  /** Where what is there begins. */
  readonly #first: number;
  readonly #pool: PendingSamples[] = [];
  /** When counters began, as zeros that were logged say: such a zero counts only if it is newer than what its series has. */
  readonly #zeros = new Map<SeriesRef, number>();
  #hasFolder = false;
  #closing: Promise<void> | undefined;
  #isOver = false;
  #isTaking = false;
  /** Why the other logs do not have everything. */
  #failure: unknown;

  private constructor(options: EarlyWritesOptions, segments: readonly number[]) {
    const { files, clock, logger, path, storage, segmentBytes, compression } = options;
    this.#options = options;
    this.#folder = join(path, 'early');
    const segment = (segments.at(-1) ?? -1) + 1;
    this.#first = segments[0] ?? segment;
    this.#writer = new WalWriter({
      files,
      folder: this.#folder,
      segment,
      counters: ownCounters(),
      monotonicMs: () => clock.monotonicMs(),
      segmentBytes,
      compression,
      rescue: {
        logger,
        onVanished: () => {
          logger.error(
            { folder: this.#folder },
            'the folder of what comes while the log is read was removed and is made anew: what it held is lost',
          );
          this.#records.forgetNamed();
        },
      },
    });
    this.#records = new EarlyRecords(storage.head, (record, keep) => this.#writer.log(record, keep));
  }

  /** Looks what an earlier start has left. */
  static async open(options: EarlyWritesOptions): Promise<EarlyWrites> {
    const { files, path } = options;
    const folder = join(path, 'early');
    const isThere = (await files.stat(folder)) !== undefined;
    const { segments } = isThere ? await listWal(files, folder) : { segments: [] };
    return new EarlyWrites(options, segments);
  }

  /** Whether everything that came is in the head, which takes what comes now itself. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether what goes to the other logs at present was acknowledged already: it must come before anything later there. */
  get isTaking(): boolean {
    return this.#isTaking;
  }

  /**
   * What a commit must wait for before it is logged, undefined when there is nothing: for the end while the last records are read, or
   * there would be none; at first for the folder. Rejects when that cannot be made.
   */
  hindrance(): Promise<void> | undefined {
    if (this.#closing !== undefined || this.#isOver || this.#hasFolder) return this.#closing;
    return this.#options.clock.track(this.#makeFolder());
  }

  /** An appender of the head itself, for what is committed after the end. */
  headAppender(nowMs: number): Appender {
    return this.#options.storage.appender(nowMs);
  }

  /** An appender whose samples go to the log only; it may be committed after the end. */
  appender(nowMs: number): Appender {
    assert(!this.#isOver, 'the head takes samples itself');
    return new EarlyAppender(this, this.#options.storage, this.#pool.pop() ?? new PendingSamples(), nowMs);
  }

  /** Whether the zero that tells when a counter began was logged already. */
  hasZero(ref: SeriesRef, startMs: number): boolean {
    return this.#zeros.get(ref) === startMs;
  }

  /** Logs a transaction when nothing hinders it. Resolves when the system has taken it; rejects with TOCSIN_ERR_STORAGE, and then it is lost. */
  commit(batch: PendingSamples, zeros: ReadonlyMap<SeriesRef, number>, extras: PendingExtras): Promise<void> {
    for (const [ref, startMs] of zeros) this.#zeros.set(ref, startMs);
    this.#records.add(batch, extras);
    return this.#options.clock.track(this.#writer.flush());
  }

  /** Takes a batch back that nobody needs any more. */
  giveBack(batch: PendingSamples): void {
    batch.clear();
    this.#pool.push(batch);
  }

  /** Resolves when everything that was committed is on the disk. */
  sync(): Promise<void> {
    return this.#writer.sync();
  }

  /** Writes and syncs what is left; the next start takes it. */
  close(): Promise<void> {
    return this.#writer.close();
  }

  /**
   * Puts what is there, and what comes meanwhile, into the head, which has all that the other logs hold; then it is over. Rejects with
   * TOCSIN_ERR_STORAGE when it cannot be read, or with the signal's reason.
   */
  async finish(signal: AbortSignal): Promise<EarlyReport> {
    const { files, clock, logger, storage } = this.#options;
    const reader = new EarlyReader(storage, (ref, tMs) => this.#zeros.get(ref) === tMs);
    const tail = new WalTail({
      files,
      folder: this.#folder,
      from: { segment: this.#first, offset: 0 },
      log: this.#writer,
      onLoss: ({ reason, from, to }) => {
        logger.warn({ from, to }, `a part of what came while a start read the log is left out: ${reason}`);
      },
    });
    const pacer = new Pacer(clock, SLICE_MS);
    const read = async (): Promise<void> => {
      // Whoever waits for a write that fails is told; its samples are not in the log then.
      await this.#writer.flush().catch(() => undefined);
      const end = this.#writer.position;
      while (isBefore(tail.position, end)) {
        signal.throwIfAborted();
        const record = await this.#next(tail);
        if (record === undefined) break;
        this.#read(reader, record);
        if (reader.pending >= SAMPLES_PER_COMMIT) await this.#commitRead(reader);
        await pacer.pause();
      }
      await this.#commitRead(reader);
    };
    const closed = Promise.withResolvers<void>();
    try {
      await read();
      // What came meanwhile, which is less.
      await read();
      this.#closing = closed.promise;
      await read();
      this.#isOver = true;
    } finally {
      this.#closing = undefined;
      closed.resolve();
      await tail.close();
    }
    this.#zeros.clear();
    this.#pool.length = 0;
    await this.#writer.abandon();
    if (this.#failure === undefined) await this.#remove();
    else {
      logger.error(
        { folder: this.#folder, err: this.#failure },
        `what came while the log was read is left for the next start too: ${errorText(this.#failure)}`,
      );
    }
    return { earlySamples: reader.samples, earlySamplesRefused: reader.refused };
  }

  /** The next record that can be read. What can't be may be another time, so it stays for the next start. */
  async #next(tail: WalTail): Promise<Uint8Array | undefined> {
    for (let bad = 0; ; bad++) {
      try {
        return await tail.next();
      } catch (error) {
        if (!(error instanceof TocsinError)) throw error;
        this.#failure ??= error;
        if (bad === MAX_BAD_PAGES) return undefined;
        tail.passOver(`it could not be read: ${errorText(error)}`);
      }
    }
  }

  #read(reader: EarlyReader, record: Uint8Array): void {
    try {
      readRecord(record, reader);
    } catch (error) {
      // Its checksum is right, so it was written like this; what precedes the fault is taken.
      this.#options.logger.error(
        { err: error },
        `a record of the log is not understood: ${errorText(error)}`,
      );
    }
  }

  async #commitRead(reader: EarlyReader): Promise<void> {
    this.#isTaking = true;
    const taken = reader.commit();
    this.#isTaking = false;
    try {
      await taken;
    } catch (error) {
      // It is in memory, and stays where it was read until the other logs have it.
      this.#failure ??= error;
    }
  }

  /** Removes what the other logs have now. */
  async #remove(): Promise<void> {
    const { files, logger, syncLogs } = this.#options;
    try {
      if ((await files.stat(this.#folder)) === undefined) return;
      await syncLogs();
      await files.remove(this.#folder);
    } catch (error) {
      logger.warn(
        { folder: this.#folder, err: error },
        `what came while the log was read could not be removed, the next start reads it again: ${errorText(error)}`,
      );
    }
  }

  async #makeFolder(): Promise<void> {
    await this.#options.files.makeFolder(this.#folder);
    this.#hasFolder = true;
  }
}
