import type { SqlDatabase, SqlExecutor, SqlValue } from '../../core/ports.ts';
import { RowReader } from './rows.ts';

/** Something that happened, for later questions ("why was I paged?"). */
export interface HistoryRow {
  /** UUID. */
  readonly id: string;
  readonly atMs: number;
  /** What happened: `alert_firing`, `alert_resolved`, … */
  readonly kind: string;
  /** To what: an alert's fingerprint, a silence's id, a group key. */
  readonly subject: string;
  /** JSON object; its shape belongs to the kind. */
  readonly detail: string;
}

/** Which history rows are wanted. */
export interface HistoryQuery {
  readonly subject?: string;
  readonly fromMs?: number;
  /** Exclusive. */
  readonly toMs?: number;
  readonly limit: number;
}

/** What happened, newest first. */
export class HistoryRepository {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  /** Writes rows in one transaction. */
  async append(rows: readonly HistoryRow[]): Promise<void> {
    await this.#database.transaction(async (tx) => {
      for (const row of rows) await insertHistory(tx, row);
    });
  }

  /** The newest `limit` rows that fit, newest first. */
  async query(query: HistoryQuery): Promise<HistoryRow[]> {
    const conditions = ['at_ms >= ?', 'at_ms < ?'];
    const values: SqlValue[] = [
      query.fromMs ?? Number.MIN_SAFE_INTEGER,
      query.toMs ?? Number.MAX_SAFE_INTEGER,
    ];
    if (query.subject !== undefined) {
      conditions.push('subject = ?');
      values.push(query.subject);
    }
    const sql = `SELECT * FROM history WHERE ${conditions.join(' AND ')} ORDER BY at_ms DESC, id LIMIT ?`;
    const rows = await this.#database.all(sql, ...values, query.limit);
    return rows.map((row) => {
      const read = new RowReader('history', row);
      return {
        id: read.text('id'),
        atMs: read.integer('at_ms'),
        kind: read.text('kind'),
        subject: read.text('subject'),
        detail: read.text('detail'),
      };
    });
  }

  /** Forgets what happened before `beforeMs`; resolves to how many rows went. */
  purge(beforeMs: number): Promise<number> {
    return this.#database.run('DELETE FROM history WHERE at_ms < ?', beforeMs);
  }
}

/** Writes one row inside a transaction of somebody else. */
export async function insertHistory(tx: SqlExecutor, row: HistoryRow): Promise<void> {
  const sql = 'INSERT INTO history (id, at_ms, kind, subject, detail) VALUES (?, ?, ?, ?, ?)';
  await tx.run(sql, row.id, row.atMs, row.kind, row.subject, row.detail);
}
