import {
  CUSTOM_BUCKETS_SCHEMA,
  FloatHistogram,
  MAX_EXPONENTIAL_SCHEMA,
  MIN_EXPONENTIAL_SCHEMA,
} from '../../../core/histogram/float-histogram.ts';
import type { CounterResetHint, Spans } from '../../../core/histogram/float-histogram.ts';
import { reduceResolution } from '../../../core/histogram/resolution.ts';
import { isStale, staleMarker } from '../../stale.ts';
import type { RecordCursor } from './record-cursor.ts';
import { storedSample } from '../stored-sample.ts';
import type { StoredSample } from '../stored-sample.ts';

/** Highest schema that Prometheus' log may have; those above the highest known one are read at that one's resolution. */
const MAX_SCHEMA_IN_LOG = 52;

/**
 * Reads a histogram of the log, one of floats or one of whole numbers. Where Prometheus marks the end of a series with a
 * histogram whose sum is the stale marker, the answer is the stale marker itself. Undefined for a histogram whose
 * schema nobody knows; as Prometheus does, it is left out.
 *
 * @see prometheus tsdb/record/record.go DecodeHistogram, DecodeFloatHistogram
 */
export function readHistogram(
  cursor: RecordCursor,
  isInteger: boolean,
  startMs: number,
): StoredSample | undefined {
  const counterResetHint = (cursor.byte() & 3) as CounterResetHint;
  const schema = cursor.varint();
  const zeroThreshold = cursor.float();
  const zeroCount = isInteger ? cursor.uvarint() : cursor.float();
  const count = isInteger ? cursor.uvarint() : cursor.float();
  const sum = cursor.float();
  const positiveSpans = readSpans(cursor);
  const negativeSpans = readSpans(cursor);
  const positiveBuckets = isInteger ? readDeltas(cursor) : readFloats(cursor);
  const negativeBuckets = isInteger ? readDeltas(cursor) : readFloats(cursor);
  const customValues = schema === CUSTOM_BUCKETS_SCHEMA ? readFloats(cursor) : undefined;
  if (isStale(sum)) return storedSample({ value: staleMarker, histogram: undefined, startMs });
  const isKnown =
    schema === CUSTOM_BUCKETS_SCHEMA || (schema >= MIN_EXPONENTIAL_SCHEMA && schema <= MAX_SCHEMA_IN_LOG);
  if (!isKnown) return undefined;
  const histogram = new FloatHistogram({
    schema,
    count,
    sum,
    zeroThreshold,
    zeroCount,
    positiveSpans,
    positiveBuckets,
    negativeSpans,
    negativeBuckets,
    ...(customValues && { customValues }),
    counterResetHint,
  });
  const isTooFine = schema > MAX_EXPONENTIAL_SCHEMA;
  return storedSample({
    value: NaN,
    histogram: isTooFine ? reduceResolution(histogram, MAX_EXPONENTIAL_SCHEMA) : histogram,
    startMs,
  });
}

function readSpans(cursor: RecordCursor): Spans {
  const spans = new Int32Array(cursor.size(2) * 2);
  for (let i = 0; i < spans.length; i += 2) {
    spans[i] = cursor.varint();
    spans[i + 1] = cursor.uvarint();
  }
  return spans;
}

function readFloats(cursor: RecordCursor): Float64Array {
  const values = new Float64Array(cursor.size(8));
  for (let i = 0; i < values.length; i++) values[i] = cursor.float();
  return values;
}

/** Whole numbers, each as the difference from the one before. */
function readDeltas(cursor: RecordCursor): Float64Array {
  const values = new Float64Array(cursor.size(1));
  let value = 0;
  for (let i = 0; i < values.length; i++) values[i] = value += cursor.varint();
  return values;
}
