import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { validateYaml } from '../../../src/core/validate-yaml.ts';
import { formatIssue, parseYaml } from '../../../src/core/yaml.ts';
import { MatcherParser, checkRouting, createAlertsSchemas } from '../../../src/alerts/index.ts';
import type { TimeInterval } from '../../../src/alerts/index.ts';
import { routeOf } from './helpers.ts';

function issuesOf(yaml: string, schema: z.ZodType): string[] {
  const result = validateYaml(parseYaml(yaml, 'am.yml'), schema);
  return result.ok ? [] : result.issues.map(formatIssue);
}

const schemas = createAlertsSchemas();

describe('route', () => {
  const refused: readonly (readonly [yaml: string, message: RegExp])[] = [
    [
      'group_by: ["..."  , job]',
      /cannot have wildcard group_by \(`\.\.\.`\) and other labels at the same time/,
    ],
    ['group_by: [job, job]', /duplicated label "job" in group_by/],
    ['group_by: [""]', /invalid label name "" in group_by list/],
    ['group_interval: 0s', /group_interval: must be greater than 0/],
    ['repeat_interval: 0s', /repeat_interval: must be greater than 0/],
    ['group_wait: soon', /not a valid duration string: "soon"/],
    ['match: {"a-b": x}', /invalid label name "a-b"/],
    ['match_re: {"a b": x}', /invalid label name "a b"/],
    ['match_re: {a: "("}', /error parsing regexp/],
    ['match_re: {a: }', /match_re\.a/],
    ['matchers: [foo]', /bad matcher format: foo/],
    ['matchers: [foo=bar, "x=~("]', /1:21: matchers\[1\]: error parsing regexp/],
    ['labels: {"": x}', /invalid label name "" in route labels/],
    ['reciever: x', /unknown key "reciever"; did you mean "receiver"\?/],
    ['routes: [{escalate: []}]', /"escalate".* is not in this version/],
    ['fallback: x', /"fallback".* is not in this version/],
    ['digest: x', /not in this version/],
    ['flap: x', /not in this version/],
  ];
  test.each(refused)('%s is refused', (yaml, message) => {
    const issues = issuesOf(yaml, schemas.route);
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatch(message);
    expect(issues[0]).toMatch(/^am\.yml:\d+:\d+: /);
  });

  test.each([
    'receiver: x',
    'group_wait: 0s',
    'group_by: []',
    'continue: yes',
    'match: {severity: 1}',
    'matchers: ["a=b", "c=~d.*, e!=f"]',
    'group_by: ["résumé"]',
    'routes: []',
  ])('%s is accepted', (yaml) => {
    expect(issuesOf(yaml, schemas.route)).toEqual([]);
  });

  test('classic mode wants legacy names', () => {
    const classic = createAlertsSchemas(new MatcherParser('classic'));
    expect(issuesOf('group_by: ["a.b"]', classic.route)).toMatchObject([
      /invalid label name "a.b" in group_by list/,
    ]);
    expect(issuesOf('equal', classic.inhibitRules)).toHaveLength(1);
    expect(issuesOf('[{equal: ["a.b"]}]', classic.inhibitRules)).toMatchObject([
      /invalid label name "a.b" in equal list/,
    ]);
  });

  test('matchers of every kind are sorted together', () => {
    const route = routeOf('{match: {z: "1"}, match_re: {a: "x|y"}, matchers: ["m!=2", "a=b"]}');
    expect(route.matchers.map(String)).toEqual(['a=~"^(?:x|y)$"', 'a="b"', 'm!="2"', 'z="1"']);
  });
});

