import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { FileSystem } from '../../../src/core/ports.ts';
import { NodeFileSystem } from '../../../src/core/system/node-file-system.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';

const realRoot = mkdtempSync(join(tmpdir(), 'tocsin-files-'));
afterAll(() => {
  rmSync(realRoot, { recursive: true });
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const shown = (data: Uint8Array): string => new TextDecoder().decode(data);

describe.each<[string, FileSystem, string]>([
  ['NodeFileSystem', new NodeFileSystem(), realRoot],
  ['MemoryFileSystem', new MemoryFileSystem(), '/root'],
])('%s', (_, files, root) => {
  test('appends, reads at a place, truncates', async () => {
    await files.makeFolder(`${root}/a/b`);
    const path = `${root}/a/b/log`;
    const handle = await files.open(path, 'append');
    await handle.append(bytes('hello '));
    await handle.append(bytes('world'));
    await handle.sync();
    const into = new Uint8Array(8);
    expect(await handle.read(into, 2, 5, 6)).toBe(5);
    expect(shown(into.subarray(2, 7))).toBe('world');
    expect(await handle.read(into, 0, 8, 11)).toBe(0);
    await handle.truncate(5);
    await handle.append(bytes('!'));
    await handle.close();
    expect(shown(await files.readFile(path))).toBe('hello!');
    expect(await files.stat(path)).toMatchObject({ sizeBytes: 6, isDirectory: false });
    const again = await files.open(path, 'append');
    await again.append(bytes('?'));
    await again.close();
    expect(shown(await files.readFile(path))).toBe('hello!?');
  });

  test('replaces, renames, lists and removes', async () => {
    await files.makeFolder(`${root}/c`);
    await files.replaceFile(`${root}/c/one`, bytes('1'));
    await files.replaceFile(`${root}/c/one`, bytes('2'));
    expect(shown(await files.readFile(`${root}/c/one`))).toBe('2');
    await files.rename(`${root}/c`, `${root}/d`);
    await files.syncFolder(`${root}/d`);
    expect(await files.list(`${root}/d`)).toEqual(['one']);
    expect(await files.stat(`${root}/c`)).toBeUndefined();
    await files.remove(`${root}/d`);
    expect(await files.stat(`${root}/d/one`)).toBeUndefined();
    await files.remove(`${root}/d`);
  });

  test('failures carry a code, name the path and keep the cause’s code', async () => {
    await expect(files.readFile(`${root}/missing`)).rejects.toMatchObject({
      code: 'TOCSIN_ERR_STORAGE',
      message: expect.stringContaining(`${root}/missing`),
      cause: { code: 'ENOENT' },
    });
    await expect(files.open(`${root}/none/x`, 'append')).rejects.toMatchObject({ cause: { code: 'ENOENT' } });
    await expect(files.list(`${root}/none`)).rejects.toMatchObject({ cause: { code: 'ENOENT' } });
  });
});

describe('MemoryFileSystem', () => {
  test('a power cut loses what was not synced', async () => {
    const files = new MemoryFileSystem();
    const handle = await files.open('/log', 'append');
    await handle.append(bytes('kept'));
    await handle.sync();
    await files.syncFolder('/');
    await handle.append(bytes(' lost'));
    files.losePower();
    expect(shown(await files.readFile('/log'))).toBe('kept');
  });

  test('a power cut keeps some pages of what was not synced, with zeros between', async () => {
    const files = new MemoryFileSystem();
    const handle = await files.open('/log', 'append');
    await files.syncFolder('/');
    await handle.append(new Uint8Array(3 * 4096).fill(7));
    const survives = [false, true, false];
    files.losePower(() => survives.shift()!);
    const left = await files.readFile('/log');
    expect(left).toEqual(new Uint8Array(2 * 4096).fill(7, 4096));
  });

  test('pages whose sync failed are not on the disk after another sync', async () => {
    const files = new MemoryFileSystem();
    const handle = await files.open('/log', 'append');
    await files.syncFolder('/');
    await handle.append(new Uint8Array(4096).fill(1));
    files.fault = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined);
    await expect(handle.sync()).rejects.toMatchObject({ cause: { code: 'EIO' } });
    files.fault = undefined;
    await handle.append(new Uint8Array(4096).fill(2));
    await handle.sync();
    expect((await files.readFile('/log'))[0]).toBe(1);
    files.losePower();
    const left = await files.readFile('/log');
    expect([left[0], left[4096]]).toEqual([0, 2]);
  });

  test('a power cut undoes changes of names in folders that were not synced, the last ones first', async () => {
    const files = new MemoryFileSystem();
    await files.makeFolder('/a');
    for (const name of ['one', 'two']) await files.replaceFile(`/a/${name}`, bytes(name));
    await files.rename('/a/one', '/a/three');
    await files.syncFolder('/a');
    await files.rename('/a/three', '/a/two');
    await files.remove('/a/two');
    files.losePower();
    expect(await files.list('/a')).toEqual(['three', 'two']);
    expect(shown(await files.readFile('/a/two'))).toBe('two');
    await files.remove('/a/two');
    await files.rename('/a/three', '/a/four');
    const survives = [true, false];
    files.losePower(() => survives.shift()!);
    expect(await files.list('/a')).toEqual(['three']);
  });

  test('a fault tears a write where it is told to', async () => {
    const files = new MemoryFileSystem();
    const handle = await files.open('/log', 'append');
    files.fault = ({ kind }) => (kind === 'append' ? { code: 'ENOSPC', writtenBytes: 2 } : undefined);
    await expect(handle.append(bytes('hello'))).rejects.toMatchObject({ cause: { code: 'ENOSPC' } });
    files.fault = undefined;
    expect(shown(await files.readFile('/log'))).toBe('he');
  });
});
