import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { SampleBuffer } from '../../storage/index.ts';

/** A copy of one series' samples that can be read again and again. */
export class KeptSamples {
  readonly #timestamps: Float64Array;
  readonly #values: Float64Array;
  readonly #histograms: readonly (FloatHistogram | undefined)[] | undefined;
  readonly #starts: Float64Array | undefined;

  constructor({ timestamps, values, histograms, starts, length }: SampleBuffer) {
    this.#timestamps = timestamps.slice(0, length);
    this.#values = values.slice(0, length);
    this.#histograms = histograms?.slice(0, length);
    this.#starts = starts?.slice(0, length);
  }

  /** Replaces `into`'s contents by the samples with minMs <= t <= maxMs; returns how many there are. */
  read(minMs: number, maxMs: number, into: SampleBuffer): number {
    const from = lowerBound(this.#timestamps, minMs);
    const to = lowerBound(this.#timestamps, maxMs + 1);
    into.clear();
    into.reserve(to - from);
    into.timestamps.set(this.#timestamps.subarray(from, to));
    into.values.set(this.#values.subarray(from, to));
    into.length = to - from;
    const histograms = this.#histograms;
    for (let i = from; histograms !== undefined && i < to; i++) {
      const histogram = histograms[i];
      if (histogram !== undefined) into.setHistogram(i - from, histogram);
    }
    const starts = this.#starts;
    for (let i = from; starts !== undefined && i < to; i++) {
      if (starts[i] !== 0) into.setStart(i - from, starts[i]!);
    }
    return into.length;
  }
}

/** Index of the first time that is not before `tMs`. */
function lowerBound(timestamps: Float64Array, tMs: number): number {
  let low = 0;
  let high = timestamps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timestamps[middle]! < tMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
