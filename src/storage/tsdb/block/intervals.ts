/** A span of time whose samples are deleted, both ends included, in milliseconds. */
export interface Interval {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Adds a span to spans that rise and neither overlap nor touch (times are whole milliseconds); the result is such again.
 *
 * @see prometheus tsdb/tombstones/tombstones.go Intervals.Add
 */
export function addInterval(intervals: readonly Interval[], added: Interval): Interval[] {
  const out: Interval[] = [];
  let { minMs, maxMs } = added;
  let i = 0;
  for (; i < intervals.length && intervals[i]!.maxMs < minMs - 1; i++) out.push(intervals[i]!);
  for (; i < intervals.length && intervals[i]!.minMs <= maxMs + 1; i++) {
    minMs = Math.min(minMs, intervals[i]!.minMs);
    maxMs = Math.max(maxMs, intervals[i]!.maxMs);
  }
  out.push({ minMs, maxMs });
  for (; i < intervals.length; i++) out.push(intervals[i]!);
  return out;
}

/** Whether one of the spans holds all of minMs..maxMs. */
export function isWithin(intervals: readonly Interval[], minMs: number, maxMs: number): boolean {
  for (const interval of intervals) if (interval.minMs <= minMs && interval.maxMs >= maxMs) return true;
  return false;
}

/** Whether one of the spans has a time in common with minMs..maxMs. */
export function overlapsAny(intervals: readonly Interval[], minMs: number, maxMs: number): boolean {
  for (const interval of intervals) if (interval.minMs <= maxMs && interval.maxMs >= minMs) return true;
  return false;
}
