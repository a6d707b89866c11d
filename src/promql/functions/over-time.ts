import { addCompensated, quantileOf } from './numeric.ts';
import { perWindow, type RangeKernel, type Windows } from './range-kernel.ts';

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

/** Kernels by function name; `absent_over_time` is made from `present_over_time`. */
export const OVER_TIME_KERNELS: ReadonlyMap<string, RangeKernel> = new Map([
  ['sum_over_time', perWindow(1, sumOver)],
  ['avg_over_time', perWindow(1, avgOver)],
  ['min_over_time', perWindow(1, minOver)],
  ['max_over_time', perWindow(1, maxOver)],
  ['count_over_time', perWindow(1, (_windows, lo, hi) => hi - lo)],
  ['stdvar_over_time', perWindow(1, varianceOver)],
  ['stddev_over_time', perWindow(1, (windows, lo, hi) => Math.sqrt(varianceOver(windows, lo, hi)))],
  ['quantile_over_time', perWindow(1, quantileOver)],
  ['last_over_time', perWindow(1, ({ values }, _lo, hi) => values[hi - 1]!)],
  ['first_over_time', perWindow(1, ({ values }, lo) => values[lo]!)],
  ['present_over_time', perWindow(1, () => 1)],
  ['absent_over_time', perWindow(1, () => 1)],
]);
