import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scaleHistogram } from '../../../../src/core/histogram/arithmetic.ts';
import { compactHistogram } from '../../../../src/core/histogram/compact.ts';
import { CounterResetHint } from '../../../../src/core/histogram/float-histogram.ts';
import { detectReset } from '../../../../src/core/histogram/resets.ts';
import { histogram, pair, sum } from './notation.ts';

describe('counter resets', () => {
  test.each([
    ['nothing changed', 'count:3 buckets:[1 2]', 'count:3 buckets:[1 2]', false],
    ['more', 'count:3 buckets:[1 2]', 'count:5 buckets:[1 2 2]', false],
    ['a lower count', 'count:3', 'count:2', true],
    ['a lower bucket', 'count:3 buckets:[1 2]', 'count:9 buckets:[7 1]', true],
    ['a missing bucket', 'count:3 buckets:[1 2]', 'count:9 buckets:[9]', true],
    ['a missing bucket in front', 'count:3 buckets:[1 2]', 'count:9 buckets:[9] offset:1', true],
    ['a missing empty bucket', 'count:3 buckets:[3 0]', 'count:9 buckets:[9]', false],
    ['a lower negative bucket', 'n_buckets:[2]', 'n_buckets:[1]', true],
    ['a lower zero bucket', 'z_bucket:2', 'z_bucket:1', true],
    ['a lower sum', 'count:1 sum:5', 'count:1 sum:-5', false],
    ['a higher resolution', 'schema:0', 'schema:1', true],
    ['a lower resolution', 'schema:1 buckets:[1 2 3]', 'schema:0 buckets:[1 5]', false],
    ['a lower resolution with less', 'schema:1 buckets:[1 2 3]', 'schema:0 buckets:[1 4]', true],
    ['a narrower zero bucket', 'z_bucket_w:0.5', 'z_bucket_w:0.25', true],
    [
      'a wider zero bucket',
      'z_bucket:1 z_bucket_w:0.25 buckets:[2 3] offset:-1',
      'z_bucket:6 z_bucket_w:1',
      false,
    ],
    [
      'a wider one with less',
      'z_bucket:1 z_bucket_w:0.25 buckets:[2 3] offset:-1',
      'z_bucket:5 z_bucket_w:1',
      true,
    ],
    ['a wider one within a bucket', 'z_bucket_w:0.25 buckets:[2]', 'z_bucket:9 z_bucket_w:0.7', true],
    ['a wider one within an empty bucket', 'z_bucket_w:0.25 buckets:[0]', 'z_bucket:9 z_bucket_w:0.7', false],
    ['a hint', 'count:1', 'count:2 counter_reset_hint:reset', true],
    ['a hint against it', 'count:2', 'count:1 counter_reset_hint:not_reset', false],
    ['a gauge, compared all the same', 'count:2', 'count:1 counter_reset_hint:gauge', true],
    ['a hint of the one before', 'count:1 counter_reset_hint:reset', 'count:2', false],
    ['exponential to custom', 'count:1', 'count:2 schema:-53 custom_values:[1]', true],
    ['custom to exponential', 'schema:-53 custom_values:[1]', 'count:2', true],
  ])('%s', (_, before, now, expected) => {
    expect(detectReset(histogram(now), histogram(before))).toBe(expected);
  });

  test.each([
    ['the same', '[1 2]', '[1 2 3]', '[1 2]', '[1 2 4]', false],
    ['a lower bucket', '[1 2]', '[1 2 3]', '[1 2]', '[2 1 3]', true],
    ['finer', '[1 4]', '[1 2 3]', '[1 2 4]', '[1 1 1 3]', false],
    ['finer with less', '[1 4]', '[1 2 3]', '[1 2 4]', '[9 1 0 3]', true],
    ['coarser', '[1 2 4]', '[1 1 1 3]', '[4]', '[3 3]', false],
    ['coarser with less at the end', '[1 2 4]', '[1 1 1 3]', '[4]', '[9 2]', true],
    ['nothing in common', '[1]', '[1 5]', '[2]', '[6 0]', false],
  ])('custom buckets: %s', (_, bounds, counts, newBounds, newCounts, expected) => {
    const before = histogram(`schema:-53 custom_values:${bounds} buckets:${counts}`);
    const now = histogram(`schema:-53 custom_values:${newBounds} buckets:${newCounts} count:9`);
    expect(detectReset(now, before)).toBe(expected);
  });

  test('adding is none; taking away again is one, unless nothing was added', () => {
    const unknown = { counterResetHint: CounterResetHint.unknown };
    fc.assert(
      fc.property(pair, fc.boolean(), ([first, second], compacts) => {
        const a = sum(first.with(unknown), scaleHistogram(second.with(unknown), 0));
        const b = sum(a, second.with(unknown));
        const more = compacts ? compactHistogram(b, 0) : b;
        expect(detectReset(more, a)).toBe(false);
        expect(detectReset(a, more)).toBe(second.count > 0);
      }),
    );
  });
});
