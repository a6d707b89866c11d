import { startDeadline } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { AssertionFailure, TocsinError, assert, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { TaskScope } from '../core/task-scope.ts';
import type { Alert } from './alert.ts';
import type { AlertListener, AlertStore } from './alert-store.ts';
import type { Flush, FlushContext, FlushOutcome } from './flush.ts';
import { Group } from './group.ts';
import type { FlushedState, GroupBatch } from './group.ts';
import { GroupTimers } from './group-timers.ts';
import type { AlertMetrics } from './metrics.ts';
import { compareLabelSets } from './merge.ts';
import type { Route } from './route.ts';
import { compareText } from '../core/labels.ts';

/** A flush may take at least this long, however short the group interval is. */
const MIN_FLUSH_TIMEOUT_MS = 10_000;
/** Alerts grouped in one turn of the loop while loading. */
const TURN_ALERTS = 200;

/** What a {@link Dispatcher} needs. */
export interface DispatcherOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AlertMetrics;
  readonly store: AlertStore;
  readonly route: Route;
  readonly flush: Flush;
  /** What silences and inhibition make of an alert at a tick; for the counts by state. */
  readonly judge: (alert: Alert, nowMs: number) => FlushedState;
  /** No group flushes before this time (`--dispatch.start-delay` after the program's start). */
  readonly startAtMs: number;
  /** A group is no more. */
  readonly onGroupRemoved: (group: Group) => void;
  /** Gets bugs; flushes that fail are reported to the log. */
  readonly onFailure: (name: string, error: unknown) => void;
}

/**
 * Sorts alerts into groups by route and group labels and flushes each group on its grid: first after group_wait (at once
 * when its first alert is older than that), then every group_interval from the first flush on. An alert that joins later
 * waits for the next tick. A dispatcher lives from one configuration to the next.
 *
 * @see alertmanager dispatch/dispatch.go
 */
