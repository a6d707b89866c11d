import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { AppendOutcome, SampleBuffer } from '../../../src/storage/seam.ts';
import { isStale, staleMarker } from '../../../src/storage/stale.ts';
import { HeadStorage } from '../../../src/storage/tsdb/index.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOW = 100 * HOUR_MS;
const A = Labels.fromObject({ __name__: 'a' });
const ALL = { minMs: -Infinity, maxMs: Infinity, limit: 0 };

async function read(storage: HeadStorage, minMs = -Infinity, maxMs = Infinity): Promise<[number, number][]> {
  const querier = storage.querier(-Infinity, Infinity);
  const cursor = await querier.select([], ALL);
  const into = new SampleBuffer(1);
  const got: [number, number][] = [];
  while (cursor.next()) {
    cursor.read(minMs, maxMs, into);
    for (let i = 0; i < into.length; i++) got.push([into.timestamps[i]!, into.values[i]!]);
  }
  querier.close();
  return got;
}

async function seeded(): Promise<{ storage: HeadStorage; ref: number }> {
  const storage = new HeadStorage();
  const appender = storage.appender(NOW);
  const ref = appender.series(A);
  appender.append(ref, NOW, 1);
  await appender.commit();
  return { storage, ref };
}

describe('outcomes of a sample after one at NOW with value 1', () => {
  const table: [what: string, tMs: number, value: number, outcome: AppendOutcome][] = [
    ['newer', NOW + 1, 1, AppendOutcome.stored],
    ['same time and value', NOW, 1, AppendOutcome.same],
    ['same time, other value', NOW, 2, AppendOutcome.duplicate],
    ['same time, stale marker', NOW, staleMarker, AppendOutcome.duplicate],
    ['a little older', NOW - 1, 1, AppendOutcome.outOfOrder],
    ['as old as the head takes', NOW - HOUR_MS, 1, AppendOutcome.outOfOrder],
    ['older than the head takes', NOW - HOUR_MS - 1, 1, AppendOutcome.outOfBounds],
    ['as far ahead as allowed', NOW + 10 * MINUTE_MS, 1, AppendOutcome.stored],
    ['too far ahead', NOW + 10 * MINUTE_MS + 1, 1, AppendOutcome.tooFarAhead],
  ];
  it.each(table)('%s', async (_, tMs, value, outcome) => {
    const { storage, ref } = await seeded();
    const single = storage.appender(NOW);
    expect(single.append(ref, tMs, value)).toBe(outcome);
    single.rollback();
    const column = storage.appender(NOW);
    const outcomes = new Uint8Array(1);
    const refused = column.appendColumn(Uint32Array.of(ref), Float64Array.of(value), 1, tMs, outcomes);
    expect(outcomes[0]).toBe(outcome);
    expect(refused).toBe(outcome > AppendOutcome.same ? 1 : 0);
    column.rollback();
  });

  it('looks at what the same appender has pending', async () => {
    const { storage, ref } = await seeded();
    const appender = storage.appender(NOW);
    expect(appender.append(ref, NOW + 5, 2)).toBe(AppendOutcome.stored);
    expect(appender.append(ref, NOW + 5, 2)).toBe(AppendOutcome.same);
    expect(appender.append(ref, NOW + 5, 3)).toBe(AppendOutcome.duplicate);
    expect(appender.append(ref, NOW + 4, 3)).toBe(AppendOutcome.outOfOrder);
    expect(appender.append(ref, NOW + 6, 3)).toBe(AppendOutcome.stored);
    await appender.commit();
    expect(await read(storage)).toEqual([
      [NOW, 1],
      [NOW + 5, 2],
      [NOW + 6, 3],
    ]);
  });
});

