import { formatSampleValue } from '../core/float-text.ts';
import type { Labels } from '../core/labels.ts';
import type { MatrixSeries, QueryValue, VectorSample } from '../promql/index.ts';

/** JSON in pieces, made as they are asked for, so that a large answer is never one text. */
export type JsonPieces = Iterable<string>;

/** A value small enough for one piece. */
export function* json(value: unknown): JsonPieces {
  yield JSON.stringify(value);
}

/** A list, one piece for each item. */
export function* jsonList<T>(items: Iterable<T>, toText: (item: T) => string): JsonPieces {
  let open = '[';
  for (const item of items) {
    yield open + toText(item);
    open = ',';
  }
  yield open === '[' ? '[]' : ']';
}

/** An object; the values are pieces of their own. */
export function* jsonObject(fields: Readonly<Record<string, JsonPieces>>): JsonPieces {
  let open = '{';
  for (const [name, value] of Object.entries(fields)) {
    yield `${open}${JSON.stringify(name)}:`;
    yield* value;
    open = ',';
  }
  yield open === '{' ? '{}' : '}';
}

/** Labels in their order. */
export function labelsJson(labels: Labels): string {
  return pairsJson(labels);
}

/** Name and text pairs as an object. */
export function pairsJson(pairs: Iterable<readonly [string, string]>): string {
  let out = '';
  for (const [name, value] of pairs) {
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

function point(tMs: number, value: number): string {
  return `[${secondsText(tMs)},"${formatSampleValue(value)}"]`;
}

function vectorSample(sample: VectorSample): string {
  return `{"metric":${labelsJson(sample.labels)},"value":${point(sample.tMs, sample.value)}}`;
}

/** Points of a series that go into one piece. */
const POINTS_PER_PIECE = 1000;

function* seriesPieces(series: MatrixSeries): JsonPieces {
  let piece = `{"metric":${labelsJson(series.labels)}`;
  const { timestamps, values } = series;
  for (let i = 0; i < timestamps.length; i++) {
    piece += i === 0 ? ',"values":[' : ',';
    piece += point(timestamps[i]!, values[i]!);
    if (i % POINTS_PER_PIECE === POINTS_PER_PIECE - 1) {
      yield piece;
      piece = '';
    }
  }
  yield `${piece}${timestamps.length > 0 ? ']' : ''}}`;
}

function* matrixPieces(all: readonly MatrixSeries[]): JsonPieces {
  yield '[';
  for (const [i, series] of all.entries()) {
    if (i > 0) yield ',';
    yield* seriesPieces(series);
  }
  yield ']';
}

/** The result of a query. */
export function resultPieces(value: QueryValue): JsonPieces {
  switch (value.type) {
    case 'scalar':
      return [point(value.tMs, value.value)];
    case 'string':
      return [`[${secondsText(value.tMs)},${JSON.stringify(value.value)}]`];
    case 'vector':
      return jsonList(value.samples, vectorSample);
    case 'matrix':
      return matrixPieces(value.series);
  }
}

/** RFC 3339 as Go writes it: only the digits of the second that are needed; Go's zero time when undefined. */
export function timeText(timeMs: number | undefined): string {
  if (timeMs === undefined) return '0001-01-01T00:00:00Z';
  return new Date(timeMs).toISOString().replace(/\.?0*Z$/, 'Z');
}
