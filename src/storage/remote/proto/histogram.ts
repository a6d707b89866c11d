import { TocsinError } from '../../../core/errors.ts';
import { FloatHistogram, NO_FLOATS, NO_SPANS } from '../../../core/histogram/float-histogram.ts';
import type { CounterResetHint, Spans } from '../../../core/histogram/float-histogram.ts';
import type { ProtoReader } from '../../../core/protobuf/proto-reader.ts';
import { readSpan } from '../../../core/protobuf/read-span.ts';

/** A native histogram as remote write sends it. */
export interface SentHistogram {
  readonly tMs: number;
  /** 0 where none is said. */
  readonly startMs: number;
  readonly histogram: FloatHistogram;
  /** Whether it counts whole observations, rather than floats. */
  readonly isWhole: boolean;
}

/** What the fields of a histogram message say; those of whole numbers and of floats apart. */
class HistogramFields {
  count = 0;
  zeroCount = 0;
  /** Whether counts are floats: the one of `count` says so for all. */
  isFloat = false;
  zeroCountFloat = 0;
  sum = 0;
  schema = 0;
  zeroThreshold = 0;
  readonly negativeSpans: number[] = [];
  readonly negativeDeltas: number[] = [];
  readonly negativeCounts: number[] = [];
  readonly positiveSpans: number[] = [];
  readonly positiveDeltas: number[] = [];
  readonly positiveCounts: number[] = [];
  readonly customValues: number[] = [];
  resetHint = 0;
  tMs = 0;
  startMs = 0;

  /** Takes in the present field of a reader. */
  read(reader: ProtoReader): void {
    switch (reader.field) {
      case 1:
        this.count = reader.uint();
        this.isFloat = false;
        return;
      case 2:
        this.count = reader.double();
        this.isFloat = true;
        return;
      case 3:
        this.sum = reader.double();
        return;
      case 4:
        this.schema = reader.sint();
        return;
      case 5:
        this.zeroThreshold = reader.double();
        return;
      case 6:
        this.zeroCount = reader.uint();
        return;
      case 7:
        this.zeroCountFloat = reader.double();
        return;
      case 14:
        this.resetHint = reader.int();
        return;
      case 15:
        this.tMs = reader.int();
        return;
      case 17:
        this.startMs = reader.int();
        return;
      default:
        this.#readBuckets(reader);
    }
  }

  #readBuckets(reader: ProtoReader): void {
    switch (reader.field) {
      case 8:
        readSentSpan(reader, this.negativeSpans);
        return;
      case 9:
        reader.eachSint((delta) => this.negativeDeltas.push(delta));
        return;
      case 10:
        reader.eachDouble((count) => this.negativeCounts.push(count));
        return;
      case 11:
        readSentSpan(reader, this.positiveSpans);
        return;
      case 12:
        reader.eachSint((delta) => this.positiveDeltas.push(delta));
        return;
      case 13:
        reader.eachDouble((count) => this.positiveCounts.push(count));
        return;
      case 16:
        reader.eachDouble((bound) => this.customValues.push(bound));
        return;
      default:
        reader.skip();
    }
  }
}

/**
 * Reads the histogram message that the reader has come to; the same for both versions of remote write. What it says is not
 * checked: `histogramFault` does that. Throws TOCSIN_ERR_PARSE for bytes that are no such message.
 *
 * @see prometheus prompb/types.proto, prompb/codec.go ToIntHistogram and ToFloatHistogram
 */
export function readHistogram(reader: ProtoReader): SentHistogram {
  const fields = new HistogramFields();
  const outer = reader.enter();
  while (reader.next()) fields.read(reader);
  reader.leave(outer);
  const { isFloat } = fields;
  const histogram = new FloatHistogram({
    schema: fields.schema,
    count: fields.count,
    sum: fields.sum,
    zeroThreshold: fields.zeroThreshold,
    zeroCount: isFloat ? fields.zeroCountFloat : fields.zeroCount,
    positiveSpans: spansOf(fields.positiveSpans),
    positiveBuckets: isFloat ? floatsOf(fields.positiveCounts) : countsOf(fields.positiveDeltas),
    negativeSpans: spansOf(fields.negativeSpans),
    negativeBuckets: isFloat ? floatsOf(fields.negativeCounts) : countsOf(fields.negativeDeltas),
    customValues: floatsOf(fields.customValues),
    counterResetHint: hintOf(fields.resetHint),
  });
  return { tMs: fields.tMs, startMs: fields.startMs, histogram, isWhole: !isFloat };
}

function readSentSpan(reader: ProtoReader, into: number[]): void {
  readSpan(reader, into);
  const [offset, length] = [into.at(-2)!, into.at(-1)!];
  if (offset !== (offset | 0) || length !== (length | 0)) {
    throw new TocsinError('TOCSIN_ERR_PARSE', `a histogram has a span of ${length} buckets at ${offset}`);
  }
}

function spansOf(numbers: readonly number[]): Spans {
  return numbers.length === 0 ? NO_SPANS : Int32Array.from(numbers);
}

function floatsOf(numbers: readonly number[]): Float64Array {
  return numbers.length === 0 ? NO_FLOATS : Float64Array.from(numbers);
}

/** Counts of buckets from what each has more than the one before it. */
function countsOf(deltas: readonly number[]): Float64Array {
  let count = 0;
  return deltas.length === 0 ? NO_FLOATS : Float64Array.from(deltas, (delta) => (count += delta));
}

function hintOf(value: number): CounterResetHint {
  return value === 1 || value === 2 || value === 3 ? value : 0;
}
