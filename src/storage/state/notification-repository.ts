import { TocsinError } from '../../core/errors.ts';
import type { SqlDatabase, SqlExecutor, SqlRow } from '../../core/ports.ts';
import { RowReader, isTextList, upsertStatement } from './rows.ts';

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
  readonly timestampMs: number;
  /** Fingerprints told as firing. */
  readonly firing: readonly string[];
  /** Fingerprints told as resolved. */
  readonly resolved: readonly string[];
  /** Fingerprints told as firing earlier that fire on, muted. */
  readonly muted: readonly string[];
  /** {@link NotificationRepository.purge} drops the entry from here on; reads don't look at it. */
  readonly expiresAtMs: number;
}

/** A log entry with its key. */
export interface KeyedLogEntry {
  readonly key: NotificationKey;
  readonly entry: NotificationLogEntry;
}

/** States of an {@link OutboxRow}; `pending` and `sending` are open. What they mean belongs to the room `notify`. */
type OutboxState = 'pending' | 'sending' | 'sent' | 'failed' | 'withdrawn';

const STATES: readonly string[] = [
  'pending',
  'sending',
  'sent',
  'failed',
  'withdrawn',
] satisfies OutboxState[];

/** A decided notification. */
export interface OutboxRow {
  /** UUID. */
  readonly id: string;
  readonly key: NotificationKey;
  readonly state: OutboxState;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Requests begun so far. */
  readonly attempts: number;
  /** Not to be tried before. */
  readonly nextAttemptMs: number;
  /** True when a request of this row may have arrived although nobody recorded it. */
  readonly ambiguous: boolean;
  /** '' when no attempt failed. */
  readonly lastError: string;
  /** JSON of the room `notify`. */
  readonly payload: string;
}

/** Which outbox rows are wanted. */
export interface OutboxQuery {
  readonly states?: readonly OutboxState[];
  readonly groupKey?: string;
  readonly limit: number;
}

const UPSERT_ENTRY = upsertStatement(
  'notification_log',
  ['group_key', 'receiver', 'integration', 'integration_index'],
  ['timestamp_ms', 'firing', 'resolved', 'muted', 'expires_at_ms'],
);
const UPSERT_ROW = upsertStatement(
  'outbox',
  ['id'],
  [
    'group_key',
    'receiver',
    'integration',
    'integration_index',
    'state',
    'created_at_ms',
    'updated_at_ms',
    'attempts',
    'next_attempt_ms',
    'is_ambiguous',
    'last_error',
    'payload',
  ],
);
const OPEN = `state IN ('pending', 'sending')`;

