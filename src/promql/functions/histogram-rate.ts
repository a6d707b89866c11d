import {
  addHistograms,
  divideHistogram,
  scaleHistogram,
  subtractHistograms,
} from '../../core/histogram/arithmetic.ts';
import { compactHistogram } from '../../core/histogram/compact.ts';
import { CounterResetHint, FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { detectReset } from '../../core/histogram/resets.ts';
import { reduceResolution } from '../../core/histogram/resolution.ts';
import { stretch } from './rate.ts';
import { rangeEnd, rangeSeconds, type HistogramWindows, type RichWindows } from './range-kernel.ts';
import type { RangeNotes } from './range-notes.ts';
import { startsAnew, startsOverlap } from './start-times.ts';

/**
 * rate, increase and delta of native histograms.
 *
 * @see prometheus promql/functions.go extrapolatedRate, histogramRate
 */

/** The notes of one window; some failures replace whatever was noted before. */
interface Noted {
  notCounter: boolean;
  notGauge: boolean;
  subtractionReconciled: boolean;
  additionReconciled: boolean;
  overlap: boolean;
}

function isGauge(histogram: FloatHistogram): boolean {
  return histogram.counterResetHint === CounterResetHint.gauge;
}

function resetAt({ timestamps, starts }: HistogramWindows, i: number): boolean {
  return starts !== undefined && startsAnew(starts[i - 1]!, timestamps[i - 1]!, starts[i]!, timestamps[i]!);
}

/** An empty histogram with the bounds of another: the counter before its first observation. */
function emptyLike({ schema, customValues }: FloatHistogram): FloatHistogram {
  return new FloatHistogram({ schema, customValues });
}

/**
 * The lowest schema of a window; undefined where exponential and custom buckets are mixed. `first` stands for the first
 * sample, as it may not matter.
 */
function commonSchema(
  values: readonly FloatHistogram[],
  first: FloatHistogram,
  lo: number,
  hi: number,
  isCounter: boolean,
  noted: Noted,
): number | undefined {
  let schema = Math.min(first.schema, values[hi - 1]!.schema);
  // A gauge's samples between the first and the last have no part in the result.
  if (!isCounter) return schema;
  for (let i = lo + 1; i < hi - 1; i++) {
    const histogram = values[i]!;
    if (isGauge(histogram)) noted.notCounter = true;
    if (histogram.usesCustomBuckets !== first.usesCustomBuckets) return undefined;
    if (histogram.schema < schema) schema = histogram.schema;
  }
  return schema;
}

/** Adds what a counter lost by resets; undefined where buckets can't be added. */
function addResets(
  windows: HistogramWindows,
  increase: FloatHistogram,
  first: FloatHistogram,
  lo: number,
  hi: number,
  noted: Noted,
): FloatHistogram | undefined {
  const { timestamps, values, starts } = windows;
  let result = increase;
  let previous = first;
  for (let i = lo + 1; i < hi; i++) {
    const histogram = values[i]!;
    if (starts !== undefined && startsOverlap(starts[i - 1]!, timestamps[i - 1]!, starts[i]!)) {
      noted.overlap = true;
    }
    if (resetAt(windows, i) || detectReset(histogram, previous)) {
      const combined = addHistograms(result, previous);
      if (combined.kind === 'incompatibleSchema') return undefined;
      noted.additionReconciled ||= combined.boundsReconciled;
      result = combined.histogram;
    }
    previous = histogram;
  }
  return result;
}

/** The increase from the first to the last sample of a window with at least two; undefined where there is none. */
function histogramIncrease(
  windows: HistogramWindows,
  lo: number,
  hi: number,
  isCounter: boolean,
  notes: RangeNotes,
): FloatHistogram | undefined {
  const { values } = windows;
  const last = values[hi - 1]!;
  let first = values[lo]!;
  const noted: Noted = {
    notCounter: isCounter && (isGauge(first) || isGauge(last)),
    notGauge: !isCounter && (!isGauge(first) || !isGauge(last)),
    subtractionReconciled: false,
    additionReconciled: false,
    overlap: false,
  };
  const second = values[lo + 1]!;
  // A reset right after the first sample makes its layout irrelevant.
  if (isCounter && (resetAt(windows, lo + 1) || detectReset(second, first))) first = emptyLike(second);
  if (last.usesCustomBuckets !== first.usesCustomBuckets) {
    if (noted.notCounter) notes.notCounter();
    notes.mixedExponentialCustom();
    return undefined;
  }
  const schema = commonSchema(values, first, lo, hi, isCounter, noted);
  const difference =
    schema === undefined ? undefined : subtractHistograms(reduceResolution(last, schema), first);
  if (difference === undefined || difference.kind === 'incompatibleSchema') {
    notes.mixedExponentialCustom();
    return undefined;
  }
  noted.subtractionReconciled = difference.boundsReconciled;
  const increase = isCounter
    ? addResets(windows, difference.histogram, first, lo, hi, noted)
    : difference.histogram;
  if (increase === undefined) {
    notes.mixedExponentialCustom();
    return undefined;
  }
  report(noted, notes);
  return compactHistogram(increase.with({ counterResetHint: CounterResetHint.gauge }), 0);
}

function report(noted: Noted, notes: RangeNotes): void {
  if (noted.notCounter) notes.notCounter();
  if (noted.notGauge) notes.notGauge();
  if (noted.subtractionReconciled) notes.customBucketsReconciled('subtraction');
  if (noted.additionReconciled) notes.customBucketsReconciled('addition');
  if (noted.overlap) notes.startTimeOverlap();
}

/**
 * The factor of a window whose first sample's counter began within the range: there it was zero, so nothing needs to be
 * extrapolated to the left.
 */
export function stretchFromStart(
  startedMs: number,
  firstMs: number,
  lastMs: number,
  count: number,
  endMs: number,
): number {
  const spacing = count > 1 ? (lastMs - firstMs) / 1000 / (count - 1) : 0;
  const sampled = (lastMs - startedMs) / 1000;
  let toEnd = (endMs - lastMs) / 1000;
  if (toEnd >= spacing * 1.1) toEnd = spacing / 2;
  return sampled === 0 ? 1 : (sampled + toEnd) / sampled;
}

/** rate, increase or delta over one window of histograms; undefined where there is no result. */
export function extrapolatedHistogram(
  { histograms, all, notes }: RichWindows,
  step: number,
  isCounter: boolean,
  perSecond: boolean,
): FloatHistogram | undefined {
  const { timestamps, values, starts, lo, hi } = histograms;
  const first = lo[step]!;
  const end = hi[step]!;
  const firstMs = timestamps[first]!;
  const lastMs = timestamps[end - 1]!;
  const endMs = rangeEnd(all, step);
  const startMs = endMs - all.rangeMs;
  let increase = end - first > 1 ? histogramIncrease(histograms, first, end, isCounter, notes) : undefined;
  if (end - first > 1 && increase === undefined) return undefined;
  const startedMs = isCounter ? (starts?.[first] ?? 0) : 0;
  let factor: number;
  if (startedMs !== 0 && startedMs > startMs && startedMs < firstMs) {
    increase = increase === undefined ? values[first]! : plusFirst(increase, values[first]!, notes);
    if (increase === undefined) return undefined;
    factor = stretchFromStart(startedMs, firstMs, lastMs, end - first, endMs);
  } else {
    if (increase === undefined) return undefined;
    const count = isCounter ? values[first]!.count : NaN;
    factor = stretch(timestamps, first, end, startMs, endMs, count, increase.count);
  }
  return scaleHistogram(increase, perSecond ? factor / rangeSeconds(all.rangeMs) : factor);
}

function plusFirst(
  increase: FloatHistogram,
  first: FloatHistogram,
  notes: RangeNotes,
): FloatHistogram | undefined {
  const combined = addHistograms(increase, first);
  if (combined.kind === 'incompatibleSchema') {
    notes.mixedExponentialCustom();
    return undefined;
  }
  if (combined.boundsReconciled) notes.customBucketsReconciled('addition');
  return combined.histogram;
}

/**
 * irate or idelta of the last two samples, which are histograms; undefined where there is no result.
 *
 * @see prometheus promql/functions.go instantValue
 */
export function lastTwoHistograms(
  windows: HistogramWindows,
  last: number,
  perSecond: boolean,
  notes: RangeNotes,
): FloatHistogram | undefined {
  const { timestamps, values } = windows;
  const current = values[last]!;
  const previous = values[last - 1]!;
  const bothGauges = isGauge(current) && isGauge(previous);
  if (perSecond && (isGauge(current) || isGauge(previous))) notes.notCounter();
  if (!perSecond && !bothGauges) notes.notGauge();
  let result = current;
  if (!perSecond || !(resetAt(windows, last) || detectReset(current, previous))) {
    const combined = subtractHistograms(current, previous);
    if (combined.kind === 'incompatibleSchema') {
      notes.mixedExponentialCustom();
      return undefined;
    }
    if (combined.boundsReconciled) notes.customBucketsReconciled('subtraction');
    result = combined.histogram;
  }
  result = compactHistogram(result.with({ counterResetHint: CounterResetHint.gauge }), 0);
  const seconds = (timestamps[last]! - timestamps[last - 1]!) / 1000;
  return perSecond ? divideHistogram(result, seconds) : result;
}
