import { TocsinError, assert } from '../../core/errors.ts';
import type { SqlDatabase } from '../../core/ports.ts';

/** A step of the schema; never changed once released, only followed by further ones. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
}

/** Every step there is, in order. Times are milliseconds since the epoch; `BIGINT` because PostgreSQL's INTEGER has 32 bits. */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'alerts, silences, notification log, outbox, history',
    statements: [
      `CREATE TABLE state_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)`,
      `CREATE TABLE alerts (
        fingerprint TEXT PRIMARY KEY, labels TEXT NOT NULL, annotations TEXT NOT NULL,
        starts_at_ms BIGINT NOT NULL, ends_at_ms BIGINT NOT NULL, updated_at_ms BIGINT NOT NULL,
        generator_url TEXT NOT NULL, is_timeout BIGINT NOT NULL)`,
      `CREATE TABLE silences (
        id TEXT PRIMARY KEY, matcher_sets TEXT NOT NULL, starts_at_ms BIGINT NOT NULL, ends_at_ms BIGINT NOT NULL,
        updated_at_ms BIGINT NOT NULL, created_by TEXT NOT NULL, comment TEXT NOT NULL, annotations TEXT NOT NULL,
        expires_at_ms BIGINT NOT NULL)`,
      `CREATE TABLE notification_log (
        group_key TEXT NOT NULL, receiver TEXT NOT NULL, integration TEXT NOT NULL, integration_index BIGINT NOT NULL,
        timestamp_ms BIGINT NOT NULL, firing TEXT NOT NULL, resolved TEXT NOT NULL, muted TEXT NOT NULL,
        expires_at_ms BIGINT NOT NULL,
        PRIMARY KEY (group_key, receiver, integration, integration_index))`,
      `CREATE INDEX notification_log_expiry ON notification_log (expires_at_ms)`,
      `CREATE TABLE outbox (
        id TEXT PRIMARY KEY, group_key TEXT NOT NULL, receiver TEXT NOT NULL, integration TEXT NOT NULL,
        integration_index BIGINT NOT NULL, state TEXT NOT NULL, created_at_ms BIGINT NOT NULL,
        updated_at_ms BIGINT NOT NULL, attempts BIGINT NOT NULL, next_attempt_ms BIGINT NOT NULL,
        is_ambiguous BIGINT NOT NULL, last_error TEXT NOT NULL, payload TEXT NOT NULL)`,
      `CREATE INDEX outbox_by_state ON outbox (state, created_at_ms)`,
      `CREATE INDEX outbox_by_update ON outbox (updated_at_ms)`,
      `CREATE TABLE history (
        id TEXT PRIMARY KEY, at_ms BIGINT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL)`,
      `CREATE INDEX history_by_time ON history (at_ms)`,
      `CREATE INDEX history_by_subject ON history (subject, at_ms)`,
    ],
  },
];

/**
 * Brings a database to the newest schema, each step in a transaction of its own. Throws TOCSIN_ERR_STATE when a newer
 * program has written it.
 */
export async function migrate(database: SqlDatabase, nowMs: number): Promise<void> {
  await database.run(
    'CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at_ms BIGINT NOT NULL)',
  );
  const rows = await database.all('SELECT MAX(version) AS version FROM schema_migrations');
  const present = Number(rows[0]?.['version'] ?? 0);
  const newest = MIGRATIONS.at(-1)!.version;
  assert(
    MIGRATIONS.every((step, i) => step.version === i + 1),
    'migrations must count up from 1',
  );
  if (present > newest) {
    const message =
      `the state database has schema ${present} and this program knows only ${newest}: a newer tocsin has written ` +
      'it; start that one, or restore an older copy';
    throw new TocsinError('TOCSIN_ERR_STATE', message);
  }
  for (const step of MIGRATIONS.slice(present)) {
    await database.transaction(async (tx) => {
      for (const statement of step.statements) await tx.run(statement);
      const insert = 'INSERT INTO schema_migrations (version, name, applied_at_ms) VALUES (?, ?, ?)';
      await tx.run(insert, step.version, step.name, nowMs);
    });
  }
}
