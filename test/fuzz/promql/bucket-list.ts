import type { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';

/** Bounds and count of a bucket. */
export type BucketRow = readonly [lower: number, upper: number, count: number];

/** The buckets that aren't empty, from the lowest to the highest, worked out straight from the definition. */
export function bucketList(histogram: FloatHistogram): BucketRow[] {
  const rows: BucketRow[] = [];
  const bound = (index: number): number => {
    if (!histogram.usesCustomBuckets) return 2 ** (index * 2 ** -histogram.schema);
    if (index < 0) return -Infinity;
    return histogram.customValues[index] ?? Infinity;
  };
  walk(histogram.positiveSpans, histogram.positiveBuckets, (index, count) => {
    rows.push([bound(index - 1), bound(index), count]);
  });
  walk(histogram.negativeSpans, histogram.negativeBuckets, (index, count) => {
    rows.push([-bound(index), -bound(index - 1), count]);
  });
  // Prometheus leaves a zero bucket that a subtraction made negative out of what it shows.
  if (histogram.zeroCount > 0) {
    rows.push([-histogram.zeroThreshold, histogram.zeroThreshold, histogram.zeroCount]);
  }
  return rows.filter(([, , count]) => count !== 0).sort((a, b) => a[1] - b[1]);
}

function walk(spans: Int32Array, buckets: Float64Array, visit: (index: number, count: number) => void): void {
  let index = 0;
  let at = 0;
  for (let span = 0; span < spans.length; span += 2) {
    index += spans[span]!;
    for (let i = 0; i < spans[span + 1]!; i++) visit(index++, buckets[at++]!);
  }
}
