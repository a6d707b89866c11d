import { describe, expect, test } from 'vitest';
import { engineOver, linesOf, messageOf } from '../../support/promql-query.ts';

/** Prometheus 3.14 gave these answers, with the feature promql-delayed-name-removal and without it. */
const DATA = `
load 1m
  f1{a="1"} 1 2 3
  f1{a="2"} 5 6 7
  f2{a="1"} 10 20 30
  h1{a="1"} {{schema:0 count:4 sum:5 buckets:[1 2 1]}}x2
  mix{a="1"} 1 {{schema:0 count:4 sum:5 buckets:[1 2 1]}} 2
  t1{a="1", __type__="counter"} 1 2 3
  th{a="1", __type__="histogram"} {{schema:0 count:4 sum:5 buckets:[1 2 1]}}x2
`;

const SAME = 'vector cannot contain metrics with the same labelset';

interface Row {
  readonly expr: string;
  /** The answer at 2m, or the refusal. */
  readonly eager: readonly string[] | string;
  /** With delayed removal; as `eager` when left out. */
  readonly delayed?: readonly string[] | string;
}

const ROWS: readonly Row[] = [
  { expr: 'abs(f1)', eager: ['{a="1"} 3', '{a="2"} 7'] },
  { expr: 'abs({__name__=~"f1|f2"})', eager: SAME },
  { expr: 'abs({__name__=~"f1|f2"} * 0 + 1)', eager: SAME },
  { expr: 'abs({__name__=~"f1|h1"})', eager: ['{a="1"} 3', '{a="2"} 7'] },
  { expr: '-{__name__=~"f1|f2"}', eager: SAME },
  { expr: '+f2', eager: ['f2{a="1"} 30'] },
  { expr: 'last_over_time(f2[5m])', eager: ['f2{a="1"} 30'] },
  { expr: 'last_over_time(abs(f2)[5m:1m])', eager: ['{a="1"} 30'] },
  { expr: 'sum by (__name__) ({__name__=~"f1|f2"} + 0)', eager: SAME },
  { expr: 'sum by (__name__) (f1 + 0)', eager: ['{} 10'] },
  {
    expr: 'label_replace(sum by (__name__) (f1 + 0), "n", "$1", "__name__", "(.*)")',
    eager: ['{} 10'],
    delayed: ['{n="f1"} 10'],
  },
  {
    expr: 'label_replace(f2 + 1, "n", "$1", "__name__", "(.*)")',
    eager: ['{a="1"} 31'],
    delayed: ['{a="1", n="f2"} 31'],
  },
  {
    expr: 'label_join({__name__=~"f.*"} + 0, "n", "-", "__name__", "a")',
    eager: SAME,
    delayed: ['{a="1", n="f1-1"} 3', '{a="2", n="f1-2"} 7', '{a="1", n="f2-1"} 30'],
  },
  { expr: 'label_replace(f2 + 1, "__name__", "z", "a", ".*")', eager: ['z{a="1"} 31'] },
  { expr: 'label_replace(f2 + 1, "b", "z", "a", ".*")', eager: ['{a="1", b="z"} 31'] },
  {
    expr: 'label_replace(f1, "a", "z", "a", ".*")',
    eager: SAME,
  },
  { expr: 'timestamp(mix)', eager: ['{a="1"} 120'] },
  { expr: 'abs(t1)', eager: ['{a="1"} 3'] },
  {
    expr: 'histogram_count(th)',
    eager: ['{__type__="histogram", a="1"} 4'],
    delayed: ['{a="1"} 4'],
  },
  { expr: 'histogram_quantile(1, th)', eager: ['{a="1"} 4'] },
];

describe('metric names', () => {
  describe.each([{ delayedNameRemoval: false }, { delayedNameRemoval: true }])(
    'with $delayedNameRemoval for delayed removal',
    ({ delayedNameRemoval }) => {
      test.each(ROWS)('$expr', async ({ expr, eager, delayed = eager }) => {
        const engine = await engineOver(DATA, { delayedNameRemoval });
        const wanted = delayedNameRemoval ? delayed : eager;
        const query = engine.instant(expr, 120_000);
        if (typeof wanted === 'string') expect(await messageOf(query)).toBe(wanted);
        else expect(linesOf(await query)).toEqual(wanted);
      });
    },
  );

  test('series that become equal are one where they have no step in common', async () => {
    const script = `load 1m
      m1{a="1"} 1 _ 3
      m2{a="1"} _ 2 _`;
    for (const delayedNameRemoval of [false, true]) {
      const engine = await engineOver(script, { delayedNameRemoval, lookbackMs: 1000 });
      const result = await engine.range('-{__name__=~"m.*"}', 0, 120_000, 60_000);
      expect(linesOf(result)).toEqual(['{a="1"} -1@0 -2@60 -3@120']);
    }
  });
});
