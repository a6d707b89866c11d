import { errorText } from '../../core/errors.ts';
import type { Registry } from '../../core/metrics.ts';
import { Pacer } from '../../core/pacer.ts';
import { TaskScope } from '../../core/task-scope.ts';
import type { FloatEncoding } from '../config.ts';
import type { Appender, Cardinality, Querier, SampleStorage, StorageStats } from '../seam.ts';
import { BlockLife } from './compact/block-life.ts';
import type { Retention } from './compact/block-life.ts';
import type { BlockStore } from './compact/block-store.ts';
import type { DamagedBlock, StoredBlock } from './compact/block-store.ts';
import { InterruptedError } from './compact/failures.ts';
import { InlineStorageWorker } from './compact/inline-storage-worker.ts';
import { BlockMetrics } from './compact/metrics.ts';
import type { StorageWorker } from './compact/storage-jobs.ts';
import { BlockAdmin } from './compact/tsdb-admin.ts';
import type { TsdbAdmin } from './compact/tsdb-admin.ts';
import { ThreadedStorageWorker } from './compact/threaded-storage-worker.ts';
import type { EarlyWrites } from './early/early-writes.ts';
import { observeExemplars } from './head/exemplar-metrics.ts';
import type { ExemplarStore } from './head/exemplar-store.ts';
import type { HeadStorage } from './head/head-storage.ts';
import type { FolderLock } from './lock-file.ts';
import type { TsdbMetrics } from './metrics.ts';
import { openTsdb } from './open-tsdb.ts';
import type { TsdbParts } from './open-tsdb.ts';
import type { OooLog } from './ooo/ooo-log.ts';
import type { TsdbOptions } from './tsdb-options.ts';
import { readLogs } from './read-logs.ts';
import { TsdbQuerier } from './tsdb-reader.ts';
import type { ReaderLease, StorageAnnouncement } from './tsdb-reader.ts';
import { LogKeeper } from './wal/log-keeper.ts';
import type { WalHold } from './wal/wal-hold.ts';
import type { WalPosition, WalProgress } from './wal/wal-position.ts';
import type { ReplayReport } from './wal/wal-replay.ts';
import type { WalWriter } from './wal/wal-writer.ts';

/** How often it is looked at what is to be done, as in Prometheus. */
const MAINTENANCE_MS = 60_000;
const NOTHING_READ: ReplayReport = {
  segments: 0,
  series: 0,
  samples: 0,
  unknownSamples: 0,
  damagedSegments: 0,
  droppedBytes: 0,
  nextSegment: 0,
};
/** How long work in the main thread goes on before others get a turn. */
const STRETCH_MS = 5;

/**
 * The embedded engine over a Prometheus data directory: a head in shared memory, its write-ahead log under `<path>/wal`, blocks.
 *
 * Safety: what `commit` resolved for survives the death of the process (it was handed to the system), and a power cut up
 * to the last sync. A restart has everything again, from blocks and the log. While the log can't be written,
 * commits reject with TOCSIN_ERR_STORAGE and the samples are in memory only.
 */
export class Tsdb implements SampleStorage {
  /** Resolves when the log was read; rejects with TOCSIN_ERR_STORAGE when it can't be, or when this is closed before. */
  readonly ready: Promise<void>;
  readonly #early: EarlyWrites;
  readonly #segment: number;
  readonly #ending = new AbortController();
  #replay = NOTHING_READ;
  readonly #options: TsdbOptions;
  readonly #storage: HeadStorage;
  readonly #wal: WalWriter;
  readonly #metrics: TsdbMetrics;
  readonly #lock: FolderLock | undefined;
  readonly #tasks: TaskScope;
  readonly #walFolder: string;
  readonly #blocks: BlockStore;
  readonly #life: BlockLife;
  /** What is done by hand, in turn with what is done by itself. */
  readonly admin: TsdbAdmin;
  readonly #worker: StorageWorker;
  readonly #pacer: Pacer;
  readonly #log: LogKeeper;
  readonly #oooLog: OooLog;
  #maintaining: Promise<void> = Promise.resolve();

