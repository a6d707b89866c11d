import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { Labels, compareText } from '../../../src/core/labels.ts';
import { Matcher, matchesAll } from '../../../src/core/matcher.ts';
import type { MatchOp } from '../../../src/core/matcher.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import type { Querier } from '../../../src/storage/seam.ts';
import { HeadStorage } from '../../../src/storage/tsdb/index.ts';
import { HeadReader } from '../../../src/storage/tsdb/index.ts';

const HOUR_MS = 3600_000;
const ALL = { minMs: -Infinity, maxMs: Infinity, limit: 0 };

const name = fc.constantFrom('__name__', 'a', 'b', 'job', 'ü');
const text = fc.constantFrom(
  '',
  'x',
  'y',
  'xy',
  'up',
  '\u{1f600}',
  '\uffff',
  'a.b',
  'long enough to be a text',
);
const labels = fc
  .array(fc.tuple(name, text), { minLength: 1, maxLength: 5 })
  .map((entries) => Labels.fromEntries(entries))
  .filter(({ size }) => size > 0);
const matcher = fc
  .tuple(
    name,
    fc.constantFrom<MatchOp>('=', '!=', '=~', '!~'),
    fc.constantFrom('', 'x', 'y', 'xy', 'nope', 'x|y', 'x|', '.*', '.+', 'x.*', '(x|u).+', '[a-x]y?'),
  )
  .map(([label, op, value]) => new Matcher(label, op, value));

async function store(sets: readonly Labels[], tMs = 1000): Promise<HeadStorage> {
  const storage = new HeadStorage();
  await addTo(storage, sets, tMs);
  return storage;
}

async function addTo(storage: HeadStorage, sets: readonly Labels[], tMs: number): Promise<void> {
  const appender = storage.appender(tMs);
  for (const set of sets) appender.append(appender.series(set), tMs, 1);
  await appender.commit();
}

async function selected(querier: Querier, matchers: readonly Matcher[], hints = ALL): Promise<Labels[]> {
  const cursor = await querier.select(matchers, hints);
  const found: Labels[] = [];
  while (cursor.next()) found.push(cursor.labels());
  expect(cursor.count).toBe(found.length);
  return found;
}

function unique(sets: readonly Labels[]): Labels[] {
  return [...new Map(sets.map((set) => [set.key, set])).values()].sort((a, b) => a.compare(b));
}

function keys(sets: readonly Labels[]): string[] {
  return sets.map(({ key }) => key);
}

