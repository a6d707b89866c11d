import { describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { Route, formatLabelSet } from '../../../src/alerts/index.ts';
import { labelsOf, routeOf } from './helpers.ts';

const TREE = `
receiver: default
group_by: [alertname]
routes:
  - match: {owner: team-A}
    receiver: team-A
    group_wait: 1m
    labels: {team: A}
    routes:
      - match: {env: testing}
        receiver: team-A-testing
        group_by: ['...']
        labels: {env: t}
      - match: {env: production}
        receiver: team-A-production
        group_wait: 0s
        continue: true
      - match_re: {env: 'prod.*'}
        receiver: team-A-all-production
        group_by: []
        repeat_interval: 1h
  - match_re: {owner: 'team-(B|C)'}
    receiver: team-BC
    group_by: [foo, bar]
    continue: true
    mute_time_intervals: [night]
    routes:
      - matchers: ['env="x"']
  - matchers: ['{owner=~"team-.*",env!="y"}']
    receiver: rest
    group_interval: 10m
`;

const root = Route.fromConfig(routeOf(TREE));

describe('matching', () => {
  const cases: readonly (readonly [labels: string, receivers: string[]])[] = [
    ['', ['default']],
    ['owner=nobody', ['default']],
    ['owner=team-A', ['team-A']],
    ['owner=team-A env=testing', ['team-A-testing']],
    ['owner=team-A env=production', ['team-A-production', 'team-A-all-production']],
    ['owner=team-A env=prod-eu', ['team-A-all-production']],
    // A node is a target only when no child matched; `continue` goes on among its siblings.
    ['owner=team-B', ['team-BC', 'rest']],
    ['owner=team-C env=x', ['team-BC', 'rest']],
    ['owner=team-B env=y', ['team-BC']],
    ['owner=team-D', ['rest']],
    ['owner=team-D env=y', ['default']],
  ];
  test.each(cases)('{%s}', (labels, receivers) => {
    expect(root.match(labelsOf(labels)).map((route) => route.options.receiver)).toEqual(receivers);
  });

  test('continue on a leaf that matched does not also select the parent', () => {
    const tree = Route.fromConfig(
      routeOf('{receiver: a, routes: [{match: {x: y}, receiver: b, continue: true}]}'),
    );
    expect(tree.match(labelsOf('x=y')).map((route) => route.options.receiver)).toEqual(['b']);
  });
});

describe('inheritance', () => {
  const [, teamA, testing, production, allProduction, teamBC, x] = [...root.walk()];
  test('the root has the defaults', () => {
    expect(root.options).toMatchObject({
      groupWaitMs: 30_000,
      groupIntervalMs: 300_000,
      repeatIntervalMs: 14_400_000,
    });
  });
  test('receiver, group_by, timers and labels are inherited, labels merged', () => {
    expect(teamA).toMatchObject({
      groupBy: ['alertname'],
      options: { groupWaitMs: 60_000, groupIntervalMs: 300_000 },
    });
    expect(testing).toMatchObject({ groupBy: 'all', options: { groupWaitMs: 60_000 } });
    expect(testing!.options.labels.toObject()).toEqual({ team: 'A', env: 't' });
    expect(production).toMatchObject({ groupBy: ['alertname'], options: { groupWaitMs: 0 } });
    expect(allProduction).toMatchObject({ groupBy: [], options: { repeatIntervalMs: 3_600_000 } });
    expect(x!.options).toMatchObject({ receiver: 'team-BC' });
  });
  test('matchers, continue and time intervals are not', () => {
    expect(teamBC).toMatchObject({ continues: true, options: { muteTimeIntervals: ['night'] } });
    expect(x).toMatchObject({ continues: false, options: { muteTimeIntervals: [] } });
  });
});

describe('keys', () => {
  test('every route has its id', () => {
    expect([...root.walk()].map((route) => route.id)).toEqual([
      '{}',
      '{}/{owner="team-A"}/0',
      '{}/{owner="team-A"}/0/{env="testing"}/0',
      '{}/{owner="team-A"}/0/{env="production"}/1',
      '{}/{owner="team-A"}/0/{env=~"^(?:prod.*)$"}/2',
      '{}/{owner=~"^(?:team-(B|C))$"}/1',
      '{}/{owner=~"^(?:team-(B|C))$"}/1/{env="x"}/0',
      '{}/{env!="y",owner=~"team-.*"}/2',
    ]);
    expect([...root.walk()].map((route) => route.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('group keys are the path of matchers and the group labels', () => {
    const [route] = root.match(labelsOf('owner=team-D alertname=Down'));
    expect(route!.groupKey(route!.groupLabels(labelsOf('owner=team-D alertname=Down')))).toBe(
      '{}/{env!="y",owner=~"team-.*"}:{alertname="Down"}',
    );
  });

  test('siblings with equal matchers get keys of their own', () => {
    const yaml = `{receiver: a, routes: [
      {matchers: [x=y, a=b], receiver: b, continue: true, routes: [{matchers: [c=d]}]},
      {matchers: ['a=b,x=y'], receiver: c, continue: true, routes: [{matchers: [c=d]}]},
      {matchers: [a=b, x=y], receiver: d}]}`;
    const routes = [...Route.fromConfig(routeOf(yaml)).walk()];
    expect(routes.map((route) => route.key)).toEqual([
      '{}',
      '{}/{a="b",x="y"}',
      '{}/{a="b",x="y"}/{c="d"}',
      '{}/{a="b",x="y"}#2',
      '{}/{a="b",x="y"}#2/{c="d"}',
      '{}/{a="b",x="y"}#3',
    ]);
  });

  test.each([
    ['', '{}'],
    ['b=2 a=1', '{a="1", b="2"}'],
  ])('label set {%s}', (labels, printed) => {
    expect(formatLabelSet(labelsOf(labels))).toBe(printed);
  });

  test('values are quoted as in Go', () => {
    expect(formatLabelSet(Labels.fromObject({ a: 'x"\n\u0007é\u00a0' }))).toBe(
      String.raw`{a="x\"\n\aé\u00a0"}`,
    );
  });
});

describe('group labels', () => {
  test.each([
    ['receiver: r', 'a=1 b=2', ''],
    ['{receiver: r, group_by: []}', 'a=1 b=2', ''],
    ['{receiver: r, group_by: [b, c]}', 'a=1 b=2', 'b=2'],
    ['{receiver: r, group_by: ["..."]}', 'a=1 b=2', 'a=1 b=2'],
  ])('%s', (yaml, labels, group) => {
    expect(Route.fromConfig(routeOf(yaml)).groupLabels(labelsOf(labels)).toObject()).toEqual(
      labelsOf(group).toObject(),
    );
  });
});
