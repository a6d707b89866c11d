import { Counter, Gauge, Histogram, Summary } from '../../core/metrics.ts';
import type { Registry } from '../../core/metrics.ts';
import type { HeadStorage } from './head/head-storage.ts';
import type { WalCounters } from './wal/wal-counters.ts';

/** Figures of the log that metrics read; the writer counts, reading is done when somebody scrapes. */
export class WalFigures implements WalCounters {
  pageFlushes = 0;
  completedPages = 0;
  recordParts = 0;
  recordPartBytes = 0;
  savedBytes = 0;
  writesFailed = 0;
  syncsFailed = 0;
  readonly #observe: (seconds: number) => void;

  constructor(observe: (seconds: number) => void) {
    this.#observe = observe;
  }

  fsyncSeconds(seconds: number): void {
    this.#observe(seconds);
  }
}

/** What the metrics look at when they are collected. */
export interface TsdbSource {
  readonly storage: HeadStorage;
  readonly walCompression: string;
  readonly wal: LogSource;
  /** The log of out-of-order samples. */
  readonly outOfOrderLog: LogSource;
}

/** A log as metrics look at it. */
export interface LogSource {
  segment(): number;
  bytes(): number;
}

/** What the names of a log's metrics begin with. */
type LogPrefix = 'prometheus_tsdb_wal' | 'prometheus_tsdb_out_of_order_wbl';

function logFigures(registry: Registry, prefix: LogPrefix): WalFigures {
  const fsync = new Summary({
    name: `${prefix}_fsync_duration_seconds`,
    help: 'Duration of write log fsync.',
    percentiles: [0.5, 0.9, 0.99],
    registers: [registry],
  });
  return new WalFigures((seconds) => {
    fsync.observe(seconds);
  });
}

/** A counter that reads its value when collected. */
function countFrom(registry: Registry, name: string, help: string, read: () => number): void {
  const counter = new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      counter.reset();
      counter.inc(read());
    },
  });
}

/** A gauge that reads its value when collected. */
function gaugeFrom(registry: Registry, name: string, help: string, read: () => number): void {
  const gauge = new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      gauge.set(read());
    },
  });
}

/** A counter of samples by type. */
function samplesFrom(
  registry: Registry,
  name: string,
  help: string,
  read: () => { readonly float: number; readonly histogram: number },
): void {
  const counter = new Counter({
    name,
    help,
    labelNames: ['type'],
    registers: [registry],
    collect() {
      counter.reset();
      for (const [type, value] of Object.entries(read())) counter.inc({ type }, value);
    },
  });
}

/** Metrics of the embedded engine under Prometheus' names; register one per registry. */
export class TsdbMetrics {
  readonly wal: WalFigures;
  /** Of the log of out-of-order samples. */
  readonly outOfOrderLog: WalFigures;
  readonly outOfOrderLogTruncations: Counter;
  readonly outOfOrderLogTruncationsFailed: Counter;
  readonly corruptions: Counter;
  readonly replayDuration: Gauge;
  readonly cleanStart: Gauge;
  readonly truncations: Counter;
  readonly truncationsFailed: Counter;
  readonly gcDuration: Summary;
  readonly seriesRemoved: Counter;
  readonly chunksRemoved: Counter;
  readonly checkpoints: Counter;
  readonly checkpointsFailed: Counter;
  readonly walTruncations: Counter;
  readonly walTruncateDuration: Summary;

