import type { Clock, Timer } from '../core/clock.ts';
import { TocsinError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Random } from '../core/ports.ts';
import type { StateStore } from '../storage/index.ts';
import { isResolved } from './alert.ts';
import type { Alert, AlertSink, PostedAlert, PutOutcome } from './alert.ts';
import { AlertLimit } from './alert-limit.ts';
import { AlertWriter } from './alert-writer.ts';
import { alertProblem, mergeAlerts, receiveAlert } from './merge.ts';
import type { AlertMetrics } from './metrics.ts';

/** How often the store says on disk that it is alive; see {@link AlertStore.load}. */
const HEARTBEAT_MS = 15_000;
/** Alerts taken in one turn of the loop. */
const TURN_ALERTS = 200;

/** Somebody who lives by the store's alerts. Called synchronously, in order of change. */
export interface AlertListener {
  /** For metrics. */
  readonly name: string;
  /** An alert is new or has changed. */
  alertStored?(alert: Alert, nowMs: number): void;
  /** Whether an alert that has ended must not be forgotten yet: its resolve is still to be told. */
  needs?(alert: Alert): boolean;
  /** Alerts have ended and are forgotten. */
  alertsCollected?(alerts: readonly Alert[]): void;
}

/** What an {@link AlertStore} needs. */
export interface AlertStoreOptions {
  readonly clock: Clock;
  readonly state: StateStore;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: AlertMetrics;
  readonly resolveTimeoutMs: number;
  /** 0 = no limit. */
  readonly perAlertnameLimit: number;
  readonly gcIntervalMs: number;
  /** How long history is kept. */
  readonly retentionMs: number;
  readonly isValidLabelName: (name: string) => boolean;
  /** Gets bugs of background work. */
  readonly onFailure: (name: string, error: unknown) => void;
}

/**
 * Every alert that fires or ended lately, by fingerprint; the one door for rules and API. Durable: what `put`
 * acknowledges is on disk, and a restart brings it back with its state.
 */
export class AlertStore implements AlertSink {
  readonly #options: AlertStoreOptions;
  readonly #alerts = new Map<string, Alert>();
  readonly #listeners = new Set<AlertListener>();
  readonly #limit: AlertLimit;
  readonly #writer: AlertWriter;
  #resolveTimeoutMs: number;
  #puts: Promise<void> = Promise.resolve();
  #gcTimer: Timer | undefined;
  #heartbeat: Timer | undefined;

  constructor(options: AlertStoreOptions) {
    this.#options = options;
    this.#resolveTimeoutMs = options.resolveTimeoutMs;
    this.#limit = new AlertLimit(options.perAlertnameLimit);
    this.#writer = new AlertWriter(options.clock, options.state.alerts);
    options.metrics.alertLimit.set(options.perAlertnameLimit);
  }

  /**
   * Takes over the alerts of the last run; call it once, before anything else.
   *
   * An alert that was firing when the program was last alive doesn't resolve because nobody could refresh it while we
   * were down: it fires on until its source has had `resolve_timeout` from now on to send it again. An end that was
   * reached, or stated, before that stands.
   */
  async load(nowMs: number): Promise<void> {
    const { clock, state, logger } = this.#options;
    const rows = await clock.track(state.alerts.list());
    const aliveMs = (await clock.track(state.alerts.aliveMs())) ?? nowMs;
    let extended = 0;
    for (const row of rows) {
      const alert = this.#withGrace(row, aliveMs, nowMs);
      if (alert !== row) {
        extended++;
        this.#writer.save(alert);
      }
      this.#alerts.set(alert.fingerprint, alert);
      this.#limit.admit(alert.labels.get('alertname'), alert.fingerprint, alert.endsAtMs, nowMs);
    }
    await this.#writer.flush(nowMs);
    if (rows.length > 0) logger.info({ alerts: rows.length, extended }, 'alerts restored');
  }

  /** Begins to collect ended alerts and to note that the program is alive. */
  start(nowMs: number): void {
    this.#armCollector(nowMs);
    this.#armHeartbeat(nowMs);
  }

  /** Ends the timers and writes what is left. */
  async stop(): Promise<void> {
    this.#gcTimer?.cancel();
    this.#heartbeat?.cancel();
    await this.#puts;
    await this.#writer.flush(this.#options.clock.nowMs());
  }

  /** `global.resolve_timeout` of a new configuration. */
  setResolveTimeout(resolveTimeoutMs: number): void {
    this.#resolveTimeoutMs = resolveTimeoutMs;
  }

