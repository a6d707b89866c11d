import type { Alert, FlushContext } from '../alerts/index.ts';

/**
 * What the notification pipeline needs from other rooms, as it sees them. `app/` hands in the real ones: silences, the
 * inhibitor and time intervals from `alerts/`, the notification log and outbox tables from `storage/state`.
 */

/** Something that holds back single alerts: the inhibitor and the silences. Resolved alerts are asked about too. */
export interface AlertMuter {
  /** Ids of everything that mutes the alert at the flush's `nowMs` (silence ids, source fingerprints); empty = let through. */
  mutedBy(alert: Alert, context: FlushContext): readonly string[];
}

/** Time intervals by name. */
export interface TimeIntervals {
  /** Which of `names` contain `nowMs`. Names are checked when the configuration is loaded. */
  containing(names: readonly string[], nowMs: number): readonly string[];
}

/** Where the time stages leave word which intervals hold a group back, for the API; an empty list clears it. */
export interface GroupMuteMarks {
  setMutedBy(routeId: string, groupKey: string, intervals: readonly string[]): void;
}

/** Identity of one integration of one group: what the notification log and the outbox are keyed by. */
export interface NotificationKey {
  readonly groupKey: string;
  /** Receiver's name. */
  readonly receiver: string;
  /** `webhook`, `slack`, … */
  readonly integration: string;
  /** Position among the receiver's integrations of the same kind. */
  readonly index: number;
}

/** What a receiver was last told about a group (Alertmanager's nflog entry). */
export interface NotificationLogEntry {
  /** When it was told (after the send). */
  readonly timestampMs: number;
  /** Fingerprints of the alerts that were firing. */
  readonly firing: readonly string[];
  /** Fingerprints of the alerts that were resolved. */
  readonly resolved: readonly string[];
  /** Own: fingerprints told as firing earlier that are firing still but muted; for `global.resolve_muted`. */
  readonly muted: readonly string[];
  /** The collector may drop the entry from here on; reads don't look at it. */
  readonly expiresAtMs: number;
}

/**
 * A row's life: `pending` → `sending` (written before the request goes out, so that after a crash it is known that the
 * request may have arrived) → `sent`, or back to `pending`, or `failed` for good; `withdrawn` when there is nothing to say
 * any more.
 */
export type OutboxState = 'pending' | 'sending' | 'sent' | 'failed' | 'withdrawn';

/** A decided notification. At most one row of a key is open (`pending` or `sending`). */
export interface OutboxRow {
  /** UUID. */
  readonly id: string;
  readonly key: NotificationKey;
  readonly state: OutboxState;
  /** The flush that decided it first, and the one that last put it up to date. */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Requests begun so far. */
  readonly attempts: number;
  /** Not to be tried before. */
  readonly nextAttemptMs: number;
  /** True when an earlier request of this row may have arrived although nobody recorded it. */
  readonly ambiguous: boolean;
  /** Why the last attempt did not succeed, without secrets; '' when none failed. */
  readonly lastError: string;
  /** JSON that only `notify/` reads: alerts, group labels, reason. */
  readonly payload: string;
}

/** Log and outbox over the durable state; both in one database so that one transaction covers both. */
export interface NotificationStore {
  /** The log entry of a key. */
  findEntry(key: NotificationKey): Promise<NotificationLogEntry | undefined>;
  /** Rows in state `pending` or `sending`, oldest first. */
  listOpenRows(): Promise<OutboxRow[]>;
  /** Writes rows (insert, or replace by id) and log entries (replace by key) in one transaction, durable when it resolves. */
  commit(rows: readonly OutboxRow[], entries: readonly KeyedLogEntry[]): Promise<void>;
  /** Forgets closed rows last updated before `rowsBeforeMs` and log entries expired by `nowMs`; resolves to how many went. */
  purge(rowsBeforeMs: number, nowMs: number): Promise<number>;
}

/** A log entry with its key. */
export interface KeyedLogEntry {
  readonly key: NotificationKey;
  readonly entry: NotificationLogEntry;
}
