import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram, Summary } from '../core/metrics.ts';

const PREFIX = 'prometheus_target_';
const PERCENTILES = [0.01, 0.05, 0.5, 0.9, 0.99];
const LENGTH_BUCKETS = [0.01, 0.1, 1, 10];
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Size of the metadata that a job's targets have given. */
export interface MetadataSize {
  readonly job: string;
  readonly count: number;
  readonly bytes: number;
}

/**
 * Own metrics about scraping, under Prometheus' names.
 *
 * @see prometheus scrape/metrics.go
 */
export class ScrapeMetrics {
  readonly pools: Counter;
  readonly poolsFailed: Counter;
  readonly poolReloads: Counter;
  readonly poolReloadsFailed: Counter;
  readonly reloadLength: Summary<'interval'>;
  readonly syncs: Counter<'scrape_job'>;
  readonly syncLength: Summary<'scrape_job'>;
  readonly syncLengthHistogram: Histogram<'scrape_job'>;
  readonly syncFailed: Counter<'scrape_job'>;
  readonly poolTargets: Gauge<'scrape_job'>;
  readonly poolTargetLimit: Gauge<'scrape_job'>;
  readonly poolTargetsOfOthers: Gauge<'scrape_job'>;
  readonly targetLimitExceeded: Counter;
  readonly labelLimitsExceeded: Counter;
  readonly sampleLimitExceeded: Counter;
  readonly bucketLimitExceeded: Counter;
  readonly bodySizeLimitExceeded: Counter;
  readonly cacheFlushForced: Counter;
  readonly intervalLength: Summary<'interval'>;
  readonly intervalLengthHistogram: Histogram<'interval'>;
  readonly samplesDuplicate: Counter;
  readonly samplesOutOfOrder: Counter;
  readonly samplesOutOfBounds: Counter;
  readonly exemplarsOutOfOrder: Counter;
  readonly scrapeDuration: Histogram;

  /** `metadataSizes` is asked when metrics are collected. */
  constructor(registry: Registry, metadataSizes: () => readonly MetadataSize[]) {
    const make = new Maker(registry);
    const exceeded = limitCounters(make);
    this.pools = make.counter('scrape_pools_total', 'Total number of scrape pool creation attempts.');
    this.poolsFailed = make.counter(
      'scrape_pools_failed_total',
      'Total number of scrape pool creations that failed.',
    );
    this.poolReloads = make.counter('scrape_pool_reloads_total', 'Total number of scrape pool reloads.');
    this.poolReloadsFailed = make.counter(
      'scrape_pool_reloads_failed_total',
      'Total number of failed scrape pool reloads.',
    );
    this.targetLimitExceeded = exceeded.targets;
    this.labelLimitsExceeded = exceeded.labels;
    this.sampleLimitExceeded = exceeded.samples;
    this.bucketLimitExceeded = exceeded.buckets;
    this.bodySizeLimitExceeded = exceeded.bodies;
    this.cacheFlushForced = make.counter(
      'scrapes_cache_flush_forced_total',
      'How many times a scrape cache was flushed due to getting big while scrapes are failing.',
    );
    this.samplesDuplicate = make.counter(
      'scrapes_sample_duplicate_timestamp_total',
      'Total number of samples rejected due to duplicate timestamps but different values.',
    );
    this.samplesOutOfOrder = make.counter(
      'scrapes_sample_out_of_order_total',
      'Total number of samples rejected due to not being out of the expected order.',
    );
    this.samplesOutOfBounds = make.counter(
      'scrapes_sample_out_of_bounds_total',
      'Total number of samples rejected due to timestamp falling outside of the time bounds.',
    );
    this.exemplarsOutOfOrder = make.counter(
      'scrapes_exemplar_out_of_order_total',
      'Total number of exemplar rejected due to not being out of the expected order.',
    );
    const reloadHelp = 'Actual interval to reload the scrape pool with a given configuration.';
    this.reloadLength = make.summary('reload_length_seconds', reloadHelp, 'interval');
    const syncsHelp = 'Total number of syncs that were executed on a scrape pool.';
    this.syncs = make.counter('scrape_pool_sync_total', syncsHelp, 'scrape_job');
    const syncHelp = 'Actual interval to sync the scrape pool.';
    this.syncLength = make.summary('sync_length_seconds', syncHelp, 'scrape_job');
    this.syncLengthHistogram = make.histogram('sync_length_histogram_seconds', syncHelp, 'scrape_job');
    this.syncFailed = make.counter(
      'sync_failed_total',
      'Total number of target sync failures.',
      'scrape_job',
    );
    const targetsHelp = 'Current number of targets in this scrape pool.';
    this.poolTargets = make.gauge('scrape_pool_targets', targetsHelp, 'scrape_job');
    const limitHelp = 'Maximum number of targets allowed in this scrape pool.';
    this.poolTargetLimit = make.gauge('scrape_pool_target_limit', limitHelp, 'scrape_job');
    this.poolTargetsOfOthers = new Gauge({
      name: 'tocsin_scrape_pool_targets_of_other_shards',
      help: 'Current number of targets of this scrape pool that other processes scrape, by --scrape.shard.',
      labelNames: ['scrape_job'],
      registers: [registry],
    });
    const intervalHelp = 'Actual intervals between scrapes.';
    this.intervalLength = make.summary('interval_length_seconds', intervalHelp, 'interval');
    this.intervalLengthHistogram = make.histogram(
      'interval_length_histogram_seconds',
      intervalHelp,
      'interval',
    );
    this.scrapeDuration = new Histogram({
      name: 'prometheus_target_scrape_duration_seconds',
      help: 'Total duration of the scrape from start to commit completion in seconds.',
      buckets: DURATION_BUCKETS,
      registers: [registry],
    });
    registerMetadataSizes(registry, metadataSizes);
  }

