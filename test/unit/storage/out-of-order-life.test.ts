import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import type { Logger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import type { Registry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { NodeFileSystem } from '../../../src/core/system/node-file-system.ts';
import { WorkerThreads } from '../../../src/core/system/worker-threads.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { AppendOutcome, SampleBuffer } from '../../../src/storage/seam.ts';
import type { ReadableStorage, RichSample } from '../../../src/storage/seam.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';
import type { TsdbOptions } from '../../../src/storage/tsdb/tsdb-options.ts';
import { richSamples, seenIn, seenInStorage } from './rich-samples.ts';
import type { SeenSample } from './rich-samples.ts';
import { Lines } from './small-log.ts';

const HOUR_MS = 3_600_000;
const START_MS = 1_700_006_400_000 - (1_700_006_400_000 % (6 * HOUR_MS));
const WINDOW_MS = 12 * HOUR_MS;
const SERIES = 40;

let runs = 0;
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function open(other: Pick<TsdbOptions, 'files'> & Partial<TsdbOptions>): Promise<Tsdb> {
  const tsdb = await Tsdb.open({
    path: '/data',
    clock: new VirtualClock(START_MS),
    logger: silentLogger,
    registry: createRegistry(),
    // Names of blocks must not come again.
    random: new SeededRandom(++runs),
    retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
    lock: undefined,
    ...other,
  });
  tsdb.setOutOfOrderWindow(WINDOW_MS);
  return tsdb;
}

const labelsOf = (pod: number): Labels => Labels.fromObject({ __name__: 'm', pod: String(pod) });

/** One sample at `minutes` after the start in each of the series. */
async function add(tsdb: Tsdb, minutes: number): Promise<void> {
  const appender = tsdb.appender(START_MS + 24 * HOUR_MS);
  for (let pod = 0; pod < SERIES; pod++) {
    const outcome = appender.append(appender.series(labelsOf(pod)), START_MS + minutes * 60_000, minutes);
    expect(outcome).toBe(AppendOutcome.stored);
  }
  await appender.commit();
}

/** Which minutes each series has. */
async function minutesOf(storage: ReadableStorage): Promise<number[][]> {
  const seen = await seenInStorage(storage, new SampleBuffer(), -(2 ** 50), 2 ** 50);
  return Object.values(seen).map((samples) => samples.map(({ value }) => Number(value)));
}

async function metric(registry: Registry, name: string): Promise<number> {
  const line = (await registry.metrics()).split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? NaN);
}

test('histograms and samples with starts come back sorted, over restarts and from blocks', async () => {
  const arbitrary = richSamples.chain((samples) =>
    fc.record({
      samples: fc.constant(samples),
      order: fc.shuffledSubarray(
        samples.map((_, i) => i),
        { minLength: samples.length },
      ),
      /** After which of them the engine is started again, or makes blocks. */
      restarts: fc.uniqueArray(fc.nat(samples.length), { maxLength: 2 }),
      compactions: fc.uniqueArray(fc.nat(samples.length), { maxLength: 2 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(arbitrary, async ({ samples, order, restarts, compactions }) => {
      const files = new MemoryFileSystem();
      let tsdb = await open({ files });
      let newestMs = START_MS + 4 * HOUR_MS;
      const last: RichSample = { value: 1, histogram: undefined, startMs: 0 };
      const expected = new Map<number, SeenSample>();
      const put = async (tMs: number, sample: RichSample): Promise<void> => {
        const appender = tsdb.appender(newestMs + HOUR_MS);
        const outcome = appender.appendRich(appender.series(labelsOf(0)), tMs, sample);
        expect(outcome).toBe(AppendOutcome.stored);
        await appender.commit();
        const one = new SampleBuffer();
        one.timestamps[0] = tMs;
        one.values[0] = sample.value;
        if (sample.histogram !== undefined) one.setHistogram(0, sample.histogram);
        if (sample.startMs !== 0) one.setStart(0, sample.startMs);
        one.length = 1;
        expected.set(tMs, seenIn(one)[0]!);
      };
      const check = async (): Promise<void> => {
        const found = await seenInStorage(tsdb, new SampleBuffer(), -(2 ** 50), 2 ** 50);
        const sorted = [...expected.values()].sort((a, b) => a.tMs - b.tMs);
        expect(Object.values(found)).toEqual([sorted]);
      };
      await put(newestMs, last);
      for (const [done, index] of order.entries()) {
        await put(START_MS + index * 60_000, samples[index]!);
        if (compactions.includes(done)) {
          newestMs += 4 * HOUR_MS;
          await put(newestMs, last);
          await check();
          await tsdb.maintain();
        }
        if (restarts.includes(done)) {
          await tsdb.close();
          tsdb = await open({ files });
        }
      }
      await check();
      await tsdb.close();
      tsdb = await open({ files });
      await check();
      await tsdb.close();
    }),
    { numRuns: 60 },
  );
});

describe('a damaged log of out-of-order samples', () => {
  const COMMITS = 30;

  /** A folder with one sample in order, and 30 commits of late ones; the whole of `wbl/` is one segment. */
  async function written(): Promise<MemoryFileSystem> {
    const files = new MemoryFileSystem();
    const tsdb = await open({ files });
    await add(tsdb, 100);
    for (let minutes = 0; minutes < COMMITS; minutes++) await add(tsdb, minutes);
    await tsdb.close();
    return files;
  }

  async function reopened(
    files: MemoryFileSystem,
  ): Promise<{ found: number[][]; said: string; corruptions: number }> {
    const log = new Lines();
    const registry = createRegistry();
    const tsdb = await open({ files, logger: log as Logger, registry });
    const found = await minutesOf(tsdb);
    await tsdb.close();
    return {
      found,
      said: log.lines.join('\n'),
      corruptions: await metric(registry, 'prometheus_tsdb_wal_corruptions_total'),
    };
  }

  test('that is torn is cut off; what precedes the tear is there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 0.9999, noNaN: true }), async (where) => {
        const files = await written();
        files.corrupt('/data/wbl/00000000', (bytes) => bytes.slice(0, Math.floor(where * bytes.length)));
        const { found, said, corruptions } = await reopened(files);
        expect(found).toHaveLength(SERIES);
        const kept = found[0]!.length - 1;
        // The last of them is the one in order.
        for (const minutes of found) expect(minutes).toEqual([...Array(kept).keys(), 100]);
        expect(kept).toBeLessThan(COMMITS);
        expect(kept).toBeGreaterThanOrEqual(Math.floor(where * COMMITS) - 1);
        expect(corruptions).toBe(0);
        const again = await reopened(files);
        expect(again.found).toEqual(found);
        if (said.includes('cut off')) expect(again.said).not.toContain('cut off');
      }),
      { numRuns: 30 },
    );
  });

  test('with a flipped bit loses the records that it touches, says so, and counts it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 0.9999, noNaN: true }), fc.nat(7), async (where, bit) => {
        const files = await written();
        files.corrupt('/data/wbl/00000000', (bytes) => {
          bytes[Math.floor(where * bytes.length)]! ^= 1 << bit;
          return bytes;
        });
        const { found, said, corruptions } = await reopened(files);
        expect(found).toHaveLength(SERIES);
        for (const minutes of found) {
          expect(minutes.at(-1)).toBe(100);
          expect(minutes.length).toBeGreaterThanOrEqual(COMMITS - 1);
        }
        const isWhole = found.every((minutes) => minutes.length === COMMITS + 1);
        if (!isWhole) {
          expect(said).toContain('wbl/00000000');
          expect(corruptions + Number(said.includes('cut off'))).toBe(1);
        }
        // Repaired: the next start finds nothing to say.
        const again = await reopened(files);
        expect(again.found).toEqual(found);
        expect(again.corruptions).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

test(
  'blocks of out-of-order samples are written in a thread, while more of them come',
  { timeout: 30_000 },
  async () => {
    const path = mkdtempSync(join(tmpdir(), 'tocsin-out-of-order-'));
    folders.push(path);
    const files = new NodeFileSystem();
    const tsdb = await open({ files, path, threads: { starter: new WorkerThreads(), maxHeapMiB: 128 } });
    await add(tsdb, 0);
    await add(tsdb, 300);
    for (let minutes = 250; minutes > 20; minutes -= 7) await add(tsdb, minutes);
    let expected = await minutesOf(tsdb);
    const maintaining = tsdb.maintain();
    await add(tsdb, 15);
    expected = expected.map((minutes) => [0, 15, ...minutes.slice(1)]);
    expect(await minutesOf(tsdb)).toEqual(expected);
    await maintaining;
    const late = tsdb.blocks.filter(({ meta }) => meta.compaction.hints.includes('from-out-of-order'));
    expect(late.length).toBeGreaterThan(0);
    expect(await minutesOf(tsdb)).toEqual(expected);
    await tsdb.close();
    const again = await open({ files, path });
    expect(await minutesOf(again)).toEqual(expected);
    await again.close();
  },
);

test('a snapshot has what is out of order in memory, unless memory is left out', async () => {
  const files = new MemoryFileSystem();
  const tsdb = await open({ files });
  await add(tsdb, 100);
  for (const minutes of [90, -200, 30, -199]) await add(tsdb, minutes);
  const names = [await tsdb.admin.snapshot(false), await tsdb.admin.snapshot(true)];
  const expected = await minutesOf(tsdb);
  expect(expected[0]).toEqual([-200, -199, 30, 90, 100]);
  await add(tsdb, 80);
  await tsdb.close();
  const found: number[][][] = [];
  for (const name of names) {
    const copy = await open({ files, path: `/data/snapshots/${name}` });
    found.push(await minutesOf(copy));
    await copy.close();
  }
  expect(found).toEqual([expected, []]);
});

test('the log of out-of-order samples counts in the retention by size', async () => {
  const files = new MemoryFileSystem();
  const registry = createRegistry();
  const tsdb = await open({ files, registry, maxBlockMs: 2 * HOUR_MS });
  for (let minutes = 0; minutes <= 540; minutes += 30) await add(tsdb, minutes);
  await tsdb.maintain();
  const blocks = tsdb.blocks.length;
  expect(blocks).toBeGreaterThan(1);
  for (const minutes of [500, 490, 480]) await add(tsdb, minutes);
  await tsdb.maintain();
  const sizes = await Promise.all(
    ['storage_blocks', 'wal_storage_size', 'out_of_order_wbl_storage_size'].map((name) =>
      metric(registry, `prometheus_tsdb_${name}_bytes`),
    ),
  );
  expect(sizes[2]).toBeGreaterThan(0);
  const sizeBytes = sizes.reduce((sum, size) => sum + size, 0);
  tsdb.setRetention({ timeMs: 0, sizeBytes, percentage: 0 });
  await tsdb.maintain();
  expect(tsdb.blocks).toHaveLength(blocks);
  tsdb.setRetention({ timeMs: 0, sizeBytes: sizeBytes - 1, percentage: 0 });
  await tsdb.maintain();
  expect(tsdb.blocks).toHaveLength(blocks - 1);
  await tsdb.close();
});

test('how late samples are is counted, whether they are taken or not', async () => {
  const registry = createRegistry();
  const tsdb = await open({ files: new MemoryFileSystem(), registry });
  const late = async (minutes: number, windowMs: number): Promise<AppendOutcome> => {
    tsdb.setOutOfOrderWindow(windowMs);
    const appender = tsdb.appender(START_MS + 24 * HOUR_MS);
    const outcome = appender.append(appender.series(labelsOf(0)), START_MS + (1000 - minutes) * 60_000, 1);
    await appender.commit();
    return outcome;
  };
  await add(tsdb, 1000);
  expect(await late(5, WINDOW_MS)).toBe(AppendOutcome.stored);
  expect(await late(40, WINDOW_MS)).toBe(AppendOutcome.stored);
  expect(await late(50, 20 * 60_000)).toBe(AppendOutcome.tooOld);
  expect(await late(20, 0)).toBe(AppendOutcome.outOfOrder);
  expect(await late(300, 0)).toBe(AppendOutcome.outOfBounds);
  const text = await registry.metrics();
  const lines = text.split('\n').filter((line) => line.startsWith('prometheus_tsdb_sample_ooo_delta'));
  const seconds = 60 * (5 + 40 + 50 + 20 + 300);
  expect(lines).toEqual([
    ...[1, 2, 4, 4, 4, 5, 5].map(
      (count, i) =>
        `prometheus_tsdb_sample_ooo_delta_bucket{le="${[600, 1800, 3600, 7200, 10_800, 21_600, 43_200][i]}"} ${count}`,
    ),
    'prometheus_tsdb_sample_ooo_delta_bucket{le="+Inf"} 5',
    `prometheus_tsdb_sample_ooo_delta_sum ${seconds}`,
    'prometheus_tsdb_sample_ooo_delta_count 5',
  ]);
  expect(text).toContain('prometheus_tsdb_head_out_of_order_samples_appended_total{type="float"} 2');
  expect(text).toContain('prometheus_tsdb_too_old_samples_total{type="float"} 1');
  expect(await metric(registry, 'prometheus_tsdb_out_of_order_wbl_page_flushes_total')).toBeGreaterThan(0);
  await tsdb.close();
});
