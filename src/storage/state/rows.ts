import { TocsinError, assert } from '../../core/errors.ts';
import type { SqlRow, SqlValue } from '../../core/ports.ts';

/** Reads the columns of a row; drivers give whole numbers as number, bigint or text. */
export class RowReader {
  readonly #row: SqlRow;
  readonly #table: string;

  constructor(table: string, row: SqlRow) {
    this.#table = table;
    this.#row = row;
  }

  text(column: string): string {
    const value = this.#value(column);
    if (typeof value !== 'string') throw this.#damaged(column);
    return value;
  }

  integer(column: string): number {
    const value = Number(this.#value(column));
    if (!Number.isSafeInteger(value)) throw this.#damaged(column);
    return value;
  }

  boolean(column: string): boolean {
    return this.integer(column) !== 0;
  }

  /** Parses a JSON column; `check` says whether it has the wanted shape. */
  json<T>(column: string, check: (value: unknown) => value is T): T {
    let value: unknown;
    try {
      value = JSON.parse(this.text(column));
    } catch (error) {
      throw this.#damaged(column, error);
    }
    if (!check(value)) throw this.#damaged(column);
    return value;
  }

  #value(column: string): SqlValue {
    const value = this.#row[column];
    assert(value !== undefined, `table ${this.#table} must have a column ${column}`);
    return value;
  }

  #damaged(column: string, cause?: unknown): TocsinError {
    const message = `state database: a row of ${this.#table} has an unreadable ${column}; restore the file from a backup or delete the row`;
    return new TocsinError('TOCSIN_ERR_STATE', message, cause === undefined ? undefined : { cause });
  }
}

/** Whether a JSON value is an object of texts. */
export function isTextRecord(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === 'string')
  );
}

/** Whether a JSON value is a list of texts. */
export function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** `?, ?, ?`. */
function placeholders(count: number): string {
  return Array.from({ length: count }, () => '?').join(', ');
}

/**
 * An `INSERT` that replaces the row with the same key, in the words that SQLite and PostgreSQL share. Values follow in
 * the order of `keyColumns`, then `otherColumns`.
 */
export function upsertStatement(
  table: string,
  keyColumns: readonly string[],
  otherColumns: readonly string[],
): string {
  const columns = [...keyColumns, ...otherColumns];
  const updates = otherColumns.map((column) => `${column} = excluded.${column}`).join(', ');
  const values = placeholders(columns.length);
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values}) ON CONFLICT (${keyColumns.join(', ')}) DO UPDATE SET ${updates}`;
}
