import { describe, expect, test } from 'vitest';
import { DISK_SPELLS } from './disk-faults.ts';
import { simulateStorage } from './storage-simulation.ts';

const HOUR_MS = 60 * 60_000;

describe('a whole tocsin over a disk that fails', () => {
  test(
    'loses nothing that was acknowledged without a word, and always starts',
    { timeout: 60_000 },
    async () => {
      const spells = new Set<string>();
      const ends = { kill: 0, powerCut: 0, stop: 0 };
      let checkpoints = 0;
      for (const seed of [2, 6, 7]) {
        const run = await simulateStorage(seed, 4 * HOUR_MS);
        expect(run.faults, `seed ${seed}`).toEqual([]);
        expect(run.checked).toBeGreaterThan(10_000);
        expect(run.blocks).toBeGreaterThan(0);
        for (const spell of run.spells.keys()) spells.add(spell);
        for (const end of ['kill', 'powerCut', 'stop'] as const) ends[end] += run.ends[end];
        checkpoints += run.checkpoints;
      }
      expect([...spells].sort()).toEqual([...DISK_SPELLS].sort());
      expect(checkpoints).toBeGreaterThan(0);
      expect(Math.min(...Object.values(ends))).toBeGreaterThan(0);
    },
  );
});

describe('canary: the check sees what it is for', () => {
  test('the end of a log that vanishes', { timeout: 60_000 }, async () => {
    let isDone = false;
    const run = await simulateStorage(3, 2 * HOUR_MS, ({ files }) => {
      const segments = files.paths().filter((path) => /^\/data\/wal\/\d+$/.test(path));
      // The last two: at the end of the log nobody can tell that something is missing.
      if (segments.length < 2 || isDone) return;
      isDone = true;
      for (const path of segments.slice(-2)) files.corrupt(path, () => new Uint8Array());
    });
    expect(isDone).toBe(true);
    expect(run.faults.join('\n')).toContain('nothing was said');
  });
});
