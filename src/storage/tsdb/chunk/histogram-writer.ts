import { CounterResetHint, CUSTOM_BUCKETS_SCHEMA } from '../../../core/histogram/float-histogram.ts';
import type { FloatHistogram, Spans } from '../../../core/histogram/float-histogram.ts';
import { sameBounds, sameSpans } from '../../../core/histogram/layout.ts';
import { staleHigh } from '../../stale.ts';
import { BitWriter } from './bit-writer.ts';
import {
  COUNT,
  EMPTY_LAYOUT,
  FIRST_BUCKET,
  SUM,
  ZERO_COUNT,
  compareSides,
  joinSides,
  placeCounts,
  sideLayout,
  withMatchingCounts,
  writeLayout,
} from './bucket-layout.ts';
import type { ChunkLayout, SideLayout } from './bucket-layout.ts';
import { ChunkEncoding } from './encoding.ts';
import { FractionCountWriter, makeNumbers, WholeCountWriter } from './histogram-counts.ts';
import type { CountWriter, HistogramNumbers } from './histogram-counts.ts';
import { StartWriter } from './start-times.ts';
import { HIGH, LOW } from './words.ts';

/**
 * The upper two bits of a histogram chunk's header: what is known of its first histogram and the one before.
 *
 * @see prometheus tsdb/chunkenc/histogram.go CounterResetHeader
 */
export const ResetHeader = { unknown: 0, notReset: 0x40, reset: 0x80, gauge: 0xc0 } as const;
export type ResetHeader = (typeof ResetHeader)[keyof typeof ResetHeader];

/** Counts below this are written as whole numbers when they are; differences of their differences are exact. */
const MAX_WHOLE = 2 ** 50;
/** Low word of the stale marker. */
const STALE_LOW = 2;

interface PutSample {
  readonly tMs: number;
  readonly startMs: number;
  readonly numbers: HistogramNumbers;
}

/**
 * Builds one chunk of native histograms after the other. All histograms of a chunk have one layout: buckets that some
 * lack are 0 there, and when a histogram has more of them the whole chunk is written anew. Counts are written as whole
 * numbers (encodings 2 and 5) until one is a fraction or at least 2^50, which makes the chunk one of fractions (3 and 6);
 * readers get the same histograms from both.
 *
 * @see prometheus tsdb/chunkenc/histogram.go AppendHistogram, float_histogram.go AppendFloatHistogram
 */
export class HistogramWriter {
  readonly #out = new BitWriter();
  readonly #starts = new StartWriter();
  #samples: PutSample[] = [];
  #header: ResetHeader = ResetHeader.unknown;
  /** What is known of the histogram that did not go into the chunk before. */
  #nextHeader: ResetHeader | undefined;
  #hasStarts = false;
  #isWhole = true;
  #layout = EMPTY_LAYOUT;
  #positive = sideLayout(EMPTY_LAYOUT.positiveSpans);
  #negative = sideLayout(EMPTY_LAYOUT.negativeSpans);
  #counts: CountWriter = new WholeCountWriter(0, 0);
  #lastMs = 0;
  #delta = 0;

