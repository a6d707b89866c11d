import { Counter, Gauge, Histogram, Summary } from '../core/metrics.ts';
import type { Registry } from '../core/metrics.ts';

/** What gauges are read from when somebody asks for them. */
export interface AlertMetricSources {
  /** Alerts in groups by what the last flush made of them. */
  countAlerts(): Readonly<Record<'active' | 'suppressed' | 'unprocessed', number>>;
  countSilences(): Readonly<Record<'active' | 'pending' | 'expired', number>>;
  countGroups(): number;
}

/** Alertmanager's metrics of alerts, groups, silences and inhibition. */
export class AlertMetrics {
  readonly received: Counter<'status' | 'version'>;
  readonly invalid: Counter<'version'>;
  readonly limited: Counter;
  readonly alertLimit: Gauge;
  readonly subscriberWrites: Counter<'subscriber'>;
  readonly processing: Summary;
  readonly inhibitionRules: Gauge;
  readonly silences: SilenceMetrics;
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    const name = (rest: string): string => `alertmanager_${rest}`;
    const counter = (rest: string, help: string): Counter =>
      new Counter({ name: name(rest), help, registers });
    this.received = new Counter({
      name: name('alerts_received_total'),
      help: 'The total number of received alerts.',
      labelNames: ['status', 'version'],
      registers,
    });
    this.invalid = new Counter({
      name: name('alerts_invalid_total'),
      help: 'The total number of received alerts that were invalid.',
      labelNames: ['version'],
      registers,
    });
    for (const status of ['firing', 'resolved']) this.received.inc({ status, version: 'v2' }, 0);
    this.invalid.inc({ version: 'v2' }, 0);
    this.limited = counter(
      'alerts_limited_total',
      'Total number of alerts that were dropped due to per alert name limit.',
    );
    this.alertLimit = new Gauge({
      name: name('alerts_per_alert_limit'),
      help: 'Current limit on number of alerts per alert name.',
      registers,
    });
    this.subscriberWrites = new Counter({
      name: name('alerts_subscriber_channel_writes_total'),
      help: 'Number of times alerts were handed to subscribers.',
      labelNames: ['subscriber'],
      registers,
    });
    this.processing = new Summary({
      name: name('dispatcher_alert_processing_duration_seconds'),
      help: 'Summary of latencies for the processing of alerts.',
      percentiles: [],
      registers,
    });
    this.inhibitionRules = new Gauge({
      name: name('inhibition_rules'),
      help: 'Number of configured inhibition rules.',
      registers,
    });
    this.silences = new SilenceMetrics(registry);
  }

  /** Adds the gauges that are read from the rooms' state when asked for. Call it once. */
  observe(sources: AlertMetricSources): void {
    const registers = [this.#registry];
    this.#gauge('alerts', 'How many alerts by state.', () => sources.countAlerts());
    this.#gauge('silences', 'How many silences by state.', () => sources.countSilences());
    new Gauge({
      name: 'alertmanager_silences_state_size',
      help: 'The number of silences in the state map.',
      registers,
      collect() {
        const { active, pending, expired } = sources.countSilences();
        this.set(active + pending + expired);
      },
    });
    new Gauge({
      name: 'alertmanager_dispatcher_aggregation_groups',
      help: 'Number of active aggregation groups.',
      registers,
      collect() {
        this.set(sources.countGroups());
      },
    });
  }

  #gauge(name: string, help: string, count: () => Readonly<Record<string, number>>): void {
    new Gauge({
      name: `alertmanager_${name}`,
      help,
      labelNames: ['state'],
      registers: [this.#registry],
      collect() {
        for (const [state, value] of Object.entries(count())) this.set({ state }, value);
      },
    });
  }
}

/** Alertmanager's metrics of silences. */
export class SilenceMetrics {
  readonly queries: Counter;
  readonly queryErrors: Counter;
  readonly querySeconds: Histogram;
  readonly scanned: Counter;
  readonly skipped: Counter;
  readonly collections: Counter;
  readonly collectionErrors: Counter;
  readonly gcErrors: Counter;
  readonly collectSeconds: Summary;

  constructor(registry: Registry) {
    const registers = [registry];
    const name = (rest: string): string => `alertmanager_${rest}`;
    const counter = (rest: string, help: string): Counter =>
      new Counter({ name: name(rest), help, registers });
    this.queries = counter('silences_queries_total', 'How many silence queries were received.');
    this.queryErrors = counter(
      'silences_query_errors_total',
      'How many silence received queries did not succeed.',
    );
    this.querySeconds = new Histogram({
      name: name('silences_query_duration_seconds'),
      help: 'Duration of silence query evaluation.',
      registers,
    });
    this.scanned = counter(
      'silences_query_silences_scanned_total',
      'How many silences were scanned during query evaluation.',
    );
    this.skipped = counter(
      'silences_query_silences_skipped_total',
      'How many silences were skipped during query evaluation using the version index.',
    );
    this.collections = counter(
      'silences_maintenance_total',
      'How many maintenances were executed for silences.',
    );
    this.collectionErrors = counter(
      'silences_maintenance_errors_total',
      'How many maintenances were executed for silences that failed.',
    );
    this.gcErrors = counter('silences_gc_errors_total', 'How many silence GC errors were encountered.');
    this.collectSeconds = new Summary({
      name: name('silences_gc_duration_seconds'),
      help: 'Duration of the last silence garbage collection cycle.',
      percentiles: [],
      registers,
    });
  }
}
