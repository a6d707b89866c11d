import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import { runTest } from '../../../src/cli/test.ts';
import { sameSamples } from '../../../src/review/compare.ts';
import { parseRuleTestFile } from '../../../src/review/config.ts';
import { Labels } from '../../../src/core/labels.ts';
import { memoryFiles, runFile } from './run-file.ts';

const RULES = `
groups:
  - name: second
    rules:
      - record: b
        expr: a + 1
  - name: first
    rules:
      - record: a
        expr: load * 2
      - alert: Load
        expr: a > 10
        for: 2m
        keep_firing_for: 1m
        labels: { level: '{{ $value }}' }
        annotations:
          where: '{{ $labels.job }} at {{ $externalLabels.site }}, {{ $externalURL }}/x'
`;

/** A file with one test, from what is in the test, indented. */
function fileOf(test: string, head = ''): string {
  return `rule_files: ['*.rules.yml']\n${head}\ntests:\n  - name: one\n${test.replaceAll(/^/gm, '    ')}\n`;
}

async function outcome(text: string): Promise<string[]> {
  return runFile(await memoryFiles({ 'my.rules.yml': RULES, 'x.test.yml': text }), 'x.test.yml');
}

const LOAD = 'input_series: [{ series: \'load{job="j"}\', values: 3 6 6 6 6 1 1 1 }]\n';

function exprTest(expr: string, evalTime: string, samples: string): string {
  return `promql_expr_test: [{ expr: '${expr}', eval_time: ${evalTime}, exp_samples: ${samples} }]`;
}

function alertTest(evalTime: string, alerts: string): string {
  return `alert_rule_test: [{ eval_time: ${evalTime}, alertname: Load, exp_alerts: ${alerts} }]`;
}

const FIRING = '[{ exp_labels: { job: j, level: 12 }, exp_annotations: { where: "j at s1, http://h/x" } }]';
const OUTSIDE = 'external_labels: { site: s1 }\nexternal_url: http://h\n';

