/**
 * Start timestamps: when the counter that a sample shows began. All times are in milliseconds, 0 is no start timestamp.
 */

/**
 * Whether a counter began anew between two neighbouring samples, by their start timestamps.
 *
 * A sample that starts exactly at the previous one is a reset if the previous one's start is known: a delta. Otherwise
 * it is a counter whose start was never known. Starts that aren't before their sample say nothing.
 *
 * @see prometheus promql/functions.go isStartTimestampReset
 */
export function startsAnew(
  previousStartMs: number,
  previousMs: number,
  startMs: number,
  sampleMs: number,
): boolean {
  if (startMs === 0 || startMs >= sampleMs || startMs < previousMs) return false;
  if (startMs > previousMs) return true;
  return previousStartMs !== 0 && previousStartMs < previousMs;
}

/**
 * Whether a sample begins before the previous one ends although they aren't of one count.
 *
 * @see prometheus promql/functions.go checkStartTimeOverlap
 */
export function startsOverlap(previousStartMs: number, previousMs: number, startMs: number): boolean {
  return startMs !== 0 && startMs < previousMs && startMs !== previousStartMs;
}
