import { describe, expect, test } from 'vitest';
import { parseBucketBound } from '../../../src/promql/functions/bucket-bound.ts';
import { engineOver, linesOf } from '../../support/promql-query.ts';

const DATA = `
load 1m
  h{a="1", le="1"} 1 1 1
  h{a="1", le="+Inf"} 2 2 2
  h{a="1"} _ {{schema:0 count:4 sum:5 buckets:[1 2 1]}} _
  mixed{a="2"} 7 {{schema:0 count:4 sum:4 buckets:[4]}} 9
  phi 0.5 0.5 1
`;

describe('histograms', () => {
  test('where a histogram is classic and native at once there is no result but a note', async () => {
    const engine = await engineOver(DATA, { lookbackMs: 1000 });
    const result = await engine.range('histogram_quantile(0.5, h)', 0, 120_000, 60_000);
    expect(linesOf(result)).toEqual(['{a="1"} 1@0 1@120']);
    expect(result.warnings).toEqual([
      'PromQL warning: vector contains a mix of classic and native histograms (1:25)',
    ]);
    const named = await engineOver(DATA, { lookbackMs: 1000, delayedNameRemoval: true });
    const { warnings } = await named.instant('histogram_fraction(0, 1, h)', 60_000);
    expect(warnings).toEqual([
      'PromQL warning: vector contains a mix of classic and native histograms for metric name "h" (1:26)',
    ]);
  });

  test('floats of a series that has histograms too are buckets without bound', async () => {
    const engine = await engineOver(DATA, { lookbackMs: 1000 });
    const result = await engine.range('histogram_quantile(1, mixed)', 0, 120_000, 60_000);
    expect(linesOf(result)).toEqual(['{a="2"} 1@60']);
    expect(result.warnings).toEqual([
      'PromQL warning: bucket label "le" is missing or has a malformed value of "" (1:23)',
    ]);
  });

  test('several quantiles are told apart by a label, which follows φ from step to step', async () => {
    const engine = await engineOver(DATA, { lookbackMs: 1000 });
    const result = await engine.range(
      'histogram_quantiles(mixed, "q", scalar(phi), 0, 1.5)',
      60_000,
      60_000,
      60_000,
    );
    expect(linesOf(result)).toEqual([
      '{a="2", q="0.0"} 0.5@60',
      '{a="2", q="0.5"} 0.7071067811865475@60',
      '{a="2", q="1.5"} Infinity@60',
    ]);
    expect(result.warnings).toContain(
      'PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:49)',
    );
    const classic = await engine.range('histogram_quantiles(h, "q", scalar(phi))', 0, 120_000, 120_000);
    expect(linesOf(classic)).toEqual(['{a="1", q="0.5"} 1@0', '{a="1", q="1.0"} 1@120']);
  });

  test('the label for φ may be the name, which is then kept unless names go at the end', async () => {
    const expr = 'histogram_quantiles(mixed, "__name__", 0)';
    const eager = await engineOver(DATA, { lookbackMs: 1000 });
    expect(linesOf(await eager.instant(expr, 60_000))).toEqual(['{__name__="0.0", a="2"} 0.5']);
    const delayed = await engineOver(DATA, { lookbackMs: 1000, delayedNameRemoval: true });
    expect(linesOf(await delayed.instant(expr, 60_000))).toEqual(['{a="2"} 0.5']);
  });

  test('a φ given twice makes equal series', async () => {
    const engine = await engineOver(DATA, { lookbackMs: 1000 });
    for (const expr of ['histogram_quantiles(h, "q", 0.5, 0.5)', 'histogram_quantiles(mixed, "q", 1, 1)']) {
      await expect(engine.instant(expr, 60_000 * Number(expr.includes('mixed')))).rejects.toThrow(
        'vector cannot contain metrics with the same labelset',
      );
    }
  });

  test.each([
    ['0.5', 0.5],
    ['+Inf', Infinity],
    ['1_0.5_0e0_1', 105],
    ['0x_1p+3', 8],
    ['-0x1.8p3', -12],
    ['0x.8p1_0', 512],
    ['1__0', undefined],
    ['_1', undefined],
    ['1_.5', undefined],
    ['0x_.8p1', undefined],
    ['0x1', undefined],
    ['1e400', undefined],
    ['0x1p2000', undefined],
    ['', undefined],
  ])('the bound %s is read as Go reads floats', (text, bound) => {
    expect(parseBucketBound(text)).toBe(bound);
  });
});
