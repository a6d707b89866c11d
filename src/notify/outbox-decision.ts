import { isResolved } from '../alerts/index.ts';
import type { Alert } from '../alerts/index.ts';
import { needsUpdate } from './dedup.ts';
import type { NotificationReason } from './dedup.ts';
import type { NotificationLogEntry } from './ports.ts';

/** Fingerprints that go into the notification log once a notification has been sent. */
export interface LoggedSets {
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  readonly muted: readonly string[];
}

/** The part of an undelivered outbox row that a later flush has to know. */
export interface OpenNotification {
  readonly reason: NotificationReason;
  readonly alerts: readonly Alert[];
  /** A request of it may have arrived. */
  readonly ambiguous: boolean;
}

/** A flush as one integration sees it. */
export interface FlushView {
  readonly nowMs: number;
  /** Every alert of the group. */
  readonly incoming: readonly Alert[];
  /** Those that no stage held back. */
  readonly surviving: readonly Alert[];
  readonly entry: NotificationLogEntry | undefined;
  readonly open: OpenNotification | undefined;
  readonly sendResolved: boolean;
  /** `global.resolve_muted`. */
  readonly resolveMuted: boolean;
  readonly repeatIntervalMs: number;
}

/** What is to happen with the integration's outbox row and log entry. */
export type OutboxDecision =
  | { readonly kind: 'nothing' }
  /** The open row has nothing to say any more. */
  | { readonly kind: 'withdraw' }
  /** Nothing to send, but the log is put up to date (and an open row goes). */
  | {
      readonly kind: 'record';
      readonly log: LoggedSets;
      /** The repeat interval goes on from the last notification. */
      readonly keepTimestamp: boolean;
    }
  /** Becomes the open row, or replaces what the open row says. */
  | {
      readonly kind: 'send';
      readonly reason: NotificationReason;
      readonly alerts: readonly Alert[];
      readonly log: LoggedSets;
    };

/** What one flush, its log entry and its open row come to, by status and by how it must be told. */
interface Situation {
  readonly firing: readonly Alert[];
  readonly resolved: readonly Alert[];
  /** Resolved while held back, told as firing before. */
  readonly rescued: readonly Alert[];
  /** Held back now and firing, told as firing before. */
  readonly stillMuted: readonly string[];
  /** Resolved without its firing ever having got through: this is the only word of it. */
  readonly missed: ReadonlySet<string>;
  /** Resolved alerts that the group has forgotten but the receiver has not been told of. */
  readonly owed: ReadonlySet<string>;
}

/**
 * Decides what a flush means for one integration; the rules are in SPEC.md. Synchronous and pure, so that it can be
 * tested and simulated as a table.
 */
export function decideFlush(view: FlushView): OutboxDecision {
  const situation = assess(view);
  const { firing, resolved, rescued } = situation;
  const log = normalLog(view, situation);
  // As in Alertmanager an empty list ends the pipeline: what is muted is not "all resolved".
  const heard = view.surviving.length > 0 || firing.length > 0;
  const reason = heard
    ? needsUpdate({
        entry: view.entry,
        firing: new Set(log.firing),
        resolved: new Set(fingerprints(resolved)),
        sendResolved: view.sendResolved,
        repeatIntervalMs: view.repeatIntervalMs,
        nowMs: view.nowMs,
      })
    : undefined;
  if (reason !== undefined) return send(view, situation, reason, log);
  const untold = view.sendResolved
    ? new Set([...situation.missed, ...situation.owed, ...fingerprints(rescued)])
    : situation.missed;
  if (untold.size > 0) {
    const everythingOver = firing.length === 0 && situation.stillMuted.length === 0;
    const why = everythingOver ? 'all alerts resolved' : 'some alerts resolved';
    return send(view, situation, why, additionalLog(view, untold, log));
  }
  // A request that may have arrived has to be followed by the truth, even where the log says that it is known.
  if (view.open?.ambiguous === true && heard) return send(view, situation, view.open.reason, log);
  if (rescued.length > 0) {
    const over = new Set(fingerprints(rescued));
    return { kind: 'record', log: additionalLog(view, over, log), keepTimestamp: true };
  }
  return { kind: view.open === undefined ? 'nothing' : 'withdraw' };
}

function assess(view: FlushView): Situation {
  const { nowMs, entry, open } = view;
  const incoming = new Set(fingerprints(view.incoming));
  const surviving = new Set(fingerprints(view.surviving));
  const toldFiring = new Set([...(entry?.firing ?? []), ...(entry?.muted ?? [])]);
  const carried = (open?.alerts ?? []).filter(({ fingerprint }) => !incoming.has(fingerprint));
  const held = view.incoming.filter(({ fingerprint }) => !surviving.has(fingerprint));
  const present = [...view.surviving, ...carried];
  const resolved = present.filter((alert) => isResolved(alert, nowMs));
  const openAlerts = new Set(fingerprints(open?.alerts ?? []));
  const toldHeld = held.filter(({ fingerprint }) => toldFiring.has(fingerprint));
  return {
    firing: present.filter((alert) => !isResolved(alert, nowMs)),
    resolved,
    rescued: view.resolveMuted ? toldHeld.filter((alert) => isResolved(alert, nowMs)) : [],
    stillMuted: fingerprints(toldHeld.filter((alert) => !isResolved(alert, nowMs))),
    missed: new Set(
      fingerprints(resolved).filter(
        (fingerprint) => openAlerts.has(fingerprint) && !toldFiring.has(fingerprint),
      ),
    ),
    owed: new Set(fingerprints(carried.filter((alert) => isResolved(alert, nowMs)))),
  };
}

/** What is on record after everything in the group has been told. */
function normalLog(view: FlushView, situation: Situation): LoggedSets {
  return {
    firing: fingerprints(situation.firing),
    resolved: fingerprints([...situation.resolved, ...situation.rescued]),
    muted: view.resolveMuted ? situation.stillMuted : [],
  };
}

/** What is on record after single resolved alerts have been told beside a group that is otherwise known or muted. */
function additionalLog(view: FlushView, over: ReadonlySet<string>, log: LoggedSets): LoggedSets {
  if (view.entry === undefined) return log;
  return {
    firing: view.entry.firing.filter((fingerprint) => !over.has(fingerprint)),
    resolved: [...new Set([...view.entry.resolved, ...over])],
    muted: view.entry.muted.filter((fingerprint) => !over.has(fingerprint)),
  };
}

function send(
  view: FlushView,
  situation: Situation,
  reason: NotificationReason,
  log: LoggedSets,
): OutboxDecision {
  const { missed } = situation;
  const alerts = view.sendResolved
    ? [...view.surviving, ...carriedAlerts(view), ...situation.rescued]
    : [...situation.firing, ...situation.resolved.filter(({ fingerprint }) => missed.has(fingerprint))];
  return alerts.length === 0
    ? { kind: 'record', log, keepTimestamp: false }
    : { kind: 'send', reason, alerts, log };
}

function carriedAlerts(view: FlushView): readonly Alert[] {
  const incoming = new Set(fingerprints(view.incoming));
  return (view.open?.alerts ?? []).filter(({ fingerprint }) => !incoming.has(fingerprint));
}

function fingerprints(alerts: readonly Alert[]): string[] {
  return alerts.map(({ fingerprint }) => fingerprint);
}
