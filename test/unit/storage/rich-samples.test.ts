import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { CounterResetHint, FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { NodeFileSystem } from '../../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import {
  AppendOutcome,
  HeadStorage,
  SampleBuffer,
  Tsdb,
  TsdbReader,
  histogramFault,
  staleMarker,
} from '../../../src/storage/index.ts';
import type { Appender, RichSample, SampleStorage, TsdbOptions } from '../../../src/storage/index.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';
import { histogramText, richSamples, seenIn, seenInStorage } from './rich-samples.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOW = 100 * HOUR_MS;
const A = Labels.fromObject({ __name__: 'a' });
const B = Labels.fromObject({ __name__: 'b' });
const EVER = { minMs: -Infinity, maxMs: Infinity, limit: 0 };
const FLOAT: RichSample = { value: 1, histogram: undefined, startMs: 0 };

function counter(count: number, more: Partial<FloatHistogram> = {}): FloatHistogram {
  return new FloatHistogram({
    count,
    sum: count,
    positiveSpans: Int32Array.of(0, 2),
    positiveBuckets: Float64Array.of(count, 0),
    ...more,
  });
}

function of(histogram: FloatHistogram, startMs = 0): RichSample {
  return { value: 0, histogram, startMs };
}

function put(appender: Appender, ref: number, tMs: number, sample: RichSample): AppendOutcome {
  const isPlain = sample.histogram === undefined && sample.startMs === 0;
  return isPlain ? appender.append(ref, tMs, sample.value) : appender.appendRich(ref, tMs, sample);
}

async function appendAll(storage: SampleStorage, samples: readonly RichSample[], from = NOW): Promise<void> {
  const appender = storage.appender(Infinity);
  const ref = appender.series(A);
  samples.forEach((sample, i) => {
    expect(put(appender, ref, from + i, sample)).toBe(AppendOutcome.stored);
  });
  await appender.commit();
}

async function read(storage: Pick<SampleStorage, 'querier'>): Promise<SampleBuffer> {
  const querier = storage.querier(-Infinity, Infinity);
  const cursor = await querier.select([], EVER);
  const into = new SampleBuffer(1);
  if (cursor.next()) cursor.read(-Infinity, Infinity, into);
  querier.close();
  return into;
}

interface Written {
  readonly series: readonly (readonly RichSample[])[];
  /** Milliseconds before each sample; again from the first when there are more samples. */
  readonly steps: readonly number[];
  readonly perCommit: number;
}

const step = fc.oneof(fc.constant(15_000), fc.integer({ min: 1, max: HOUR_MS }));
/** Several series whose samples lie at the same times, cut into transactions. */
const written: fc.Arbitrary<Written> = fc.record({
  series: fc.array(richSamples, { minLength: 1, maxLength: 3 }),
  steps: fc.array(step, { minLength: 1, maxLength: 30 }),
  perCommit: fc.integer({ min: 1, max: 40 }),
});

function timesOf({ series, steps }: Written): number[] {
  let tMs = NOW;
  const longest = Math.max(...series.map((samples) => samples.length));
  return Array.from({ length: longest }, (_, i) => (tMs += steps[i % steps.length]!));
}

async function writeTo(storage: SampleStorage, what: Written): Promise<void> {
  const times = timesOf(what);
  for (let from = 0; from < times.length; from += what.perCommit) {
    const appender = storage.appender(Infinity);
    what.series.forEach((samples, i) => {
      const ref = appender.series(Labels.fromObject({ __name__: 'm', n: String(i) }));
      samples.slice(from, from + what.perCommit).forEach((sample, at) => {
        put(appender, ref, times[from + at]!, sample);
      });
    });
    await appender.commit();
  }
}

