import { QueryError } from '../query-engine.ts';
import {
  ofFloatsOnly,
  perWindow,
  type RangeFunction,
  type RangeKernel,
  type Windows,
} from './range-kernel.ts';

/** As Go's %f. */
function sixDecimals(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN';
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`;
}

function checkFactor(name: 'smoothing' | 'trend', short: string, factor: number): void {
  if (factor > 0 && factor < 1) return;
  if (factor !== factor) return;
  const expected = `Expected: 0 < ${short} < 1, got: ${sixDecimals(factor)}`;
  throw new QueryError('execution', `invalid ${name} factor. ${expected}`);
}

function smoothed({ values, scalars }: Windows, lo: number, hi: number, step: number): number {
  const smoothing = scalars[0]![step]!;
  const trend = scalars[1]![step]!;
  let level = values[lo]!;
  let previous = 0;
  let slope = values[lo + 1]! - values[lo]!;
  for (let i = lo + 1; i < hi; i++) {
    // The first slope is that of the first two values.
    if (i > lo + 1) slope = trend * (level - previous) + (1 - trend) * slope;
    const next = smoothing * values[i]! + (1 - smoothing) * (level + slope);
    previous = level;
    level = next;
  }
  return level;
}

const smooth: RangeKernel = perWindow(2, smoothed);

/** Throws when a window that isn't empty has a factor outside of (0, 1). */
function checkFactors({ lo, hi, scalars }: Windows, from: number, to: number): void {
  for (let k = from; k < to; k++) {
    if (hi[k] === lo[k]) continue;
    checkFactor('smoothing', 'sf', scalars[0]![k]!);
    checkFactor('trend', 'tf', scalars[1]![k]!);
  }
}

const ofFloats = ofFloatsOnly(smooth);

/**
 * `double_exponential_smoothing`: Holt's linear method. Throws QueryError for factors that can't be.
 *
 * @see prometheus promql/functions.go funcDoubleExponentialSmoothing
 */
export const doubleExponentialSmoothing: RangeFunction = {
  ...ofFloats,
  floats: (windows, out, from, to) => {
    checkFactors(windows, from, to);
    smooth(windows, out, from, to);
  },
  rich: (rich, out, from, to) => {
    checkFactors(rich.all, from, to);
    ofFloats.rich(rich, out, from, to);
  },
};
