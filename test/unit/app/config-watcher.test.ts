import { expect, test } from 'vitest';
import { ConfigWatcher } from '../../../src/app/config-watcher.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';

test('looks at every interval', async () => {
  const clock = new VirtualClock(0);
  const looks: number[] = [];
  const watcher = new ConfigWatcher(clock, 30_000, async () => {
    looks.push(clock.nowMs());
  });
  watcher.start();
  await clock.advanceTo(95_000);
  expect(looks).toEqual([30_000, 60_000, 90_000]);
  await watcher.stop();
  await clock.advanceTo(300_000);
  expect(looks).toHaveLength(3);
  expect(clock.nextTimerMs()).toBeUndefined();
});

test('never looks twice at once; the next interval begins when a look has ended', async () => {
  const clock = new VirtualClock(0);
  const looks: number[] = [];
  const watcher = new ConfigWatcher(clock, 10_000, async () => {
    looks.push(clock.nowMs());
    await clock.sleep(25_000);
  });
  watcher.start();
  await clock.advanceTo(80_000);
  expect(looks).toEqual([10_000, 45_000, 80_000]);
  const stopping = watcher.stop();
  let stopped = false;
  void stopping.then(() => {
    stopped = true;
  });
  await clock.advanceTo(104_000);
  expect(stopped).toBe(false);
  await clock.advanceTo(200_000);
  await stopping;
  expect(looks).toHaveLength(3);
});

test('is not started after its stop', async () => {
  const clock = new VirtualClock(0);
  const watcher = new ConfigWatcher(clock, 10, async () => {
    throw new Error('nobody may look');
  });
  await watcher.stop();
  watcher.start();
  expect(clock.nextTimerMs()).toBeUndefined();
});
