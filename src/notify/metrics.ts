import { Counter, Gauge, Histogram } from '../core/metrics.ts';
import type { Registry } from '../core/metrics.ts';
import { FAILURE_REASONS } from './notification.ts';
import type { FailureReason } from './notification.ts';

/** Why the pipeline held alerts back: the `reason` label of the suppressed counter. */
export type SuppressionReason = 'inhibition' | 'silence' | 'mute_time_interval' | 'active_time_interval';

const SUPPRESSION_REASONS: readonly SuppressionReason[] = [
  'inhibition',
  'silence',
  'mute_time_interval',
  'active_time_interval',
];

/** What the outbox tells when it is asked for its gauges. */
export interface OutboxGauges {
  readonly openRows: number;
  /** When the oldest open row was first decided; undefined when there is none. */
  readonly oldestCreatedAtMs: number | undefined;
}

/** Alertmanager's notification metrics under its own names, and the outbox's. */
export class NotifyMetrics {
  readonly notifications: Counter<'integration'>;
  readonly notificationsFailed: Counter<'integration' | 'reason'>;
  readonly requests: Counter<'integration'>;
  readonly requestsFailed: Counter<'integration'>;
  readonly latencySeconds: Histogram<'integration'>;
  readonly suppressed: Counter<'reason'>;
  /** Rows that ended without having been sent, by why. */
  readonly outboxDropped: Counter<'integration' | 'reason'>;
  /** Rows sent although an earlier request of theirs may have arrived. */
  readonly outboxAmbiguous: Counter<'integration'>;
  readonly outboxStateErrors: Counter;
  #outbox: (() => OutboxGauges) | undefined;

  constructor(registry: Registry, nowMs: () => number) {
    const registers = [registry];
    const labelNames = ['integration'] as const;
    this.notifications = new Counter({
      name: 'alertmanager_notifications_total',
      help: 'The total number of attempted notifications.',
      labelNames,
      registers,
    });
    this.notificationsFailed = new Counter({
      name: 'alertmanager_notifications_failed_total',
      help: 'The total number of failed notifications.',
      labelNames: ['integration', 'reason'],
      registers,
    });
    this.requests = new Counter({
      name: 'alertmanager_notification_requests_total',
      help: 'The total number of attempted notification requests.',
      labelNames,
      registers,
    });
    this.requestsFailed = new Counter({
      name: 'alertmanager_notification_requests_failed_total',
      help: 'The total number of failed notification requests.',
      labelNames,
      registers,
    });
    this.latencySeconds = new Histogram({
      name: 'alertmanager_notification_latency_seconds',
      help: 'The latency of notifications in seconds.',
      labelNames,
      buckets: [1, 5, 10, 15, 20],
      registers,
    });
    this.suppressed = new Counter({
      name: 'alertmanager_notifications_suppressed_total',
      help: 'The total number of notifications suppressed for being silenced, inhibited, outside of active time intervals or within muted time intervals.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of SUPPRESSION_REASONS) this.suppressed.inc({ reason }, 0);
    this.outboxDropped = new Counter({
      name: 'tocsin_outbox_dropped_total',
      help: 'Notifications that ended without having been sent: rejected by the receiver, expired, or their receiver is gone from the configuration.',
      labelNames: ['integration', 'reason'],
      registers,
    });
    this.outboxAmbiguous = new Counter({
      name: 'tocsin_outbox_ambiguous_total',
      help: 'Notifications sent again although an earlier request may have arrived.',
      labelNames,
      registers,
    });
    this.outboxStateErrors = new Counter({
      name: 'tocsin_outbox_state_errors_total',
      help: 'Failed reads and writes of the outbox and the notification log.',
      registers,
    });
    this.#registerOutboxGauges(registry, nowMs);
  }

  #registerOutboxGauges(registry: Registry, nowMs: () => number): void {
    const gauges = (): OutboxGauges => this.#outbox?.() ?? { openRows: 0, oldestCreatedAtMs: undefined };
    const rows = new Gauge({
      name: 'tocsin_outbox_pending_notifications',
      help: 'Decided notifications that have not been delivered yet.',
      registers: [registry],
      collect: () => {
        rows.set(gauges().openRows);
      },
    });
    const age = new Gauge({
      name: 'tocsin_outbox_oldest_age_seconds',
      help: 'Age of the oldest notification that has not been delivered yet; 0 when there is none.',
      registers: [registry],
      collect: () => {
        const { oldestCreatedAtMs } = gauges();
        age.set(oldestCreatedAtMs === undefined ? 0 : Math.max(0, (nowMs() - oldestCreatedAtMs) / 1000));
      },
    });
  }

  /** Tells where the outbox gauges get their values from. */
  watchOutbox(read: () => OutboxGauges): void {
    this.#outbox = read;
  }

  /** Makes the integration's series exist at 0, as Alertmanager does for every kind it knows. */
  initialise(integrations: readonly string[]): void {
    for (const integration of integrations) {
      for (const counter of [this.notifications, this.requests, this.requestsFailed]) {
        counter.inc({ integration }, 0);
      }
      for (const reason of FAILURE_REASONS) this.notificationsFailed.inc({ integration, reason }, 0);
      this.latencySeconds.zero({ integration });
    }
  }

  /** Counts a flush that did not deliver. */
  failed(integration: string, reason: FailureReason): void {
    this.notificationsFailed.inc({ integration, reason });
  }
}
