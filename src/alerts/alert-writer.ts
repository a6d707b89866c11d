import type { Clock } from '../core/clock.ts';
import type { AlertRepository, HistoryRow } from '../storage/index.ts';
import type { Alert } from './alert.ts';

/** Alerts a transaction; each costs some 10 µs of the main thread. */
const MAX_BATCH = 500;

interface Pending {
  /** By fingerprint; undefined = to be forgotten. */
  readonly alerts: Map<string, Alert | undefined>;
  readonly history: HistoryRow[];
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Brings changes of alerts to the state database in batches: everything that changes while a batch is being written
 * goes with the next, so that many callers share a commit. What could not be written stays and goes with the next try.
 */
export class AlertWriter {
  readonly #clock: Clock;
  readonly #repository: AlertRepository;
  #pending: Pending = { alerts: new Map(), history: [] };
  #aliveMs = Number.MIN_SAFE_INTEGER;
  #waiters: Waiter[] = [];
  #running = false;

  constructor(clock: Clock, repository: AlertRepository) {
    this.#clock = clock;
    this.#repository = repository;
  }

  save(alert: Alert): void {
    this.#pending.alerts.set(alert.fingerprint, alert);
  }

  forget(fingerprint: string): void {
    this.#pending.alerts.set(fingerprint, undefined);
  }

  record(row: HistoryRow): void {
    this.#pending.history.push(row);
  }

  /** Resolves when all changes so far, and that the store was alive at `nowMs`, are on disk. */
  flush(nowMs: number): Promise<void> {
    this.#aliveMs = Math.max(this.#aliveMs, nowMs);
    const written = new Promise<void>((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
    if (!this.#running) {
      this.#running = true;
      void this.#clock.track(this.#drain());
    }
    return written;
  }

  async #drain(): Promise<void> {
    // Whoever asks in the same turn shares the first batch.
    await Promise.resolve();
    while (this.#waiters.length > 0) {
      const waiters = this.#waiters;
      const pending = this.#pending;
      this.#waiters = [];
      this.#pending = { alerts: new Map(), history: [] };
      try {
        await this.#write(pending);
        for (const waiter of waiters) waiter.resolve();
      } catch (error) {
        this.#putBack(pending);
        for (const waiter of waiters) waiter.reject(error);
      }
    }
    this.#running = false;
  }

  /** Takes out of `pending` what has been written, so that a failure leaves the rest. */
  async #write(pending: Pending): Promise<void> {
    do {
      const batch = [...pending.alerts.entries().take(MAX_BATCH)];
      const history = pending.history.slice(0, MAX_BATCH);
      await this.#repository.write({
        rows: batch.flatMap(([, alert]) => (alert === undefined ? [] : [alert])),
        removed: batch.flatMap(([fingerprint, alert]) => (alert === undefined ? [fingerprint] : [])),
        history,
        aliveMs: this.#aliveMs,
      });
      for (const [fingerprint] of batch) pending.alerts.delete(fingerprint);
      pending.history.splice(0, history.length);
      if (pending.alerts.size > 0) await this.#clock.yieldTurn();
    } while (pending.alerts.size > 0 || pending.history.length > 0);
  }

  #putBack(left: Pending): void {
    for (const [fingerprint, alert] of left.alerts) {
      if (!this.#pending.alerts.has(fingerprint)) this.#pending.alerts.set(fingerprint, alert);
    }
    this.#pending.history.unshift(...left.history);
  }
}