describe('transactions', () => {
  it('show nothing before commit and leave nothing after rollback', async () => {
    const { storage, ref } = await seeded();
    const kept = storage.appender(NOW);
    const dropped = storage.appender(NOW);
    kept.append(ref, NOW + 1, 2);
    dropped.append(ref, NOW + 2, 3);
    expect(await read(storage)).toEqual([[NOW, 1]]);
    dropped.rollback();
    await kept.commit();
    expect(await read(storage)).toEqual([
      [NOW, 1],
      [NOW + 1, 2],
    ]);
  });

  it('that overlap: the later commit loses what the earlier made late', async () => {
    const { storage, ref } = await seeded();
    const slow = storage.appender(NOW);
    const quick = storage.appender(NOW);
    slow.append(ref, NOW + 1, 2);
    quick.append(ref, NOW + 2, 3);
    await quick.commit();
    await slow.commit();
    expect(await read(storage)).toEqual([
      [NOW, 1],
      [NOW + 2, 3],
    ]);
    expect(storage.counters.outOfOrder).toBe(1);
  });

  it('keep the bits of stale markers and NaN', async () => {
    const { storage, ref } = await seeded();
    const appender = storage.appender(NOW);
    appender.append(ref, NOW + 1, staleMarker);
    appender.append(ref, NOW + 2, NaN);
    await appender.commit();
    const querier = storage.querier(-Infinity, Infinity);
    const cursor = await querier.select([], ALL);
    const into = new SampleBuffer();
    cursor.next();
    expect(cursor.read(NOW, NOW + 2, into)).toBe(3);
    // Looked at in place: an array of JavaScript numbers may lose the bits.
    expect([isStale(into.values[0]!), isStale(into.values[1]!), isStale(into.values[2]!)]).toEqual([
      false,
      true,
      false,
    ]);
    expect(into.values[2]).toBeNaN();
    querier.close();
  });

  it('keep stale markers in code that is compiled to be quick (Maglev quiets signalling NaN)', async () => {
    const storage = new HeadStorage();
    const count = 500;
    const isMarked = (round: number, i: number): boolean => (round + i) % 7 === 0;
    const outcomes = new Uint8Array(count);
    const values = new Float64Array(count);
    const making = storage.appender(NOW);
    const refs = Uint32Array.from({ length: count }, (_, i) =>
      making.series(Labels.fromObject({ a: String(i) })),
    );
    making.rollback();
    for (let round = 0; round < 400; round++) {
      const appender = storage.appender(NOW);
      for (let i = 0; i < count; i++) values[i] = isMarked(round, i) ? staleMarker : i;
      appender.appendColumn(refs, values, count, NOW + round, outcomes);
      await appender.commit();
    }
    const querier = storage.querier(-Infinity, Infinity);
    const cursor = await querier.select([], ALL);
    const into = new SampleBuffer();
    let wrong = 0;
    while (cursor.next()) {
      const i = Number(cursor.labels().get('a'));
      cursor.read(NOW, NOW + 1000, into);
      for (let round = 0; round < into.length; round++) {
        if (isStale(into.values[round]!) !== isMarked(round, i)) wrong++;
      }
    }
    querier.close();
    expect(wrong).toBe(0);
  });

  it('refuse to be used twice', async () => {
    const { storage, ref } = await seeded();
    const appender = storage.appender(NOW);
    await appender.commit();
    expect(() => appender.append(ref, NOW + 1, 1)).toThrow('used once');
  });
});

describe('samples', () => {
  it('before a gap stay readable when their chunk is cut after others have begun the next window', async () => {
    const storage = new HeadStorage();
    const put = async (name: string, tMs: number, value: number): Promise<void> => {
      const appender = storage.appender(Infinity);
      appender.append(appender.series(Labels.fromObject({ __name__: name })), tMs, value);
      await appender.commit();
    };
    await put('a', NOW, 1);
    for (let i = 0; i < 500; i++) await put('b', NOW + 2 * HOUR_MS + i, i);
    // The chunk of the first window is cut now, into memory taken later than that of the second window.
    for (let i = 0; i < 500; i++) await put('a', NOW + 2 * HOUR_MS + 500 + i, i);
    const times = (await read(storage, NOW, NOW + HOUR_MS)).map(([tMs]) => tMs);
    expect(times).toEqual([NOW]);
    expect(await read(storage)).toHaveLength(1001);
  });

  it('read back in any range, over many chunks and windows', async () => {
    const step = fc.record({
      delta: fc.oneof(fc.constant(15_000), fc.integer({ min: 1, max: 3 * HOUR_MS })),
      value: fc.double(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 400 }),
        fc.nat(),
        fc.nat(),
        async (steps, from, to) => {
          const storage = new HeadStorage();
          let t = NOW;
          const all = steps.map(({ delta, value }): [number, number] => [(t += delta), value]);
          const appender = storage.appender(Infinity);
          const ref = appender.series(A);
          for (const [tMs, value] of all) appender.append(ref, tMs, value);
          await appender.commit();
          const minMs = all[from % all.length]![0];
          const maxMs = all[to % all.length]![0];
          expect(await read(storage)).toEqual(all);
          expect(await read(storage, minMs, maxMs)).toEqual(
            all.filter(([tMs]) => tMs >= minMs && tMs <= maxMs),
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a 0 at the start of a counter whose next sample is at NOW + 10, after one at NOW', () => {
  it.each([
    ['between the two', NOW + 5, [NOW + 5]],
    ['at the one before', NOW, []],
    ['before that', NOW - 1, []],
    ['at the next', NOW + 10, []],
    ['after the next', NOW + 11, []],
    ['long ago', NOW - 2 * HOUR_MS, []],
  ])('%s', async (_, startMs, zeros) => {
    const { storage, ref } = await seeded();
    const appender = storage.appender(NOW);
    appender.appendStartZero(ref, startMs, NOW + 10);
    expect(appender.append(ref, NOW + 10, 7)).toBe(AppendOutcome.stored);
    // Once there is a sample, a start before it is late; a second 0 at the same time is as well.
    appender.appendStartZero(ref, NOW + 6, NOW + 20);
    await appender.commit();
    expect(await read(storage)).toEqual([[NOW, 1], ...zeros.map((tMs) => [tMs, 0]), [NOW + 10, 7]]);
    expect(storage.counters).toMatchObject({ outOfOrder: 0, outOfBounds: 0, duplicate: 0, tooFarAhead: 0 });
  });
});
