import { expect, test } from 'vitest';
import { VirtualClock } from '../../../../src/core/virtual-clock.ts';
import { Backoff } from '../../../../src/discovery/kubernetes/backoff.ts';

const random = (value: number) => ({
  next: () => value,
  uuid: () => '',
  bytes: (length: number) => new Uint8Array(length),
});

async function waits(value: number, count: number): Promise<number[]> {
  const clock = new VirtualClock(0);
  const backoff = new Backoff(clock, random(value));
  const found: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = clock.nowMs();
    const wait = backoff.wait(new AbortController().signal);
    await clock.advanceTo(clock.nextTimerMs()!);
    await wait;
    found.push(clock.nowMs() - startMs);
  }
  return found;
}

test('waits double up to 30 s, and up to twice that at random', async () => {
  expect(await waits(0, 8)).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  expect(await waits(0.5, 3)).toEqual([1200, 2400, 4800]);
});

test('after two good minutes the first wait is short again', async () => {
  const clock = new VirtualClock(0);
  const backoff = new Backoff(clock, random(0));
  const { signal } = new AbortController();
  for (let i = 0; i < 4; i++) {
    const wait = backoff.wait(signal);
    await clock.advanceTo(clock.nextTimerMs()!);
    await wait;
  }
  await clock.advanceBy(121_000);
  const startMs = clock.nowMs();
  const wait = backoff.wait(signal);
  await clock.advanceTo(clock.nextTimerMs()!);
  await wait;
  expect(clock.nowMs() - startMs).toBe(800);
});
