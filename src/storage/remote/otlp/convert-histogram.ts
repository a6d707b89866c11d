import {
  CUSTOM_BUCKETS_SCHEMA,
  CounterResetHint,
  FloatHistogram,
  MAX_EXPONENTIAL_SCHEMA,
  MIN_EXPONENTIAL_SCHEMA,
  NO_FLOATS,
  NO_SPANS,
} from '../../../core/histogram/float-histogram.ts';
import type { Spans } from '../../../core/histogram/float-histogram.ts';
import { staleMarker } from '../../stale.ts';
import { NO_RECORDED_VALUE, Temporality } from './model.ts';
import type { DenseBuckets, ExponentialPoint, HistogramPoint } from './model.ts';
import { TranslationError } from './metric-name.ts';

/** Width of the zero bucket: OpenTelemetry's own is not looked at. */
const ZERO_THRESHOLD = 1e-128;
/** Up to so many empty buckets are written rather than a new span. */
const MAX_GAP = 2;

interface Layout {
  readonly spans: Spans;
  readonly counts: Float64Array;
}

/**
 * An exponential histogram as a native one; finer scales than there are schemas are merged. Throws
 * {@link TranslationError} for a coarser scale.
 *
 * @see prometheus storage/remote/otlptranslator/prometheusremotewrite/histograms.go
 */
export function exponentialHistogram(point: ExponentialPoint, temporality: number): FloatHistogram {
  const { scale, zeroCount, positive, negative } = point;
  if (scale < MIN_EXPONENTIAL_SCHEMA) {
    throw new TranslationError(
      `cannot convert exponential to native histogram. Scale must be >= ${MIN_EXPONENTIAL_SCHEMA}, was ${scale}`,
    );
  }
  const levels = Math.max(0, scale - MAX_EXPONENTIAL_SCHEMA);
  const positiveSide = layoutOf(positive, levels, 1);
  const negativeSide = layoutOf(negative, levels, 1);
  return new FloatHistogram({
    ...countAndSum(point),
    schema: scale - levels,
    zeroThreshold: ZERO_THRESHOLD,
    zeroCount,
    positiveSpans: positiveSide.spans,
    positiveBuckets: positiveSide.counts,
    negativeSpans: negativeSide.spans,
    negativeBuckets: negativeSide.counts,
    counterResetHint: hintOf(temporality),
  });
}

/** A histogram with explicit bounds as a native one with custom buckets. */
export function customBucketsHistogram(point: HistogramPoint, temporality: number): FloatHistogram {
  const { bucketCounts, bounds } = point;
  const first = bucketCounts.findIndex((count) => count !== 0);
  const offset = first < 0 ? bucketCounts.length : first;
  const { spans, counts } = layoutOf({ offset, counts: bucketCounts.slice(offset) }, 0, 0);
  return new FloatHistogram({
    ...countAndSum(point),
    schema: CUSTOM_BUCKETS_SCHEMA,
    positiveSpans: spans,
    positiveBuckets: counts,
    customValues: Float64Array.from(bounds),
    counterResetHint: hintOf(temporality),
  });
}

function countAndSum({ count, sum, flags }: HistogramPoint | ExponentialPoint): {
  count: number;
  sum: number;
} {
  return (flags & NO_RECORDED_VALUE) !== 0 ? { count: 0, sum: staleMarker } : { count, sum: sum ?? 0 };
}

/** Resets are looked for when histograms are read: starts of counters say too little. */
function hintOf(temporality: number): CounterResetHint {
  return temporality === Temporality.delta ? CounterResetHint.gauge : CounterResetHint.unknown;
}

/**
 * Buckets as spans: 2^levels neighbours are merged into one. `shift` is added to the first index: Prometheus' bucket i has
 * the upper bound base^i, OpenTelemetry's the lower one.
 *
 * (Prometheus 3.14 puts counts a bucket too low where it merges and a bucket before is empty; here they are where they belong.)
 */
function layoutOf(buckets: DenseBuckets, levels: number, shift: 0 | 1): Layout {
  const { offset, counts } = levels === 0 ? buckets : merged(buckets, levels);
  if (counts.length === 0) return { spans: NO_SPANS, counts: NO_FLOATS };
  const spans: number[] = [offset + shift, 0];
  const out: number[] = [];
  const put = (count: number, gap: number): void => {
    if (gap > MAX_GAP) spans.push(gap, 0);
    else {
      for (let i = 0; i < gap; i++) out.push(0);
      spans[spans.length - 1]! += gap;
    }
    spans[spans.length - 1]!++;
    out.push(count);
  };
  let gap = 0;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] === 0 && i < counts.length - 1) {
      gap++;
      continue;
    }
    put(counts[i]!, gap);
    gap = 0;
  }
  return { spans: Int32Array.from(spans), counts: Float64Array.from(out) };
}

function merged({ offset, counts }: DenseBuckets, levels: number): DenseBuckets {
  const indexOf = (i: number): number => (offset + i) >> Math.min(levels, 31);
  const first = indexOf(0);
  const out: number[] = [];
  for (let i = 0; i < counts.length; i++) {
    const at = indexOf(i) - first;
    if (at < 0) throw new TranslationError('an exponential histogram has buckets beyond the last index');
    out[at] = (out[at] ?? 0) + counts[i]!;
  }
  return { offset: first, counts: out };
}
