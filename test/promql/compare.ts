import type { SequenceValue } from '../../src/promql/index.ts';
import { CounterResetHint, type FloatHistogram } from '../../src/core/histogram/float-histogram.ts';
import { almostEqual } from '../../src/promql/functions/numeric.ts';
import type { MatrixSeries, QueryResult, QueryValue, VectorSample } from '../../src/promql/index.ts';
import type { EvalCommand } from './script.ts';

/** Compares what a query gave with what a script expects; differences are sentences, undefined means none. */

const TOLERANCE = 1e-6;

/** Why a result is not what an `eval` expects, in one line. */
export function compareValue(command: EvalCommand, value: QueryValue): string | undefined {
  const { expected } = command;
  switch (value.type) {
    case 'string':
      if (expected.kind !== 'string') return 'got a string';
      return expected.text === value.value ? undefined : `expected "${expected.text}", got "${value.value}"`;
    case 'scalar':
      if (expected.kind !== 'scalar') return 'got a scalar';
      return almostEqual(expected.value, value.value, TOLERANCE)
        ? undefined
        : `expected ${expected.value}, got ${value.value}`;
    case 'vector':
      return compareVector(command, value.samples);
    case 'matrix':
      return unsorted(value.series) ?? compareMatrix(command, value.series);
  }
}

/** Why annotations are not what an `eval` expects. */
export function compareNotes(
  { expectations }: EvalCommand,
  { warnings, infos }: QueryResult,
): string | undefined {
  for (const [kind, texts] of [
    ['warn', warnings],
    ['info', infos],
  ] as const) {
    const expected = expectations.filter((expectation) => expectation.kind === kind);
    const matching = (text: string): boolean =>
      expected.some(({ matches }) => matches(text) || matches(bareNote(text)));
    for (const { matches, shown } of expected) {
      const found = texts.some((text) => matches(text) || matches(bareNote(text)));
      if (!found) return `expected ${kind} ${shown}, got ${JSON.stringify(texts)}`;
    }
    const surplus = texts.find((text) => !matching(text));
    const complete = expected.some(({ legacy }) => !legacy);
    if (complete && surplus !== undefined) return `unexpected ${kind} ${surplus}`;
    if (expectations.some((expectation) => expectation.kind === `no_${kind}`) && texts.length > 0) {
      return `unexpected ${kind} ${texts.join('; ')}`;
    }
  }
  return undefined;
}

/** Scripts up to v3.13 expect annotations without position and what is only known with it. */
function bareNote(text: string): string {
  return text.replace(/(, from buckets .*| \(\d+ occurrences\))? \(\d+:\d+\)$/, '');
}

/** Why a matrix is not in order of labels. */
export function unsorted(series: readonly MatrixSeries[]): string | undefined {
  for (let i = 1; i < series.length; i++) {
    const order = series[i - 1]!.labels.compare(series[i]!.labels);
    if (order > 0) return 'the matrix is not sorted';
    if (order === 0) return `the matrix has ${series[i]!.labels.toString()} twice`;
  }
  return undefined;
}

function compareVector(command: EvalCommand, samples: readonly VectorSample[]): string | undefined {
  if (command.expected.kind !== 'series') return `expected a ${command.expected.kind}, got a vector`;
  const expected = new Map(command.expected.series.map((series, i) => [series.labels.key, { ...series, i }]));
  const ordered = command.expectations.some(({ kind }) => kind === 'ordered');
  for (const [i, sample] of samples.entries()) {
    const name = sample.labels.toString();
    const wanted = expected.get(sample.labels.key);
    if (wanted === undefined) return `unexpected ${name} ${shownSample(sample.value, sample.histogram)}`;
    if (ordered && wanted.i !== i) return `${name} is at place ${i}, expected at ${wanted.i}`;
    const why = compareSample(wanted.values[0], sample.value, sample.histogram);
    if (why !== undefined) return `${name}: ${why}`;
    expected.delete(sample.labels.key);
  }
  for (const { labels } of expected.values()) return `expected ${labels.toString()}`;
  return undefined;
}

function compareMatrix(command: EvalCommand, series: readonly MatrixSeries[]): string | undefined {
  if (command.expected.kind !== 'series') return `expected a ${command.expected.kind}, got a matrix`;
  if (command.expectations.some(({ kind }) => kind === 'ordered')) return 'expected order, got a matrix';
  const expected = new Map(command.expected.series.map((one) => [one.labels.key, one]));
  for (const one of series) {
    const wanted = expected.get(one.labels.key);
    const points = pointsOf(one);
    const shown = `${one.labels.toString()}: ${[...points].map(([t, p]) => `${shownSample(p.value, p.histogram)}@${t}`).join(' ')}`;
    if (wanted === undefined) return `unexpected ${shown}`;
    expected.delete(one.labels.key);
    let count = 0;
    for (const [i, value] of wanted.values.entries()) {
      if (value.kind === 'omitted') continue;
      const tMs = command.startMs + i * command.stepMs;
      if (tMs > command.endMs) return `the query can't give ${wanted.values.length} points`;
      const point = points.get(tMs);
      if (point === undefined) return `expected a point at ${tMs}, got ${shown}`;
      const why = compareSample(value, point.value, point.histogram);
      if (why !== undefined) return `at ${tMs}: ${why}; got ${shown}`;
      count++;
    }
    if (count !== points.size) return `expected ${count} points, got ${shown}`;
  }
  for (const { labels } of expected.values()) return `expected ${labels.toString()}`;
  return undefined;
}

