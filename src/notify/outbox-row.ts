import type { Random } from '../core/ports.ts';
import type { SendOutcome } from './notification.ts';
import type { LoggedSets } from './outbox-decision.ts';
import type { NotificationKey, NotificationLogEntry, OutboxRow } from './ports.ts';
import { retryDelayMs } from './retry.ts';

/** A row as a new process takes it over: where a request had been begun, it may have arrived and is made again at once. */
export function interruptedRow(row: OutboxRow, nowMs: number): OutboxRow {
  if (row.state !== 'sending') return row;
  const lastError = 'the program ended while a request was under way; it may have arrived';
  return { ...row, state: 'pending', ambiguous: true, updatedAtMs: nowMs, nextAttemptMs: nowMs, lastError };
}

/** The row that says `payload`: the open one put up to date (keeping its age, attempts and patience), or a new one. */
export function supersede(
  open: OutboxRow | undefined,
  key: NotificationKey,
  payload: string,
  nowMs: number,
  random: Random,
): OutboxRow {
  if (open !== undefined) return { ...open, payload, state: 'pending', updatedAtMs: nowMs };
  return {
    id: random.uuid(),
    key,
    state: 'pending',
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    attempts: 0,
    nextAttemptMs: nowMs,
    ambiguous: false,
    lastError: '',
    payload,
  };
}

/** The row as it must be on record before the request goes out. */
export function beginAttempt(row: OutboxRow, nowMs: number): OutboxRow {
  return { ...row, state: 'sending', attempts: row.attempts + 1, updatedAtMs: nowMs };
}

/** The row after a request. */
export function afterAttempt(row: OutboxRow, outcome: SendOutcome, nowMs: number, random: Random): OutboxRow {
  switch (outcome.kind) {
    case 'sent':
      return { ...row, state: 'sent', updatedAtMs: nowMs };
    case 'reject':
      return { ...row, state: 'failed', updatedAtMs: nowMs, lastError: outcome.message };
    case 'retry':
      return {
        ...row,
        state: 'pending',
        updatedAtMs: nowMs,
        lastError: outcome.message,
        ambiguous: row.ambiguous || outcome.unknown === true,
        nextAttemptMs: nowMs + retryDelayMs(row.attempts, outcome.afterMs, random),
      };
  }
}

/** What goes on record when a notification is out; kept for twice the repeat interval, at most for the retention. */
export function logEntry(
  log: LoggedSets,
  timestampMs: number,
  repeatIntervalMs: number,
  retentionMs: number,
): NotificationLogEntry {
  return {
    timestampMs,
    ...log,
    expiresAtMs: timestampMs + Math.min(retentionMs, 2 * repeatIntervalMs),
  };
}
