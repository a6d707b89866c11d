import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { ABSENT, FLOAT, type Column, type StepGrid } from '../eval/column.ts';
import type { RangeNotes } from './range-notes.ts';

/**
 * The samples of one series and the window of each step in them. Step k's window ends at `firstEndMs + k * endStepMs`
 * and holds the samples with index in [lo[k], hi[k]): those later than its end minus `rangeMs`, and not later than its
 * end; under `anchored` and `smoothed` by {@link beforeMs} and {@link afterMs} more. Stale markers are not among the
 * samples.
 */
export interface Windows {
  timestamps: Float64Array;
  values: Float64Array;
  /** Start timestamps of the samples, 0 where there is none; undefined where none has one or nobody wants them. */
  starts: Float64Array | undefined;
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  readonly firstEndMs: number;
  /** 0 under the @ modifier: all steps see the same window. */
  readonly endStepMs: number;
  readonly rangeMs: number;
  /** How much earlier than its range a window begins. */
  readonly beforeMs: number;
  /** How much later than its range a window ends. */
  readonly afterMs: number;
  /** Evaluation times, which differ from window ends by offset and @. */
  readonly grid: StepGrid;
  /** The scalar arguments, each with a value per step. */
  readonly scalars: readonly Float64Array[];
}

/** The histograms of one series, with each step's window in them as in {@link Windows}. */
export interface HistogramWindows {
  timestamps: Float64Array;
  values: FloatHistogram[];
  starts: Float64Array | undefined;
  readonly lo: Int32Array;
  readonly hi: Int32Array;
}

/** A series that has more than floats, seen in three ways: as it is, its floats alone, its histograms alone. */
export interface RichWindows {
  readonly all: Windows;
  /** The histogram of each sample of {@link all} that is one. */
  mixed: readonly (FloatHistogram | undefined)[];
  readonly floats: Windows;
  readonly histograms: HistogramWindows;
  /** Notes about this series. */
  readonly notes: RangeNotes;
}

/**
 * A function of ranges over the steps [from, to) of one series: sets `present` and the value where it has a result and
 * leaves the rest alone (the caller has cleared it). Steps are done in one call per series so that the loop stays in
 * one compiled function.
 */
export type RangeKernel = (windows: Windows, out: Column, from: number, to: number) => void;

/** As {@link RangeKernel}, of a series with histograms or start timestamps. */
export type RichKernel = (rich: RichWindows, out: Column, from: number, to: number) => void;

/** What a function of ranges does with the two kinds of series. */
export interface RangeFunction {
  /** Of series of floats without start timestamps: nearly all. */
  readonly floats: RangeKernel;
  readonly rich: RichKernel;
  /** Start timestamps change the result. */
  readonly wantsStarts: boolean;
}

/** When a step's range ends; it begins, exclusively, `rangeMs` earlier. */
export function rangeEnd({ firstEndMs, endStepMs }: Windows, step: number): number {
  return firstEndMs + step * endStepMs;
}

/** A function for which a histogram is a sample like any other. */
export function ofAnySample(kernel: RangeKernel): RangeFunction {
  return { floats: kernel, rich: ({ all }, out, from, to) => kernel(all, out, from, to), wantsStarts: false };
}

/** A function of floats that leaves histograms out, and says so where there are both. */
export function ofFloatsOnly(kernel: RangeKernel): RangeFunction {
  return {
    floats: kernel,
    rich: ({ floats, histograms, notes }, out, from, to) => {
      kernel(floats, out, from, to);
      for (let k = from; k < to; k++) {
        if (floats.hi[k]! > floats.lo[k]! && histograms.hi[k]! > histograms.lo[k]!) notes.histogramsIgnored();
      }
    },
    wantsStarts: false,
  };
}

/** A kernel of floats, applied to the floats of a series that has more. */
export function onFloats(kernel: RangeKernel): RichKernel {
  return ({ floats }, out, from, to) => kernel(floats, out, from, to);
}

/**
 * A function of windows that have either floats or histograms: `ofFloats` and `ofHistograms` do the two kinds; a window
 * with both has no result.
 */
export function ofEither(
  ofFloats: RichKernel,
  ofHistograms: (rich: RichWindows, step: number) => FloatHistogram | undefined,
): RichKernel {
  return (rich, out, from, to) => {
    const { floats, histograms, notes } = rich;
    ofFloats(rich, out, from, to);
    for (let k = from; k < to; k++) {
      if (histograms.hi[k] === histograms.lo[k]) continue;
      if (floats.hi[k]! > floats.lo[k]!) {
        out.present[k] = ABSENT;
        notes.mixedFloatsHistograms();
        continue;
      }
      const result = ofHistograms(rich, k);
      if (result !== undefined) out.setHistogram(k, result);
    }
  };
}

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
