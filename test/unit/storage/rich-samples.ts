import fc from 'fast-check';
import {
  CounterResetHint,
  CUSTOM_BUCKETS_SCHEMA,
  FloatHistogram,
} from '../../../src/core/histogram/float-histogram.ts';
import type { Spans } from '../../../src/core/histogram/float-histogram.ts';
import { isStale, staleMarker } from '../../../src/storage/index.ts';
import type { RichSample, SampleBuffer, SampleStorage } from '../../../src/storage/index.ts';

/** A sample in a form that tests can compare: the stale marker and histograms as texts. */
export interface SeenSample {
  readonly tMs: number;
  readonly value: string;
  readonly startMs: number;
}

function spanTexts(spans: Spans): string {
  return [...spans].join(',');
}

/** Everything a histogram is made of, but for the hint. */
export function histogramText(h: FloatHistogram): string {
  return [
    `schema ${h.schema} zero ${h.zeroThreshold}:${h.zeroCount} count ${h.count} sum ${h.sum}`,
    `+ ${spanTexts(h.positiveSpans)}: ${[...h.positiveBuckets].join(',')}`,
    `- ${spanTexts(h.negativeSpans)}: ${[...h.negativeBuckets].join(',')}`,
    `bounds ${[...h.customValues].join(',')}`,
  ].join('; ');
}

function seen(tMs: number, { value, histogram, startMs }: RichSample): SeenSample {
  if (histogram !== undefined) return { tMs, value: histogramText(histogram), startMs };
  const text = isStale(value) ? 'stale' : Object.is(value, -0) ? '-0' : String(value);
  return { tMs, value: text, startMs };
}

/** What a reader filled in. */
export function seenIn(into: SampleBuffer): SeenSample[] {
  return Array.from({ length: into.length }, (_, i) =>
    seen(into.timestamps[i]!, {
      value: into.values[i]!,
      histogram: into.histograms?.[i],
      startMs: into.starts?.[i] ?? 0,
    }),
  );
}

/** All samples of a storage by the text of their series. */
export async function seenInStorage(
  storage: Pick<SampleStorage, 'querier'>,
  into: SampleBuffer,
  minMs = -Infinity,
  maxMs = Infinity,
): Promise<Record<string, SeenSample[]>> {
  const querier = storage.querier(minMs, maxMs);
  const cursor = await querier.select([], { minMs, maxMs, limit: 0 });
  const all: Record<string, SeenSample[]> = {};
  while (cursor.next()) {
    cursor.read(minMs, maxMs, into);
    if (into.length > 0) all[cursor.labels().toString()] = seenIn(into);
  }
  querier.close();
  return all;
}

const number = fc.oneof(
  fc.integer({ min: 0, max: 1000 }),
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, Infinity, 0.1),
);
/** Counts of observations: storages refuse negative ones. */
const amount = fc.oneof(
  fc.integer({ min: 0, max: 1000 }),
  fc.double({ min: 0, noNaN: true }),
  fc.constantFrom(0, -0, Infinity, 0.1),
);

const sideFrom = (first: fc.Arbitrary<number>) =>
  fc
    .array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 4 })), { maxLength: 4 })
    .chain((runs) => {
      const length = runs.reduce((sum, [, run]) => sum + run, 0);
      return fc.record({
        spans: first.map((from) => {
          const flat = runs.flatMap(([gap, run], i) => [i === 0 ? from : gap, run]);
          return Int32Array.from(flat);
        }),
        buckets: fc.array(amount, { minLength: length, maxLength: length }).map((b) => Float64Array.from(b)),
      });
    });
const side = sideFrom(fc.integer({ min: -500, max: 500 }));

const exponential = fc
  .record({
    schema: fc.integer({ min: -4, max: 8 }),
    zeroThreshold: fc.constantFrom(0, 1e-128, 0.001),
    zeroCount: amount,
    count: amount,
    sum: fc.oneof(number, fc.constant(NaN)),
    positive: side,
    negative: side,
    counterResetHint: fc.constantFrom(...Object.values(CounterResetHint)),
  })
  .map(
    ({ positive, negative, ...rest }) =>
      new FloatHistogram({
        ...rest,
        positiveSpans: positive.spans,
        positiveBuckets: positive.buckets,
        negativeSpans: negative.spans,
        negativeBuckets: negative.buckets,
      }),
  );

/** Rising bounds, as many as the spans call for and some more. */
function boundsFor(spans: Spans, spare: number, lowest: number, width: number): Float64Array {
  const reach = spans.reduce((sum, number) => sum + number, 0);
  const steps = Math.min(width, Number.MAX_VALUE / (reach + spare + 1));
  return Float64Array.from({ length: reach + spare }, (_, i) => lowest + i * steps);
}

const custom = fc
  .record({
    count: amount,
    sum: number,
    lowest: fc.double({ min: -1e9, max: 1e9, noNaN: true }),
    width: fc.constantFrom(0.1, 1, 1e300),
    spare: fc.nat(5),
    positive: sideFrom(fc.nat(5)),
  })
  .map(
    ({ count, sum, lowest, width, spare, positive }) =>
      new FloatHistogram({
        schema: CUSTOM_BUCKETS_SCHEMA,
        count,
        sum,
        positiveSpans: positive.spans,
        positiveBuckets: positive.buckets,
        customValues: boundsFor(positive.spans, spare, lowest, width),
      }),
  );

/** Histograms of any layout that storages take. */
export const histograms: fc.Arbitrary<FloatHistogram> = fc.oneof(exponential, custom);

/** Runs of histograms of one layout, as scrapes give them. */
const growing = fc.tuple(histograms, fc.integer({ min: 1, max: 8 })).map(([first, length]) =>
  Array.from({ length }, (_, i) =>
    first.with({
      count: first.count + i,
      positiveBuckets: first.positiveBuckets.map((bucket, at) => (at % 3 === 0 ? bucket + i : bucket)),
    }),
  ),
);

const plain = fc.oneof(number, fc.constant(NaN), fc.constant(staleMarker));
const start = fc.oneof(fc.constant(0), fc.constantFrom(1000, 2000, 500_000), fc.nat());

/** What is appended to a series, one after the other: kinds in runs and in turns. */
export const richSamples: fc.Arbitrary<RichSample[]> = fc
  .array(
    fc.oneof(
      fc.array(fc.record({ value: plain, histogram: fc.constant(undefined), startMs: fc.constant(0) }), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.array(fc.record({ value: plain, histogram: fc.constant(undefined), startMs: start }), {
        minLength: 1,
        maxLength: 5,
      }),
      fc
        .tuple(growing, start)
        .map(([list, startMs]) => list.map((histogram) => ({ value: 0, histogram, startMs }))),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((runs) => runs.flat());
