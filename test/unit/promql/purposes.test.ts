import { describe, expect, test } from 'vitest';
import { parseExpr } from '../../../src/promql/index.ts';
import { planQuery } from '../../../src/promql/planner.ts';

const TIMES = { startMs: 0, endMs: 600_000, stepMs: 60_000, lookbackMs: 300_000, subqueryStepMs: 60_000 };

/** Function, grouping and range that selections are told. */
function purposes(text: string): string[] {
  return planQuery(parseExpr(text), TIMES).selections.map(({ purpose }) => {
    if (purpose === undefined) return 'none';
    const { func, grouping, by, rangeMs } = purpose;
    return `${func} ${by ? 'by' : 'without'}(${grouping.join(',')}) ${rangeMs / 1000}`;
  });
}

describe('what a selection is for', () => {
  test.each([
    ['a', [' without() 0']],
    ['rate(a[5m])', ['rate without() 300']],
    ['sum by (x, y) (a)', ['sum by(x,y) 0']],
    ['sum without (x) (a)', ['sum without(x) 0']],
    // Only the aggregation right around it: what is grouped is rates.
    ['sum by (x) (rate(a[5m]))', ['rate without() 300']],
    ['sum by (x) ((a))', ['sum without() 0']],
    ['-(a)', [' without() 0']],
    ['sum(a + b)', [' without() 0', ' without() 0']],
    ['max_over_time(rate(a[1m])[10m:])', ['rate without() 60']],
    // Read once for two: neither is what it is for.
    ['rate(a[5m]) / sum(a)', ['none']],
    ['sum(a) / sum(a)', ['sum by() 0']],
    ['rate(a[5m]) / sum(a offset 1h)', ['sum by() 0', 'rate without() 300']],
  ])('in %s', (text, expected) => {
    expect(purposes(text)).toEqual(expected);
  });
});
