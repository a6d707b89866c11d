import { Labels } from '../../core/labels.ts';
import { ABSENT, Column, FLOAT, hasAny, type StepGrid } from './column.ts';
import { type SeriesSource, Status } from './source.ts';

/**
 * Looks at all series of an input and gives one: `scalar(v)` and `absent(v)`. `add` sees each input column, `finish`
 * writes the result.
 */
export class ReduceSource implements SeriesSource {
  readonly column: Column;
  readonly dropName = false;
  readonly #input: SeriesSource;
  readonly #labels: Labels;
  readonly #add: (input: Column) => void;
  readonly #finish: (out: Column) => void;
  #done = false;

  constructor(
    input: SeriesSource,
    grid: StepGrid,
    labels: Labels,
    add: (input: Column) => void,
    finish: (out: Column) => void,
  ) {
    this.column = new Column(grid.count);
    this.#input = input;
    this.#labels = labels;
    this.#add = add;
    this.#finish = finish;
  }

  labels(): Labels {
    return this.#labels;
  }

  next(): Status {
    if (this.#done) return Status.end;
    for (;;) {
      const status = this.#input.next();
      if (status === Status.pause) return status;
      if (status === Status.end) break;
      this.#add(this.#input.column);
    }
    this.#done = true;
    this.#finish(this.column);
    return hasAny(this.column.present) ? Status.series : Status.end;
  }
}

/** The only float at a step, NaN where there is none or more than one. Native histograms don't count. */
export function scalarSource(input: SeriesSource, grid: StepGrid): ReduceSource {
  const counts = new Uint8Array(grid.count);
  const values = new Float64Array(grid.count);
  return new ReduceSource(
    input,
    grid,
    Labels.EMPTY,
    (column) => {
      for (let k = 0; k < counts.length; k++) {
        if (column.present[k] !== FLOAT) continue;
        values[k] = column.values[k]!;
        if (counts[k]! < 2) counts[k]!++;
      }
    },
    (out) => {
      for (let k = 0; k < counts.length; k++) out.values[k] = counts[k] === 1 ? values[k]! : NaN;
      out.present.fill(FLOAT);
    },
  );
}

/** 1 at the steps at which no series of the input has a value or a native histogram. */
export function absentSource(input: SeriesSource, grid: StepGrid, labels: Labels): ReduceSource {
  const seen = new Uint8Array(grid.count);
  return new ReduceSource(
    input,
    grid,
    labels,
    (column) => {
      for (let k = 0; k < seen.length; k++) if (column.present[k] !== ABSENT) seen[k] = 1;
    },
    (out) => {
      out.values.fill(1);
      for (let k = 0; k < seen.length; k++) out.present[k] = seen[k] === 0 ? FLOAT : ABSENT;
    },
  );
}
