import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exponentialBound } from '../../../../src/core/histogram/bounds.ts';
import { BucketWalk, allBuckets, bucketBound } from '../../../../src/core/histogram/buckets.ts';
import { compactHistogram } from '../../../../src/core/histogram/compact.ts';
import { equalHistograms } from '../../../../src/core/histogram/equality.ts';
import type { FloatHistogram } from '../../../../src/core/histogram/float-histogram.ts';
import { histogramText, testText } from '../../../../src/core/histogram/text.ts';
import { validateHistogram } from '../../../../src/core/histogram/validate.ts';
import { any, exponential, histogram } from './notation.ts';

describe('bounds of buckets', () => {
  test.each([
    [0, 0, 1],
    [3, 0, 8],
    [-2, 0, 0.25],
    [1, 1, 1.414213562373095],
    [1, 8, 1.0027112750502025],
    [255, 8, 1.9945921121709396],
    [-1, 2, 0.8408964152537144],
    [3, -1, 64],
    [-1, -4, 2 ** -16],
    [1024, 0, Number.MAX_VALUE],
    [1025, 0, Infinity],
    [64, -4, Number.MAX_VALUE],
    [65, -4, Infinity],
    [262144, 8, Number.MAX_VALUE],
    [262145, 8, Infinity],
    [-1074, 0, 5e-324],
    [-1076, 0, 0],
    [-1022, 0, 2.2250738585072014e-308],
  ])('bucket %i of schema %i ends at %s', (index, schema, bound) => {
    expect(exponentialBound(index, schema)).toBe(bound);
  });

  test('rise, and are in every higher schema', () => {
    fc.assert(
      fc.property(fc.integer({ min: -4, max: 7 }), fc.integer({ min: -60, max: 60 }), (schema, index) => {
        expect(exponentialBound(index, schema)).toBeGreaterThan(exponentialBound(index - 1, schema));
        expect(exponentialBound(2 * index, schema + 1)).toBe(exponentialBound(index, schema));
      }),
    );
  });

  test('of custom buckets are given, with infinities around', () => {
    const bounds = Float64Array.of(1, 5);
    expect([-1, 0, 1, 2].map((index) => bucketBound(index, -53, bounds))).toEqual([
      -Infinity,
      1,
      5,
      Infinity,
    ]);
  });
});

describe('walking over buckets', () => {
  const h = histogram('z_bucket:3 z_bucket_w:0.75 buckets:[1 0 2] n_buckets:[4 5] n_offset:1');

  test('goes from the lowest to the highest, cut off at the zero bucket', () => {
    expect(allBuckets(h).map(({ lower, upper, count }) => [lower, upper, count])).toEqual([
      [-4, -2, 5],
      [-2, -1, 4],
      [-0.75, 0.75, 3],
      [0.75, 1, 1],
      [1, 2, 0],
      [2, 4, 2],
    ]);
  });

  test('includes bounds away from zero, and those of custom buckets above', () => {
    const shown = (one: FloatHistogram): string[] =>
      allBuckets(one).map(
        (bucket) => `${bucket.lowerInclusive ? '[' : '('}${bucket.upperInclusive ? ']' : ')'}`,
      );
    expect(shown(h)).toEqual(['[)', '[)', '[]', '(]', '(]', '(]']);
    expect(shown(histogram('schema:-53 custom_values:[1 2] buckets:[1 1 1]'))).toEqual(['[]', '(]', '(]']);
  });

  test('goes the same way back', () => {
    fc.assert(
      fc.property(any, (one) => {
        const back: [number, number, number][] = [];
        const walk = new BucketWalk(one, 'falling');
        while (walk.next()) back.unshift([walk.lower, walk.upper, walk.count]);
        expect(walk.next()).toBe(false);
        expect(allBuckets(one).map(({ lower, upper, count }) => [lower, upper, count])).toEqual(back);
      }),
    );
  });
});

describe('texts', () => {
  test.each([
    ['', '{count:0, sum:0}'],
    [
      'count:9 sum:-1.5 z_bucket:2 z_bucket_w:0.001 buckets:[1 0 2] n_buckets:[0 4] schema:1',
      '{count:9, sum:-1.5, [-1.414213562373095,-1):4, [-0.001,0.001]:2, (0.7071067811865475,1]:1, (1.414213562373095,2]:2}',
    ],
    ['count:2e6 sum:NaN buckets:[0.5] offset:20', '{count:2e+06, sum:NaN, (524288,1.048576e+06]:0.5}'],
    [
      'schema:-53 custom_values:[-1 5] buckets:[1 2 3] count:6',
      '{count:6, sum:0, [-Inf,-1]:1, (-1,5]:2, (5,+Inf]:3}',
    ],
  ])('%s is %s', (text, expected) => {
    expect(histogramText(histogram(text))).toBe(expected);
  });

  test.each([
    ['', ''],
    ['buckets:[0 0 1 0 2 0]', 'offset:2 buckets:[1 0 2]'],
    ['n_buckets:[1 2] n_offset:-3 schema:-2 sum:-1e-7', 'schema:-2 sum:-1e-07 n_offset:-3 n_buckets:[1 2]'],
    ['custom_values:[1 2.5] schema:-53', 'schema:-53 custom_values:[1 2.5]'],
    ['counter_reset_hint:not_reset z_bucket:1 count:1', 'count:1 z_bucket:1 counter_reset_hint:not_reset'],
    ['counter_reset_hint:unknown z_bucket_w:0.5', 'z_bucket_w:0.5'],
  ])('%s in tests is %s', (text, expected) => {
    expect(testText(histogram(text))).toBe(`{{${expected}}}`);
  });

  test('of tests can be read back', () => {
    fc.assert(
      fc.property(any, (h) => {
        const again = histogram(testText(h).slice(2, -2));
        expect(equalHistograms(again, compactHistogram(h, Infinity))).toBe(true);
        expect(again.counterResetHint).toBe(h.counterResetHint);
      }),
    );
  });

  test('of tests falls back on bounds where writing out every empty bucket would be endless', () => {
    const far = histogram('count:2').with({
      positiveSpans: Int32Array.of(-1e9, 1, 1.5e9, 1),
      positiveBuckets: Float64Array.of(1, 1),
    });
    expect(testText(far)).toBe('{count:2, sum:0, (0,0):1, (+Inf,+Inf]:1}');
  });
});