export class Dispatcher implements AlertListener {
  readonly name = 'dispatcher';
  readonly #options: DispatcherOptions;
  readonly #timers: GroupTimers;
  readonly #tasks: TaskScope;
  /** By route's index, then by group labels. */
  readonly #groups: readonly Map<string, Group>[];
  #unsubscribe: (() => void) | undefined;
  #stopped = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#groups = Array.from(options.route.walk(), () => new Map<string, Group>());
    this.#timers = new GroupTimers(options.clock, (group, nowMs) => {
      this.#tick(group, nowMs);
    });
    this.#tasks = new TaskScope(options.onFailure);
  }

  /** Groups every alert that the store has, ended ones too, and then begins to flush. */
  async start(nowMs: number): Promise<void> {
    const { store, clock } = this.#options;
    this.#unsubscribe = store.subscribe(this);
    for (const [i, { fingerprint }] of store.list().entries()) {
      if (i > 0 && i % TURN_ALERTS === 0) await clock.yieldTurn();
      if (this.#stopped) return;
      const alert = store.get(fingerprint);
      if (alert !== undefined) this.alertStored(alert, nowMs);
    }
    this.#timers.start();
  }

  /** Ends all groups; flushes under way are aborted and awaited. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe?.();
    this.#timers.stop();
    const ended = this.groups().filter((group) => group.step('stop') === 'remove');
    await this.#tasks.stop(new TocsinError('TOCSIN_ERR_CANCELLED', 'the dispatcher is stopping'));
    for (const group of ended) this.#options.onGroupRemoved(group);
  }

  alertStored(alert: Alert, nowMs: number): void {
    const { clock, metrics, route } = this.#options;
    const startedMs = clock.monotonicMs();
    for (const matched of route.match(alert.labels)) this.#group(matched, alert, nowMs);
    metrics.processing.observe((clock.monotonicMs() - startedMs) / 1000);
  }

  /** Whether a group has yet to tell of the alert's end. */
  needs(alert: Alert): boolean {
    return this.#options.route.match(alert.labels).some((route) => {
      const key = route.groupLabels(alert.labels).key;
      return this.#groups[route.index]!.get(key)?.has(alert.fingerprint) ?? false;
    });
  }

  /** Every group, by labels, then receiver. */
  groups(): Group[] {
    return this.#groups
      .flatMap((groups) => [...groups.values()])
      .toSorted(
        (a, b) =>
          compareLabelSets(a.labels, b.labels) ||
          compareText(a.route.options.receiver, b.route.options.receiver) ||
          a.route.index - b.route.index,
      );
  }

  get groupCount(): number {
    return this.#groups.reduce((sum, groups) => sum + groups.size, 0);
  }

  /** Alerts in groups by what the last flush made of them. */
  countAlerts(): Record<FlushedState | 'unprocessed', number> {
    const counts = { active: 0, suppressed: 0, unprocessed: 0 };
    for (const groups of this.#groups) {
      for (const group of groups.values()) {
        for (const { fingerprint } of group.list())
          counts[group.flushedState(fingerprint) ?? 'unprocessed']++;
      }
    }
    return counts;
  }

  #group(route: Route, alert: Alert, nowMs: number): void {
    const groups = this.#groups[route.index]!;
    const labels = route.groupLabels(alert.labels);
    const present = groups.get(labels.key);
    if (present?.step('alert') === 'accept') {
      present.insert(alert);
      return;
    }
    const { groupWaitMs } = route.options;
    const isOld = alert.startsAtMs + groupWaitMs < nowMs;
    const dueMs = Math.max(isOld ? nowMs : nowMs + groupWaitMs, this.#options.startAtMs);
    const group = new Group(route, labels, dueMs);
    group.insert(alert);
    groups.set(labels.key, group);
    this.#timers.schedule(group);
  }

  #tick(group: Group, nowMs: number): void {
    group.dueMs = nextTickMs(group.dueMs, group.route.options.groupIntervalMs, nowMs);
    this.#timers.schedule(group);
    if (group.step('tick') === 'flush') this.#startFlush(group, nowMs);
  }

  #startFlush(group: Group, nowMs: number): void {
    this.#tasks.spawn(`flush ${group.key}`, (signal) => this.#flush(group, nowMs, signal));
  }

  async #flush(group: Group, nowMs: number, stopped: AbortSignal): Promise<void> {
    const { clock, judge } = this.#options;
    const { options, id } = group.route;
    const timeoutMs = Math.max(options.groupIntervalMs, MIN_FLUSH_TIMEOUT_MS);
    const lateness = (): Error =>
      new TocsinError('TOCSIN_ERR_TIMEOUT', `flush of ${group.key} took longer than ${timeoutMs} ms`);
    const deadline = startDeadline(clock, timeoutMs, lateness, stopped);
    const batch = group.takeBatch(nowMs, (alert) => judge(alert, nowMs));
    const context: FlushContext = {
      nowMs,
      groupKey: group.key,
      groupLabels: group.labels,
      routeId: id,
      route: options,
      signal: deadline.signal,
    };
    const outcome = await this.#send(context, batch);
    deadline.dispose();
    if (outcome.kind === 'done') group.forgetResolved(batch.resolved);
    else this.#reportFailure(group, outcome.error, stopped);
    const action = group.step(group.size === 0 ? 'settled_empty' : 'settled_left');
    if (action === 'flush') this.#startFlush(group, clock.nowMs());
    if (action === 'remove') this.#remove(group);
  }

  async #send(context: FlushContext, batch: GroupBatch): Promise<FlushOutcome> {
    try {
      if (batch.resolved.length > 0) await this.#options.store.confirmAlive(context.nowMs);
      return await this.#options.flush(context, batch.alerts);
    } catch (error) {
      if (error instanceof AssertionFailure) throw error;
      return { kind: 'failed', error };
    }
  }

  #reportFailure(group: Group, error: unknown, stopped: AbortSignal): void {
    const { logger } = this.#options;
    const fields = {
      groupKey: group.key,
      receiver: group.route.options.receiver,
      alerts: group.size,
      err: error,
    };
    if (stopped.aborted) logger.debug(fields, `flush was ended by a stop: ${errorText(error)}`);
    else logger.error(fields, 'notify for alerts failed; the next tick tries again');
  }

  #remove(group: Group): void {
    const groups = this.#groups[group.route.index]!;
    assert(groups.get(group.labels.key) === group, 'a group must be removed before another takes its place');
    groups.delete(group.labels.key);
    this.#options.onGroupRemoved(group);
  }
}

/** The first point of the grid after `nowMs`; ticks that a sleeping machine has missed are left out. */
export function nextTickMs(dueMs: number, intervalMs: number, nowMs: number): number {
  assert(intervalMs > 0, 'group_interval must be positive');
  return dueMs + (Math.max(0, Math.floor((nowMs - dueMs) / intervalMs)) + 1) * intervalMs;
}
