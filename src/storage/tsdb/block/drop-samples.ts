import type { SampleBuffer } from '../../seam.ts';
import type { Interval } from './intervals.ts';
import { isWithin } from './intervals.ts';

/** Takes the samples from `from` on that lie in one of the spans out of a buffer. */
export function dropWithin(buffer: SampleBuffer, from: number, deleted: readonly Interval[]): void {
  const { timestamps, values, starts, histograms } = buffer;
  let count = from;
  for (let i = from; i < buffer.length; i++) {
    if (isWithin(deleted, timestamps[i]!, timestamps[i]!)) continue;
    if (count !== i) {
      timestamps[count] = timestamps[i]!;
      // Bits of NaNs are kept.
      values.copyWithin(count, i, i + 1);
      if (starts !== undefined) starts[count] = starts[i]!;
      if (histograms !== undefined) histograms[count] = histograms[i];
    }
    count++;
  }
  if (histograms !== undefined) histograms.length = Math.min(histograms.length, count);
  starts?.fill(0, count);
  buffer.length = count;
}
