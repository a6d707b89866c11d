import { FLOAT, type Column } from '../eval/column.ts';
import { rangeSeconds, type RangeKernel, type Windows } from './range-kernel.ts';

/**
 * The counter and gauge functions of floats that look at first and last samples: rate, increase, delta, irate, idelta.
 *
 * @see prometheus promql/functions.go extrapolatedRate, instantValue
 */

/**
 * What a counter lost by resets between the samples lo and hi - 1: the value before each reset. Added one by one, as
 * the order is part of the result.
 */
function addResets(values: Float64Array, lo: number, hi: number, increase: number): number {
  let result = increase;
  let previous = values[lo]!;
  for (let i = lo + 1; i < hi; i++) {
    const value = values[i]!;
    if (value < previous) result += previous;
    previous = value;
  }
  return result;
}

/** Index of the last reset before `hi`, 0 when there is none: windows that begin there or later need no look. */
function lastResetBefore(values: Float64Array, lo: number, hi: number): number {
  for (let i = hi - 1; i > lo; i--) if (values[i]! < values[i - 1]!) return i;
  return lo;
}

/**
 * By which factor the increase over the samples lo to hi - 1, at least two, stands for that of the whole range. `first`
 * is the first sample's value, for a histogram its count, or NaN where it is no counter; `increase` is that of the same.
 */
export function stretch(
  timestamps: Float64Array,
  lo: number,
  hi: number,
  startMs: number,
  endMs: number,
  first: number,
  increase: number,
): number {
  const firstMs = timestamps[lo]!;
  const lastMs = timestamps[hi - 1]!;
  let toStart = (firstMs - startMs) / 1000;
  let toEnd = (endMs - lastMs) / 1000;
  const sampled = (lastMs - firstMs) / 1000;
  const spacing = sampled / (hi - lo - 1);
  const threshold = spacing * 1.1;
  if (toStart >= threshold) toStart = spacing / 2;
  if (increase > 0 && first >= 0) {
    // A counter was not below zero: it began at the latest where its slope crosses zero.
    const toZero = sampled * (first / increase);
    if (toZero < toStart) toStart = toZero;
  }
  if (toEnd >= threshold) toEnd = spacing / 2;
  return sampled === 0 ? 1 : (sampled + toStart + toEnd) / sampled;
}

/** rate, increase and delta of floats without start timestamps. */
export function extrapolated(isCounter: boolean, perSecond: boolean): RangeKernel {
  return (windows: Windows, out: Column, from: number, to: number): void => {
    const { timestamps, values, lo, hi, rangeMs, firstEndMs, endStepMs } = windows;
    const { values: outValues, present } = out;
    const seconds = perSecond ? rangeSeconds(windows.rangeMs) : 1;
    // Most counters don't reset: one pass tells the windows that have nothing to add from those that do.
    const regionEnd = to > from ? hi[to - 1]! : 0;
    const lastReset = isCounter && to > from ? lastResetBefore(values, lo[from]!, regionEnd) : 0;
    for (let k = from; k < to; k++) {
      const first = lo[k]!;
      const end = hi[k]!;
      if (end - first < 2) continue;
      let increase = values[end - 1]! - values[first]!;
      if (isCounter && first < lastReset) increase = addResets(values, first, end, increase);
      const endMs = firstEndMs + k * endStepMs;
      const base = isCounter ? values[first]! : NaN;
      let factor = stretch(timestamps, first, end, endMs - rangeMs, endMs, base, increase);
      if (perSecond) factor /= seconds;
      outValues[k] = increase * factor;
      present[k] = FLOAT;
    }
  };
}

/** irate and idelta of floats without start timestamps. */
export function lastTwo(perSecond: boolean): RangeKernel {
  return (windows, out, from, to) => {
    const { timestamps, values, lo, hi } = windows;
    for (let k = from; k < to; k++) {
      const last = hi[k]! - 1;
      if (last - lo[k]! < 1) continue;
      const intervalMs = timestamps[last]! - timestamps[last - 1]!;
      if (intervalMs === 0) continue;
      const value = values[last]!;
      const previous = values[last - 1]!;
      // A counter that went down was reset: what it shows is what it gained.
      let result = perSecond && value < previous ? value : value - previous;
      if (perSecond) result /= intervalMs / 1000;
      out.values[k] = result;
      out.present[k] = FLOAT;
    }
  };
}
