import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CounterResetHint } from '../../../../src/core/histogram/float-histogram.ts';
import {
  PromqlParseError,
  parseMetricLabels,
  parseSeriesDescription,
} from '../../../../src/promql/parser/index.ts';
import type { SequenceValue } from '../../../../src/promql/parser/index.ts';

function shown(value: SequenceValue): string {
  switch (value.kind) {
    case 'number':
      return Object.is(value.value, -0) ? '-0' : String(value.value);
    case 'omitted':
      return '_';
    case 'stale':
      return 'stale';
    case 'histogram': {
      const { count, sum, positiveSpans, positiveBuckets } = value.histogram;
      return `{${count} ${sum} ${positiveSpans[0] ?? 0}:${positiveBuckets.join('/')}}`;
    }
  }
}

describe('series descriptions', () => {
  test.each([
    ['up 1 2 3', '{__name__="up"}', '1 2 3'],
    ['  up{}  1\t-2 ', '{__name__="up"}', '1 -2'],
    ['up{job="a", instance="b",} 1', 'up{instance="b", job="a"}', '1'],
    ['{"my.metric", "a.b"="c"} 1', '{__name__="my.metric", "a.b"="c"}', '1'],
    ['{a="b"}', '{a="b"}', ''],
    ['sum 1x2', 'sum', '1 1 1'],
    ['a 1+2x3 5', 'a', '1 3 5 7 5'],
    ['a 5-2x3', 'a', '5 3 1 -1'],
    ['a -1-1x2', 'a', '-1 -2 -3'],
    ['a 0.5+0.25x2', 'a', '0.5 0.75 1'],
    ['a _ _x3 1', 'a', '_ _ _ _ 1'],
    ['a 1 stale NaN Inf -inf', 'a', '1 stale NaN Infinity -Infinity'],
    ['a -0 1e3 .5', 'a', '-0 1000 0.5'],
    ['a {{}}', 'a', '{0 0 0:}'],
    ['a {{schema:1 sum:-0.3 count:3 buckets:[5 10] offset:-3}}x1', 'a', '{3 -0.3 -3:5/10} {3 -0.3 -3:5/10}'],
    [
      'a {{count:1 sum:2 buckets:[1 2]}}+{{count:1 sum:1 buckets:[1 1] offset:1}}x2',
      'a',
      '{1 2 0:1/2} {2 3 0:1/3/1} {3 4 0:1/4/2}',
    ],
    ['a {{schema:0 buckets:[1 2]}}-{{schema:1 buckets:[1 2]}}x1', 'a', '{0 0 0:1/2} {0 0 0:0/0}'],
    [
      'a {{z_bucket_w:0.1 buckets:[1 2]}}+{{z_bucket_w:1 count:1 z_bucket:1}}x1',
      'a',
      '{0 0 0:1/2} {1 0 1:2}',
    ],
    [
      'a {{schema:-53 custom_values:[1 2] buckets:[1 2 3]}}+{{schema:-53 custom_values:[2] buckets:[5]}}x1',
      'a',
      '{0 0 0:1/2/3} {0 0 0:8/3}',
    ],
  ])('%s', (text, labels, values) => {
    const series = parseSeriesDescription(text);
    expect(series.labels.toString().replace(/^\{__name__="([a-z]+)"\}$/, '$1')).toBe(
      labels.replace(/^\{__name__="([a-z]+)"\}$/, '$1'),
    );
    expect(series.values.map(shown).join(' ')).toBe(values);
  });

  test('keep hints, and whether they were given', () => {
    const { values } = parseSeriesDescription(
      'a {{counter_reset_hint:reset}} {{}} {{counter_reset_hint:gauge}}+{{}}x1 {{}}-{{counter_reset_hint:unknown}}x1',
    );
    const { reset, unknown, gauge } = CounterResetHint;
    expect(
      values.map((one) => one.kind === 'histogram' && [one.histogram.counterResetHint, one.hintGiven]),
    ).toEqual([
      [reset, true],
      [unknown, false],
      [gauge, false],
      [gauge, false],
      [unknown, true],
      [unknown, true],
    ]);
  });

  test.each([
    ['', 'unknown position: parse error: unexpected end of input'],
    ['up{a="b" 1', "1:10: parse error: unexpected character inside braces: '1'"],
    ['up{a} 1', '1:5: parse error: unexpected "}" in label set, expected "="'],
    ['up {a="b"} 1', "1:4: parse error: unexpected character in series sequence: '{'"],
    ['up foo', '1:4: parse error: unexpected identifier "foo" in series values, expected number or "stale"'],
    [
      'up stalex3',
      '1:4: parse error: unexpected identifier "stalex3" in series values, expected number or "stale"',
    ],
    ['up 1 x', '1:6: parse error: unexpected "x"'],
    ['up 1+', '1:6: parse error: unexpected end of input in series values'],
    [
      'up 1x2.5',
      '1:6: parse error: invalid repetition in series values: strconv.ParseUint: parsing "2.5": invalid syntax',
    ],
    ['up 1x', '1:6: parse error: unexpected end of input in series values'],
    ['up 1..2', '1:4: parse error: bad number syntax: "1.."'],
    ['up $', "1:4: parse error: unexpected character in series sequence: '$'"],
    ['up {{sum 1}}', '1:6: parse error: missing `:` for histogram descriptor'],
    ['up {{size:1}}', '1:6: parse error: bad histogram descriptor found: "size"'],
    ['up {{sum:1 sum:2}}', '1:1: parse error: duplicate key "sum" in histogram'],
    [
      'up {{schema:1}}+{{schema:0}}x2',
      '1:30: parse error: error combining histograms: cannot merge from schema 0 to 1',
    ],
    [
      'up {{schema:-53 custom_values:[1]}}+{{schema:0}}x1',
      '1:50: parse error: cannot apply this operation on histograms with a mix of exponential and custom bucket schemas',
    ],
    ['up 1x99999999', '1:14: parse error: a series may have at most 1000000 values'],
  ])('%j: %s', (text, message) => {
    expect(() => parseSeriesDescription(text)).toThrow(PromqlParseError);
    expect(() => parseSeriesDescription(text)).toThrow(message);
  });

  test('labels alone', () => {
    expect(parseMetricLabels('up{a="b"}').toString()).toBe('up{a="b"}');
    expect(() => parseMetricLabels('up 1')).toThrow('1:4: parse error: unexpected number "1"');
  });

  test('no text makes it throw anything but its own error', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'up',
        ' ',
        '1',
        '+',
        '-',
        'x',
        '2',
        '_',
        'stale',
        '{{',
        '}}',
        '{',
        '}',
        'sum:',
        '[',
        ']',
        'a="b"',
      ),
      fc.string({ unit: 'binary', maxLength: 2 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (parts) => {
        try {
          parseSeriesDescription(parts.join(''));
        } catch (error) {
          if (!(error instanceof PromqlParseError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
});
