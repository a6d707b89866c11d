import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testText } from '../../../../src/core/histogram/text.ts';
import { trimAbove, trimBelow } from '../../../../src/core/histogram/trim.ts';
import { any, exponential, histogram } from './notation.ts';

const HALF = Math.SQRT2;

describe('trimming', () => {
  const both = 'count:14 sum:20 z_bucket:2 z_bucket_w:0.5 buckets:[2 4] offset:1 n_buckets:[6] n_offset:1';
  const ofCustom = 'schema:-53 count:10 sum:20 custom_values:[2 4] buckets:[4 4 2]';

  test.each([
    ['above everything', both, 100, both],
    [
      'at a bound',
      both,
      2,
      'count:10 z_bucket:2 z_bucket_w:0.5 offset:1 buckets:[2] n_offset:1 n_buckets:[6]',
    ],
    ['in the zero bucket', both, 0, 'count:7 z_bucket:1 z_bucket_w:0.5 n_offset:1 n_buckets:[6]'],
    ['below everything', both, -100, 'z_bucket_w:0.5'],
    ['in a custom bucket', ofCustom, 3, 'schema:-53 count:6 sum:9 custom_values:[2 4] buckets:[4 2]'],
    ['in the first custom bucket', ofCustom, 1, 'schema:-53 count:2 sum:1 custom_values:[2 4] buckets:[2]'],
    ['in the last custom bucket', ofCustom, 9, 'schema:-53 count:8 sum:16 custom_values:[2 4] buckets:[4 4]'],
    [
      'below a first custom bucket that ends below zero',
      'schema:-53 count:3 sum:1 custom_values:[-1] buckets:[3]',
      -2,
      'schema:-53 count:3 sum:1 custom_values:[-1] buckets:[3]',
    ],
  ])('above, %s', (_, text, bound, expected) => {
    const trimmed = trimAbove(histogram(text), bound);
    expect(withoutSum(testText(trimmed), text === both)).toBe(
      withoutSum(testText(histogram(expected)), text === both),
    );
  });

  test.each([
    ['below everything', both, -100, both],
    ['at a bound', both, 2, 'count:4 z_bucket_w:0.5 offset:2 buckets:[4]'],
    ['in the zero bucket', both, 0.25, 'count:6.5 z_bucket:0.5 z_bucket_w:0.5 offset:1 buckets:[2 4]'],
    ['above everything', both, 100, 'z_bucket_w:0.5'],
    [
      'in a custom bucket',
      ofCustom,
      3,
      'schema:-53 count:4 sum:15 custom_values:[2 4] offset:1 buckets:[2 2]',
    ],
    [
      'in the first custom bucket',
      ofCustom,
      1,
      'schema:-53 count:8 sum:23 custom_values:[2 4] buckets:[2 4 2]',
    ],
    [
      'in the last custom bucket',
      ofCustom,
      9,
      'schema:-53 count:2 sum:18 custom_values:[2 4] offset:2 buckets:[2]',
    ],
  ])('below, %s', (_, text, bound, expected) => {
    const trimmed = trimBelow(histogram(text), bound);
    expect(withoutSum(testText(trimmed), text === both)).toBe(
      withoutSum(testText(histogram(expected)), text === both),
    );
  });

  test('in an exponential bucket, at the geometric middle of it', () => {
    const h = histogram('count:4 sum:6 buckets:[4] offset:1 n_buckets:[0]');
    expect(trimAbove(h, HALF).positiveBuckets[0]).toBeCloseTo(2, 12);
    expect(trimAbove(h, HALF).sum).toBeCloseTo(2 * 2 ** 0.25, 12);
    expect(trimBelow(h, HALF).sum).toBeCloseTo(2 * 2 ** 0.75, 12);
    const negative = histogram('count:4 sum:-6 n_buckets:[4] n_offset:1');
    expect(trimAbove(negative, -HALF).negativeBuckets[0]).toBeCloseTo(2, 12);
    expect(trimAbove(negative, -HALF).sum).toBeCloseTo(-2 * 2 ** 0.75, 12);
  });

  test('takes a zero bucket beside positive buckets only for positive', () => {
    const h = histogram('count:8 z_bucket:4 z_bucket_w:1 buckets:[4] offset:1');
    expect(trimAbove(h, 0.25).zeroCount).toBe(1);
    expect(trimAbove(h, -0.25).zeroCount).toBe(0);
    expect(trimBelow(h, 0.25).zeroCount).toBe(3);
  });

  test('leaves nothing of either side twice', () => {
    fc.assert(
      fc.property(exponential, fc.double({ noNaN: true, min: -1e6, max: 1e6 }), (h, bound) => {
        const below = trimAbove(h, bound);
        const above = trimBelow(h, bound);
        expect(below.count + above.count).toBeCloseTo(h.count, 6);
        expect([below.schema, below.counterResetHint]).toEqual([h.schema, h.counterResetHint]);
      }),
    );
  });

  test('does nothing at infinity', () => {
    fc.assert(
      fc.property(any, (h) => {
        expect(trimAbove(h, Infinity)).toBe(h);
        expect(trimBelow(h, -Infinity)).toBe(h);
      }),
    );
  });
});

/** Sums are estimates: rows that are about counts leave them out. */
function withoutSum(text: string, leaves: boolean): string {
  return leaves ? text.replace(/ ?sum:\S+/, '').replace('{{ ', '{{') : text;
}
