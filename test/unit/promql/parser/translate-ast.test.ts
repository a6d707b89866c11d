import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExpr, translateAst } from '../../../../src/promql/parser/index.ts';
import { exprArbitrary } from '../../../support/promql-arbitrary.ts';
import { EVERYTHING } from './shape.ts';

const PLAIN = { offset: 0, offsetExpr: null, timestamp: null, startOrEnd: null };
const NOT_EXTENDED = { anchored: false, smoothed: false };
const named = (value: string) => ({ name: '__name__', value, type: '=' });
const selector = (name: string) => ({
  type: 'vectorSelector',
  name,
  matchers: [named(name)],
  ...PLAIN,
  ...NOT_EXTENDED,
});
const duration = (val: string) => ({ type: 'numberLiteral', val, duration: true });

/** What Prometheus 3.14 answers to parse_query. */
const TREES: readonly (readonly [text: string, tree: unknown])[] = [
  ['1e3', { type: 'numberLiteral', val: '1000' }],
  ['-Inf', { type: 'numberLiteral', val: '-Inf' }],
  ['"a\\"b"', { type: 'stringLiteral', val: 'a"b' }],
  ['-(a)', { type: 'unaryExpr', op: '-', expr: { type: 'parenExpr', expr: selector('a') } }],
  [
    'a{b!~"c"} @ 1.5 offset -5m',
    {
      ...selector('a'),
      matchers: [{ name: 'b', value: 'c', type: '!~' }, named('a')],
      offset: -300_000,
      timestamp: 1500,
    },
  ],
  [
    'a[5m] anchored @ end()',
    {
      ...selector('a'),
      type: 'matrixSelector',
      range: 300_000,
      rangeExpr: null,
      startOrEnd: 'end',
      anchored: true,
    },
  ],
  [
    'a[1h:min_of(step(), 5m)] offset +step()',
    {
      type: 'subquery',
      expr: selector('a'),
      range: 3_600_000,
      rangeExpr: null,
      step: 0,
      stepExpr: {
        type: 'durationExpr',
        op: 'min_of',
        lhs: { type: 'durationExpr', op: 'step', lhs: null, rhs: null, wrapped: false },
        rhs: duration('300'),
        wrapped: false,
      },
      ...PLAIN,
      offsetExpr: {
        type: 'durationExpr',
        op: '+',
        lhs: null,
        rhs: { type: 'durationExpr', op: 'step', lhs: null, rhs: null, wrapped: false },
        wrapped: false,
      },
    },
  ],
  [
    'a > bool on (x) group_left (y) fill_left (0) b',
    {
      type: 'binaryExpr',
      op: '>',
      lhs: selector('a'),
      rhs: selector('b'),
      bool: true,
      matching: {
        card: 'many-to-one',
        labels: ['x'],
        on: true,
        include: ['y'],
        fillValues: { lhs: 0, rhs: null },
      },
    },
  ],
  [
    '1 + 2',
    {
      type: 'binaryExpr',
      op: '+',
      lhs: { type: 'numberLiteral', val: '1' },
      rhs: { type: 'numberLiteral', val: '2' },
      bool: false,
      matching: null,
    },
  ],
  [
    'topk without (x) (2, a)',
    {
      type: 'aggregation',
      op: 'topk',
      expr: selector('a'),
      param: { type: 'numberLiteral', val: '2' },
      grouping: ['x'],
      without: true,
    },
  ],
  [
    'round(a)',
    {
      type: 'call',
      func: { name: 'round', argTypes: ['vector', 'scalar'], variadic: 1, returnType: 'vector' },
      args: [selector('a')],
    },
  ],
];

describe('parse_query', () => {
  test.each(TREES)('%s', (text, tree) => {
    expect(translateAst(parseExpr(text, { features: EVERYTHING }))).toEqual(tree);
  });

  test('a fill value that JSON has no number for is a text', () => {
    const tree = translateAst(parseExpr('a + fill (-Inf) b', { features: EVERYTHING }));
    expect(tree).toMatchObject({ matching: { fillValues: { lhs: '-Inf', rhs: '-Inf' } } });
  });

  test('every tree goes through JSON unchanged', () => {
    fc.assert(
      fc.property(exprArbitrary({ everything: true, durationExpressions: true }), (expr) => {
        const tree = translateAst(expr);
        expect(JSON.parse(JSON.stringify(tree))).toEqual(tree);
      }),
      { numRuns: 300 },
    );
  });
});
