import { CounterResetHint } from '../../../core/histogram/float-histogram.ts';
import type { FloatHistogram } from '../../../core/histogram/float-histogram.ts';
import type { SampleBuffer } from '../../seam.ts';

/**
 * Merges two buffers of samples in order of time into a third. Of samples at the same time that of `first` stays. Where
 * one source follows upon the other, what a histogram says of a counter reset before it does not hold any more.
 *
 * @see prometheus storage/merge.go chainSampleIterator
 */
export function mergeSamples(first: SampleBuffer, second: SampleBuffer, into: SampleBuffer): void {
  into.clear();
  into.reserve(first.length + second.length);
  let i = 0;
  let j = 0;
  while (i < first.length || j < second.length) {
    const firstMs = i < first.length ? first.timestamps[i]! : Infinity;
    const secondMs = j < second.length ? second.timestamps[j]! : Infinity;
    if (firstMs <= secondMs) {
      const from = i;
      while (i < first.length && first.timestamps[i]! <= secondMs) i++;
      copyRun(first, from, i, into);
      // The twin of the last one taken.
      if (j < second.length && first.timestamps[i - 1] === secondMs) j++;
    } else {
      const from = j;
      while (j < second.length && second.timestamps[j]! < firstMs) j++;
      copyRun(second, from, j, into);
    }
  }
}

function copyRun(source: SampleBuffer, from: number, to: number, into: SampleBuffer): void {
  const at = into.length;
  // Copies of whole runs keep the bits of NaNs.
  into.timestamps.set(source.timestamps.subarray(from, to), at);
  into.values.set(source.values.subarray(from, to), at);
  into.length = at + to - from;
  for (let i = from; i < to; i++) {
    const histogram = source.histograms?.[i];
    if (histogram !== undefined) {
      const isFollowUp = i === from && at > 0;
      into.setHistogram(at + i - from, isFollowUp ? withoutHint(histogram) : histogram);
    }
    const startMs = source.starts?.[i] ?? 0;
    if (startMs !== 0) into.setStart(at + i - from, startMs);
  }
}

/** The histogram without what it says of a counter reset before it, for where another sample precedes it now. */
export function withoutHint(histogram: FloatHistogram): FloatHistogram {
  if (histogram.counterResetHint === CounterResetHint.gauge) return histogram;
  return histogram.with({ counterResetHint: CounterResetHint.unknown });
}
