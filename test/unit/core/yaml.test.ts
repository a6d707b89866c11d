import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { didYouMean, editDistance, nearest } from '../../../src/core/nearest.ts';
import { printYaml, shownConfig } from '../../../src/core/print-yaml.ts';
import { durationSchema, filePathSchema, secretSchema, textSchema } from '../../../src/core/schema.ts';
import { notInVersion, validateYaml } from '../../../src/core/validate-yaml.ts';
import { ConfigError, formatIssue, parseYaml } from '../../../src/core/yaml.ts';

describe('parseYaml', () => {
  const scalars: [text: string, value: unknown][] = [
    ['yes', true],
    ['Off', false],
    ['y', true],
    ['nO', 'nO'],
    ['~', null],
    ['', null],
    ['null', null],
    ['"yes"', 'yes'],
    ["'1'", '1'],
    ['1', 1],
    ['-1', -1],
    ['+1', 1],
    ['1_000', 1000],
    ['010', 8],
    ['08', 8],
    ['0o17', 15],
    ['0x1F', 31],
    ['0b11', 3],
    ['-0x10', -16],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['1.', 1],
    ['1e3', 1000],
    ['.inf', Infinity],
    ['-.Inf', -Infinity],
    ['.nan', NaN],
    ['1.2.3', '1.2.3'],
    ['12:30', '12:30'],
    ['2020-01-01', '2020-01-01'],
    ['1h', '1h'],
    ['!!str 1', '1'],
    ['!!int "5"', 5],
    ['!!float 1', 1],
    ['!!binary aGk=', 'hi'],
    ['!own x', 'x'],
    ['|\n  a\n  b', 'a\nb\n'],
    ['>-\n  a\n  b', 'a b'],
    ['- 1\n- x', [1, 'x']],
  ];
  test.each(scalars)('%s', (text, value) => {
    const separator = text.startsWith('- ') ? '\n' : ' ';
    expect(parseYaml(`k:${separator}${text}`, 'f').value).toEqual({ k: value });
  });

  const broken: [text: string, message: string | RegExp][] = [
    ['a: 1\na: 2', 'f:2:1: key "a" is already set in this map'],
    ['x:\n  b: {c: 1, c: 2}', 'f:2:13: key "c" is already set in this map'],
    ['a: *b', 'f:1:4: unknown anchor'],
    ['a: &x [*x]', 'f:1:8: anchor contains itself'],
    ['? [a]\n: b', 'f:1:3: a key must be text, not a map or list'],
    ['<<: 5', /f:1:5: map merge/],
    ['a: [', /^f:1:5: not valid YAML: /],
    ['a: "x\nb: 1', /^f:2:5: not valid YAML: missing closing "quote/],
  ];
  test.each(broken)('%s', (text, message) => {
    expect(() => parseYaml(text, 'f').value).toThrow(message);
  });

  test('anchors, aliases and merges', () => {
    const text = 'a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: *x\nf: {<<: [*x, {b: 9, g: 4}]}';
    const document = parseYaml(text, 'f');
    expect(document.value).toEqual({
      a: { b: 1, c: 2 },
      d: { b: 1, c: 3 },
      e: { b: 1, c: 2 },
      f: { b: 1, c: 2, g: 4 },
    });
    expect(document.position(['d', 'b'], 'key')).toEqual({ line: 1, column: 8 });
    expect(document.position(['d', 'c'])).toEqual({ line: 2, column: 16 });
  });

  test('aliases cannot blow up', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i++)
      lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`);
    expect(() => parseYaml(lines.join('\n'), 'f').value).toThrow('document contains excessive aliasing');
  });

  test('only the first document counts', () => {
    expect(parseYaml('a: 1\n---\nb: [', 'f').value).toEqual({ a: 1 });
  });

  test('keys are own properties, whatever they are called', () => {
    const value = parseYaml('__proto__: {polluted: 1}\nconstructor: 2', 'f').value as object;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
  });

  test('positions of nested values, and of what is not there', () => {
    const document = parseYaml('a:\n  - b: 1\n    c: {d: x}\n  -\n', 'f');
    expect(document.position(['a', 0, 'c', 'd'])).toEqual({ line: 3, column: 12 });
    expect(document.position(['a', 0, 'c'], 'key')).toEqual({ line: 3, column: 5 });
    expect(document.position(['a', 0, 'zz', 'y'])).toEqual({ line: 2, column: 5 });
    expect(document.position([])).toEqual({ line: 1, column: 1 });
  });

  test('reads what a YAML writer wrote', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // JSON has no -0, YAML has.
        const written: unknown = JSON.parse(JSON.stringify({ value }));
        const text = stringify(written, { version: '1.1', schema: 'yaml-1.1' });
        expect(parseYaml(text, 'f').value).toEqual(written);
      }),
      { numRuns: 200 },
    );
  });

  test('arbitrary text gives a value or a ConfigError', () => {
    const pieces = fc.array(
      fc.constantFrom(
        'a',
        ':',
        ' ',
        '\n',
        '- ',
        '[',
        ']',
        '{',
        '}',
        '&x',
        '*x',
        '"',
        "'",
        '|',
        '>',
        '!',
        '#',
        ',',
        '?',
        '\t',
        '<<',
        '---',
        '%',
        '@',
        '😀',
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          pieces.map((p) => p.join('')),
          fc.string(),
        ),
        (text) => {
          try {
            expect(parseYaml(text, 'f').value).not.toBe(undefined);
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
            for (const issue of (error as ConfigError).issues)
              expect([issue.line, issue.column].every((n) => n >= 1)).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('validateYaml', () => {
  const inner = notInVersion(
    z.strictObject({ name: z.string(), count: z.number().int().min(1).default(1) }),
    ['later'],
    'thing',
  ).superRefine(() => undefined);
  const schema = z.strictObject({
    on: z.boolean().default(false),
    text: textSchema.default('none'),
    wait: durationSchema.default(1000),
    labels: z.record(z.string(), textSchema).default({}),
    list: z.array(inner).default([]),
    either: z.union([inner, z.array(z.string())]).optional(),
    kind: z.enum(['yes', 'other']).optional(),
    file: filePathSchema.optional(),
    any: z.unknown().optional(),
  });
  const check = (text: string) => {
    const result = validateYaml(parseYaml(text, 'f'), schema, '/base');
    return result.ok ? result.value : result.issues.map(formatIssue);
  };

  test('the schema decides how scalars are read', () => {
    expect(
      check('{on: yes, text: yes, labels: {a: 1.0, b: no, c: 0x1}, kind: yes, wait: 0, any: 1.0, file: x/y}'),
    ).toMatchObject({
      on: true,
      text: 'yes',
      labels: { a: '1.0', b: 'no', c: '0x1' },
      kind: 'yes',
      wait: 0,
      any: 1,
      file: '/base/x/y',
    });
    expect(check('file: /abs')).toMatchObject({ file: '/abs' });
  });

  test('keys without a value are absent', () => {
    expect(check('on:\nlist:\nwait: ~')).toMatchObject({ on: false, list: [], wait: 1000 });
  });

  const bad: [yaml: string, issues: string[]][] = [
    ['onn: true', ['f:1:1: unknown key "onn"; did you mean "on"?']],
    [
      'labls: {}\nlits: []',
      [
        'f:1:1: unknown key "labls"; did you mean "labels"?',
        'f:2:1: unknown key "lits"; did you mean "list"?',
      ],
    ],
    [
      'list: [{nam: x}]',
      [
        'f:1:8: key "name" is missing in list[0]',
        'f:1:9: unknown key "nam" in list[0]; did you mean "name"?',
      ],
    ],
    ['list: [{name: x, later: 1}]', ['f:1:18: thing "later" in list[0] is not in this version']],
    ['list: [{name: x, lat: 1}]', ['f:1:18: unknown key "lat" in list[0]']],
    ['list: {}', ['f:1:7: list: must be a list, not a map']],
    ['list: [x]', ['f:1:8: list[0]: must be a map, not "x"']],
    ['list: [{name: x, count: 0}]', ['f:1:25: list[0].count: too small: expected number to be >=1']],
    ['either: {name: x, foo: 1}', ['f:1:19: unknown key "foo" in either']],
    ['either: 5', ['f:1:9: either: must be a map or a list, not 5']],
    ['either: [[]]', ['f:1:10: either[0]: must be text, not a list']],
    ['on: 2', ['f:1:5: on: must be true or false, not 2']],
    ['kind: ohter', ['f:1:7: kind: must be one of yes, other, not "ohter"; did you mean "other"?']],
    ['wait: soon', ['f:1:7: wait: not a valid duration string: "soon"']],
    ['labels: {a: }', ['f:1:13: labels.a: must be text or a number or true or false, not empty']],
    ['[]', ['f:1:1: must be a map, not a list']],
    ['', ['f:1:1: the file is empty; it must be a map']],
  ];
  test.each(bad)('%s', (yaml, issues) => {
    expect(check(yaml)).toEqual(issues);
  });
});

describe('shownConfig', () => {
  const schema = z.strictObject({
    wait: durationSchema.default(90_000),
    token: secretSchema.optional(),
    tokens: z.array(secretSchema).default([]),
    open: z.boolean().default(true),
    off: z.boolean().default(false),
    deep: z.strictObject({ size: z.number().default(3), url: z.string().optional() }).prefault({}),
    free: z.unknown().optional(),
  });
  test('fills defaults, takes secrets out, keeps the schema’s order', () => {
    const shown = shownConfig({ free: { u: 'http://a:b@c/d:e@f' }, token: 'x', tokens: ['y', ''] }, schema);
    expect(printYaml(shown)).toBe(
      'wait: 1m30s\ntoken: <secret>\ntokens:\n- <secret>\n- ""\nopen: true\ndeep:\n  size: 3\nfree:\n  u: http://a:xxxxx@c/d:e@f\n',
    );
  });
  test('text that YAML 1.1 would take for something else is quoted', () => {
    expect(printYaml({ a: 'yes', b: '1', c: 'on', d: 'x' })).toBe('a: "yes"\nb: "1"\nc: "on"\nd: x\n');
  });
});

describe('nearest', () => {
  const rows: [word: string, found: string | undefined][] = [
    ['scrape_intervall', 'scrape_interval'],
    ['srcape_interval', 'scrape_interval'],
    ['interval', 'scrape_interval'],
    ['xyz', undefined],
    ['a', undefined],
    ['URL', 'url'],
  ];
  test.each(rows)('%s', (word, found) => {
    expect(nearest(word, ['scrape_interval', 'url', 'b'])).toBe(found);
    expect(didYouMean(word, ['scrape_interval', 'url', 'b'])).toBe(
      found === undefined ? '' : `; did you mean "${found}"?`,
    );
  });
  test('distance is a metric-like count', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