/** A sample of either kind. */
export interface Point {
  readonly value: number;
  readonly histogram: FloatHistogram | undefined;
}

/** The samples of a series by time. */
export function pointsOf(series: MatrixSeries): Map<number, Point> {
  const points = new Map<number, Point>();
  series.timestamps.forEach((tMs, i) => points.set(tMs, { value: series.values[i]!, histogram: undefined }));
  series.histograms?.timestamps.forEach((tMs, i) =>
    points.set(tMs, { value: NaN, histogram: series.histograms!.values[i] }),
  );
  return new Map([...points].sort(([a], [b]) => a - b));
}

function compareSample(
  wanted: SequenceValue | undefined,
  value: number,
  histogram: FloatHistogram | undefined,
): string | undefined {
  const got = shownSample(value, histogram);
  if (wanted?.kind === 'histogram') {
    const expected = wanted.histogram;
    if (histogram === undefined) return `expected ${shownHistogram(expected)}, got ${got}`;
    return sameHistogram(expected, histogram, wanted.hintGiven, TOLERANCE)
      ? undefined
      : `expected ${shownHistogram(expected)}, got ${got}`;
  }
  if (wanted?.kind !== 'number') return `expected a ${wanted?.kind ?? 'nothing'}, got ${got}`;
  if (histogram !== undefined || !almostEqual(wanted.value, value, TOLERANCE)) {
    return `expected ${wanted.value}, got ${got}`;
  }
  return undefined;
}

function shownSample(value: number, histogram: FloatHistogram | undefined): string {
  return histogram === undefined ? String(value) : shownHistogram(histogram);
}

/**
 * Whether two histograms are the same once empty buckets are left out, counts within the relative tolerance. The
 * counter reset hint counts only when asked for.
 *
 * @see prometheus promql/promqltest/test.go compareNativeHistogram
 */
export function sameHistogram(
  a: FloatHistogram,
  b: FloatHistogram,
  withHint: boolean,
  tolerance: number,
): boolean {
  const close = (x: number, y: number): boolean => almostEqual(x, y, tolerance);
  return (
    a.schema === b.schema &&
    close(a.count, b.count) &&
    close(a.sum, b.sum) &&
    a.zeroThreshold === b.zeroThreshold &&
    close(a.zeroCount, b.zeroCount) &&
    (!a.usesCustomBuckets || String(a.customValues) === String(b.customValues)) &&
    sameBuckets(
      bucketsOf(a.positiveSpans, a.positiveBuckets),
      bucketsOf(b.positiveSpans, b.positiveBuckets),
      close,
    ) &&
    sameBuckets(
      bucketsOf(a.negativeSpans, a.negativeBuckets),
      bucketsOf(b.negativeSpans, b.negativeBuckets),
      close,
    ) &&
    (!withHint || a.counterResetHint === b.counterResetHint)
  );
}

/** Counts of the buckets that aren't empty, by index. */
export function bucketsOf(spans: Int32Array, buckets: Float64Array): Map<number, number> {
  const found = new Map<number, number>();
  let index = 0;
  let at = 0;
  for (let span = 0; span < spans.length; span += 2) {
    index += spans[span]!;
    for (let i = 0; i < spans[span + 1]!; i++, index++, at++) {
      if (buckets[at] !== 0) found.set(index, buckets[at]!);
    }
  }
  return found;
}

function sameBuckets(
  a: ReadonlyMap<number, number>,
  b: ReadonlyMap<number, number>,
  close: (x: number, y: number) => boolean,
): boolean {
  if (a.size !== b.size) return false;
  for (const [index, count] of a) {
    const other = b.get(index);
    if (other === undefined || !close(count, other)) return false;
  }
  return true;
}

/** A histogram in the notation of scripts, with bucket indexes. */
export function shownHistogram(histogram: FloatHistogram): string {
  const { schema, count, sum, zeroCount, zeroThreshold, counterResetHint } = histogram;
  const buckets = (spans: Int32Array, counts: Float64Array): string =>
    [...bucketsOf(spans, counts)].map(([index, value]) => `${index}:${value}`).join(' ');
  const hint = Object.entries(CounterResetHint).find(([, value]) => value === counterResetHint)![0];
  return (
    `{{schema:${schema} count:${count} sum:${sum} z_bucket:${zeroCount} z_bucket_w:${zeroThreshold} ` +
    `custom_values:[${histogram.customValues.join(' ')}] counter_reset_hint:${hint} ` +
    `buckets:[${buckets(histogram.positiveSpans, histogram.positiveBuckets)}] ` +
    `n_buckets:[${buckets(histogram.negativeSpans, histogram.negativeBuckets)}]}}`
  );
}
