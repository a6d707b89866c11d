import type { Clock } from '../core/clock.ts';
import { assert } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { matchesAll } from '../core/matcher.ts';
import type { Matcher } from '../core/matcher.ts';
import type { Registry } from '../core/metrics.ts';
import type { Random } from '../core/ports.ts';
import type { StateStore } from '../storage/index.ts';
import type { Alert } from './alert.ts';
import { AlertStore } from './alert-store.ts';
import { DEFAULT_RESOLVE_TIMEOUT_MS } from './config.ts';
import type { AlertsConfig } from './config.ts';
import { Dispatcher } from './dispatcher.ts';
import type { Flush } from './flush.ts';
import type { FlushedState, Group } from './group.ts';
import { Inhibitor } from './inhibitor.ts';
import { MatcherParser } from './matcher-parser.ts';
import { AlertMetrics } from './metrics.ts';
import { MuteMarks } from './mute-marks.ts';
import { Route } from './route.ts';
import { Silences } from './silences.ts';
import { TimeIntervals } from './time-interval.ts';

/** Alerts looked at in one turn of the loop. */
const TURN_ALERTS = 200;

/** What a flush is built with: everything that may hold alerts back. Valid until the next reload. */
export interface FlushParts {
  readonly inhibitor: Inhibitor;
  readonly silences: Silences;
  readonly timeIntervals: TimeIntervals;
  readonly marks: MuteMarks;
}

/** A configuration at work: the room's own part and the way to tell people. */
export interface AlertSetup {
  readonly config: AlertsConfig;
  /** Called once for each start or reload, before anything is replaced; a throw leaves all as it was. */
  readonly createFlush: (parts: FlushParts) => Flush;
}

/** Limits and periods; the flags of `alertmanager` in milliseconds. */
export interface AlertPlaneFlags {
  /** `--data.retention`, 120h. */
  readonly retentionMs: number;
  /** `--data.maintenance-interval`, 15m. */
  readonly maintenanceIntervalMs: number;
  /** `--alerts.gc-interval`, 30m. */
  readonly gcIntervalMs: number;
  /** `--alerts.per-alertname-limit`, 0 = off. */
  readonly perAlertnameLimit: number;
  /** `--dispatch.start-delay`, 0s. */
  readonly dispatchStartDelayMs: number;
  /** `--silences.max-silences`, 0 = off. */
  readonly maxSilences: number;
  /** `--silences.max-silence-size-bytes`, 0 = off. */
  readonly maxSilenceSizeBytes: number;
  /** `--log.silences`. */
  readonly logSilences: boolean;
}

/** The flags' defaults. */
export const DEFAULT_ALERT_PLANE_FLAGS: AlertPlaneFlags = {
  retentionMs: 432_000_000,
  maintenanceIntervalMs: 900_000,
  gcIntervalMs: 1_800_000,
  perAlertnameLimit: 0,
  dispatchStartDelayMs: 0,
  maxSilences: 0,
  maxSilenceSizeBytes: 0,
  logSilences: false,
};

/** What an {@link AlertPlane} needs. */
export interface AlertPlaneOptions {
  readonly clock: Clock;
  readonly state: StateStore;
  readonly random: Random;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Decides on label names and reads API filters. */
  readonly matcherParser?: MatcherParser;
  readonly flags?: Partial<AlertPlaneFlags>;
  /** Gets bugs of background work; the process must not go on after one. */
  readonly onFailure: (name: string, error: unknown) => void;
}

/** What holds an alert back, foretold for a moment. */
export interface AlertStatus {
  /** `unprocessed`: nothing holds it back, and it has not been in a flush yet. */
  readonly state: 'active' | 'suppressed' | 'unprocessed';
  /** Ids of silences. */
  readonly silencedBy: readonly string[];
  /** Fingerprints of alerts. */
  readonly inhibitedBy: readonly string[];
  /** Names of time intervals. */
  readonly mutedBy: readonly string[];
}

/** An alert with what is known of it. */
export interface AlertView {
  readonly alert: Alert;
  readonly status: AlertStatus;
  /** Names of the receivers of its routes. */
  readonly receivers: readonly string[];
}

/** A group with its alerts. */
export interface GroupView {
  readonly group: Group;
  /** Names of the time intervals that hold it back since its last flush. */
  readonly mutedBy: readonly string[];
  /** Sorted as in a notification. */
  readonly alerts: readonly AlertView[];
}

/** Which alerts are wanted: the parameters of `GET /api/v2/alerts`; flags that are absent are true. */
export interface AlertQuery {
  readonly filter?: readonly Matcher[];
  /** By a receiver's name; one of an alert's receivers must fit. */
  readonly receiver?: (name: string) => boolean;
  readonly active?: boolean;
  readonly silenced?: boolean;
  readonly inhibited?: boolean;
  /** Only for groups: whether those that time intervals hold back are wanted. */
  readonly muted?: boolean;
}

