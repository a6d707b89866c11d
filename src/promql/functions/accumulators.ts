import { ABSENT, type Column, ColumnShelf, FLOAT, hasAll, HISTOGRAM } from '../eval/column.ts';
import type { AggregateOp } from '../parser/ast.ts';
import { type AggregationNotes, type FloatTotals, HistogramTotals } from './histogram-totals.ts';
import { addCompensated, quantileOf } from './numeric.ts';

/**
 * One group of an aggregation at all steps. `add` takes the series of the group one after the other; `finish` writes
 * the result where at least one of them had a value, once.
 */
export interface Accumulator {
  add(column: Column): void;
  finish(out: Column): void;
}

/** Neumaier sums of all steps, side by side. */
class SumAccumulator implements Accumulator, FloatTotals {
  readonly present: Uint8Array;
  readonly #sums: Float64Array;
  readonly #compensations: Float64Array;
  readonly #notes: AggregationNotes;
  #histograms: HistogramTotals | undefined;

  constructor(steps: number, notes: AggregationNotes) {
    this.present = new Uint8Array(steps);
    this.#sums = new Float64Array(steps);
    this.#compensations = new Float64Array(steps);
    this.#notes = notes;
  }

  add(column: Column): void {
    if (this.#histograms === undefined && column.histograms === undefined) {
      const { values, present } = column;
      if (hasAll(present)) {
        this.present.fill(FLOAT);
        addColumn(this.#sums, this.#compensations, values);
        return;
      }
      for (let k = 0; k < values.length; k++) if (present[k] !== ABSENT) this.addAt(k, values[k]!);
      return;
    }
    this.#histograms ??= new HistogramTotals(this.present.length, 'sum', this.#notes);
    this.#histograms.add(column, this);
  }

  addAt(step: number, value: number): void {
    this.present[step] = FLOAT;
    addCompensatedAt(this.#sums, this.#compensations, step, value);
  }

  finish(out: Column): void {
    out.present.set(this.present);
    for (let k = 0; k < out.values.length; k++) out.values[k] = this.#sums[k]! + this.#compensations[k]!;
    this.#histograms?.finish(out);
  }
}

/**
 * Adds values to Neumaier sums without looking at each: the error of an addition comes out the same for operands of
 * any size (Knuth's two-sum), so that only what isn't finite goes the longer way.
 */
function addColumn(sums: Float64Array, compensations: Float64Array, values: Float64Array): void {
  for (let k = 0; k < sums.length; k++) {
    const sum = sums[k]!;
    const value = values[k]!;
    const total = sum + value;
    const part = total - sum;
    const error = sum - (total - part) + (value - part);
    if (error - error === 0) {
      sums[k] = total;
      compensations[k]! += error;
    } else {
      addCompensatedAt(sums, compensations, k, value);
    }
  }
}

function addCompensatedAt(
  sums: Float64Array,
  compensations: Float64Array,
  step: number,
  value: number,
): void {
  sumAt.sum = sums[step]!;
  sumAt.compensation = compensations[step]!;
  addCompensated(sumAt, value);
  sums[step] = sumAt.sum;
  compensations[step] = sumAt.compensation;
}

const sumAt = { sum: 0, compensation: 0 };

/** Means: from the sum, or, from where the sum would overflow on, step by step. */
class AvgAccumulator implements Accumulator, FloatTotals {
  readonly present: Uint8Array;
  readonly #sums: Float64Array;
  readonly #compensations: Float64Array;
  readonly #counts: Float64Array;
  /** 1 where `sums` holds the running mean. */
  readonly #incremental: Uint8Array;
  readonly #notes: AggregationNotes;
  #histograms: HistogramTotals | undefined;

  constructor(steps: number, notes: AggregationNotes) {
    this.present = new Uint8Array(steps);
    this.#sums = new Float64Array(steps);
    this.#compensations = new Float64Array(steps);
    this.#counts = new Float64Array(steps);
    this.#incremental = new Uint8Array(steps);
    this.#notes = notes;
  }

  add(column: Column): void {
    if (this.#histograms === undefined && column.histograms === undefined) {
      const { values, present } = column;
      for (let k = 0; k < values.length; k++) if (present[k] !== ABSENT) this.addAt(k, values[k]!);
      return;
    }
    this.#histograms ??= new HistogramTotals(this.present.length, 'mean', this.#notes);
    this.#histograms.add(column, this);
  }

  addAt(k: number, value: number): void {
    const count = ++this.#counts[k]!;
    if (count === 1) {
      this.present[k] = FLOAT;
      this.#sums[k] = value;
      return;
    }
    sumAt.sum = this.#sums[k]!;
    sumAt.compensation = this.#compensations[k]!;
    if (this.#incremental[k] === 0) {
      addCompensated(sumAt, value);
      if (sumAt.sum !== Infinity && sumAt.sum !== -Infinity) {
        this.#sums[k] = sumAt.sum;
        this.#compensations[k] = sumAt.compensation;
        return;
      }
      this.#incremental[k] = 1;
      sumAt.sum = this.#sums[k]! / (count - 1);
      sumAt.compensation = this.#compensations[k]! / (count - 1);
    }
    const share = (count - 1) / count;
    sumAt.sum *= share;
    sumAt.compensation *= share;
    addCompensated(sumAt, value / count);
    this.#sums[k] = sumAt.sum;
    this.#compensations[k] = sumAt.compensation;
  }

  finish(out: Column): void {
    out.present.set(this.present);
    for (let k = 0; k < out.values.length; k++) {
      const divisor = this.#incremental[k] === 1 ? 1 : this.#counts[k]!;
      out.values[k] = this.#sums[k]! / divisor + this.#compensations[k]! / divisor;
    }
    this.#histograms?.finish(out);
  }
}

/** Smallest or largest value; NaN only where all are. */
class ExtremeAccumulator implements Accumulator {
  readonly #best: Float64Array;
  readonly #present: Uint8Array;
  readonly #largest: boolean;
  readonly #notes: AggregationNotes;

  constructor(steps: number, largest: boolean, notes: AggregationNotes) {
    this.#best = new Float64Array(steps);
    this.#present = new Uint8Array(steps);
    this.#largest = largest;
    this.#notes = notes;
  }

  add(column: Column): void {
    noteHistograms(column, this.#notes);
    const { values, present } = column;
    const best = this.#best;
    for (let k = 0; k < values.length; k++) {
      if (present[k] !== FLOAT) continue;
      const value = values[k]!;
      const held = best[k]!;
      const better = this.#largest ? held < value : held > value;
      if (this.#present[k] === ABSENT || better || held !== held) best[k] = value;
      this.#present[k] = FLOAT;
    }
  }

  finish(out: Column): void {
    out.values.set(this.#best);
    out.present.set(this.#present);
  }
}

/** How many series there are, or with `constant` only that there are some. */
class CountAccumulator implements Accumulator {
  readonly #counts: Float64Array;
  readonly #constant: boolean;

  constructor(steps: number, constant: boolean) {
    this.#counts = new Float64Array(steps);
    this.#constant = constant;
  }

  add({ present }: Column): void {
    for (let k = 0; k < present.length; k++) if (present[k] !== ABSENT) this.#counts[k]!++;
  }

  finish(out: Column): void {
    for (let k = 0; k < out.values.length; k++) {
      const count = this.#counts[k]!;
      out.present[k] = count > 0 ? FLOAT : ABSENT;
      out.values[k] = this.#constant ? 1 : count;
    }
  }
}

/** Population variance by Welford's method; NaN and infinities poison it. */
class VarianceAccumulator implements Accumulator {
  readonly #means: Float64Array;
  readonly #squares: Float64Array;
  readonly #counts: Float64Array;
  readonly #root: boolean;
  readonly #notes: AggregationNotes;

  constructor(steps: number, root: boolean, notes: AggregationNotes) {
    this.#means = new Float64Array(steps);
    this.#squares = new Float64Array(steps);
    this.#counts = new Float64Array(steps);
    this.#root = root;
    this.#notes = notes;
  }

  add(column: Column): void {
    noteHistograms(column, this.#notes);
    const { values, present } = column;
    for (let k = 0; k < values.length; k++) {
      if (present[k] !== FLOAT) continue;
      const value = values[k]!;
      const count = ++this.#counts[k]!;
      if (count === 1) {
        this.#means[k] = value;
        this.#squares[k] = Number.isFinite(value) ? 0 : NaN;
        continue;
      }
      const delta = value - this.#means[k]!;
      this.#means[k]! += delta / count;
      this.#squares[k]! += delta * (value - this.#means[k]!);
    }
  }

  finish(out: Column): void {
    for (let k = 0; k < out.values.length; k++) {
      const count = this.#counts[k]!;
      out.present[k] = count > 0 ? FLOAT : ABSENT;
      const variance = this.#squares[k]! / count;
      out.values[k] = this.#root ? Math.sqrt(variance) : variance;
    }
  }
}

/** Quantiles, which need all values of a step at once. */
class QuantileAccumulator implements Accumulator {
  readonly #columns: Column[] = [];
  readonly #shelf: ColumnShelf;
  readonly #phis: Float64Array;
  readonly #notes: AggregationNotes;

  constructor(phis: Float64Array, notes: AggregationNotes) {
    this.#shelf = new ColumnShelf(phis.length);
    this.#phis = phis;
    this.#notes = notes;
  }

  add(column: Column): void {
    noteHistograms(column, this.#notes);
    const floats = this.#shelf.make();
    floats.values.set(column.values);
    floats.present.set(column.present);
    this.#columns.push(floats);
    this.#notes.kept(column.values.length);
  }

  finish(out: Column): void {
    const columns = this.#columns;
    const scratch = new Float64Array(columns.length);
    for (let k = 0; k < out.values.length; k++) {
      let count = 0;
      for (let i = 0; i < columns.length; i++) {
        const { values, present } = columns[i]!;
        if (present[k] === FLOAT) scratch[count++] = values[k]!;
      }
      out.present[k] = count > 0 ? FLOAT : ABSENT;
      out.values[k] = quantileOf(this.#phis[k]!, scratch, count);
    }
  }
}

/** Tells that a column's histograms are left out, if it has any. */
function noteHistograms({ present, histograms }: Column, notes: AggregationNotes): void {
  if (histograms !== undefined && present.includes(HISTOGRAM)) notes.histogramIgnored();
}

/** Aggregations that {@link makeAccumulator} knows. */
export type AccumulatedOp = Exclude<
  AggregateOp,
  'topk' | 'bottomk' | 'count_values' | 'limitk' | 'limit_ratio'
>;

/** What all accumulators of one aggregation share. */
export interface AccumulatorOptions {
  readonly op: AccumulatedOp;
  readonly steps: number;
  /** φ at each step, for `quantile`. */
  readonly parameters: Float64Array;
  readonly notes: AggregationNotes;
}

/** Makes the accumulator of one group. */
export function makeAccumulator({ op, steps, parameters, notes }: AccumulatorOptions): Accumulator {
  switch (op) {
    case 'sum':
      return new SumAccumulator(steps, notes);
    case 'avg':
      return new AvgAccumulator(steps, notes);
    case 'min':
      return new ExtremeAccumulator(steps, false, notes);
    case 'max':
      return new ExtremeAccumulator(steps, true, notes);
    case 'count':
      return new CountAccumulator(steps, false);
    case 'group':
      return new CountAccumulator(steps, true);
    case 'stdvar':
      return new VarianceAccumulator(steps, false, notes);
    case 'stddev':
      return new VarianceAccumulator(steps, true, notes);
    case 'quantile':
      return new QuantileAccumulator(parameters, notes);
  }
}
