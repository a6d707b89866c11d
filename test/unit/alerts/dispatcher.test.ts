import { describe, expect, test } from 'vitest';
import type { FlushOutcome } from '../../../src/alerts/index.ts';
import { nextTickMs } from '../../../src/alerts/dispatcher.ts';
import type { FlushRecord } from './helpers.ts';
import { MINUTE_MS, SECOND_MS, START_MS, TestPlane, configOf, posted } from './helpers.ts';

const ROUTE = '{receiver: r, group_by: [job], group_wait: 30s, group_interval: 5m}';
const CONFIG = configOf({ route: ROUTE });
const DONE: FlushOutcome = { kind: 'done' };

/** Fires from `at` seconds after the start for as long as anybody could wait. */
function firing(labels: string, at = 0): ReturnType<typeof posted> {
  return posted(labels, { startsAtMs: START_MS + at * SECOND_MS, endsAtMs: START_MS + 1000 * MINUTE_MS });
}

function resolved(labels: string, at: number): ReturnType<typeof posted> {
  return posted(labels, { startsAtMs: START_MS, endsAtMs: START_MS + at * SECOND_MS });
}

async function started(config = CONFIG, flags = {}): Promise<TestPlane> {
  return new TestPlane().start(config, flags);
}

describe('the grid', () => {
  test('of the worked timeline', async () => {
    const t = await started();
    const at = async (seconds: number, ...alerts: ReturnType<typeof posted>[]): Promise<void> => {
      await t.to(seconds);
      await t.put(...alerts);
    };
    await at(0, firing('alertname=A'));
    await at(20, firing('alertname=B', 20));
    await at(120, firing('alertname=C', 120));
    await at(360, resolved('alertname=B', 360));
    await at(540, firing('alertname=B', 540));
    await at(780, resolved('alertname=C', 780));
    await t.to(929);
    // A group's interval is a grid from its first flush on; who joins later waits for it; a flap inside is invisible.
    expect(t.takeFlushes()).toEqual(['30 A! B!', '330 A! B! C!', '630 A! B! C!']);
    await t.to(930);
    expect(t.takeFlushes()).toEqual(['930 A! B! C']);
    await t.to(1230);
    expect(t.takeFlushes()).toEqual(['1230 A! B!']);
    // Prometheus goes on sending what has resolved: it comes back into the group, once.
    await at(1300, resolved('alertname=C', 780));
    await t.to(1830);
    expect(t.takeFlushes()).toEqual(['1530 A! B! C', '1830 A! B!']);
    await t.to(15_630);
    expect(t.takeFlushes().at(-1)).toBe('15630 A! B!');
  });

  test.each([
    [0, 300, 0, 300],
    [0, 300, 299, 300],
    [0, 300, 300, 600],
    [0, 300, 1000, 1200],
    [50, 300, 60, 350],
    [50, 300, 0, 350],
  ])('due %i, interval %i, now %i: next %i', (due, interval, now, next) => {
    expect(nextTickMs(due, interval, now)).toBe(next);
  });

  test('a group whose first alert is older than group_wait flushes at once, with all that came along', async () => {
    const t = await started();
    await t.to(100);
    await t.put(
      firing('alertname=Old', 69),
      firing('alertname=New', 100),
      firing('alertname=Younger job=x', 70),
    );
    await t.to(100);
    expect(t.takeFlushes()).toEqual(['100 New! Old!']);
    await t.to(130);
    expect(t.takeFlushes()).toEqual(['130 Younger!']);
    await t.to(400);
    expect(t.takeFlushes()).toEqual(['400 New! Old!']);
  });

  test('group_wait 0 flushes in the next turn', async () => {
    const t = await started(configOf({ route: '{receiver: r, group_wait: 0s}' }));
    await t.put(firing('alertname=A'));
    await t.to(0);
    expect(t.takeFlushes()).toEqual(['0 A!']);
  });

  test('groups that are due together flush in the order in which they were made', async () => {
    const t = await started();
    const jobs = Array.from({ length: 300 }, (_, i) => `j${(i * 7919) % 300}`);
    await t.put(...jobs.map((job) => firing(`alertname=A job=${job}`)));
    await t.to(30);
    expect(t.flushes.map((flush) => flush.context.groupLabels.get('job'))).toEqual(jobs);
  });
});