interface Running extends FlushParts {
  readonly route: Route;
  readonly dispatcher: Dispatcher;
  readonly unsubscribe: () => void;
}

/**
 * The whole alert side up to the flush: store, routing, groups, inhibition, silences and time intervals, started, stopped
 * and reloaded together. Alerts and silences outlive a reload; groups, inhibition and timers begin anew.
 */
export class AlertPlane {
  readonly store: AlertStore;
  readonly silences: Silences;
  readonly matcherParser: MatcherParser;
  readonly #options: AlertPlaneOptions;
  readonly #flags: AlertPlaneFlags;
  readonly #metrics: AlertMetrics;
  readonly #marks = new MuteMarks();
  #running: Running | undefined;
  #startAtMs = 0;
  #changes: Promise<void> = Promise.resolve();

  constructor(options: AlertPlaneOptions) {
    const { clock, state, random, logger, registry, onFailure } = options;
    this.#options = options;
    this.#flags = { ...DEFAULT_ALERT_PLANE_FLAGS, ...options.flags };
    this.#metrics = new AlertMetrics(registry);
    this.matcherParser = options.matcherParser ?? new MatcherParser('fallback', logger);
    const isValidLabelName = (name: string): boolean => this.matcherParser.isValidLabelName(name);
    const metrics = this.#metrics;
    const { retentionMs, gcIntervalMs, perAlertnameLimit, maintenanceIntervalMs } = this.#flags;
    this.store = new AlertStore({
      clock,
      state,
      random,
      logger,
      metrics,
      retentionMs,
      gcIntervalMs,
      perAlertnameLimit,
      isValidLabelName,
      onFailure,
      resolveTimeoutMs: DEFAULT_RESOLVE_TIMEOUT_MS,
    });
    this.silences = new Silences({
      clock,
      random,
      logger,
      metrics: metrics.silences,
      retentionMs,
      maintenanceIntervalMs,
      isValidLabelName,
      onFailure,
      repository: state.silences,
      maxSilences: this.#flags.maxSilences,
      maxSilenceSizeBytes: this.#flags.maxSilenceSizeBytes,
      logChanges: this.#flags.logSilences,
    });
    metrics.observe({
      countAlerts: () =>
        this.#running?.dispatcher.countAlerts() ?? { active: 0, suppressed: 0, unprocessed: 0 },
      countSilences: () => this.silences.count(clock.nowMs()),
      countGroups: () => this.#running?.dispatcher.groupCount ?? 0,
    });
  }

