import type { Alert, FlushContext } from '../../../src/alerts/index.ts';
import { Labels } from '../../../src/core/labels.ts';
import type { LogFields, Logger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { NotifyMetrics, Outbox } from '../../../src/notify/index.ts';
import type {
  Integration,
  KeyedLogEntry,
  Notification,
  NotificationKey,
  NotificationLogEntry,
  NotificationStore,
  Offer,
  OutboxRow,
  SendOutcome,
} from '../../../src/notify/index.ts';

export const START_MS = Date.UTC(2026, 10, 23, 12);

/** An alert that fires, or ended at `endsAtMs`. */
export function alertOf(
  labels: Readonly<Record<string, string>>,
  fields: Partial<Pick<Alert, 'startsAtMs' | 'endsAtMs' | 'annotations' | 'generatorUrl'>> = {},
): Alert {
  const all = Labels.fromObject(labels);
  return {
    fingerprint: all.fingerprint(),
    labels: all,
    annotations: Labels.EMPTY,
    startsAtMs: START_MS - 60_000,
    endsAtMs: Number.POSITIVE_INFINITY,
    updatedAtMs: START_MS,
    generatorUrl: 'http://tocsin.example/graph',
    timeout: false,
    ...fields,
  };
}

/** An alert by one letter, which is also its fingerprint: tables stay readable. */
export function letterAlert(letter: string, endsAtMs = Number.POSITIVE_INFINITY): Alert {
  return { ...alertOf({ alertname: letter }, { endsAtMs }), fingerprint: letter };
}

/** The state in memory; what is committed survives a "crash", which is just another Outbox over it. */
export class MemoryStore implements NotificationStore {
  readonly rows = new Map<string, OutboxRow>();
  readonly entries = new Map<string, KeyedLogEntry>();
  /** Asked before each commit: throw to fail it. */
  beforeCommit: (rows: readonly OutboxRow[]) => void = () => {};
  /** Asked after each commit. */
  afterCommit: (rows: readonly OutboxRow[]) => void = () => {};

  async findEntry(key: NotificationKey): Promise<NotificationLogEntry | undefined> {
    return this.entries.get(JSON.stringify(key))?.entry;
  }

  async listOpenRows(): Promise<OutboxRow[]> {
    return [...this.rows.values()].filter(({ state }) => state === 'pending' || state === 'sending');
  }

  async commit(rows: readonly OutboxRow[], entries: readonly KeyedLogEntry[]): Promise<void> {
    this.beforeCommit(rows);
    for (const row of rows) this.rows.set(row.id, row);
    for (const item of entries) this.entries.set(JSON.stringify(item.key), item);
    this.afterCommit(rows);
  }

  async purge(rowsBeforeMs: number, nowMs: number): Promise<number> {
    let count = 0;
    for (const [id, row] of this.rows) {
      if (row.state === 'pending' || row.state === 'sending' || row.updatedAtMs >= rowsBeforeMs) continue;
      this.rows.delete(id);
      count++;
    }
    for (const [key, { entry }] of this.entries) {
      if (entry.expiresAtMs > nowMs) continue;
      this.entries.delete(key);
      count++;
    }
    return count;
  }

  states(): string[] {
    return [...this.rows.values()].map(({ state }) => state);
  }
}

/** A logger that keeps everything as text. */
export class RecordingLogger implements Logger {
  readonly lines: string[];
  readonly #fields: LogFields;

  constructor(lines: string[] = [], fields: LogFields = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  debug(fields: LogFields, message: string): void {
    this.#write(fields, message);
  }
  info(fields: LogFields, message: string): void {
    this.#write(fields, message);
  }
  warn(fields: LogFields, message: string): void {
    this.#write(fields, message);
  }
  error(fields: LogFields, message: string): void {
    this.#write(fields, message);
  }
  child(fields: LogFields): Logger {
    return new RecordingLogger(this.lines, { ...this.#fields, ...fields });
  }

  #write(fields: LogFields, message: string): void {
    const shown = Object.entries({ ...this.#fields, ...fields }).map(
      ([name, value]) =>
        `${name}=${value instanceof Error ? (value.stack ?? value.message) : JSON.stringify(value)}`,
    );
    this.lines.push(`${message} ${shown.join(' ')}`);
  }
}

/** What a receiver was asked to say: status and letter of each alert, e.g. `A B-` for A firing and B resolved. */
export function spoken(notification: Notification): string {
  return notification.alerts
    .map(({ fingerprint, endsAtMs }) => `${fingerprint}${endsAtMs <= notification.nowMs ? '-' : ''}`)
    .join(' ');
}

export type Behaviour = (
  notification: Notification,
  signal: AbortSignal,
) => Promise<SendOutcome> | SendOutcome;

export const SENT: SendOutcome = { kind: 'sent' };
export const DOWN: SendOutcome = {
  kind: 'retry',
  reason: 'serverError',
  message: 'unexpected status code 503',
};
export const REFUSED: SendOutcome = {
  kind: 'reject',
  reason: 'clientError',
  message: 'unexpected status code 400',
};

export function integrationOf(
  send: Behaviour,
  fields: Partial<Omit<Integration, 'receiver'>> = {},
): Integration {
  return {
    kind: 'webhook',
    index: 0,
    receiverName: 'team',
    sendResolved: true,
    ...fields,
    receiver: { send: async (notification, signal) => send(notification, signal) },
  };
}

/** An outbox on a virtual clock with a receiver that does what `behave` says. */
export class OutboxBench {
  readonly clock = new VirtualClock(START_MS);
  readonly store = new MemoryStore();
  readonly logger = new RecordingLogger();
  readonly said: string[] = [];
  readonly failures: unknown[] = [];
  behave: Behaviour = () => SENT;
  sendResolved = true;
  resolveMuted = false;
  outbox!: Outbox;
  metrics!: NotifyMetrics;

  /** Starts a (new) process over the same state. */
  async boot(concurrency = 32): Promise<void> {
    const registry = createRegistry();
    this.metrics = new NotifyMetrics(registry, () => this.clock.nowMs());
    this.outbox = new Outbox({
      store: this.store,
      clock: this.clock,
      random: new SeededRandom(7),
      logger: this.logger,
      metrics: this.metrics,
      retentionMs: 120 * 3_600_000,
      maintenanceIntervalMs: 900_000,
      concurrency,
      onFailure: (_, error) => this.failures.push(error),
    });
    this.outbox.setIntegrations([
      integrationOf(
        async (notification, signal) => {
          const outcome = await this.behave(notification, signal);
          if (outcome.kind === 'sent') {
            const repeated = this.store.rows.get(notification.id)?.ambiguous === true ? ' (again)' : '';
            this.said.push(`${spoken(notification)} | ${notification.reason}${repeated}`);
          }
          return outcome;
        },
        { sendResolved: this.sendResolved },
      ),
    ]);
    await this.outbox.start();
  }

  offer(
    surviving: readonly Alert[],
    incoming: readonly Alert[] = surviving,
    repeatIntervalMs = 4 * 3_600_000,
  ): Offer {
    return {
      key: { groupKey: '{}:{}', receiver: 'team', integration: 'webhook', index: 0 },
      nowMs: this.clock.nowMs(),
      groupLabels: Labels.EMPTY,
      routeLabels: Labels.EMPTY,
      incoming,
      surviving,
      sendResolved: this.sendResolved,
      resolveMuted: this.resolveMuted,
      repeatIntervalMs,
      attemptTimeoutMs: 300_000,
    };
  }

  /** One flush: offers and lets `waitMs` pass, after which the flush's signal fires. */
  async flush(surviving: readonly Alert[], incoming = surviving, waitMs = 10_000): Promise<string> {
    const controller = new AbortController();
    let result = 'undecided';
    const work = this.outbox.offer(this.offer(surviving, incoming), controller.signal).then(
      (outcome) => {
        result = outcome.kind;
      },
      (error: unknown) => {
        result = `error: ${(error as Error).message}`;
      },
    );
    await this.clock.settle();
    if (result === 'undecided') await this.clock.advanceBy(waitMs);
    if (result === 'undecided') {
      controller.abort(new Error('flush deadline'));
      await work;
    }
    return result;
  }
}

export function contextOf(fields: Partial<FlushContext> = {}): FlushContext {
  return {
    nowMs: START_MS,
    groupKey: '{}:{}',
    groupLabels: Labels.EMPTY,
    routeId: '{}',
    route: {
      receiver: 'team',
      groupWaitMs: 30_000,
      groupIntervalMs: 300_000,
      repeatIntervalMs: 14_400_000,
      muteTimeIntervals: [],
      activeTimeIntervals: [],
      labels: Labels.EMPTY,
    },
    signal: new AbortController().signal,
    ...fields,
  };
}

export function notificationOf(alerts: readonly Alert[], fields: Partial<Notification> = {}): Notification {
  return {
    id: '11111111-2222-4333-8444-555555555555',
    key: { groupKey: '{}/{team="ml"}:{model="m1"}', receiver: 'team', integration: 'webhook', index: 0 },
    reason: 'first notification',
    groupLabels: Labels.fromObject({ model: 'm1' }),
    routeLabels: Labels.EMPTY,
    alerts,
    nowMs: START_MS,
    priorAttempts: 0,
    ...fields,
  };
}
