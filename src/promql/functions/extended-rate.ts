import { FLOAT } from '../eval/column.ts';
import { extendedBounds, type ExtendedBounds } from './extended-bounds.ts';
import { extendedHistogramRate } from './extended-histogram-rate.ts';
import {
  ofEither,
  onFloats,
  rangeEnd,
  rangeSeconds,
  type RangeFunction,
  type RangeKernel,
} from './range-kernel.ts';

/**
 * rate, increase and delta over `anchored` and `smoothed` ranges: from one end of the range to the other, without
 * extrapolation. At an end without a sample stands, under `anchored`, the sample before it; under `smoothed` a value
 * interpolated between its neighbours.
 *
 * @see prometheus promql/functions.go extendedRate
 */

/** Samples of floats, as far as this needs them. */
interface Floats {
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

/**
 * The value at `tMs` on the line from sample i to sample i + 1. Where a counter was reset between them, it began at
 * zero.
 */
export function interpolated(
  { timestamps, values }: Floats,
  i: number,
  tMs: number,
  isCounter: boolean,
): number {
  const to = values[i + 1]!;
  const from = isCounter && to < values[i]! ? 0 : values[i]!;
  return from + ((to - from) * (tMs - timestamps[i]!)) / (timestamps[i + 1]! - timestamps[i]!);
}

/** The values at the two ends of a range. */
export function valuesAtEnds(
  floats: Floats,
  { first, last }: ExtendedBounds,
  range: { readonly lo: number; readonly startMs: number; readonly endMs: number },
  smoothed: boolean,
  isCounter: boolean,
): readonly [left: number, right: number] {
  const { timestamps, values } = floats;
  const left =
    smoothed && timestamps[first]! < range.startMs
      ? interpolated(floats, first, range.startMs, isCounter)
      : values[first]!;
  const right =
    smoothed && last > range.lo && timestamps[last]! > range.endMs
      ? interpolated(floats, last - 1, range.endMs, isCounter)
      : values[last]!;
  return [left, right];
}

/** What a counter lost by resets on its way from `left` through the samples from to `to` - 1 to `right`. */
function lost(values: Float64Array, from: number, to: number, left: number, right: number): number {
  let total = 0;
  let previous = left;
  for (let i = from; i < to; i++) {
    if (values[i]! < previous) total += previous;
    previous = values[i]!;
  }
  return right < previous ? total + previous : total;
}

function extendedFloats(smoothed: boolean, isCounter: boolean, perSecond: boolean): RangeKernel {
  return (windows, out, from, to) => {
    const { timestamps, values, rangeMs } = windows;
    const seconds = rangeSeconds(rangeMs);
    for (let k = from; k < to; k++) {
      const lo = windows.lo[k]!;
      const endMs = rangeEnd(windows, k);
      const startMs = endMs - rangeMs;
      const bounds = extendedBounds(timestamps, lo, windows.hi[k]!, startMs, endMs, smoothed);
      if (bounds === undefined) continue;
      const { first, last } = bounds;
      if (timestamps[first]! > endMs) continue;
      const [left, right] = valuesAtEnds(windows, bounds, { lo, startMs, endMs }, smoothed, isCounter);
      let result = right - left;
      if (isCounter) {
        // The ends stand for the samples at or beyond them.
        const inner = timestamps[first]! <= startMs ? first + 1 : first;
        const end = timestamps[last]! >= endMs ? last : last + 1;
        result += lost(values, inner, end, left, right);
      }
      out.values[k] = perSecond ? result / seconds : result;
      out.present[k] = FLOAT;
    }
  };
}

function extended(smoothed: boolean, isCounter: boolean, perSecond: boolean): RangeFunction {
  const floats = extendedFloats(smoothed, isCounter, perSecond);
  const rich = ofEither(onFloats(floats), (windows, step) =>
    extendedHistogramRate(windows, step, { smoothed, isCounter, perSecond }),
  );
  return { floats, rich, wantsStarts: false };
}

/** The functions by name, for `anchored` or `smoothed` ranges. */
export function extendedRateFunctions(smoothed: boolean): ReadonlyMap<string, RangeFunction> {
  return new Map([
    ['rate', extended(smoothed, true, true)],
    ['increase', extended(smoothed, true, false)],
    ['delta', extended(smoothed, false, false)],
  ]);
}
