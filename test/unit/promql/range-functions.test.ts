import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { almostEqual } from '../../../src/promql/functions/numeric.ts';
import { LocalQueryEngine, QueryError, type LocalQueryEngineOptions } from '../../../src/promql/index.ts';
import { ALL_FEATURES, ScriptRunner } from '../../promql/promqltest.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';

const STEP_MS = 30_000;

function engineOf(storage: MemoryStorage, options: Partial<LocalQueryEngineOptions> = {}): LocalQueryEngine {
  return new LocalQueryEngine({
    storage,
    clock: new VirtualClock(0),
    logger: silentLogger,
    parseOptions: ALL_FEATURES,
    useStartTimestamps: true,
    ...options,
  });
}

/** A histogram that says nothing but a number. */
function single(count: number): FloatHistogram {
  return new FloatHistogram({
    count,
    sum: count,
    positiveSpans: Int32Array.of(0, 1),
    positiveBuckets: Float64Array.of(count),
  });
}

interface Sample {
  readonly tMs: number;
  readonly value: number;
  readonly startMs: number;
}

async function twins(samples: readonly Sample[]): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  const appender = storage.appender();
  const floats = appender.series(Labels.fromObject({ __name__: 'f_total' }));
  const histograms = appender.series(Labels.fromObject({ __name__: 'h' }));
  for (const { tMs, value, startMs } of samples) {
    appender.appendRich(floats, tMs, { value, histogram: undefined, startMs });
    appender.appendRich(histograms, tMs, { value: NaN, histogram: single(value), startMs });
  }
  await appender.commit();
  return storage;
}

const sampleTimes = fc
  .array(
    fc.record({
      step: fc.integer({ min: 0, max: 30 }),
      jitter: fc.integer({ min: 0, max: 9_999 }),
      value: fc.integer({ min: 0, max: 20 }),
      startAgo: fc.option(fc.integer({ min: 1, max: 100_000 }), { freq: 3 }),
    }),
    { maxLength: 30 },
  )
  .map((drafts) => {
    const byStep = new Map(drafts.map((draft) => [draft.step, draft]));
    return [...byStep.values()]
      .sort((a, b) => a.step - b.step)
      .map(({ step, jitter, value, startAgo }): Sample => {
        const tMs = step * STEP_MS + jitter;
        return { tMs, value, startMs: startAgo === null ? 0 : Math.max(0, tMs - startAgo) };
      });
  });

const calls = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('rate', 'increase', 'delta', 'irate', 'idelta', 'sum_over_time', 'avg_over_time'),
      fc.constantFrom('20s', '45s', '2m', '7m'),
      fc.constantFrom('', ' offset 40s', ' @ 300'),
    )
    .map(
      ([func, range, shift]) =>
        (name: string) =>
          `${func}(${name}[${range}]${shift})`,
    ),
  fc
    .tuple(
      fc.constantFrom('rate', 'increase', 'delta'),
      fc.constantFrom('20s', '45s', '2m', '7m'),
      fc.constantFrom('anchored', 'smoothed'),
    )
    .map(
      ([func, range, word]) =>
        (name: string) =>
          `${func}(${name}[${range}] ${word})`,
    ),
  fc.constantFrom('resets', 'changes').map((func) => (name: string) => `${func}(${name}[3m])`),
);

async function values(engine: LocalQueryEngine, query: string): Promise<Map<number, number>> {
  const { value } = await engine.range(query, 0, 30 * STEP_MS, 25_000);
  const found = new Map<number, number>();
  if (value.type !== 'matrix') throw new Error('a range query must give a matrix');
  for (const { timestamps, values: column, histograms } of value.series) {
    timestamps.forEach((tMs, i) => found.set(tMs, column[i]!));
    histograms?.timestamps.forEach((tMs, i) => {
      const { count, sum } = histograms.values[i]!;
      expect(almostEqual(count, sum, 1e-9)).toBe(true);
      found.set(tMs, count);
    });
  }
  return found;
}

async function failures(script: string): Promise<string[]> {
  const options = { parseOptions: ALL_FEATURES };
  const outcomes = await new ScriptRunner(() => new MemoryStorage(), options).run(
    script.replaceAll('\neval', '\n\neval'),
  );
  expect(outcomes.length).toBeGreaterThan(0);
  return outcomes.flatMap(({ expr, failure }) => (failure === undefined ? [] : [`${expr}: ${failure}`]));
}