  /** Removes a job's own series. */
  forgetJob(job: string): void {
    const labels = { scrape_job: job };
    for (const metric of [
      this.syncs,
      this.syncLength,
      this.syncLengthHistogram,
      this.syncFailed,
      this.poolTargets,
      this.poolTargetLimit,
      this.poolTargetsOfOthers,
    ]) {
      metric.remove(labels);
    }
  }
}

/** Makes metrics called `prometheus_target_…`. */
class Maker {
  readonly #registers: Registry[];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  counter<L extends string>(name: string, help: string, ...labels: L[]): Counter<L> {
    return new Counter({ name: PREFIX + name, help, labelNames: labels, registers: this.#registers });
  }

  gauge<L extends string>(name: string, help: string, ...labels: L[]): Gauge<L> {
    return new Gauge({ name: PREFIX + name, help, labelNames: labels, registers: this.#registers });
  }

  summary<L extends string>(name: string, help: string, ...labels: L[]): Summary<L> {
    const registers = this.#registers;
    return new Summary({
      name: PREFIX + name,
      help,
      labelNames: labels,
      percentiles: PERCENTILES,
      registers,
    });
  }

  histogram<L extends string>(name: string, help: string, ...labels: L[]): Histogram<L> {
    const registers = this.#registers;
    return new Histogram({
      name: PREFIX + name,
      help,
      labelNames: labels,
      buckets: LENGTH_BUCKETS,
      registers,
    });
  }
}

/** Counters of limits that were exceeded. */
function limitCounters(
  make: Maker,
): Readonly<Record<'targets' | 'labels' | 'samples' | 'buckets' | 'bodies', Counter>> {
  return {
    targets: make.counter(
      'scrape_pool_exceeded_target_limit_total',
      'Total number of times scrape pools hit the target limit, during sync or config reload.',
    ),
    labels: make.counter(
      'scrape_pool_exceeded_label_limits_total',
      'Total number of times scrape pools hit the label limits, during sync or config reload.',
    ),
    samples: make.counter(
      'scrapes_exceeded_sample_limit_total',
      'Total number of scrapes that hit the sample limit and were rejected.',
    ),
    buckets: make.counter(
      'scrapes_exceeded_native_histogram_bucket_limit_total',
      'Total number of scrapes that hit the native histogram bucket limit and were rejected.',
    ),
    bodies: make.counter(
      'scrapes_exceeded_body_size_limit_total',
      'Total number of scrapes that hit the body size limit',
    ),
  };
}

function registerMetadataSizes(registry: Registry, sizes: () => readonly MetadataSize[]): void {
  const gauge = (name: string, help: string, read: (size: MetadataSize) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['scrape_job'],
      registers: [registry],
      collect() {
        this.reset();
        for (const size of sizes()) this.set({ scrape_job: size.job }, read(size));
      },
    });
  };
  gauge(
    'prometheus_target_metadata_cache_entries',
    'Total number of metric metadata entries in the cache',
    (size) => size.count,
  );
  gauge(
    'prometheus_target_metadata_cache_bytes',
    'The number of bytes that are currently used for storing metric metadata in the cache',
    (size) => size.bytes,
  );
}
