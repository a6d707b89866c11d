import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { addCompensated, quantileOf } from './numeric.ts';
import { FLOAT } from '../eval/column.ts';
import { averageHistograms, sumHistograms } from './histogram-over-time.ts';
import {
  ofAnySample,
  ofEither,
  ofFloatsOnly,
  onFloats,
  perWindow,
  type RangeFunction,
  type RangeKernel,
  type RichKernel,
  type RichWindows,
  type Windows,
} from './range-kernel.ts';

/** The `…_over_time` functions. */

function sumOver({ values }: Windows, lo: number, hi: number): number {
  // Neumaier's sum, written out: see addCompensated.
  let sum = 0;
  let compensation = 0;
  for (let i = lo; i < hi; i++) {
    const value = values[i]!;
    const total = sum + value;
    if (total === Infinity || total === -Infinity) compensation = 0;
    else if (Math.abs(sum) >= Math.abs(value)) compensation += sum - total + value;
    else compensation += value - total + sum;
    sum = total;
  }
  return sum === Infinity || sum === -Infinity ? sum : sum + compensation;
}

const mean = { sum: 0, compensation: 0 };

/** The mean: from the sum, or, from where the sum would overflow on, step by step. */
function avgOver({ values }: Windows, lo: number, hi: number): number {
  let sum = values[lo]!;
  let compensation = 0;
  let count = 1;
  let i = lo + 1;
  for (; i < hi; i++) {
    const value = values[i]!;
    const total = sum + value;
    if (total === Infinity || total === -Infinity) break;
    if (Math.abs(sum) >= Math.abs(value)) compensation += sum - total + value;
    else compensation += value - total + sum;
    sum = total;
    count++;
  }
  if (i === hi) return sum / count + compensation / count;
  mean.sum = sum / count;
  mean.compensation = compensation / count;
  for (; i < hi; i++) {
    count++;
    const share = (count - 1) / count;
    mean.sum *= share;
    mean.compensation *= share;
    addCompensated(mean, values[i]! / count);
  }
  return mean.sum + mean.compensation;
}

function minOver({ values }: Windows, lo: number, hi: number): number {
  let min = values[lo]!;
  for (let i = lo + 1; i < hi; i++) {
    const value = values[i]!;
    if (value < min || min !== min) min = value;
  }
  return min;
}

function maxOver({ values }: Windows, lo: number, hi: number): number {
  let max = values[lo]!;
  for (let i = lo + 1; i < hi; i++) {
    const value = values[i]!;
    if (value > max || max !== max) max = value;
  }
  return max;
}

const welfordMean = { sum: 0, compensation: 0 };
const welfordSquares = { sum: 0, compensation: 0 };

/** Population variance by Welford's method with compensated sums. */
function varianceOver({ values }: Windows, lo: number, hi: number): number {
  welfordMean.sum = 0;
  welfordMean.compensation = 0;
  welfordSquares.sum = 0;
  welfordSquares.compensation = 0;
  let count = 0;
  for (let i = lo; i < hi; i++) {
    count++;
    const value = values[i]!;
    const delta = value - (welfordMean.sum + welfordMean.compensation);
    addCompensated(welfordMean, delta / count);
    addCompensated(welfordSquares, delta * (value - (welfordMean.sum + welfordMean.compensation)));
  }
  return (welfordSquares.sum + welfordSquares.compensation) / count;
}

let scratch = new Float64Array(256);

function quantileOver(windows: Windows, lo: number, hi: number, step: number): number {
  const count = hi - lo;
  if (scratch.length < count) scratch = new Float64Array(count * 2);
  scratch.set(windows.values.subarray(lo, hi));
  return quantileOf(windows.scalars[0]![step]!, scratch, count);
}

/** The median distance from the median; NaN among the values makes it NaN. */
function medianDeviation({ values }: Windows, lo: number, hi: number): number {
  const count = hi - lo;
  if (scratch.length < count) scratch = new Float64Array(count * 2);
  for (let i = lo; i < hi; i++) if (values[i] !== values[i]) return NaN;
  scratch.set(values.subarray(lo, hi));
  const median = quantileOf(0.5, scratch, count);
  for (let i = 0; i < count; i++) scratch[i] = Math.abs(scratch[i]! - median);
  return quantileOf(0.5, scratch, count);
}

