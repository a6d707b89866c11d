import { describe, expect, test } from 'vitest';
import type { Labels } from '../../../src/core/labels.ts';
import { QueryError } from '../../../src/promql/index.ts';
import { groupSchedule, nextSlot, slotAtOrBefore } from '../../../src/rules/schedule.ts';
import { FakeStorage, Fixture, vector } from './fakes.ts';

const MINUTE = 60_000;

const ALERT = `
groups:
  - name: g
    rules:
      - alert: Bad
        expr: bad
        for: 2m
        labels: {severity: page}
        annotations: {summary: '{{ $labels.model }} {{ $labels.__name__ }} is {{ $value }} in {{ $externalLabels.region }}'}
`;

const bad = (model: string, value = 1): readonly [Record<string, string>, number] => [
  { __name__: 'bad', model },
  value,
];

describe('slots', () => {
  test('a group keeps its own offset, whenever the program starts', () => {
    const schedule = groupSchedule('a.yml', 'g', MINUTE);
    expect(schedule.offsetMs).toBeGreaterThanOrEqual(0);
    expect(schedule.offsetMs).toBeLessThan(MINUTE);
    expect(groupSchedule('a.yml', 'g', MINUTE)).toEqual(schedule);
    expect(groupSchedule('a.yml', 'h', MINUTE).offsetMs).not.toBe(schedule.offsetMs);
    for (const nowMs of [0, 1, 1_700_000_000_123]) {
      const slotMs = slotAtOrBefore(schedule, nowMs);
      expect(Math.abs((slotMs - schedule.offsetMs) % MINUTE)).toBe(0);
      expect(nowMs - slotMs).toBeGreaterThanOrEqual(0);
      expect(nowMs - slotMs).toBeLessThan(MINUTE);
    }
  });

  test.each([
    ['quick', 100, 1100, 0],
    ['just over one interval: late', 1100, 1100, 0],
    ['two and a half intervals', 2600, 2100, 1],
    ['a clock that was set back', -5000, 1100, 0],
  ])('%s', (_name, nowMs, slotMs, missed) => {
    expect(nextSlot({ intervalMs: 1000, offsetMs: 100 }, 100, nowMs)).toEqual({ slotMs, missed });
  });

  test('missed ones are counted and the last one begun is made up for', async () => {
    const fixture = new Fixture();
    const { clock, engine, manager } = fixture;
    let takesMs = 2.5 * MINUTE;
    engine.answers.set('x', async () => {
      await clock.sleep(takesMs);
      takesMs = 0;
      return vector();
    });
    await fixture.load('groups: [{name: g, rules: [{record: y, expr: x}]}]');
    manager.start();
    const first = await fixture.nextSlot();
    await clock.advanceBy(3.2 * MINUTE);
    expect(engine.asked.map(({ timeMs }) => (timeMs - first) / MINUTE)).toEqual([0, 2, 3]);
    expect(await fixture.metric('prometheus_rule_group_iterations_missed_total')).toBe(1);
    expect(await fixture.metric('prometheus_rule_group_iterations_total')).toBe(4);
    await manager.stop();
  });
});

