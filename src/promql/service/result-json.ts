import { formatSampleValue } from '../../core/float-text.ts';
import { allBuckets } from '../../core/histogram/buckets.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { Labels } from '../../core/labels.ts';
import { type JsonBytes, secondsText } from './json-bytes.ts';
import type { MatrixSeries, QueryValue, VectorSample } from '../query-engine.ts';

/** Points of a series that are written at a time. */
const POINTS_PER_TURN = 1000;
/** As {@link POINTS_PER_TURN}; histograms are larger. */
const HISTOGRAMS_PER_TURN = 20;

/**
 * Writes the result of a query as the HTTP API gives it. Stops after every bit of work, so that whoever runs it can take
 * what was written and give other work a turn; something is always written after the last stop.
 *
 * @see prometheus web/api/v1/json_codec.go, util/jsonutil/marshal.go
 */
export function* writeResult(value: QueryValue, out: JsonBytes): Generator<undefined, undefined, undefined> {
  switch (value.type) {
    case 'scalar':
      out.point(value.tMs, value.value, false);
      return;
    case 'string':
      out.text(`[${secondsText(value.tMs)},${JSON.stringify(value.value)}]`);
      return;
    case 'vector':
      out.text('[');
      for (const [i, sample] of value.samples.entries()) {
        if (i > 0) out.text(',');
        writeVectorSample(sample, out);
        yield;
      }
      out.text(']');
      return;
    case 'matrix':
      out.text('[');
      for (const [i, series] of value.series.entries()) {
        if (i > 0) out.text(',');
        yield* writeSeries(series, out);
        yield;
      }
      out.text(']');
  }
}

/** Labels in their order. */
export function labelsJson(labels: Labels): string {
  return labels.json;
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

function writeVectorSample({ labels, tMs, value, histogram }: VectorSample, out: JsonBytes): void {
  out.text('{"metric":');
  out.text(labels.json);
  if (histogram === undefined) {
    out.text(',"value":');
    out.beginSeries();
    out.point(tMs, value, false);
  } else {
    out.text(`,"histogram":${histogramPoint(tMs, histogram)}`);
  }
  out.text('}');
}

function* writeSeries(series: MatrixSeries, out: JsonBytes): Generator<undefined, undefined, undefined> {
  const { timestamps, values, histograms } = series;
  out.text('{"metric":');
  out.text(series.labels.json);
  if (timestamps.length > 0) {
    out.text(',"values":[');
    out.beginSeries();
    for (let i = 0; i < timestamps.length; i++) {
      out.point(timestamps[i]!, values[i]!, i > 0);
      if (i % POINTS_PER_TURN === POINTS_PER_TURN - 1) yield;
    }
    out.text(']');
  }
  if (histograms !== undefined && histograms.timestamps.length > 0) {
    out.text(',"histograms":[');
    for (const [i, tMs] of histograms.timestamps.entries()) {
      if (i > 0) out.text(',');
      out.text(histogramPoint(tMs, histograms.values[i]!));
      if (i % HISTOGRAMS_PER_TURN === HISTOGRAMS_PER_TURN - 1) yield;
    }
    out.text(']');
  }
  out.text('}');
}
