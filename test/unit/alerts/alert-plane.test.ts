import { beforeEach, describe, expect, test } from 'vitest';
import { Matcher } from '../../../src/core/matcher.ts';
import type { AlertQuery, AlertView } from '../../../src/alerts/index.ts';
import { MINUTE_MS, START_MS, TestPlane, configOf, posted } from './helpers.ts';

const CONFIG = configOf({
  route: `{receiver: default, group_by: [job], group_wait: 30s, group_interval: 5m, routes: [
    {matchers: [team=ml], receiver: ml, continue: true}, {matchers: ['team=~"ml|web"'], receiver: web}]}`,
  inhibit: '[{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [job]}]',
  intervals: '[{name: night, time_intervals: [{}]}]',
});
const LIVE = { startsAtMs: START_MS, endsAtMs: START_MS + 600 * MINUTE_MS };

let t: TestPlane;

beforeEach(async () => {
  t = await new TestPlane().start(CONFIG);
  await t.put(
    posted('alertname=Down job=a severity=critical', LIVE),
    posted('alertname=Slow job=a severity=warning', LIVE),
    posted('alertname=Slow job=b severity=warning team=ml', LIVE),
    posted('alertname=Drift job=b team=web', LIVE),
    posted('alertname=Over job=c', { startsAtMs: START_MS, endsAtMs: START_MS + 1000 }),
  );
  await t.plane.silences.set(
    {
      matcherSets: [[{ name: 'alertname', op: '=', value: 'Drift' }]],
      endsAtMs: START_MS + 60 * MINUTE_MS,
      createdBy: 'me',
      comment: '',
    },
    START_MS,
  );
});

function shown({ alert, status, receivers }: AlertView): string {
  const by = [
    ...status.silencedBy.map(() => 'silence'),
    ...status.inhibitedBy.map(() => 'alert'),
    ...status.mutedBy,
  ];
  const name = `${alert.labels.get('alertname')}/${alert.labels.get('job')}`;
  return `${name} ${status.state}${by.length === 0 ? '' : ` by ${by.join()}`} to ${receivers.join()}`;
}

async function alertsNow(query: AlertQuery = {}): Promise<string[]> {
  const views = await t.plane.alerts(query, t.clock.nowMs());
  expect(views.map(({ alert }) => alert.fingerprint)).toEqual(
    views.map(({ alert }) => alert.fingerprint).toSorted(),
  );
  return views.map(shown).toSorted();
}

async function groupsNow(query: AlertQuery = {}): Promise<string[]> {
  const views = await t.plane.groups(query, t.clock.nowMs());
  return views.map(
    ({ group, alerts }) => `${group.key} ${group.route.options.receiver}: ${alerts.map(shown).join('; ')}`,
  );
}

const DOWN = 'Down/a active to default';
const SLOW_A = 'Slow/a suppressed by alert to default';
const SLOW_B = 'Slow/b active to ml,web';
const DRIFT = 'Drift/b suppressed by silence to web';

describe('alerts', () => {
  const cases: readonly (readonly [name: string, query: AlertQuery, wanted: string[]])[] = [
    ['all that have not ended, foretold at once', {}, [DOWN, DRIFT, SLOW_A, SLOW_B]],
    ['without active ones', { active: false }, [DRIFT, SLOW_A]],
    ['without silenced ones', { silenced: false }, [DOWN, SLOW_A, SLOW_B]],
    ['without inhibited ones', { inhibited: false }, [DOWN, DRIFT, SLOW_B]],
    ['by label', { filter: [new Matcher('job', '=', 'b'), new Matcher('team', '=~', 'm.')] }, [SLOW_B]],
    ['by absent label', { filter: [new Matcher('team', '=', '')] }, [DOWN, SLOW_A]],
    ['by receiver', { receiver: (name) => name === 'web' }, [DRIFT, SLOW_B]],
  ];
  test.each(cases)('%s', async (_name, query, wanted) => {
    await t.to(10);
    expect(await alertsNow(query)).toEqual(wanted);
  });

  test('the status follows silences, inhibition and ends between flushes', async () => {
    await t.to(100);
    const [silence] = t.plane.silences.query({}, t.clock.nowMs());
    await t.plane.silences.expire(silence!.id, t.clock.nowMs());
    await t.put(
      posted('alertname=Down job=a severity=critical', { startsAtMs: START_MS, endsAtMs: START_MS + 90_000 }),
    );
    expect(await alertsNow()).toEqual(['Drift/b active to web', 'Slow/a active to default', SLOW_B]);
  });
});