describe('floats, stale markers, histograms and starts', () => {
  it('read as from the plainest storage, in any span of time, in this thread and as others do', async () => {
    await fc.assert(
      fc.asyncProperty(written, fc.nat(), fc.nat(), async (what, from, to) => {
        const head = new HeadStorage();
        const plain = new MemoryStorage();
        await writeTo(head, what);
        await writeTo(plain, what);
        const lease = head.leaseReader(() => undefined);
        const data = { head: lease.data, deleted: new Float64Array(), path: '/', blocks: [] };
        const other = new TsdbReader(data, { drain: () => [] }, new MemoryFileSystem()).head;
        const times = timesOf(what);
        const into = new SampleBuffer(1);
        for (const [minMs, maxMs] of [
          [-Infinity, Infinity],
          [times[from % times.length]!, times[to % times.length]!],
        ] as const) {
          const expected = await seenInStorage(plain, new SampleBuffer(), minMs, maxMs);
          expect(await seenInStorage(head, into, minMs, maxMs)).toEqual(expected);
          expect(await seenInStorage(other, into, minMs, maxMs)).toEqual(expected);
        }
        expect(head.stats().sampleCount).toBe(what.series.flat().length);
      }),
      { numRuns: 60 },
    );
  });
});

/** Opens a folder and reads its log. */
function open(path: string, more: Partial<TsdbOptions> = {}): Promise<Tsdb> {
  return Tsdb.open({
    files: new NodeFileSystem(),
    path,
    clock: new SystemClock(),
    logger: silentLogger,
    registry: createRegistry(),
    random: new SeededRandom(1),
    retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
    lock: undefined,
    ...more,
  });
}