  /**
   * Takes alerts in order; each is judged on its own, so one that is refused doesn't keep out the others. Rejects
   * (TOCSIN_ERR_STATE) when they could not be made durable; they are in memory then and go with the next write.
   */
  put(alerts: readonly PostedAlert[], nowMs: number): Promise<PutOutcome[]> {
    const outcomes = this.#puts.then(() => this.#putAll(alerts, nowMs));
    this.#puts = outcomes.then(
      () => undefined,
      () => undefined,
    );
    return outcomes.then(async (result) => {
      if (result.some((outcome) => outcome.kind === 'stored')) await this.#writer.flush(nowMs);
      return result;
    });
  }

  /** Every alert, ended ones that are not yet collected included. */
  list(): Alert[] {
    return [...this.#alerts.values()];
  }

  get(fingerprint: string): Alert | undefined {
    return this.#alerts.get(fingerprint);
  }

  get size(): number {
    return this.#alerts.size;
  }

  /** Calls the listener on every change from now on until the returned function is called. */
  subscribe(listener: AlertListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * Resolves when it is on disk that the program was alive at `nowMs`. A resolve that came about by time alone is told
   * to nobody before that, or a crash right after could wake the alert up again.
   */
  confirmAlive(nowMs: number): Promise<void> {
    return this.#writer.flush(nowMs);
  }

  /** Forgets what has ended by `nowMs` and no listener needs; resolves when that is on disk, to how many went. */
  async collect(nowMs: number): Promise<number> {
    const listeners = [...this.#listeners];
    const ended = this.list().filter(
      (alert) => isResolved(alert, nowMs) && !listeners.some((listener) => listener.needs?.(alert) ?? false),
    );
    for (const alert of ended) {
      this.#alerts.delete(alert.fingerprint);
      this.#limit.release(alert.labels.get('alertname'), alert.fingerprint);
      this.#writer.forget(alert.fingerprint);
    }
    if (ended.length > 0) {
      for (const listener of listeners) listener.alertsCollected?.(ended);
      await this.#writer.flush(nowMs);
    }
    await this.#options.clock.track(this.#options.state.history.purge(nowMs - this.#options.retentionMs));
    return ended.length;
  }

  async #putAll(posted: readonly PostedAlert[], nowMs: number): Promise<PutOutcome[]> {
    const outcomes: PutOutcome[] = [];
    for (const [i, alert] of posted.entries()) {
      if (i > 0 && i % TURN_ALERTS === 0) await this.#options.clock.yieldTurn();
      outcomes.push(this.#putOne(alert, nowMs));
    }
    return outcomes;
  }

  #putOne(posted: PostedAlert, nowMs: number): PutOutcome {
    const { metrics, isValidLabelName } = this.#options;
    const received = receiveAlert(posted, nowMs, this.#resolveTimeoutMs);
    metrics.received.inc({ status: isResolved(received, nowMs) ? 'resolved' : 'firing', version: 'v2' });
    const reason = alertProblem(received, isValidLabelName);
    if (reason !== undefined) {
      metrics.invalid.inc({ version: 'v2' });
      return { kind: 'invalid', reason };
    }
    const old = this.#alerts.get(received.fingerprint);
    const alert = old === undefined ? received : mergeAlerts(old, received, nowMs);
    const alertname = alert.labels.get('alertname');
    if (!this.#limit.admit(alertname, alert.fingerprint, alert.endsAtMs, nowMs)) {
      metrics.limited.inc();
      const fields = { alertname, limit: this.#limit.limit };
      this.#options.logger.warn(fields, 'alert dropped: there are too many alerts of this name');
      return { kind: 'limited', alertname };
    }
    this.#alerts.set(alert.fingerprint, alert);
    this.#writer.save(alert);
    this.#recordChange(old, alert, nowMs);
    for (const listener of this.#listeners) {
      if (listener.alertStored === undefined) continue;
      listener.alertStored(alert, nowMs);
      metrics.subscriberWrites.inc({ subscriber: listener.name });
    }
    return { kind: 'stored', alert };
  }

  #recordChange(old: Alert | undefined, alert: Alert, nowMs: number): void {
    const fires = !isResolved(alert, nowMs);
    const fired = old !== undefined && !isResolved(old, nowMs);
    if (fires === fired) return;
    this.#writer.record({
      id: this.#options.random.uuid(),
      atMs: nowMs,
      kind: fires ? 'alert_firing' : 'alert_resolved',
      subject: alert.fingerprint,
      detail: JSON.stringify({
        labels: alert.labels,
        startsAtMs: alert.startsAtMs,
        endsAtMs: alert.endsAtMs,
      }),
    });
  }

  #withGrace(alert: Alert, aliveMs: number, nowMs: number): Alert {
    const untilMs = nowMs + this.#resolveTimeoutMs;
    const fired = alert.endsAtMs > aliveMs && alert.endsAtMs > alert.updatedAtMs;
    return fired && alert.endsAtMs < untilMs ? { ...alert, endsAtMs: untilMs, timeout: true } : alert;
  }

  #armCollector(nowMs: number): void {
    const { clock, gcIntervalMs, logger } = this.#options;
    this.#gcTimer = clock.setTimer(nowMs + gcIntervalMs, () => {
      const tickMs = clock.nowMs();
      this.#armCollector(tickMs);
      this.collect(tickMs).catch((error: unknown) => {
        if (!(error instanceof TocsinError)) this.#options.onFailure('collect alerts', error);
        else logger.error({ err: error }, 'ended alerts could not be removed from the state database');
      });
    });
  }

  #armHeartbeat(nowMs: number): void {
    const { clock, logger } = this.#options;
    this.#heartbeat = clock.setTimer(nowMs + HEARTBEAT_MS, () => {
      const tickMs = clock.nowMs();
      this.#armHeartbeat(tickMs);
      if (this.#alerts.size === 0) return;
      this.#writer.flush(tickMs).catch((error: unknown) => {
        if (!(error instanceof TocsinError)) this.#options.onFailure('write alerts', error);
        else logger.error({ err: error }, 'the state database does not take alerts');
      });
    });
  }
}
