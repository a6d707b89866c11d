import { expect, test } from 'vitest';
import { simulateStorage } from '../sim/storage-simulation.ts';

const HOUR_MS = 60 * 60_000;
const FIRST_SEED = Number(process.env['TOCSIN_SEED'] ?? 1);
const SEEDS = Array.from({ length: 40 }, (_, i) => FIRST_SEED + i);

test.each(SEEDS)('storage over a failing disk: seed %i loses nothing without a word', async (seed) => {
  const run = await simulateStorage(seed, 12 * HOUR_MS);
  expect(run.faults).toEqual([]);
  expect(run.checked).toBeGreaterThan(10_000);
});
