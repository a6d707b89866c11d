import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { AppendOutcome, SampleBuffer } from '../../../src/storage/seam.ts';
import type { ReadableStorage } from '../../../src/storage/seam.ts';
import { Tsdb, TsdbReader } from '../../../src/storage/tsdb/index.ts';
import type { StorageAnnouncement } from '../../../src/storage/tsdb/index.ts';

const HOUR_MS = 3600_000;
const STEP_MS = HOUR_MS / 3;
const START = 1_700_006_400_000 - (1_700_006_400_000 % (54 * HOUR_MS));
const END = START + 1000 * HOUR_MS;
const SERIES = ['a', 'b', 'ab', 'c'];
const MATCHERS = [
  new Matcher('pod', '=', 'a'),
  new Matcher('pod', '=~', 'a.*'),
  new Matcher('pod', '!=', 'b'),
  new Matcher('__name__', '=', 'm'),
];

/** What is done; times are steps from the newest sample back. */
type Step =
  | { readonly kind: 'append'; readonly series: readonly string[]; readonly steps: number }
  | { readonly kind: 'delete'; readonly matcher: number; readonly from: number; readonly length: number }
  | { readonly kind: 'restart' | 'compact' | 'clean' };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      series: fc.subarray(SERIES, { minLength: 1 }),
      steps: fc.integer({ min: 1, max: 8 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      matcher: fc.nat({ max: MATCHERS.length - 1 }),
      from: fc.integer({ min: -3, max: 20 }),
      length: fc.integer({ min: 0, max: 10 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'compact', 'clean') }) },
);

let seed = 1;

function open(files: MemoryFileSystem): Promise<Tsdb> {
  return Tsdb.open({
    files,
    path: '/data',
    clock: new VirtualClock(END),
    logger: silentLogger,
    registry: createRegistry(),
    random: new SeededRandom(seed++),
    retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
    lock: undefined,
  });
}

async function read(storage: ReadableStorage): Promise<Map<string, number[]>> {
  const querier = storage.querier(0, END);
  const cursor = await querier.select([MATCHERS[3]!], { minMs: 0, maxMs: END, limit: 0 });
  const found = new Map<string, number[]>();
  const into = new SampleBuffer();
  while (cursor.next()) {
    cursor.read(0, END, into);
    const times = Array.from(into.timestamps.subarray(0, into.length), (tMs) => (tMs - START) / STEP_MS);
    if (times.length > 0) found.set(cursor.labels().get('pod'), times);
  }
  querier.close();
  return found;
}

it('deleting does what it does to a plain list, over restarts and in blocks, for threads too', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stepArbitrary, { maxLength: 25 }), async (steps) => {
      const files = new MemoryFileSystem();
      let tsdb = await open(files);
      const model = new Map<string, number[]>();
      let newest = 0;
      const news: StorageAnnouncement[] = [];
      let lease = tsdb.leaseReader((announcement) => news.push(announcement));
      let reader = new TsdbReader(lease.data, { drain: () => news.splice(0) }, files);
      for (const step of steps) {
        if (step.kind === 'append') {
          const appender = tsdb.appender(END);
          for (let i = 0; i < step.steps; i++) {
            newest++;
            for (const pod of step.series) {
              const ref = appender.series(Labels.fromObject({ __name__: 'm', pod }));
              const outcome = appender.append(ref, START + newest * STEP_MS, newest);
              expect(outcome).toBe(AppendOutcome.stored);
              model.set(pod, [...(model.get(pod) ?? []), newest]);
            }
          }
          await appender.commit();
        } else if (step.kind === 'delete') {
          const from = newest - step.from;
          const matcher = MATCHERS[step.matcher]!;
          const to = from + step.length;
          await tsdb.admin.deleteSeries([matcher], START + from * STEP_MS, START + to * STEP_MS);
          for (const [pod, times] of model) {
            if (!matcher.matches(matcher.name === 'pod' ? pod : 'm')) continue;
            const kept = times.filter((time) => time < from || time > to);
            if (kept.length === 0) model.delete(pod);
            else model.set(pod, kept);
          }
        } else if (step.kind === 'restart') {
          lease.release();
          await tsdb.close();
          tsdb = await open(files);
          news.length = 0;
          lease = tsdb.leaseReader((announcement) => news.push(announcement));
          reader = new TsdbReader(lease.data, { drain: () => news.splice(0) }, files);
        } else if (step.kind === 'compact') await tsdb.maintain();
        else await tsdb.admin.cleanTombstones();
        expect(await read(tsdb)).toEqual(model);
        expect(await read(reader)).toEqual(model);
      }
      lease.release();
      await tsdb.close();
    }),
    { numRuns: 60 },
  );
}, 60_000);
