import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compactHistogram } from '../../../../src/core/histogram/compact.ts';
import { equalHistograms } from '../../../../src/core/histogram/equality.ts';
import type { FloatHistogram } from '../../../../src/core/histogram/float-histogram.ts';
import { HistogramMean, HistogramSum } from '../../../../src/core/histogram/sum.ts';
import { testText } from '../../../../src/core/histogram/text.ts';
import { custom, exponential, histogram, sum } from './notation.ts';

function summed(texts: readonly string[]): FloatHistogram {
  const [first, ...rest] = texts.map(histogram);
  const running = new HistogramSum(first!);
  for (const h of rest) expect(running.add(h).kind).toBe('added');
  return running.result();
}

function averaged(texts: readonly string[]): FloatHistogram {
  const [first, ...rest] = texts.map(histogram);
  const mean = new HistogramMean(first!);
  for (const h of rest) expect(mean.add(h).kind).toBe('added');
  return mean.result();
}

describe('compensated sums', () => {
  test.each([
    [
      'large numbers that cancel',
      [
        'count:1 sum:1e100 z_bucket:1e20 buckets:[1e30 1]',
        'sum:1 z_bucket:1 buckets:[1 1]',
        'sum:-1e100 z_bucket:-1e20 buckets:[-1e30 1]',
      ],
      'count:1 sum:1 z_bucket:1 buckets:[1 3]',
    ],
    [
      'a lower resolution',
      ['schema:1 buckets:[1e30 1 1]', 'schema:0 buckets:[1 1]', 'schema:1 buckets:[-1e30 0 0]'],
      'buckets:[1 3]',
    ],
    [
      'a wider zero bucket',
      [
        'z_bucket_w:0.25 buckets:[1e20 7]',
        'z_bucket_w:0.25 buckets:[3]',
        'z_bucket:1 z_bucket_w:1',
        'z_bucket:-1e20 z_bucket_w:1',
      ],
      'z_bucket:4 z_bucket_w:1 offset:1 buckets:[7]',
    ],
    [
      'bounds in common',
      [
        'schema:-53 custom_values:[1 2 3] buckets:[1e20 1 1 1]',
        'schema:-53 custom_values:[2 3] buckets:[1 1]',
        'schema:-53 custom_values:[2] buckets:[-1e20]',
      ],
      'schema:-53 custom_values:[2] buckets:[2 3]',
    ],
    ['an infinity, which stays', ['sum:1e308', 'sum:1e308', 'sum:-1e308'], 'sum:+Inf'],
    [
      'one alone',
      ['count:1 buckets:[1] counter_reset_hint:gauge'],
      'count:1 counter_reset_hint:gauge buckets:[1]',
    ],
  ])('of %s', (_, texts, expected) => {
    expect(testText(summed(texts))).toBe(`{{${expected}}}`);
  });

  test('tell of collisions and of bounds that differ, and refuse to mix kinds', () => {
    const running = new HistogramSum(histogram('counter_reset_hint:reset'));
    expect(running.add(histogram('counter_reset_hint:not_reset'))).toEqual({
      kind: 'added',
      counterResetCollision: true,
      boundsReconciled: false,
    });
    expect(running.add(histogram('schema:-53 custom_values:[1]'))).toEqual({ kind: 'incompatibleSchema' });
    const ofCustom = new HistogramSum(histogram('schema:-53 custom_values:[1]'));
    expect(ofCustom.add(histogram('schema:-53 custom_values:[2]'))).toEqual({
      kind: 'added',
      counterResetCollision: false,
      boundsReconciled: true,
    });
  });

  test('of whole numbers are those of plain adding', () => {
    const some = fc.oneof(
      fc.array(exponential, { minLength: 1, maxLength: 5 }),
      fc.array(custom, { minLength: 1, maxLength: 5 }),
    );
    fc.assert(
      fc.property(some, ([first, ...rest]) => {
        const running = new HistogramSum(first!);
        for (const h of rest) running.add(h);
        const expected = rest.reduce(sum, first!);
        const got = running.result();
        expect(equalHistograms(compactHistogram(got, 0), compactHistogram(expected, 0))).toBe(true);
        expect(got.counterResetHint).toBe(expected.counterResetHint);
      }),
    );
  });
});

describe('means', () => {
  test.each([
    ['plain', ['count:2 sum:4 buckets:[2]', 'count:4 sum:2 buckets:[2 2]'], 'count:3 sum:3 buckets:[2 1]'],
    ['of one', ['count:2 buckets:[2]'], 'count:2 buckets:[2]'],
    ['with a compensated sum', ['sum:1e100', 'sum:3', 'sum:-1e100'], 'sum:1'],
    [
      'of numbers whose sum overflows',
      [
        'count:1.5e308 sum:1 buckets:[1e308]',
        'count:1.5e308 sum:2 buckets:[1e308]',
        'count:1.5e308 sum:3 buckets:[1e308]',
      ],
      'count:1.5e+308 sum:2 buckets:[1e+308]',
    ],
    [
      'of bounds in common',
      ['schema:-53 custom_values:[1 2] buckets:[1 1 1]', 'schema:-53 custom_values:[2] buckets:[2 4]'],
      'schema:-53 custom_values:[2] buckets:[2 2.5]',
    ],
  ])('%s', (_, texts, expected) => {
    expect(testText(averaged(texts))).toBe(`{{${expected}}}`);
  });

  test('keep what they had when kinds are mixed', () => {
    const mean = new HistogramMean(histogram('count:2 buckets:[2]'));
    expect(mean.add(histogram('schema:-53 custom_values:[1]')).kind).toBe('incompatibleSchema');
    expect(testText(mean.result())).toBe('{{count:2 buckets:[2]}}');
  });
});