describe('what a flush is given', () => {
  test('the route’s options after inheritance, keys, and the tick', async () => {
    const route = `{receiver: r, group_by: [job], group_wait: 10s, routes: [
      {matchers: [x=y], receiver: s, mute_time_intervals: [n], labels: {team: t}}]}`;
    const t = await started(configOf({ route, intervals: '[{name: n, time_intervals: []}]' }));
    await t.put(firing('alertname=A job=j x=y'));
    await t.to(10);
    expect(t.flushes[0]!.context).toMatchObject({
      nowMs: START_MS + 10_000,
      groupKey: '{}/{x="y"}:{job="j"}',
      routeId: '{}/{x="y"}/0',
      route: { receiver: 's', groupWaitMs: 10_000, muteTimeIntervals: ['n'], repeatIntervalMs: 14_400_000 },
    });
    expect(t.flushes[0]!.context.groupLabels.toObject()).toEqual({ job: 'j' });
    expect(t.flushes[0]!.context.route.labels.toObject()).toEqual({ team: 't' });
  });

  test('an alert that many routes take is in a group of each', async () => {
    const route = `{receiver: r, routes: [{receiver: a, continue: true}, {receiver: b, group_wait: 1s}]}`;
    const t = await started(configOf({ route }));
    await t.put(firing('alertname=A'));
    await t.to(30);
    expect(t.flushes.map(({ at, context }) => [at, context.route.receiver])).toEqual([
      [1, 'b'],
      [30, 'a'],
    ]);
  });

  test('an alert that ends on the way keeps firing in the flush', async () => {
    const t = await started();
    t.onFlush = async (_context, [alert]) => {
      await t.clock.sleep(60_000);
      expect(alert!.endsAtMs).toBe(Infinity);
      return DONE;
    };
    await t.put(posted('alertname=A', { startsAtMs: START_MS, endsAtMs: START_MS + 31_000 }));
    await t.to(100);
    expect(t.takeFlushes()).toEqual(['30 A!']);
    await t.to(330);
    expect(t.takeFlushes()).toEqual(['330 A']);
  });
});

describe('resolved alerts', () => {
  test('stay until a flush came through', async () => {
    const t = await started();
    await t.put(firing('alertname=A'), firing('alertname=B'));
    await t.to(60);
    await t.put(resolved('alertname=A', 60));
    t.onFlush = () => Promise.resolve({ kind: 'failed', error: new Error('down') });
    await t.to(660);
    t.onFlush = () => Promise.resolve(DONE);
    await t.to(1230);
    expect(t.takeFlushes()).toEqual(['30 A! B!', '330 A B!', '630 A B!', '930 A B!', '1230 B!']);
  });

  test('a flush that throws has failed', async () => {
    const t = await started();
    await t.put(firing('alertname=A'));
    await t.to(60);
    await t.put(resolved('alertname=A', 60));
    t.onFlush = () => Promise.reject(new Error('down'));
    await t.to(630);
    expect(t.takeFlushes()).toEqual(['30 A!', '330 A', '630 A']);
  });

  test('one that fires again during the flush stays', async () => {
    const t = await started();
    await t.put(firing('alertname=A'));
    await t.to(60);
    await t.put(resolved('alertname=A', 60));
    t.onFlush = async () => {
      await t.put(firing('alertname=A', 330));
      return DONE;
    };
    await t.to(630);
    expect(t.takeFlushes()).toEqual(['30 A!', '330 A', '630 A!']);
  });

  test('the group goes with its last alert, and a later one waits group_wait again', async () => {
    const t = await started();
    await t.put(firing('alertname=A'));
    await t.to(60);
    await t.put(resolved('alertname=A', 60));
    await t.to(330);
    expect(await t.plane.groups({}, t.clock.nowMs())).toEqual([]);
    await t.to(400);
    await t.put(firing('alertname=A', 400));
    await t.to(700);
    expect(t.takeFlushes()).toEqual(['30 A!', '330 A', '430 A!']);
  });

  test('a resolve is told only after it is on disk that the program lived to see it', async () => {
    const t = await started();
    await t.put(posted('alertname=A', { startsAtMs: START_MS, endsAtMs: START_MS + 329_000 }));
    await t.to(329.5);
    let aliveMs: number | undefined;
    t.onFlush = async () => {
      aliveMs = await t.state.alerts.aliveMs();
      return DONE;
    };
    await t.to(330);
    expect(aliveMs).toBe(START_MS + 330_000);
  });
});

