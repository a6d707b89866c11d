import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram, Summary } from '../core/metrics.ts';

/** Own metrics about discovery, under Prometheus' names; `name` says whose discovery it is (`scrape`, `notify`). */
export class DiscoveryMetrics {
  readonly failedConfigs: Gauge<'name'>;
  readonly discoveredTargets: Gauge<'name' | 'config'>;
  readonly lastUpdate: Gauge<'name' | 'config'>;
  readonly receivedUpdates: Counter<'name'>;
  readonly delayedUpdates: Counter<'name'>;
  readonly sentUpdates: Counter<'name'>;
  readonly fileReadErrors: Counter;
  readonly fileScanDuration: Summary;
  readonly fileModified: Gauge<'filename'>;
  readonly refreshFailures: Counter<'mechanism' | 'config'>;
  readonly refreshDuration: Summary<'mechanism' | 'config'>;
  readonly refreshDurations: Histogram<'mechanism'>;
  readonly #registry: Registry;
  readonly #refreshers = new Map<string, number>();

  /** Registers in `registry`, or finds there what another discovery manager registered. */
  static in(registry: Registry): DiscoveryMetrics {
    let metrics = known.get(registry);
    if (metrics === undefined) {
      metrics = new DiscoveryMetrics(registry);
      known.set(registry, metrics);
    }
    return metrics;
  }

  private constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    this.failedConfigs = new Gauge({
      name: 'prometheus_sd_failed_configs',
      help: 'Current number of service discovery configurations that failed to load.',
      labelNames: ['name'],
      registers,
    });
    this.discoveredTargets = new Gauge({
      name: 'prometheus_sd_discovered_targets',
      help: 'Current number of discovered targets.',
      labelNames: ['name', 'config'],
      registers,
    });
    this.lastUpdate = new Gauge({
      name: 'prometheus_sd_last_update_timestamp_seconds',
      help: 'Timestamp of the last update sent to the SD consumers.',
      labelNames: ['name', 'config'],
      registers,
    });
    this.receivedUpdates = new Counter({
      name: 'prometheus_sd_received_updates_total',
      help: 'Total number of update events received from the SD providers.',
      labelNames: ['name'],
      registers,
    });
    this.delayedUpdates = new Counter({
      name: 'prometheus_sd_updates_delayed_total',
      help: "Total number of update events that couldn't be sent immediately.",
      labelNames: ['name'],
      registers,
    });
    this.sentUpdates = new Counter({
      name: 'prometheus_sd_updates_total',
      help: 'Total number of update events sent to the SD consumers.',
      labelNames: ['name'],
      registers,
    });
    this.fileReadErrors = new Counter({
      name: 'prometheus_sd_file_read_errors_total',
      help: 'The number of File-SD read errors.',
      registers,
    });
    this.fileScanDuration = new Summary({
      name: 'prometheus_sd_file_scan_duration_seconds',
      help: 'The duration of the File-SD scan in seconds.',
      percentiles: [0.5, 0.9, 0.99],
      registers,
    });
    this.fileModified = new Gauge({
      name: 'prometheus_sd_file_mtime_seconds',
      help: 'Timestamp (mtime) of files read by FileSD. Timestamp is set at read time.',
      labelNames: ['filename'],
      registers,
    });
    this.refreshFailures = new Counter({
      name: 'prometheus_sd_refresh_failures_total',
      help: 'Number of refresh failures for the given SD mechanism.',
      labelNames: ['mechanism', 'config'],
      registers,
    });
    this.refreshDuration = new Summary({
      name: 'prometheus_sd_refresh_duration_seconds',
      help: 'The duration of a refresh in seconds for the given SD mechanism.',
      labelNames: ['mechanism', 'config'],
      percentiles: [0.5, 0.9, 0.99],
      registers,
    });
    this.refreshDurations = new Histogram({
      name: 'prometheus_sd_refresh_duration_histogram_seconds',
      help: 'The duration of a refresh for the given SD mechanism.',
      labelNames: ['mechanism'],
      buckets: [0.01, 0.1, 1, 10],
      registers,
    });
  }

  /** Shows the refresh metrics of a provider, at 0, until it is released; providers with equal labels share them. */
  refreshOf(mechanism: string, config: string): { release(): void } {
    const key = JSON.stringify([mechanism, config]);
    const users = this.#refreshers.get(key) ?? 0;
    this.#refreshers.set(key, users + 1);
    this.refreshFailures.inc({ mechanism, config }, 0);
    return {
      release: () => {
        const left = this.#refreshers.get(key)! - 1;
        this.#refreshers.set(key, left);
        if (left > 0) return;
        this.#refreshers.delete(key);
        this.refreshFailures.remove({ mechanism, config });
        this.refreshDuration.remove({ mechanism, config });
      },
    };
  }

  /**
   * A counter of one kind of discovery, which only those see who use that kind; it starts at 0.
   */
  counter<Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
  ): Counter<Label> {
    const found = this.#registry.getSingleMetric(name);
    if (found !== undefined) return found as unknown as Counter<Label>;
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  /** A summary of one kind of discovery, which only those see who use that kind. */
  summary<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Summary<Label> {
    const found = this.#registry.getSingleMetric(name);
    if (found !== undefined) return found as unknown as Summary<Label>;
    return new Summary({
      name,
      help,
      labelNames,
      percentiles: [0.5, 0.9, 0.99],
      registers: [this.#registry],
    });
  }
}

const known = new WeakMap<Registry, DiscoveryMetrics>();
