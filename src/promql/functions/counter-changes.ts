import { equalHistograms } from '../../core/histogram/equality.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { detectReset } from '../../core/histogram/resets.ts';
import { FLOAT } from '../eval/column.ts';
import {
  perWindow,
  rangeEnd,
  type RangeFunction,
  type RichKernel,
  type RichWindows,
  type Windows,
} from './range-kernel.ts';
import { startsAnew } from './start-times.ts';

/**
 * `resets` and `changes`, which look at each sample and its predecessor.
 *
 * @see prometheus promql/functions.go funcResets, funcChanges, pickFirstSampleIndices
 */

function countResets({ values }: Windows, lo: number, hi: number): number {
  let count = 0;
  for (let i = lo + 1; i < hi; i++) if (values[i]! < values[i - 1]!) count++;
  return count;
}

function countChanges({ values }: Windows, lo: number, hi: number): number {
  let count = 0;
  for (let i = lo + 1; i < hi; i++) {
    const value = values[i]!;
    const previous = values[i - 1]!;
    // From NaN to NaN is no change.
    if (value !== previous && !(value !== value && previous !== previous)) count++;
  }
  return count;
}

/** Whether something happened between the samples i - 1 and i of a series with histograms. */
type Happened = (rich: RichWindows, i: number) => boolean;

function sampleReset({ all, mixed }: RichWindows, i: number): boolean {
  const histogram: FloatHistogram | undefined = mixed[i];
  const previous: FloatHistogram | undefined = mixed[i - 1];
  if ((histogram === undefined) !== (previous === undefined)) return true;
  const { timestamps, values, starts } = all;
  if (starts !== undefined && startsAnew(starts[i - 1]!, timestamps[i - 1]!, starts[i]!, timestamps[i]!)) {
    return true;
  }
  if (histogram === undefined || previous === undefined) return values[i]! < values[i - 1]!;
  return detectReset(histogram, previous);
}

function sampleChanged({ all, mixed }: RichWindows, i: number): boolean {
  const histogram = mixed[i];
  const previous = mixed[i - 1];
  if (histogram !== undefined && previous !== undefined) return !equalHistograms(histogram, previous);
  if (histogram !== undefined || previous !== undefined) return true;
  return countChanges(all, i - 1, i + 1) === 1;
}

function counting(happened: Happened): RichKernel {
  return (rich, out, from, to) => {
    const { lo, hi } = rich.all;
    for (let k = from; k < to; k++) {
      if (hi[k] === lo[k]) continue;
      let count = 0;
      for (let i = lo[k]! + 1; i < hi[k]!; i++) if (happened(rich, i)) count++;
      out.values[k] = count;
      out.present[k] = FLOAT;
    }
  };
}

/**
 * Under `anchored` a window has samples before its range: of these only the last counts, and there must be one within
 * the range. Returns where the window begins then, -1 for no result.
 */
function anchor(windows: Windows, step: number): number {
  const { timestamps, lo, hi, rangeMs } = windows;
  const startMs = rangeEnd(windows, step) - rangeMs;
  const last = hi[step]! - 1;
  if (last < lo[step]! || timestamps[last]! <= startMs) return -1;
  let first = last;
  while (first > lo[step]! && timestamps[first]! > startMs) first--;
  return first;
}

function anchoredCounting(
  floats: (windows: Windows, lo: number, hi: number) => number,
  happened: Happened,
): RangeFunction {
  return {
    floats: (windows, out, from, to) => {
      for (let k = from; k < to; k++) {
        const first = anchor(windows, k);
        if (first < 0) continue;
        out.values[k] = floats(windows, first, windows.hi[k]!);
        out.present[k] = FLOAT;
      }
    },
    rich: (rich, out, from, to) => {
      for (let k = from; k < to; k++) {
        const first = anchor(rich.all, k);
        if (first < 0) continue;
        let count = 0;
        for (let i = first + 1; i < rich.all.hi[k]!; i++) if (happened(rich, i)) count++;
        out.values[k] = count;
        out.present[k] = FLOAT;
      }
    },
    wantsStarts: happened === sampleReset,
  };
}

/** The functions by name. */
export const CHANGE_FUNCTIONS: ReadonlyMap<string, RangeFunction> = new Map([
  ['resets', { floats: perWindow(1, countResets), rich: counting(sampleReset), wantsStarts: true }],
  ['changes', { floats: perWindow(1, countChanges), rich: counting(sampleChanged), wantsStarts: false }],
]);

/** The functions by name, for `anchored` ranges. */
export const ANCHORED_CHANGE_FUNCTIONS: ReadonlyMap<string, RangeFunction> = new Map([
  ['resets', anchoredCounting(countResets, sampleReset)],
  ['changes', anchoredCounting(countChanges, sampleChanged)],
]);
