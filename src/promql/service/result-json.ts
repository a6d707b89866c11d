import { formatSampleValue } from '../../core/float-text.ts';
import { allBuckets } from '../../core/histogram/buckets.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { Labels } from '../../core/labels.ts';
import type { MatrixSeries, QueryValue, VectorSample } from '../query-engine.ts';

/** Points of a series that go into one piece. */
const POINTS_PER_PIECE = 1000;
/** As {@link POINTS_PER_PIECE}; histograms are larger. */
const HISTOGRAMS_PER_PIECE = 20;

/**
 * The result of a query as the HTTP API gives it, in pieces that are made as they are asked for.
 *
 * @see prometheus web/api/v1/json_codec.go, util/jsonutil/marshal.go
 */
export function* resultPieces(value: QueryValue): Generator<string, undefined, undefined> {
  switch (value.type) {
    case 'scalar':
      yield floatPoint(value.tMs, value.value);
      return;
    case 'string':
      yield `[${secondsText(value.tMs)},${JSON.stringify(value.value)}]`;
      return;
    case 'vector': {
      let open = '[';
      for (const sample of value.samples) {
        yield open + vectorSample(sample);
        open = ',';
      }
      yield open === '[' ? '[]' : ']';
      return;
    }
    case 'matrix': {
      let open = '[';
      for (const series of value.series) {
        yield* seriesPieces(series, open);
        open = ',';
      }
      yield open === '[' ? '[]' : ']';
    }
  }
}

/** Labels in their order. */
export function labelsJson(labels: Labels): string {
  let out = '';
  for (const [name, value] of labels) {
    out += `${out === '' ? '{' : ','}${JSON.stringify(name)}:${JSON.stringify(value)}`;
  }
  return out === '' ? '{}' : `${out}}`;
}

/** Seconds: a whole number or exactly three decimals, as Prometheus writes timestamps. */
function secondsText(timeMs: number): string {
  const negative = timeMs < 0;
  const magnitude = Math.abs(timeMs);
  const fraction = magnitude % 1000;
  const whole = String(Math.floor(magnitude / 1000));
  const text = fraction === 0 ? whole : `${whole}.${String(fraction).padStart(3, '0')}`;
  return negative ? `-${text}` : text;
}

function floatPoint(tMs: number, value: number): string {
  return `[${secondsText(tMs)},"${formatSampleValue(value)}"]`;
}

function histogramPoint(tMs: number, histogram: FloatHistogram): string {
  return `[${secondsText(tMs)},${histogramJson(histogram)}]`;
}

/** A bucket's bounds: 0 (lower, upper], 1 [lower, upper), 2 (lower, upper), 3 [lower, upper]. Empty ones are left out. */
function histogramJson(histogram: FloatHistogram): string {
  let buckets = '';
  for (const { lower, upper, lowerInclusive, upperInclusive, count } of allBuckets(histogram)) {
    if (count === 0) continue;
    const rule = lowerInclusive ? (upperInclusive ? 3 : 1) : upperInclusive ? 0 : 2;
    buckets += `${buckets === '' ? '' : ','}[${rule},"${formatSampleValue(lower)}","${formatSampleValue(upper)}","${formatSampleValue(count)}"]`;
  }
  const { count, sum } = histogram;
  const totals = `"count":"${formatSampleValue(count)}","sum":"${formatSampleValue(sum)}"`;
  return `{${totals}${buckets === '' ? '' : `,"buckets":[${buckets}]`}}`;
}

function vectorSample({ labels, tMs, value, histogram }: VectorSample): string {
  const metric = `{"metric":${labelsJson(labels)}`;
  return histogram === undefined
    ? `${metric},"value":${floatPoint(tMs, value)}}`
    : `${metric},"histogram":${histogramPoint(tMs, histogram)}}`;
}

function* seriesPieces(series: MatrixSeries, open: string): Generator<string, undefined, undefined> {
  let piece = `${open}{"metric":${labelsJson(series.labels)}`;
  const { timestamps, values, histograms } = series;
  for (let i = 0; i < timestamps.length; i++) {
    piece += i === 0 ? ',"values":[' : ',';
    piece += floatPoint(timestamps[i]!, values[i]!);
    if (i % POINTS_PER_PIECE === POINTS_PER_PIECE - 1) {
      yield piece;
      piece = '';
    }
  }
  if (timestamps.length > 0) piece += ']';
  const count = histograms?.timestamps.length ?? 0;
  for (let i = 0; i < count; i++) {
    piece += i === 0 ? ',"histograms":[' : ',';
    piece += histogramPoint(histograms!.timestamps[i]!, histograms!.values[i]!);
    if (i % HISTOGRAMS_PER_PIECE === HISTOGRAMS_PER_PIECE - 1) {
      yield piece;
      piece = '';
    }
  }
  yield `${piece}${count > 0 ? ']' : ''}}`;
}
