import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { SqliteDatabase } from '../../../src/core/system/sqlite-database.ts';
import { StateStore } from '../../../src/storage/index.ts';
import type {
  AlertRow,
  HistoryRow,
  KeyedLogEntry,
  NotificationKey,
  OutboxRow,
  SilenceRow,
} from '../../../src/storage/index.ts';
import { MIGRATIONS } from '../../../src/storage/state/migrations.ts';

const NOW = Date.UTC(2026, 0, 5);
const folder = mkdtempSync(join(tmpdir(), 'tocsin-state-'));
let files = 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const KEY: NotificationKey = { groupKey: '{}:{a="é"}', receiver: 'r', integration: 'webhook', index: 0 };

function alertRow(fingerprint: string, change: Partial<AlertRow> = {}): AlertRow {
  return {
    fingerprint,
    labels: Labels.fromObject({ alertname: 'A', 'ü "': 'x\n' }),
    annotations: Labels.fromObject({ summary: '🙂' }),
    startsAtMs: NOW,
    endsAtMs: NOW + 1,
    updatedAtMs: NOW,
    generatorUrl: 'http://x/?a=b&c',
    timeout: true,
    ...change,
  };
}

function outboxRow(id: string, change: Partial<OutboxRow> = {}): OutboxRow {
  return {
    id,
    key: KEY,
    state: 'pending',
    createdAtMs: NOW,
    updatedAtMs: NOW,
    attempts: 0,
    nextAttemptMs: NOW,
    ambiguous: false,
    lastError: '',
    payload: '{"a":1}',
    ...change,
  };
}

function entryOf(key: NotificationKey, change: Partial<KeyedLogEntry['entry']> = {}): KeyedLogEntry {
  return {
    key,
    entry: {
      timestampMs: NOW,
      firing: ['f1', 'f2'],
      resolved: [],
      muted: ['m'],
      expiresAtMs: NOW + 9,
      ...change,
    },
  };
}

