import fc from 'fast-check';

/** A relabel rule as files have it. */
export type RuleFields = Readonly<Record<string, unknown>>;

const VALUES = ['a', 'b', 'ab', 'A-b', '1', 'x.y', 'Ünï', 'a:1', 'aab', 'path/x'];
const NAMES = ['a', 'b', 'c', 'env', 'job', 'instance', '__tmp', '__meta_x', '__meta_y_z', '__param_q'];
const TARGETS = ['a', 'b', 'env', 'new_1', 'instance', '__tmp', '__metrics_path__', '__param_q', 'job'];
const VALUE_REGEXES = [
  '(.*)',
  '(.+)',
  'a.*',
  '(a)(.*)',
  '([a-z]+)[-.](.*)',
  '',
  '.*(b).*',
  '(?P<n>a+)(.*)',
  '(?i)(A).*',
  '(?:a|b);?(.*)',
  '[^a]*',
  '(.)(.)?',
];
const NAME_REGEXES = [
  '__meta_(.*)',
  '(a|b)',
  'e(.*)',
  '__meta_(.)_(.)',
  'nothing',
  '(instance|env)',
  'a|b|c',
];
const REPLACEMENTS = [
  '$1',
  '$2-$1',
  '${n}',
  'literal',
  '',
  '$$1',
  'a${1}b',
  '$3',
  '$1$1',
  '$10',
  '${1',
  '$n',
];

const source = fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 3 });
const valueRegex = fc.constantFrom(...VALUE_REGEXES);
const nameRegex = fc.constantFrom(...NAME_REGEXES);
const target = fc.constantFrom(...TARGETS);

function rule(
  action: string,
  fields: Record<string, fc.Arbitrary<unknown>>,
  required: string[],
): fc.Arbitrary<RuleFields> {
  return fc
    .record({ ...fields }, { requiredKeys: required, noNullPrototype: true })
    .map((some) => ({ ...some, action }));
}

const RULES: readonly fc.Arbitrary<RuleFields>[] = [
  rule(
    'replace',
    {
      source_labels: source,
      separator: fc.constantFrom('', ';', '-', 'ü'),
      regex: valueRegex,
      target_label: fc.oneof(
        { weight: 4, arbitrary: target },
        fc.constantFrom('x_$1', '${1}_y', '$1', 'z$2'),
      ),
      replacement: fc.constantFrom(...REPLACEMENTS),
    },
    ['target_label'],
  ),
  rule('keep', { source_labels: source, regex: fc.constantFrom('(.*)', 'a.*', '.+', '[^1]*') }, [
    'source_labels',
    'regex',
  ]),
  rule('drop', { source_labels: source, regex: fc.constantFrom('aab', '1;.*', 'x.y', '.*:1') }, [
    'source_labels',
    'regex',
  ]),
  rule('keepequal', { source_labels: fc.constant(['a']), target_label: fc.constantFrom('a', 'b') }, [
    'source_labels',
    'target_label',
  ]),
  rule('dropequal', { source_labels: source, target_label: target }, ['source_labels', 'target_label']),
  rule(
    'hashmod',
    { source_labels: source, target_label: target, modulus: fc.integer({ min: 1, max: 1000 }) },
    ['target_label', 'modulus'],
  ),
  rule('labelmap', { regex: nameRegex, replacement: fc.constantFrom('$1', 'm_$1', 'literal', 'm_${1}_$2') }, [
    'regex',
  ]),
  rule('labeldrop', { regex: nameRegex }, ['regex']),
  rule('labelkeep', { regex: nameRegex.map((regex) => `__address__|__s.*|__m.*|job|${regex}`) }, ['regex']),
  rule('lowercase', { source_labels: source, target_label: target }, ['source_labels', 'target_label']),
  rule('uppercase', { source_labels: source, target_label: target }, ['source_labels', 'target_label']),
];

/** Lists of relabel rules that Prometheus 2.42 takes too. */
export const relabelRules: fc.Arbitrary<RuleFields[]> = fc.array(fc.oneof(...RULES), {
  minLength: 1,
  maxLength: 5,
});

/** Labels of a target. */
export const targetLabels: fc.Arbitrary<Record<string, string>> = fc.dictionary(
  fc.constantFrom(...NAMES.filter((name) => name !== 'job')),
  fc.constantFrom(...VALUES),
  { maxKeys: 6, noNullPrototype: true },
);