describe('a slow flush', () => {
  test('is ended at the deadline: group_interval, and ten seconds at least', async () => {
    for (const [interval, deadline] of [
      ['5m', 330],
      ['1s', 40],
    ] as const) {
      const t = await started(
        configOf({ route: `{receiver: r, group_wait: 30s, group_interval: ${interval}}` }),
      );
      let endedAt = 0;
      t.onFlush = (context) =>
        new Promise((resolve) => {
          context.signal.addEventListener('abort', () => {
            endedAt = (t.clock.nowMs() - START_MS) / SECOND_MS;
            resolve({ kind: 'failed', error: context.signal.reason });
          });
        });
      await t.put(firing('alertname=A'));
      await t.to(deadline);
      expect(endedAt).toBe(deadline);
    }
  });

  test('makes ticks fall together, one at a time, and the next comes at once', async () => {
    const t = await started(configOf({ route: '{receiver: r, group_wait: 0s, group_interval: 2s}' }));
    let running = 0;
    t.onFlush = async () => {
      expect(++running).toBe(1);
      await t.clock.sleep(5000);
      running--;
      return DONE;
    };
    await t.put(firing('alertname=A'));
    await t.to(12);
    // Due at 0, 2, 4 … and busy till 5, 10, 15.
    expect(t.takeFlushes()).toEqual(['0 A!', '5 A!', '10 A!']);
  });
});

describe('start delay', () => {
  test('no group flushes before it, also after a reload', async () => {
    const t = await started(CONFIG, { dispatchStartDelayMs: 100_000 });
    await t.put(firing('alertname=Old', -600), firing('alertname=New job=x'));
    await t.to(50);
    await t.plane.reload(t.setup(CONFIG));
    await t.to(99);
    await t.put(firing('alertname=Newest job=y', 99));
    expect(t.takeFlushes()).toEqual([]);
    await t.to(100);
    expect(t.takeFlushes()).toEqual(['100 Old!', '100 New!']);
    await t.to(129);
    expect(t.takeFlushes()).toEqual(['129 Newest!']);
  });
});

