import {
  addHistograms,
  divideHistogram,
  scaleHistogram,
  subtractHistograms,
  type Combined,
} from '../../core/histogram/arithmetic.ts';
import { compactHistogram } from '../../core/histogram/compact.ts';
import { CounterResetHint, type FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { detectReset } from '../../core/histogram/resets.ts';
import { extendedBounds, type ExtendedBounds } from './extended-bounds.ts';
import { rangeEnd, rangeSeconds, type HistogramWindows, type RichWindows } from './range-kernel.ts';

/**
 * rate, increase and delta of native histograms over `anchored` and `smoothed` ranges.
 *
 * @see prometheus promql/functions.go extendedHistogramRate
 */

/** What is said about histograms that are combined. */
export interface CombiningNotes {
  mixedExponentialCustom(): void;
  customBucketsReconciled(operation: 'addition' | 'subtraction'): void;
}

/** A histogram at a time. */
export interface TimedHistogram {
  readonly tMs: number;
  readonly histogram: FloatHistogram;
}

/** The combined histogram, with notes; undefined where exponential and custom buckets are mixed. */
function noted(
  combined: Combined,
  operation: 'addition' | 'subtraction',
  notes: CombiningNotes,
): FloatHistogram | undefined {
  if (combined.kind === 'incompatibleSchema') {
    notes.mixedExponentialCustom();
    return undefined;
  }
  if (combined.boundsReconciled) notes.customBucketsReconciled(operation);
  return combined.histogram;
}

/**
 * The histogram at `tMs` between two others. Where a counter was reset between them it began empty. Undefined where
 * exponential and custom buckets are mixed.
 *
 * @see prometheus promql/functions.go interpolateHistograms
 */
export function interpolatedHistogram(
  from: TimedHistogram,
  to: TimedHistogram,
  tMs: number,
  isCounter: boolean,
  notes: CombiningNotes,
): FloatHistogram | undefined {
  if (tMs === from.tMs) return from.histogram;
  if (tMs === to.tMs) return to.histogram;
  const fraction = (tMs - from.tMs) / (to.tMs - from.tMs);
  if (isCounter && detectReset(to.histogram, from.histogram)) return scaleHistogram(to.histogram, fraction);
  const difference = noted(subtractHistograms(to.histogram, from.histogram), 'subtraction', notes);
  if (difference === undefined) return undefined;
  return noted(addHistograms(scaleHistogram(difference, fraction), from.histogram), 'addition', notes);
}

function isGauge({ counterResetHint }: FloatHistogram): boolean {
  return counterResetHint === CounterResetHint.gauge;
}

function sampleAt({ timestamps, values }: HistogramWindows, i: number): TimedHistogram {
  return { tMs: timestamps[i]!, histogram: values[i]! };
}

/** False where exponential and custom buckets are mixed. */
function checked(rich: RichWindows, { first, last }: ExtendedBounds, isCounter: boolean): boolean {
  const { histograms, notes } = rich;
  const custom = histograms.values[first]!.usesCustomBuckets;
  for (let i = first; i <= last; i++) {
    const histogram = histograms.values[i]!;
    if (histogram.usesCustomBuckets !== custom) {
      notes.mixedExponentialCustom();
      return false;
    }
    if (isCounter && isGauge(histogram)) notes.notCounter();
  }
  return true;
}

/**
 * Adds what a counter lost by resets on its way from `left` to `right`; undefined where histograms can't be added. The
 * resets within the intervals of interpolation are accounted for by interpolating.
 *
 * @see prometheus promql/functions.go correctForCounterResetsHistogram
 */
function addLost(
  rich: RichWindows,
  { first, last }: ExtendedBounds,
  ends: { readonly left: FloatHistogram; readonly right: FloatHistogram; readonly spansReset: boolean },
  increase: FloatHistogram,
): FloatHistogram | undefined {
  const { histograms, notes } = rich;
  const { values } = histograms;
  const from = ends.spansReset ? first + 2 : first + 1;
  if (from > last) return increase;
  let previous = ends.spansReset ? values[first + 1]! : ends.left;
  let correction: FloatHistogram | undefined;
  const path = [...values.slice(from, last), ends.right];
  for (const histogram of path) {
    if (detectReset(histogram, previous)) {
      correction =
        correction === undefined ? previous : noted(addHistograms(correction, previous), 'addition', notes);
      if (correction === undefined) return undefined;
    }
    previous = histogram;
  }
  return correction === undefined ? increase : noted(addHistograms(increase, correction), 'addition', notes);
}

/** One window of histograms; undefined where there is no result. */
export function extendedHistogramRate(
  rich: RichWindows,
  step: number,
  how: { readonly smoothed: boolean; readonly isCounter: boolean; readonly perSecond: boolean },
): FloatHistogram | undefined {
  const { smoothed, isCounter, perSecond } = how;
  const { histograms, all, notes } = rich;
  const { timestamps, values } = histograms;
  const lo = histograms.lo[step]!;
  const endMs = rangeEnd(all, step);
  const startMs = endMs - all.rangeMs;
  const bounds = extendedBounds(timestamps, lo, histograms.hi[step]!, startMs, endMs, smoothed);
  if (bounds === undefined) return undefined;
  const { first, last } = bounds;
  if (timestamps[first]! > endMs || !checked(rich, bounds, isCounter)) return undefined;
  const between = (i: number, tMs: number): FloatHistogram | undefined =>
    interpolatedHistogram(sampleAt(histograms, i), sampleAt(histograms, i + 1), tMs, isCounter, notes);
  const interpolatesLeft = smoothed && timestamps[first]! < startMs;
  const left = interpolatesLeft ? between(first, startMs) : values[first]!;
  if (left === undefined) return undefined;
  const interpolatesRight = smoothed && last > lo && timestamps[last]! > endMs;
  const right = interpolatesRight ? between(last - 1, endMs) : values[last]!;
  if (right === undefined) return undefined;
  if (!isCounter && !(isGauge(left) && isGauge(right))) notes.notGauge();
  let result = noted(subtractHistograms(right, left), 'subtraction', notes);
  if (result === undefined) return undefined;
  if (isCounter) {
    const spansReset = interpolatesLeft && detectReset(values[first + 1]!, values[first]!);
    result = addLost(rich, bounds, { left, right, spansReset }, result);
    if (result === undefined) return undefined;
  }
  if (perSecond) result = divideHistogram(result, rangeSeconds(all.rangeMs));
  return compactHistogram(result.with({ counterResetHint: CounterResetHint.gauge }), 0);
}
