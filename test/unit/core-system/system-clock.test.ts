import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SystemClock } from '../../../src/core/system/system-clock.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

test('a timer fires when its time has come, also far away', () => {
  const clock = new SystemClock();
  const fired: number[] = [];
  for (const delayMs of [0, 1, 2 ** 31, 2 ** 31 + 5]) {
    clock.setTimer(Date.now() + delayMs, () => fired.push(delayMs));
  }
  const cancelled = clock.setTimer(Date.now() + 1, () => fired.push(-1));
  cancelled.cancel();
  vi.advanceTimersByTime(1);
  expect(fired).toEqual([0, 1]);
  vi.advanceTimersByTime(2 ** 31 - 2);
  expect(fired).toEqual([0, 1]);
  vi.advanceTimersByTime(6);
  expect(fired).toEqual([0, 1, 2 ** 31, 2 ** 31 + 5]);
});

test('a wall clock that is set back holds no timer up', () => {
  const clock = new SystemClock();
  const fired: number[] = [];
  clock.setTimer(Date.now() + 1000, () => fired.push(performance.now()));
  const startMs = performance.now();
  vi.advanceTimersByTime(500);
  vi.setSystemTime(Date.now() - 3_600_000);
  vi.advanceTimersByTime(499);
  expect(fired).toEqual([]);
  vi.advanceTimersByTime(2);
  expect(fired).toEqual([startMs + 1000]);
});

test('a wall clock that goes a little slow is waited for', () => {
  const clock = new SystemClock();
  const fired: number[] = [];
  const dueMs = Date.now() + 60_000;
  clock.setTimer(dueMs, () => fired.push(Date.now()));
  vi.advanceTimersByTime(30_000);
  vi.setSystemTime(Date.now() - 1500);
  vi.advanceTimersByTime(31_000);
  expect(fired).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(fired).toEqual([dueMs]);
});
