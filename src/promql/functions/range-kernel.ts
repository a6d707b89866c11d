import { FLOAT, type Column, type StepGrid } from '../eval/column.ts';

/**
 * The samples of one series and the window of each step in them. Step k's window ends at `firstEndMs + k * endStepMs`
 * and holds the samples with index in [lo[k], hi[k]): those later than its end minus `rangeMs`, and not later than its
 * end. Stale markers are not among the samples.
 */
export interface Windows {
  timestamps: Float64Array;
  values: Float64Array;
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  readonly firstEndMs: number;
  /** 0 under the @ modifier: all steps see the same window. */
  readonly endStepMs: number;
  readonly rangeMs: number;
  /** Evaluation times, which differ from window ends by offset and @. */
  readonly grid: StepGrid;
  /** The scalar arguments, each with a value per step. */
  readonly scalars: readonly Float64Array[];
}

/**
 * A function of ranges over the steps [from, to) of one series: sets `present` and the value where it has a result and
 * leaves the rest alone (the caller has cleared it). Steps are done in one call per series so that the loop stays in
 * one compiled function.
 */
export type RangeKernel = (windows: Windows, out: Column, from: number, to: number) => void;

/** Seconds of a range as Go's Duration.Seconds rounds them. */
export function rangeSeconds(rangeMs: number): number {
  return Math.floor(rangeMs / 1000) + ((rangeMs % 1000) * 1e6) / 1e9;
}

/** A kernel that has a result for every window with at least `minSamples` samples. */
export function perWindow(
  minSamples: number,
  compute: (windows: Windows, lo: number, hi: number, step: number) => number,
): RangeKernel {
  return (windows, out, from, to) => {
    const { lo, hi } = windows;
    const { values, present } = out;
    for (let k = from; k < to; k++) {
      if (hi[k]! - lo[k]! < minSamples) continue;
      values[k] = compute(windows, lo[k]!, hi[k]!, k);
      present[k] = FLOAT;
    }
  };
}
