import type { BitReader } from './bit-reader.ts';
import type { BitWriter } from './bit-writer.ts';
import { COUNT, FIRST_BUCKET, SUM, ZERO_COUNT } from './bucket-layout.ts';
import { HIGH, LOW } from './words.ts';
import { areStaleBits } from '../../stale.ts';
import { NO_WINDOW, readXor, writeXor } from './xor-value.ts';

/**
 * The numbers of histograms: count, count of the zero bucket, sum, then the counts of positive and of negative buckets. In
 * memory all are floats; of a histogram that is a stale marker there is only the sum.
 *
 * Whole counts (encodings 2 and 5): the first histogram's as varbit numbers, buckets as differences from the one before on
 * the same side; of others the difference of differences from the histogram before. Fractions (3 and 6): 64 bits each, then
 * XOR with the same number of the histogram before, each with a window of its own. The sum is XOR in both.
 *
 * @see prometheus tsdb/chunkenc/histogram.go appendHistogram, float_histogram.go appendFloatHistogram
 */

/** Numbers of a histogram in the layout of its chunk; `words` is the same memory. */
export interface HistogramNumbers {
  readonly floats: Float64Array;
  readonly words: Uint32Array;
  readonly isStale: boolean;
}

/** Numbers of a histogram with so many buckets, all 0. */
export function makeNumbers(buckets: number, isStale = false): HistogramNumbers {
  const floats = new Float64Array(FIRST_BUCKET + buckets);
  return { floats, words: new Uint32Array(floats.buffer), isStale };
}

/** Writes the numbers of a chunk's histograms; made anew for each chunk. */
export interface CountWriter {
  first(out: BitWriter, numbers: HistogramNumbers): void;
  next(out: BitWriter, numbers: HistogramNumbers): void;
}

/** Whole counts below 2^50, so that differences of differences are exact. */
export class WholeCountWriter implements CountWriter {
  readonly #positives: number;
  readonly #window = Uint8Array.of(NO_WINDOW, 0);
  /** Count, zero count and steps between buckets of the histogram before (the place of the sum is not used). */
  readonly #values: Float64Array;
  /** How those differed from the ones before them. */
  readonly #deltas: Float64Array;
  #low = 0;
  #high = 0;

  constructor(positives: number, negatives: number) {
    this.#positives = positives;
    this.#values = new Float64Array(FIRST_BUCKET + positives + negatives);
    this.#deltas = new Float64Array(this.#values.length);
  }

