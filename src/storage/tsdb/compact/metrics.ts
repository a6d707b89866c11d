import { Counter, Gauge, Histogram } from '../../../core/metrics.ts';
import type { Registry } from '../../../core/metrics.ts';

/** What block metrics look at when they are collected. */
export interface BlockFigures {
  readonly loaded: number;
  readonly damaged: number;
  readonly sizeBytes: number;
  readonly lowestTimeMs: number | undefined;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly retentionPercentage: number;
}

/** Metrics of blocks and their compaction, under Prometheus' own names. */
export class BlockMetrics {
  readonly triggered: Counter;
  readonly compactions: Counter;
  readonly failed: Counter;
  readonly duration: Histogram;
  readonly timeRetentions: Counter;
  readonly sizeRetentions: Counter;
  readonly reloads: Counter;
  readonly reloadsFailed: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
    this.triggered = counter(
      'prometheus_tsdb_compactions_triggered_total',
      'Total number of triggered compactions for the partition.',
    );
    this.compactions = counter(
      'prometheus_tsdb_compactions_total',
      'Total number of compactions that were executed for the partition.',
    );
    this.failed = counter(
      'prometheus_tsdb_compactions_failed_total',
      'Total number of compactions that failed for the partition.',
    );
    this.duration = new Histogram({
      name: 'prometheus_tsdb_compaction_duration_seconds',
      help: 'Duration of compaction runs',
      buckets: Array.from({ length: 14 }, (_, i) => 2 ** i),
      registers,
    });
    this.timeRetentions = counter(
      'prometheus_tsdb_time_retentions_total',
      'The number of times that blocks were deleted because the maximum time limit was exceeded.',
    );
    this.sizeRetentions = counter(
      'prometheus_tsdb_size_retentions_total',
      'The number of times that blocks were deleted because the maximum number of bytes was exceeded.',
    );
    this.reloads = counter(
      'prometheus_tsdb_reloads_total',
      'Number of times the database reloaded block data from disk.',
    );
    this.reloadsFailed = counter(
      'prometheus_tsdb_reloads_failures_total',
      'Number of times the database failed to reloadBlocks block data from disk.',
    );
  }

  /** Registers what is read when somebody scrapes. */
  observe(registry: Registry, read: () => BlockFigures): void {
    const gauge = (name: string, help: string, value: (figures: BlockFigures) => number): void => {
      const made: Gauge = new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          made.set(value(read()));
        },
      });
    };
    gauge('prometheus_tsdb_blocks_loaded', 'Number of currently loaded data blocks', ({ loaded }) => loaded);
    gauge(
      'tocsin_tsdb_blocks_damaged',
      'Blocks that cannot be read and are left out.',
      ({ damaged }) => damaged,
    );
    gauge(
      'prometheus_tsdb_storage_blocks_bytes',
      'The number of bytes that are currently used for local storage by all blocks.',
      ({ sizeBytes }) => sizeBytes,
    );
    gauge(
      'prometheus_tsdb_lowest_timestamp',
      'Lowest timestamp value stored in the database. The unit is decided by the library consumer.',
      ({ lowestTimeMs }) => lowestTimeMs ?? 0,
    );
    gauge(
      'prometheus_tsdb_lowest_timestamp_seconds',
      'Lowest timestamp value stored in the database.',
      ({ lowestTimeMs }) => (lowestTimeMs ?? 0) / 1000,
    );
    gauge(
      'prometheus_tsdb_retention_limit_seconds',
      'How long to retain samples in storage.',
      ({ retentionMs }) => retentionMs / 1000,
    );
    gauge(
      'prometheus_tsdb_retention_limit_bytes',
      'Max number of bytes to be retained in the tsdb blocks, configured 0 means disabled',
      ({ retentionBytes }) => retentionBytes,
    );
    gauge(
      'prometheus_tsdb_retention_limit_percentage',
      'Max percentage of total storage space to be retained in the tsdb blocks, configured 0 means disabled',
      ({ retentionPercentage }) => retentionPercentage,
    );
  }
}
