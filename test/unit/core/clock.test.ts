import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { startDeadline } from '../../../src/core/clock.ts';
import { TaskScope } from '../../../src/core/task-scope.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';

describe('VirtualClock', () => {
  test('fires in order of time, then of setting', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(20), fc.boolean()), { maxLength: 20 }),
        fc.nat(25),
        async (timers, toMs) => {
          const clock = new VirtualClock(5);
          const fired: [number, number][] = [];
          timers.forEach(([atMs, cancelled], i) => {
            const timer = clock.setTimer(atMs, () => fired.push([clock.nowMs(), i]));
            if (cancelled) timer.cancel();
          });
          await clock.advanceTo(5 + toMs);
          const expected = timers
            .map(([atMs], i): [number, number] => [Math.max(5, atMs), i])
            .filter(([atMs, i]) => timers[i]![1] === false && atMs <= 5 + toMs)
            .toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
          expect(fired).toEqual(expected);
          expect(clock.nowMs()).toBe(5 + toMs);
          expect(clock.monotonicMs()).toBe(toMs);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('chains of work set off by a timer end before the next one', async () => {
    const clock = new VirtualClock(0);
    const log: string[] = [];
    const work = async (name: string): Promise<void> => {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      await clock.yieldTurn();
      log.push(name);
      if (name === 'a') await clock.sleep(1).then(() => log.push(`a at ${clock.nowMs()}`));
    };
    clock.setTimer(10, () => void work('a'));
    clock.setTimer(11, () => void work('b'));
    await clock.advanceTo(20);
    expect(log).toEqual(['a', 'b', 'a at 11'].toSorted((x, y) => log.indexOf(x) - log.indexOf(y)));
    expect(log[0]).toBe('a');
  });

  test('time stands while tracked work runs', async () => {
    const clock = new VirtualClock(0);
    let finish = (): void => undefined;
    let firedAt: number | undefined;
    clock.setTimer(1, () => {
      void clock.track(new Promise<void>((resolve) => (finish = resolve))).then(() => {
        clock.setTimer(1, () => (firedAt = clock.nowMs()));
      });
    });
    const advancing = clock.advanceTo(100);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(clock.nowMs()).toBe(1);
    finish();
    await advancing;
    expect([firedAt, clock.nowMs()]).toEqual([1, 100]);
  });

  test('tracked work that fails does not hold time up', async () => {
    const clock = new VirtualClock(0);
    await expect(clock.track(Promise.reject(new Error('x')))).rejects.toThrow('x');
    await clock.advanceTo(1);
  });

  test('sleep ends at its time, or with the signal’s reason', async () => {
    const clock = new VirtualClock(0);
    const controller = new AbortController();
    const slept = clock.sleep(10).then(() => clock.nowMs());
    const aborted = clock.sleep(10, controller.signal).catch((error: unknown) => error);
    await clock.advanceTo(5);
    controller.abort('why');
    await clock.advanceTo(20);
    expect(await slept).toBe(10);
    expect(await aborted).toBe('why');
    await expect(clock.sleep(1, AbortSignal.abort('gone'))).rejects.toBe('gone');
    expect(clock.nextTimerMs()).toBe(undefined);
  });

  test('does not go back, and does not advance twice at once', async () => {
    const clock = new VirtualClock(10);
    await expect(clock.advanceTo(9)).rejects.toThrow('must not go back');
    const first = clock.advanceTo(11);
    await expect(clock.advanceTo(12)).rejects.toThrow('while the clock is advancing');
    await first;
  });
});

describe('startDeadline', () => {
  test('fires at its time', async () => {
    const clock = new VirtualClock(0);
    const deadline = startDeadline(clock, 10, () => new Error('late'));
    await clock.advanceTo(9);
    expect(deadline.signal.aborted).toBe(false);
    await clock.advanceTo(10);
    expect([deadline.expired, (deadline.signal.reason as Error).message]).toEqual([true, 'late']);
  });
  test('follows its parent, and lets go when disposed', async () => {
    const clock = new VirtualClock(0);
    const parent = new AbortController();
    const first = startDeadline(clock, 10, () => new Error('late'), parent.signal);
    const second = startDeadline(clock, 10, () => new Error('late'), parent.signal);
    second.dispose();
    parent.abort('stop');
    expect([first.signal.reason, first.expired, second.signal.aborted]).toEqual(['stop', false, false]);
    expect(startDeadline(clock, 10, () => new Error('late'), parent.signal).signal.reason).toBe('stop');
    first.dispose();
    await clock.advanceTo(20);
    expect(second.signal.aborted).toBe(false);
  });
});

describe('TaskScope', () => {
  test('stop aborts, waits, and tells of failures but not of being stopped', async () => {
    const failures: [string, unknown][] = [];
    const scope = new TaskScope((name, error) => failures.push([name, error]));
    const untilStopped = (signal: AbortSignal): Promise<void> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    scope.spawn('waits', untilStopped);
    scope.spawn('fails', () => Promise.reject(new Error('own')));
    scope.spawn('fails late', (signal) =>
      untilStopped(signal).catch(() => {
        throw new Error('other');
      }),
    );
    expect(scope.running).toEqual(['waits', 'fails', 'fails late']);
    await scope.stop();
    await scope.stop();
    expect(scope.running).toEqual([]);
    expect(failures.map(([name, error]) => [name, (error as Error).message])).toEqual([
      ['fails', 'own'],
      ['fails late', 'other'],
    ]);
    expect(() => scope.spawn('late', () => Promise.resolve())).toThrow('must not start in a stopped scope');
  });
});
