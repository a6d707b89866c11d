import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/core/yaml.ts';
import { parseRuleFile } from '../../../src/rules/index.ts';

function messagesOf(text: string): string[] {
  try {
    parseRuleFile(text, 'r.yml');
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.split('\n');
  }
}

/** A file with one rule; its keys stand in columns of 9, from line 4 on. */
function rule(...lines: readonly string[]): string {
  return [
    'groups:',
    '  - name: g',
    '    rules:',
    `      - ${lines[0]}`,
    ...lines.slice(1).map((line) => `        ${line}`),
  ].join('\n');
}

describe('rule files', () => {
  test('everything there is', () => {
    const text = `
groups:
  - name: models
    interval: 30s
    query_offset: 1m
    limit: 10
    labels: {team: ml, severity: info}
    rules:
      - record: model:errors:rate5m
        expr: sum by(model) (rate(errors_total[5m]))
        labels: {team: other}
      - alert: TooManyErrors
        expr: |
          model:errors:rate5m
            > 0.5
        for: 10m
        keep_firing_for: 5m
        labels:
          severity: page
          threshold: 0.50
        annotations:
          summary: "{{ $labels.model }} has {{ $value | humanize }}"
  - name: empty
`;
    expect(parseRuleFile(text, 'r.yml')).toEqual([
      {
        file: 'r.yml',
        name: 'models',
        intervalMs: 30_000,
        queryOffsetMs: 60_000,
        limit: 10,
        rules: [
          {
            kind: 'recording',
            record: 'model:errors:rate5m',
            query: 'sum by (model) (rate(errors_total[5m]))',
            labels: [
              ['severity', 'info'],
              ['team', 'other'],
            ],
          },
          {
            kind: 'alerting',
            alert: 'TooManyErrors',
            query: 'model:errors:rate5m > 0.5',
            forMs: 600_000,
            keepFiringForMs: 300_000,
            labels: [
              ['severity', 'page'],
              ['team', 'ml'],
              ['threshold', '0.50'],
            ],
            annotations: [['summary', '{{ $labels.model }} has {{ $value | humanize }}']],
          },
        ],
      },
      { file: 'r.yml', name: 'empty', intervalMs: undefined, queryOffsetMs: undefined, limit: 0, rules: [] },
    ]);
  });

  test.each(['', '# nothing\n', 'groups:', 'groups: []', 'groups: []\n---\nother: document'])(
    '%j has no groups',
    (text) => {
      expect(parseRuleFile(text, 'r.yml')).toEqual([]);
    },
  );

  test.each<[string, string, string]>([
    ['no name', 'groups:\n  - rules: []', 'r.yml:2:5: Groupname must not be empty'],
    [
      'a name twice',
      'groups:\n  - name: a\n  - name: a',
      'r.yml:3:5: groupname: "a" is repeated in the same file',
    ],
    [
      'a group label',
      'groups:\n  - name: a\n    labels: {__name__: x}',
      'r.yml:3:14: invalid label name: __name__',
    ],
    [
      'an unknown key',
      rule('record: a', 'expr: b', 'fro: 5m'),
      'r.yml:6:9: unknown key "fro" in groups[0].rules[0]; did you mean "for"?',
    ],
    [
      'a key of a later version',
      rule('alert: a', 'expr: b', 'min_samples: 5'),
      'r.yml:6:9: key "min_samples" in groups[0].rules[0] is not in this version',
    ],
    [
      'both kinds',
      rule('record: a', 'alert: b', 'expr: c'),
      `r.yml:4:17: group "g", rule 1, "b": only one of 'record' and 'alert' must be set`,
    ],
    [
      'neither kind',
      rule('expr: c'),
      `r.yml:4:9: group "g", rule 1, "": one of 'record' or 'alert' must be set`,
    ],
    [
      'no expression',
      rule('record: a'),
      `r.yml:4:9: group "g", rule 1, "a": field 'expr' must be set in rule`,
    ],
    [
      'a bad duration',
      rule('alert: a', 'expr: b', 'for: 5x'),
      'r.yml:6:14: groups[0].rules[0].for: not a valid duration string: "5x"',
    ],
    [
      'annotations of a recording rule',
      rule('record: a', 'expr: b', 'annotations: {c: d}'),
      `r.yml:4:17: group "g", rule 1, "a": invalid field 'annotations' in recording rule`,
    ],
    [
      'for of a recording rule',
      rule('record: a', 'expr: b', 'for: 5m'),
      `r.yml:4:17: group "g", rule 1, "a": invalid field 'for' in recording rule`,
    ],
    [
      'an expression as name',
      rule('record: a{b="c"}', 'expr: b'),
      'r.yml:4:17: group "g", rule 1, "a{b=\\"c\\"}": braces present in the recording rule name; should it be in expr?: a{b="c"}',
    ],
    [
      'a bad label',
      rule('alert: a', 'expr: b', 'labels: {__name__: c}'),
      'r.yml:6:18: group "g", rule 1, "a": invalid label name: __name__',
    ],
    [
      'a bad expression',
      rule('alert: a', 'expr: rate(b)'),
      'r.yml:5:20: group "g", rule 1, "a": could not parse expression: 1:6: parse error: expected type range vector in call to function "rate", got instant vector',
    ],
    [
      'a bad expression in quotes',
      rule('alert: a', `expr: 'b +'`),
      'r.yml:5:19: group "g", rule 1, "a": could not parse expression: 1:4: parse error: unexpected end of input',
    ],
    [
      'a bad expression in a block',
      rule('alert: a', 'expr: |', '  up', '    + )'),
      `r.yml:7:16: group "g", rule 1, "a": could not parse expression: 2:6: parse error: unexpected right parenthesis ')'`,
    ],
    [
      'a bad expression in folded text',
      rule('alert: a', 'expr: >', '  up', '  + )'),
      `r.yml:7:14: group "g", rule 1, "a": could not parse expression: 1:7: parse error: unexpected right parenthesis ')'`,
    ],
  ])('%s', (_name, text, message) => {
    expect(messagesOf(text)).toEqual([message]);
  });

  test('templates are parsed', () => {
    const [message, ...more] = messagesOf(
      rule('alert: a', 'expr: b', 'annotations:', '  summary: "{{ $labels.x"'),
    );
    expect(more).toEqual([]);
    expect(message).toMatch(
      /^r\.yml:7:20: group "g", rule 1, "a": annotation "summary": template: __alert_a:1: /,
    );
  });

  test('everything that is wrong is told at once', () => {
    expect(
      messagesOf(
        'groups:\n  - name: g\n    rules:\n      - record: a\n        expr: b +\n      - alert: c\n',
      ),
    ).toHaveLength(2);
  });

  test('no text makes it throw anything but ConfigError', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'groups:',
        '\n',
        '  ',
        '- ',
        'name: a',
        'rules:',
        'alert: b',
        'expr: c',
        'expr: |',
        'labels:',
        '{',
        '}',
        ': ',
        'for: 5m',
        '{{',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (parts) => {
        try {
          parseRuleFile(parts.join(''), 'r.yml');
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});

const folder = process.env['TOCSIN_CONFORMANCE'];
if (folder === undefined) {
  test.skip("needs TOCSIN_CONFORMANCE, the folder of the reference programs' test data", () => undefined);
} else {
  describe("promtool's rule files", () => {
    const read = (name: string): string => readFileSync(join(folder, 'promtool', name), 'utf8');
    test.each([
      'rules.yml',
      'at-modifier.yml',
      'negative-offset.yml',
      'rules_run.yml',
      'prometheus-rules.lint.yml',
      'rules_duplicates.yml',
    ])('%s is taken', (name) => {
      const text = read(name);
      if (/^rule_files:/m.test(text)) return;
      expect(parseRuleFile(text, name).length).toBeGreaterThan(0);
    });
    test.each(['rules-bad.yml', 'bad-rules-syntax.yml', 'rules_extrafields.yml'])('%s is refused', (name) => {
      const text = read(name);
      if (/^rule_files:/m.test(text)) return;
      expect(() => parseRuleFile(text, name)).toThrow(ConfigError);
    });
  });
}
