import type { SqlDatabase } from '../../core/ports.ts';
import { AlertRepository } from './alert-repository.ts';
import { HistoryRepository } from './history-repository.ts';
import { migrate } from './migrations.ts';
import { NotificationRepository } from './notification-repository.ts';
import { SilenceRepository } from './silence-repository.ts';

/**
 * The small durable state: alerts, silences, notification log, outbox, history. What a resolved promise acknowledges is
 * on disk. The SQL is what SQLite and PostgreSQL share.
 */
export class StateStore {
  readonly alerts: AlertRepository;
  readonly silences: SilenceRepository;
  readonly notifications: NotificationRepository;
  readonly history: HistoryRepository;
  readonly #database: SqlDatabase;

  private constructor(database: SqlDatabase) {
    this.#database = database;
    this.alerts = new AlertRepository(database);
    this.silences = new SilenceRepository(database);
    this.notifications = new NotificationRepository(database);
    this.history = new HistoryRepository(database);
  }

  /** Takes over a database and brings its schema up to date. Throws TOCSIN_ERR_STATE. */
  static async open(database: SqlDatabase, nowMs: number): Promise<StateStore> {
    await migrate(database, nowMs);
    return new StateStore(database);
  }

  /** Waits for what is being written and closes the database. */
  close(): Promise<void> {
    return this.#database.close();
  }
}
