import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { TocsinError, errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Registry } from '../../core/metrics.ts';
import type { FileSystem } from '../../core/ports.ts';
import { TaskScope } from '../../core/task-scope.ts';
import type { Appender, Cardinality, Querier, SampleStorage, StorageStats } from '../seam.ts';
import { writeCheckpoint } from './wal/checkpoint.ts';
import { DEFAULT_CHUNK_RANGE_MS, HeadStorage } from './head/head-storage.ts';
import type { HeadReaderLease } from './head/head-reader-storage.ts';
import type { FolderLock, ProcessIdentity } from './lock-file.ts';
import { lockFolder } from './lock-file.ts';
import { TsdbMetrics } from './metrics.ts';
import type { SlabAnnouncement } from './head/slabs.ts';
import { listWal } from './wal/wal-folder.ts';
import { SEGMENT_BYTES } from './wal/wal-format.ts';
import { WalHolds } from './wal/wal-hold.ts';
import type { WalHold } from './wal/wal-hold.ts';
import type { WalProgress } from './wal/wal-position.ts';
import type { WalCompression } from './wal/record-compression.ts';
import { replayWal } from './wal/wal-replay.ts';
import type { ReplayReport } from './wal/wal-replay.ts';
import { WalWriter } from './wal/wal-writer.ts';

/** How often retention is looked at, as in Prometheus. */
const MAINTENANCE_MS = 60_000;
/** Name of a block's folder (a ULID). */
const BLOCK_NAME = /^[0-9A-HJKMNP-TV-Z]{26}$/;

/** What {@link Tsdb.open} needs. */
export interface TsdbOptions {
  readonly files: FileSystem;
  /** `--storage.tsdb.path`; made when it is missing. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** `storage.tsdb.retention.time`; 0 keeps everything. Prometheus: 15 days. */
  readonly retentionMs: number;
  /** Memory for samples and series from which on the oldest windows are dropped before their time; 0 is no limit. */
  readonly maxHeadBytes?: number;
  /** `--storage.tsdb.min-block-duration`: 2 hours. */
  readonly chunkRangeMs?: number;
  /** `--storage.tsdb.wal-segment-size`: 128 MiB. */
  readonly walSegmentBytes?: number;
  /** `--storage.tsdb.wal-compression-type`: snappy. */
  readonly walCompression?: WalCompression;
  /** How many segments of the log somebody who reads behind may keep from removal. Default 64: 8 GiB. */
  readonly maxHeldSegments?: number;
  /** How often the log is synced to disk, against power cuts; 0 only at the end of segments, as Prometheus does. Default 10 s. */
  readonly syncIntervalMs?: number;
  /** undefined is `--storage.tsdb.no-lockfile`. */
  readonly lock: ProcessIdentity | undefined;
}

/**
 * The embedded engine: a head in shared memory, a write-ahead log in Prometheus' format under `<path>/wal`, retention.
 *
 * Safety: what `commit` resolved for survives the death of the process (it was handed to the system), and a power cut up
 * to the last sync. A restart puts everything within retention back from the log. While the log can't be written,
 * commits reject with TOCSIN_ERR_STORAGE and the samples are in memory only.
 */
export class Tsdb implements SampleStorage {
  /** What reading the log at the start did. */
  readonly replay: ReplayReport;
  readonly #options: TsdbOptions;
  readonly #storage: HeadStorage;
  readonly #wal: WalWriter;
  readonly #metrics: TsdbMetrics;
  readonly #lock: FolderLock | undefined;
  readonly #tasks: TaskScope;
  readonly #walFolder: string;
  readonly #holds: WalHolds;
  /** Log numbers of reclaimed series, with the last segment that may hold samples of them. */
  readonly #reclaimed = new Map<number, number>();
  #walBytes = 0;
  #retentionMs: number;
  #maintaining: Promise<void> = Promise.resolve();

