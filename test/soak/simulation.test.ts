import { expect, test } from 'vitest';
import { findDoubled, findMissed, findUnresolved } from '../sim/check.ts';
import { TIMING, simulate } from '../sim/simulation.ts';

const HOUR_MS = 60 * 60_000;
const FIRST_SEED = Number(process.env['TOCSIN_SEED'] ?? 1);
const SEEDS = Array.from({ length: 100 }, (_, i) => FIRST_SEED + i);

test.each(SEEDS)('seed %i holds over twelve hours', async (seed) => {
  const { plan, arrivals } = await simulate(seed, 12 * HOUR_MS, 12);
  expect(findMissed(plan, TIMING, arrivals)).toEqual([]);
  expect(findDoubled(TIMING, arrivals)).toEqual([]);
  expect(findUnresolved(plan, arrivals)).toEqual([]);
});
