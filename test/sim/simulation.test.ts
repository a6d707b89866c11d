import { describe, expect, test } from 'vitest';
import { findDoubled, findMissed, findUnresolved } from './check.ts';
import { TIMING, simulate } from './simulation.ts';

const HOUR_MS = 60 * 60_000;
const SEED = 20_260_105;

describe('a whole tocsin on a virtual clock', () => {
  test(`a day of 50 targets with faults (seed ${SEED})`, { timeout: 300_000 }, async () => {
    const begunMs = performance.now();
    const { plan, arrivals, scrapes } = await simulate(SEED, 24 * HOUR_MS, 50);
    const seconds = (performance.now() - begunMs) / 1000;
    console.log(
      `simulated ${scrapes} scrapes, ${plan.incidents.length} incidents, ${plan.outages.length} outages, ` +
        `${plan.restarts.length} restarts, ${arrivals.length} notifications in ${seconds.toFixed(1)} s`,
    );
    expect(arrivals.length).toBeGreaterThan(100);
    expect(plan.restarts.some(({ kind }) => kind === 'kill')).toBe(true);
    expect(findMissed(plan, TIMING, arrivals)).toEqual([]);
    expect(findDoubled(TIMING, arrivals)).toEqual([]);
    expect(findUnresolved(plan, arrivals)).toEqual([]);
  });

  test('the same seed does the same, another seed does not', { timeout: 120_000 }, async () => {
    const [first, second, other] = [
      await simulate(7, 3 * HOUR_MS, 10),
      await simulate(7, 3 * HOUR_MS, 10),
      await simulate(8, 3 * HOUR_MS, 10),
    ];
    expect(second.log).toEqual(first.log);
    expect(other.log).not.toEqual(first.log);
  });

  test.each([11, 12, 13, 14])('seed %i holds over six hours', { timeout: 120_000 }, async (seed) => {
    const { plan, arrivals } = await simulate(seed, 6 * HOUR_MS, 12);
    expect(findMissed(plan, TIMING, arrivals)).toEqual([]);
    expect(findDoubled(TIMING, arrivals)).toEqual([]);
    expect(findUnresolved(plan, arrivals)).toEqual([]);
  });
});

describe('canary: the checks see what they are for', () => {
  test('a lost, a doubled and an unresolved notification are found', { timeout: 120_000 }, async () => {
    const { plan, arrivals } = await simulate(11, 6 * HOUR_MS, 12);
    const calm = arrivals.filter((arrival) => !arrival.ambiguous);
    expect(findMissed(plan, TIMING, [])).not.toEqual([]);
    const first = calm[0]!;
    expect(findDoubled(TIMING, [first, { ...first, atMs: first.atMs + 60_000 }])).toHaveLength(1);
    const firing = calm.filter(({ alerts }) => alerts.every(({ status }) => status === 'firing'));
    expect(findUnresolved(plan, firing)).not.toEqual([]);
  });
});