describe('checks over the whole', () => {
  const interval = (name: string): TimeInterval => ({ name, entries: [] });
  const check = (
    yaml: string,
    parts: { receivers?: string[]; time?: string[]; mute?: string[] } = {},
  ): string[] =>
    checkRouting({
      route: routeOf(yaml),
      receiverNames: parts.receivers ?? ['r'],
      timeIntervals: (parts.time ?? []).map(interval),
      muteTimeIntervals: (parts.mute ?? []).map(interval),
    }).map(({ path, message }) => `${path.join('.')}: ${message}`);

  test.each([
    ['{}', 'route: root route must specify a default receiver'],
    ['{receiver: r, match: {a: b}}', 'route: root route must not have any matchers'],
    ['{receiver: r, continue: true}', 'route.continue: cannot have continue in root route'],
    ['{receiver: q}', 'route.receiver: undefined receiver "q" used in route'],
    [
      '{receiver: r, routes: [{receiver: q}]}',
      'route.routes.0.receiver: undefined receiver "q" used in route',
    ],
    [
      '{receiver: r, routes: [{routes: [{mute_time_intervals: [n]}]}]}',
      'route.routes.0.routes.0.mute_time_intervals.0: undefined time interval "n" used in route',
    ],
    [
      '{receiver: r, routes: [{active_time_intervals: [n]}]}',
      'route.routes.0.active_time_intervals.0: undefined time interval "n" used in route',
    ],
  ])('%s', (yaml, problem) => {
    expect(check(yaml)).toEqual([problem]);
  });

  test('the root has no time intervals', () => {
    const yaml = '{receiver: r, mute_time_intervals: [n], active_time_intervals: [n]}';
    expect(check(yaml, { time: ['n'] })).toEqual([
      'route.mute_time_intervals: root route must not have any mute time intervals',
      'route.active_time_intervals: root route must not have any active time intervals',
    ]);
  });

  test('names are unique, those of both kinds of intervals together', () => {
    expect(check('receiver: r', { receivers: ['r', 'r'], time: ['n'], mute: ['n'] })).toEqual([
      'receivers.1: notification config name "r" is not unique',
      'time_intervals.0: time interval "n" is not unique',
    ]);
  });

  test('a good one passes', () => {
    const yaml =
      '{receiver: r, routes: [{matchers: [a=b], mute_time_intervals: [n], active_time_intervals: [m]}]}';
    expect(check(yaml, { time: ['n'], mute: ['m'] })).toEqual([]);
  });
});

describe('inhibit_rules', () => {
  test('sides are gathered from all three ways to write them', () => {
    const yaml = `
- name: rule
  source_match: {severity: critical}
  source_match_re: {job: 'a|b'}
  source_matchers: [x=y]
  target_matchers: ['severity=~"warning|info"']
  equal: [cluster, cluster, "a b"]
`;
    const result = validateYaml(parseYaml(yaml, 'am.yml'), schemas.inhibitRules);
    if (!result.ok) throw new Error('must be accepted');
    const [rule] = result.value;
    expect(rule).toMatchObject({ name: 'rule', equal: ['cluster', 'a b'] });
    expect(rule!.sourceMatchers.map(String)).toEqual(['severity="critical"', 'job=~"^(?:a|b)$"', 'x="y"']);
    expect(rule!.targetMatchers.map(String)).toEqual(['severity=~"warning|info"']);
  });

  test('an empty rule is accepted', () => {
    expect(issuesOf('[{}]', schemas.inhibitRules)).toEqual([]);
  });
});

const CONFORMANCE = process.env['TOCSIN_CONFORMANCE'];

describe.skipIf(CONFORMANCE === undefined)('files of the reference program', () => {
  const shape = z.looseObject({
    route: schemas.route.optional(),
    inhibit_rules: schemas.inhibitRules.optional(),
    time_intervals: schemas.timeIntervals.optional(),
    mute_time_intervals: schemas.timeIntervals.optional(),
  });
  const refused: Readonly<Record<string, RegExp>> = {
    'conf.nil-match_re-route.yml': /match_re\.invalid_label/,
    'conf.nil-source_match_re-inhibition.yml': /source_match_re/,
    'conf.nil-target_match_re-inhibition.yml': /target_match_re/,
  };
  const read = (file: string): string =>
    readFileSync(join(CONFORMANCE!, 'alertmanager-config', file), 'utf8');

  test.each(Object.entries(refused))('%s is refused', (file, message) => {
    expect(issuesOf(read(file), shape).join('\n')).toMatch(message);
  });

  test.each(['conf.good.yml', 'conf.group-by-all.yml', 'conf.empty-fields.yml'])('%s is accepted', (file) => {
    const issues = issuesOf(read(file), shape);
    expect(issues).toEqual([]);
  });
});