/** Time in seconds of the lowest value, the last of equal ones. */
function minTime({ timestamps, values }: Windows, lo: number, hi: number): number {
  let at = lo;
  for (let i = lo; i < hi; i++) {
    const min = values[at]!;
    if (values[i]! <= min || min !== min) at = i;
  }
  return timestamps[at]! / 1000;
}

/** Time in seconds of the highest value, the last of equal ones. */
function maxTime({ timestamps, values }: Windows, lo: number, hi: number): number {
  let at = lo;
  for (let i = lo; i < hi; i++) {
    const max = values[at]!;
    if (values[i]! >= max || max !== max) at = i;
  }
  return timestamps[at]! / 1000;
}

function ofFloatsOrHistograms(
  floats: RangeKernel,
  histograms: (rich: RichWindows, step: number) => FloatHistogram | undefined,
): RangeFunction {
  return { floats, rich: ofEither(onFloats(floats), histograms), wantsStarts: false };
}

const firstOver = perWindow(1, ({ values }, lo) => values[lo]!);
const lastOver = perWindow(1, ({ values }, _lo, hi) => values[hi - 1]!);

/** `first_over_time` and `last_over_time` of a series with histograms. */
function oneSample(last: boolean): RichKernel {
  return ({ all, mixed }, out, from, to) => {
    const { lo, hi, values } = all;
    for (let k = from; k < to; k++) {
      if (hi[k] === lo[k]) continue;
      const index = last ? hi[k]! - 1 : lo[k]!;
      const histogram = mixed[index];
      if (histogram !== undefined) {
        out.setHistogram(k, histogram);
        continue;
      }
      out.values[k] = values[index]!;
      out.present[k] = FLOAT;
    }
  };
}

/** The functions by name; `absent_over_time` is made from `present_over_time`. */
export const OVER_TIME_FUNCTIONS: ReadonlyMap<string, RangeFunction> = new Map([
  ['sum_over_time', ofFloatsOrHistograms(perWindow(1, sumOver), sumHistograms)],
  ['avg_over_time', ofFloatsOrHistograms(perWindow(1, avgOver), averageHistograms)],
  ['min_over_time', ofFloatsOnly(perWindow(1, minOver))],
  ['max_over_time', ofFloatsOnly(perWindow(1, maxOver))],
  ['count_over_time', ofAnySample(perWindow(1, (_windows, lo, hi) => hi - lo))],
  ['stdvar_over_time', ofFloatsOnly(perWindow(1, varianceOver))],
  [
    'stddev_over_time',
    ofFloatsOnly(perWindow(1, (windows, lo, hi) => Math.sqrt(varianceOver(windows, lo, hi)))),
  ],
  ['quantile_over_time', ofFloatsOnly(perWindow(1, quantileOver))],
  ['mad_over_time', ofFloatsOnly(perWindow(1, medianDeviation))],
  ['last_over_time', { floats: lastOver, rich: oneSample(true), wantsStarts: false }],
  ['first_over_time', { floats: firstOver, rich: oneSample(false), wantsStarts: false }],
  [
    'ts_of_last_over_time',
    ofAnySample(perWindow(1, ({ timestamps }, _lo, hi) => timestamps[hi - 1]! / 1000)),
  ],
  ['ts_of_first_over_time', ofAnySample(perWindow(1, ({ timestamps }, lo) => timestamps[lo]! / 1000))],
  ['ts_of_min_over_time', ofFloatsOnly(perWindow(1, minTime))],
  ['ts_of_max_over_time', ofFloatsOnly(perWindow(1, maxTime))],
  ['present_over_time', ofAnySample(perWindow(1, () => 1))],
  ['absent_over_time', ofAnySample(perWindow(1, () => 1))],
]);
