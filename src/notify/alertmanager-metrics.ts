import { Counter, Gauge, Histogram, Summary } from '../core/metrics.ts';
import type { Registry } from '../core/metrics.ts';

type PerAlertmanager = 'alertmanager';

/** Prometheus' metrics about sending to outside Alertmanagers, under its names. */
export class AlertmanagerMetrics {
  readonly latency: Summary<PerAlertmanager>;
  readonly latencyHistogram: Histogram<PerAlertmanager>;
  readonly errors: Counter<PerAlertmanager>;
  readonly sent: Counter<PerAlertmanager>;
  readonly dropped: Counter<PerAlertmanager>;
  readonly queueLength: Gauge<PerAlertmanager>;
  readonly queueCapacity: Gauge;
  readonly discovered: Gauge;

  constructor(registry: Registry, discovered: () => number) {
    const common = { labelNames: ['alertmanager'] as const, registers: [registry] };
    this.latency = new Summary({
      name: 'prometheus_notifications_latency_seconds',
      help: 'Latency quantiles for sending alert notifications.',
      percentiles: [0.5, 0.9, 0.99],
      ...common,
    });
    this.latencyHistogram = new Histogram({
      name: 'prometheus_notifications_latency_histogram_seconds',
      help: 'Latency histogram for sending alert notifications.',
      buckets: [0.01, 0.1, 1, 10],
      ...common,
    });
    this.errors = new Counter({
      name: 'prometheus_notifications_errors_total',
      help: 'Total number of sent alerts affected by errors.',
      ...common,
    });
    this.sent = new Counter({
      name: 'prometheus_notifications_sent_total',
      help: 'Total number of alerts sent.',
      ...common,
    });
    this.dropped = new Counter({
      name: 'prometheus_notifications_dropped_total',
      help: 'Total number of alerts dropped due to errors when sending to Alertmanager.',
      ...common,
    });
    this.queueLength = new Gauge({
      name: 'prometheus_notifications_queue_length',
      help: 'The number of alert notifications in the queue.',
      ...common,
    });
    this.queueCapacity = new Gauge({
      name: 'prometheus_notifications_queue_capacity',
      help: 'The capacity of the alert notifications queue.',
      registers: [registry],
    });
    const gauge = new Gauge({
      name: 'prometheus_notifications_alertmanagers_discovered',
      help: 'The number of alertmanagers discovered and active.',
      registers: [registry],
      collect: () => {
        gauge.set(discovered());
      },
    });
    this.discovered = gauge;
  }

  /** Makes an Alertmanager's series exist. */
  initialise(alertmanager: string): void {
    for (const counter of [this.errors, this.sent, this.dropped]) counter.inc({ alertmanager }, 0);
    this.queueLength.set({ alertmanager }, 0);
  }

  /** Takes an Alertmanager's series away. */
  forget(alertmanager: string): void {
    for (const metric of [this.errors, this.sent, this.dropped, this.queueLength]) {
      metric.remove({ alertmanager });
    }
    this.latency.remove({ alertmanager });
    this.latencyHistogram.remove({ alertmanager });
  }
}
