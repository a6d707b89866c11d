import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import type { FileSystem } from '../../../src/core/ports.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { NodeFileSystem } from '../../../src/core/system/node-file-system.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import type { ReadableStorage } from '../../../src/storage/seam.ts';
import { Tsdb, TsdbReader } from '../../../src/storage/tsdb/index.ts';
import type { StorageAnnouncement } from '../../../src/storage/tsdb/index.ts';

const HOUR_MS = 3600_000;
const START = 1_700_006_400_000 - (1_700_006_400_000 % (54 * HOUR_MS));
const HOURS = 11;
const ALL_HOURS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

let seed = 1;
const opened: Tsdb[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const tsdb of opened.splice(0)) await tsdb.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function open(files: FileSystem, path = '/data'): Promise<Tsdb> {
  const tsdb = await Tsdb.open({
    files,
    path,
    clock: new VirtualClock(START + HOURS * HOUR_MS),
    logger: silentLogger,
    registry: createRegistry(),
    // Names of blocks must differ from those of the run before.
    random: new SeededRandom(seed++),
    retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
    // Blocks stay as they are written.
    maxBlockMs: 2 * HOUR_MS,
    lock: undefined,
  });
  opened.push(tsdb);
  return tsdb;
}

/** Eleven hours of two pods: blocks of hours 0 to 7, the others in memory. */
async function fill(tsdb: Tsdb): Promise<void> {
  for (const hour of ALL_HOURS) {
    const tMs = START + hour * HOUR_MS;
    const appender = tsdb.appender(tMs);
    for (const pod of ['a', 'b'])
      appender.append(appender.series(Labels.fromObject({ __name__: 'm', pod })), tMs, hour);
    await appender.commit();
  }
  await tsdb.maintain();
}

async function hours(storage: ReadableStorage, pod: string): Promise<number[]> {
  const querier = storage.querier(0, 2 ** 50);
  const matchers = [new Matcher('pod', '=', pod)];
  const cursor = await querier.select(matchers, { minMs: 0, maxMs: 2 ** 50, limit: 0 });
  const into = new SampleBuffer();
  if (cursor.next()) cursor.read(0, 2 ** 50, into);
  querier.close();
  return Array.from(into.values.subarray(0, into.length));
}