  private constructor(parts: {
    readonly options: TsdbOptions;
    readonly storage: HeadStorage;
    readonly wal: WalWriter;
    readonly metrics: TsdbMetrics;
    readonly lock: FolderLock | undefined;
    readonly replay: ReplayReport;
    readonly walFolder: string;
  }) {
    this.#options = parts.options;
    this.#retentionMs = parts.options.retentionMs;
    this.#storage = parts.storage;
    this.#wal = parts.wal;
    this.#metrics = parts.metrics;
    this.#lock = parts.lock;
    this.#walFolder = parts.walFolder;
    this.#holds = new WalHolds(parts.options.maxHeldSegments ?? 64);
    this.replay = parts.replay;
    const { logger, registry } = parts.options;
    this.#tasks = new TaskScope((name, error) => {
      logger.error({ err: error, task: name }, `storage maintenance failed: ${errorText(error)}`);
    });
    this.#metrics.observe(registry, {
      storage: this.#storage,
      walSegment: () => this.#wal.segment,
      walCompression: parts.options.walCompression ?? 'snappy',
      walBytes: () => this.#walBytes,
    });
  }

  /**
   * Opens a data folder and reads its log. Rejects with TOCSIN_ERR_DATA_FOLDER when the folder cannot be used or is in
   * use, TOCSIN_ERR_NOT_IN_VERSION when it holds what this version cannot read, TOCSIN_ERR_STORAGE when reading or
   * repairing the log fails.
   */
  static async open(options: TsdbOptions): Promise<Tsdb> {
    const { files, path, clock, logger } = options;
    const walFolder = join(path, 'wal');
    const metrics = new TsdbMetrics(options.registry);
    await orUnusable(path, () => files.makeFolder(walFolder));
    const lock =
      options.lock && (await orUnusable(path, () => lockFolder(files, path, options.lock!, logger)));
    metrics.cleanStart.set(lock === undefined ? -1 : lock.wasStale ? 0 : 1);
    try {
      await refuseBlocks(files, path);
      // The log begins to take records only after it was read, and the head needs to know it before.
      let wal: WalWriter | undefined;
      const storage = new HeadStorage({
        chunkRangeMs: options.chunkRangeMs ?? DEFAULT_CHUNK_RANGE_MS,
        log: {
          log: (record, keep) => wal!.log(record, keep),
          flush: () => clock.track(wal!.flush()),
        },
      });
      const startMs = clock.monotonicMs();
      const replay = await replayWal({ files, folder: walFolder, head: storage.head, clock, logger });
      const tookMs = clock.monotonicMs() - startMs;
      metrics.replayDuration.set(tookMs / 1000);
      metrics.corruptions.inc(replay.damagedSegments);
      wal = new WalWriter({
        files,
        folder: walFolder,
        segment: replay.nextSegment,
        counters: metrics.wal,
        monotonicMs: () => clock.monotonicMs(),
        segmentBytes: options.walSegmentBytes ?? SEGMENT_BYTES,
        compression: options.walCompression ?? 'snappy',
      });
      const log = wal;
      const hasRoom = await orUnusable(path, () => log.start());
      if (!hasRoom)
        logger.error({ path }, 'the disk is full: samples are kept in memory only until it has room');
      logger.info({ ...replay, tookMs: Math.round(tookMs) }, 'the write-ahead log was read');
      const tsdb = new Tsdb({ options, storage, wal, metrics, lock, replay, walFolder });
      tsdb.#startTasks();
      return tsdb;
    } catch (error) {
      await lock?.release();
      throw error;
    }
  }

  appender(nowMs: number): Appender {
    return this.#storage.appender(nowMs);
  }

  querier(minMs: number, maxMs: number): Querier {
    return this.#storage.querier(minMs, maxMs);
  }

  stats(): StorageStats {
    return this.#storage.stats();
  }

  cardinality(limit: number): Cardinality {
    return this.#storage.cardinality(limit);
  }

  /** Lets another thread read; see head-reader-storage.ts and {@link HeadStorage.leaseReader}. */
  leaseReader(tell: (announcement: SlabAnnouncement) => void, queriers?: number): HeadReaderLease {
    return this.#storage.leaseReader(tell, queriers);
  }

  /** Where the log is, and where it lies: for whoever reads it behind its writer with a `WalTail`. */
  get wal(): WalProgress & { readonly folder: string } {
    const wal = this.#wal;
    return {
      folder: this.#walFolder,
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
    return this.#holds.hold(segment);
  }

  /** Takes on another retention, at a reload; what is behind it goes at the next look (within a minute). */
  setRetention(retentionMs: number): void {
    this.#retentionMs = retentionMs;
  }

  /** Looks at retention now; what is behind it is dropped from memory and from the log. */
  maintain(): Promise<void> {
    const next = this.#maintaining.then(() => this.#maintain());
    this.#maintaining = next.catch(() => undefined);
    return next;
  }

  /** Writes and syncs what is left of the log and gives the folder free. No appender may be open. */
  async close(): Promise<void> {
    await this.#tasks.stop();
    await this.#maintaining;
    try {
      await this.#wal.close();
    } finally {
      await this.#lock?.release();
    }
  }

  #startTasks(): void {
    const { clock, syncIntervalMs = 10_000 } = this.#options;
    this.#tasks.spawn('retention', async (signal) => {
      await this.#measureWal();
      for (;;) {
        await clock.sleep(MAINTENANCE_MS, signal);
        try {
          await clock.track(this.maintain());
        } catch (error) {
          this.#options.logger.error({ err: error }, `dropping old samples failed: ${errorText(error)}`);
        }
      }
    });
    if (syncIntervalMs === 0) return;
    this.#tasks.spawn('log sync', async (signal) => {
      for (;;) {
        await clock.sleep(syncIntervalMs, signal);
        try {
          await clock.track(this.#wal.sync());
        } catch (error) {
          this.#options.logger.error({ err: error }, `syncing the log failed: ${errorText(error)}`);
        }
      }
    });
  }

  async #maintain(): Promise<void> {
    const dropBeforeMs = this.#dropBefore();
    if (dropBeforeMs !== undefined) await this.#truncate(dropBeforeMs);
    this.#storage.head.epochs.collect();
    await this.#measureWal();
  }

  /** Start of the first window to keep, undefined when nothing has to go. */
  #dropBefore(): number | undefined {
    const { head } = this.#storage;
    const { maxHeadBytes = 0 } = this.#options;
    const retentionMs = this.#retentionMs;
    const newestMs = head.maxTimeMs;
    if (Number.isNaN(newestMs)) return undefined;
    if (retentionMs > 0) {
      // As Prometheus: measured from the newest sample, so that a clock that went wrong deletes nothing.
      const keepFromMs = head.chunks.windowOf(newestMs - retentionMs);
      if (keepFromMs > head.minTimeMs && keepFromMs > head.truncatedMs) {
        this.#metrics.timeRetentions.inc();
        return keepFromMs;
      }
    }
    if (maxHeadBytes > 0 && head.chunks.closedBytes() > maxHeadBytes) {
      const oldestMs = head.chunks.oldestWindow()!;
      const nextMs = oldestMs + head.slabs.chunkRangeMs;
      // The window that is being written stays.
      if (nextMs > head.chunks.windowOf(newestMs)) return undefined;
      this.#metrics.sizeRetentions.inc();
      this.#options.logger.warn(
        { maxHeadBytes, droppedBeforeMs: nextMs },
        'samples take more memory than allowed; the oldest are dropped before the retention time',
      );
      return nextMs;
    }
    return undefined;
  }

  async #truncate(minMs: number): Promise<void> {
    const { clock, logger } = this.#options;
    const { head } = this.#storage;
    this.#metrics.truncations.inc();
    const startMs = clock.monotonicMs();
    try {
      const result = await head.truncate(minMs, clock);
      for (const walId of result.walIds) this.#reclaimed.set(walId, this.#wal.segment);
      this.#metrics.seriesRemoved.inc(result.seriesRemoved);
      this.#metrics.chunksRemoved.inc(result.chunksRemoved);
      this.#metrics.gcDuration.observe((clock.monotonicMs() - startMs) / 1000);
      const { seriesRemoved, chunksRemoved } = result;
      logger.info(
        { minMs, seriesRemoved, chunksRemoved },
        'dropped samples that are older than the retention',
      );
      await this.#truncateWal(minMs);
    } catch (error) {
      this.#metrics.truncationsFailed.inc();
      throw error;
    }
  }

  /** Collapses the lower two thirds of the closed segments into a checkpoint. */
  async #truncateWal(minMs: number): Promise<void> {
    const { files, clock, logger } = this.#options;
    const live = this.#wal.rotate();
    await this.#wal.flush();
    const { segments } = await listWal(files, this.#walFolder);
    const first = segments[0];
    if (first === undefined) return;
    const upTo = this.#holds.limit(first + Math.floor(((live - 1 - first) * 2) / 3), live);
    if (upTo <= first) return;
    this.#metrics.walTruncations.inc();
    this.#metrics.checkpoints.inc();
    const startMs = clock.monotonicMs();
    try {
      const gone = [...this.#reclaimed].filter(([, segment]) => segment <= upTo).map(([walId]) => walId);
      const report = await writeCheckpoint(
        {
          folder: this.#walFolder,
          upTo,
          droppedIds: Float64Array.from(gone),
          minMs,
          compression: this.#options.walCompression ?? 'snappy',
        },
        {
          files,
          pause: () => this.#pause(),
          counters: this.#metrics.wal,
          monotonicMs: () => clock.monotonicMs(),
        },
      );
      for (const walId of gone) this.#reclaimed.delete(walId);
      this.#metrics.walTruncateDuration.observe((clock.monotonicMs() - startMs) / 1000);
      logger.info({ ...report }, 'a checkpoint of the write-ahead log was written');
    } catch (error) {
      this.#metrics.checkpointsFailed.inc();
      throw error;
    }
  }

  #pausedAtMs = 0;

  async #pause(): Promise<void> {
    const { clock } = this.#options;
    if (clock.monotonicMs() - this.#pausedAtMs < 5) return;
    await clock.yieldTurn();
    this.#pausedAtMs = clock.monotonicMs();
  }

  async #measureWal(): Promise<void> {
    const { files } = this.#options;
    let bytes = 0;
    for (const name of await files.list(this.#walFolder)) {
      bytes += (await files.stat(join(this.#walFolder, name)))?.sizeBytes ?? 0;
    }
    this.#walBytes = bytes;
  }
}

/** Runs a step that fails when the folder is not ours to write; its failure says so. */
async function orUnusable<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof TocsinError && error.code === 'TOCSIN_ERR_DATA_FOLDER') throw error;
    throw new TocsinError(
      'TOCSIN_ERR_DATA_FOLDER',
      `cannot use the data folder ${path}: ${errorText(error)}; make it writable or choose another --storage.tsdb.path`,
      { cause: error },
    );
  }
}

async function refuseBlocks(files: FileSystem, path: string): Promise<void> {
  const block = (await files.list(path)).find((name) => BLOCK_NAME.test(name));
  if (block === undefined) return;
  throw new TocsinError(
    'TOCSIN_ERR_NOT_IN_VERSION',
    `the data folder ${path} holds blocks that Prometheus wrote (${block}); reading them is not in this version: use another --storage.tsdb.path`,
  );
}