  constructor(registry: Registry) {
    const registers = [registry];
    this.wal = logFigures(registry, 'prometheus_tsdb_wal');
    this.outOfOrderLog = logFigures(registry, 'prometheus_tsdb_out_of_order_wbl');
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
    const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
    const summary = (name: string, help: string): Summary =>
      new Summary({ name, help, percentiles: [], registers });
    this.corruptions = counter('prometheus_tsdb_wal_corruptions_total', 'Total number of WAL corruptions.');
    this.replayDuration = gauge(
      'prometheus_tsdb_data_replay_duration_seconds',
      'Time taken to replay the data on disk.',
    );
    this.cleanStart = gauge(
      'prometheus_tsdb_clean_start',
      '-1: lockfile is disabled. 0: a lockfile from a previous execution was replaced. 1: lockfile creation was clean',
    );
    this.truncations = counter(
      'prometheus_tsdb_head_truncations_total',
      'Total number of head truncations attempted.',
    );
    this.truncationsFailed = counter(
      'prometheus_tsdb_head_truncations_failed_total',
      'Total number of head truncations that failed.',
    );
    this.gcDuration = summary(
      'prometheus_tsdb_head_gc_duration_seconds',
      'Runtime of garbage collection in the head block.',
    );
    this.seriesRemoved = counter(
      'prometheus_tsdb_head_series_removed_total',
      'Total number of series removed in the head',
    );
    this.chunksRemoved = counter(
      'prometheus_tsdb_head_chunks_removed_total',
      'Total number of chunks removed in the head',
    );
    this.checkpoints = counter(
      'prometheus_tsdb_checkpoint_creations_total',
      'Total number of checkpoint creations attempted.',
    );
    this.checkpointsFailed = counter(
      'prometheus_tsdb_checkpoint_creations_failed_total',
      'Total number of checkpoint creations that failed.',
    );
    this.walTruncations = counter(
      'prometheus_tsdb_wal_truncations_total',
      'Total number of write log truncations attempted.',
    );
    this.outOfOrderLogTruncations = counter(
      'prometheus_tsdb_out_of_order_wbl_truncations_total',
      'Total number of write log truncations attempted.',
    );
    this.outOfOrderLogTruncationsFailed = counter(
      'prometheus_tsdb_out_of_order_wbl_truncations_failed_total',
      'Total number of write log truncations that failed.',
    );
    this.walTruncateDuration = summary(
      'prometheus_tsdb_wal_truncate_duration_seconds',
      'Duration of WAL truncation.',
    );
  }

  /** Registers what is read from the engine itself. */
  observe(registry: Registry, source: TsdbSource): void {
    this.#observeHead(registry, source.storage);
    this.#observeAppends(registry, source.storage);
    this.#observeGuard(registry, source.storage);
    const { walCompression: compression } = source;
    observeLog(registry, 'prometheus_tsdb_wal', compression, this.wal, source.wal);
    const { outOfOrderLog } = this;
    observeLog(
      registry,
      'prometheus_tsdb_out_of_order_wbl',
      compression,
      outOfOrderLog,
      source.outOfOrderLog,
    );
    countFrom(
      registry,
      'tocsin_storage_log_syncs_failed_total',
      'How often a segment of the write-ahead log could not be synced to the disk.',
      () => this.wal.syncsFailed + outOfOrderLog.syncsFailed,
    );
  }

