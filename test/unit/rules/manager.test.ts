import { describe, expect, test } from 'vitest';
import { Fixture, vector } from './fakes.ts';

const MINUTE = 60_000;

function file(...rules: readonly string[]): string {
  return `groups: [{name: g, rules: [${rules.join(', ')}]}]`;
}

const A = '{record: a, expr: x}';
const B = '{record: b, expr: x}';
const ALERT = '{alert: Bad, expr: x, for: 5m}';

async function started(yaml: string): Promise<{ fixture: Fixture; first: number }> {
  const fixture = new Fixture();
  fixture.engine.answers.set('x', () => vector([{ model: 'm' }, 1]));
  await fixture.load(yaml);
  fixture.manager.start();
  return { fixture, first: await fixture.nextSlot() };
}

describe('reload', () => {
  test('an equal group goes on', async () => {
    const { fixture, first } = await started(file(A));
    await fixture.clock.advanceBy(1000);
    const before = fixture.manager.groups()[0]!;
    await fixture.load(`${file(A)} # a comment`);
    expect(fixture.manager.groups()[0]).toEqual(before);
    await fixture.clock.advanceBy(MINUTE);
    expect(fixture.storage.dump('a', first)).toEqual({ 'a{model="m"}': '0=1 60=1' });
    await fixture.manager.stop();
  });

  test('a changed group keeps the state of its rules and ends the series of those that are gone', async () => {
    const { fixture, first } = await started(file(ALERT, A, B));
    await fixture.clock.advanceBy(1000);
    await fixture.load(file(B, ALERT.replace('5m', '1m')));
    expect(fixture.manager.activeAlerts()).toMatchObject([{ state: 'pending', activeAtMs: first }]);
    await fixture.clock.advanceBy(MINUTE);
    expect(fixture.manager.activeAlerts()).toMatchObject([{ state: 'firing', activeAtMs: first }]);
    expect(fixture.storage.dump('a', first)).toEqual({ 'a{model="m"}': '0=1 60=stale' });
    expect(fixture.storage.dump('b', first)).toEqual({ 'b{model="m"}': '0=1 60=1' });
    await fixture.manager.stop();
  });

  test('raising `for` makes a firing alert pending again', async () => {
    const { fixture, first } = await started(file(ALERT.replace('5m', '1m')));
    await fixture.clock.advanceBy(2 * MINUTE);
    expect(fixture.manager.activeAlerts()).toMatchObject([{ state: 'firing' }]);
    await fixture.load(file(ALERT.replace('5m', '10m')));
    await fixture.clock.advanceBy(MINUTE);
    expect(fixture.manager.activeAlerts()).toMatchObject([{ state: 'pending', activeAtMs: first }]);
    await fixture.manager.stop();
  });

  test('of several rules with the same name and labels the first takes over from the first', async () => {
    const { fixture } = await started(
      file('{record: a, expr: x, labels: {n: "1"}}', '{record: a, expr: y, labels: {n: "1"}}'),
    );
    await fixture.load(file('{record: a, expr: x + 0, labels: {n: "1"}}'));
    expect(fixture.manager.groups()[0]!.rules).toHaveLength(1);
    await fixture.manager.stop();
  });

  test('a group that is gone ends its series after two intervals, as of when it stopped', async () => {
    const { fixture, first } = await started(file(A));
    await fixture.clock.advanceBy(10_000);
    await fixture.load('groups: []');
    expect(fixture.manager.groups()).toEqual([]);
    await fixture.clock.advanceBy(2 * MINUTE - 1);
    expect(fixture.storage.dump('a', first)).toEqual({ 'a{model="m"}': '0=1' });
    await fixture.clock.advanceBy(1);
    expect(fixture.storage.dump('a', first)).toEqual({ 'a{model="m"}': '0=1 10=stale' });
    expect(await fixture.metric('prometheus_rule_group_rules')).toBe(0);
    await fixture.manager.stop();
  });

  test('a group under a new name goes on with the series', async () => {
    const { fixture, first } = await started(file(A));
    await fixture.clock.advanceBy(10_000);
    await fixture.load(file(A).replace('name: g', 'name: h'));
    await fixture.clock.advanceBy(5 * MINUTE);
    expect(fixture.storage.dump('a', first)['a{model="m"}']).not.toContain('stale');
    await fixture.manager.stop();
  });

  test('the default interval is part of a group', async () => {
    const { fixture } = await started(file(A));
    await fixture.manager.update([
      { file: 'r.yml', name: 'g', intervalMs: 15_000, queryOffsetMs: undefined, limit: 0, rules: [] },
    ]);
    expect(fixture.manager.groups()).toMatchObject([{ intervalMs: 15_000, rules: [] }]);
    await fixture.manager.stop();
  });

  test('before the start groups wait', async () => {
    const fixture = new Fixture();
    await fixture.load(file(A));
    await fixture.load(file(B));
    await fixture.clock.advanceBy(10 * MINUTE);
    expect(fixture.engine.asked).toEqual([]);
    expect(fixture.manager.groups()).toMatchObject([
      { rules: [{ name: 'b', health: 'unknown', lastEvaluationMs: undefined }] },
    ]);
    await fixture.manager.stop();
  });
});

describe('stop', () => {
  test('ends a running query and marks nothing stale', async () => {
    const { fixture, first } = await started(file(A));
    let aborted = false;
    fixture.engine.answers.set('x', async (_timeMs, options) => {
      await new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => {
          aborted = true;
          reject(new Error('cancelled'));
        });
      });
      return vector();
    });
    await fixture.clock.advanceBy(MINUTE);
    await fixture.manager.stop();
    expect(aborted).toBe(true);
    expect(fixture.storage.dump('a', first)).toEqual({ 'a{model="m"}': '0=1' });
    await fixture.load(file(B));
    expect(fixture.manager.groups()).toMatchObject([{ rules: [{ name: 'a' }] }]);
  });
});

describe('what the API is told', () => {
  test('groups by file and name, rules in order, alerts with their states', async () => {
    const fixture = new Fixture();
    fixture.engine.answers.set('x > 0', () => vector([{ model: 'm' }, 0.5]));
    fixture.engine.answers.set('y', () => vector());
    await fixture.load(`
groups:
  - {name: z, interval: 10s, limit: 5, rules: [{alert: Bad, expr: x>0, for: 1h, keep_firing_for: 5m, labels: {a: b}, annotations: {c: d}}]}
  - {name: a, rules: [{record: r, expr: y}]}
`);
    fixture.manager.start();
    await fixture.clock.advanceBy(MINUTE);
    expect(fixture.manager.groups()).toMatchObject([
      {
        name: 'a',
        file: 'r.yml',
        intervalMs: MINUTE,
        limit: 0,
        rules: [{ type: 'recording', name: 'r', query: 'y', health: 'ok' }],
      },
      {
        name: 'z',
        intervalMs: 10_000,
        limit: 5,
        rules: [
          {
            type: 'alerting',
            name: 'Bad',
            query: 'x > 0',
            state: 'pending',
            forMs: 3_600_000,
            keepFiringForMs: 300_000,
            labels: [['a', 'b']],
            annotations: [['c', 'd']],
            health: 'ok',
            lastError: '',
            alerts: [{ state: 'pending', value: 0.5, keepFiringSinceMs: undefined }],
          },
        ],
      },
    ]);
    await fixture.manager.stop();
  });
});
