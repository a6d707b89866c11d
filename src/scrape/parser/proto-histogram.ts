import { CounterResetHint, FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { ProtoReader } from '../../core/protobuf/proto-reader.ts';
import { readSpan } from '../../core/protobuf/read-span.ts';
import { quoteText } from './bytes.ts';
import { BUCKETS_MAX, ExpositionError } from './entry.ts';
import type { HistogramChoice, Metric, RawExemplar } from './metric-entries.ts';

/** A `google.protobuf.Timestamp` in whole milliseconds; 0 when it has no meaning. */
export function readTimestampMs(reader: ProtoReader): number {
  let seconds = 0;
  let nanos = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) seconds = reader.int();
    else if (reader.field === 2) nanos = reader.int();
    else reader.skip();
  }
  reader.leave(outer);
  const ms = seconds * 1000 + Math.trunc((nanos | 0) / 1_000_000);
  return Number.isSafeInteger(ms) ? ms : 0;
}

/** Reads the exemplar that the reader has come to. */
export function readExemplar(reader: ProtoReader): RawExemplar {
  const flat: string[] = [];
  let value = 0;
  let timestampMs = NaN;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) readPair(reader, flat);
    else if (reader.field === 2) value = reader.double();
    else if (reader.field === 3) timestampMs = readTimestampMs(reader);
    else reader.skip();
  }
  reader.leave(outer);
  return { flat, value, timestampMs };
}

function readPair(reader: ProtoReader, flat: string[]): void {
  let name = '';
  let value = '';
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) name = reader.text();
    else if (reader.field === 2) value = reader.text();
    else reader.skip();
  }
  reader.leave(outer);
  flat.push(name, value);
}

/** Reads messages `Histogram` into a {@link Metric}: classic buckets at once, what is native of them at the end. */
export class ProtoHistogram {
  #count = 0;
  #countFloat = 0;
  #schema = 0;
  #zeroThreshold = 0;
  #zeroCount = 0;
  #zeroCountFloat = 0;
  readonly #negative = new Side();
  readonly #positive = new Side();

  clear(): void {
    this.#count = 0;
    this.#countFloat = 0;
    this.#schema = 0;
    this.#zeroThreshold = 0;
    this.#zeroCount = 0;
    this.#zeroCountFloat = 0;
    this.#negative.clear();
    this.#positive.clear();
  }

  /** Takes in the message that the reader has come to. */
  read(reader: ProtoReader, metric: Metric): void {
    const outer = reader.enter();
    while (reader.next()) this.#readField(reader, metric);
    reader.leave(outer);
  }

  /**
   * Tells the metric the count, and the native histogram when it is wanted and the message has spans, or a width or count
   * of the zero bucket. Throws an ExpositionError when spans call for other buckets than there are.
   */
  finish(metric: Metric, choice: HistogramChoice): void {
    metric.count = this.#countFloat === 0 ? this.#count : this.#countFloat;
    if (!choice.native || !this.#isNative()) return;
    const isFloat = this.#countFloat > 0 || this.#zeroCountFloat > 0;
    metric.isWhole = !isFloat;
    const { name } = metric.family;
    metric.native = new FloatHistogram({
      schema: this.#schema,
      count: isFloat ? this.#countFloat : this.#count,
      sum: metric.sum,
      zeroThreshold: this.#zeroThreshold,
      zeroCount: isFloat ? this.#zeroCountFloat : this.#zeroCount,
      positiveSpans: Int32Array.from(this.#positive.spans),
      positiveBuckets: this.#positive.counts(isFloat, 'positive', name),
      negativeSpans: Int32Array.from(this.#negative.spans),
      negativeBuckets: this.#negative.counts(isFloat, 'negative', name),
      counterResetHint: metric.isGauge ? CounterResetHint.gauge : CounterResetHint.unknown,
    });
  }

  #isNative(): boolean {
    return (
      this.#positive.spans.length > 0 ||
      this.#negative.spans.length > 0 ||
      this.#zeroThreshold > 0 ||
      this.#zeroCount > 0
    );
  }

  #readField(reader: ProtoReader, metric: Metric): void {
    switch (reader.field) {
      case 1:
        this.#count = reader.uint();
        return;
      case 2:
        metric.sum = reader.double();
        return;
      case 3:
        readBucket(reader, metric);
        return;
      case 4:
        this.#countFloat = reader.double();
        return;
      case 5:
        this.#schema = reader.sint() | 0;
        return;
      case 6:
        this.#zeroThreshold = reader.double();
        return;
      case 7:
        this.#zeroCount = reader.uint();
        return;
      case 8:
        this.#zeroCountFloat = reader.double();
        return;
      case 15:
        metric.startMs = readTimestampMs(reader);
        return;
      case 16:
        metric.nativeExemplars.push(readExemplar(reader));
        return;
      default:
        if (reader.field >= 9 && reader.field <= 11) this.#negative.read(reader, reader.field - 9);
        else if (reader.field >= 12 && reader.field <= 14) this.#positive.read(reader, reader.field - 12);
        else reader.skip();
    }
  }
}

function readBucket(reader: ProtoReader, metric: Metric): void {
  let count = 0;
  let countFloat = 0;
  let bound = 0;
  let exemplar: RawExemplar | undefined;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) count = reader.uint();
    else if (reader.field === 2) bound = reader.double();
    else if (reader.field === 3) exemplar = readExemplar(reader);
    else if (reader.field === 4) countFloat = reader.double();
    else reader.skip();
  }
  reader.leave(outer);
  metric.bounds.push(bound);
  metric.values.push(countFloat === 0 ? count : countFloat);
  metric.bucketExemplars.push(exemplar);
}

/** Buckets of one sign: spans, and counts either as differences from bucket to bucket or as they are. */
class Side {
  readonly spans: number[] = [];
  readonly #deltas: number[] = [];
  readonly #counts: number[] = [];

  clear(): void {
    this.spans.length = 0;
    this.#deltas.length = 0;
    this.#counts.length = 0;
  }

  /** `which`: spans, differences, or counts. */
  read(reader: ProtoReader, which: number): void {
    if (which === 0) this.#readSpan(reader);
    else if (which === 1) reader.eachSint((delta) => this.#deltas.push(delta));
    else reader.eachDouble((count) => this.#counts.push(count));
    const found = Math.max(this.spans.length / 2, this.#deltas.length, this.#counts.length);
    if (found > BUCKETS_MAX) throw new ExpositionError(`a histogram with more than ${BUCKETS_MAX} buckets`);
  }

  /** The counts that the spans call for. */
  counts(isFloat: boolean, side: string, metric: string): Float64Array {
    let needed = 0;
    for (let i = 1; i < this.spans.length; i += 2) needed += this.spans[i]!;
    const given = isFloat ? this.#counts : this.#deltas;
    if (needed !== given.length) {
      throw new ExpositionError(
        `histogram ${quoteText(metric)}: ${side} side: spans require ${needed} buckets, have ${given.length}`,
      );
    }
    const counts = Float64Array.from(given);
    if (!isFloat) for (let i = 1; i < counts.length; i++) counts[i]! += counts[i - 1]!;
    return counts;
  }

  #readSpan(reader: ProtoReader): void {
    readSpan(reader, this.spans);
    this.spans[this.spans.length - 2]! |= 0;
  }
}
