import * as fc from 'fast-check';
import { addHistograms, subtractHistograms } from '../../../../src/core/histogram/arithmetic.ts';
import {
  CUSTOM_BUCKETS_SCHEMA,
  CounterResetHint,
  FloatHistogram,
  type Spans,
} from '../../../../src/core/histogram/float-histogram.ts';
import { parseSeriesDescription } from '../../../../src/promql/parser/index.ts';

/** The histogram that a text describes: `schema:1 count:3 buckets:[1 2]`. */
export function histogram(text: string): FloatHistogram {
  const [value] = parseSeriesDescription(`h {{${text}}}`).values;
  if (value?.kind !== 'histogram') throw new Error(`not a histogram: ${text}`);
  return value.histogram;
}

/** a + b, which must be compatible. */
export function sum(a: FloatHistogram, b: FloatHistogram): FloatHistogram {
  const combined = addHistograms(a, b);
  if (combined.kind !== 'combined') throw new Error('schemas are incompatible');
  return combined.histogram;
}

/** a - b, which must be compatible. */
export function difference(a: FloatHistogram, b: FloatHistogram): FloatHistogram {
  const combined = subtractHistograms(a, b);
  if (combined.kind !== 'combined') throw new Error('schemas are incompatible');
  return combined.histogram;
}

interface Side {
  readonly spans: Spans;
  readonly counts: Float64Array;
}

/** Spans with whole counts (so that sums are exact), empty buckets among them; the first at `start` or later. */
function side(start: number, most: number): fc.Arbitrary<Side> {
  const run = fc.tuple(fc.nat(3), fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }));
  return fc.array(run, { maxLength: 4 }).map((runs) => {
    const spans: number[] = [];
    const counts: number[] = [];
    let end = 0;
    for (const [offset, values] of runs) {
      if (end + offset + values.length > most) break;
      spans.push(offset + (counts.length === 0 ? start : 0), values.length);
      counts.push(...values);
      end += offset + values.length;
    }
    return { spans: Int32Array.from(spans), counts: Float64Array.from(counts) };
  });
}

function total(counts: Float64Array): number {
  return counts.reduce((all, count) => all + count, 0);
}

const hints = fc.constantFrom(...Object.values(CounterResetHint));

/** Histograms with exponential buckets, none of which overlaps the zero bucket; its threshold is a bound of any schema. */
export const exponential: fc.Arbitrary<FloatHistogram> = fc
  .record({
    schema: fc.integer({ min: -1, max: 2 }),
    power: fc.constantFrom(-8, -4, 0, 2),
    zeroCount: fc.nat(4),
    sum: fc.integer({ min: -50, max: 50 }),
    counterResetHint: hints,
  })
  .chain(({ schema, power, zeroCount, sum: ofAll, counterResetHint }) => {
    const first = power * 2 ** schema + 1;
    return fc.tuple(side(first, 20), side(first, 20)).map(
      ([positive, negative]) =>
        new FloatHistogram({
          schema,
          zeroThreshold: 2 ** power,
          zeroCount,
          count: zeroCount + total(positive.counts) + total(negative.counts),
          sum: ofAll,
          positiveSpans: positive.spans,
          positiveBuckets: positive.counts,
          negativeSpans: negative.spans,
          negativeBuckets: negative.counts,
          counterResetHint,
        }),
    );
  });

/** Histograms with custom buckets, between some of a few bounds. */
export const custom: fc.Arbitrary<FloatHistogram> = fc
  .record({
    customValues: fc.subarray([-5, -1, 0, 0.5, 1, 2, 5, 10, 20], { minLength: 1 }),
    sum: fc.integer({ min: -50, max: 50 }),
    counterResetHint: hints,
  })
  .chain(({ customValues, sum: ofAll, counterResetHint }) =>
    side(0, customValues.length + 1).map(
      ({ spans, counts }) =>
        new FloatHistogram({
          schema: CUSTOM_BUCKETS_SCHEMA,
          customValues: Float64Array.from(customValues),
          count: total(counts),
          sum: ofAll,
          positiveSpans: spans,
          positiveBuckets: counts,
          counterResetHint,
        }),
    ),
  );

/** Histograms of either kind. */
export const any = fc.oneof(exponential, custom);

/** Two histograms of one kind. */
export const pair = fc.oneof(fc.tuple(exponential, exponential), fc.tuple(custom, custom));
