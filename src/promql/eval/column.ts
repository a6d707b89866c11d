import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';

/**
 * What evaluation moves around: one series' values at all steps of a query, as typed arrays.
 */

/** Evaluation times: `startMs + k * stepMs` for k in [0, count). `stepMs` is at least 1 also when there is one step. */
export interface StepGrid {
  readonly startMs: number;
  readonly stepMs: number;
  readonly count: number;
}

/** The time of a step. */
export function stepTime(grid: StepGrid, step: number): number {
  return grid.startMs + step * grid.stepMs;
}

/** The grid of a query; a range whose end lies before its start has no steps. */
export function makeGrid(startMs: number, endMs: number, stepMs: number): StepGrid {
  const step = Math.max(1, stepMs);
  return {
    startMs,
    stepMs: step,
    count: endMs < startMs ? 0 : Math.floor((endMs - startMs) / step) + 1,
  };
}

/** Values of {@link Column.present}: nothing at this step. */
export const ABSENT = 0;
/** Values of {@link Column.present}: `values` has a float. */
export const FLOAT = 1;
/** Values of {@link Column.present}: `histograms` has a native histogram. */
export const HISTOGRAM = 2;

/**
 * One series over all steps of a grid. Where `present` is {@link ABSENT} the value means nothing.
 *
 * Nearly all columns have floats only: then `histograms` is undefined and `present` is never {@link HISTOGRAM}. That is
 * what operators test to stay with their plain loops.
 */
export class Column {
  readonly values: Float64Array;
  readonly present: Uint8Array;
  /** At each step whose `present` is {@link HISTOGRAM}, its histogram; elsewhere whatever was left there. */
  histograms: (FloatHistogram | undefined)[] | undefined;

  /** Has nothing at any step. The arrays are given where they are part of larger ones; see {@link ColumnShelf}. */
  constructor(count: number, values = new Float64Array(count), present = new Uint8Array(count)) {
    this.values = values;
    this.present = present;
  }

  /** Takes every value away. */
  clear(): void {
    this.present.fill(ABSENT);
    this.histograms = undefined;
  }

  /** Puts a histogram at a step. */
  setHistogram(step: number, histogram: FloatHistogram): void {
    this.histograms ??= [];
    this.histograms[step] = histogram;
    this.present[step] = HISTOGRAM;
  }

  /** The histogram at a step whose `present` is {@link HISTOGRAM}. */
  histogram(step: number): FloatHistogram {
    return this.histograms![step]!;
  }

  /** How many samples it counts as when samples in memory are limited. O(steps) where there are histograms. */
  get sampleCount(): number {
    let count = this.values.length;
    if (this.histograms === undefined) return count;
    for (let k = 0; k < this.present.length; k++) {
      if (this.present[k] === HISTOGRAM) count += this.histograms[k]!.sampleCount;
    }
    return count;
  }

  /** Takes over what another column of the same length has at one step. */
  copyStep(other: Column, step: number): void {
    const kind = other.present[step]!;
    if (kind === HISTOGRAM) {
      this.setHistogram(step, other.histograms![step]!);
      return;
    }
    this.present[step] = kind;
    this.values[step] = other.values[step]!;
  }

  /** Becomes equal to a column of the same length. */
  copyFrom(other: Column): void {
    this.values.set(other.values);
    this.present.set(other.present);
    this.histograms = other.histograms?.slice();
  }

  /** A column of its own with the same content. */
  clone(): Column {
    const copy = new Column(this.values.length);
    copy.copyFrom(this);
    return copy;
  }
}

/** Columns of one shelf's board: few enough that a board with one column wastes little. */
const LARGEST_BOARD = 64;

/**
 * Makes many columns of one length, each of them part of larger arrays: an array of its own costs more than what is in
 * it. The memory goes when all columns of a board have gone.
 */
export class ColumnShelf {
  readonly #count: number;
  #boardSize = 1;
  #values = new Float64Array(0);
  #present = new Uint8Array(0);
  #next = 0;
  #end = 0;

  /** `count` is how many steps the columns have. */
  constructor(count: number) {
    this.#count = count;
  }

  /** A column with the content of another. */
  clone(column: Column): Column {
    const copy = this.make();
    copy.copyFrom(column);
    return copy;
  }

  /** A column that has nothing at any step. */
  make(): Column {
    const count = this.#count;
    if (this.#next === this.#end) {
      this.#values = new Float64Array(this.#boardSize * count);
      this.#present = new Uint8Array(this.#boardSize * count);
      this.#next = 0;
      this.#end = this.#boardSize;
      this.#boardSize = Math.min(LARGEST_BOARD, this.#boardSize * 2);
    }
    const from = this.#next++ * count;
    const to = from + count;
    return new Column(count, this.#values.subarray(from, to), this.#present.subarray(from, to));
  }
}

/** Whether all steps have a value. */
export function hasAll(present: Uint8Array): boolean {
  return !present.includes(ABSENT);
}

/** How many steps have a value. */
export function countPresent(present: Uint8Array): number {
  let count = 0;
  for (let k = 0; k < present.length; k++) if (present[k] !== ABSENT) count++;
  return count;
}

/** Whether any step has a value. */
export function hasAny(present: Uint8Array): boolean {
  for (let k = 0; k < present.length; k++) if (present[k] !== ABSENT) return true;
  return false;
}
