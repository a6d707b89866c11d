import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addHistograms, divideHistogram, scaleHistogram } from '../../../../src/core/histogram/arithmetic.ts';
import { compactHistogram } from '../../../../src/core/histogram/compact.ts';
import { equalHistograms } from '../../../../src/core/histogram/equality.ts';
import type { FloatHistogram } from '../../../../src/core/histogram/float-histogram.ts';
import { reduceResolution } from '../../../../src/core/histogram/resolution.ts';
import { testText } from '../../../../src/core/histogram/text.ts';
import { validateHistogram } from '../../../../src/core/histogram/validate.ts';
import { any, difference, exponential, histogram, pair, sum } from './notation.ts';
import { inOrder, plainCustom, plainExponential, plainHint, plainSum } from './reference.ts';

describe('adding histograms', () => {
  test.each([
    [
      'the same layout',
      'count:3 sum:5 buckets:[1 2]',
      'count:7 sum:1 buckets:[3 4]',
      'count:10 sum:6 buckets:[4 6]',
    ],
    [
      'in front',
      'count:1 buckets:[1] offset:3',
      'count:2 buckets:[2] offset:1',
      'count:3 offset:1 buckets:[2 0 1]',
    ],
    ['into a gap', 'buckets:[1 0 0 1]', 'buckets:[5] offset:2', 'buckets:[1 0 5 1]'],
    ['negative buckets', 'n_buckets:[1 2] n_offset:-1', 'n_buckets:[4]', 'n_offset:-1 n_buckets:[1 6]'],
    [
      'a lower resolution wins',
      'schema:1 count:10 buckets:[1 2 3 4]',
      'schema:0 count:2 buckets:[1 1]',
      'count:12 buckets:[2 6 4]',
    ],
    [
      'resolutions below one bucket a power',
      'schema:-1 buckets:[1 1] offset:-1',
      'schema:1 buckets:[1 1 1 1] offset:-3',
      'schema:-1 offset:-1 buckets:[1 5]',
    ],
    ['zero buckets', 'z_bucket:2 z_bucket_w:0.1', 'z_bucket:3 z_bucket_w:0.1', 'z_bucket:5 z_bucket_w:0.1'],
    [
      'a wider zero bucket swallows buckets',
      'z_bucket:2 z_bucket_w:0.01 count:8 buckets:[1 2 3] offset:-2',
      'z_bucket:3 z_bucket_w:0.5 count:3',
      'count:11 z_bucket:8 z_bucket_w:0.5 buckets:[3]',
    ],
    [
      'a zero bucket that ends in a populated bucket grows to its bound',
      'z_bucket:2 z_bucket_w:0.3 n_buckets:[7] n_offset:3',
      'z_bucket:1 z_bucket_w:0.001 buckets:[4 0 0 2] offset:-1',
      'z_bucket:7 z_bucket_w:0.5 offset:2 buckets:[2] n_offset:3 n_buckets:[7]',
    ],
    [
      'a zero bucket grows on either side in turn',
      'z_bucket:1 z_bucket_w:0.6 n_buckets:[3] n_offset:1',
      'z_bucket:1 z_bucket_w:0.001 buckets:[5] n_buckets:[2] n_offset:1',
      'z_bucket:7 z_bucket_w:1 n_offset:1 n_buckets:[5]',
    ],
    [
      'custom buckets',
      'schema:-53 custom_values:[1 5] buckets:[1 2 3]',
      'schema:-53 custom_values:[1 5] buckets:[4] offset:2',
      'schema:-53 custom_values:[1 5] buckets:[1 2 7]',
    ],
    [
      'custom buckets at the bounds both have',
      'schema:-53 custom_values:[1 2 5 10] buckets:[1 2 3 4 5]',
      'schema:-53 custom_values:[2 3 10] buckets:[10 20 30 40]',
      'schema:-53 custom_values:[2 10] buckets:[13 57 45]',
    ],
    [
      'custom buckets without a common bound',
      'schema:-53 custom_values:[1] buckets:[1 2]',
      'schema:-53 custom_values:[2] buckets:[3 4]',
      'schema:-53 custom_values:[] buckets:[10]',
    ],
  ])('%s', (_, a, b, expected) => {
    expect(testText(sum(histogram(a), histogram(b)))).toBe(`{{${expected}}}`);
  });

  test.each([
    ['unknown', 'unknown', 'unknown', false],
    ['unknown', 'gauge', 'gauge', false],
    ['gauge', 'reset', 'gauge', false],
    ['reset', 'reset', 'reset', false],
    ['not_reset', 'not_reset', 'not_reset', false],
    ['reset', 'unknown', 'unknown', false],
    ['unknown', 'not_reset', 'unknown', false],
    ['reset', 'not_reset', 'unknown', true],
    ['not_reset', 'reset', 'unknown', true],
  ])('a hint %s and one %s make %s', (a, b, expected, counterResetCollision) => {
    const hinted = (hint: string): FloatHistogram => histogram(`counter_reset_hint:${hint}`);
    const combined = addHistograms(hinted(a), hinted(b));
    expect(combined).toMatchObject({ kind: 'combined', counterResetCollision, boundsReconciled: false });
    expect(combined.kind === 'combined' && combined.histogram.counterResetHint).toBe(
      hinted(expected).counterResetHint,
    );
  });

  test('says that bounds differed, and refuses to mix kinds', () => {
    const ofCustom = histogram('schema:-53 custom_values:[1 2] buckets:[1]');
    expect(addHistograms(ofCustom, histogram('schema:-53 custom_values:[1] buckets:[1]'))).toMatchObject({
      boundsReconciled: true,
    });
    expect(addHistograms(ofCustom, histogram('buckets:[1]'))).toEqual({ kind: 'incompatibleSchema' });
  });

  test('keeps neighbouring spans apart, as Prometheus does', () => {
    const apart = sum(histogram('buckets:[1 2]'), histogram('buckets:[1] offset:3'));
    expect([...apart.positiveSpans]).toEqual([0, 2, 1, 1]);
    expect([...sum(apart, histogram('buckets:[9] offset:2')).positiveSpans]).toEqual([0, 3, 0, 1]);
    expect([
      ...sum(histogram('buckets:[1] offset:3'), histogram('buckets:[9] offset:2')).positiveSpans,
    ]).toEqual([2, 2]);
  });

  test('commutes, and leaves what it adds alone', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const before = testText(a) + testText(b);
        const ab = compactHistogram(sum(a, b), 0);
        expect(equalHistograms(ab, compactHistogram(sum(b, a), 0))).toBe(true);
        expect(validateHistogram(sum(a, b))).toBeUndefined();
        expect(ab.counterResetHint).toBe(plainHint(a.counterResetHint, b.counterResetHint));
        expect(testText(a) + testText(b)).toBe(before);
      }),
    );
  });

  test('agrees with adding maps of buckets', () => {
    fc.assert(
      fc.property(pair, fc.constantFrom(1 as const, -1 as const), ([a, b], sign) => {
        const both = sign === 1 ? sum(a, b) : difference(a, b);
        const common = [...a.customValues].filter((bound) => b.customValues.includes(bound));
        const schema = Math.min(a.schema, b.schema);
        const threshold = Math.max(a.zeroThreshold, b.zeroThreshold);
        const plain = (h: FloatHistogram): ReadonlyMap<number, number> =>
          h.usesCustomBuckets ? plainCustom(h, common) : plainExponential(h, schema, threshold);
        expect(inOrder(plain(both))).toEqual(inOrder(plainSum(plain(a), plain(b), sign)));
        expect([both.count, both.sum]).toEqual([a.count + sign * b.count, a.sum + sign * b.sum]);
        expect([both.schema, both.zeroThreshold]).toEqual([schema, threshold]);
        expect([...both.customValues]).toEqual(common);
      }),
    );
  });

  test('is undone by subtracting', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const there = sum(a, scaleHistogram(b, 0));
        const back = difference(sum(a, b), b);
        expect(equalHistograms(compactHistogram(back, 0), compactHistogram(there, 0))).toBe(true);
      }),
    );
  });
});