describe('rule unit tests', () => {
  const passing: [name: string, text: string][] = [
    ['no test at all', 'tests: []'],
    ['an empty file', ''],
    ['a recording rule', fileOf(LOAD + exprTest('a', '1m', `[{ labels: 'a{job="j"}', value: 12 }]`))],
    [
      'no evaluation interval is a minute',
      fileOf(
        LOAD + exprTest('timestamp(a)', '90s', `[{ labels: '{job="j"}', value: 60 }]`),
        'evaluation_interval: 0',
      ),
    ],
    ['a scalar', fileOf(exprTest('1 + 1', '0', '[{ value: 2 }]'))],
    ['no value', fileOf(exprTest('nothing', '1m', '[]'))],
    ['values as YAML and as Go write them', fileOf(exprTest('vector(-Inf)', '0', '[{ value: -.inf }]'))],
    ['NaN', fileOf(exprTest('vector(NaN)', '0', '[{ value: .nan }]'))],
    ['pending alerts do not count', fileOf(LOAD + alertTest('2m', '[]'))],
    ['an alert that fires', fileOf(LOAD + OUTSIDE + alertTest('3m', FIRING))],
    ['between evaluations the last one counts', fileOf(LOAD + OUTSIDE + alertTest('3m59s', FIRING))],
    ['keep_firing_for keeps it', fileOf(LOAD + OUTSIDE + alertTest('5m', FIRING))],
    ['then it is over', fileOf(LOAD + OUTSIDE + alertTest('7m', '[]'))],
    [
      'groupname looks at one group',
      fileOf(
        `${LOAD}alert_rule_test: [{ eval_time: 3m, alertname: Load, groupname: second, exp_alerts: [] }]`,
      ),
    ],
    [
      'group_eval_order',
      fileOf(
        LOAD + exprTest('b + 0', '1m', `[{ labels: '{job="j"}', value: 13 }]`),
        'group_eval_order: [first, second]',
      ),
    ],
    [
      'without it groups go in the order of the file',
      fileOf(LOAD + exprTest('b + 0', '1m', `[{ labels: '{job="j"}', value: 7 }]`)),
    ],
    [
      'stale ends a series, _ is a gap',
      fileOf(
        `input_series: [{ series: s, values: 1 _ stale }, { series: g, values: 1 _ _ }]\n${exprTest('{__name__=~"s|g"}', '2m', '[{ labels: g, value: 1 }]')}`,
      ),
    ],
    [
      'rules do not see samples of later times',
      fileOf(`${LOAD}${exprTest('count_over_time(load[10m] offset -10m)', '1m', '[]')}`),
    ],
    [
      'subqueries step by the evaluation interval',
      fileOf(
        exprTest('count_over_time(vector(1)[5m:])', '5m', '[{ value: 10 }]'),
        'evaluation_interval: 30s',
      ),
    ],
    [
      'start_timestamp',
      fileOf(
        `start_timestamp: 2024-01-01T00:00:00+01:00\n${exprTest('time()', '1m', '[{ value: 1704063660 }]')}`,
      ),
    ],
  ];
  test.each(passing)('passes: %s', async (_name, text) => {
    expect(await outcome(text)).toEqual([]);
  });

  const failing: [name: string, text: string, problems: string[]][] = [
    [
      'another value',
      fileOf(LOAD + exprTest('a', '1m', `[{ labels: 'a{job="j"}', value: 1e10 }]`)),
      [
        '    name: one,\n    expr: "a", time: 1m,\n        exp: {__name__="a", job="j"} 1E+10\n        got: {__name__="a", job="j"} 1.2E+01',
      ],
    ],
    [
      'another native histogram',
      fileOf(
        `input_series: [{ series: h, values: '{{count:1 sum:2 buckets:[1]}}+{{count:2 sum:1 buckets:[2]}}x2' }]\n` +
          exprTest('h', '1m', '[{ labels: h, histogram: "{{count:3 sum:4 buckets:[3]}}" }]'),
      ),
      [
        '    name: one,\n    expr: "h", time: 1m,\n        exp: {__name__="h"} {{count:3 sum:4 buckets:[3]}}\n' +
          '        got: {__name__="h"} {{count:3 sum:3 counter_reset_hint:not_reset buckets:[3]}}',
      ],
    ],
    [
      'a missing element',
      fileOf(exprTest('nothing', '0', '[{ value: 1 }]')),
      ['    name: one,\n    expr: "nothing", time: 0s,\n        exp: {} 1E+00\n        got: nil'],
    ],
    [
      'an expression that does not parse',
      fileOf(exprTest('sum(', '0', '[]')),
      ['    name: one,\n    expr: "sum(", time: 0s, err: 1:5: parse error: unclosed left parenthesis'],
    ],
    [
      'an expression that gives no vector',
      fileOf(exprTest('load[5m]', '0', '[]')),
      ['    name: one,\n    expr: "load[5m]", time: 0s, err: rule result is not a vector or scalar'],
    ],
    [
      'another annotation',
      fileOf(`${LOAD}${alertTest('3m', '[{ exp_labels: { job: j, level: 12 } }]')}`),
      [
        [
          '    name: one,\n    alertname: Load, time: 3m, ',
          '        exp:[',
          '            0:',
          '              Labels:{alertname="Load", job="j", level="12"}',
          '              Annotations:{}',
          '            ], ',
          '        got:[',
          '            0:',
          '              Labels:{alertname="Load", job="j", level="12"}',
          '              Annotations:{where="j at , /x"}',
          '            ]',
        ].join('\n'),
      ],
    ],
    [
      'several alerts',
      fileOf(alertTest('0', '[{}, { exp_labels: { a: b } }]')),
      [
        [
          '    name: one,\n    alertname: Load, time: 0s, ',
          '        exp:[',
          '            0:',
          '              Labels:{a="b", alertname="Load"}',
          '              Annotations:{},',
          '            1:',
          '              Labels:{alertname="Load"}',
          '              Annotations:{}',
          '            ], ',
          '        got:[]',
        ].join('\n'),
      ],
    ],
    [
      'samples at times that cannot be kept',
      fileOf('start_timestamp: 9999999999999\ninput_series: [{ series: s, values: 1 }]'),
      ['    name: one,\n    series: s, time: 0s, err: too far in the future'],
    ],
    [
      'a pattern of rule files that matches nothing',
      'rule_files: [none.yml]\ntests: []',
      ['warning: no file match pattern /t/none.yml'],
    ],
  ];
  test.each(failing)('tells of %s', async (_name, text, problems) => {
    expect(await outcome(text)).toEqual(problems);
  });

  const refused: [name: string, text: string, problems: string[]][] = [
    ['an unknown key', 'test: []', ['1:1: unknown key "test"; did you mean "tests"?']],
    [
      'a group named twice',
      'group_eval_order: [a, b, a]',
      ['1:26: group name repeated in evaluation order: a'],
    ],
    [
      'a test of an alert without a name',
      'tests: [{ alert_rule_test: [{ eval_time: 1m }] }]',
      ['1:29: an item under alert_rule_test misses required attribute alertname'],
    ],
    [
      'a native histogram that is none',
      'tests: [{ promql_expr_test: [{ exp_samples: [{ histogram: "{{}} 1" }] }] }]',
      ['1:59: one histogram is expected here, like {{count:2 sum:3 buckets:[2]}}; got {{}} 1'],
    ],
    [
      'a series that is there twice',
      "tests: [{ input_series: [{ series: \"h{a='b'}\", values: 1 }, { series: \"{a='b', __name__='h'}\", values: 2 }] }]",
      ['1:71: series h{a="b"} is there twice in this test'],
    ],
    [
      'a time that is none',
      'tests: [{ start_timestamp: soon }]',
      ['1:28: tests[0].start_timestamp: not a time: "soon" (write 2026-01-31T12:00:00Z or Unix seconds)'],
    ],
    [
      'a value that is no number',
      'tests: [{ promql_expr_test: [{ exp_samples: [{ value: much }] }] }]',
      ['1:55: tests[0].promql_expr_test[0].exp_samples[0].value: not a number: "much"'],
    ],
  ];
  test.each(refused)('refuses %s', async (_name, text, problems) => {
    expect(await outcome(text)).toEqual(problems.map((problem) => `refused: /t/x.test.yml:${problem}`));
  });

  test('any text is read or refused at a place', () => {
    const keys = ['tests', 'input_series', 'series', 'values', 'alert_rule_test', 'exp_samples', 'interval'];
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.dictionary(fc.constantFrom(...keys), fc.jsonValue()).map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (written) => {
        try {
          parseRuleTestFile(written, 'f.yml', '/t');
        } catch (error) {
          expect(error).toBeInstanceOf(TocsinError);
        }
      }),
    );
  });

  const floats: [a: number, b: number, exact: boolean, fuzzy: boolean][] = [
    [1, 1, true, true],
    [1, 1 + Number.EPSILON, false, true],
    [1, 1 + 2 * Number.EPSILON, false, false],
    [0, -0, true, true],
    [5e-324, -0, false, true],
    [5e-324, -5e-324, false, false],
    [Number.MAX_VALUE, Infinity, false, true],
    [NaN, NaN, true, true],
    [NaN, Infinity, false, false],
  ];
  test.each(floats)('%d and %d', (a, b, exact, fuzzy) => {
    const of = (value: number) => [{ labels: Labels.EMPTY, value }];
    expect([sameSamples(of(a), of(b), false), sameSamples(of(b), of(a), true)]).toEqual([exact, fuzzy]);
  });
});