describe('selection', () => {
  it('agrees with trying every series, for series, names and values', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(labels, { maxLength: 40 }),
        fc.array(matcher, { maxLength: 3 }),
        name,
        async (sets, matchers, label) => {
          const storage = await store(sets);
          const querier = storage.querier(0, 2000);
          const expected = unique(sets).filter((set) => matchesAll(matchers, set));
          expect(keys(await selected(querier, matchers))).toEqual(keys(expected));
          const names = new Set(expected.flatMap((set) => set.names()));
          expect(await querier.labelNames(matchers, 0)).toEqual([...names].sort(compareText));
          const values = new Set(expected.map((set) => set.get(label)).filter((value) => value !== ''));
          expect(await querier.labelValues(label, matchers, 0)).toEqual([...values].sort(compareText));
          querier.close();
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives the same in a view that was opened from a description, slabs that came later included', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(labels, { maxLength: 20 }),
        fc.array(labels, { maxLength: 20 }),
        fc.array(matcher, { maxLength: 2 }),
        async (before, after, matchers) => {
          const storage = await store(before);
          const announced: ReturnType<typeof storage.head.slabs.describe>['slabs'][number][] = [];
          const description = structuredClone(storage.head.slabs.describe());
          storage.head.slabs.subscribe((slab) => announced.push(slab));
          const reader = HeadReader.open(description, { drain: () => announced.splice(0) }, [0]);
          await addTo(storage, after, 2000);
          const unpin = reader.pin();
          const cursor = reader.select(matchers, ALL);
          const got: string[] = [];
          const samples: number[] = [];
          const into = new SampleBuffer();
          while (cursor.next()) {
            got.push(cursor.labels().key);
            samples.push(cursor.read(0, 5000, into));
          }
          unpin();
          const expected = unique([...before, ...after]).filter((set) => matchesAll(matchers, set));
          expect(got).toEqual(keys(expected));
          const isIn = (list: readonly Labels[], key: string): number => Number(keys(list).includes(key));
          expect(samples).toEqual(got.map((key) => isIn(before, key) + isIn(after, key)));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('leaves out series without samples near the time, and honours the limit', async () => {
    const storage = await store([Labels.fromObject({ a: '1' }), Labels.fromObject({ a: '2' })], 1000);
    await addTo(storage, [Labels.fromObject({ a: '2' })], 5 * HOUR_MS);
    const querier = storage.querier(-Infinity, Infinity);
    const at = (minMs: number, maxMs: number, limit = 0): Promise<Labels[]> =>
      selected(querier, [], { minMs, maxMs, limit });
    expect((await at(4 * HOUR_MS, 6 * HOUR_MS)).map(String)).toEqual(['{a="2"}']);
    expect(await at(HOUR_MS, 4 * HOUR_MS)).toEqual([]);
    expect(await at(0, 999)).toEqual([]);
    expect((await at(0, 6 * HOUR_MS, 1)).map(String)).toEqual(['{a="1"}']);
    querier.close();
  });
});

describe('reclaim', () => {
  const clock = new VirtualClock(0);

  it('takes out what has no samples left, whatever came between, and what stays is found', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(labels, { maxLength: 30 }),
        fc.array(labels, { maxLength: 30 }),
        fc.array(matcher, { maxLength: 2 }),
        async (old, young, matchers) => {
          const storage = await store(old, 1000);
          for (let round = 1; round <= 3; round++) {
            const tMs = round * 2 * HOUR_MS + 1000;
            const sets = round % 2 === 1 ? young : old;
            await addTo(storage, sets, tMs);
            await storage.head.truncate(round * 2 * HOUR_MS, clock);
            const querier = storage.querier(-Infinity, Infinity);
            const expected = unique(sets).filter((set) => matchesAll(matchers, set));
            expect(keys(await selected(querier, matchers))).toEqual(keys(expected));
            expect(storage.stats().seriesCount).toBe(unique(sets).length);
            expect(storage.stats().sampleCount).toBe(unique(sets).length);
            const pairs = new Set(sets.flatMap((set) => [...set].map((pair) => pair.join('\0'))));
            expect(storage.stats().labelPairCount).toBe(pairs.size);
            querier.close();
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('leave cursors made before a truncation all samples, and give those made after it what is left', async () => {
    const storage = new HeadStorage();
    const stays = Labels.fromObject({ pod: 'stays' });
    const goes = Labels.fromObject({ pod: 'goes' });
    for (const tMs of [1000, 2 * HOUR_MS, 5 * HOUR_MS])
      await addTo(storage, tMs === 1000 ? [goes, stays] : [stays], tMs);
    const samplesOf = async (querier: Querier, during?: () => Promise<unknown>): Promise<number[][]> => {
      const cursor = await querier.select([], ALL);
      await during?.();
      const buffer = new SampleBuffer();
      const found: number[][] = [];
      while (cursor.next()) {
        cursor.read(-Infinity, Infinity, buffer);
        found.push([...buffer.timestamps.subarray(0, buffer.length)]);
      }
      return found;
    };
    const before = storage.querier(-Infinity, Infinity);
    expect(await samplesOf(before, () => storage.head.truncate(4 * HOUR_MS, clock))).toEqual([
      [1000],
      [1000, 2 * HOUR_MS, 5 * HOUR_MS],
    ]);
    before.close();
    const after = storage.querier(-Infinity, Infinity);
    expect(await samplesOf(after)).toEqual([[5 * HOUR_MS]]);
    after.close();
  });

  it('keeps refs of reclaimed series from naming others', async () => {
    const storage = new HeadStorage();
    const first = storage.appender(1000);
    const ref = first.series(Labels.fromObject({ pod: 'a' }));
    first.append(ref, 1000, 1);
    await first.commit();
    await addTo(storage, [Labels.fromObject({ pod: 'b' })], 5 * HOUR_MS);
    await storage.head.truncate(4 * HOUR_MS, clock);
    const second = storage.appender(5 * HOUR_MS);
    expect(second.isLive(ref)).toBe(false);
    const again = second.series(Labels.fromObject({ pod: 'a' }));
    expect(again).not.toBe(ref);
    expect(second.isLive(again)).toBe(true);
    second.rollback();
  });

  it('spares series that an open appender was given', async () => {
    const storage = await store([Labels.fromObject({ pod: 'b' })], 5 * HOUR_MS);
    const appender = storage.appender(5 * HOUR_MS);
    const ref = appender.series(Labels.fromObject({ pod: 'a' }));
    await storage.head.truncate(4 * HOUR_MS, clock);
    expect(appender.append(ref, 5 * HOUR_MS, 1)).toBe(0);
    await appender.commit();
    expect(storage.stats().sampleCount).toBe(2);
  });

  it('leaves what an open querier looks at readable', async () => {
    const storage = await store([Labels.fromObject({ pod: 'a' })], 1000);
    const querier = storage.querier(0, 10 * HOUR_MS);
    const cursor = await querier.select([], ALL);
    for (let round = 1; round < 5; round++) {
      await addTo(storage, [Labels.fromObject({ pod: `x${round}` })], round * 2 * HOUR_MS + 5000);
      await storage.head.truncate(round * 2 * HOUR_MS, clock);
    }
    expect(cursor.next()).toBe(true);
    expect(String(cursor.labels())).toBe('{pod="a"}');
    querier.close();
    storage.head.epochs.collect();
    expect(storage.stats().seriesCount).toBe(1);
  });
});