  private constructor(parts: TsdbParts) {
    this.#oooLog = parts.oooLog;
    this.#options = parts.options;
    this.#blocks = parts.blocks;
    this.#pacer = new Pacer(parts.options.clock, STRETCH_MS);
    this.#storage = parts.storage;
    this.#wal = parts.wal;
    this.#metrics = parts.metrics;
    this.#lock = parts.lock;
    this.#walFolder = parts.walFolder;
    this.#early = parts.early;
    this.#segment = parts.segment;
    const { logger, registry, threads } = parts.options;
    this.#worker =
      threads === undefined
        ? new InlineStorageWorker({
            files: parts.options.files,
            head: this.#storage,
            outOfOrder: this.#storage.outOfOrder,
            pause: () => this.#pause(),
            monotonicMs: () => parts.options.clock.monotonicMs(),
          })
        : new ThreadedStorageWorker({
            threads: threads.starter,
            maxHeapMiB: threads.maxHeapMiB,
            lease: (tell) => this.leaseReader(tell, 1),
          });
    this.#log = new LogKeeper({
      files: parts.options.files,
      folder: parts.walFolder,
      clock: parts.options.clock,
      logger,
      wal: this.#wal,
      worker: this.#worker,
      metrics: this.#metrics,
      compression: parts.options.walCompression ?? 'snappy',
      maxHeldSegments: parts.options.maxHeldSegments ?? 64,
    });
    this.#life = this.#makeLife(registry);
    const admin = this.#makeAdmin();
    this.admin = {
      deleteSeries: (...asked) => this.#inTurn(() => admin.deleteSeries(...asked)),
      cleanTombstones: () => this.#inTurn(() => admin.cleanTombstones()),
      snapshot: (skipHead) => this.#inTurn(() => admin.snapshot(skipHead)),
    };
    this.#tasks = new TaskScope((name, error) => {
      logger.error({ err: error, task: name }, `storage maintenance failed: ${errorText(error)}`);
    });
    observeExemplars(registry, this.#storage.extras.exemplars);
    this.#metrics.observe(registry, {
      storage: this.#storage,
      walCompression: parts.options.walCompression ?? 'snappy',
      wal: { segment: () => this.#wal.segment, bytes: () => this.#log.bytes },
      outOfOrderLog: { segment: () => this.#oooLog.segment, bytes: () => this.#oooLog.bytes },
    });
    this.ready = this.#readLogs(parts);
    // Whoever waits for it is told.
    this.ready.catch(() => undefined);
  }

  /**
   * Opens a data folder: its blocks, and its log. Rejects with TOCSIN_ERR_DATA_FOLDER when the folder cannot be used or is in
   * use, TOCSIN_ERR_STORAGE when reading or repairing the log fails. Blocks that cannot be read are left out and said.
   */
  static async open(options: TsdbOptions): Promise<Tsdb> {
    const tsdb = await Tsdb.begin(options);
    try {
      await tsdb.ready;
    } catch (error) {
      await tsdb.close().catch((failure: unknown) => {
        options.logger.error({ err: failure }, `giving the data folder free failed: ${errorText(failure)}`);
      });
      throw error;
    }
    return tsdb;
  }

  /**
   * As {@link open}, but resolves before the log is read, to an engine that takes samples. Until {@link ready} resolves, commits go
   * to the log only, and queries see a part of what there is.
   */
  static async begin(options: TsdbOptions): Promise<Tsdb> {
    return new Tsdb(await openTsdb(options));
  }

  /** What reading the log at the start did; zeros until {@link ready} resolves. */
  get replay(): ReplayReport {
    return this.#replay;
  }

  appender(nowMs: number): Appender {
    return this.#early.isOver ? this.#storage.appender(nowMs) : this.#early.appender(nowMs);
  }

  querier(minMs: number, maxMs: number): Querier {
    return new TsdbQuerier(this.#storage.reader, this.#blocks.open, noNews, minMs, maxMs);
  }

  /** The exemplars it has; another capacity may be set at a reload. */
  get exemplars(): Pick<ExemplarStore, 'select' | 'resize'> {
    return this.#storage.extras.exemplars;
  }

  /** Blocks in use, oldest first. */
  get blocks(): readonly StoredBlock[] {
    return this.#blocks.blocks;
  }

  /** Folders that look like blocks and can't be used. */
  get damagedBlocks(): readonly DamagedBlock[] {
    return this.#blocks.damaged;
  }

  stats(): StorageStats {
    return this.#storage.stats();
  }

  cardinality(limit: number): Cardinality {
    return this.#storage.cardinality(limit);
  }

  /**
   * Lets another thread read; see tsdb-reader.ts. `tell` is called for every change, before anything relies on it, until the
   * lease is released; `queriers` is how many the thread has open at a time. Throws TOCSIN_ERR_STORAGE when there would be more than
   * 64 in all threads.
   */
  leaseReader(tell: (announcement: StorageAnnouncement) => void, queriers?: number): ReaderLease {
    const head = this.#storage.leaseReader(tell, queriers);
    const { deletions } = this.#storage;
    const ends = [this.#blocks.subscribe(tell), deletions.subscribe(tell)];
    return {
      data: {
        head: head.data,
        deleted: deletions.packed,
        path: this.#options.path,
        blocks: this.#blocks.places,
      },
      release: () => {
        for (const end of ends) end();
        head.release();
      },
    };
  }

  /** Where the log is, and where it lies: for whoever reads it behind its writer with a `WalTail`. */
  get wal(): WalProgress & { readonly folder: string; readonly start: WalPosition } {
    const wal = this.#wal;
    return {
      folder: this.#walFolder,
      start: { segment: this.#segment, offset: 0 },
      get position() {
        return wal.position;
      },
      onProgress: (listener) => wal.onProgress(listener),
    };
  }

  /**
   * Keeps this segment of the log and all that follow until they are released, or until they are more than
   * `maxHeldSegments` behind.
   */
  holdWal(segment: number): WalHold {
    return this.#log.holds.hold(segment);
  }

  /** Takes on another retention, at a reload; what is behind it goes at the next look (within a minute). */
  setRetention(retention: Retention): void {
    this.#life.retention = retention;
  }

  /** How chunks of floats are encoded in blocks from now on, at a reload; xor until told. */
  setFloatEncoding(encoding: FloatEncoding): void {
    this.#life.floatEncoding = encoding;
  }

  /** How far behind the newest sample others are taken, in milliseconds, at a reload; 0 takes none out of order. */
  setOutOfOrderWindow(windowMs: number): void {
    this.#storage.head.outOfOrder.windowMs = windowMs;
    this.#storage.extras.exemplars.outOfOrderWindowMs = windowMs;
  }

  /**
   * Syncs the logs to the disk, each one; it does so by itself too. What fails is said, and tried again the next time. Resolves to whether
   * everything is safe from a power cut.
   */
  async syncLogs(): Promise<boolean> {
    let isSafe = true;
    for (const log of [this.#wal, this.#oooLog, this.#early]) {
      try {
        await log.sync();
      } catch (error) {
        this.#options.logger.error({ err: error }, `syncing the log failed: ${errorText(error)}`);
        isSafe = false;
      }
    }
    return isSafe;
  }

  /** Makes blocks of what is old enough, joins blocks, drops what is behind the retention: what is due now. */
  maintain(): Promise<void> {
    return this.#inTurn(() => this.#maintain());
  }

  /**
   * Writes and syncs what is left of the log and gives the folder free. No appender may be open. Work on blocks that is under way
   * is broken off, and so is reading the log at the start; the next start does it again.
   */
  async close(): Promise<void> {
    this.#ending.abort(new InterruptedError('reading the log'));
    await Promise.allSettled([this.ready]);
    // Before the tasks: they wait for it.
    await this.#worker.close();
    await this.#tasks.stop();
    await this.#maintaining;
    await this.#life.settle();
    try {
      const logs = [this.#oooLog, this.#wal, this.#early];
      const closed = await Promise.allSettled(logs.map((log) => log.close()));
      for (const result of closed) if (result.status === 'rejected') throw result.reason;
    } finally {
      this.#blocks.open.close();
      await this.#lock?.release();
    }
  }

  async #readLogs(parts: TsdbParts): Promise<void> {
    const { clock, logger } = this.#options;
    const startMs = clock.monotonicMs();
    this.#startSyncing();
    this.#startGuarding();
    const { replay, early } = await readLogs(parts, this.#ending.signal);
    const tookMs = clock.monotonicMs() - startMs;
    this.#replay = replay;
    this.#metrics.replayDuration.set(tookMs / 1000);
    logger.info({ ...replay, ...early, tookMs: Math.round(tookMs) }, 'the write-ahead log was read');
    this.#ending.signal.throwIfAborted();
    this.#startMaintaining();
  }

  #startMaintaining(): void {
    const { clock } = this.#options;
    this.#tasks.spawn('blocks', async (signal) => {
      await this.#measureLogs().catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, `the size of the log is not known: ${errorText(error)}`);
      });
      for (;;) {
        await clock.sleep(MAINTENANCE_MS, signal);
        try {
          await clock.track(this.maintain());
        } catch (error) {
          this.#options.logger.error(
            { err: error },
            `work on blocks failed, it is tried again later: ${errorText(error)}`,
          );
        }
      }
    });
  }

  #startGuarding(): void {
    const { clock, logger } = this.#options;
    const { guard } = this.#storage;
    if (guard !== undefined) {
      this.#tasks.spawn('memory guard', (signal) => guard.watch(clock, logger, signal));
    }
  }

  #startSyncing(): void {
    const { clock, syncIntervalMs = 10_000 } = this.#options;
    if (syncIntervalMs === 0) return;
    this.#tasks.spawn('log sync', async (signal) => {
      for (;;) {
        await clock.sleep(syncIntervalMs, signal);
        await clock.track(this.syncLogs());
      }
    });
  }

  /** Work on blocks is done one after the other, when the log was read. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#maintaining.then(() => this.ready).then(work);
    this.#maintaining = next.then(
      () => undefined,
      () => undefined,
    );
    return next;
  }

  async #maintain(): Promise<void> {
    try {
      await this.#life.run();
    } finally {
      await this.#measureLogs();
    }
  }

  async #measureLogs(): Promise<void> {
    await this.#log.measure();
    await this.#oooLog.measure();
  }

  #makeLife(registry: Registry): BlockLife {
    const options = this.#options;
    const metrics = new BlockMetrics(registry);
    const life = new BlockLife(
      {
        files: options.files,
        path: options.path,
        clock: options.clock,
        random: options.random,
        logger: options.logger,
        metrics,
        store: this.#blocks,
        worker: this.#worker,
        head: this.#storage.head,
        minBlockMs: this.#storage.head.slabs.chunkRangeMs,
        maxBlockMs: options.maxBlockMs,
        segmentBytes: options.chunkSegmentBytes ?? 0,
        truncateHead: (minMs) => this.#truncate(minMs),
        outOfOrder: this.#oooLog.compaction(this.#storage.head.outOfOrder),
        otherBytes: () => this.#log.bytes + this.#oooLog.bytes,
        isEnding: () => this.#ending.signal.aborted,
      },
      options.retention,
    );
    metrics.observe(registry, () => {
      const { minTimeMs } = this.#storage.head;
      const oldestMs = this.#blocks.blocks[0]?.meta.minTime ?? minTimeMs;
      return {
        loaded: this.#blocks.blocks.length,
        damaged: this.#blocks.damaged.length,
        sizeBytes: this.#blocks.sizeBytes,
        lowestTimeMs: Number.isNaN(oldestMs) ? undefined : oldestMs,
        retentionMs: life.retention.timeMs,
        retentionBytes: life.retention.sizeBytes,
        retentionPercentage: life.retention.percentage,
      };
    });
    return life;
  }

  #makeAdmin(): BlockAdmin {
    const { files, path, clock, random, logger } = this.#options;
    const { head } = this.#storage;
    return new BlockAdmin({
      files,
      path,
      clock,
      random,
      logger,
      store: this.#blocks,
      life: this.#life,
      minBlockMs: head.slabs.chunkRangeMs,
      outOfOrderSpan: () => head.outOfOrder.span,
      head: {
        delete: (matchers, minMs, maxMs) =>
          clock.track(this.#storage.deletions.delete(matchers, minMs, maxMs)),
        get minTimeMs() {
          return head.minTimeMs;
        },
        get maxTimeMs() {
          return head.maxTimeMs;
        },
      },
    });
  }

  async #truncate(minMs: number): Promise<void> {
    const { clock, logger } = this.#options;
    const { head } = this.#storage;
    this.#metrics.truncations.inc();
    const startMs = clock.monotonicMs();
    try {
      const result = await head.truncate(minMs, clock);
      this.#storage.deletions.truncate();
      this.#log.noteReclaimed(result.walIds);
      this.#metrics.seriesRemoved.inc(result.seriesRemoved);
      this.#metrics.chunksRemoved.inc(result.chunksRemoved);
      this.#metrics.gcDuration.observe((clock.monotonicMs() - startMs) / 1000);
      const { seriesRemoved, chunksRemoved } = result;
      logger.info({ minMs, seriesRemoved, chunksRemoved }, 'took out of memory what is in a block');
      await this.#log.truncate(minMs);
    } catch (error) {
      if (!(error instanceof InterruptedError)) this.#metrics.truncationsFailed.inc();
      throw error;
    }
  }

  #pause(): Promise<void> {
    return this.#pacer.pause();
  }
}

/** The main thread hears of its own changes without being told. */
function noNews(): void {
  // Nothing waits.
}
