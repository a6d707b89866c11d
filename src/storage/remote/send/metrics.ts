import { Counter, Gauge, Histogram } from '../../../core/metrics.ts';
import type { Registry } from '../../../core/metrics.ts';

const LABELS = ['remote_name', 'url'] as const;
type Names = (typeof LABELS)[number];

/** What tells endpoints apart in metrics. */
export type EndpointNames = Readonly<Record<Names, string>>;

/** Why a sample was not sent. */
export const DROP_REASONS = [
  'relabelled',
  'too_old',
  'unknown_series',
  'native_histograms_disabled',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Metrics of remote write, under Prometheus' own names; one set for all endpoints. */
export class RemoteWriteMetrics {
  readonly samples: Counter<Names>;
  readonly exemplars: Counter<Names>;
  readonly histograms: Counter<Names>;
  readonly metadata: Counter<Names>;
  readonly samplesFailed: Counter<Names>;
  readonly samplesRetried: Counter<Names>;
  readonly samplesDropped: Counter<Names | 'reason'>;
  readonly metadataFailed: Counter<Names>;
  readonly bytes: Counter<Names>;
  readonly enqueueRetries: Counter<Names>;
  readonly pending: Gauge<Names>;
  readonly shards: Gauge<Names>;
  readonly shardsDesired: Gauge<Names>;
  readonly shardsMin: Gauge<Names>;
  readonly shardsMax: Gauge<Names>;
  readonly shardCapacity: Gauge<Names>;
  readonly maxSamplesPerSend: Gauge<Names>;
  readonly highestSent: Gauge<Names>;
  readonly highestIn: Gauge;
  readonly samplesIn: Counter;
  readonly sentBatchDuration: Histogram<Names>;
  readonly position: Gauge<Names>;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string): Counter<Names> =>
      new Counter({ name: `prometheus_remote_storage_${name}`, help, labelNames: LABELS, registers });
    const gauge = (name: string, help: string): Gauge<Names> =>
      new Gauge({ name: `prometheus_remote_storage_${name}`, help, labelNames: LABELS, registers });
    this.samples = counter('samples_total', 'Total number of samples sent to remote storage.');
    this.exemplars = counter('exemplars_total', 'Total number of exemplars sent to remote storage.');
    this.histograms = counter('histograms_total', 'Total number of histograms sent to remote storage.');
    this.metadata = counter('metadata_total', 'Total number of metadata entries sent to remote storage.');
    this.samplesFailed = counter(
      'samples_failed_total',
      'Total number of samples which failed on send to remote storage, non-recoverable errors.',
    );
    this.samplesRetried = counter(
      'samples_retried_total',
      'Total number of samples which failed on send to remote storage but were retried because the send error was recoverable.',
    );
    this.samplesDropped = new Counter({
      name: 'prometheus_remote_storage_samples_dropped_total',
      help: 'Total number of samples which were dropped after being read from the WAL before being sent via remote write, either via relabelling, due to being too old or unintentionally because of an unknown reference ID.',
      labelNames: [...LABELS, 'reason'],
      registers,
    });
    this.metadataFailed = counter(
      'metadata_failed_total',
      'Total number of metadata entries which failed on send to remote storage, non-recoverable errors.',
    );
    this.bytes = counter(
      'bytes_total',
      'The total number of bytes of data (not metadata) sent after compression.',
    );
    this.enqueueRetries = counter(
      'enqueue_retries_total',
      'Total number of times enqueue has failed because a shards queue was full.',
    );
    this.pending = gauge('samples_pending', 'The number of samples pending in the queues shards to be sent.');
    this.shards = gauge('shards', 'The number of shards used for parallel sending to the remote storage.');
    this.shardsDesired = gauge(
      'shards_desired',
      'The number of shards that the queues shard calculation wants to run based on the rate of samples in vs. samples out.',
    );
    this.shardsMin = gauge('shards_min', 'The minimum number of shards that the queue is allowed to run.');
    this.shardsMax = gauge('shards_max', 'The maximum number of shards that the queue is allowed to run.');
    this.shardCapacity = gauge('shard_capacity', 'The capacity of each shard of the queue.');
    this.maxSamplesPerSend = gauge(
      'max_samples_per_send',
      'The maximum number of samples to be sent, in a single request, to the remote storage.',
    );
    this.highestSent = gauge(
      'queue_highest_sent_timestamp_seconds',
      'Timestamp from a WAL sample, the highest timestamp successfully sent by this queue, in seconds since epoch.',
    );
    this.highestIn = new Gauge({
      name: 'prometheus_remote_storage_highest_timestamp_in_seconds',
      help: 'Highest timestamp that has come into the remote storage via the Appender interface, in seconds since epoch.',
      registers,
    });
    this.samplesIn = new Counter({
      name: 'prometheus_remote_storage_samples_in_total',
      help: 'Samples in to remote storage, compare to samples out for queue managers.',
      registers,
    });
    this.sentBatchDuration = new Histogram({
      name: 'prometheus_remote_storage_sent_batch_duration_seconds',
      help: 'Duration of send calls to the remote storage.',
      labelNames: LABELS,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300],
      registers,
    });
    this.position = new Gauge({
      name: 'tocsin_remote_storage_wal_segment',
      help: 'The segment of the write-ahead log up to which everything was sent.',
      labelNames: LABELS,
      registers,
    });
  }

  /** Forgets an endpoint that is no more. */
  remove(names: EndpointNames): void {
    const { samplesDropped, highestIn: _in, samplesIn: _samples, ...ofEndpoints } = this;
    for (const metric of Object.values(ofEndpoints)) metric.remove({ ...names });
    for (const reason of DROP_REASONS) samplesDropped.remove({ ...names, reason });
  }
}
