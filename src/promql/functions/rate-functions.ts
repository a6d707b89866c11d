import { FLOAT, type Column } from '../eval/column.ts';
import { extrapolatedHistogram, lastTwoHistograms, stretchFromStart } from './histogram-rate.ts';
import { extrapolated, lastTwo, stretch } from './rate.ts';
import {
  ofEither,
  onFloats,
  rangeEnd,
  rangeSeconds,
  type RangeFunction,
  type RichKernel,
  type RichWindows,
} from './range-kernel.ts';
import { startsAnew, startsOverlap } from './start-times.ts';

/** rate, increase, delta, irate and idelta of floats, of histograms, and with start timestamps. */

/**
 * Adds what a counter of floats lost by resets, by values and start timestamps, between the samples lo and hi - 1: one
 * by one, as the order is part of the result.
 */
function addResets({ floats, notes }: RichWindows, lo: number, hi: number, increase: number): number {
  const { timestamps, values } = floats;
  const starts = floats.starts!;
  let result = increase;
  let overlaps = false;
  for (let i = lo + 1; i < hi; i++) {
    const previousMs = timestamps[i - 1]!;
    overlaps ||= startsOverlap(starts[i - 1]!, previousMs, starts[i]!);
    const reset =
      values[i]! < values[i - 1]! || startsAnew(starts[i - 1]!, previousMs, starts[i]!, timestamps[i]!);
    if (reset) result += values[i - 1]!;
  }
  if (overlaps) notes.startTimeOverlap();
  return result;
}

/** rate or increase of floats of which some have start timestamps. */
function startedRate(perSecond: boolean): RichKernel {
  return (rich, out, from, to) => {
    const { floats } = rich;
    const { timestamps, values, lo, hi, rangeMs } = floats;
    const starts = floats.starts!;
    const seconds = perSecond ? rangeSeconds(rangeMs) : 1;
    for (let k = from; k < to; k++) {
      const first = lo[k]!;
      const count = hi[k]! - first;
      if (count === 0) continue;
      const firstMs = timestamps[first]!;
      const lastMs = timestamps[first + count - 1]!;
      const endMs = rangeEnd(floats, k);
      const startedMs = starts[first]!;
      const beganWithin = startedMs !== 0 && startedMs > endMs - rangeMs && startedMs < firstMs;
      if (count === 1 && !beganWithin) continue;
      let increase = addResets(rich, first, first + count, values[first + count - 1]! - values[first]!);
      let factor: number;
      if (beganWithin) {
        increase += values[first]!;
        factor = stretchFromStart(startedMs, firstMs, lastMs, count, endMs);
      } else {
        factor = stretch(timestamps, first, first + count, endMs - rangeMs, endMs, values[first]!, increase);
      }
      out.values[k] = increase * (perSecond ? factor / seconds : factor);
      out.present[k] = FLOAT;
    }
  };
}

function rate(isCounter: boolean, perSecond: boolean): RangeFunction {
  const floats = extrapolated(isCounter, perSecond);
  const plain = onFloats(floats);
  const started = startedRate(perSecond);
  const ofFloats: RichKernel = (rich, out, from, to) => {
    if (rich.floats.starts === undefined) plain(rich, out, from, to);
    else started(rich, out, from, to);
  };
  const rich = ofEither(ofFloats, (windows, step) =>
    extrapolatedHistogram(windows, step, isCounter, perSecond),
  );
  return { floats, rich, wantsStarts: isCounter };
}

/** irate and idelta at one step of a series with histograms or start timestamps. */
function richLastTwo(rich: RichWindows, out: Column, step: number, perSecond: boolean): void {
  const { all, mixed, histograms, notes } = rich;
  const last = all.hi[step]! - 1;
  if (last - all.lo[step]! < 1) return;
  const { timestamps, values, starts } = all;
  const isHistogram = mixed[last] !== undefined;
  const intervalMs = timestamps[last]! - timestamps[last - 1]!;
  if (isHistogram !== (mixed[last - 1] !== undefined)) {
    notes.mixedFloatsHistograms();
    return;
  }
  if (isHistogram) {
    const result = lastTwoHistograms(histograms, histograms.hi[step]! - 1, perSecond, notes);
    if (result !== undefined) out.setHistogram(step, result);
    return;
  }
  const value = values[last]!;
  const previous = values[last - 1]!;
  const reset =
    perSecond &&
    (value < previous ||
      (starts !== undefined &&
        startsAnew(starts[last - 1]!, timestamps[last - 1]!, starts[last]!, timestamps[last]!)));
  const difference = reset ? value : value - previous;
  out.values[step] = perSecond ? difference / (intervalMs / 1000) : difference;
  out.present[step] = FLOAT;
}

function instant(perSecond: boolean): RangeFunction {
  return {
    floats: lastTwo(perSecond),
    rich: (rich, out, from, to) => {
      for (let k = from; k < to; k++) richLastTwo(rich, out, k, perSecond);
    },
    wantsStarts: perSecond,
  };
}

/** The functions by name. */
export const RATE_FUNCTIONS: ReadonlyMap<string, RangeFunction> = new Map([
  ['rate', rate(true, true)],
  ['increase', rate(true, false)],
  ['delta', rate(false, false)],
  ['irate', instant(true)],
  ['idelta', instant(false)],
]);
