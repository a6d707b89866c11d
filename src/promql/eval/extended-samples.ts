import { SampleBuffer } from '../../storage/index.ts';
import { extendedBounds } from '../functions/extended-bounds.ts';
import { valuesAtEnds } from '../functions/extended-rate.ts';
import { QueryError } from '../query-engine.ts';

/**
 * The samples of an `anchored` or `smoothed` range that is the whole query: those within (startMs, endMs), and one at
 * each end. `samples` are those of the widened range, without stale markers; there is at least one. Throws QueryError
 * for native histograms.
 *
 * @see prometheus promql/engine.go extendFloats, matrixSelector
 */
export function extendedSamples(
  samples: SampleBuffer,
  startMs: number,
  endMs: number,
  extended: 'anchored' | 'smoothed',
): SampleBuffer {
  if (samples.histograms !== undefined) {
    throw new QueryError('execution', `${extended} modifier is not supported with histograms`);
  }
  const { timestamps, values, length } = samples;
  const smoothed = extended === 'smoothed';
  const result = new SampleBuffer(length + 2);
  const bounds = extendedBounds(timestamps, 0, length, startMs, endMs, smoothed);
  if (bounds === undefined) return result;
  const [left, right] = valuesAtEnds(samples, bounds, { lo: 0, startMs, endMs }, smoothed, false);
  const push = (tMs: number, value: number): void => {
    result.timestamps[result.length] = tMs;
    result.values[result.length++] = value;
  };
  push(startMs, left);
  for (let i = bounds.first; i <= bounds.last; i++) {
    if (timestamps[i]! > startMs && timestamps[i]! < endMs) push(timestamps[i]!, values[i]!);
  }
  push(endMs, right);
  return result;
}