async function inFolder(use: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'tocsin-rich-'));
  try {
    await use(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

describe('a restart', () => {
  it('puts everything back from the log, hints included', async () => {
    await fc.assert(
      fc.asyncProperty(written, async (what) => {
        await inFolder(async (path) => {
          const plain = new MemoryStorage();
          await writeTo(plain, what);
          const tsdb = await open(path);
          await writeTo(tsdb, what);
          const hints = await hintsOf(tsdb);
          // Not closed: as if the process had been killed. What a commit resolved for has been handed to the system.
          const again = await open(path);
          expect(again.replay.samples).toBe(what.series.flat().length);
          const into = new SampleBuffer(1);
          expect(await seenInStorage(again, into)).toEqual(await seenInStorage(plain, new SampleBuffer()));
          expect(await hintsOf(again)).toEqual(hints);
          await again.close();
          await tsdb.close();
        });
      }),
      { numRuns: 15 },
    );
  });

  it('after a checkpoint has what is within retention', async () => {
    await inFolder(async (path) => {
      const options: Partial<TsdbOptions> = {
        chunkRangeMs: HOUR_MS,
        retention: { timeMs: 3 * HOUR_MS, sizeBytes: 0, percentage: 0 },
        walSegmentBytes: 32 * 1024,
        // So that there are segments enough to drop.
        walCompression: 'none',
      };
      const tsdb = await open(path, options);
      const end = NOW + 12 * HOUR_MS;
      for (let tMs = NOW; tMs <= end; tMs += 5 * MINUTE_MS) {
        const appender = tsdb.appender(tMs);
        for (let n = 0; n < 20; n++) {
          const ref = appender.series(Labels.fromObject({ __name__: 'h', n: String(n) }));
          const isCustom = n % 2 === 1;
          const startMs = n % 4 < 2 ? 0 : tMs - 7;
          const bounds = { schema: -53, customValues: Float64Array.of(1) };
          appender.appendRich(ref, tMs, of(counter(tMs / 1000, isCustom ? bounds : {}), startMs));
        }
        appender.appendRich(appender.series(A), tMs, { value: tMs, histogram: undefined, startMs: NOW });
        appender.append(appender.series(B), tMs, tMs);
        if (tMs < NOW + HOUR_MS) {
          const old = Labels.fromObject({ __name__: 'old' });
          appender.appendRich(appender.series(old), tMs, of(counter(1)));
        }
        await appender.commit();
      }
      await tsdb.maintain();
      const before = await seenInStorage(tsdb, new SampleBuffer(), end - 3 * HOUR_MS, end);
      expect(Object.keys(before)).toHaveLength(22);
      expect(before['a']).toHaveLength(37);
      expect(before['b']).toHaveLength(37);
      await tsdb.close();
      expect((await readdir(join(path, 'wal'))).some((name) => name.startsWith('checkpoint'))).toBe(true);
      const again = await open(path, options);
      expect(await seenInStorage(again, new SampleBuffer(), end - 3 * HOUR_MS, end)).toEqual(before);
      expect(again.replay.unknownSamples).toBe(0);
      await again.close();
    });
  });
});

/** The hint of each sample, series after series; undefined for floats. */
async function hintsOf(storage: Pick<SampleStorage, 'querier'>): Promise<(CounterResetHint | undefined)[]> {
  const querier = storage.querier(-Infinity, Infinity);
  const cursor = await querier.select([], EVER);
  const hints: (CounterResetHint | undefined)[] = [];
  const into = new SampleBuffer();
  while (cursor.next()) {
    cursor.read(-Infinity, Infinity, into);
    for (let i = 0; i < into.length; i++) hints.push(into.histograms?.[i]?.counterResetHint);
  }
  querier.close();
  return hints;
}

describe('the hint of a histogram as it is read', () => {
  const { unknown, reset, notReset, gauge } = CounterResetHint;
  const table: [what: string, samples: RichSample[], hints: (CounterResetHint | undefined)[]][] = [
    ['growing', [of(counter(1)), of(counter(1)), of(counter(2))], [unknown, notReset, notReset]],
    ['shrinking', [of(counter(2)), of(counter(1)), of(counter(1))], [unknown, unknown, notReset]],
    [
      'said to be reset',
      [of(counter(1)), of(counter(2, { counterResetHint: reset })), of(counter(3))],
      [unknown, unknown, notReset],
    ],
    [
      'wrongly said not to be reset',
      [of(counter(2)), of(counter(1, { counterResetHint: notReset }))],
      [unknown, unknown],
    ],
    ['after a float', [of(counter(1)), FLOAT, of(counter(2))], [unknown, undefined, unknown]],
    [
      'after a float with a start',
      [of(counter(1)), { ...FLOAT, startMs: 7 }, of(counter(2))],
      [unknown, undefined, unknown],
    ],
    ['of another schema', [of(counter(1)), of(counter(2, { schema: 1 }))], [unknown, unknown]],
    ['of another zero bucket', [of(counter(1)), of(counter(2, { zeroThreshold: 1 }))], [unknown, unknown]],
    [
      'with more buckets',
      [
        of(counter(1)),
        of(counter(2, { positiveSpans: Int32Array.of(0, 3), positiveBuckets: Float64Array.of(1, 0, 1) })),
      ],
      [unknown, notReset],
    ],
    [
      'of gauges',
      [of(counter(2, { counterResetHint: gauge })), of(counter(1, { counterResetHint: gauge }))],
      [gauge, gauge],
    ],
    [
      'of a counter after a gauge',
      [of(counter(1, { counterResetHint: gauge })), of(counter(2)), of(counter(3))],
      [gauge, unknown, notReset],
    ],
  ];
  it.each(table)('%s', async (_, samples, hints) => {
    const storage = new HeadStorage();
    await appendAll(storage, samples);
    expect(await hintsOf(storage)).toEqual(hints);
  });
});

describe('outcomes at the time of the last sample', () => {
  const start = { ...FLOAT, startMs: 5 };
  const { same, duplicate } = AppendOutcome;
  const table: [what: string, last: RichSample, next: RichSample, outcome: AppendOutcome][] = [
    ['an equal histogram', of(counter(1)), of(counter(1)), same],
    ['a histogram with another count', of(counter(1)), of(counter(2)), duplicate],
    [
      'a histogram with another layout',
      of(counter(1)),
      of(counter(1, { positiveSpans: Int32Array.of(1, 2) })),
      duplicate,
    ],
    ['an equal histogram with another start', of(counter(1)), of(counter(1), 5), duplicate],
    ['a float after a histogram', of(counter(1)), FLOAT, duplicate],
    ['NaN after a histogram', of(counter(1)), { ...FLOAT, value: NaN }, duplicate],
    ['a histogram after a float', FLOAT, of(counter(1)), duplicate],
    ['an equal float with an equal start', start, start, same],
    ['an equal float without start', start, FLOAT, duplicate],
    ['an equal float with a start after one without', FLOAT, start, duplicate],
    ['a float with another start', start, { ...start, startMs: 6 }, duplicate],
    [
      'an equal stale marker with a start',
      { ...start, value: staleMarker },
      { ...start, value: staleMarker },
      same,
    ],
  ];
  it.each(table)('%s', async (_, last, next, outcome) => {
    const storage = new HeadStorage();
    const appender = storage.appender(Infinity);
    const ref = appender.series(A);
    put(appender, ref, NOW, last);
    expect(put(appender, ref, NOW, next)).toBe(outcome);
    expect(put(appender, ref, NOW - 1, next)).toBe(AppendOutcome.outOfOrder);
    await appender.commit();
    const later = storage.appender(Infinity);
    expect(put(later, ref, NOW, next)).toBe(outcome);
    expect(put(later, ref, NOW - 1, next)).toBe(AppendOutcome.outOfOrder);
    expect(put(later, ref, NOW - HOUR_MS - 1, next)).toBe(AppendOutcome.outOfBounds);
    later.rollback();
    expect((await read(storage)).length).toBe(1);
  });

  it.each([
    [
      'buckets that no span has',
      { positiveBuckets: Float64Array.of(1, 2, 3) },
      'positive side: spans need 2 buckets, have 3 buckets: histogram spans specify different number of buckets than provided',
    ],
    [
      'a negative count in a bucket',
      { positiveBuckets: Float64Array.of(1, -2) },
      'positive side: bucket number 2 has observation count of -2: histogram has a bucket whose observation count is negative',
    ],
    [
      'a schema that is none',
      { schema: 9 },
      'histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema 9',
    ],
    [
      'more buckets than are stored',
      { positiveSpans: Int32Array.of(0, 200_000), positiveBuckets: new Float64Array(200_000) },
      'a histogram with 200000 buckets and bounds cannot be stored, only up to 131072: limit the buckets where it is made',
    ],
  ])('are refused with %s; others of the transaction are kept', async (_, more, fault) => {
    const storage = new HeadStorage();
    const appender = storage.appender(NOW);
    const bad = counter(1, more);
    expect(appender.appendRich(appender.series(B), NOW, of(bad))).toBe(AppendOutcome.malformed);
    expect(histogramFault(bad)).toBe(fault);
    expect(appender.appendRich(appender.series(A), NOW, of(counter(1)))).toBe(AppendOutcome.stored);
    await appender.commit();
    expect(Object.keys(await seenInStorage(storage, new SampleBuffer(1)))).toEqual([A.toString()]);
    expect(storage.counters).toMatchObject({ appendedHistograms: 1, outOfOrderHistograms: 0 });
  });

  it('are counted for histograms apart', async () => {
    const storage = new HeadStorage();
    await appendAll(storage, [FLOAT, of(counter(1)), { ...FLOAT, startMs: 4 }]);
    const appender = storage.appender(NOW);
    const ref = appender.series(A);
    appender.appendRich(ref, NOW, of(counter(1)));
    appender.appendRich(ref, NOW, { ...FLOAT, startMs: 4 });
    appender.appendRich(ref, NOW - 2 * HOUR_MS, of(counter(1)));
    appender.appendRich(ref, NOW + 2 * HOUR_MS, of(counter(1)));
    appender.rollback();
    expect(storage.counters).toMatchObject({
      appended: 2,
      appendedHistograms: 1,
      outOfOrder: 1,
      outOfOrderHistograms: 1,
      outOfBounds: 0,
      outOfBoundsHistograms: 1,
      tooFarAhead: 1,
    });
  });
});

describe('transactions with histograms', () => {
  it('show nothing before commit and leave nothing after rollback', async () => {
    const storage = new HeadStorage();
    await appendAll(storage, [of(counter(1))]);
    const kept = storage.appender(NOW);
    const dropped = storage.appender(NOW);
    kept.appendRich(kept.series(A), NOW + 1, of(counter(2)));
    dropped.appendRich(dropped.series(A), NOW + 2, of(counter(9)));
    expect((await read(storage)).length).toBe(1);
    dropped.rollback();
    expect((await read(storage)).length).toBe(1);
    await kept.commit();
    expect(seenIn(await read(storage)).map(({ tMs }) => tMs)).toEqual([NOW, NOW + 1]);
  });

  it('that overlap: the later commit loses what the earlier made late', async () => {
    const storage = new HeadStorage();
    await appendAll(storage, [of(counter(1))]);
    const slow = storage.appender(NOW);
    const quick = storage.appender(NOW);
    slow.appendRich(slow.series(A), NOW + 1, of(counter(2)));
    quick.append(quick.series(A), NOW + 2, 3);
    await quick.commit();
    await slow.commit();
    expect(seenIn(await read(storage)).map(({ value }) => value)).toEqual([histogramText(counter(1)), '3']);
    expect(storage.counters.outOfOrderHistograms).toBe(1);
  });

  it('keep a series in order that changes its kind within one', async () => {
    await inFolder(async (path) => {
      const samples = [FLOAT, of(counter(1)), FLOAT, { ...FLOAT, startMs: 3 }, of(counter(2), 3), FLOAT];
      const tsdb = await open(path);
      await appendAll(tsdb, samples);
      const expected = seenIn(await read(tsdb));
      expect(expected).toHaveLength(samples.length);
      await tsdb.close();
      const again = await open(path);
      expect(seenIn(await read(again))).toEqual(expected);
      await again.close();
    });
  });
});

describe('chunks of histograms', () => {
  it('hold many, are cut by size and by window, and count', async () => {
    const storage = new HeadStorage();
    const layout = { positiveSpans: Int32Array.of(0, 80), positiveBuckets: new Float64Array(80).fill(0.1) };
    await appendAll(
      storage,
      Array.from({ length: 500 }, (_, i) => of(counter(i, layout))),
    );
    const { chunkCount, sampleCount } = storage.stats();
    expect(sampleCount).toBe(500);
    expect(chunkCount).toBeGreaterThan(5);
    expect(chunkCount).toBeLessThan(50);
    expect((await read(storage)).length).toBe(500);
  });

  it.each([
    ['an even', 1 << 17],
    ['an odd', (1 << 17) - 1],
    ['another', (1 << 17) - 2],
  ])(
    'take a histogram of %s size that fills more than a slab of memory, until it is given up',
    async (_, size) => {
      const large = (seed: number): FloatHistogram =>
        counter(1, {
          positiveSpans: Int32Array.of(0, size),
          positiveBuckets: Float64Array.from({ length: size }, (_, i) => 1 + Math.sin(seed + i)),
        });
      const storage = new HeadStorage();
      const samples = [FLOAT, of(large(1)), FLOAT, of(large(2)), FLOAT];
      await appendAll(storage, samples);
      const into = await read(storage);
      expect(into.histograms?.[1]?.positiveBuckets).toEqual(large(1).positiveBuckets);
      expect(into.histograms?.[3]?.positiveBuckets).toEqual(large(2).positiveBuckets);
      expect(into.length).toBe(5);
      const appender = storage.appender(NOW);
      const tooLarge = counter(1, { positiveBuckets: new Float64Array((1 << 17) + 1) });
      const outcome = appender.appendRich(appender.series(A), NOW + 9, of(tooLarge));
      expect(outcome).toBe(AppendOutcome.malformed);
      appender.rollback();
      await appendAll(storage, [FLOAT], NOW + 5 * HOUR_MS);
      const bytes = storage.stats().bytes;
      await storage.head.truncate(NOW + 4 * HOUR_MS, new SystemClock());
      expect(storage.stats().bytes).toBeLessThan(bytes - 2 * size * 8);
      expect((await read(storage)).length).toBe(1);
    },
  );

  it('go with their series when it is reclaimed, whose row another may take', async () => {
    const storage = new HeadStorage();
    await appendAll(storage, [of(counter(5))]);
    const appender = storage.appender(Infinity);
    appender.append(appender.series(B), NOW + 10 * HOUR_MS, 1);
    await appender.commit();
    const { seriesRemoved } = await storage.head.truncate(NOW + 8 * HOUR_MS, new SystemClock());
    expect(seriesRemoved).toBe(1);
    expect(storage.stats()).toMatchObject({ seriesCount: 1, sampleCount: 1 });
    await appendAll(storage, [of(counter(1)), FLOAT], NOW + 11 * HOUR_MS);
    expect(seenIn(await read(storage))).toHaveLength(2);
    expect(await hintsOf(storage)).toEqual([CounterResetHint.unknown, undefined, undefined]);
  });
});
