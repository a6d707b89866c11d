/** Index of the first time in [lo, hi) that is not before `tMs`; `hi` when there is none. */
function firstFrom(timestamps: Float64Array, tMs: number, lo: number, hi: number): number {
  let low = lo;
  let high = hi;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timestamps[middle]! < tMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Which samples an extended range is computed from. */
export interface ExtendedBounds {
  /** The last sample at or before the range's start; where there is none, the first one. */
  readonly first: number;
  /** The last sample; under `smoothed` the first one at or after the range's end, if there is one. */
  readonly last: number;
}

/**
 * The samples that count in a range [startMs, endMs] under `anchored` or `smoothed`, of the samples lo to hi - 1 of its
 * widened window. Undefined when all lie before the range: then there is no result.
 *
 * @see prometheus promql/functions.go extendedRate
 */
export function extendedBounds(
  timestamps: Float64Array,
  lo: number,
  hi: number,
  startMs: number,
  endMs: number,
  smoothed: boolean,
): ExtendedBounds | undefined {
  if (hi === lo) return undefined;
  // Times are whole milliseconds.
  const first = Math.max(lo, firstFrom(timestamps, startMs + 1, lo, hi - 1) - 1);
  const last = smoothed ? firstFrom(timestamps, endMs, lo, hi - 1) : hi - 1;
  if (timestamps[last]! <= startMs) return undefined;
  return { first, last };
}