  #observeHead(registry: Registry, storage: HeadStorage): void {
    const { head } = storage;
    const gauge = (name: string, help: string, read: () => number): void => {
      gaugeFrom(registry, name, help, read);
    };
    gauge('prometheus_tsdb_head_series', 'Total number of series in the head block.', () => head.seriesCount);
    gauge(
      'prometheus_tsdb_head_chunks',
      'Total number of chunks in the head block.',
      () => head.chunks.openChunks + head.chunks.closedChunks,
    );
    gauge(
      'prometheus_tsdb_head_active_appenders',
      'Number of currently active appender transactions',
      () => head.openAppenders,
    );
    const times = [
      ['min', 'Minimum', () => head.minTimeMs],
      ['max', 'Maximum', () => head.maxTimeMs],
    ] as const;
    for (const [which, word, read] of times) {
      const whole = (): number => (Number.isNaN(read()) ? 0 : read());
      gauge(
        `prometheus_tsdb_head_${which}_time`,
        `${word} timestamp of the head block. The unit is decided by the library consumer.`,
        whole,
      );
      gauge(`prometheus_tsdb_head_${which}_time_seconds`, `${word} timestamp of the head block.`, () =>
        Math.floor(whole() / 1000),
      );
    }
    countFrom(
      registry,
      'prometheus_tsdb_head_series_created_total',
      'Total number of series created in the head',
      () => head.seriesCreated,
    );
    countFrom(
      registry,
      'prometheus_tsdb_head_chunks_created_total',
      'Total number of chunks created in the head',
      () => head.chunks.created,
    );
    const bytes = new Gauge({
      name: 'tocsin_tsdb_head_memory_bytes',
      help: 'Shared memory that the head has allocated, by kind.',
      labelNames: ['kind'],
      registers: [registry],
      collect() {
        for (const [kind, value] of Object.entries(head.slabs.byteLengths())) bytes.set({ kind }, value);
      },
    });
  }

  #observeAppends(registry: Registry, storage: HeadStorage): void {
    const { counters } = storage;
    samplesFrom(
      registry,
      'prometheus_tsdb_head_samples_appended_total',
      'Total number of appended samples.',
      () => ({ float: counters.appended, histogram: counters.appendedHistograms }),
    );
    samplesFrom(
      registry,
      'prometheus_tsdb_out_of_order_samples_total',
      'Total number of out of order samples ingestion failed attempts due to out of order being disabled.',
      () => ({ float: counters.outOfOrder, histogram: counters.outOfOrderHistograms }),
    );
    samplesFrom(
      registry,
      'prometheus_tsdb_out_of_bound_samples_total',
      'Total number of out of bound samples ingestion failed attempts with out of order support disabled.',
      () => ({ float: counters.outOfBounds, histogram: counters.outOfBoundsHistograms }),
    );
    samplesFrom(
      registry,
      'prometheus_tsdb_too_old_samples_total',
      'Total number of out of order samples ingestion failed attempts with out of support enabled, but sample outside of time window.',
      () => ({ float: counters.tooOld, histogram: counters.tooOldHistograms }),
    );
    samplesFrom(
      registry,
      'prometheus_tsdb_head_out_of_order_samples_appended_total',
      'Total number of appended out of order samples.',
      () => ({ float: counters.appendedOutOfOrder, histogram: counters.appendedOutOfOrderHistograms }),
    );
    const lateSeconds = new Histogram({
      name: 'prometheus_tsdb_sample_ooo_delta',
      help: 'Delta in seconds by which a sample is considered out of order (reported regardless of OOO time window and whether sample is accepted or not).',
      buckets: [600, 1800, 3600, 7200, 10_800, 21_600, 43_200],
      registers: [registry],
    });
    storage.onLate = (deltaMs) => {
      lateSeconds.observe(deltaMs / 1000);
    };
    countFrom(
      registry,
      'tocsin_tsdb_duplicate_samples_total',
      'Samples refused because the series has another value at the same time.',
      () => counters.duplicate,
    );
    countFrom(
      registry,
      'tocsin_tsdb_too_far_ahead_samples_total',
      'Samples refused because they are more than 10 minutes in the future.',
      () => counters.tooFarAhead,
    );
  }

  #observeGuard(registry: Registry, { guard }: HeadStorage): void {
    gaugeFrom(
      registry,
      'tocsin_storage_memory_limit_bytes',
      'Memory in use from which on new series are refused; 0 is no limit.',
      () => guard?.limitBytes ?? 0,
    );
    gaugeFrom(
      registry,
      'tocsin_storage_memory_used_bytes',
      'Memory that counts for the limit: what is resident, less what new series could use again. 0 without a limit.',
      () => guard?.usedBytes ?? 0,
    );
    gaugeFrom(
      registry,
      'tocsin_storage_memory_guard_active',
      'Whether new series are refused because memory is at its limit.',
      () => (guard?.isActive === true ? 1 : 0),
    );
    countFrom(
      registry,
      'tocsin_storage_refused_series_total',
      'How often a new series was refused because memory was at its limit; one that comes again is counted again.',
      () => guard?.refused ?? 0,
    );
  }
}

function observeLog(
  registry: Registry,
  prefix: LogPrefix,
  compression: string,
  figures: WalFigures,
  source: LogSource,
): void {
  const count = (name: string, help: string, read: () => number): void => {
    countFrom(registry, `${prefix}_${name}`, help, read);
  };
  count('page_flushes_total', 'Total number of page flushes.', () => figures.pageFlushes);
  count('completed_pages_total', 'Total number of completed pages.', () => figures.completedPages);
  count(
    'record_part_writes_total',
    'Total number of record parts written before flushing.',
    () => figures.recordParts,
  );
  count(
    'record_parts_bytes_written_total',
    'Total number of record part bytes written before flushing, including CRC and compression headers.',
    () => figures.recordPartBytes,
  );
  const saved = new Counter({
    name: `${prefix}_record_bytes_saved_total`,
    help: 'Total number of bytes saved by the optional record compression. Use this metric to learn about the effectiveness compression.',
    labelNames: ['compression'],
    registers: [registry],
    collect() {
      saved.reset();
      if (compression !== 'none') saved.inc({ compression }, figures.savedBytes);
    },
  });
  count('writes_failed_total', 'Total number of write log writes that failed.', () => figures.writesFailed);
  gaugeFrom(
    registry,
    `${prefix}_segment_current`,
    'Write log segment index that TSDB is currently writing to.',
    () => source.segment(),
  );
  gaugeFrom(registry, `${prefix}_storage_size_bytes`, 'Size of the write log directory.', () =>
    source.bytes(),
  );
}