  first(out: BitWriter, { floats, words }: HistogramNumbers): void {
    out.varbitUint(floats[COUNT]!);
    out.varbitUint(floats[ZERO_COUNT]!);
    this.#low = words[2 * SUM + LOW]!;
    this.#high = words[2 * SUM + HIGH]!;
    out.words(this.#high, this.#low);
    this.#values[COUNT] = floats[COUNT]!;
    this.#values[ZERO_COUNT] = floats[ZERO_COUNT]!;
    for (let i = FIRST_BUCKET; i < floats.length; i++) {
      const step = this.#step(floats, i);
      out.varbitInt(step);
      this.#values[i] = step;
    }
  }

  next(out: BitWriter, { floats, words, isStale }: HistogramNumbers): void {
    if (isStale) {
      out.bits(0, 2);
    } else {
      this.#number(out, COUNT, floats[COUNT]!);
      this.#number(out, ZERO_COUNT, floats[ZERO_COUNT]!);
    }
    const low = words[2 * SUM + LOW]!;
    const high = words[2 * SUM + HIGH]!;
    writeXor(out, (low ^ this.#low) >>> 0, (high ^ this.#high) >>> 0, this.#window, 0);
    this.#low = low;
    this.#high = high;
    for (let i = FIRST_BUCKET; i < floats.length; i++) this.#number(out, i, this.#step(floats, i));
  }

  #number(out: BitWriter, i: number, value: number): void {
    const delta = value - this.#values[i]!;
    out.varbitInt(delta - this.#deltas[i]!);
    this.#deltas[i] = delta;
    this.#values[i] = value;
  }

  #step(floats: Float64Array, i: number): number {
    const beginsSide = i === FIRST_BUCKET || i === FIRST_BUCKET + this.#positives;
    return beginsSide ? floats[i]! : floats[i]! - floats[i - 1]!;
  }
}

/** Any counts. */
export class FractionCountWriter implements CountWriter {
  readonly #windows: Uint8Array;
  readonly #words: Uint32Array;

  constructor(buckets: number) {
    this.#windows = new Uint8Array(2 * (FIRST_BUCKET + buckets)).fill(NO_WINDOW);
    this.#words = new Uint32Array(2 * (FIRST_BUCKET + buckets));
  }

  first(out: BitWriter, { floats, words }: HistogramNumbers): void {
    this.#words.set(words);
    for (let i = 0; i < floats.length; i++) {
      const at = 2 * i;
      out.words(words[at + HIGH]!, words[at + LOW]!);
    }
  }

  next(out: BitWriter, { floats, words }: HistogramNumbers): void {
    const before = this.#words;
    for (let i = 0; i < floats.length; i++) {
      const at = 2 * i;
      const low = (words[at + LOW]! ^ before[at + LOW]!) >>> 0;
      const high = (words[at + HIGH]! ^ before[at + HIGH]!) >>> 0;
      writeXor(out, low, high, this.#windows, at);
    }
    before.set(words);
  }
}

/** Reads the numbers of a chunk's histograms into {@link numbers}. */
export interface CountReader {
  /** The newest histogram's; a stale marker leaves all but the sum. */
  readonly numbers: HistogramNumbers;
  first(reader: BitReader): void;
  next(reader: BitReader): void;
}

/** Whether the newest histogram is a stale marker. */
export function endsStale({ words }: HistogramNumbers): boolean {
  return areStaleBits(words[2 * SUM + LOW]!, words[2 * SUM + HIGH]!);
}

function readSum(reader: BitReader, words: Uint32Array): void {
  words[2 * SUM + HIGH] = reader.long(32);
  words[2 * SUM + LOW] = reader.long(32);
}

/** Whole counts. */
export class WholeCountReader implements CountReader {
  readonly numbers: HistogramNumbers;
  readonly #positives: number;
  readonly #window = new Uint8Array(2);
  readonly #values: Float64Array;
  readonly #deltas: Float64Array;

  constructor(positives: number, negatives: number) {
    this.numbers = makeNumbers(positives + negatives);
    this.#positives = positives;
    this.#values = new Float64Array(this.numbers.floats.length);
    this.#deltas = new Float64Array(this.numbers.floats.length);
  }

  first(reader: BitReader): void {
    const { floats, words } = this.numbers;
    floats[COUNT] = reader.varbitUint();
    floats[ZERO_COUNT] = reader.varbitUint();
    readSum(reader, words);
    const values = this.#values;
    values[COUNT] = floats[COUNT];
    values[ZERO_COUNT] = floats[ZERO_COUNT];
    for (let i = FIRST_BUCKET; i < values.length; i++) values[i] = reader.varbitInt();
    this.#addSteps();
  }

  next(reader: BitReader): void {
    const { floats, words } = this.numbers;
    floats[COUNT] = this.#number(reader, COUNT);
    floats[ZERO_COUNT] = this.#number(reader, ZERO_COUNT);
    readXor(reader, words, SUM, this.#window, 0);
    if (endsStale(this.numbers)) return;
    for (let i = FIRST_BUCKET; i < floats.length; i++) this.#number(reader, i);
    this.#addSteps();
  }

  #number(reader: BitReader, i: number): number {
    return (this.#values[i]! += this.#deltas[i]! += reader.varbitInt());
  }

  #addSteps(): void {
    const { floats } = this.numbers;
    const middle = FIRST_BUCKET + this.#positives;
    for (let i = FIRST_BUCKET, count = 0; i < floats.length; i++) {
      count = i === middle ? this.#values[i]! : count + this.#values[i]!;
      floats[i] = count;
    }
  }
}

/** Any counts. */
export class FractionCountReader implements CountReader {
  readonly numbers: HistogramNumbers;
  readonly #windows: Uint8Array;

  constructor(buckets: number) {
    this.numbers = makeNumbers(buckets);
    this.#windows = new Uint8Array(2 * this.numbers.floats.length);
  }

  first(reader: BitReader): void {
    const { floats, words } = this.numbers;
    for (let i = 0; i < floats.length; i++) {
      words[2 * i + HIGH] = reader.long(32);
      words[2 * i + LOW] = reader.long(32);
    }
  }

  next(reader: BitReader): void {
    const { floats, words } = this.numbers;
    for (let i = 0; i < FIRST_BUCKET; i++) readXor(reader, words, i, this.#windows, 2 * i);
    if (endsStale(this.numbers)) return;
    for (let i = FIRST_BUCKET; i < floats.length; i++) readXor(reader, words, i, this.#windows, 2 * i);
  }
}