describe('recording rules', () => {
  const FILE = `
groups:
  - name: g
    rules:
      - {record: a, expr: x, labels: {team: ml, gone: ''}}
      - {record: b, expr: y}
`;

  test('rename, relabel, commit before the next rule, and end series that vanish', async () => {
    const fixture = new Fixture();
    const { engine, storage, manager } = fixture;
    let models = ['m1', 'm2'];
    engine.answers.set('x', () =>
      vector(...models.map((model) => [{ __name__: 'x', model, gone: '1' }, 5] as const)),
    );
    const seen: string[] = [];
    engine.answers.set('y', () => {
      seen.push(Object.values(storage.dump('a', 0)).join('|'));
      return { type: 'scalar', tMs: 0, value: 7 };
    });
    await fixture.load(FILE);
    manager.start();
    const first = await fixture.nextSlot();
    models = ['m2'];
    await fixture.clock.advanceBy(MINUTE);
    expect(storage.dump('', first)).toEqual({
      'a{model="m1", team="ml"}': '0=5 60=stale',
      'a{model="m2", team="ml"}': '0=5 60=5',
      b: '0=7 60=7',
    });
    expect(seen[0]).toContain('=5');
    await manager.stop();
  });

  test('an evaluation that fails writes nothing, not even stale markers, and does not stop the next rule', async () => {
    const fixture = new Fixture();
    const { engine, storage, manager } = fixture;
    engine.answers.set('x', () => vector([{ model: 'm' }, 1]));
    engine.answers.set('y', () => vector([{}, 1]));
    await fixture.load(FILE);
    manager.start();
    const first = await fixture.nextSlot();
    engine.answers.set('x', () => {
      throw new QueryError('execution', 'found duplicate series for the match group');
    });
    await fixture.clock.advanceBy(MINUTE);
    expect(storage.dump('', first)).toEqual({ 'a{model="m", team="ml"}': '0=1', b: '0=1 60=1' });
    const [rule] = manager.groups()[0]!.rules;
    expect([rule!.health, rule!.lastError]).toEqual(['err', 'found duplicate series for the match group']);
    expect(await fixture.metric('prometheus_rule_evaluation_failures_total')).toBe(1);
    engine.answers.set('x', () => vector());
    await fixture.clock.advanceBy(MINUTE);
    expect(storage.dump('a', first)).toEqual({ 'a{model="m", team="ml"}': '0=1 120=stale' });
    expect(manager.groups()[0]!.rules[0]!.health).toBe('ok');
    await manager.stop();
  });

  test.each([
    [
      'duplicates',
      vector([{ __name__: 'p' }, 1], [{ __name__: 'q' }, 1]),
      'vector contains metrics with the same labelset after applying rule labels',
    ],
    [
      'too many series',
      vector([{ a: '1' }, 1], [{ a: '2' }, 1], [{ a: '3' }, 1]),
      'exceeded limit of 2 with 3 series',
    ],
    ['no vector', { type: 'string', tMs: 0, value: 'x' } as const, 'rule result is not a vector or scalar'],
  ])('%s are an error', async (_name, value, message) => {
    const fixture = new Fixture();
    fixture.engine.answers.set('x', () => value);
    await fixture.load('groups: [{name: g, limit: 2, rules: [{record: a, expr: x}]}]');
    fixture.manager.start();
    await fixture.nextSlot();
    await fixture.clock.settle();
    expect(fixture.manager.groups()[0]!.rules[0]!.lastError).toBe(message);
    expect(fixture.storage.dump('', 0)).toEqual({});
    await fixture.manager.stop();
  });

  test('query_offset moves the query and what is stored', async () => {
    const fixture = new Fixture({ settings: { queryOffsetMs: 5000 } });
    fixture.engine.answers.set('x', () => vector([{}, 1]));
    await fixture.load(
      'groups: [{name: g, rules: [{record: a, expr: x}]}, {name: h, query_offset: 30s, rules: [{record: b, expr: x}]}]',
    );
    fixture.manager.start();
    await fixture.clock.advanceBy(MINUTE);
    const slots = Object.fromEntries(
      fixture.manager.groups().map((group) => [group.name, group.lastEvaluationMs!]),
    );
    expect(fixture.storage.dump('a', slots['g']!)).toEqual({ a: '-5=1' });
    expect(fixture.storage.dump('b', slots['h']!)).toEqual({ b: '-30=1' });
    await fixture.manager.stop();
  });

  test('a storage that refuses shows in the health, and the series stay known', async () => {
    const fixture = new Fixture();
    fixture.engine.answers.set('x', () => vector([{}, 1]));
    await fixture.load('groups: [{name: g, rules: [{record: a, expr: x}]}]');
    fixture.manager.start();
    const first = await fixture.nextSlot();
    fixture.storage.failCommits = true;
    fixture.engine.answers.set('x', () => vector());
    await fixture.clock.advanceBy(MINUTE);
    expect(fixture.manager.groups()[0]!.rules[0]!.lastError).toBe('disk full');
    fixture.storage.failCommits = false;
    await fixture.clock.advanceBy(MINUTE);
    expect(fixture.storage.dump('', first)).toEqual({ a: '0=1 120=stale' });
    await fixture.manager.stop();
  });
});

