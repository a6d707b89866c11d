import { compactHistogram } from '../../core/histogram/compact.ts';
import { CounterResetHint, type FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { HistogramMean, HistogramSum } from '../../core/histogram/sum.ts';
import { ABSENT, type Column, FLOAT } from '../eval/column.ts';

/** Told of what an aggregation has to say about the native histograms in its input. */
export interface AggregationNotes {
  /** A histogram was left out. */
  histogramIgnored(): void;
  /** A group has floats and histograms at one step, and so no result. */
  mixedTypes(): void;
  /** The series at hand has custom buckets and what came before exponential ones, or the other way round. */
  mixedBuckets(): void;
  /** Custom bounds differed. */
  bucketsReconciled(): void;
  /** Counters that were reset met ones that were not. */
  counterResetCollision(): void;
  /** So many more samples are kept. Throws when these are too many. */
  kept(samples: number): void;
}

/** There was a histogram. */
const HISTOGRAMS = 1;
/** Exponential and custom buckets met: nothing counts any more. */
const INCOMPATIBLE = 2;
const RESET = 4;
const NOT_RESET = 8;

/** The floats of the same group, side by side with its histograms. */
export interface FloatTotals {
  /** Non-zero where there was a float. */
  readonly present: Uint8Array;
  addAt(step: number, value: number): void;
}

/**
 * Sums or means of the native histograms of one group, at all steps.
 *
 * @see prometheus promql/engine.go aggregation
 */
export class HistogramTotals {
  readonly #totals: (HistogramSum | HistogramMean | undefined)[] = [];
  readonly #flags: Uint8Array;
  readonly #make: (first: FloatHistogram) => HistogramSum | HistogramMean;
  readonly #notes: AggregationNotes;

  constructor(steps: number, kind: 'sum' | 'mean', notes: AggregationNotes) {
    this.#flags = new Uint8Array(steps);
    this.#make = kind === 'sum' ? (first) => new HistogramSum(first) : (first) => new HistogramMean(first);
    this.#notes = notes;
  }

  /** Adds a column in which there may be floats and histograms. */
  add(column: Column, floats: FloatTotals): void {
    const { values, present } = column;
    for (let k = 0; k < values.length; k++) {
      if (present[k] === ABSENT || (this.#flags[k]! & INCOMPATIBLE) !== 0) continue;
      if (present[k] === FLOAT) floats.addAt(k, values[k]!);
      else this.#addHistogram(k, column.histogram(k), floats.present[k] !== ABSENT);
    }
  }

  #addHistogram(step: number, histogram: FloatHistogram, isMixed: boolean): void {
    this.#flags[step]! |= HISTOGRAMS;
    const total = this.#totals[step];
    // Where a float came first there will be no result.
    if (total === undefined && isMixed) return;
    if (histogram.counterResetHint === CounterResetHint.reset) this.#flags[step]! |= RESET;
    else if (histogram.counterResetHint === CounterResetHint.notReset) this.#flags[step]! |= NOT_RESET;
    if (total === undefined) {
      this.#totals[step] = this.#make(histogram);
      this.#notes.kept(histogram.sampleCount);
      return;
    }
    const added = total.add(histogram);
    if (added.kind === 'incompatibleSchema') {
      this.#flags[step]! |= INCOMPATIBLE;
      this.#notes.mixedBuckets();
    } else if (added.boundsReconciled) {
      this.#notes.bucketsReconciled();
    }
  }

  /** Completes `out`, which has the floats' results. */
  finish(out: Column): void {
    for (let k = 0; k < this.#flags.length; k++) {
      const flags = this.#flags[k]!;
      if ((flags & HISTOGRAMS) === 0) continue;
      const isMixed = out.present[k] === FLOAT;
      out.present[k] = ABSENT;
      if (isMixed) {
        this.#notes.mixedTypes();
      } else if ((flags & INCOMPATIBLE) === 0) {
        out.setHistogram(k, compactHistogram(this.#totals[k]!.result(), 0));
        if ((flags & RESET) !== 0 && (flags & NOT_RESET) !== 0) this.#notes.counterResetCollision();
      }
    }
  }
}