describe('equality', () => {
  test.each([
    ['count:1', 'count:1 counter_reset_hint:gauge', true],
    ['sum:NaN', 'sum:NaN', true],
    ['sum:0', 'sum:-0', false],
    ['schema:1', 'schema:0', false],
    ['z_bucket:1', 'z_bucket:2', false],
    ['z_bucket_w:1', 'z_bucket_w:2', false],
    ['buckets:[1]', 'buckets:[1 0]', false],
    ['buckets:[1]', 'buckets:[1] offset:1', false],
    ['buckets:[1]', 'n_buckets:[1]', false],
    ['buckets:[1 2]', 'buckets:[1 3]', false],
    ['schema:-53 custom_values:[1]', 'schema:-53 custom_values:[1]', true],
    ['schema:-53 custom_values:[1]', 'schema:-53 custom_values:[2]', false],
  ])('%s and %s', (a, b, expected) => {
    expect(equalHistograms(histogram(a), histogram(b))).toBe(expected);
  });

  test.each([
    [[0, 2], [0, 2], true],
    [[0, 1, 0, 1], [0, 2], false],
    [[0, 0, 1, 2], [1, 2], true],
    [[1, 2, 5, 0], [1, 2], true],
    [[1, 1, 1, 0, 1, 1], [1, 1, 2, 1], true],
  ])('of spans %j and %j', (a, b, expected) => {
    const spans = (numbers: number[]): FloatHistogram =>
      histogram('').with({ positiveSpans: Int32Array.from(numbers), positiveBuckets: Float64Array.of(1, 2) });
    expect(equalHistograms(spans(a), spans(b))).toBe(expected);
  });
});

describe('validation', () => {
  const valid = histogram('count:3 buckets:[1 2]');
  const ofCustom = histogram('schema:-53 custom_values:[1 2] buckets:[1]');
  const BOUNDS = 'histogram custom bounds must be';

  test.each([
    [valid, undefined],
    [ofCustom, undefined],
    [valid.with({ schema: 9 }), /invalid schema, which must be between -4 and 8 .* or -53 .* got schema 9/],
    [valid.with({ count: -1 }), "observation count is  -1: histogram's observation count is negative"],
    [
      valid.with({ positiveSpans: Int32Array.of(0, 1, -1, 1) }),
      'positive side: span number 2 with offset -1: histogram has a span whose offset is negative',
    ],
    [
      valid.with({ positiveSpans: Int32Array.of(0, 3) }),
      /^positive side: spans need 3 buckets, have 2 buckets: /,
    ],
    [
      valid.with({ positiveBuckets: Float64Array.of(1, -2) }),
      /^positive side: bucket number 2 has observation count of -2/,
    ],
    [histogram('n_buckets:[-1]'), /^negative side: bucket number 1 has observation count of -1: /],
    [histogram('z_bucket:-0.5'), /^zero bucket has observation count of -0.5: /],
    [
      valid.with({ customValues: Float64Array.of(1) }),
      'histogram with exponential schema must not have custom bounds',
    ],
    [
      ofCustom.with({ customValues: Float64Array.of(1, NaN) }),
      `custom buckets: ${BOUNDS.replace('be', 'not be')} NaN`,
    ],
    [
      ofCustom.with({ customValues: Float64Array.of(2, 1) }),
      `custom buckets: previous bound is 2.000000 and current is 1.000000: ${BOUNDS} in strictly increasing order`,
    ],
    [
      ofCustom.with({ customValues: Float64Array.of(1, Infinity) }),
      /^custom buckets: last \+Inf bound must not be/,
    ],
    [
      ofCustom.with({ positiveSpans: Int32Array.of(-1, 1) }),
      /^custom buckets: span number 1 with offset -1: /,
    ],
    [
      ofCustom.with({ positiveSpans: Int32Array.of(3, 1) }),
      /^custom buckets: only 2 custom bounds defined .* length of 4: /,
    ],
    [ofCustom.with({ zeroCount: 1 }), 'custom buckets: must have zero count of 0'],
    [ofCustom.with({ zeroThreshold: 1 }), 'custom buckets: must have zero threshold of 0'],
    [ofCustom.with({ negativeSpans: Int32Array.of(0, 1) }), 'custom buckets: must not have negative spans'],
    [
      ofCustom.with({ negativeBuckets: Float64Array.of(1) }),
      'custom buckets: must not have negative buckets',
    ],
  ])('of %o', (h, expected) => {
    if (expected instanceof RegExp) expect(validateHistogram(h)).toMatch(expected);
    else expect(validateHistogram(h)).toBe(expected);
  });

  test('has nothing against what is generated', () => {
    fc.assert(fc.property(exponential, (h) => validateHistogram(h) === undefined));
  });
});
