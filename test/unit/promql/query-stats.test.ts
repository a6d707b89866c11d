import { describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import {
  LocalQueryEngine,
  type QueryStats,
  engineFeatures,
  promqlFeatures,
  queryStatsView,
} from '../../../src/promql/index.ts';
import { HeadStorage } from '../../../src/storage/index.ts';

/** Ten series `m`, a sample every 10 s from 0 to 1,000 s; one of them ends at 500 s. */
async function engineWith(...features: string[]): Promise<LocalQueryEngine> {
  const storage = new HeadStorage();
  for (let tMs = 0; tMs <= 1_000_000; tMs += 10_000) {
    const appender = storage.appender(tMs);
    for (let i = 0; i < (tMs > 500_000 ? 9 : 10); i++) {
      const labels = Labels.fromObject({ __name__: 'm', i: String(i) });
      appender.append(appender.series(labels), tMs, i);
    }
    await appender.commit();
  }
  return new LocalQueryEngine({
    storage,
    clock: new VirtualClock(1_000_000),
    logger: silentLogger,
    lookbackMs: 60_000,
    ...engineFeatures(promqlFeatures(new Set(features))),
  });
}

/** `[seconds, count]` of each step. */
function perStep(stats: QueryStats): unknown {
  return queryStatsView(stats).samples.totalQueryableSamplesPerStep;
}

function readPerStep(stats: QueryStats): unknown {
  return queryStatsView(stats).samples.samplesReadPerStep;
}

// As Prometheus' own TestQueryStatistics has them for its engine.
describe('samples that steps look at', () => {
  test.each<[query: string, perStep: [number, number, number]]>([
    ['m', [10, 9, 9]],
    ['m + m', [20, 18, 18]],
    ['1', [0, 0, 0]],
    ['sum(rate(m[1m]))', [60, 54, 54]],
    ['m offset 100s', [10, 10, 9]],
    ['timestamp(m)', [10, 9, 9]],
    // What a subquery reads is not counted, only what is looked at of its result.
    ['sum_over_time(sum(m)[1m:10s])', [6, 6, 6]],
    // Evaluated once, looked at by every step.
    ['m @ 400', [10, 10, 10]],
    ['sum(count_over_time(m[100s] @ 400))', [100, 100, 100]],
    ['m and on () vector(1)', [10, 9, 9]],
  ])('of %s', async (query, counts) => {
    const engine = await engineWith('promql-per-step-stats');
    const { stats } = await engine.range(query, 400_000, 800_000, 200_000, { perStepStats: true });
    expect(perStep(stats)).toEqual(counts.map((count, k) => [400 + k * 200, count]));
    expect(stats.totalSamples).toBe(counts.reduce((sum, count) => sum + count, 0));
  });

  // What Prometheus 3.14 says of the same data.
  test.each<[query: string, perStep: number[]]>([
    ['m', [10, 10, 10]],
    ['m + m', [20, 20, 20]],
    ['1', [0, 0, 0]],
    // Windows of 60 s every 50 s: only the first is read whole.
    ['sum_over_time(m[1m])', [60, 50, 45]],
    ['sum_over_time(m[20s])', [20, 20, 18]],
    // Read once, by the first step.
    ['m @ 400', [10, 0, 0]],
    ['sum_over_time(m[1m] @ 400)', [60, 0, 0]],
    ['quantile_over_time(scalar(m{i="1"}) / 1e6, m[1m] @ 400)', [61, 1, 1]],
    // A subquery's steps belong to the first step that sees them; those between windows to none.
    ['sum_over_time(m[1m:10s])', [60, 50, 50]],
    ['sum_over_time(m[20s:10s])', [20, 20, 20]],
    ['sum_over_time(m[20s:10s] offset 30s)', [20, 20, 20]],
    ['max_over_time(sum_over_time(m[20s])[20s:10s])', [30, 20, 18]],
    ['sum_over_time((m @ 400)[1m:10s])', [10, 0, 0]],
  ])('are read once: %s', async (query, counts) => {
    const engine = await engineWith('promql-per-step-stats');
    const { stats } = await engine.range(query, 450_000, 550_000, 50_000, { perStepStats: true });
    expect(readPerStep(stats)).toEqual(counts.map((count, k) => [450 + k * 50, count]));
    expect(stats.samplesRead).toBe(counts.reduce((sum, count) => sum + count, 0));
    const unasked = await engine.range(query, 450_000, 550_000, 50_000);
    expect(unasked.stats.samplesRead).toBe(stats.samplesRead);
  });

  test.each<[query: string, count: number]>([
    ['m', 9],
    ['m[30s]', 27],
    ['sum(m)[30s:10s]', 27],
    ['rate(m[1m])', 54],
  ])('at the one time of an instant query: %s', async (query, count) => {
    const engine = await engineWith('promql-per-step-stats');
    const { stats } = await engine.instant(query, 800_000, { perStepStats: true });
    expect(perStep(stats)).toEqual([[800, count]]);
    expect(readPerStep(stats)).toEqual([[800, count]]);
    expect(stats.totalSamples).toBe(count);
  });

  test('are given step by step only with the feature, and to who asks', async () => {
    const without = await engineWith();
    const { stats } = await without.range('m', 0, 100_000, 10_000, { perStepStats: true });
    expect(perStep(stats)).toBeUndefined();
    expect(readPerStep(stats)).toBeUndefined();
    expect(stats.totalSamples).toBe(110);
    const unasked = await (await engineWith('promql-per-step-stats')).range('m', 0, 100_000, 10_000);
    expect(perStep(unasked.stats)).toBeUndefined();
  });
});