  /** Takes over the last run's state, then begins to group and flush. */
  async start(setup: AlertSetup, nowMs: number): Promise<void> {
    assert(this.#running === undefined, 'the alert plane must be started once');
    this.store.setResolveTimeout(setup.config.resolveTimeoutMs);
    this.#startAtMs = nowMs + this.#flags.dispatchStartDelayMs;
    await this.silences.load();
    await this.store.load(nowMs);
    this.store.subscribe(this.silences);
    await this.#run(setup, nowMs);
    this.store.start(nowMs);
    this.silences.start(nowMs);
  }

  /**
   * Puts another configuration to work: flushes under way are aborted, every alert is grouped anew, all group timers
   * restart. Rejects with what `createFlush` threw, everything being as before.
   */
  reload(setup: AlertSetup): Promise<void> {
    const done = this.#changes.then(() => this.#run(setup, this.#options.clock.nowMs()));
    this.#changes = done.catch(() => undefined);
    return done;
  }

  /** Aborts flushes under way, ends all timers and writes what is left. */
  async stop(): Promise<void> {
    await this.#changes;
    this.#running?.unsubscribe();
    await this.#running?.dispatcher.stop();
    this.#running = undefined;
    await this.silences.stop();
    await this.store.stop();
  }

  /** The routing tree at work; undefined before the start and after the stop. */
  get route(): Route | undefined {
    return this.#running?.route;
  }

  /** What would hold an alert back at `nowMs`; a group's time intervals are not looked at. */
  status(alert: Alert, nowMs: number): AlertStatus {
    const silencedBy = this.silences.mutedBy(alert, { nowMs });
    const inhibitedBy = this.#running?.inhibitor.mutedBy(alert, { nowMs }) ?? [];
    const state = silencedBy.length > 0 || inhibitedBy.length > 0 ? 'suppressed' : 'active';
    return { state, silencedBy, inhibitedBy, mutedBy: [] };
  }

  /** Alerts that have not ended, by fingerprint. */
  async alerts(query: AlertQuery, nowMs: number): Promise<AlertView[]> {
    const views: AlertView[] = [];
    for (const [i, alert] of this.store.list().entries()) {
      if (i > 0 && i % TURN_ALERTS === 0) await this.#options.clock.yieldTurn();
      const receivers = this.#running?.route.match(alert.labels).map((route) => route.options.receiver) ?? [];
      if (query.receiver !== undefined && !receivers.some(query.receiver)) continue;
      const status = this.#fittingStatus(alert, query, nowMs);
      if (status !== undefined) views.push({ alert, status, receivers });
    }
    return views.toSorted((a, b) => (a.alert.fingerprint < b.alert.fingerprint ? -1 : 1));
  }

  /** Groups with at least one alert that fits, by labels, then receiver. */
  async groups(query: AlertQuery, nowMs: number): Promise<GroupView[]> {
    const found: { group: Group; mutedBy: readonly string[]; alerts: [Alert, AlertStatus][] }[] = [];
    const receivers = new Map<string, string[]>();
    for (const [i, group] of (this.#running?.dispatcher.groups() ?? []).entries()) {
      if (i > 0 && i % TURN_ALERTS === 0) await this.#options.clock.yieldTurn();
      const { receiver } = group.route.options;
      if (query.receiver?.(receiver) === false) continue;
      const mutedBy = this.#marks.mutedBy(group.route.id, group.key);
      const alerts = group.sorted().flatMap((alert): [Alert, AlertStatus][] => {
        const status = this.#fittingStatus(alert, query, nowMs);
        return status === undefined ? [] : [[alert, withGroup(status, group, alert, mutedBy)]];
      });
      for (const [{ fingerprint }] of alerts) {
        receivers.set(fingerprint, [...(receivers.get(fingerprint) ?? []), receiver].toSorted());
      }
      if (alerts.length === 0 || (query.muted === false && mutedBy.length > 0)) continue;
      found.push({ group, mutedBy, alerts });
    }
    return found.map(({ group, mutedBy, alerts }) => ({
      group,
      mutedBy,
      alerts: alerts.map(([alert, status]) => ({
        alert,
        status,
        receivers: receivers.get(alert.fingerprint) ?? [],
      })),
    }));
  }

  /** undefined when the alert doesn't fit the query. */
  #fittingStatus(alert: Alert, query: AlertQuery, nowMs: number): AlertStatus | undefined {
    if (alert.endsAtMs < nowMs) return undefined;
    if (query.filter !== undefined && !matchesAll(query.filter, alert.labels)) return undefined;
    const status = this.status(alert, nowMs);
    if (query.active === false && status.state === 'active') return undefined;
    if (query.silenced === false && status.silencedBy.length > 0) return undefined;
    if (query.inhibited === false && status.inhibitedBy.length > 0) return undefined;
    return status;
  }

  async #run(setup: AlertSetup, nowMs: number): Promise<void> {
    const { clock, logger, onFailure } = this.#options;
    const { config } = setup;
    const route = Route.fromConfig(config.route);
    const inhibitor = new Inhibitor(config.inhibitRules);
    const timeIntervals = new TimeIntervals(config.timeIntervals);
    const parts: FlushParts = { inhibitor, silences: this.silences, timeIntervals, marks: this.#marks };
    const dispatcher = new Dispatcher({
      clock,
      logger,
      onFailure,
      route,
      store: this.store,
      metrics: this.#metrics,
      startAtMs: this.#startAtMs,
      flush: setup.createFlush(parts),
      judge: (alert, tickMs) => this.#judge(alert, tickMs),
      onGroupRemoved: (group) => {
        this.#marks.forget(group.route.id, group.key);
      },
    });
    this.#running?.unsubscribe();
    await this.#running?.dispatcher.stop();
    this.store.setResolveTimeout(config.resolveTimeoutMs);
    this.#metrics.inhibitionRules.set(inhibitor.ruleCount);
    // Every source is known before the first group may flush, so that no target slips through.
    const unsubscribe = this.store.subscribe(inhibitor);
    for (const [i, alert] of this.store.list().entries()) {
      if (i > 0 && i % TURN_ALERTS === 0) await clock.yieldTurn();
      inhibitor.alertStored(this.store.get(alert.fingerprint) ?? alert);
    }
    this.#running = { ...parts, route, dispatcher, unsubscribe };
    await dispatcher.start(nowMs);
  }

  #judge(alert: Alert, nowMs: number): FlushedState {
    return this.status(alert, nowMs).state === 'active' ? 'active' : 'suppressed';
  }
}

function withGroup(status: AlertStatus, group: Group, alert: Alert, mutedBy: readonly string[]): AlertStatus {
  if (mutedBy.length > 0) return { ...status, state: 'suppressed', mutedBy };
  const isNew = status.state === 'active' && group.flushedState(alert.fingerprint) === undefined;
  return isNew ? { ...status, state: 'unprocessed' } : status;
}
