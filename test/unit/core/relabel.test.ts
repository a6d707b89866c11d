import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { toLowerCase, toUpperCase } from '../../../src/core/go-case.ts';
import { LabelsBuilder } from '../../../src/core/labels-builder.ts';
import { Labels } from '../../../src/core/labels.ts';
import { makeRelabelConfig, relabel, relabelConfigsSchema } from '../../../src/core/relabel.ts';
import { formatIssue, parseYaml } from '../../../src/core/yaml.ts';
import { validateYaml } from '../../../src/core/validate-yaml.ts';

type Rule = Parameters<typeof makeRelabelConfig>[0];
type Row = [
  name: string,
  rules: Rule[],
  input: Record<string, string>,
  output: Record<string, string> | undefined,
];

const abc = { a: 'foo', b: 'bar', c: 'baz' };
const rows: Row[] = [
  ['no rules', [], abc, abc],
  [
    'replace with capture',
    [{ source_labels: ['a'], regex: 'f(.*)', target_label: 'd', replacement: 'ch${1}-ch${1}' }],
    abc,
    { ...abc, d: 'choo-choo' },
  ],
  [
    'replace, default replacement',
    [{ source_labels: ['a', 'b'], target_label: 'd' }],
    abc,
    { ...abc, d: 'foo;bar' },
  ],
  [
    'replace that does not match',
    [{ source_labels: ['a'], regex: 'x', target_label: 'd', replacement: 'y' }],
    abc,
    abc,
  ],
  [
    'regex is anchored',
    [{ source_labels: ['a'], regex: 'o', target_label: 'd', replacement: 'y' }],
    abc,
    abc,
  ],
  [
    'dot matches newline',
    [{ source_labels: ['a'], regex: 'x.y', action: 'keep' }],
    { a: 'x\ny' },
    { a: 'x\ny' },
  ],
  [
    'empty replacement deletes',
    [{ source_labels: ['a'], target_label: 'b', replacement: '' }],
    abc,
    { a: 'foo', c: 'baz' },
  ],
  [
    'empty capture deletes',
    [{ source_labels: ['a'], regex: '(x)?foo', target_label: 'b' }],
    abc,
    { a: 'foo', c: 'baz' },
  ],
  ['a rule without source sets', [{ target_label: 'd', replacement: 'x' }], abc, { ...abc, d: 'x' }],
  [
    'rules see earlier ones',
    [
      { target_label: 'd', replacement: 'x' },
      { source_labels: ['d'], target_label: 'e' },
    ],
    { a: '1' },
    { a: '1', d: 'x', e: 'x' },
  ],
  [
    'target from capture',
    [{ source_labels: ['a'], regex: '(f)(oo)', target_label: '${1}_x', replacement: '$2' }],
    abc,
    { ...abc, f_x: 'oo' },
  ],
  [
    'expanded target that is empty is no-op',
    [{ source_labels: ['a'], regex: 'foo(z)?', target_label: '$1', replacement: 'x' }],
    abc,
    abc,
  ],
  ['drop', [{ source_labels: ['a'], regex: '.*o.*', action: 'drop' }], abc, undefined],
  ['drop that does not match', [{ source_labels: ['a'], regex: 'x', action: 'drop' }], abc, abc],
  ['keep', [{ source_labels: ['a'], regex: 'f|foo', action: 'keep' }], abc, abc],
  ['keep that does not match', [{ source_labels: ['x'], regex: '.+', action: 'keep' }], abc, undefined],
  [
    'drop ends the list',
    [
      { source_labels: ['a'], regex: 'foo', action: 'drop' },
      { target_label: 'd', replacement: 'x' },
    ],
    abc,
    undefined,
  ],
  [
    'keepequal',
    [{ source_labels: ['a'], target_label: 'b', action: 'keepequal' }],
    { a: 'x', b: 'x' },
    { a: 'x', b: 'x' },
  ],
  ['keepequal differs', [{ source_labels: ['a'], target_label: 'b', action: 'keepequal' }], abc, undefined],
  [
    'dropequal',
    [{ source_labels: ['a'], target_label: 'b', action: 'dropequal' }],
    { a: 'x', b: 'x' },
    undefined,
  ],
  ['dropequal differs', [{ source_labels: ['a'], target_label: 'b', action: 'DropEqual' }], abc, abc],
  [
    'absent equals absent',
    [{ source_labels: ['x'], target_label: 'y', action: 'dropequal' }],
    abc,
    undefined,
  ],
  [
    'hashmod',
    [{ source_labels: ['c'], target_label: 'd', modulus: 1000, action: 'hashmod' }],
    { c: 'baz' },
    { c: 'baz', d: '976' },
  ],
  [
    'hashmod of newline',
    [{ source_labels: ['a'], target_label: 'd', modulus: 1000, action: 'hashmod' }],
    { a: 'foo\nbar' },
    { a: 'foo\nbar', d: '734' },
  ],
  [
    'labelmap',
    [{ regex: 'b(.+)', replacement: 'bar_${1}', action: 'labelmap' }],
    { a: '1', b1: '2', b2: '3' },
    { a: '1', b1: '2', b2: '3', bar_1: '2', bar_2: '3' },
  ],
  [
    'labelmap, default replacement',
    [{ regex: '__meta_(.+)', action: 'labelmap' }],
    { __meta_x: '1' },
    { __meta_x: '1', x: '1' },
  ],
  ['labeldrop', [{ regex: '(b.*)', action: 'labeldrop' }], { a: '1', b1: '2', b2: '3' }, { a: '1' }],
  [
    'labelkeep',
    [{ regex: '(b.*)', action: 'labelkeep' }],
    { a: '1', b1: '2', b2: '3' },
    { b1: '2', b2: '3' },
  ],
  [
    'lowercase',
    [{ source_labels: ['a'], target_label: 'a', action: 'lowercase' }],
    { a: 'BaR123' },
    { a: 'bar123' },
  ],
  [
    'uppercase',
    [{ source_labels: ['a', 'b'], separator: '-', target_label: 'c', action: 'uppercase' }],
    { a: 'x', b: 'ß' },
    { a: 'x', b: 'ß', c: 'X-ß' },
  ],
  [
    'dollar',
    [{ source_labels: ['a'], target_label: 'd', replacement: '$$1' }],
    { a: 'x' },
    { a: 'x', d: '$1' },
  ],
  ['utf-8 target', [{ source_labels: ['a'], target_label: 'é.x' }], { a: 'x' }, { a: 'x', 'é.x': 'x' }],
];

