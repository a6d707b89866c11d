import { expect, it } from 'vitest';
import { measure } from '../../spikes/threads.ts';

it('a thread reads only what was written, while series come and go and memory is used again', async () => {
  const result = await measure({ readers: 1, targets: 10, paced: false, truncating: true, durationMs: 1000 });
  expect(result.wrong).toBe(0);
  expect(result.queries).toBeGreaterThan(0);
});
