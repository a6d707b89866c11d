import { Labels } from '../../core/labels.ts';
import type { SqlDatabase, SqlExecutor } from '../../core/ports.ts';
import { insertHistory } from './history-repository.ts';
import type { HistoryRow } from './history-repository.ts';
import { RowReader, isTextRecord, upsertStatement } from './rows.ts';

/** An alert as it is kept; the fields are those of the alert store. */
export interface AlertRow {
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly updatedAtMs: number;
  readonly generatorUrl: string;
  readonly timeout: boolean;
}

/** Changes that become durable together. */
export interface AlertBatch {
  /** Written by fingerprint. */
  readonly rows: readonly AlertRow[];
  /** Fingerprints to forget. */
  readonly removed: readonly string[];
  readonly history: readonly HistoryRow[];
  /** The store was alive at this time. */
  readonly aliveMs: number;
}

const UPSERT = upsertStatement(
  'alerts',
  ['fingerprint'],
  ['labels', 'annotations', 'starts_at_ms', 'ends_at_ms', 'updated_at_ms', 'generator_url', 'is_timeout'],
);
const ALIVE = upsertStatement('state_meta', ['name'], ['value']);
const ALIVE_NAME = 'alerts_alive_ms';

/** The alerts, so that they come back with their state after a crash. */
export class AlertRepository {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  /** Every alert, in no order. */
  async list(): Promise<AlertRow[]> {
    const rows = await this.#database.all('SELECT * FROM alerts');
    return rows.map((row) => {
      const read = new RowReader('alerts', row);
      return {
        fingerprint: read.text('fingerprint'),
        labels: Labels.fromObject(read.json('labels', isTextRecord)),
        annotations: Labels.fromObject(read.json('annotations', isTextRecord)),
        startsAtMs: read.integer('starts_at_ms'),
        endsAtMs: read.integer('ends_at_ms'),
        updatedAtMs: read.integer('updated_at_ms'),
        generatorUrl: read.text('generator_url'),
        timeout: read.boolean('is_timeout'),
      };
    });
  }

  /** Applies a batch in one transaction, durable when it resolves. */
  async write(batch: AlertBatch): Promise<void> {
    await this.#database.transaction(async (tx) => {
      for (const fingerprint of batch.removed)
        await tx.run('DELETE FROM alerts WHERE fingerprint = ?', fingerprint);
      for (const row of batch.rows) await writeAlert(tx, row);
      for (const row of batch.history) await insertHistory(tx, row);
      await tx.run(ALIVE, ALIVE_NAME, String(batch.aliveMs));
    });
  }

  /** When the store last said that it was alive; undefined on a fresh database. */
  async aliveMs(): Promise<number | undefined> {
    const rows = await this.#database.all('SELECT value FROM state_meta WHERE name = ?', ALIVE_NAME);
    return rows[0] === undefined ? undefined : new RowReader('state_meta', rows[0]).integer('value');
  }
}

function writeAlert(tx: SqlExecutor, row: AlertRow): Promise<number> {
  return tx.run(
    UPSERT,
    row.fingerprint,
    JSON.stringify(row.labels),
    JSON.stringify(row.annotations),
    row.startsAtMs,
    row.endsAtMs,
    row.updatedAtMs,
    row.generatorUrl,
    row.timeout ? 1 : 0,
  );
}