describe('functions of ranges', () => {
  test('of histograms that say one number are those of that number', async () => {
    await fc.assert(
      fc.asyncProperty(sampleTimes, calls, async (samples, call) => {
        const engine = engineOf(await twins(samples));
        const floats = await values(engine, call('f_total'));
        const histograms = await values(engine, call('h'));
        expect(new Set(histograms.keys())).toEqual(new Set(floats.keys()));
        for (const [tMs, value] of floats) {
          const other = histograms.get(tMs)!;
          expect(almostEqual(value, other, 1e-9) || Math.abs(value - other) < 1e-9).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('of windows with floats and histograms', async () => {
    const script = `
load 1m
  m 1 2 {{count:4 sum:4 buckets:[4]}} {{count:6 sum:6 buckets:[6]}} 9
eval instant at 2m30s sum_over_time(m[5m])
  expect warn msg: PromQL warning: encountered a mix of histograms and floats for metric name "m" (1:15)
eval instant at 2m30s rate(m[5m])
  expect warn msg: PromQL warning: encountered a mix of histograms and floats for metric name "m" (1:6)
eval instant at 2m30s irate(m[5m])
  expect warn msg: PromQL warning: encountered a mix of histograms and floats for metric name "m" (1:7)
eval instant at 4m count_over_time(m[5m])
  {} 5
eval instant at 4m resets(m[5m])
  {} 2
eval instant at 4m changes(m[5m])
  {} 4
eval instant at 3m last_over_time(m[5m])
  m {{count:6 sum:6 buckets:[6]}}
eval instant at 3m first_over_time(m[5m])
  m 1
eval instant at 3m ts_of_last_over_time(m[5m])
  {} 180
eval instant at 3m max_over_time(m[5m])
  expect info msg: PromQL info: ignored histograms in a range containing both floats and histograms for metric name "m" (1:15)
  {} 2
eval instant at 4m ts_of_max_over_time(m[5m])
  {} 240
eval instant at 3m30s max_over_time(m[2m])
  expect no_info
eval instant at 4m30s deriv(m[3m])
  expect info msg: PromQL info: ignored histograms in a range containing both floats and histograms for metric name "m" (1:7)
eval instant at 3m sum_over_time(m[2m])
  {} {{count:10 sum:10 buckets:[10]}}
eval instant at 2m timestamp(m)
  {} 120
`;
    expect(await failures(script)).toEqual([]);
  });

  test('say what they want of histograms', async () => {
    const script = `
load 1m
  gauge   {{count:4 sum:4 buckets:[4] counter_reset_hint:gauge}} {{count:6 sum:6 buckets:[6] counter_reset_hint:gauge}}
  counter {{count:4 sum:4 buckets:[4]}} {{count:6 sum:6 buckets:[6]}}
  layouts {{count:4 sum:4 buckets:[4]}} {{schema:-53 count:6 sum:6 custom_values:[5] buckets:[6]}}
  bounds  {{schema:-53 count:2 sum:6 custom_values:[5 10] buckets:[1 1]}} {{schema:-53 count:6 sum:6 custom_values:[5] buckets:[6]}}
eval instant at 1m increase(gauge[2m])
  expect warn msg: PromQL warning: this native histogram metric is not a counter: "gauge" (1:10)
  {} {{count:4 sum:4 counter_reset_hint:gauge buckets:[4]}}
eval instant at 1m idelta(counter[2m])
  expect warn msg: PromQL warning: this native histogram metric is not a gauge: "counter" (1:8)
  {} {{count:2 sum:2 counter_reset_hint:gauge buckets:[2]}}
eval instant at 1m sum_over_time(layouts[2m])
  expect warn msg: PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name "layouts" (1:15)
eval instant at 1m delta(layouts[2m] smoothed)
  expect warn msg: PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name "layouts" (1:7)
eval instant at 1m sum_over_time(bounds[2m])
  expect info msg: PromQL info: mismatched custom buckets were reconciled during aggregation (1:15)
  {} {{schema:-53 count:8 sum:12 custom_values:[5] buckets:[7 1]}}
eval instant at 1m double_exponential_smoothing(counter[2m], 1, 0.5)
  expect fail msg: invalid smoothing factor. Expected: 0 < sf < 1, got: 1.000000
`;
    expect(await failures(script)).toEqual([]);
  });

  test('of anchored and smoothed ranges', async () => {
    const script = `
load 1m
  c 0 10 30 60 _ _ 120
  h {{count:1 sum:1 buckets:[1]}}
eval instant at 2m30s increase(c[1m] anchored)
  {} 20
eval instant at 2m30s increase(c[1m] smoothed)
  {} 25
eval instant at 5m increase(c[1m30s] smoothed offset 30s)
  {} 30
eval instant at 5m c smoothed
  c 100
eval instant at 7m c smoothed
  c 120
eval instant at 1m h[1m] anchored
  expect fail msg: anchored modifier is not supported with histograms
eval instant at 1m deriv(c[1m] smoothed)
  expect fail msg: smoothed modifier can only be used with: delta, increase, rate - not with deriv
eval instant at 1m deriv(c[1m] anchored)
  expect fail msg: anchored modifier can only be used with: changes, delta, increase, rate, resets - not with deriv
eval instant at 1m absent_over_time(nothing[1m] smoothed)
  expect fail msg: smoothed modifier can only be used with: delta, increase, rate - not with absent_over_time
`;
    expect(await failures(script)).toEqual([]);
  });

  test('an anchored range as a whole query has a sample at each end', async () => {
    const engine = engineOf(
      await twins([0, 10, 30].map((value, i) => ({ tMs: i * 60_000, value, startMs: 0 }))),
    );
    const raw = async (query: string): Promise<unknown> => {
      const { value } = await engine.instant(query, 150_000);
      if (value.type !== 'matrix') throw new Error('a range must be a matrix');
      return value.series.map(({ timestamps, values: column }) => [[...timestamps], [...column]]);
    };
    expect(await raw('f_total[1m] anchored')).toEqual([
      [
        [90_000, 120_000, 150_000],
        [10, 30, 30],
      ],
    ]);
    expect(await raw('f_total[1m] smoothed')).toEqual([
      [
        [90_000, 120_000, 150_000],
        [20, 30, 30],
      ],
    ]);
    expect(await raw('f_total[10s] anchored')).toEqual([]);
  });
});

describe('histograms in memory', () => {
  test('count by their size', async () => {
    const storage = await twins(
      Array.from({ length: 10 }, (_, i) => ({ tMs: i * STEP_MS, value: i, startMs: 0 })),
    );
    const size = single(1).sampleCount;
    const enough = engineOf(storage, { maxSamples: 10 * size + 20 });
    await expect(enough.instant('count_over_time(h[1h])', 600_000)).resolves.toBeDefined();
    const tooFew = engineOf(storage, { maxSamples: 10 * size - 1 });
    await expect(tooFew.instant('count_over_time(h[1h])', 600_000)).rejects.toThrow(QueryError);
    await expect(tooFew.instant('count_over_time(f_total[1h])', 600_000)).resolves.toBeDefined();
  });

  test('are shared by several readers of one selection', async () => {
    const storage = await twins([1, 3, 2].map((value, i) => ({ tMs: i * STEP_MS, value, startMs: 0 })));
    const { value } = await engineOf(storage).instant(
      'resets(h[5m]) + on() count_over_time(h[5m]) + on() histogram_count(h)',
      60_000,
    );
    expect(value.type === 'vector' && value.samples.map(({ value: v }) => v)).toEqual([6]);
  });

  test('lose their buckets where only count and sum matter, resets being noted', async () => {
    const drop = new FloatHistogram({
      count: 9,
      sum: 9,
      positiveSpans: Int32Array.of(1, 1),
      positiveBuckets: Float64Array.of(9),
    });
    const storage = await twins([{ tMs: 0, value: 5, startMs: 0 }]);
    const appender = storage.appender();
    const ref = appender.series(Labels.fromObject({ __name__: 'h' }));
    appender.appendRich(ref, 60_000, { value: NaN, histogram: drop, startMs: 0 });
    await appender.commit();
    const engine = engineOf(storage);
    for (const query of [
      'histogram_count(increase(h[2m] anchored))',
      'histogram_sum(increase(h[2m] anchored))',
    ]) {
      const { value } = await engine.instant(query, 60_000);
      expect(value.type === 'vector' && value.samples.map(({ value: v }) => v)).toEqual([9]);
    }
  });
});
