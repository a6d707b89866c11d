import { formatFloatGeneral } from '../float-text.ts';
import {
  CUSTOM_BUCKETS_SCHEMA,
  MAX_EXPONENTIAL_SCHEMA,
  MIN_EXPONENTIAL_SCHEMA,
  type FloatHistogram,
  type Spans,
} from './float-histogram.ts';

/**
 * What is wrong with a histogram, in Prometheus' words; undefined when nothing is. Looked at are the schema, the spans
 * and the buckets they call for, bounds, and that no count is negative; not whether the counts of buckets add up.
 *
 * @see prometheus model/histogram/float_histogram.go Validate
 */
export function validateHistogram(h: FloatHistogram): string | undefined {
  let fault: string | undefined;
  if (h.usesCustomBuckets) fault = customFault(h);
  else if (h.schema >= MIN_EXPONENTIAL_SCHEMA && h.schema <= MAX_EXPONENTIAL_SCHEMA)
    fault = exponentialFault(h);
  else {
    fault =
      `histogram has an invalid schema, which must be between ${MIN_EXPONENTIAL_SCHEMA} and ${MAX_EXPONENTIAL_SCHEMA} for ` +
      `exponential buckets, or ${CUSTOM_BUCKETS_SCHEMA} for custom buckets, got schema ${h.schema}`;
  }
  if (fault !== undefined) return fault;
  if (h.count < 0) {
    return `observation count is  ${formatFloatGeneral(h.count)}: histogram's observation count is negative`;
  }
  return onSide('positive', bucketFault(h.positiveBuckets));
}

/**
 * What is wrong with the counts of a well-formed histogram that counts whole observations: they must add up. Undefined when nothing
 * is, and for counts that floats do not have exactly.
 *
 * @see prometheus model/histogram/histogram.go Validate
 */
export function validateWholeCounts(h: FloatHistogram): string | undefined {
  let found = h.zeroCount;
  for (const count of h.positiveBuckets) found += count;
  for (const count of h.negativeBuckets) found += count;
  if (found > Number.MAX_SAFE_INTEGER || h.count > Number.MAX_SAFE_INTEGER) return undefined;
  if (Number.isNaN(h.sum) ? found <= h.count : found === h.count) return undefined;
  const rule = Number.isNaN(h.sum)
    ? "histogram's observation count should be at least the number of observations found in the buckets"
    : "histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)";
  return `${found} observations found in buckets, but the Count field is ${h.count}: ${rule}`;
}

function onSide(side: 'positive' | 'negative', fault: string | undefined): string | undefined {
  return fault === undefined ? undefined : `${side} side: ${fault}`;
}

function exponentialFault(h: FloatHistogram): string | undefined {
  const fault =
    onSide('positive', spanFault(h.positiveSpans, h.positiveBuckets, 2)) ??
    onSide('negative', spanFault(h.negativeSpans, h.negativeBuckets, 2)) ??
    onSide('negative', bucketFault(h.negativeBuckets));
  if (fault !== undefined) return fault;
  if (h.zeroCount < 0)
    return `zero bucket has observation count of ${formatFloatGeneral(h.zeroCount)}: ${NEGATIVE_BUCKET}`;
  if (h.customValues.length > 0) return 'histogram with exponential schema must not have custom bounds';
  return undefined;
}

function customFault(h: FloatHistogram): string | undefined {
  const fault =
    boundsFault(h.customValues) ??
    spanFault(h.positiveSpans, h.positiveBuckets, 0) ??
    reachFault(h.positiveSpans, h.customValues.length);
  if (fault !== undefined) return `custom buckets: ${fault}`;
  if (h.zeroCount !== 0) return 'custom buckets: must have zero count of 0';
  if (h.zeroThreshold !== 0) return 'custom buckets: must have zero threshold of 0';
  if (h.negativeSpans.length > 0) return 'custom buckets: must not have negative spans';
  if (h.negativeBuckets.length > 0) return 'custom buckets: must not have negative buckets';
  return undefined;
}

function boundsFault(bounds: Float64Array): string | undefined {
  for (let i = 0; i < bounds.length; i++) {
    const bound = bounds[i]!;
    if (Number.isNaN(bound)) return 'histogram custom bounds must not be NaN';
    if (i > 0 && bound <= bounds[i - 1]!) {
      const shown = `previous bound is ${sixDecimals(bounds[i - 1]!)} and current is ${sixDecimals(bound)}`;
      return `${shown}: histogram custom bounds must be in strictly increasing order`;
    }
  }
  if (bounds.at(-1) === Infinity) {
    return 'last +Inf bound must not be explicitly defined: histogram custom bounds must be finite';
  }
  return undefined;
}

/** Go's `%f`. */
function sixDecimals(value: number): string {
  return Number.isFinite(value) && Math.abs(value) < 1e21 ? value.toFixed(6) : formatFloatGeneral(value);
}

/** Spans whose offsets are negative, from number `from` (in the array) on, or that call for other than the buckets. */
function spanFault(spans: Spans, buckets: Float64Array, from: 0 | 2): string | undefined {
  let needed = 0;
  for (let i = 0; i < spans.length; i += 2) {
    if (i >= from && spans[i]! < 0) {
      return `span number ${i / 2 + 1} with offset ${spans[i]}: histogram has a span whose offset is negative`;
    }
    needed += spans[i + 1]!;
  }
  if (needed === buckets.length) return undefined;
  return (
    `spans need ${needed} buckets, have ${buckets.length} buckets: ` +
    'histogram spans specify different number of buckets than provided'
  );
}

function reachFault(spans: Spans, bounds: number): string | undefined {
  let reach = 0;
  for (const number of spans) reach += number;
  if (bounds + 1 >= reach) return undefined;
  return (
    `only ${bounds} custom bounds defined which is insufficient to cover total span length of ${reach}: ` +
    'histogram custom bounds are too few'
  );
}

const NEGATIVE_BUCKET = 'histogram has a bucket whose observation count is negative';

function bucketFault(counts: Float64Array): string | undefined {
  for (let i = 0; i < counts.length; i++) {
    if (counts[i]! < 0) {
      return `bucket number ${i + 1} has observation count of ${formatFloatGeneral(counts[i]!)}: ${NEGATIVE_BUCKET}`;
    }
  }
  return undefined;
}