describe('alerting rules', () => {
  test('a life: pending, firing, resolved, with series and hand-overs', async () => {
    const fixture = new Fixture();
    const { engine, storage, sink, manager, clock } = fixture;
    engine.answers.set('bad', () => vector(bad('m1', 3)));
    await fixture.load(ALERT);
    manager.start();
    const first = await fixture.nextSlot();
    await clock.advanceBy(4 * MINUTE);
    expect(manager.activeAlerts()).toMatchObject([{ state: 'firing', activeAtMs: first, value: 3 }]);
    engine.answers.set('bad', () => vector());
    await clock.advanceBy(2 * MINUTE);
    expect(manager.activeAlerts()).toEqual([]);
    // Restored after the second evaluation: the third is the first to write.
    expect(storage.dump('ALERTS', first)).toEqual({
      'ALERTS{alertname="Bad", alertstate="firing", model="m1", severity="page"}':
        '120=1 180=1 240=1 300=stale',
      'ALERTS_FOR_STATE{alertname="Bad", model="m1", severity="page"}': [120, 180, 240]
        .map((at) => `${at}=${Math.floor(first / 1000)}`)
        .concat('300=stale')
        .join(' '),
    });
    // Sent when it fires, again only after more than the resend delay, and at once when it is resolved.
    expect(sink.lines(first)).toEqual([
      '@120 m1 firing 120..360',
      '@240 m1 firing 120..480',
      '@300 m1 resolved 120..300',
    ]);
    const [posted] = sink.puts[0]!.alerts;
    expect(posted!.annotations.toObject()).toEqual({ summary: 'm1 bad is 3 in eu' });
    expect(posted!.labels.toObject()).toEqual({ alertname: 'Bad', model: 'm1', severity: 'page' });
    expect(posted!.generatorUrl).toBe('http://t/graph?g0.expr=bad&g0.tab=1');
    await clock.advanceBy(20 * MINUTE);
    const resolved = sink.lines(first).filter((line) => line.includes('resolved'));
    expect(resolved.at(-1)).toBe('@1140 m1 resolved 120..300');
    await manager.stop();
  });

  test('external labels and relabelling are applied on the way out only; dropped alerts stay to be seen', async () => {
    const prepare = (labels: Labels): Labels | undefined =>
      labels.get('model') === 'm2' ? undefined : labels.with('region', 'eu');
    const fixture = new Fixture({ prepare });
    fixture.engine.answers.set('bad', () => vector(bad('m1'), bad('m2')));
    await fixture.load(ALERT.replace('for: 2m', 'for: 0s'));
    fixture.manager.start();
    await fixture.nextSlot();
    await fixture.clock.settle();
    expect(fixture.sink.puts.flatMap(({ alerts }) => alerts.map(({ labels }) => labels.toString()))).toEqual([
      '{alertname="Bad", model="m1", region="eu", severity="page"}',
    ]);
    expect(fixture.manager.activeAlerts().map(({ labels }) => labels.toString())).toEqual([
      '{alertname="Bad", model="m1", severity="page"}',
      '{alertname="Bad", model="m2", severity="page"}',
    ]);
    await fixture.manager.stop();
  });

  test('a template that fails says so in its place and the alert fires', async () => {
    const fixture = new Fixture();
    fixture.engine.answers.set('bad', () => vector(bad('m1')));
    fixture.engine.answers.set('1 +', () => {
      throw new QueryError('bad_data', 'unexpected end of input');
    });
    await fixture.load(`
groups:
  - name: g
    rules:
      - alert: Bad
        expr: bad
        labels: {tier: '{{ $labels.nothing }}', model: ''}
        annotations: {broken: '{{ query "1 +" }}', fine: ok}
`);
    fixture.manager.start();
    await fixture.nextSlot();
    await fixture.clock.settle();
    const [alert] = fixture.manager.activeAlerts();
    expect(alert!.labels.toString()).toBe('{alertname="Bad"}');
    expect(alert!.annotations.get('fine')).toBe('ok');
    expect(alert!.annotations.get('broken')).toMatch(
      /^<error expanding template: .*unexpected end of input.*>$/,
    );
    await fixture.manager.stop();
  });

  test.each([
    ['too many alerts', vector(bad('1'), bad('2'), bad('3')), 'exceeded limit of 2 with 3 alerts'],
    [
      'the same labels twice',
      vector([{ __name__: 'p' }, 1], [{ __name__: 'q' }, 1]),
      'vector contains metrics with the same labelset after applying alert labels',
    ],
  ])('%s are an error and no alert', async (_name, value, message) => {
    const fixture = new Fixture();
    fixture.engine.answers.set('bad', () => value);
    await fixture.load(ALERT.replace('rules:', 'limit: 2\n    rules:'));
    fixture.manager.start();
    await fixture.nextSlot();
    await fixture.clock.settle();
    expect(fixture.manager.groups()[0]!.rules[0]).toMatchObject({
      health: 'err',
      lastError: message,
      state: 'inactive',
    });
    expect(fixture.manager.activeAlerts()).toEqual([]);
    await fixture.manager.stop();
  });

  test('what the alert store could not take is handed over again at the next evaluation', async () => {
    const fixture = new Fixture();
    const { sink, clock, manager } = fixture;
    fixture.engine.answers.set('bad', () => vector(bad('m1')));
    sink.fails = true;
    await fixture.load(ALERT.replace('for: 2m', 'for: 0s'));
    manager.start();
    const first = await fixture.nextSlot();
    await clock.advanceBy(1000);
    sink.fails = false;
    await clock.advanceBy(MINUTE);
    expect(sink.lines(first)).toEqual(['@60 m1 firing 0..300']);
    expect(manager.groups()[0]!.rules[0]!.health).toBe('ok');
    expect(await fixture.metric('tocsin_rule_alert_handover_failures_total')).toBe(1);
    await manager.stop();
  });
});