  get encoding(): ChunkEncoding {
    if (this.#hasStarts)
      return this.#isWhole ? ChunkEncoding.histogramWithStart : ChunkEncoding.floatHistogramWithStart;
    return this.#isWhole ? ChunkEncoding.histogram : ChunkEncoding.floatHistogram;
  }

  /** Samples in the chunk. */
  get count(): number {
    return this.#samples.length;
  }

  /** Bytes of the chunk so far. */
  get byteLength(): number {
    return this.#out.byteLength;
  }

  /** Whether the chunk has start timestamps, if only of 0. */
  get hasStarts(): boolean {
    return this.#hasStarts;
  }

  /**
   * Adds a histogram, or undefined for the stale marker that ends a series of histograms. False, with nothing done, when
   * the chunk has to {@link end} before it: it is then to be added again, which begins the next chunk.
   */
  add(tMs: number, startMs: number, histogram: FloatHistogram | undefined): boolean {
    if (histogram === undefined) return this.#addStale(tMs, startMs);
    const positive = sideOf(histogram.positiveSpans, this.#positive);
    const negative = sideOf(histogram.negativeSpans, this.#negative);
    const sound = withMatchingCounts(histogram, positive, negative);
    if (this.count === 0) this.#begin(sound, positive, negative, startMs);
    else if (!this.#adapt(sound, positive, negative)) return false;
    const numbers = this.#place(sound, positive, negative);
    this.#put({ tMs, startMs, numbers });
    return true;
  }

  /** The chunk's data; the next histogram begins another. */
  end(): Uint8Array {
    const out = this.#out;
    if (this.#hasStarts) {
      out.setUint16(0, (this.#header << 8) | this.count);
      out.setByte(2, this.#starts.header);
    } else {
      out.setUint16(0, this.count);
      out.setByte(2, this.#header);
    }
    this.#samples = [];
    return out.take();
  }

  #addStale(tMs: number, startMs: number): boolean {
    if (this.count === 0) {
      const none = sideLayout(EMPTY_LAYOUT.positiveSpans);
      this.#header = this.#nextHeader ?? ResetHeader.unknown;
      this.#hasStarts = startMs !== 0;
      this.#useLayout(EMPTY_LAYOUT, none, none);
      this.#rewrite();
    } else if (this.#header === ResetHeader.gauge) {
      // The marker has no hint, so it is no gauge.
      this.#nextHeader = this.#afterGauge;
      return false;
    }
    this.#put({ tMs, startMs, numbers: staleNumbers() });
    return true;
  }

  #begin(histogram: FloatHistogram, positive: SideLayout, negative: SideLayout, startMs: number): void {
    const { counterResetHint } = histogram;
    if (counterResetHint === CounterResetHint.gauge) this.#header = ResetHeader.gauge;
    else if (counterResetHint === CounterResetHint.reset) this.#header = ResetHeader.reset;
    else this.#header = this.#nextHeader ?? ResetHeader.unknown;
    this.#hasStarts = startMs !== 0;
    this.#isWhole = isWhole(histogram);
    this.#useLayout(histogram, positive, negative);
    this.#rewrite();
  }

  /** Makes the chunk one that the histogram fits in; false when it must not go into it. */
  #adapt(histogram: FloatHistogram, positive: SideLayout, negative: SideLayout): boolean {
    const isGauge = histogram.counterResetHint === CounterResetHint.gauge;
    const refusal = isGauge ? this.#refuseGauge(histogram) : this.#refuseCounter(histogram);
    if (refusal !== undefined) {
      this.#nextHeader = refusal;
      return false;
    }
    const { floats } = this.#samples.at(-1)!.numbers;
    const middle = FIRST_BUCKET + this.#positive.indexes.length;
    const before = floats.subarray(FIRST_BUCKET, middle);
    const up = compareSides(this.#positive, before, positive, histogram.positiveBuckets, isGauge);
    const down =
      up &&
      compareSides(this.#negative, floats.subarray(middle), negative, histogram.negativeBuckets, isGauge);
    if (up === undefined || down === undefined) {
      this.#nextHeader = ResetHeader.reset;
      return false;
    }
    const turnsFraction = this.#isWhole && !isWhole(histogram);
    if (turnsFraction) this.#isWhole = false;
    if (up.inChunk || down.inChunk) {
      // Of gauges either both sides are joined or none, of counters each that has to be.
      const anyGap = up.inHistogram || down.inHistogram;
      const joinUp = isGauge ? anyGap : up.inHistogram;
      const joinDown = isGauge ? anyGap : down.inHistogram;
      this.#widen(
        joinUp ? joinSides(this.#positive, positive) : positive,
        joinDown ? joinSides(this.#negative, negative) : negative,
      );
    } else if (turnsFraction) {
      this.#rewrite();
    }
    return true;
  }

  /** Header of the next chunk, when a gauge must not go into this one. */
  #refuseGauge(histogram: FloatHistogram): ResetHeader | undefined {
    const fits =
      this.#header === ResetHeader.gauge &&
      !this.#samples.at(-1)!.numbers.isStale &&
      hasResolution(histogram, this.#layout) &&
      hasBounds(histogram, this.#layout);
    return fits ? undefined : ResetHeader.gauge;
  }

  /** Header of the next chunk, when a counter must not go into this one; buckets are not looked at. */
  #refuseCounter(histogram: FloatHistogram): ResetHeader | undefined {
    if (this.#header === ResetHeader.gauge) return this.#afterGauge;
    if (histogram.counterResetHint === CounterResetHint.reset) return ResetHeader.reset;
    const { numbers } = this.#samples.at(-1)!;
    if (numbers.isStale) return ResetHeader.unknown;
    if (histogram.count < numbers.floats[COUNT]!) return ResetHeader.reset;
    if (!hasResolution(histogram, this.#layout)) return ResetHeader.unknown;
    if (!hasBounds(histogram, this.#layout)) return ResetHeader.reset;
    return histogram.zeroCount < numbers.floats[ZERO_COUNT]! ? ResetHeader.reset : undefined;
  }

  /** Header of a chunk of counters after one of gauges. */
  get #afterGauge(): ResetHeader {
    return this.#isWhole ? ResetHeader.notReset : ResetHeader.unknown;
  }

  /** Gives the chunk more buckets. */
  #widen(positive: SideLayout, negative: SideLayout): void {
    const middle = FIRST_BUCKET + this.#positive.indexes.length;
    this.#samples = this.#samples.map(({ tMs, startMs, numbers }) => {
      const wide = makeNumbers(positive.indexes.length + negative.indexes.length);
      wide.words.set(numbers.words.subarray(0, 2 * FIRST_BUCKET));
      const wideMiddle = FIRST_BUCKET + positive.indexes.length;
      placeCounts(
        this.#positive.indexes,
        numbers.floats.subarray(FIRST_BUCKET, middle),
        positive.indexes,
        wide.floats.subarray(FIRST_BUCKET, wideMiddle),
      );
      placeCounts(
        this.#negative.indexes,
        numbers.floats.subarray(middle),
        negative.indexes,
        wide.floats.subarray(wideMiddle),
      );
      return { tMs, startMs, numbers: wide };
    });
    this.#useLayout(this.#layout, positive, negative);
    this.#rewrite();
  }

  #useLayout(layout: ChunkLayout, positive: SideLayout, negative: SideLayout): void {
    const { schema, zeroThreshold, customValues } = layout;
    const spans = { positiveSpans: positive.spans, negativeSpans: negative.spans };
    this.#layout = { schema, zeroThreshold, customValues, ...spans };
    this.#positive = positive;
    this.#negative = negative;
  }

  /** Writes the chunk from its beginning, with the samples that it has. */
  #rewrite(): void {
    this.#nextHeader = undefined;
    const positives = this.#positive.indexes.length;
    const negatives = this.#negative.indexes.length;
    this.#counts = this.#isWhole
      ? new WholeCountWriter(positives, negatives)
      : new FractionCountWriter(positives + negatives);
    this.#starts.clear();
    this.#out.clear();
    this.#out.bits(0, 24);
    writeLayout(this.#out, this.#layout);
    for (let i = 0; i < this.#samples.length; i++) this.#write(this.#samples[i]!, i);
  }

  #put(sample: PutSample): void {
    this.#write(sample, this.#samples.length);
    this.#samples.push(sample);
  }

  #write({ tMs, startMs, numbers }: PutSample, index: number): void {
    const out = this.#out;
    if (index === 0) {
      out.varbitInt(tMs);
      this.#delta = 0;
      this.#counts.first(out, numbers);
    } else {
      const delta = tMs - this.#lastMs;
      out.varbitInt(delta - this.#delta);
      this.#delta = delta;
      this.#counts.next(out, numbers);
    }
    if (this.#hasStarts) this.#starts.write(out, index, tMs, this.#lastMs, startMs);
    this.#lastMs = tMs;
  }

  #place(histogram: FloatHistogram, positive: SideLayout, negative: SideLayout): HistogramNumbers {
    const positives = this.#positive.indexes;
    const negatives = this.#negative.indexes;
    const numbers = makeNumbers(positives.length + negatives.length);
    const { floats } = numbers;
    floats[COUNT] = histogram.count;
    floats[ZERO_COUNT] = histogram.zeroCount;
    floats[SUM] = histogram.sum;
    const middle = FIRST_BUCKET + positives.length;
    const { positiveBuckets, negativeBuckets } = histogram;
    placeCounts(positive.indexes, positiveBuckets, positives, floats.subarray(FIRST_BUCKET, middle));
    placeCounts(negative.indexes, negativeBuckets, negatives, floats.subarray(middle));
    return numbers;
  }
}

function sideOf(spans: Spans, known: SideLayout): SideLayout {
  return sameSpans(spans, known.spans) ? known : sideLayout(spans);
}

function staleNumbers(): HistogramNumbers {
  const numbers = makeNumbers(0, true);
  numbers.words[2 * SUM + LOW] = STALE_LOW;
  numbers.words[2 * SUM + HIGH] = staleHigh;
  return numbers;
}

function hasResolution(histogram: FloatHistogram, layout: ChunkLayout): boolean {
  return histogram.schema === layout.schema && histogram.zeroThreshold === layout.zeroThreshold;
}

function hasBounds(histogram: FloatHistogram, layout: ChunkLayout): boolean {
  if (histogram.schema !== CUSTOM_BUCKETS_SCHEMA) return true;
  return sameBounds(histogram.customValues, layout.customValues);
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
  return Number.isInteger(count) && count >= 0 && count < MAX_WHOLE && !Object.is(count, -0);
}
