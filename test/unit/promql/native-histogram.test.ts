import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allBuckets } from '../../../src/core/histogram/buckets.ts';
import { compactHistogram } from '../../../src/core/histogram/compact.ts';
import {
  nativeDeviation,
  nativeFraction,
  nativeQuantile,
  nativeVariance,
} from '../../../src/promql/functions/native-histogram.ts';
import { any, exponential, histogram } from '../core/histogram/notation.ts';

const POSITIVE = 'count:12 sum:100 z_bucket:2 z_bucket_w:0.5 buckets:[4 0 6] offset:1';
const NEGATIVE = 'count:12 sum:-100 z_bucket:2 z_bucket_w:0.5 n_buckets:[4 0 6] n_offset:1';
const BOTH = 'count:4 sum:0 z_bucket:2 z_bucket_w:0.5 buckets:[1] n_buckets:[1]';
const CUSTOM = 'schema:-53 count:10 sum:20 custom_values:[2 4] buckets:[4 4 2]';
const WITH_NANS = 'count:10 sum:NaN buckets:[4 4] offset:1';

describe('quantiles', () => {
  test.each([
    [-0.1, POSITIVE, -Infinity],
    [1.1, POSITIVE, Infinity],
    [NaN, POSITIVE, NaN],
    [0.5, '', NaN],
    [0, POSITIVE, 0],
    [1 / 12, POSITIVE, 0.25],
    [4 / 12, POSITIVE, Math.SQRT2],
    [0.75, POSITIVE, 4 * Math.SQRT2],
    [1, POSITIVE, 8],
    [1, NEGATIVE, 0],
    [11 / 12, NEGATIVE, -0.25],
    [8 / 12, NEGATIVE, -Math.SQRT2],
    [0, NEGATIVE, -8],
    [0.5, BOTH, 0],
    [0.25, BOTH, -0.5],
    [0.2, CUSTOM, 1],
    [0.6, CUSTOM, 3],
    [0.9, CUSTOM, 4],
    [0.1, 'schema:-53 count:2 custom_values:[-3 1] buckets:[2]', -3],
    [0.5, 'count:10 sum:4 buckets:[1]', 1],
    [0.5, 'schema:-53 count:4 custom_values:[] buckets:[4]', Infinity],
  ])('%s of %s', (phi, text, expected) => {
    const { value, note } = nativeQuantile(phi, histogram(text));
    if (Number.isFinite(expected)) expect(value).toBeCloseTo(expected, 12);
    else expect(value).toBe(expected);
    expect(note).toBeUndefined();
  });

  test.each([
    ['above all observations but NaN', 0.9, WITH_NANS, NaN, 'nanResult'],
    ['in the highest bucket', 0.6, WITH_NANS, 2 * Math.SQRT2, 'nanSkew'],
    ['in another bucket, but taken for in the highest', 0.2, WITH_NANS, 2 * Math.SQRT2, 'nanSkew'],
    ['with only NaNs', 0.5, 'count:3 sum:NaN', NaN, 'nanResult'],
    [
      'with a sum of NaN for other reasons',
      0.5,
      'count:4 sum:NaN buckets:[4] offset:1',
      Math.SQRT2,
      undefined,
    ],
  ])('%s', (_, phi, text, expected, note) => {
    const result = nativeQuantile(phi, histogram(text));
    expect(result.note).toBe(note);
    if (Number.isNaN(expected)) expect(result.value).toBeNaN();
    else expect(result.value).toBeCloseTo(expected, 12);
  });

  test('lie within the bounds of populated buckets, and rise', () => {
    const phis = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(any, phis, (h, some) => {
        const buckets = allBuckets(h).filter(({ count }) => count > 0);
        let last = -Infinity;
        for (const phi of some.toSorted((a, b) => a - b)) {
          const { value } = nativeQuantile(phi, h);
          if (h.count === 0) {
            expect(value).toBeNaN();
            continue;
          }
          // Powers and logarithms round.
          const above = (bound: number): number => bound - Math.abs(bound) * 1e-9;
          expect(value).toBeGreaterThanOrEqual(Math.max(above(buckets[0]!.lower), above(last)));
          expect(above(value)).toBeLessThanOrEqual(buckets.at(-1)!.upper);
          last = value;
        }
      }),
    );
  });
});

describe('fractions', () => {
  test.each([
    [0, 1, '', NaN],
    [NaN, 1, POSITIVE, NaN],
    [0, NaN, POSITIVE, NaN],
    [2, 1, POSITIVE, 0],
    [-Infinity, Infinity, POSITIVE, 1],
    [-Infinity, 2, POSITIVE, 0.5],
    [0.25, 0.5, POSITIVE, 1 / 12],
    [Math.SQRT2, 4 * Math.SQRT2, POSITIVE, 5 / 12],
    [-Math.SQRT2, 0, NEGATIVE, 4 / 12],
    [3, 5, POSITIVE, (6 / 12) * (Math.log2(5) - 2)],
    [-0.5, 0.25, BOTH, 0.375],
    [1, 3, CUSTOM, 0.4],
    [3, Infinity, CUSTOM, 0.4],
    [5, Infinity, CUSTOM, 0.2],
    [-Infinity, -4, 'schema:-53 count:2 custom_values:[-3 1] buckets:[2]', 1],
  ])('between %s and %s of %s', (lower, upper, text, expected) => {
    const { value, note } = nativeFraction(lower, upper, histogram(text));
    expect(note).toBeUndefined();
    if (Number.isNaN(expected)) expect(value).toBeNaN();
    else expect(value).toBeCloseTo(expected, 12);
  });

  test('leave observations of NaN out, and say so', () => {
    const h = histogram(WITH_NANS);
    expect(nativeFraction(-Infinity, Infinity, h)).toEqual({ value: 0.8, note: 'nanObservations' });
    expect(nativeFraction(-Infinity, 2, h)).toEqual({ value: 0.4, note: 'nanObservations' });
  });

  test('are the inverse of quantiles', () => {
    fc.assert(
      fc.property(exponential, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (h, phi) => {
        fc.pre(h.count > 0);
        const { value } = nativeQuantile(phi, compactHistogram(h, 0));
        expect(nativeFraction(-Infinity, value, compactHistogram(h, 0)).value).toBeCloseTo(phi, 6);
      }),
    );
  });
});

describe('variance', () => {
  test.each([
    ['in the geometric middle of buckets', 'count:4 sum:8 buckets:[4] offset:1', (2 - Math.SQRT2) ** 2],
    ['below zero', 'count:4 sum:-8 n_buckets:[4] n_offset:1', (2 - Math.SQRT2) ** 2],
    ['at zero', 'count:4 sum:8 z_bucket:4 z_bucket_w:1', 4],
    [
      'in the middle of custom buckets',
      'schema:-53 count:4 sum:12 custom_values:[2 6] buckets:[4] offset:1',
      1,
    ],
    ['of nothing', '', NaN],
    ['with NaNs', 'count:4 sum:NaN buckets:[3]', NaN],
    ['in an endless bucket', 'schema:-53 count:1 sum:2 custom_values:[2] buckets:[1]', Infinity],
  ])('%s', (_, text, expected) => {
    const h = histogram(text);
    if (Number.isFinite(expected)) {
      expect(nativeVariance(h)).toBeCloseTo(expected, 12);
      expect(nativeDeviation(h)).toBeCloseTo(Math.sqrt(expected), 12);
    } else expect([nativeVariance(h), nativeDeviation(h)]).toEqual([expected, expected]);
  });
});
