import { describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { AppendOutcome, HeadStorage } from '../../../src/storage/index.ts';

const HOUR_MS = 3600_000;
const MIB = 2 ** 20;

function named(name: string, value: string): Labels {
  return Labels.fromEntries([
    ['__name__', name],
    ['id', value],
  ]);
}

/** A head whose process has `resident.bytes`. */
function limited(bytes: number): { storage: HeadStorage; resident: { bytes: number } } {
  const resident = { bytes: 0 };
  const memoryLimit = { bytes, residentBytes: () => resident.bytes };
  return { storage: new HeadStorage({ memoryLimit }), resident };
}

/** Appends a sample for each series in one transaction; refs, 0 where it was refused. */
function write(storage: HeadStorage, series: readonly Labels[], tMs: number, isVital = false): number[] {
  const appender = storage.appender(tMs);
  const refs = series.map((labels) => appender.series(labels, isVital));
  for (const ref of refs) if (ref !== 0) expect(appender.append(ref, tMs, 1)).toBe(AppendOutcome.stored);
  void appender.commit();
  return refs;
}

describe('memory guard', () => {
  test('at the limit new series are refused and leave nothing behind; old and vital ones are taken', () => {
    const { storage, resident } = limited(100 * MIB);
    const [old] = write(storage, [named('old', 'a')], 1000);
    resident.bytes = 100 * MIB;
    storage.guard!.look();
    const before = { ...storage.stats() };
    // Pairs that are there in another series; a new value; a new name.
    const refused = [
      Labels.fromEntries([['__name__', 'old']]),
      named('old', 'never seen'),
      named('new', 'a'),
      Labels.fromEntries([['id', 'a']]),
    ];
    expect(write(storage, refused, 2000)).toEqual([0, 0, 0, 0]);
    expect(storage.guard!.refused).toBe(4);
    expect(storage.stats()).toEqual(before);
    const { symbols } = storage.head.labels;
    expect([symbols.find('never seen'), symbols.find('new'), symbols.find('old') > 0]).toEqual([0, 0, true]);
    expect(write(storage, [named('old', 'a')], 3000)).toEqual([old]);
    expect(write(storage, [named('up', 'a')], 3000, true)[0]).toBeGreaterThan(0);
    expect(storage.guard!.refused).toBe(4);
  });

  test('it lets go only some way below the limit', () => {
    const { storage, resident } = limited(1000 * MIB);
    const states = [999, 1000, 999, 951, 949, 999, 1001].map((mebibytes) => {
      resident.bytes = mebibytes * MIB;
      storage.guard!.look();
      return storage.guard!.isActive;
    });
    expect(states).toEqual([false, true, true, true, false, false, true]);
  });

  test('a burst of new series between two looks is noticed', () => {
    const { storage } = limited(6 * MIB);
    const series = Array.from({ length: 100_000 }, (_, i) => named('burst', String(i)));
    const refs = write(storage, series, 1000);
    const taken = refs.indexOf(0);
    expect(taken).toBeGreaterThan(1000);
    expect(taken).toBeLessThan(50_000);
    expect(refs.slice(taken).every((ref) => ref === 0)).toBe(true);
    expect(storage.stats().bytes).toBeLessThan(8 * MIB);
  });

  test('series that are reclaimed make room, though nothing goes back to the system', async () => {
    const { storage, resident } = limited(6 * MIB);
    const { head, guard } = storage;
    for (let i = 0; !guard!.isActive; i++) {
      write(
        storage,
        Array.from({ length: 500 }, (_, k) => named('old', `${i} ${k}`)),
        i + 1,
      );
    }
    resident.bytes = head.memory.heldBytes;
    const vital = write(storage, [named('up', 'a')], 4 * HOUR_MS, true)[0]!;
    expect(write(storage, [named('new', 'a')], 4 * HOUR_MS)).toEqual([0]);
    const clock = new VirtualClock(4 * HOUR_MS);
    const { seriesRemoved } = await head.truncate(2 * HOUR_MS, clock);
    expect(seriesRemoved).toBeGreaterThan(1000);
    guard!.look();
    expect(guard!.isActive).toBe(false);
    expect(guard!.usedBytes).toBeLessThan(guard!.limitBytes / 2);
    const taken = write(storage, [named('new', 'a'), named('up', 'a')], 4 * HOUR_MS + 1);
    expect(taken[0]).toBeGreaterThan(0);
    expect(taken[1]).toBe(vital);
  });
});
