import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Matcher } from '../../../../src/core/matcher.ts';
import { parseExpr, prettifyExpr, printExpr } from '../../../../src/promql/parser/index.ts';
import { exprArbitrary } from '../../../support/promql-arbitrary.ts';
import { EVERYTHING, shape } from './shape.ts';

const LONG = 'a_metric_whose_name_is_as_long_as_forty_bytes';

function pretty(text: string): string {
  return prettifyExpr(parseExpr(text, { features: EVERYTHING }));
}

/** What Prometheus 3.14 answers to format_query. */
const FORMATTED: readonly (readonly [name: string, text: string, ...lines: string[]])[] = [
  ['what is short', 'sum(a)by(b)+1', 'sum by (b) (a) + 1'],
  [
    'a binary operation',
    `${LONG} == bool on(a) group_left(b) (x + ${LONG} + ${LONG})`,
    `  ${LONG}`,
    '== bool on (a) group_left (b)',
    `  (x + ${LONG} + ${LONG})`,
  ],
  [
    'an aggregation with a parameter, a call and signs',
    `topk by (job) (5, -rate(${LONG}{job="a",instance=~"b.*"}[5m] offset 1h) / -(${LONG} * 2))`,
    'topk by (job) (',
    '  5,',
    `    -rate(${LONG}{instance=~"b.*",job="a"}[5m] offset 1h)`,
    '  /',
    `    -(${LONG} * 2)`,
    ')',
  ],
  [
    'a sign before something long',
    `-(${LONG} + ${LONG} + b + ccccccccc)`,
    '-(',
    `    ${LONG} + ${LONG} + b`,
    '  +',
    '    ccccccccc',
    ')',
  ],
  [
    'a subquery, which has no indent when it is short',
    `max_over_time(avg_over_time(${LONG}[5m:])[1h:1m] @ end() offset -5m) + max_over_time(a[5m:])`,
    '  max_over_time(',
    `avg_over_time(${LONG}[5m:])[1h:1m] @ end() offset -5m`,
    '  )',
    '+',
    '  max_over_time(a[5m:])',
  ],
  [
    'a long subquery',
    `max_over_time((${LONG} + ${LONG} + ${LONG})[1h:step() + 1s] offset step())`,
    'max_over_time(',
    '  (',
    `      ${LONG} + ${LONG}`,
    '    +',
    `      ${LONG}`,
    '  )[1h:step() + 1s] offset step()',
    ')',
  ],
];

describe('format_query', () => {
  test.each(FORMATTED)('%s', (_name, text, ...lines) => {
    expect(pretty(text)).toBe(lines.join('\n'));
  });

  test('counts bytes, not characters', () => {
    const at = (count: number): string => pretty(`("${'ä'.repeat(count)}")`);
    expect(at(48)).not.toContain('\n');
    expect(at(49)).toContain('\n');
  });

  test('gives a text that means the same tree, and is its own pretty form', () => {
    fc.assert(
      fc.property(exprArbitrary({ everything: true, durationExpressions: true, maxDepth: 6 }), (expr) => {
        const text = prettifyExpr(expr);
        const parsed = parseExpr(text, { features: EVERYTHING });
        expect(shape(parsed)).toEqual(shape(expr));
        expect(prettifyExpr(parsed)).toBe(text);
        expect(printExpr(parsed)).toBe(printExpr(expr));
      }),
      { numRuns: 500 },
    );
  });

  test('an answer that indents would make endless is refused', () => {
    const many = Array.from({ length: 90_000 }, () => 'a').join(',');
    const deep = `${'abs('.repeat(240)}sum by (x) (label_join(a, "b", "c", "d"))${')'.repeat(240)}`;
    expect(pretty(deep).split('\n').length).toBeGreaterThan(400);
    const wide = `label_join(a, "b", "c", ${many.replaceAll('a', '"a"')})`;
    expect(pretty(wide).length).toBeGreaterThan(90_000);
    expect(() => pretty(`${'abs('.repeat(240)}${wide}${')'.repeat(240)}`)).toThrow(
      /formatted expression is too long/,
    );
  });

  test('matchers are sorted in the text only', () => {
    const expr = parseExpr('a{c="1",b="2"}');
    expect(expr.kind === 'vectorSelector' && expr.matchers.map((found: Matcher) => found.name)).toEqual([
      'c',
      'b',
      '__name__',
    ]);
    expect(prettifyExpr(expr)).toBe('a{b="2",c="1"}');
  });
});
