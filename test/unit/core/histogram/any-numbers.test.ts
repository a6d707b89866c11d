import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addHistograms,
  divideHistogram,
  subtractHistograms,
} from '../../../../src/core/histogram/arithmetic.ts';
import { allBuckets } from '../../../../src/core/histogram/buckets.ts';
import { compactHistogram } from '../../../../src/core/histogram/compact.ts';
import { equalHistograms } from '../../../../src/core/histogram/equality.ts';
import {
  CUSTOM_BUCKETS_SCHEMA,
  CounterResetHint,
  FloatHistogram,
  type Spans,
} from '../../../../src/core/histogram/float-histogram.ts';
import { detectReset } from '../../../../src/core/histogram/resets.ts';
import { HistogramMean, HistogramSum } from '../../../../src/core/histogram/sum.ts';
import { histogramText, testText } from '../../../../src/core/histogram/text.ts';
import { trimAbove, trimBelow } from '../../../../src/core/histogram/trim.ts';
import { validateHistogram } from '../../../../src/core/histogram/validate.ts';
import {
  nativeFraction,
  nativeQuantile,
  nativeVariance,
} from '../../../../src/promql/functions/native-histogram.ts';

/** Rising spans, empty ones among them, with as many counts as they call for. */
const anySide = fc
  .array(fc.tuple(fc.integer({ min: -9, max: 1200 }), fc.array(fc.double(), { maxLength: 4 })), {
    maxLength: 4,
  })
  .map((runs): { readonly spans: Spans; readonly counts: Float64Array } => ({
    spans: Int32Array.from(
      runs.flatMap(([offset, counts], i) => [i > 0 && offset < 0 ? 0 : offset, counts.length]),
    ),
    counts: Float64Array.from(runs.flatMap(([, counts]) => counts)),
  }));

/** What the notation of tests can write down, and more: nothing says that it is valid. */
const anyHistogram = fc
  .record({
    schema: fc.oneof(fc.constant(CUSTOM_BUCKETS_SCHEMA), fc.integer({ min: -9, max: 52 })),
    numbers: fc.tuple(fc.double(), fc.double(), fc.double(), fc.double()),
    positive: anySide,
    negative: anySide,
    customValues: fc.array(fc.double(), { maxLength: 4 }),
    counterResetHint: fc.constantFrom(...Object.values(CounterResetHint)),
  })
  .map(
    ({
      schema,
      numbers: [count, sum, zeroCount, zeroThreshold],
      positive,
      negative,
      customValues,
      counterResetHint,
    }) =>
      new FloatHistogram({
        schema,
        count,
        sum,
        zeroCount,
        zeroThreshold,
        positiveSpans: positive.spans,
        positiveBuckets: positive.counts,
        negativeSpans: negative.spans,
        negativeBuckets: negative.counts,
        customValues: Float64Array.from(customValues),
        counterResetHint,
      }),
  );

test('whatever is in a histogram, everything comes to an end and nothing throws', () => {
  fc.assert(
    fc.property(anyHistogram, anyHistogram, fc.double(), (a, b, number) => {
      const running = new HistogramSum(a);
      running.add(b);
      const mean = new HistogramMean(a);
      mean.add(b);
      for (const combined of [addHistograms(a, b), subtractHistograms(a, b)]) {
        expect(combined.kind).toBe(
          a.usesCustomBuckets === b.usesCustomBuckets ? 'combined' : 'incompatibleSchema',
        );
      }
      for (const h of [
        a,
        running.result(),
        mean.result(),
        divideHistogram(a, number),
        compactHistogram(a, 2),
      ]) {
        expect(equalHistograms(h, h)).toBe(true);
        expect(histogramText(trimAbove(h, number))).toContain('{count:');
        expect(testText(trimBelow(h, number))).toMatch(/^\{.*\}$/);
        allBuckets(h);
        nativeQuantile(number, h);
        nativeFraction(-number, number, h);
        nativeVariance(h);
        detectReset(h, b);
        validateHistogram(h);
      }
    }),
  );
});
