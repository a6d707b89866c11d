import type { Clock } from '../../../core/clock.ts';
import { assert, errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import { Pacer } from '../../../core/pacer.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { Appender, SeriesRef } from '../../seam.ts';
import type { HeadStorage } from '../head/head-storage.ts';
import { PendingSamples } from '../head/pending-samples.ts';
import type { PendingExtras } from '../head/series-extras.ts';
import type { IdMap } from '../wal/id-map.ts';
import { RecordWriter, RichRecords, readRecord } from '../wal/wal-records.ts';
import { WalTail } from '../wal/wal-tail.ts';
import type { WalWriter } from '../wal/wal-writer.ts';
import { EarlyAppender } from './early-appender.ts';
import { EarlyReader } from './early-reader.ts';
import type { HeadLog } from './head-log.ts';

/** How long reading goes on before others get a turn. */
const SLICE_MS = 8;
/**
 * Series of a run get numbers from its first segment times this on. A segment is too short to name so many series, so all numbers of
 * older segments are lower; and the highest index of a segment leads to 2^53, the most that a number may be.
 */
const NUMBERS_PER_SEGMENT = 2 ** 26;

/** What {@link EarlyWrites} works with. */
export interface EarlyWritesOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Folder of the log. */
  readonly walFolder: string;
  readonly storage: HeadStorage;
  readonly wal: WalWriter;
  /** The same log, as the head's appenders see it. */
  readonly log: HeadLog;
  /** The segment with which this run's log begins. */
  readonly segment: number;
}

/** What came while the log was read. */
export interface EarlyReport {
  readonly earlySamples: number;
  /** Those of them that the head did not take: older than what it had, as a rule. */
  readonly earlySamplesRefused: number;
}

/**
 * Takes samples while the log is still being read at a start. Series are made in the head at once, so their refs stay; samples go
 * to the log, into segments that the reading leaves out, and into the head when the reading has come to them. So a commit is as safe
 * as ever, and nothing waits in memory however long it takes.
 */
export class EarlyWrites {
  readonly #options: EarlyWritesOptions;
  readonly #pool: PendingSamples[] = [];
  readonly #record = new RecordWriter();
  readonly #richRecords = new RichRecords();
  /** When counters began, as zeros that were logged say: such a zero counts only if it is newer than what its series has. */
  readonly #zeros = new Map<SeriesRef, number>();
  /** How many records were logged. */
  #records = 0;
  #isOver = false;

  constructor(options: EarlyWritesOptions) {
    this.#options = options;
  }

  /** From which number on series are numbered that are made while the log is read. */
  get firstNumber(): number {
    return this.#options.segment * NUMBERS_PER_SEGMENT;
  }

  /** Whether everything that came is in the head, which takes what comes now itself. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** An appender of the head itself, for what is committed after the end. */
  headAppender(nowMs: number): Appender {
    return this.#options.storage.appender(nowMs);
  }

  /** An appender whose samples go to the log only; it may be committed after the end. */
  appender(nowMs: number): Appender {
    assert(!this.#isOver, 'the head takes samples itself');
    const { storage } = this.#options;
    storage.head.reserveWalIds(this.firstNumber);
    return new EarlyAppender(this, storage, this.#pool.pop() ?? new PendingSamples(), nowMs);
  }

  /** Whether the zero that tells when a counter began was logged already. */
  hasZero(ref: SeriesRef, startMs: number): boolean {
    return this.#zeros.get(ref) === startMs;
  }

  /** Logs a transaction. Resolves when the system has taken it; rejects with TOCSIN_ERR_STORAGE, and then it is lost. */
  commit(batch: PendingSamples, zeros: ReadonlyMap<SeriesRef, number>, extras: PendingExtras): Promise<void> {
    const { storage, log } = this.#options;
    storage.logNewSeries();
    this.#logMetadata(extras);
    for (const [ref, startMs] of zeros) this.#zeros.set(ref, startMs);
    let from = 0;
    let richFrom = 0;
    for (const turn of [...batch.turns, { floats: batch.length, rich: batch.rich.length }]) {
      this.#logFloats(batch, from, turn.floats);
      for (const { ref, tMs, sample } of batch.rich.slice(richFrom, turn.rich)) {
        this.#richRecords.add(this.#numberOf(ref), tMs, sample);
      }
      this.#richRecords.end((record) => {
        this.#put(record, false);
      });
      from = turn.floats;
      richFrom = turn.rich;
    }
    this.#logExemplars(extras);
    return log.flush();
  }

