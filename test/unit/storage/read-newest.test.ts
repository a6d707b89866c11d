import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { staleMarker } from '../../../src/storage/index.ts';
import { SampleBuffer, type SeriesCursor } from '../../../src/storage/seam.ts';
import { HeadStorage } from '../../../src/storage/tsdb/index.ts';

const ALL = { minMs: -Infinity, maxMs: Infinity, limit: 0 };
const SERIES = Labels.fromObject({ __name__: 'm' });

async function cursorOf(samples: readonly (readonly [tMs: number, value: number])[]): Promise<SeriesCursor> {
  const storage = new HeadStorage();
  const appender = storage.appender(0);
  const ref = appender.series(SERIES);
  for (const [tMs, value] of samples) appender.append(ref, tMs, value);
  await appender.commit();
  const cursor = await storage.querier(-Infinity, Infinity).select([], ALL);
  cursor.next();
  return cursor;
}

/** The newest sample of a buffer with its bits; undefined when it is empty. */
function last({ timestamps, values, length }: SampleBuffer): readonly [number, bigint] | undefined {
  if (length === 0) return undefined;
  return [timestamps[length - 1]!, new BigUint64Array(values.buffer)[length - 1]!];
}

describe('the newest sample', () => {
  it('is that of all samples in the same time', async () => {
    const time = fc.integer({ min: 0, max: 400 });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(time, { minLength: 1, maxLength: 300 }),
        fc.array(fc.oneof(fc.double(), fc.constant(staleMarker)), { minLength: 1, maxLength: 9 }),
        time,
        time,
        async (times, values, minMs, maxMs) => {
          const sorted = times.toSorted((a, b) => a - b);
          const cursor = await cursorOf(sorted.map((tMs, i) => [tMs, values[i % values.length]!]));
          const all = new SampleBuffer();
          const newest = new SampleBuffer();
          cursor.read(minMs, maxMs, all);
          expect(cursor.readNewest!(minMs, maxMs, newest)).toBe(newest.length);
          expect(last(newest)).toEqual(last(all));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is found without the others where it is the series’ own', async () => {
    const cursor = await cursorOf([
      [1000, 1],
      [2000, 2],
      [3000, 3],
    ]);
    const buffer = new SampleBuffer();
    expect(cursor.readNewest!(0, 5000, buffer)).toBe(1);
    expect(last(buffer)![0]).toBe(3000);
    expect(cursor.readNewest!(0, 2500, buffer)).toBe(2);
    expect(cursor.readNewest!(4000, 5000, buffer)).toBe(0);
  });
});
