import { DatabaseSync } from 'node:sqlite';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { SqliteDatabase } from '../../../src/core/system/sqlite-database.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-sql-'));
  folders.push(folder);
  return folder;
}

describe('SqliteDatabase', () => {
  test('transactions asked for together all commit, a failing one leaves nothing and fails alone', async () => {
    const database = SqliteDatabase.open(':memory:');
    await database.run('CREATE TABLE t (a INTEGER)');
    const outcomes = await Promise.allSettled([
      database.transaction((tx) => tx.run('INSERT INTO t VALUES (?)', 1)),
      database.transaction(async (tx) => {
        await tx.run('INSERT INTO t VALUES (?)', 2);
        throw new Error('no');
      }),
      database.transaction((tx) => tx.run('INSERT INTO t VALUES (?)', 3)),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await database.all('SELECT a FROM t ORDER BY a')).toEqual([{ a: 1 }, { a: 3 }]);
    await database.close();
  });

  test('a wrong statement rejects with a code and the database lives on', async () => {
    const database = SqliteDatabase.open(':memory:');
    await expect(database.run('INSERT INTO nowhere VALUES (1)')).rejects.toMatchObject({
      code: 'TOCSIN_ERR_STATE',
      message: expect.stringContaining('no such table: nowhere'),
    });
    await database.run('CREATE TABLE t (a INTEGER)');
    await database.close();
  });

  test('what was resolved is there after the process is gone', async () => {
    const path = join(newFolder(), 'state.db');
    const first = SqliteDatabase.open(path);
    await first.run('CREATE TABLE t (a INTEGER)');
    await first.run('INSERT INTO t VALUES (7)');
    first.abandon();
    const second = SqliteDatabase.open(path);
    expect(await second.all('SELECT a FROM t')).toEqual([{ a: 7 }]);
    await second.close();
  });

  test('a view over a surviving database loses the transaction it was abandoned in', async () => {
    const disk = new DatabaseSync(':memory:');
    const first = SqliteDatabase.over(disk);
    await first.run('CREATE TABLE t (a INTEGER)');
    const { promise: stuck, resolve: release } = Promise.withResolvers<void>();
    const lost = first.transaction(async (tx) => {
      await tx.run('INSERT INTO t VALUES (1)');
      await stuck;
    });
    await Promise.resolve();
    await Promise.resolve();
    first.abandon();
    release();
    await expect(lost).rejects.toMatchObject({ code: 'TOCSIN_ERR_STATE' });
    const second = SqliteDatabase.over(disk);
    expect(await second.all('SELECT a FROM t')).toEqual([]);
    await second.close();
  });

  test('a path that cannot be opened names it', () => {
    expect(() => SqliteDatabase.open('/nonexistent/folder/state.db')).toThrow(
      /cannot open the state database .*state\.db/,
    );
  });
});
