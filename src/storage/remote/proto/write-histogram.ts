import type { FloatHistogram, Spans } from '../../../core/histogram/float-histogram.ts';
import type { ProtoWriter } from '../../../core/protobuf/proto-writer.ts';

/** Counts from here on are written as floats: differences of them might not be exact as whole numbers. */
const MAX_WHOLE = 2 ** 50;

/**
 * Writes a histogram message, the same in both versions of remote write and in remote read: with whole numbers where all
 * counts are, as a histogram of integers. `startMs` is left out when it is 0.
 *
 * @see prometheus prompb/types.proto, prompb/codec.go FromIntHistogram and FromFloatHistogram
 */
export function writeHistogram(
  out: ProtoWriter,
  field: number,
  histogram: FloatHistogram,
  tMs: number,
  startMs: number,
): void {
  const { negativeBuckets, positiveBuckets } = histogram;
  const whole = isWhole(histogram);
  out.message(field, () => {
    if (whole) out.uint(1, histogram.count);
    else out.double(2, histogram.count);
    out.double(3, histogram.sum);
    out.sint(4, histogram.schema);
    out.double(5, histogram.zeroThreshold);
    if (whole) out.uint(6, histogram.zeroCount);
    else out.double(7, histogram.zeroCount);
    writeSpans(out, 8, histogram.negativeSpans);
    if (negativeBuckets.length > 0) {
      if (whole) out.sints(9, deltas(negativeBuckets));
      else out.doubles(10, negativeBuckets);
    }
    writeSpans(out, 11, histogram.positiveSpans);
    if (positiveBuckets.length > 0) {
      if (whole) out.sints(12, deltas(positiveBuckets));
      else out.doubles(13, positiveBuckets);
    }
    out.uint(14, histogram.counterResetHint);
    out.int(15, tMs);
    if (histogram.usesCustomBuckets) out.doubles(16, histogram.customValues);
    if (startMs !== 0) out.int(17, startMs);
  });
}

function writeSpans(out: ProtoWriter, field: number, spans: Spans): void {
  for (let i = 0; i < spans.length; i += 2) {
    out.message(field, () => {
      out.sint(1, spans[i]!);
      out.uint(2, spans[i + 1]!);
    });
  }
}

function* deltas(counts: Float64Array): Generator<number> {
  let before = 0;
  for (const count of counts) {
    yield count - before;
    before = count;
  }
}

function isWhole({ count, zeroCount, positiveBuckets, negativeBuckets }: FloatHistogram): boolean {
  return (
    isWholeCount(count) &&
    isWholeCount(zeroCount) &&
    positiveBuckets.every(isWholeCount) &&
    negativeBuckets.every(isWholeCount)
  );
}

function isWholeCount(count: number): boolean {
  return Number.isInteger(count) && count >= 0 && count < MAX_WHOLE;
}
