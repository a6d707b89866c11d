import type { Alert } from '../alerts/index.ts';
import { startDeadline } from '../core/clock.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { formatDuration as durationText } from '../core/duration.ts';
import { TocsinError, assert } from '../core/errors.ts';
import type { Labels } from '../core/labels.ts';
import type { Logger } from '../core/log.ts';
import type { Random } from '../core/ports.ts';
import { TaskScope } from '../core/task-scope.ts';
import type { NotifyMetrics, OutboxGauges } from './metrics.ts';
import { integrationText, keyText } from './notification.ts';
import type { Integration, SendOutcome } from './notification.ts';
import { decideFlush } from './outbox-decision.ts';
import type { LoggedSets, OutboxDecision } from './outbox-decision.ts';
import { decodePayload, encodePayload } from './outbox-payload.ts';
import { afterAttempt, beginAttempt, interruptedRow, logEntry, supersede } from './outbox-row.ts';
import type { KeyedLogEntry, NotificationKey, NotificationStore, OutboxRow } from './ports.ts';
import { retryDelayMs } from './retry.ts';
import { Lane, outcomeOfError, readPayload } from './outbox-lane.ts';
import type { OfferOutcome, OpenRow } from './outbox-lane.ts';
import { Semaphore } from './semaphore.ts';

/** What an {@link Outbox} works with. */
export interface OutboxOptions {
  readonly store: NotificationStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: NotifyMetrics;
  /** How long log entries and closed rows are kept, and how long an undeliverable row is tried (data.retention). */
  readonly retentionMs: number;
  /** How often what is too old is removed (data.maintenance-interval). */
  readonly maintenanceIntervalMs: number;
  /** Requests under way at once to one integration of one receiver. */
  readonly concurrency?: number;
  /** Gets bugs: errors that no receiver should throw. */
  readonly onFailure: (name: string, error: unknown) => void;
}

/** One flush of one integration, handed to {@link Outbox.offer}. */
export interface Offer {
  readonly key: NotificationKey;
  readonly nowMs: number;
  readonly groupLabels: Labels;
  readonly routeLabels: Labels;
  readonly incoming: readonly Alert[];
  readonly surviving: readonly Alert[];
  readonly sendResolved: boolean;
  readonly resolveMuted: boolean;
  readonly repeatIntervalMs: number;
  readonly attemptTimeoutMs: number;
}