describe('groups', () => {
  test('by labels, then receiver; within one the smaller label set first; not flushed means unprocessed', async () => {
    await t.to(10);
    expect(await groupsNow()).toEqual([
      `{}:{job="a"} default: Down/a unprocessed to default; ${SLOW_A}`,
      `{}/{team="ml"}:{job="b"} ml: Slow/b unprocessed to ml,web`,
      `{}/{team=~"ml|web"}:{job="b"} web: ${DRIFT}; Slow/b unprocessed to ml,web`,
    ]);
    await t.to(30);
    expect((await groupsNow())[1]).toBe('{}/{team="ml"}:{job="b"} ml: Slow/b active to ml,web');
  });

  test.each<readonly [string, AlertQuery, string[]]>([
    ['by receiver', { receiver: (name) => name === 'ml' }, ['ml: Slow/b unprocessed to ml']],
    [
      'by label',
      { filter: [new Matcher('alertname', '=', 'Down')] },
      ['default: Down/a unprocessed to default'],
    ],
    ['without active ones', { active: false, receiver: (name) => name === 'web' }, [`web: ${DRIFT}`]],
  ])('%s', async (_name, query, wanted) => {
    await t.to(10);
    expect((await groupsNow(query)).map((group) => group.slice(group.indexOf('} ') + 2))).toEqual(wanted);
  });

  test('a mark of a time interval shows on the group and its alerts, and goes with the group', async () => {
    await t.to(30);
    const key = '{}/{team="ml"}:{job="b"}';
    t.parts.marks.setMutedBy('{}/{team="ml"}/0', key, ['night']);
    const ml: AlertQuery = { receiver: (name) => name === 'ml' };
    expect(await groupsNow(ml)).toEqual([`${key} ml: Slow/b suppressed by night to ml`]);
    expect(await groupsNow({ ...ml, muted: false })).toEqual([]);
    expect(await alertsNow(ml)).toEqual([SLOW_B]);
    t.parts.marks.setMutedBy('{}/{team="ml"}/0', key, []);
    expect(await groupsNow({ ...ml, muted: false })).toEqual([`${key} ml: Slow/b active to ml`]);
    t.parts.marks.setMutedBy('{}/{team="ml"}/0', key, ['night']);
    await t.put(
      posted('alertname=Slow job=b severity=warning team=ml', {
        startsAtMs: START_MS,
        endsAtMs: START_MS + 1,
      }),
    );
    await t.to(330);
    expect(t.parts.marks.mutedBy('{}/{team="ml"}/0', key)).toEqual([]);
  });
});

test('metrics have Alertmanager’s names and values', async () => {
  await t.to(30);
  const text = await t.registry.metrics();
  for (const line of [
    'alertmanager_alerts{state="active"} 3',
    'alertmanager_alerts{state="suppressed"} 2',
    'alertmanager_alerts{state="unprocessed"} 0',
    'alertmanager_alerts_received_total{status="firing",version="v2"} 5',
    'alertmanager_alerts_invalid_total{version="v2"} 0',
    'alertmanager_silences{state="active"} 1',
    'alertmanager_dispatcher_aggregation_groups 3',
    'alertmanager_inhibition_rules 1',
    'alertmanager_alerts_subscriber_channel_writes_total{subscriber="dispatcher"} 5',
    'alertmanager_dispatcher_alert_processing_duration_seconds_count 5',
  ]) {
    expect(text).toContain(line);
  }
});

test('a reload puts other rules to work for the same alerts', async () => {
  await t.to(10);
  await t.plane.reload(t.setup(configOf({ route: '{receiver: all, group_by: []}' })));
  expect(await alertsNow()).toEqual([
    'Down/a active to all',
    'Drift/b suppressed by silence to all',
    'Slow/a active to all',
    'Slow/b active to all',
  ]);
  expect(t.plane.route!.options.receiver).toBe('all');
});
