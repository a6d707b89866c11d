import { describe, expect, test } from 'vitest';
import { Labels, METRIC_NAME } from '../../../src/core/labels.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { ReadSharer, type SharedReads } from '../../../src/promql/shared-reads.ts';
import { SampleBuffer } from '../../../src/storage/index.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';

/** A storage that counts selections, with two series each of `a` and `b` at 0, 10 s, … 100 s. */
async function storageWithSamples(): Promise<{ storage: MemoryStorage; selects: () => number }> {
  const storage = new MemoryStorage();
  for (const name of ['a', 'b']) {
    for (const job of ['x', 'y']) await add(storage, { [METRIC_NAME]: name, job }, 0, 11);
  }
  let selects = 0;
  const open = storage.querier.bind(storage);
  storage.querier = (minMs, maxMs) => {
    const querier = open(minMs, maxMs);
    const select = querier.select.bind(querier);
    querier.select = (matchers, hints) => {
      selects++;
      return select(matchers, hints);
    };
    return querier;
  };
  return { storage, selects: () => selects };
}

async function add(
  storage: MemoryStorage,
  labels: Record<string, string>,
  from: number,
  to: number,
): Promise<void> {
  const appender = storage.appender();
  const ref = appender.series(Labels.fromObject(labels));
  for (let k = from; k < to; k++) appender.append(ref, k * 10_000, k);
  await appender.commit();
}

async function read(
  reads: SharedReads,
  name: string,
  minMs: number,
  maxMs: number,
): Promise<Record<string, number[]>> {
  const querier = reads.querier(minMs, maxMs);
  const cursor = await querier.select([new Matcher(METRIC_NAME, '=', name)], { minMs, maxMs, limit: 0 });
  const found: Record<string, number[]> = {};
  const buffer = new SampleBuffer();
  while (cursor.next()) {
    cursor.read(minMs, maxMs, buffer);
    found[cursor.labels().get('job')] = [...buffer.values.subarray(0, buffer.length)];
  }
  querier.close();
  return found;
}

describe('reads of a tick', () => {
  test('a selection that several queries make is read once from the second tick on', async () => {
    const { storage, selects } = await storageWithSamples();
    const sharer = new ReadSharer(storage);
    const expected = { x: [9, 10], y: [9, 10] };

    const first = sharer.begin(100_000);
    for (let i = 0; i < 4; i++) expect(await read(first, 'a', 90_000, 100_000)).toEqual(expected);
    sharer.end(first);
    // The first query can't know that others will follow.
    expect(selects()).toBe(2);

    const second = sharer.begin(100_000);
    for (let i = 0; i < 4; i++) expect(await read(second, 'a', 90_000, 100_000)).toEqual(expected);
    sharer.end(second);
    expect(selects()).toBe(3);
  });

  test('the longest window of the tick before serves the shorter ones', async () => {
    const { storage, selects } = await storageWithSamples();
    const sharer = new ReadSharer(storage);
    for (const before of [0, 3]) {
      const reads = sharer.begin(100_000);
      expect(await read(reads, 'a', 100_000, 100_000)).toEqual({ x: [10], y: [10] });
      expect(await read(reads, 'a', 80_000, 100_000)).toEqual({ x: [8, 9, 10], y: [8, 9, 10] });
      expect(await read(reads, 'a', 95_000, 100_000)).toEqual({ x: [10], y: [10] });
      sharer.end(reads);
      expect(selects()).toBeLessThanOrEqual(before + 3);
    }
    expect(selects()).toBe(3);
  });

  test('what is selected once is not kept', async () => {
    const { storage, selects } = await storageWithSamples();
    const sharer = new ReadSharer(storage);
    for (let tick = 0; tick < 3; tick++) {
      const reads = sharer.begin(100_000);
      await read(reads, 'a', 90_000, 100_000);
      await read(reads, 'b', 90_000, 100_000);
      sharer.end(reads);
    }
    expect(selects()).toBe(6);
  });

  test('samples that were written in the tick are seen when it is told', async () => {
    const { storage } = await storageWithSamples();
    const sharer = new ReadSharer(storage);
    for (let tick = 0; tick < 2; tick++) {
      const reads = sharer.begin(200_000);
      await read(reads, 'a', 90_000, 200_000);
      await read(reads, 'a', 90_000, 200_000);
      await add(storage, { [METRIC_NAME]: 'a', job: 'z' }, 11 + tick, 12 + tick);
      reads.wrote('a');
      expect((await read(reads, 'a', 90_000, 200_000))['z']).toHaveLength(tick + 1);
      sharer.end(reads);
    }
  });

  test('queries of one tick see the same samples whatever others write meanwhile', async () => {
    const { storage } = await storageWithSamples();
    const sharer = new ReadSharer(storage);
    const warm = sharer.begin(200_000);
    await read(warm, 'a', 90_000, 200_000);
    await read(warm, 'a', 90_000, 200_000);
    sharer.end(warm);
    const reads = sharer.begin(200_000);
    const before = await read(reads, 'a', 90_000, 200_000);
    await add(storage, { [METRIC_NAME]: 'a', job: 'x' }, 11, 14);
    expect(await read(reads, 'a', 90_000, 200_000)).toEqual(before);
    sharer.end(reads);
  });
});
