import { CounterResetHint, type FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { HistogramMean, HistogramSum } from '../../core/histogram/sum.ts';
import type { RichWindows } from './range-kernel.ts';

/**
 * Sums and means of native histograms over time.
 *
 * @see prometheus promql/functions.go funcSumOverTime, funcAvgOverTime
 */

function accumulate(
  { histograms, notes }: RichWindows,
  step: number,
  begin: (first: FloatHistogram) => HistogramSum | HistogramMean,
): FloatHistogram | undefined {
  const { values, lo, hi } = histograms;
  let reconciled = false;
  let reset = false;
  let notReset = false;
  const total = begin(values[lo[step]!]!);
  for (let i = lo[step]!; i < hi[step]!; i++) {
    const histogram = values[i]!;
    reset ||= histogram.counterResetHint === CounterResetHint.reset;
    notReset ||= histogram.counterResetHint === CounterResetHint.notReset;
    if (i === lo[step]) continue;
    const added = total.add(histogram);
    if (added.kind === 'incompatibleSchema') {
      notes.mixedExponentialCustom();
      return undefined;
    }
    reconciled ||= added.boundsReconciled;
  }
  if (reset && notReset) notes.counterResetCollision('aggregation');
  if (reconciled) notes.customBucketsReconciled('aggregation');
  return total.result();
}

/** The sum of a window that has histograms only; undefined where exponential and custom buckets are mixed. */
export function sumHistograms(rich: RichWindows, step: number): FloatHistogram | undefined {
  return accumulate(rich, step, (first) => new HistogramSum(first));
}

/** The mean of a window that has histograms only; undefined where exponential and custom buckets are mixed. */
export function averageHistograms(rich: RichWindows, step: number): FloatHistogram | undefined {
  return accumulate(rich, step, (first) => new HistogramMean(first));
}
