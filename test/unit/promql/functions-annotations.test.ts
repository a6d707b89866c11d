import { describe, expect, test } from 'vitest';
import { Annotations, limitAnnotations } from '../../../src/promql/annotations.ts';

/** One of each kind with the text that prometheus util/annotations gives for a note at the query's fifth character. */
const KINDS: readonly (readonly [
  kind: 'warning' | 'info',
  note: (notes: Annotations) => void,
  text: string,
])[] = (() => {
  const at = { start: 4, end: 5 };
  return [
    [
      'warning',
      (notes) => {
        notes.invalidQuantile(1.5, at);
      },
      'PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.invalidRatio(-1.5, -1, at);
      },
      'PromQL warning: ratio value should be between -1 and 1, got -1.5, capping to -1 (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.badBucketLabel('', 'x"', at);
      },
      'PromQL warning: bucket label "le" is missing or has a malformed value of "x\\"" (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.badBucketLabel('h_bucket', '', at);
      },
      'PromQL warning: bucket label "le" is missing or has a malformed value of "" for metric name "h_bucket" (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.mixedFloatsHistograms('h', at);
      },
      'PromQL warning: encountered a mix of histograms and floats for metric name "h" (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.mixedFloatsHistogramsInAggregation(at);
      },
      'PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.mixedClassicNative('h', at);
      },
      'PromQL warning: vector contains a mix of classic and native histograms for metric name "h" (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.nativeHistogramNotCounter('h', at);
      },
      'PromQL warning: this native histogram metric is not a counter: "h" (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.nativeHistogramNotGauge('h', at);
      },
      'PromQL warning: this native histogram metric is not a gauge: "h" (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.mixedExponentialCustom('h', at);
      },
      'PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name "h" (1:5)',
    ],
    [
      'info',
      (notes) => {
        notes.possibleNonCounter('h', at);
      },
      'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "h" (1:5)',
    ],
    [
      'info',
      (notes) => {
        notes.possibleNonCounterLabel('h', 'gauge', at);
      },
      'PromQL info: metric might not be a counter, __type__ label is not set to "counter" or "histogram", got "gauge": "h" (1:5)',
    ],
    [
      'info',
      (notes) => {
        notes.incompatibleTypes('float', '%', 'histogram', at);
      },
      'PromQL info: incompatible sample types encountered for binary operator "%": float % histogram (1:5)',
    ],
    [
      'info',
      (notes) => {
        notes.histogramIgnoredInAggregation('min', at);
      },
      'PromQL info: ignored histogram in min aggregation (1:5)',
    ],
    [
      'info',
      (notes) => {
        notes.histogramIgnoredInMixedRange('h', at);
      },
      'PromQL info: ignored histograms in a range containing both floats and histograms for metric name "h" (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.incompatibleBucketLayout('+', at);
      },
      'PromQL warning: incompatible bucket layout encountered for binary operator + (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.sortInRangeQuery(at);
      },
      'PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:5)',
    ],
    [
      'info',
      (notes) => {
        notes.quantileIsNaN('', at);
      },
      'PromQL info: input to histogram_quantile has NaN observations, result is NaN (1:5)',
    ],
    [
      'info',
      (notes) => {
        notes.quantileIsSkewed('h', at);
      },
      'PromQL info: input to histogram_quantile has NaN observations, result is skewed higher for metric name "h" (1:5)',
    ],
    [
      'info',
      (notes) => {
        notes.fractionLeavesNaNsOut('', at);
      },
      'PromQL info: input to histogram_fraction has NaN observations, which are excluded from all fractions (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.counterResetCollision('addition', at);
      },
      'PromQL warning: conflicting counter resets during histogram addition (1:5)',
    ],
    [
      'info',
      (notes) => {
        notes.customBucketsReconciled('aggregation', at);
      },
      'PromQL info: mismatched custom buckets were reconciled during aggregation (1:5)',
    ],
    [
      'warning',
      (notes) => {
        notes.startTimeOverlap('h', at);
      },
      'PromQL warning: sample has start time that overlaps with previous sample timestamp for metric "h" (1:5)',
    ],
  ];
})();

describe('annotations', () => {
  test.each(KINDS)('%s: %# reads as in Prometheus', (kind, note, text) => {
    const notes = new Annotations();
    note(notes);
    expect(notes.texts(kind, 'abcdefgh')).toEqual([text]);
    expect(notes.texts(kind === 'info' ? 'warning' : 'info', 'abcdefgh')).toEqual([]);
  });

  test('equal texts are one note with the last position', () => {
    const notes = new Annotations();
    notes.mixedFloatsHistograms('h', { start: 0, end: 1 });
    notes.mixedFloatsHistograms('g', { start: 0, end: 1 });
    notes.mixedFloatsHistograms('h', { start: 3, end: 4 });
    expect(notes.texts('warning', 'a\nb c')).toEqual([
      'PromQL warning: encountered a mix of histograms and floats for metric name "h" (2:2)',
      'PromQL warning: encountered a mix of histograms and floats for metric name "g" (1:1)',
    ]);
  });

  test('fixes for monotonicity add up, at the position of the first', () => {
    const notes = new Annotations();
    const at = { start: 0, end: 1 };
    notes.forcedMonotonicity('h', { tMs: 60_500, minBucket: 2, maxBucket: 3, maxDiff: 1.55 }, at);
    notes.forcedMonotonicity(
      'h',
      { tMs: 1_000, minBucket: 1, maxBucket: 2, maxDiff: 0.5 },
      { start: 3, end: 4 },
    );
    expect(notes.texts('info', 'abcd')).toEqual([
      'PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) for metric name "h", from buckets 1 to 3, with a max diff of 1.6, over 2 samples from 1970-01-01T00:00:01Z to 1970-01-01T00:01:00Z (1:1)',
    ]);
  });

  test('overlapping start times are counted', () => {
    const notes = new Annotations();
    for (let i = 0; i < 3; i++) notes.startTimeOverlap('h', { start: i, end: i + 1 });
    expect(notes.texts('warning', 'abcd')).toEqual([
      'PromQL warning: sample has start time that overlaps with previous sample timestamp for metric "h" (3 occurrences) (1:1)',
    ]);
  });

  test('no more than ten are shown', () => {
    const texts = Array.from({ length: 12 }, (_, i) => String(i));
    expect(limitAnnotations(texts, 'info')).toEqual([
      ...texts.slice(0, 10),
      '2 more info annotations omitted',
    ]);
    expect(limitAnnotations(texts.slice(0, 10), 'warning')).toHaveLength(10);
  });
});