describe('a restart', () => {
  /** Runs a first program until `runMs` after its first slot, then a second one after `downMs`. */
  async function restart(
    forText: string,
    runMs: number,
    downMs: number,
  ): Promise<{ fixture: Fixture; first: number }> {
    const storage = new FakeStorage();
    const before = new Fixture({ storage });
    before.engine.answers.set('bad', () => vector(bad('m1')));
    const file = ALERT.replace('for: 2m', `for: ${forText}`);
    await before.load(file);
    before.manager.start();
    const first = await before.nextSlot();
    await before.clock.advanceTo(first + runMs);
    await before.manager.stop();
    const fixture = new Fixture({ storage, startMs: first + runMs + downMs });
    fixture.engine.answers.set('bad', () => vector(bad('m1')));
    await fixture.load(file);
    fixture.manager.start();
    return { fixture, first };
  }

  test('the `for` state comes back after the second evaluation, without the time the program was down', async () => {
    const { fixture, first } = await restart('1h', 20 * MINUTE, 10 * MINUTE);
    await fixture.nextSlot();
    await fixture.clock.settle();
    const fresh = fixture.manager.activeAlerts()[0]!.activeAtMs;
    expect(fresh).toBeGreaterThan(first + 29 * MINUTE);
    await fixture.clock.advanceBy(MINUTE);
    const restored = fixture.manager.activeAlerts()[0]!.activeAtMs;
    const restoredAt = fresh + MINUTE;
    // Down since the sample at 20 m, restored at the second evaluation.
    const expected =
      Math.floor(first / 1000) * 1000 + restoredAt - Math.floor((first + 20 * MINUTE) / 1000) * 1000;
    expect(restored).toBe(expected);
    await fixture.manager.stop();
  });

  test('no series are written before', async () => {
    const { fixture, first } = await restart('1h', 20 * MINUTE, 10 * MINUTE);
    await fixture.clock.advanceBy(1.99 * MINUTE);
    const [text] = Object.values(fixture.storage.dump('ALERTS_FOR_STATE', first));
    expect(text!.split(' ').at(-1)).toMatch(/^1200=/);
    await fixture.clock.advanceBy(1.02 * MINUTE);
    const [later] = Object.values(fixture.storage.dump('ALERTS_FOR_STATE', first));
    expect(later!.split(' ').at(-1)).not.toMatch(/^1200=/);
    await fixture.manager.stop();
  });

  test('an outage longer than the tolerance is no restart', async () => {
    const { fixture } = await restart('1h', 20 * MINUTE, 61 * MINUTE);
    await fixture.nextSlot();
    await fixture.clock.settle();
    const before = fixture.manager.activeAlerts()[0]!.activeAtMs;
    await fixture.clock.advanceBy(2 * MINUTE);
    expect(fixture.manager.activeAlerts()[0]!.activeAtMs).toBe(before);
    await fixture.manager.stop();
  });

  test('rules with a short `for` begin anew', async () => {
    const { fixture } = await restart('5m', 4 * MINUTE, MINUTE);
    await fixture.nextSlot();
    await fixture.clock.settle();
    const before = fixture.manager.activeAlerts()[0]!.activeAtMs;
    await fixture.clock.advanceBy(2 * MINUTE);
    expect(fixture.manager.activeAlerts()[0]!.activeAtMs).toBe(before);
    await fixture.manager.stop();
  });
});
