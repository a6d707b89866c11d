import { describe, expect, it } from 'vitest';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import type { FileFault, FileOperation } from '../../../src/core/testing/memory-file-system.ts';
import { ownCounters } from '../../../src/storage/tsdb/wal/wal-counters.ts';
import { WalWriter } from '../../../src/storage/tsdb/wal/wal-writer.ts';
import { Lines, commit, contents, open } from './small-log.ts';

const SERIES = 300;

function failing(kind: FileOperation['kind'], code: FileFault['code'], where: RegExp) {
  return (operation: FileOperation): FileFault | undefined =>
    operation.kind === kind && where.test(operation.path) ? { code } : undefined;
}

function makeWriter(files: MemoryFileSystem, log: Lines): WalWriter {
  return new WalWriter({
    files,
    folder: '/wal',
    segment: 0,
    counters: ownCounters(),
    monotonicMs: () => 0,
    segmentBytes: 64 * 1024,
    compression: 'none',
    rescue: { logger: log, onVanished: () => undefined },
  });
}

describe('a log whose sync fails', () => {
  const record = (number: number): Uint8Array => new Uint8Array(5000).map((_, i) => (i * 31 + number) & 0xff);

  it('is written again, so that a power cut after the next sync loses nothing', async () => {
    const files = new MemoryFileSystem();
    await files.makeFolder('/wal');
    const log = new Lines();
    const writer = makeWriter(files, log);
    await writer.start();
    writer.log(record(1), false);
    await writer.flush();
    files.fault = failing('sync', 'EIO', /\/00000000$/);
    // The second try goes to another file, whose sync works.
    await writer.sync();
    files.fault = undefined;
    writer.log(record(2), false);
    await writer.flush();
    await writer.sync();
    const written = await files.readFile('/wal/00000000');
    const next = await files.readFile('/wal/00000001');
    files.losePower();
    expect(await files.readFile('/wal/00000000')).toEqual(written);
    expect(await files.readFile('/wal/00000001')).toEqual(next);
    expect(log.lines.map((line) => /synced, it is written again|was written again/.exec(line)?.[0])).toEqual([
      'synced, it is written again',
      'was written again',
    ]);
  });

  it('says so until it could be written again', async () => {
    const files = new MemoryFileSystem();
    await files.makeFolder('/wal');
    const writer = makeWriter(files, new Lines());
    await writer.start();
    writer.log(record(1), false);
    await writer.flush();
    files.fault = failing('sync', 'EIO', /wal/);
    for (let i = 0; i < 3; i++) await expect(writer.sync()).rejects.toThrow('not safe from a power cut');
    files.fault = undefined;
    await writer.sync();
    const written = await files.readFile('/wal/00000000');
    files.losePower();
    expect(await files.readFile('/wal/00000000')).toEqual(written);
    expect(await files.list('/wal')).toEqual(['00000000']);
  });

  it('at the end of a segment rejects nobody, and is written again at the next sync', async () => {
    const files = new MemoryFileSystem();
    await files.makeFolder('/wal');
    const writer = makeWriter(files, new Lines());
    await writer.start();
    files.fault = failing('sync', 'EIO', /\/00000000$/);
    for (let i = 0; i < 20; i++) {
      writer.log(record(i), false);
      await writer.flush();
    }
    expect(writer.segment).toBeGreaterThan(0);
    await writer.close();
    const before = await Promise.all(files.paths().map((path) => files.readFile(path)));
    files.losePower();
    expect(await Promise.all(files.paths().map((path) => files.readFile(path)))).toEqual(before);
  });

  it('is not left unsynced because a write failed after it', async () => {
    const files = new MemoryFileSystem();
    await files.makeFolder('/wal');
    const writer = makeWriter(files, new Lines());
    await writer.start();
    writer.log(record(1), false);
    await writer.flush();
    const written = await files.readFile('/wal/00000000');
    files.fault = failing('append', 'ENOSPC', /wal/);
    writer.log(record(2), false);
    await expect(writer.flush()).rejects.toThrow('ENOSPC');
    await writer.sync();
    files.losePower();
    expect(await files.readFile('/wal/00000000')).toEqual(written);
  });

  it('fails a log that is written once, as a checkpoint is', async () => {
    const files = new MemoryFileSystem();
    await files.makeFolder('/wal');
    const options = { files, folder: '/wal', segment: 0, counters: ownCounters(), monotonicMs: () => 0 };
    const writer = new WalWriter(options);
    await writer.start();
    writer.log(record(1), false);
    files.fault = failing('sync', 'EIO', /wal/);
    await expect(writer.close()).rejects.toThrow('EIO');
  });
});

describe('a folder that is removed while the program runs', () => {
  it('is made anew, said, and names all series again', async () => {
    const files = new MemoryFileSystem();
    const log = new Lines();
    const tsdb = await open(files, log);
    expect(await commit(tsdb, 0, SERIES, 0)).toBe(true);
    await files.remove('/data/wal');
    // Nobody notices before the next look, within ten seconds.
    expect(await commit(tsdb, 1, SERIES, 0)).toBe(true);
    await tsdb.syncLogs();
    expect(log.lines.filter((line) => line.includes('was removed and is made anew'))).toHaveLength(1);
    expect(await commit(tsdb, 2, SERIES, 0)).toBe(true);
    await tsdb.close();
    const again = await open(files);
    expect([...(await contents(again))].filter((sample) => sample.endsWith('@2'))).toHaveLength(SERIES);
    await again.close();
  });

  it('rejects what was under way, at the end of a segment, and takes what comes then', async () => {
    const files = new MemoryFileSystem();
    const log = new Lines();
    const tsdb = await open(files, log);
    expect(await commit(tsdb, 0, SERIES, 0)).toBe(true);
    await files.remove('/data');
    const outcomes: boolean[] = [];
    for (let tick = 1; tick < 60; tick++) outcomes.push(await commit(tsdb, tick, SERIES, 0));
    expect(outcomes.filter((isSafe) => !isSafe)).toHaveLength(1);
    expect(log.lines.filter((line) => line.includes('was removed and is made anew'))).toHaveLength(1);
    await tsdb.close();
    const again = await open(files);
    const found = await contents(again);
    const since = outcomes.indexOf(false) + 2;
    for (let tick = since; tick < 60; tick++) expect(found).toContain(`pod-${SERIES - 1}@${tick}`);
    await again.close();
  });
});