describe.each(['memory', 'file'])('state in %s', (kind) => {
  const isFile = kind === 'file';
  let path = '';
  let database: SqliteDatabase;
  let state: StateStore;

  beforeEach(async () => {
    path = isFile ? join(folder, `${files++}.db`) : ':memory:';
    database = SqliteDatabase.open(path);
    state = await StateStore.open(database, NOW);
  });
  afterEach(() => state.close());

  test('migrations are applied once and noted', async () => {
    await StateStore.open(database, NOW + 1);
    const rows = await database.all('SELECT version, applied_at_ms FROM schema_migrations ORDER BY version');
    expect(rows.map((row) => ({ ...row }))).toEqual(
      MIGRATIONS.map(({ version }) => ({ version, applied_at_ms: NOW })),
    );
  });

  test('a database of a newer program is refused', async () => {
    await database.run(
      `INSERT INTO schema_migrations (version, name, applied_at_ms) VALUES (99, 'later', 0)`,
    );
    await expect(StateStore.open(database, NOW)).rejects.toMatchObject({
      code: 'TOCSIN_ERR_STATE',
      message: expect.stringContaining('has schema 99'),
    });
  });

  test.runIf(isFile)('everything is there after closing and opening again', async () => {
    await state.alerts.write({ rows: [alertRow('1')], removed: [], history: [], aliveMs: NOW });
    await state.notifications.commit([outboxRow('o')], [entryOf(KEY)]);
    await state.close();
    database = SqliteDatabase.open(path);
    state = await StateStore.open(database, NOW);
    expect(await state.alerts.list()).toEqual([alertRow('1')]);
    expect(await state.notifications.listOpenRows()).toEqual([outboxRow('o')]);
    expect(await state.notifications.findEntry(KEY)).toEqual(entryOf(KEY).entry);
  });

  describe('alerts', () => {
    test('are written by fingerprint and come back equal', async () => {
      expect(await state.alerts.aliveMs()).toBeUndefined();
      await state.alerts.write({
        rows: [alertRow('1'), alertRow('2')],
        removed: [],
        history: [],
        aliveMs: NOW,
      });
      const changed = alertRow('1', { endsAtMs: NOW + 5, timeout: false });
      await state.alerts.write({ rows: [changed], removed: ['2', 'nobody'], history: [], aliveMs: NOW + 1 });
      expect(await state.alerts.list()).toEqual([changed]);
      expect(await state.alerts.aliveMs()).toBe(NOW + 1);
    });

    test('a batch is written whole or not at all', async () => {
      const twice: HistoryRow = { id: 'h', atMs: NOW, kind: 'k', subject: 's', detail: '{}' };
      const batch = { rows: [alertRow('1')], removed: [], history: [twice, twice], aliveMs: NOW };
      await expect(state.alerts.write(batch)).rejects.toMatchObject({ code: 'TOCSIN_ERR_STATE' });
      expect(await state.alerts.list()).toEqual([]);
      expect(await state.history.query({ limit: 9 })).toEqual([]);
    });

    test.each([
      ['labels', 'not json'],
      ['labels', '["a"]'],
      ['annotations', '{"a":1}'],
    ])('a damaged %s column is named', async (column, value) => {
      await state.alerts.write({ rows: [alertRow('1')], removed: [], history: [], aliveMs: NOW });
      await database.run(`UPDATE alerts SET ${column} = ?`, value);
      await expect(state.alerts.list()).rejects.toMatchObject({
        code: 'TOCSIN_ERR_STATE',
        message: expect.stringContaining(`alerts has an unreadable ${column}`),
      });
    });
  });

  describe('silences', () => {
    const silence = (id: string, change: Partial<SilenceRow> = {}): SilenceRow => ({
      id,
      matcherSets: [[{ name: 'a', op: '=~', value: 'b|"c"' }], [{ name: 'd', op: '!=', value: '' }]],
      startsAtMs: NOW,
      endsAtMs: NOW + 1,
      updatedAtMs: NOW,
      createdBy: 'me',
      comment: 'why — because',
      annotations: { k: 'v' },
      expiresAtMs: NOW + 9,
      ...change,
    });

    test('are saved by id, listed by change, and go when they expire', async () => {
      await state.silences.save([silence('b'), silence('a', { expiresAtMs: NOW + 10 })]);
      const changed = silence('a', { updatedAtMs: NOW - 1, comment: 'other', expiresAtMs: NOW + 10 });
      await state.silences.save([changed]);
      expect(await state.silences.list()).toEqual([changed, silence('b')]);
      expect(await state.silences.removeExpired(NOW + 8)).toBe(0);
      expect(await state.silences.removeExpired(NOW + 9)).toBe(1);
      expect(await state.silences.list()).toEqual([changed]);
    });

    test('a damaged row is named', async () => {
      await state.silences.save([silence('a')]);
      await database.run('UPDATE silences SET matcher_sets = ?', '[[{"name":"a","op":"~","value":"b"}]]');
      await expect(state.silences.list()).rejects.toThrow(/silences has an unreadable matcher_sets/);
    });
  });

  describe('notifications', () => {
    test('a log entry is found by every part of its key', async () => {
      const keys = [
        KEY,
        { ...KEY, index: 1 },
        { ...KEY, integration: 'slack' },
        { ...KEY, receiver: 's' },
        { ...KEY, groupKey: '{}' },
      ];
      await state.notifications.commit(
        [],
        keys.map((key, i) => entryOf(key, { timestampMs: NOW + i })),
      );
      for (const [i, key] of keys.entries()) {
        expect(await state.notifications.findEntry(key)).toMatchObject({ timestampMs: NOW + i });
      }
      expect(await state.notifications.findEntry({ ...KEY, index: 7 })).toBeUndefined();
      expect((await state.notifications.listEntries()).map(({ key }) => key)).toEqual(keys);
    });

    test('rows and entries are written together, replacing what was there', async () => {
      await state.notifications.commit([outboxRow('o')], []);
      const sent = outboxRow('o', {
        state: 'sent',
        attempts: 2,
        ambiguous: true,
        lastError: 'x',
        updatedAtMs: NOW + 1,
      });
      const told = entryOf(KEY, { firing: [], resolved: ['f1'] });
      await state.notifications.commit([sent], [told]);
      expect(await state.notifications.listRows({ limit: 9 })).toEqual([sent]);
      expect(await state.notifications.findEntry(KEY)).toEqual(told.entry);
      expect(await state.notifications.listOpenRows()).toEqual([]);
    });

    test('open rows come oldest first, others newest first', async () => {
      await state.notifications.commit(
        [
          outboxRow('c', { createdAtMs: NOW + 2 }),
          outboxRow('a', { createdAtMs: NOW, state: 'sending' }),
          outboxRow('b', { createdAtMs: NOW + 1, state: 'failed', key: { ...KEY, groupKey: 'other' } }),
          outboxRow('d', { createdAtMs: NOW + 3, state: 'withdrawn' }),
        ],
        [],
      );
      const ids = (rows: readonly OutboxRow[]): string => rows.map(({ id }) => id).join('');
      const { notifications } = state;
      expect(ids(await notifications.listOpenRows())).toBe('ac');
      expect(ids(await notifications.listRows({ limit: 3 }))).toBe('dcb');
      expect(ids(await notifications.listRows({ states: ['failed', 'sending'], limit: 9 }))).toBe('ba');
      expect(ids(await notifications.listRows({ groupKey: KEY.groupKey, limit: 9 }))).toBe('dca');
      expect(ids(await notifications.listRows({ states: [], limit: 9 }))).toBe('');
      expect(await notifications.openSummary()).toEqual({ count: 2, oldestCreatedAtMs: NOW });
    });

    test('with nothing open there is no oldest', async () => {
      expect(await state.notifications.openSummary()).toEqual({ count: 0, oldestCreatedAtMs: undefined });
    });

    test('a purge takes old closed rows and expired entries, never open rows', async () => {
      await state.notifications.commit(
        [
          outboxRow('open'),
          outboxRow('old', { state: 'sent' }),
          outboxRow('new', { state: 'sent', updatedAtMs: NOW + 5 }),
        ],
        [entryOf(KEY), entryOf({ ...KEY, index: 1 }, { expiresAtMs: NOW + 10 })],
      );
      expect(await state.notifications.purge(NOW + 5, NOW + 9)).toBe(2);
      expect((await state.notifications.listRows({ limit: 9 })).map(({ id }) => id)).toEqual(['new', 'open']);
      expect((await state.notifications.listEntries()).map(({ key }) => key.index)).toEqual([1]);
    });

    test('a row in an unknown state is an error', async () => {
      await state.notifications.commit([outboxRow('o')], []);
      await database.run(`UPDATE outbox SET attempts = 'x'`);
      await expect(state.notifications.listOpenRows()).rejects.toThrow(/outbox has an unreadable attempts/);
    });
  });

  describe('history', () => {
    const row = (id: string, atMs: number, subject = 's'): HistoryRow => ({
      id,
      atMs,
      kind: 'k',
      subject,
      detail: '{}',
    });

    test('newest first, by subject and time', async () => {
      await state.history.append([row('a', NOW), row('b', NOW + 1), row('c', NOW + 2, 'other')]);
      const ids = async (query: Parameters<typeof state.history.query>[0]): Promise<string> =>
        (await state.history.query(query)).map(({ id }) => id).join('');
      expect(await ids({ limit: 9 })).toBe('cba');
      expect(await ids({ limit: 1 })).toBe('c');
      expect(await ids({ limit: 9, subject: 's' })).toBe('ba');
      expect(await ids({ limit: 9, fromMs: NOW + 1, toMs: NOW + 2 })).toBe('b');
      expect(await state.history.purge(NOW + 1)).toBe(1);
      expect(await ids({ limit: 9 })).toBe('cb');
    });
  });
});
