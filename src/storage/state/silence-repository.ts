import type { SqlDatabase } from '../../core/ports.ts';
import { RowReader, isTextRecord, upsertStatement } from './rows.ts';

/** A matcher as text; the room that owns silences compiles it. */
interface StoredMatcher {
  readonly name: string;
  readonly op: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

/** A silence as it is kept. */
export interface SilenceRow {
  readonly id: string;
  /** Any of the sets must match, each by all of its matchers. */
  readonly matcherSets: readonly (readonly StoredMatcher[])[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly updatedAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** The collector forgets it from here on. */
  readonly expiresAtMs: number;
}

const UPSERT = upsertStatement(
  'silences',
  ['id'],
  [
    'matcher_sets',
    'starts_at_ms',
    'ends_at_ms',
    'updated_at_ms',
    'created_by',
    'comment',
    'annotations',
    'expires_at_ms',
  ],
);

/** The silences. */
export class SilenceRepository {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  /** Every silence, the one changed least recently first. */
  async list(): Promise<SilenceRow[]> {
    const rows = await this.#database.all('SELECT * FROM silences ORDER BY updated_at_ms, id');
    return rows.map((row) => {
      const read = new RowReader('silences', row);
      return {
        id: read.text('id'),
        matcherSets: read.json('matcher_sets', isMatcherSets),
        startsAtMs: read.integer('starts_at_ms'),
        endsAtMs: read.integer('ends_at_ms'),
        updatedAtMs: read.integer('updated_at_ms'),
        createdBy: read.text('created_by'),
        comment: read.text('comment'),
        annotations: read.json('annotations', isTextRecord),
        expiresAtMs: read.integer('expires_at_ms'),
      };
    });
  }

  /** Writes silences (by id) in one transaction. */
  async save(silences: readonly SilenceRow[]): Promise<void> {
    await this.#database.transaction(async (tx) => {
      for (const silence of silences) {
        await tx.run(
          UPSERT,
          silence.id,
          JSON.stringify(
            silence.matcherSets.map((set) => set.map(({ name, op, value }) => ({ name, op, value }))),
          ),
          silence.startsAtMs,
          silence.endsAtMs,
          silence.updatedAtMs,
          silence.createdBy,
          silence.comment,
          JSON.stringify(silence.annotations),
          silence.expiresAtMs,
        );
      }
    });
  }

  /** Forgets silences whose `expiresAtMs` has come; resolves to how many. */
  removeExpired(nowMs: number): Promise<number> {
    return this.#database.run('DELETE FROM silences WHERE expires_at_ms <= ?', nowMs);
  }
}

function isMatcherSets(value: unknown): value is StoredMatcher[][] {
  return Array.isArray(value) && value.every((set) => Array.isArray(set) && set.every(isStoredMatcher));
}

function isStoredMatcher(value: unknown): value is StoredMatcher {
  if (typeof value !== 'object' || value === null) return false;
  const matcher = value as Record<string, unknown>;
  return (
    typeof matcher['name'] === 'string' &&
    typeof matcher['value'] === 'string' &&
    ['=', '!=', '=~', '!~'].includes(matcher['op'] as string)
  );
}
