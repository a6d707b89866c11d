import { stepTime } from '../eval/column.ts';
import { addCompensated, type Compensated } from './numeric.ts';
import { ofFloatsOnly, perWindow, type RangeFunction, type Windows } from './range-kernel.ts';

/** Least squares over a window; module-level results because a pair would be an allocation per step. */
const line = { slope: 0, intercept: 0 };

const sumX: Compensated = { sum: 0, compensation: 0 };
const sumY: Compensated = { sum: 0, compensation: 0 };
const sumXY: Compensated = { sum: 0, compensation: 0 };
const sumXX: Compensated = { sum: 0, compensation: 0 };

function reset(sum: Compensated): void {
  sum.sum = 0;
  sum.compensation = 0;
}

/** Leaves slope per second and the value at `interceptMs` in {@link line}; a constant series has slope 0 exactly. */
function fit({ timestamps, values }: Windows, lo: number, hi: number, interceptMs: number): void {
  reset(sumX);
  reset(sumY);
  reset(sumXY);
  reset(sumXX);
  const first = values[lo]!;
  let constant = true;
  for (let i = lo; i < hi; i++) {
    const y = values[i]!;
    if (i > lo && y !== first) constant = false;
    const x = (timestamps[i]! - interceptMs) / 1000;
    addCompensated(sumX, x);
    addCompensated(sumY, y);
    addCompensated(sumXY, x * y);
    addCompensated(sumXX, x * x);
  }
  if (constant) {
    const infinite = first === Infinity || first === -Infinity;
    line.slope = infinite ? NaN : 0;
    line.intercept = infinite ? NaN : first;
    return;
  }
  const n = hi - lo;
  const x = sumX.sum + sumX.compensation;
  const y = sumY.sum + sumY.compensation;
  const covariance = sumXY.sum + sumXY.compensation - (x * y) / n;
  const variance = sumXX.sum + sumXX.compensation - (x * x) / n;
  line.slope = covariance / variance;
  line.intercept = y / n - (line.slope * x) / n;
}

/**
 * `deriv` and `predict_linear`.
 *
 * @see prometheus promql/functions.go linearRegression
 */
export const REGRESSION_FUNCTIONS: ReadonlyMap<string, RangeFunction> = new Map([
  [
    'deriv',
    ofFloatsOnly(
      perWindow(2, (windows, lo, hi) => {
        // Times near zero keep the sums accurate.
        fit(windows, lo, hi, windows.timestamps[lo]!);
        return line.slope;
      }),
    ),
  ],
  [
    'predict_linear',
    ofFloatsOnly(
      perWindow(2, (windows, lo, hi, step) => {
        fit(windows, lo, hi, stepTime(windows.grid, step));
        return line.slope * windows.scalars[0]![step]! + line.intercept;
      }),
    ),
  ],
]);