describe('scaling', () => {
  const h = histogram(
    'count:6 sum:9 z_bucket:1 z_bucket_w:0.5 buckets:[2 1] n_buckets:[2] counter_reset_hint:reset',
  );

  test.each([
    [2, 'count:12 sum:18 z_bucket:2 z_bucket_w:0.5 counter_reset_hint:reset buckets:[4 2] n_buckets:[4]'],
    [
      -1,
      'count:-6 sum:-9 z_bucket:-1 z_bucket_w:0.5 counter_reset_hint:gauge buckets:[-2 -1] n_buckets:[-2]',
    ],
    [0, 'z_bucket_w:0.5 counter_reset_hint:reset'],
  ])('times %s', (factor, expected) => {
    expect(testText(scaleHistogram(h, factor))).toBe(`{{${expected}}}`);
  });

  test.each([
    [2, 'count:3 sum:4.5 z_bucket:0.5 z_bucket_w:0.5 counter_reset_hint:reset buckets:[1 0.5] n_buckets:[1]'],
    [
      -2,
      'count:-3 sum:-4.5 z_bucket:-0.5 z_bucket_w:0.5 counter_reset_hint:gauge buckets:[-1 -0.5] n_buckets:[-1]',
    ],
    [0, 'count:+Inf sum:+Inf z_bucket:+Inf z_bucket_w:0.5 counter_reset_hint:reset'],
  ])('divided by %s', (divisor, expected) => {
    expect(testText(divideHistogram(h, divisor))).toBe(`{{${expected}}}`);
  });
});