describe('tocsin test rules', () => {
  async function command(...args: string[]) {
    let out = '';
    let err = '';
    const files = await memoryFiles({
      'good.yml': 'rule_files: [none.yml]\ntests: [{ name: good }]',
      'bad.yml': 'tests: [{ name: bad, promql_expr_test: [{ expr: "1" }] }, { name: good }]',
      'worse.yml': 'tests: 1',
    });
    const code = await runTest(['rules', ...args], {
      clock: new VirtualClock(0),
      files,
      http: new FakeNetwork(),
      stdout: { write: (text) => void (out += text) },
      stderr: { write: (text) => void (err += text) },
      environment: {},
      userName: '',
    }).catch((error: unknown) => (error as Error).message);
    return { code, out, err };
  }

  test('success is 0, with warnings on stderr', async () => {
    expect(await command('/t/good.yml')).toEqual({
      code: 0,
      out: 'Unit Testing:  /t/good.yml\n  SUCCESS\n\n',
      err: '  WARNING: no file match pattern /t/none.yml\n',
    });
  });

  test('one file that fails makes it 1; the others still run', async () => {
    const { code, out, err } = await command('/t/bad.yml', '/t/worse.yml', '/t/gone.yml', '/t/good.yml');
    expect(code).toBe(1);
    expect(out).toBe(
      [
        'Unit Testing:  /t/bad.yml\n\n\n',
        'Unit Testing:  /t/worse.yml\n\n\n',
        'Unit Testing:  /t/gone.yml\n\n\n',
        'Unit Testing:  /t/good.yml\n  SUCCESS\n\n',
      ].join(''),
    );
    expect(err).toContain(
      '  FAILED:\n    name: bad,\n    expr: "1", time: 0s,\n        exp: nil\n        got: {} 1E+00\n',
    );
    expect(err).toContain('/t/worse.yml:1:8: ');
    expect(err).toContain('/t/gone.yml');
  });

  test('--run chooses tests by name', async () => {
    expect((await command('--run=^goo', '--run=x', '/t/bad.yml')).code).toBe(0);
    expect((await command('--run=^goo', '--run=b', '/t/bad.yml')).code).toBe(1);
  });

  test('wants files, and refuses what is not in this version', async () => {
    expect((await command()).code).toBe('name the file of tests to run');
    expect((await command('--junit=x.xml', '/t/good.yml')).code).toBe(
      "flag '--junit' is not in this version of tocsin",
    );
  });
});
