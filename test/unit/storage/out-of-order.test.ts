import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { AppendOutcome, SampleBuffer } from '../../../src/storage/seam.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import type { ReadableStorage } from '../../../src/storage/seam.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';
import { HeadStorage } from '../../../src/storage/tsdb/head/head-storage.ts';

const WINDOW_MS = 3_600_000;
const START_MS = 1_700_000_000_000;

async function samplesOf(storage: ReadableStorage, name: string): Promise<[number, number][]> {
  const querier = storage.querier(-(2 ** 50), 2 ** 50);
  const all = { minMs: -(2 ** 50), maxMs: 2 ** 50, limit: 0 };
  const cursor = await querier.select([new Matcher('__name__', '=', name)], all);
  const into = new SampleBuffer();
  const found: [number, number][] = [];
  while (cursor.next()) {
    cursor.read(all.minMs, all.maxMs, into);
    for (let i = 0; i < into.length; i++) found.push([into.timestamps[i]!, into.values[i]!]);
  }
  querier.close();
  return found;
}

test('samples in any order come back sorted; what lies beyond the window is too old', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 7200 }))), {
        maxLength: 20,
      }),
      async (commits) => {
        const storage = new HeadStorage();
        storage.head.outOfOrder.windowMs = WINDOW_MS;
        const expected = [0, 1, 2].map(() => new Map<number, number>());
        for (const commit of commits) {
          const headMaxMs = storage.head.maxTimeMs;
          const appender = storage.appender(START_MS + 10_000_000);
          for (const [series, seconds] of commit) {
            const tMs = START_MS + seconds * 1000;
            const ref = appender.series(Labels.fromEntries([['__name__', `s${series}`]]));
            const outcome = appender.append(ref, tMs, seconds);
            if (outcome === AppendOutcome.stored) expected[series]!.set(tMs, seconds);
            else if (outcome !== AppendOutcome.same) {
              expect(outcome).toBe(AppendOutcome.tooOld);
              expect(tMs).toBeLessThan(headMaxMs - WINDOW_MS);
            }
          }
          await appender.commit();
        }
        for (const [series, samples] of expected.entries()) {
          const sorted = [...samples].sort(([a], [b]) => a - b);
          expect(await samplesOf(storage, `s${series}`)).toEqual(sorted);
        }
        storage.head.epochs.collect();
      },
    ),
    { numRuns: 100 },
  );
});

test('without a window a late sample is out of order', () => {
  const storage = new HeadStorage();
  const appender = storage.appender(START_MS);
  const ref = appender.series(Labels.fromEntries([['__name__', 'm']]));
  expect(appender.append(ref, START_MS, 1)).toBe(AppendOutcome.stored);
  expect(appender.append(ref, START_MS - 1, 1)).toBe(AppendOutcome.outOfOrder);
  appender.rollback();
});

test('what was compacted goes, what came meanwhile stays', async () => {
  const storage = new HeadStorage();
  const { outOfOrder } = storage.head;
  outOfOrder.windowMs = WINDOW_MS;
  const add = async (times: readonly number[]): Promise<void> => {
    const appender = storage.appender(START_MS);
    const ref = appender.series(Labels.fromEntries([['__name__', 'm']]));
    for (const ms of times) expect(appender.append(ref, START_MS + ms, ms)).toBe(AppendOutcome.stored);
    await appender.commit();
  };
  await add([0]);
  await add(Array.from({ length: 100 }, (_, i) => -1000 * (i + 1)));
  expect(outOfOrder.beginCompaction()).toEqual({ minMs: START_MS - 100_000, maxMs: START_MS - 1000 });
  await add([-500]);
  expect(await samplesOf(storage, 'm')).toHaveLength(102);
  outOfOrder.endCompaction();
  expect(await samplesOf(storage, 'm')).toEqual([
    [START_MS - 500, -500],
    [START_MS, 0],
  ]);
  outOfOrder.beginCompaction();
  outOfOrder.endCompaction();
  expect(outOfOrder.seriesCount).toBe(0);
  expect(outOfOrder.view.isEmpty).toBe(true);
});

const HOUR_MS = 3_600_000;

test('the same is there after restarts and when blocks were made of it', async () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.array(fc.integer({ min: -600, max: 0 }), { minLength: 1, maxLength: 60 }) },
    { weight: 1, arbitrary: fc.constant('restart' as const) },
    { weight: 1, arbitrary: fc.constant('compact' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
      const files = new MemoryFileSystem();
      const clock = new VirtualClock(START_MS);
      let runs = 0;
      const open = async (): Promise<Tsdb> => {
        const tsdb = await Tsdb.open({
          files,
          path: '/data',
          clock,
          logger: silentLogger,
          registry: createRegistry(),
          // Names of blocks must not come again.
          random: new SeededRandom(++runs),
          retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
          lock: undefined,
        });
        tsdb.setOutOfOrderWindow(10 * HOUR_MS);
        return tsdb;
      };
      let tsdb = await open();
      let newestMs = START_MS;
      const expected = new Map<number, number>();
      for (const next of [[0], ...steps, 'compact' as const, 'restart' as const]) {
        if (next === 'restart') {
          await tsdb.close();
          tsdb = await open();
        } else if (next === 'compact') await tsdb.maintain();
        else {
          const appender = tsdb.appender(newestMs + HOUR_MS);
          const ref = appender.series(Labels.fromEntries([['__name__', 'm']]));
          for (const minutes of [60, ...next]) {
            const tMs = newestMs + minutes * 60_000;
            const outcome = appender.append(ref, tMs, tMs);
            if (outcome === AppendOutcome.stored) expected.set(tMs, tMs);
          }
          newestMs += HOUR_MS;
          await appender.commit();
        }
        expect(await samplesOf(tsdb, 'm')).toEqual([...expected].sort(([a], [b]) => a - b));
      }
      await tsdb.close();
    }),
    { numRuns: 15 },
  );
});
