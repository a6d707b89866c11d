import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/core/log.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { type ProcessIdentity, lockFolder } from '../../../src/storage/tsdb/lock-file.ts';

/** A process on a machine where others run, each id with the mark of its birth. */
function processOf(pid: number, running: Readonly<Record<number, string>>): ProcessIdentity {
  return {
    pid,
    isAlive: (other) => other in running,
    birthMark: (other) => running[other] ?? '',
  };
}

async function folderWith(lock: string): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  await files.makeFolder('/data');
  if (lock !== '') files.put('/data/lock', lock);
  return files;
}

describe('the lock of a data folder', () => {
  test.each([
    ['there is none', '', false],
    ['its owner is dead', '7 boot/1\n', true],
    ['its owner is dead and the id belongs to another process now', '5 boot/1\n', true],
    ['it is left from an earlier process with our id', '9 boot/1\n', true],
    ['only garbage is in it', 'hello\n\n', false],
  ])('is taken when %s', async (_, lock, wasStale) => {
    const files = await folderWith(lock);
    const held = await lockFolder(
      files,
      '/data',
      processOf(9, { 5: 'boot/500', 9: 'boot/900' }),
      silentLogger,
    );
    expect(held.wasStale).toBe(wasStale);
    await held.release();
    expect(await files.stat('/data/lock')).toBeUndefined();
  });

  test.each([
    ['its owner runs', '5 boot/500\n'],
    ['its owner runs and nobody knows when it was born', '5\n'],
  ])('is refused when %s', async (_, lock) => {
    const files = await folderWith(lock);
    const taking = lockFolder(files, '/data', processOf(9, { 5: 'boot/500', 9: 'boot/900' }), silentLogger);
    await expect(taking).rejects.toMatchObject({
      code: 'TOCSIN_ERR_DATA_FOLDER',
      message: expect.stringContaining('in use by process 5'),
    });
  });

  test('a refused process leaves no trace that could stop the next one', async () => {
    const files = await folderWith('5 boot/500\n');
    const refused = processOf(9, { 5: 'boot/500', 9: 'boot/900' });
    await expect(lockFolder(files, '/data', refused, silentLogger)).rejects.toThrow(/in use/);
    // Both have gone, and the id of the refused one was given to something else.
    const next = processOf(12, { 9: 'boot/9999', 12: 'boot/1200' });
    await expect(lockFolder(files, '/data', next, silentLogger)).resolves.toMatchObject({ wasStale: true });
  });

  test('half a line of a full disk is not taken for the id of a process that lives', async () => {
    // Of "1234 boot/7", written by one that is gone; 1 always runs.
    const files = await folderWith('1');
    const held = await lockFolder(files, '/data', processOf(9, { 1: 'boot/1', 9: 'boot/900' }), silentLogger);
    await held.release();
  });

  test.each([
    ['takes nothing', 'append', 'ENOSPC'],
    ['may only be read', 'append', 'EROFS'],
    ['does not give the lock', 'read', 'EIO'],
  ] as const)('a disk that %s does not keep anybody from starting', async (_, kind, code) => {
    const files = await folderWith('7 boot/1\n');
    files.fault = (operation) => (operation.kind === kind ? { code } : undefined);
    const held = await lockFolder(files, '/data', processOf(9, { 9: 'boot/900' }), silentLogger);
    await held.release();
  });

  test('a disk that takes nothing still says who has the folder', async () => {
    const files = await folderWith('5 boot/500\n');
    files.fault = ({ kind }) => (kind === 'append' ? { code: 'ENOSPC' } : undefined);
    const taking = lockFolder(files, '/data', processOf(9, { 5: 'boot/500', 9: 'boot/900' }), silentLogger);
    await expect(taking).rejects.toThrow('in use by process 5');
  });
});
