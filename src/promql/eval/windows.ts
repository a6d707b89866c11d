import type { SampleBuffer } from '../../storage/index.ts';
import type { Windows } from '../functions/range-kernel.ts';
import type { StepGrid } from './column.ts';
import type { LookAt } from './selector-source.ts';

/** Makes the windows of a grid, without samples yet. */
export function makeWindows(
  grid: StepGrid,
  at: LookAt,
  rangeMs: number,
  scalars: readonly Float64Array[],
): Windows {
  return {
    timestamps: new Float64Array(0),
    values: new Float64Array(0),
    lo: new Int32Array(grid.count),
    hi: new Int32Array(grid.count),
    firstEndMs: at.firstMs,
    endStepMs: at.everyMs,
    rangeMs,
    grid,
    scalars,
  };
}

/**
 * Finds every step's window (end - range, end] in a series' samples. Returns how many samples the windows hold in all:
 * what a kernel that looks at each of them has to do. O(samples + steps).
 */
export function findWindows(samples: SampleBuffer, windows: Windows): number {
  const { timestamps, length } = samples;
  const { lo, hi, firstEndMs, endStepMs, rangeMs } = windows;
  windows.timestamps = timestamps;
  windows.values = samples.values;
  let first = 0;
  let end = 0;
  let total = 0;
  for (let k = 0; k < lo.length; k++) {
    const endMs = firstEndMs + k * endStepMs;
    const startMs = endMs - rangeMs;
    while (end < length && timestamps[end]! <= endMs) end++;
    while (first < end && timestamps[first]! <= startMs) first++;
    lo[k] = first;
    hi[k] = end;
    total += end - first;
  }
  return total;
}
