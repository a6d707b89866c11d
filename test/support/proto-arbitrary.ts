import fc from 'fast-check';
import type { ProtoExemplar, ProtoFamily, ProtoHistogramMessage, ProtoMetric } from './proto-exposition.ts';

const text = fc.string({
  unit: fc.constantFrom('a', 'B', '_', '"', '\\', '\n', ' ', 'ü', '😀', ','),
  maxLength: 6,
});
const name = fc.oneof(
  fc.constantFrom('a', 'job_total', 'x:y', 'le2'),
  text.filter((value) => value !== ''),
);
const labels = fc.dictionary(
  fc.constantFrom('a', 'b', 'with space', 'ü"', 'zone'),
  text.filter((value) => value !== ''),
  { maxKeys: 3, noNullPrototype: true },
);
const value = fc.oneof(fc.constantFrom(0, 1, -1, 0.1, 1e9, Infinity, -Infinity), fc.double());
const count = fc.nat(1000);

const exemplar: fc.Arbitrary<ProtoExemplar> = fc.record(
  { labels, value, timestampMs: fc.integer({ min: -5000, max: 5_000_000 }) },
  { requiredKeys: ['labels', 'value'] },
);

/** Spans and as many counts. */
const side = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.array(fc.nat(20), { maxLength: 4 })), { maxLength: 3 })
  .map((runs) => ({
    spans: runs.flatMap(([gap, counts]) => [gap, counts.length]),
    counts: runs.flatMap(([, counts]) => counts),
  }));

function deltas(counts: readonly number[]): number[] {
  return counts.map((each, i) => each - (counts[i - 1] ?? 0));
}

const histogram: fc.Arbitrary<ProtoHistogramMessage> = fc
  .record({
    count,
    sum: value,
    bounds: fc.uniqueArray(fc.constantFrom(-1, 0, 0.1, 1, 2.5, 1e6, Infinity), { maxLength: 5 }),
    exemplar: fc.option(exemplar, { nil: undefined }),
    exemplars: fc.array(exemplar, { maxLength: 3 }),
    isFloat: fc.boolean(),
    positive: side,
    negative: side,
    schema: fc.integer({ min: -4, max: 8 }),
    zeroThreshold: fc.constantFrom(0, 0.001),
    zeroCount: fc.nat(3),
    startMs: fc.option(fc.integer({ min: 1, max: 5_000_000 }), { nil: undefined }),
  })
  .map(({ bounds, isFloat, positive, negative, zeroCount, startMs, ...one }) => ({
    sum: one.sum,
    schema: one.schema,
    zeroThreshold: one.zeroThreshold,
    exemplars: one.exemplars,
    ...(startMs !== undefined && { startMs }),
    buckets: bounds
      .toSorted((a, b) => a - b)
      .map((bound, i) => ({
        bound,
        count: i,
        ...(one.exemplar !== undefined && { exemplar: one.exemplar }),
      })),
    positiveSpans: positive.spans,
    negativeSpans: negative.spans,
    ...(isFloat
      ? {
          countFloat: one.count + 0.5,
          zeroCountFloat: zeroCount / 2,
          positiveCounts: positive.counts,
          negativeCounts: negative.counts,
        }
      : {
          count: one.count,
          zeroCount,
          positiveDeltas: deltas(positive.counts),
          negativeDeltas: deltas(negative.counts),
        }),
  }));

function metricOf(type: ProtoFamily['type']): fc.Arbitrary<ProtoMetric> {
  const startMs = fc.option(fc.integer({ min: 1, max: 5_000_000 }), { nil: undefined });
  const own: Record<ProtoFamily['type'], fc.Arbitrary<Partial<ProtoMetric>>> = {
    gauge: value.map((gauge) => ({ gauge })),
    untyped: value.map((untyped) => ({ untyped })),
    counter: fc.tuple(value, fc.option(exemplar, { nil: undefined }), startMs).map(([of, with_, start]) => ({
      counter: {
        value: of,
        ...(with_ !== undefined && { exemplar: with_ }),
        ...(start !== undefined && { startMs: start }),
      },
    })),
    summary: fc
      .tuple(count, value, fc.uniqueArray(fc.constantFrom(0, 0.5, 0.9, 0.99, 1), { maxLength: 3 }), startMs)
      .map(([of, sum, quantiles, start]) => ({
        summary: {
          count: of,
          sum,
          quantiles: quantiles.flatMap((q) => [q, q * 2]),
          ...(start !== undefined && { startMs: start }),
        },
      })),
    histogram: histogram.map((each) => ({ histogram: each })),
    gaugehistogram: histogram.map((each) => ({ histogram: each })),
  };
  return fc
    .tuple(labels, fc.option(fc.integer({ min: 1, max: 5_000_000 }), { nil: undefined }), own[type])
    .map(([with_, timestampMs, rest]) => ({
      labels: with_,
      ...(timestampMs !== undefined && { timestampMs }),
      ...rest,
    }));
}

/** Metric families as a well-behaved target has them; any text may be a name. */
export function protoFamilies(): fc.Arbitrary<ProtoFamily[]> {
  return fc.array(familyOf(name), { maxLength: 4 });
}

/** Families that Prometheus 2.42 takes too: names of letters, all of their own, metrics in each, whole counts that add up. */
export function plainProtoFamilies(): fc.Arbitrary<ProtoFamily[]> {
  return fc
    .array(
      familyOf(fc.constant('m')).filter(
        ({ type, metrics }) =>
          metrics.length > 0 &&
          type !== 'gaugehistogram' &&
          metrics.every(({ histogram: h }) => h?.countFloat === undefined),
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((families) =>
      families.map((family, i) => ({
        ...family,
        name: `m${i}`,
        metrics: family.metrics.map(
          ({ counter, gauge, untyped, summary, histogram: h, labels: own }, at) => ({
            ...(counter !== undefined && { counter }),
            ...(gauge !== undefined && { gauge }),
            ...(untyped !== undefined && { untyped }),
            ...(summary !== undefined && { summary }),
            labels: { ...(own?.['a'] !== undefined && { a: own['a'] }), at: `${at}` },
            ...(h !== undefined && {
              histogram: { ...h, ...(h.count !== undefined && { count: countOf(h) }) },
            }),
          }),
        ),
      })),
    );
}

/** How many observations the buckets of whole numbers have. */
function countOf({ zeroCount = 0, positiveDeltas = [], negativeDeltas = [] }: ProtoHistogramMessage): number {
  let total = zeroCount;
  for (const list of [positiveDeltas, negativeDeltas]) {
    let running = 0;
    for (const delta of list) total += running += delta;
  }
  return total;
}

function familyOf(names: fc.Arbitrary<string>): fc.Arbitrary<ProtoFamily> {
  const types = ['counter', 'gauge', 'summary', 'untyped', 'histogram', 'gaugehistogram'] as const;
  return fc
    .tuple(names, text, fc.constantFrom('', 'seconds'), fc.constantFrom(...types))
    .chain(([of, help, unit, type]) =>
      fc
        .array(metricOf(type), { maxLength: 3 })
        .map((metrics): ProtoFamily => ({ name: of, help, ...(unit !== '' && { unit }), type, metrics })),
    );
}