/** The notification log and the outbox, in one database so that one transaction covers both. */
export class NotificationRepository {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  /** The log entry of a key, expired or not. */
  async findEntry(key: NotificationKey): Promise<NotificationLogEntry | undefined> {
    const rows = await this.#database.all(
      'SELECT * FROM notification_log WHERE group_key = ? AND receiver = ? AND integration = ? AND integration_index = ?',
      key.groupKey,
      key.receiver,
      key.integration,
      key.index,
    );
    return rows[0] === undefined ? undefined : readEntry(rows[0]);
  }

  /** Every log entry, oldest first. */
  async listEntries(): Promise<KeyedLogEntry[]> {
    const rows = await this.#database.all('SELECT * FROM notification_log ORDER BY timestamp_ms, group_key');
    return rows.map((row) => ({ key: readKey(row), entry: readEntry(row) }));
  }

  /** Open rows, oldest first. */
  async listOpenRows(): Promise<OutboxRow[]> {
    const rows = await this.#database.all(`SELECT * FROM outbox WHERE ${OPEN} ORDER BY created_at_ms, id`);
    return rows.map(readRow);
  }

  /** The newest `limit` rows that fit, newest first. */
  async listRows(query: OutboxQuery): Promise<OutboxRow[]> {
    const states = query.states ?? (STATES as readonly OutboxState[]);
    if (states.length === 0) return [];
    const marks = states.map(() => '?').join(', ');
    const ofGroup = query.groupKey === undefined ? '' : 'AND group_key = ?';
    const rows = await this.#database.all(
      `SELECT * FROM outbox WHERE state IN (${marks}) ${ofGroup} ORDER BY created_at_ms DESC, id LIMIT ?`,
      ...states,
      ...(query.groupKey === undefined ? [] : [query.groupKey]),
      query.limit,
    );
    return rows.map(readRow);
  }

  /** How many rows are open and when the oldest of them was created. */
  async openSummary(): Promise<{ readonly count: number; readonly oldestCreatedAtMs: number | undefined }> {
    const sql = `SELECT COUNT(*) AS count, MIN(created_at_ms) AS oldest FROM outbox WHERE ${OPEN}`;
    const [row] = await this.#database.all(sql);
    const oldest = row?.['oldest'];
    return {
      count: Number(row?.['count'] ?? 0),
      oldestCreatedAtMs: oldest === null || oldest === undefined ? undefined : Number(oldest),
    };
  }

  /** Writes rows (by id) and log entries (by key) in one transaction, durable when it resolves. */
  async commit(rows: readonly OutboxRow[], entries: readonly KeyedLogEntry[]): Promise<void> {
    await this.#database.transaction(async (tx) => {
      for (const row of rows) await writeRow(tx, row);
      for (const { key, entry } of entries) await writeEntry(tx, key, entry);
    });
  }

  /** Forgets closed rows last updated before `rowsBeforeMs` and log entries expired by `nowMs`; resolves to how many went. */
  purge(rowsBeforeMs: number, nowMs: number): Promise<number> {
    return this.#database.transaction(async (tx) => {
      const rows = await tx.run(`DELETE FROM outbox WHERE updated_at_ms < ? AND NOT (${OPEN})`, rowsBeforeMs);
      const entries = await tx.run('DELETE FROM notification_log WHERE expires_at_ms <= ?', nowMs);
      return rows + entries;
    });
  }
}

function writeEntry(tx: SqlExecutor, key: NotificationKey, entry: NotificationLogEntry): Promise<number> {
  return tx.run(
    UPSERT_ENTRY,
    key.groupKey,
    key.receiver,
    key.integration,
    key.index,
    entry.timestampMs,
    JSON.stringify(entry.firing),
    JSON.stringify(entry.resolved),
    JSON.stringify(entry.muted),
    entry.expiresAtMs,
  );
}

function writeRow(tx: SqlExecutor, row: OutboxRow): Promise<number> {
  return tx.run(
    UPSERT_ROW,
    row.id,
    row.key.groupKey,
    row.key.receiver,
    row.key.integration,
    row.key.index,
    row.state,
    row.createdAtMs,
    row.updatedAtMs,
    row.attempts,
    row.nextAttemptMs,
    row.ambiguous ? 1 : 0,
    row.lastError,
    row.payload,
  );
}

function readKey(row: SqlRow): NotificationKey {
  const read = new RowReader('outbox or notification_log', row);
  return {
    groupKey: read.text('group_key'),
    receiver: read.text('receiver'),
    integration: read.text('integration'),
    index: read.integer('integration_index'),
  };
}

function readEntry(row: SqlRow): NotificationLogEntry {
  const read = new RowReader('notification_log', row);
  return {
    timestampMs: read.integer('timestamp_ms'),
    firing: read.json('firing', isTextList),
    resolved: read.json('resolved', isTextList),
    muted: read.json('muted', isTextList),
    expiresAtMs: read.integer('expires_at_ms'),
  };
}

function readRow(row: SqlRow): OutboxRow {
  const read = new RowReader('outbox', row);
  return {
    id: read.text('id'),
    key: readKey(row),
    state: readState(read.text('state')),
    createdAtMs: read.integer('created_at_ms'),
    updatedAtMs: read.integer('updated_at_ms'),
    attempts: read.integer('attempts'),
    nextAttemptMs: read.integer('next_attempt_ms'),
    ambiguous: read.boolean('is_ambiguous'),
    lastError: read.text('last_error'),
    payload: read.text('payload'),
  };
}

function readState(text: string): OutboxState {
  if (STATES.includes(text)) return text as OutboxState;
  throw new TocsinError('TOCSIN_ERR_STATE', `state database: a row of outbox has the unknown state ${text}`);
}