describe('reducing the resolution', () => {
  test.each([
    ['schema:2 buckets:[1 2 3 4 5]', 1, 'schema:1 buckets:[1 5 9]'],
    ['schema:2 buckets:[1 2 3 4 5]', 0, 'buckets:[1 14]'],
    [
      'schema:0 buckets:[1 2 3 4] offset:-3 n_buckets:[1] n_offset:5',
      -1,
      'schema:-1 offset:-1 buckets:[3 7] n_offset:3 n_buckets:[1]',
    ],
    ['schema:0 buckets:[1 2 3 4] offset:-3', -4, 'schema:-4 buckets:[10]'],
  ])('%s to %s', (text, schema, expected) => {
    expect(testText(reduceResolution(histogram(text), schema))).toBe(`{{${expected}}}`);
  });

  test('keeps what was counted, and can go step by step', () => {
    fc.assert(
      fc.property(exponential, fc.nat(2), fc.nat(1), (h, first, second) => {
        const once = reduceResolution(h, h.schema - first);
        const twice = reduceResolution(once, once.schema - second);
        expect(equalHistograms(twice, reduceResolution(h, h.schema - first - second))).toBe(true);
        const all = [...twice.positiveBuckets, ...twice.negativeBuckets];
        expect(all.reduce((total, count) => total + count, twice.zeroCount)).toBe(h.count);
        expect(validateHistogram(twice)).toBeUndefined();
      }),
    );
  });
});

describe('compacting', () => {
  test.each([
    [[0, 4, 1, 1], [0, 1, 0, 2, 3], 0, [1, 1, 1, 1, 1, 1], [1, 2, 3]],
    [[0, 4, 1, 1], [0, 1, 0, 2, 3], 1, [1, 5], [1, 0, 2, 0, 3]],
    [[0, 2, 0, 2], [1, 2, 3, 4], 0, [0, 4], [1, 2, 3, 4]],
    [[-5, 1, 2, 0, 3, 1], [1, 2], 0, [-5, 1, 5, 1], [1, 2]],
    [[-5, 1, 2, 0, 3, 1], [1, 2], 5, [-5, 7], [1, 0, 0, 0, 0, 0, 2]],
    [[3, 2], [0, 0], 0, [], []],
    [[3, 0], [], 0, [], []],
  ])('spans %j with %j, up to %i empty', (spans, counts, maxEmpty, newSpans, newCounts) => {
    const h = histogram('').with({
      positiveSpans: Int32Array.from(spans),
      positiveBuckets: Float64Array.from(counts),
    });
    const compact = compactHistogram(h, maxEmpty);
    expect([...compact.positiveSpans]).toEqual(newSpans);
    expect([...compact.positiveBuckets]).toEqual(newCounts);
  });

  test('leaves every count where it is, and nothing more to do', () => {
    fc.assert(
      fc.property(any, fc.nat(4), (h, maxEmpty) => {
        const compact = compactHistogram(h, maxEmpty);
        expect(equalHistograms(compactHistogram(compact, maxEmpty), compact)).toBe(true);
        expect(validateHistogram(compact)).toBeUndefined();
        expect(equalHistograms(compactHistogram(compact, 0), compactHistogram(h, 0))).toBe(true);
        if (h.usesCustomBuckets) return;
        const plain = (one: FloatHistogram): unknown => inOrder(plainExponential(one, one.schema, 0));
        expect(plain(compact)).toEqual(plain(h));
      }),
    );
  });
});