  /** Takes a batch back that nobody needs any more. */
  giveBack(batch: PendingSamples): void {
    batch.clear();
    this.#pool.push(batch);
  }

  /**
   * Puts what was logged so far, and what comes meanwhile, into the head; then it is over. `rows` has the row of each log number, plus
   * one. Rejects with TOCSIN_ERR_STORAGE when the log cannot be read, or with the signal's reason.
   */
  async finish(rows: IdMap, signal: AbortSignal): Promise<EarlyReport> {
    const { files, clock, logger, walFolder, storage, wal, log, segment } = this.#options;
    const reader = new EarlyReader(storage, rows, (ref, tMs) => this.#zeros.get(ref) === tMs);
    const tail = new WalTail({
      files,
      folder: walFolder,
      from: { segment, offset: 0 },
      log: wal,
      onLoss: ({ reason, from, to }) => {
        logger.error({ from, to }, `samples that were logged during the start cannot be read: ${reason}`);
      },
    });
    const pacer = new Pacer(clock, SLICE_MS);
    try {
      for (let logged = 0; logged !== this.#records;) {
        logged = this.#records;
        // Whoever waits for a write that fails is told; its samples are not in the log then.
        await wal.flush().catch(() => undefined);
        for (let record = await tail.next(); record !== undefined; record = await tail.next()) {
          signal.throwIfAborted();
          await this.#take(reader, record, log, logger);
          await pacer.pause();
        }
      }
      // In the same turn as the look at what was logged: nothing comes between.
      this.#isOver = true;
    } finally {
      await tail.close();
    }
    this.#zeros.clear();
    return { earlySamples: reader.samples, earlySamplesRefused: reader.refused };
  }

  async #take(reader: EarlyReader, record: Uint8Array, log: HeadLog, logger: Logger): Promise<void> {
    let taken: Promise<void>;
    log.isReading = true;
    try {
      try {
        readRecord(record, reader);
      } catch (error) {
        // Its checksum is right, so it was written like this; what precedes the fault is taken.
        logger.error({ err: error }, `a record of the log is not understood: ${errorText(error)}`);
      }
      taken = reader.commit();
    } finally {
      log.isReading = false;
    }
    await taken;
  }

  #numberOf(ref: SeriesRef): number {
    const { head } = this.#options.storage;
    const row = head.slabs.rowOf(ref);
    assert(row >= 0, 'a series must not go while an open appender has samples for it');
    return head.walIdOf(row);
  }

  #logFloats({ refs, times, words }: PendingSamples, from: number, to: number): void {
    if (from === to) return;
    this.#record.beginSamples();
    for (let i = from; i < to; i++) {
      this.#record.sample(this.#numberOf(refs[i]!), times[i]!, words[2 * i]!, words[2 * i + 1]!);
    }
    this.#put(this.#record.bytes, false);
  }

  #logMetadata({ metadata }: PendingExtras): void {
    if (metadata.length === 0) return;
    this.#record.beginMetadata();
    for (const { ref, metadata: said } of metadata) {
      this.#record.metadata(this.#numberOf(ref), said.type, said.unit, said.help);
    }
    this.#put(this.#record.bytes, true);
  }

  #logExemplars({ exemplars }: PendingExtras): void {
    if (exemplars.length === 0) return;
    this.#record.beginExemplars();
    for (const { ref, exemplar } of exemplars) {
      const { timestampMs, value, labels } = exemplar;
      this.#record.exemplar(this.#numberOf(ref), timestampMs, value, labels.flat);
    }
    this.#put(this.#record.bytes, false);
  }

  #put(record: Uint8Array, keep: boolean): void {
    this.#records++;
    this.#options.log.log(record, keep);
  }
}