describe('relabel', () => {
  test.each(rows)('%s', (_, rules, input, output) => {
    const result = relabel(Labels.fromObject(input), rules.map(makeRelabelConfig));
    expect(result?.toObject()).toEqual(output);
    if (result !== undefined) expect(result.flat).toEqual(Labels.fromObject(result.toObject()).flat);
  });

  test('hashmod takes the last eight bytes of the MD5, big-endian', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.bigInt(1n, 2n ** 64n - 1n),
        (text, modulus) => {
          const rule = makeRelabelConfig({
            source_labels: ['a'],
            target_label: 'd',
            modulus: String(modulus),
            action: 'hashmod',
          });
          const expected = createHash('md5').update(text).digest().readBigUInt64BE(8) % modulus;
          expect(relabel(Labels.fromObject({ a: text }), [rule])!.get('d')).toBe(String(expected));
        },
      ),
      { numRuns: 50 },
    );
  });

  test('unchanged labels are the same object', () => {
    const labels = Labels.fromObject(abc);
    expect(relabel(labels, [makeRelabelConfig({ source_labels: ['a'], target_label: 'a' })])).toBe(labels);
  });
});

describe('relabel config', () => {
  const bad: [yaml: string, message: string][] = [
    [
      '- action: hashmod\n  target_label: x',
      '1:3: [0].modulus: relabel configuration for hashmod requires non-zero modulus',
    ],
    [
      '- source_labels: [a]',
      "1:3: [0].target_label: relabel configuration for replace action requires 'target_label' value",
    ],
    [
      '- {action: lowercase, target_label: x, replacement: y}',
      "1:53: [0].replacement: 'replacement' can not be set for lowercase action",
    ],
    [
      '- {action: keepequal, target_label: x, regex: y}',
      "1:12: [0].action: keepequal action requires only 'source_labels' and 'target_label', and no other fields",
    ],
    [
      '- {action: labeldrop, regex: y, source_labels: [a]}',
      "1:12: [0].action: labeldrop action requires only 'regex', and no other fields",
    ],
    [
      '- {action: repalce, target_label: x}',
      '1:12: [0].action: must be one of replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase, uppercase, not "repalce"; did you mean "replace"?',
    ],
    ['- {action: keep, regex: "[a"}', '1:25: [0].regex: error parsing regexp: missing closing ]: `[a`'],
    ['- {action: keep, regexp: "a"}', '1:18: unknown key "regexp" in [0]; did you mean "regex"?'],
    [
      '- {action: hashmod, target_label: x, modulus: 1.5}',
      '1:47: [0].modulus: must be a whole number from 0 on, not "1.5"',
    ],
  ];
  test.each(bad)('%s', (yaml, message) => {
    const result = validateYaml(parseYaml(yaml, 'f'), relabelConfigsSchema);
    expect(result.ok ? [] : result.issues.map(formatIssue)).toEqual([`f:${message}`]);
  });

  test('YAML text where text is meant', () => {
    const result = validateYaml(
      parseYaml('- {target_label: on, replacement: 007}\n- {action: KEEP, regex: 5..}', 'f'),
      relabelConfigsSchema,
    );
    expect(result.ok && relabel(Labels.EMPTY, result.value.slice(0, 1))?.toObject()).toEqual({ on: '007' });
  });
});

describe('LabelsBuilder', () => {
  const names = fc.constantFrom('a', 'b', 'c', 'd', '😀', '\uffff');
  const values = fc.constantFrom('', 'x', 'y');
  test('is a map that is sorted at the end', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(names, values)), fc.array(fc.tuple(names, values)), (base, changes) => {
        const labels = Labels.fromEntries(base);
        const builder = new LabelsBuilder(labels);
        for (const [name, value] of changes) builder.set(name, value);
        const expected = labels.merge(changes);
        expect(builder.labels().flat).toEqual(expected.flat);
        for (const name of ['a', 'b', '😀']) expect(builder.get(name)).toBe(expected.get(name));
      }),
    );
  });
});

test('case mapping is Go’s', () => {
  expect(toUpperCase('straße ŉ ᾳ ᾀ')).toBe('STRAßE ŉ ᾼ ᾈ');
  expect(toLowerCase('ΑΣ İ ÀÉ')).toBe('ας İ ÀÉ'.replace('ς', 'σ').replace('İ', 'i').replace('ÀÉ', 'àé'));
});