function hasPromtool(): boolean {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const POD_A = [new Matcher('pod', '=', 'a')];

describe('deleting', () => {
  it('takes samples out of all answers, here and in other threads, and over a restart', async () => {
    const files = new MemoryFileSystem();
    const tsdb = await open(files);
    await fill(tsdb);
    const news: StorageAnnouncement[] = [];
    const lease = tsdb.leaseReader((announcement) => news.push(announcement));
    const reader = new TsdbReader(lease.data, { drain: () => news.splice(0) }, files);
    expect(await hours(reader, 'a')).toEqual(ALL_HOURS);
    await tsdb.admin.deleteSeries(POD_A, START + HOUR_MS, START + 4 * HOUR_MS);
    const left = [0, 5, 6, 7, 8, 9, 10];
    expect(await hours(tsdb, 'a')).toEqual(left);
    expect(await hours(reader, 'a')).toEqual(left);
    expect(await hours(reader, 'b')).toEqual(ALL_HOURS);
    expect(tsdb.blocks.map(({ meta }) => meta.stats.numTombstones)).toEqual([1, 1, 1, 0]);
    lease.release();
    await opened.pop()!.close();
    const again = await open(files);
    expect(await hours(again, 'a')).toEqual(left);
    expect(again.blocks.map(({ meta }) => meta.stats.numTombstones)).toEqual([1, 1, 1, 0]);
  });

  it('twice unites what is deleted', async () => {
    const tsdb = await open(new MemoryFileSystem());
    await fill(tsdb);
    await tsdb.admin.deleteSeries(POD_A, START, START);
    await tsdb.admin.deleteSeries(POD_A, START + HOUR_MS, START + HOUR_MS);
    await tsdb.admin.deleteSeries([new Matcher('pod', '=~', '.+')], START, START + HOUR_MS);
    expect(await hours(tsdb, 'a')).toEqual(ALL_HOURS.slice(2));
    expect(await hours(tsdb, 'b')).toEqual(ALL_HOURS.slice(2));
    expect(tsdb.blocks[0]!.meta.stats.numTombstones).toBe(2);
  });

  it('is written into blocks by cleaning, and a block with nothing left goes', async () => {
    const files = new MemoryFileSystem();
    const tsdb = await open(files);
    await fill(tsdb);
    await tsdb.admin.deleteSeries(POD_A, START + 2 * HOUR_MS, START + 2 * HOUR_MS);
    await tsdb.admin.deleteSeries([new Matcher('__name__', '=', 'm')], START, START + HOUR_MS);
    const before = tsdb.blocks.map(({ name }) => name);
    await tsdb.admin.cleanTombstones();
    const after = tsdb.blocks.map(({ name }) => name);
    expect(after.slice(1)).toEqual(before.slice(2));
    expect(after[0]).not.toBe(before[1]);
    expect(tsdb.blocks[0]!.meta.stats).toMatchObject({ numSamples: 3, numTombstones: 0 });
    expect(await hours(tsdb, 'a')).toEqual(ALL_HOURS.slice(3));
    expect(await hours(tsdb, 'b')).toEqual(ALL_HOURS.slice(2));
  });

  it('takes samples out of memory, here and in other threads, over restarts, and when they go into a block', async () => {
    const files = new MemoryFileSystem();
    let tsdb = await open(files);
    await fill(tsdb);
    const news: StorageAnnouncement[] = [];
    const lease = tsdb.leaseReader((announcement) => news.push(announcement));
    const reader = new TsdbReader(lease.data, { drain: () => news.splice(0) }, files);
    await tsdb.admin.deleteSeries(POD_A, START + 9 * HOUR_MS, 2 ** 51);
    const left = ALL_HOURS.slice(0, 9);
    expect(await hours(tsdb, 'a')).toEqual(left);
    expect(await hours(reader, 'a')).toEqual(left);
    expect(await hours(reader, 'b')).toEqual(ALL_HOURS);
    lease.release();
    const late = tsdb.leaseReader(() => undefined);
    expect(await hours(new TsdbReader(late.data, { drain: () => [] }, files), 'a')).toEqual(left);
    late.release();
    await opened.pop()!.close();
    tsdb = await open(files);
    expect(await hours(tsdb, 'a')).toEqual(left);
    const appender = tsdb.appender(START + 14 * HOUR_MS);
    for (const pod of ['a', 'b']) {
      const ref = appender.series(Labels.fromObject({ __name__: 'm', pod }));
      for (const hour of [11, 12, 13]) appender.append(ref, START + hour * HOUR_MS, hour);
    }
    await appender.commit();
    expect(await hours(tsdb, 'a')).toEqual([...left, 11, 12, 13]);
    await tsdb.maintain();
    expect(tsdb.blocks.at(-1)!.meta.stats).toMatchObject({ numSeries: 2, numSamples: 3 });
    expect(tsdb.blocks.at(-1)!.meta.maxTime).toBeGreaterThan(START + 9 * HOUR_MS);
    expect(await hours(tsdb, 'a')).toEqual([...left, 11, 12, 13]);
    await opened.pop()!.close();
    const again = await open(files);
    expect(await hours(again, 'a')).toEqual([...left, 11, 12, 13]);
    expect(await hours(again, 'b')).toEqual([...ALL_HOURS, 11, 12, 13]);
  });

  it('of a series in memory as a whole takes it out of selections', async () => {
    const tsdb = await open(new MemoryFileSystem());
    const appender = tsdb.appender(START);
    appender.append(appender.series(Labels.fromObject({ __name__: 'm', pod: 'a' })), START, 1);
    await appender.commit();
    await tsdb.admin.deleteSeries(POD_A, -(2 ** 53), 2 ** 53);
    const querier = tsdb.querier(0, 2 ** 50);
    const cursor = await querier.select(POD_A, { minMs: 0, maxMs: 2 ** 50, limit: 0 });
    expect(cursor.count).toBe(0);
    querier.close();
  });

  it('in memory that the log cannot take deletes nothing there, and can be done again', async () => {
    const files = new MemoryFileSystem();
    const tsdb = await open(files);
    await fill(tsdb);
    files.fault = ({ kind, path }) =>
      kind === 'append' && path.includes('/wal/') ? { code: 'ENOSPC' } : undefined;
    const deletion = tsdb.admin.deleteSeries(POD_A, START + 9 * HOUR_MS, START + 9 * HOUR_MS);
    await expect(deletion).rejects.toMatchObject({ code: 'TOCSIN_ERR_STORAGE' });
    expect(await hours(tsdb, 'a')).toEqual(ALL_HOURS);
    files.fault = undefined;
    await tsdb.admin.deleteSeries(POD_A, START + 9 * HOUR_MS, START + 9 * HOUR_MS);
    await opened.pop()!.close();
    expect(await hours(await open(files), 'a')).toEqual(ALL_HOURS.filter((hour) => hour !== 9));
  });
});

describe('a snapshot', () => {
  it('has everything, is not touched by what comes after, and opens as a data folder', async () => {
    const files = new MemoryFileSystem();
    const tsdb = await open(files);
    await fill(tsdb);
    const name = await tsdb.admin.snapshot(false);
    expect(name).toMatch(/^\d{8}T\d{6}Z-[0-7][0-9a-f]{15}$/);
    await tsdb.admin.deleteSeries(POD_A, START, START + 7 * HOUR_MS);
    await tsdb.admin.cleanTombstones();
    const copy = await open(files, `/data/snapshots/${name}`);
    expect(await hours(copy, 'a')).toEqual(ALL_HOURS);
    expect(await hours(copy, 'b')).toEqual(ALL_HOURS);
    const withoutHead = await open(files, `/data/snapshots/${await tsdb.admin.snapshot(true)}`);
    expect(await hours(withoutHead, 'b')).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('that cannot be finished leaves nothing', async () => {
    const files = new MemoryFileSystem();
    const tsdb = await open(files);
    await fill(tsdb);
    files.fault = ({ kind, path }) =>
      kind === 'append' && path.includes('/snapshots/') ? { code: 'ENOSPC' } : undefined;
    await expect(tsdb.admin.snapshot(false)).rejects.toThrow('ENOSPC');
    files.fault = undefined;
    expect(files.paths().filter((path) => path.includes('/snapshots/'))).toEqual([]);
  });

  it.skipIf(!hasPromtool())('is read by promtool', async () => {
    const path = mkdtempSync(join(tmpdir(), 'tocsin-snapshot-'));
    folders.push(path);
    const tsdb = await open(new NodeFileSystem(), path);
    await fill(tsdb);
    await tsdb.admin.deleteSeries(POD_A, START, START + 4 * HOUR_MS);
    const folder = join(path, 'snapshots', await tsdb.admin.snapshot(false));
    const listed = execFileSync('promtool', ['tsdb', 'list', folder], { encoding: 'utf8' });
    expect(listed.trim().split('\n').length).toBe(1 + 5);
    // Beyond the newest block it would look for a log, which snapshots do not have.
    const maxTime = `--max-time=${START + 10 * HOUR_MS}`;
    const dumped = execFileSync('promtool', ['tsdb', 'dump', maxTime, '--match={pod="a"}', folder], {
      encoding: 'utf8',
    });
    expect(dumped.trim().split('\n').length).toBe(6);
  });
});
