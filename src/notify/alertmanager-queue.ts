import type { PostedAlert } from '../alerts/index.ts';
import { startDeadline } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import { TocsinError, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { TaskScope } from '../core/task-scope.ts';
import type { AlertmanagerMetrics } from './alertmanager-metrics.ts';
import { redact, sendRequest } from './http.ts';
import type { NotifyHttp } from './http.ts';

/** How to talk to the Alertmanager; replaced as a whole at reload. */
export interface AlertmanagerEndpoint {
  readonly http: NotifyHttp;
  readonly timeoutMs: number;
  /** Texts that must not show in messages. */
  readonly secrets: readonly string[];
}

/** What an {@link AlertmanagerQueue} works with. */
export interface AlertmanagerQueueOptions {
  readonly url: string;
  readonly endpoint: AlertmanagerEndpoint;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AlertmanagerMetrics;
  /** Alerts kept at most; the oldest go first. */
  readonly capacity: number;
  /** Alerts a request. */
  readonly maxBatchSize: number;
  readonly drainOnShutdown: boolean;
}

/**
 * Alerts waiting for one outside Alertmanager, sent in batches one after the other. A batch that fails is dropped: rules
 * hand in every alert again while it fires and for 15 minutes after, so the next hand-in repairs it.
 *
 * @see prometheus/prometheus notifier/sendloop.go
 */
export class AlertmanagerQueue {
  endpoint: AlertmanagerEndpoint;
  readonly #options: AlertmanagerQueueOptions;
  readonly #tasks: TaskScope;
  #alerts: PostedAlert[] = [];
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: AlertmanagerQueueOptions) {
    this.#options = options;
    this.endpoint = options.endpoint;
    this.#tasks = new TaskScope((_, error) => {
      options.logger.error({ err: errorText(error) }, 'Sending alerts ended unexpectedly');
    });
    options.metrics.initialise(options.url);
  }

  /** Alerts waiting. */
  get length(): number {
    return this.#alerts.length;
  }

  /** Puts alerts at the end; what does not fit pushes out the oldest. */
  add(alerts: readonly PostedAlert[]): void {
    if (this.#stopped) return;
    const { capacity, logger, metrics, url } = this.#options;
    const all = [...this.#alerts, ...alerts];
    const excess = all.length - capacity;
    if (excess > 0) {
      logger.warn({ count: excess }, 'Alert notification queue full, dropping alerts');
      metrics.dropped.inc({ alertmanager: url }, excess);
    }
    this.#alerts = excess > 0 ? all.slice(excess) : all;
    metrics.queueLength.set({ alertmanager: url }, this.#alerts.length);
    if (this.#running !== undefined || this.#alerts.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running = promise;
    this.#tasks.spawn(`alerts to ${url}`, async (signal) => {
      try {
        while (this.#alerts.length > 0 && !this.#stopped) await this.#sendBatch(signal);
      } finally {
        this.#running = undefined;
        resolve();
      }
    });
  }

  /** Takes no more; sends what waits (each batch has its timeout) or drops it. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    const { drainOnShutdown, logger, metrics, url } = this.#options;
    const never = new AbortController();
    await this.#running;
    if (drainOnShutdown) {
      while (this.#alerts.length > 0) await this.#sendBatch(never.signal);
    } else if (this.#alerts.length > 0) {
      const count = this.#alerts.length;
      logger.warn({ count }, 'Alert notification queue not drained on shutdown, dropping alerts');
      metrics.dropped.inc({ alertmanager: url }, count);
    }
    this.#alerts = [];
    await this.#tasks.stop();
    metrics.forget(url);
  }

  async #sendBatch(signal: AbortSignal): Promise<void> {
    const { clock, logger, metrics, maxBatchSize, url } = this.#options;
    const labels = { alertmanager: url };
    const batch = this.#alerts.slice(0, maxBatchSize);
    this.#alerts = this.#alerts.slice(maxBatchSize);
    metrics.queueLength.set(labels, this.#alerts.length);
    const startedMs = clock.monotonicMs();
    try {
      await this.#post(batch, signal);
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      const text = redact(errorText(error), this.endpoint.secrets);
      logger.error({ count: batch.length, err: text }, 'Error sending alerts');
      metrics.errors.inc(labels, batch.length);
      metrics.dropped.inc(labels, batch.length);
      return;
    }
    const seconds = (clock.monotonicMs() - startedMs) / 1000;
    metrics.latency.observe(labels, seconds);
    metrics.latencyHistogram.observe(labels, seconds);
    metrics.sent.inc(labels, batch.length);
  }

  async #post(batch: readonly PostedAlert[], signal: AbortSignal): Promise<void> {
    const { clock, url } = this.#options;
    const { http, timeoutMs } = this.endpoint;
    const text = `no answer within ${formatDuration(timeoutMs)}`;
    const makeReason = (): Error => new TocsinError('TOCSIN_ERR_TIMEOUT', text);
    const deadline = startDeadline(clock, timeoutMs, makeReason, signal);
    try {
      const answer = await sendRequest(
        http,
        { url, body: JSON.stringify(batch.map(postableAlert)) },
        deadline.signal,
      );
      if (answer.status >= 200 && answer.status < 300) return;
      throw new TocsinError('TOCSIN_ERR_HTTP', `bad response status ${answer.status}`);
    } finally {
      deadline.dispose();
    }
  }
}

/** An alert as `POST /api/v2/alerts` takes it. */
function postableAlert(alert: PostedAlert): Record<string, unknown> {
  return {
    annotations: alert.annotations,
    ...(alert.endsAtMs === undefined ? {} : { endsAt: new Date(alert.endsAtMs).toISOString() }),
    ...(alert.startsAtMs === undefined ? {} : { startsAt: new Date(alert.startsAtMs).toISOString() }),
    generatorURL: alert.generatorUrl,
    labels: alert.labels,
  };
}
