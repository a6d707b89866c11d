import type { SampleBuffer } from '../../storage/index.ts';
import type { HistogramWindows, RichWindows, Windows } from '../functions/range-kernel.ts';
import type { RangeNotes } from '../functions/range-notes.ts';
import type { StepGrid } from './column.ts';
import type { LookAt } from './selector-source.ts';

/** Where the windows of a range function are. */
export interface WindowPlan {
  readonly grid: StepGrid;
  readonly at: LookAt;
  readonly rangeMs: number;
  /** How much earlier and later than the range they begin and end. */
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly scalars: readonly Float64Array[];
}

/** Makes windows, without samples yet. */
export function makeWindows({ grid, at, rangeMs, beforeMs, afterMs, scalars }: WindowPlan): Windows {
  return {
    timestamps: new Float64Array(0),
    values: new Float64Array(0),
    starts: undefined,
    lo: new Int32Array(grid.count),
    hi: new Int32Array(grid.count),
    firstEndMs: at.firstMs,
    endStepMs: at.everyMs,
    rangeMs,
    beforeMs,
    afterMs,
    grid,
    scalars,
  };
}

/**
 * Finds every step's window (end - range - before, end + after] in a series' samples. Returns how many samples the windows hold in all:
 * what a kernel that looks at each of them has to do. O(samples + steps).
 */
export function findWindows(samples: SampleBuffer, windows: Windows): number {
  const { timestamps, length } = samples;
  const { lo, hi, firstEndMs, endStepMs } = windows;
  const lengthMs = windows.beforeMs + windows.rangeMs + windows.afterMs;
  windows.timestamps = timestamps;
  windows.values = samples.values;
  let first = 0;
  let end = 0;
  let total = 0;
  for (let k = 0; k < lo.length; k++) {
    const endMs = firstEndMs + windows.afterMs + k * endStepMs;
    const startMs = endMs - lengthMs;
    while (end < length && timestamps[end]! <= endMs) end++;
    while (first < end && timestamps[first]! <= startMs) first++;
    lo[k] = first;
    hi[k] = end;
    total += end - first;
  }
  return total;
}

/**
 * The parts of a series that has histograms or start timestamps, apart from each other, with each step's window in
 * them. One is made for a function of ranges and filled for each such series.
 */
export class RichView implements RichWindows {
  readonly all: Windows;
  readonly floats: Windows;
  readonly histograms: HistogramWindows;
  readonly notes: RangeNotes;
  mixed: RichWindows['mixed'] = [];

  /** `all` are the windows that {@link findWindows} fills. */
  constructor(all: Windows, notes: RangeNotes) {
    const steps = all.lo.length;
    this.all = all;
    this.notes = notes;
    this.floats = { ...all, lo: new Int32Array(steps), hi: new Int32Array(steps) };
    this.histograms = {
      timestamps: new Float64Array(0),
      values: [],
      starts: undefined,
      lo: new Int32Array(steps),
      hi: new Int32Array(steps),
    };
  }

  /** Takes the samples of a series, whose windows have been found. O(samples + steps). */
  fill({ timestamps, values, histograms = [], starts, length }: SampleBuffer): void {
    const { all, floats } = this;
    this.mixed = histograms;
    const isFloat = Uint8Array.from({ length }, (_, i) => (histograms[i] === undefined ? 1 : 0));
    const pick = (column: Float64Array, wanted: number): Float64Array =>
      column.subarray(0, length).filter((_, i) => isFloat[i] === wanted);
    floats.timestamps = pick(timestamps, 1);
    floats.values = pick(values, 1);
    floats.starts = all.starts && starts && pick(starts, 1);
    this.histograms.timestamps = pick(timestamps, 0);
    this.histograms.values = histograms.filter((histogram) => histogram !== undefined);
    this.histograms.starts = all.starts && starts && pick(starts, 0);
    const floatsBefore = new Int32Array(length + 1);
    for (let i = 0; i < length; i++) floatsBefore[i + 1] = floatsBefore[i]! + isFloat[i]!;
    for (let k = 0; k < all.lo.length; k++) {
      const lo = all.lo[k]!;
      const hi = all.hi[k]!;
      floats.lo[k] = floatsBefore[lo]!;
      floats.hi[k] = floatsBefore[hi]!;
      this.histograms.lo[k] = lo - floatsBefore[lo]!;
      this.histograms.hi[k] = hi - floatsBefore[hi]!;
    }
  }
}
