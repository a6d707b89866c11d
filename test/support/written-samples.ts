import { FloatHistogram } from '../../src/core/histogram/float-histogram.ts';

/** Time between two samples of a series. */
export const STEP_MS = 1000;
/** Samples of a commit, one for each series. */
export const SERIES = 40;

/** Labels of a series; the first is another one every few steps, so that series come and go. */
export function labelsOf(series: number, tMs: number): Record<string, string> {
  const name = series === 0 ? `new-${Math.floor(tMs / (7 * STEP_MS))}` : String(series);
  return { __name__: 'written', pod: name };
}

/** Any bits that are a number: what is written has to be there bit for bit. */
export function valueAt(series: number, tMs: number): number {
  const high = Math.imul(tMs / STEP_MS + series * 7919, 0x85ebca6b);
  const low = Math.imul(high ^ (high >>> 15), 0xc2b2ae35);
  const view = new DataView(new ArrayBuffer(8));
  view.setInt32(0, high);
  view.setInt32(4, low);
  const value = view.getFloat64(0);
  return Number.isNaN(value) ? series : value;
}

/** The series whose samples come late too, and the one of histograms: their `pod`. */
export const LATE = 'late';
export const HISTOGRAM = 'histogram';

/** When the late sample that comes with this time was taken; undefined when none does. */
export function lateMs(tMs: number): number | undefined {
  return (tMs / STEP_MS) % 3 === 0 ? tMs - 1.5 * STEP_MS : undefined;
}

/** The histogram of a time. */
export function histogramAt(tMs: number): FloatHistogram {
  const few = (tMs / STEP_MS) % 1000;
  return new FloatHistogram({
    count: few + 7,
    sum: tMs,
    positiveSpans: Int32Array.of(0, 2),
    positiveBuckets: Float64Array.of(few, 7),
  });
}
