import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { Labels } from '../../core/labels.ts';
import type { SampleBuffer } from '../../storage/index.ts';
import type { MatrixSeries } from '../query-engine.ts';
import { ABSENT, type Column, countPresent, FLOAT, HISTOGRAM } from './column.ts';

/** Turns columns and buffers into the series of an answer: floats and native histograms apart. */

class SeriesParts {
  readonly #timestamps: Float64Array;
  readonly #values: Float64Array;
  readonly #histogramTimes: number[] = [];
  readonly #histograms: FloatHistogram[] = [];
  #floats = 0;

  constructor(capacity: number) {
    this.#timestamps = new Float64Array(capacity);
    this.#values = new Float64Array(capacity);
  }

  addFloat(tMs: number, value: number): void {
    this.#timestamps[this.#floats] = tMs;
    this.#values[this.#floats++] = value;
  }

  addHistogram(tMs: number, histogram: FloatHistogram): void {
    this.#histogramTimes.push(tMs);
    this.#histograms.push(histogram);
  }

  series(labels: Labels): MatrixSeries {
    const timestamps = this.#timestamps.subarray(0, this.#floats);
    const values = this.#values.subarray(0, this.#floats);
    if (this.#histograms.length === 0) return { labels, timestamps, values };
    const histograms = { timestamps: Float64Array.from(this.#histogramTimes), values: this.#histograms };
    return { labels, timestamps, values, histograms };
  }
}

/** The steps of a column that have a value. Series of floats without a gap share the column of times. */
export function seriesOfColumn(labels: Labels, column: Column, allTimes: Float64Array): MatrixSeries {
  const { values, present, histograms } = column;
  const count = countPresent(present);
  if (histograms === undefined) {
    if (count === allTimes.length) return { labels, timestamps: allTimes, values };
    // A rate has nothing at the first steps of a young series; arrays of its own would cost more than its values.
    const from = Math.max(0, present.indexOf(FLOAT));
    if (!present.subarray(from, from + count).includes(ABSENT)) {
      const to = from + count;
      return { labels, timestamps: allTimes.subarray(from, to), values: values.subarray(from, to) };
    }
  }
  const parts = new SeriesParts(count);
  for (let k = 0; k < allTimes.length; k++) {
    if (present[k] === ABSENT) continue;
    if (present[k] === HISTOGRAM) parts.addHistogram(allTimes[k]!, histograms![k]!);
    else parts.addFloat(allTimes[k]!, values[k]!);
  }
  return parts.series(labels);
}

/** A copy of a buffer's samples. */
export function seriesOfSamples(labels: Labels, samples: SampleBuffer): MatrixSeries {
  const { timestamps, values, histograms, length } = samples;
  if (histograms === undefined) {
    return { labels, timestamps: timestamps.slice(0, length), values: values.slice(0, length) };
  }
  const parts = new SeriesParts(length);
  for (let i = 0; i < length; i++) {
    const histogram = histograms[i];
    if (histogram === undefined) parts.addFloat(timestamps[i]!, values[i]!);
    else parts.addHistogram(timestamps[i]!, histogram);
  }
  return parts.series(labels);
}