describe('reload', () => {
  test('groups every alert anew, ended ones too; old alerts flush at once and timers restart', async () => {
    const t = await started();
    await t.put(firing('alertname=A job=a'), firing('alertname=B job=b'), firing('alertname=C job=c'));
    await t.to(60);
    await t.put(resolved('alertname=B job=b', 60), resolved('alertname=C job=c', 60));
    await t.to(340);
    await t.put(firing('alertname=D job=d', 340));
    t.takeFlushes();
    await t.to(350);
    await t.plane.reload(t.setup(configOf({ route: '{receiver: r, group_wait: 30s, group_interval: 1m}' })));
    await t.to(350);
    expect(t.takeFlushes()).toEqual(['350 A! B C D!']);
    await t.to(410);
    expect(t.takeFlushes()).toEqual(['410 A! D!']);
  });

  test('aborts a flush under way and waits for its end', async () => {
    const t = await started();
    t.onFlush = (context) =>
      new Promise((resolve) => {
        context.signal.addEventListener('abort', () => {
          resolve({ kind: 'failed', error: context.signal.reason });
        });
      });
    await t.put(firing('alertname=A'));
    await t.to(40);
    t.onFlush = () => Promise.resolve(DONE);
    await t.plane.reload(t.setup(CONFIG));
    await t.to(40);
    expect(t.takeFlushes()).toEqual(['30 A!', '40 A!']);
  });

  test('a pipeline that cannot be built leaves everything running', async () => {
    const t = await started();
    await t.put(firing('alertname=A'));
    const broken = {
      config: CONFIG,
      createFlush: () => {
        throw new Error('no such template');
      },
    };
    await expect(t.plane.reload(broken)).rejects.toThrow('no such template');
    await t.to(330);
    expect(t.takeFlushes()).toEqual(['30 A!', '330 A!']);
  });

  test('an alert that comes in the middle of it is not lost', async () => {
    const t = await started();
    const reloading = t.plane.reload(t.setup(CONFIG));
    const putting = t.put(firing('alertname=A'));
    await Promise.all([reloading, putting]);
    await t.to(30);
    expect(t.takeFlushes()).toEqual(['30 A!']);
  });

  test('inhibition knows its sources before the first flush', async () => {
    const t = await started();
    const target = firing('alertname=Target job=a', -600);
    await t.put(target, ...Array.from({ length: 1200 }, (_, i) => firing(`alertname=X job=n${i}`, -600)));
    await t.put(firing('alertname=Source', -600));
    await t.to(10);
    const inhibit = '[{source_matchers: [alertname=Source], target_matchers: [alertname=Target]}]';
    t.onFlush = (context, alerts) => {
      if (alerts[0]!.labels.get('alertname') === 'Target') {
        expect(t.parts.inhibitor.mutedBy(alerts[0]!, context)).toHaveLength(1);
      }
      return Promise.resolve(DONE);
    };
    t.takeFlushes();
    await t.plane.reload(t.setup(configOf({ route: ROUTE, inhibit })));
    await t.to(10);
    expect(t.takeFlushes()).toContain('10 Target!');
  });
});

describe('restart', () => {
  test('alerts come back with their groups, which flush at once', async () => {
    const t = await started();
    await t.put(firing('alertname=A'), firing('alertname=B'), firing('alertname=Young', 25));
    await t.to(26);
    t.crash();
    await t.start(CONFIG);
    await t.to(40);
    // The group is made anew by its first alert, which is younger than group_wait.
    expect(t.takeFlushes()).toEqual([]);
    await t.to(400);
    t.takeFlushes();
    t.crash();
    await t.start(CONFIG);
    await t.to(400);
    expect(t.takeFlushes()).toEqual(['400 A! B! Young!']);
  });

  test('an end that nobody was told of is told', async () => {
    const t = await started();
    await t.put(firing('alertname=A'));
    await t.to(100);
    await t.put(resolved('alertname=A', 100));
    t.takeFlushes();
    t.crash();
    await t.to(200);
    await t.start(CONFIG);
    await t.to(200);
    expect(t.takeFlushes()).toEqual(['200 A']);
  });
});

test('after a stop nothing flushes, and flushes under way have ended', async () => {
  const t = await started();
  let ended = false;
  t.onFlush = (context) =>
    new Promise((resolve) => {
      context.signal.addEventListener('abort', () => {
        ended = true;
        resolve({ kind: 'failed', error: context.signal.reason });
      });
    });
  await t.put(firing('alertname=A'));
  await t.to(30);
  await t.plane.stop();
  expect(ended).toBe(true);
  t.takeFlushes();
  await t.to(3600);
  expect(t.takeFlushes()).toEqual([]);
  expect(t.clock.nextTimerMs()).toBeUndefined();
});

test('a thousand groups tick on one timer of the clock', async () => {
  const t = await started();
  const at = (record: FlushRecord): number => record.at;
  for (let i = 0; i < 1000; i++) await t.put(firing(`alertname=A job=j${i}`));
  await t.to(30);
  expect(new Set(t.flushes.map(at))).toEqual(new Set([30]));
  expect(t.flushes).toHaveLength(1000);
});