/**
 * Decided notifications on their way out. A notification is a row before anything is requested, is marked before each
 * request, and is closed in one transaction with its entry in the notification log. Rows are tried until the receiver
 * took or refused them; a later flush of the same group and integration puts an open row up to date. SPEC.md has the
 * states and the invariants.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #slots = new Map<string, Semaphore>();
  readonly #tasks: TaskScope;
  readonly #sending = new Set<Promise<unknown>>();
  #integrations: ReadonlyMap<string, Integration> = new Map();
  #maintenance: Timer | undefined;
  #state: 'new' | 'running' | 'stopping' = 'new';

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#tasks = new TaskScope(options.onFailure);
    options.metrics.watchOutbox(() => this.gauges());
  }

  /** Sets where keys lead to; at reload, rows whose integration is gone fail at their next turn. */
  setIntegrations(integrations: readonly Integration[]): void {
    this.#integrations = new Map(
      integrations.map((integration) => [
        integrationText({
          receiver: integration.receiverName,
          integration: integration.kind,
          index: integration.index,
        }),
        integration,
      ]),
    );
    this.#options.metrics.initialise([...new Set(integrations.map(({ kind }) => kind))]);
  }

  /** Loads what an earlier process left open and goes on sending it. Call once, after {@link setIntegrations}. */
  async start(): Promise<void> {
    assert(this.#state === 'new', 'an outbox must be started once');
    const { store, clock, logger } = this.#options;
    const nowMs = clock.nowMs();
    const changed: OutboxRow[] = [];
    const lanes: Lane[] = [];
    for (const stored of await clock.track(store.listOpenRows())) {
      const row = interruptedRow(stored, nowMs);
      if (row !== stored) changed.push(row);
      const payload = readPayload(row);
      if (payload === undefined) {
        const lastError = 'the row cannot be read';
        changed.push({ ...row, state: 'failed', updatedAtMs: nowMs, lastError });
        logger.error({ row: row.id, receiver: row.key.receiver }, 'Dropping an unreadable notification');
        continue;
      }
      const lane = this.#lane(row.key);
      lane.open = { row, payload };
      lanes.push(lane);
    }
    if (changed.length > 0) await clock.track(store.commit(changed, []));
    this.#state = 'running';
    for (const lane of lanes) this.#schedule(lane);
    this.#scheduleMaintenance();
  }

  /**
   * Decides what the flush means for this integration, makes that durable, and waits for the delivery until `signal`
   * fires; the row then lives on. Rejects when the state cannot be read or written, or when `signal` fires before
   * anything was decided.
   */
  async offer(offer: Offer, signal: AbortSignal): Promise<OfferOutcome> {
    assert(this.#state !== 'new', 'an outbox must be started before it is used');
    if (this.#state === 'stopping') throw new TocsinError('TOCSIN_ERR_CANCELLED', 'the outbox is stopping');
    const lane = this.#lane(offer.key);
    lane.users++;
    try {
      const release = await lane.lock.acquire(signal);
      try {
        if (!(await this.#decide(lane, offer))) return { kind: 'nothing' };
      } finally {
        release();
      }
      const delivery = lane.waitForDelivery(signal);
      this.#schedule(lane);
      return await delivery;
    } finally {
      lane.users--;
      this.#forgetIdle(lane);
    }
  }

  /** For the metrics. */
  gauges(): OutboxGauges {
    let openRows = 0;
    let oldestCreatedAtMs: number | undefined;
    for (const { open } of this.#lanes.values()) {
      if (open === undefined) continue;
      openRows++;
      oldestCreatedAtMs = Math.min(oldestCreatedAtMs ?? Number.POSITIVE_INFINITY, open.row.createdAtMs);
    }
    return { openRows, oldestCreatedAtMs };
  }

  /** Open rows as they stand, oldest first, for the API. */
  openRows(): readonly OutboxRow[] {
    const rows = [...this.#lanes.values()].flatMap(({ open }) => (open === undefined ? [] : [open.row]));
    return rows.sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /**
   * Lets requests under way end for up to `graceMs`, then cuts them off; those rows are marked as possibly delivered
   * when the outbox starts again. Idempotent.
   */
  async stop(graceMs: number): Promise<void> {
    this.#state = 'stopping';
    this.#maintenance?.cancel();
    for (const lane of this.#lanes.values()) lane.timer?.cancel();
    if (this.#sending.size > 0) {
      const enough = new AbortController();
      const grace = this.#options.clock.sleep(graceMs, enough.signal).catch(() => undefined);
      await Promise.race([Promise.allSettled(this.#sending), grace]);
      enough.abort();
    }
    await this.#tasks.stop(new TocsinError('TOCSIN_ERR_CANCELLED', 'the outbox is stopping'));
    for (const lane of this.#lanes.values()) lane.conclude(lane.queued());
  }

  #lane(key: NotificationKey): Lane {
    const text = keyText(key);
    let lane = this.#lanes.get(text);
    if (lane === undefined) {
      lane = new Lane(key);
      this.#lanes.set(text, lane);
    }
    return lane;
  }

  #forgetIdle(lane: Lane): void {
    if (lane.open === undefined && lane.users === 0) this.#lanes.delete(keyText(lane.key));
  }

  /** With the lane's lock held. False when there is nothing that a flush could wait for. */
  async #decide(lane: Lane, offer: Offer): Promise<boolean> {
    const { store } = this.#options;
    const entry = await this.#guardState(store.findEntry(offer.key));
    const { open } = lane;
    const decision = decideFlush({
      ...offer,
      entry,
      open: open === undefined ? undefined : { ...open.payload, ambiguous: open.row.ambiguous },
    });
    switch (decision.kind) {
      case 'nothing':
        return false;
      case 'withdraw':
        await this.#withdraw(lane, offer.nowMs, []);
        return false;
      case 'record': {
        const timestampMs = decision.keepTimestamp ? entry?.timestampMs : undefined;
        await this.#withdraw(lane, offer.nowMs, [this.#entryOf(offer, decision.log, timestampMs)]);
        return false;
      }
      case 'send':
        await this.#enqueue(lane, offer, decision);
        return true;
    }
  }

  async #enqueue(lane: Lane, offer: Offer, decision: OutboxDecision & { kind: 'send' }): Promise<void> {
    const { nowMs, groupLabels, routeLabels, repeatIntervalMs, attemptTimeoutMs } = offer;
    const { reason, alerts, log } = decision;
    const payload = { reason, groupLabels, routeLabels, alerts, log, repeatIntervalMs, attemptTimeoutMs };
    const text = encodePayload(payload, nowMs);
    const row = supersede(lane.open?.row, lane.key, text, nowMs, this.#options.random);
    await this.#guardState(this.#options.store.commit([row], []));
    lane.open = { row, payload: decodePayload(text) };
  }

  async #withdraw(lane: Lane, nowMs: number, entries: readonly KeyedLogEntry[]): Promise<void> {
    const rows: OutboxRow[] =
      lane.open === undefined ? [] : [{ ...lane.open.row, state: 'withdrawn', updatedAtMs: nowMs }];
    await this.#guardState(this.#options.store.commit(rows, entries));
    lane.timer?.cancel();
    lane.open = undefined;
    lane.conclude({ kind: 'nothing' });
  }

  #entryOf(offer: Offer, log: LoggedSets, timestampMs: number | undefined): KeyedLogEntry {
    const atMs = timestampMs ?? this.#options.clock.nowMs();
    return { key: offer.key, entry: logEntry(log, atMs, offer.repeatIntervalMs, this.#options.retentionMs) };
  }

  /** Sets the next request going: at once when it is due, else by a timer. */
  #schedule(lane: Lane): void {
    lane.timer?.cancel();
    if (this.#state !== 'running' || lane.open === undefined) return;
    const atMs = lane.open.row.nextAttemptMs;
    const begin = (): void => {
      if (this.#state !== 'running') return;
      lane.users++;
      this.#tasks.spawn(`notify ${lane.key.receiver}/${lane.key.integration}`, async (signal) => {
        try {
          await this.#attempt(lane, signal);
        } finally {
          lane.users--;
          this.#forgetIdle(lane);
        }
      });
    };
    if (atMs <= this.#options.clock.nowMs()) begin();
    else lane.timer = this.#options.clock.setTimer(atMs, begin);
  }

  async #attempt(lane: Lane, stopped: AbortSignal): Promise<void> {
    const leaveSlot = await this.#slot(lane.key).acquire(stopped);
    try {
      const release = await lane.lock.acquire(stopped);
      try {
        if (this.#state !== 'running' || lane.open === undefined) return;
        if (lane.open.row.nextAttemptMs > this.#options.clock.nowMs()) return;
        const run = this.#attemptHeld(lane, lane.open, stopped);
        this.#sending.add(run);
        await run.finally(() => this.#sending.delete(run));
      } finally {
        release();
      }
    } finally {
      leaveSlot();
    }
    this.#schedule(lane);
  }

  /** With the lane's lock held: marks, requests, records. */
  async #attemptHeld(lane: Lane, open: OpenRow, stopped: AbortSignal): Promise<void> {
    const { clock, store, random, metrics, retentionMs } = this.#options;
    const { integration: kind } = lane.key;
    const integration = this.#integrations.get(integrationText(lane.key));
    const nowMs = clock.nowMs();
    const expired = nowMs - open.row.createdAtMs > retentionMs;
    if (integration === undefined || expired) {
      const reason = expired ? 'expired' : 'receiver_gone';
      const message = expired
        ? `given up: not delivered within the retention; last error: ${open.row.lastError}`
        : 'the receiver is no longer in the configuration';
      metrics.outboxDropped.inc({ integration: kind, reason });
      await this.#finish(lane, open, { kind: 'reject', reason: 'other', message }, stopped);
      return;
    }
    const sending = { ...open, row: beginAttempt(open.row, nowMs) };
    try {
      await this.#guardState(store.commit([sending.row], []));
    } catch (error) {
      const delayMs = retryDelayMs(sending.row.attempts, undefined, random);
      lane.open = { ...open, row: { ...open.row, nextAttemptMs: nowMs + delayMs } };
      this.#log(lane).error(
        { err: error },
        'Cannot record a notification before sending it, will retry later',
      );
      return;
    }
    lane.open = sending;
    if (sending.row.ambiguous) metrics.outboxAmbiguous.inc({ integration: kind });
    const outcome = await this.#request(integration, sending, stopped);
    // Cut off by a stop: whether it arrived is unknown, and the row on record says so.
    if (outcome === undefined || (stopped.aborted && outcome.kind === 'retry')) return;
    if (outcome.kind === 'reject') metrics.outboxDropped.inc({ integration: kind, reason: 'rejected' });
    await this.#finish(lane, sending, outcome, stopped);
  }

  async #request(
    integration: Integration,
    { row, payload }: OpenRow,
    stopped: AbortSignal,
  ): Promise<SendOutcome | undefined> {
    const { clock, metrics } = this.#options;
    const timeoutText = `no answer within ${durationText(payload.attemptTimeoutMs)}`;
    const makeReason = (): Error => new TocsinError('TOCSIN_ERR_TIMEOUT', timeoutText);
    const deadline = startDeadline(clock, payload.attemptTimeoutMs, makeReason, stopped);
    const labels = { integration: integration.kind };
    const startedMs = clock.monotonicMs();
    try {
      const { reason, groupLabels, routeLabels, alerts } = payload;
      const nowMs = clock.nowMs();
      const notification = {
        id: row.id,
        key: row.key,
        reason,
        groupLabels,
        routeLabels,
        alerts,
        nowMs,
        priorAttempts: row.attempts - 1,
      };
      const outcome = await integration.receiver.send(notification, deadline.signal);
      if (outcome.kind !== 'sent') metrics.requestsFailed.inc(labels);
      return outcome;
    } catch (error) {
      metrics.requestsFailed.inc(labels);
      return stopped.aborted ? undefined : outcomeOfError(error);
    } finally {
      deadline.dispose();
      metrics.requests.inc(labels);
      metrics.latencySeconds.observe(labels, (clock.monotonicMs() - startedMs) / 1000);
    }
  }

  /** Records what came of a request, however often that takes: a request that went out must not be forgotten. */
  async #finish(lane: Lane, open: OpenRow, outcome: SendOutcome, stopped: AbortSignal): Promise<void> {
    const { clock, random, retentionMs } = this.#options;
    const nowMs = clock.nowMs();
    const row = afterAttempt(open.row, outcome, nowMs, random);
    const { log, repeatIntervalMs } = open.payload;
    const entries =
      outcome.kind === 'sent'
        ? [{ key: lane.key, entry: logEntry(log, nowMs, repeatIntervalMs, retentionMs) }]
        : [];
    for (let attempts = 1; ; attempts++) {
      try {
        await this.#guardState(this.#options.store.commit([row], entries));
        break;
      } catch (error) {
        this.#log(lane).error({ err: error }, 'Cannot record what became of a notification, will retry');
        await clock.sleep(retryDelayMs(attempts, undefined, random), stopped);
      }
    }
    this.#report(lane, row, outcome);
    if (outcome.kind === 'retry') {
      lane.open = { ...open, row };
      lane.lastFailure = outcome;
      return;
    }
    lane.open = undefined;
    lane.conclude(outcome.kind === 'sent' ? { kind: 'delivered' } : { ...outcome, kind: 'rejected' });
  }

  #report(lane: Lane, row: OutboxRow, outcome: SendOutcome): void {
    const { attempts } = row;
    const log = this.#log(lane);
    switch (outcome.kind) {
      case 'sent':
        if (attempts > 1) log.info({ attempts, ambiguous: row.ambiguous }, 'Notify success');
        else log.debug({ attempts }, 'Notify success');
        return;
      case 'retry':
        if (lane.lastFailure?.message !== outcome.message) {
          log.warn({ attempts, err: outcome.message }, 'Notify attempt failed, will retry later');
        }
        return;
      case 'reject':
        log.error({ attempts, err: outcome.message }, 'Notify failed for good');
    }
  }

  #log(lane: Lane): Logger {
    const { receiver, integration, index, groupKey } = lane.key;
    return this.#options.logger.child({
      receiver,
      integration: `${integration}[${index}]`,
      aggrGroup: groupKey,
    });
  }

  #slot(key: NotificationKey): Semaphore {
    const text = integrationText(key);
    let slot = this.#slots.get(text);
    if (slot === undefined) {
      slot = new Semaphore(this.#options.concurrency ?? DEFAULT_CONCURRENCY);
      this.#slots.set(text, slot);
    }
    return slot;
  }

  async #guardState<T>(work: Promise<T>): Promise<T> {
    try {
      return await this.#options.clock.track(work);
    } catch (error) {
      this.#options.metrics.outboxStateErrors.inc();
      throw error;
    }
  }

  #scheduleMaintenance(): void {
    const { clock, maintenanceIntervalMs } = this.#options;
    if (this.#state !== 'running') return;
    this.#maintenance = clock.setTimer(clock.nowMs() + maintenanceIntervalMs, () => {
      this.#tasks.spawn('outbox maintenance', () => this.#maintain());
    });
  }

  async #maintain(): Promise<void> {
    const { clock, store, retentionMs, logger } = this.#options;
    const nowMs = clock.nowMs();
    try {
      await this.#guardState(store.purge(nowMs - retentionMs, nowMs));
    } catch (error) {
      logger.error({ err: error }, 'Cannot remove old notifications, will retry later');
    }
    this.#scheduleMaintenance();
  }
}

const DEFAULT_CONCURRENCY = 32;
