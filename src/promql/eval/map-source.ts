import { scaleHistogram } from '../../core/histogram/arithmetic.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { Labels } from '../../core/labels.ts';
import { ABSENT, Column, FLOAT, hasAny, HISTOGRAM, stepTime, type StepGrid } from './column.ts';
import type { NameDropper } from './metric-name.ts';
import { type EvalContext, runScalars, type ScalarValues, type SeriesSource, Status } from './source.ts';

/**
 * Computes one output column from one input column. Sets `present` for every step; what it leaves absent drops out.
 */
export type ColumnKernel = (input: Column, out: Column, scalars: readonly ScalarValues[]) => void;

/** What a mapping does with labels. */
export interface MapOptions {
  readonly kernel: ColumnKernel;
  readonly scalars: readonly ScalarValues[];
  /** Absent when the name is kept. */
  readonly dropper: NameDropper | undefined;
}

/** A series-by-series mapping: functions of instant vectors, negation, operators with a scalar. */
export class MapSource implements SeriesSource {
  readonly column: Column;
  dropName = false;
  readonly #input: SeriesSource;
  readonly #context: EvalContext;
  readonly #options: MapOptions;
  #labels: Labels | undefined;

  constructor(input: SeriesSource, context: EvalContext, grid: StepGrid, options: MapOptions) {
    this.column = new Column(grid.count);
    this.#input = input;
    this.#context = context;
    this.#options = options;
  }

  labels(): Labels {
    this.#labels ??= this.#outputLabels();
    return this.#labels;
  }

  next(): Status {
    const { kernel, scalars, dropper } = this.#options;
    if (!runScalars(scalars)) return Status.pause;
    for (;;) {
      const status = this.#input.next();
      if (status !== Status.series) return status;
      this.#labels = undefined;
      kernel(this.#input.column, this.column, scalars);
      if (!hasAny(this.column.present)) continue;
      this.dropName = dropper !== undefined || this.#input.dropName;
      if (dropper?.needsLabels === true) this.#labels = this.#outputLabels();
      this.#context.control.tick(this.column.values.length);
      return Status.series;
    }
  }

  #outputLabels(): Labels {
    const labels = this.#input.labels();
    return this.#options.dropper === undefined ? labels : this.#options.dropper.drop(labels, this.column);
  }
}

/** Writes where the input has floats; native histograms drop out. */
function presentFloats(input: Column, out: Column): void {
  out.histograms = undefined;
  out.present.set(input.present);
  if (input.histograms === undefined) return;
  const { present } = out;
  for (let k = 0; k < present.length; k++) if (present[k] === HISTOGRAM) present[k] = ABSENT;
}

/** A kernel that applies a function of one value; native histograms drop out. */
export function mapValues(compute: (value: number) => number): ColumnKernel {
  return (input, out) => {
    presentFloats(input, out);
    const { values } = input;
    const { present } = out;
    for (let k = 0; k < values.length; k++) if (present[k] !== ABSENT) out.values[k] = compute(values[k]!);
  };
}

/**
 * A kernel that applies a function of one value and up to two scalars; a missing one is `fallback`. Native histograms
 * drop out.
 */
export function mapWithScalars(
  compute: (value: number, a: number, b: number) => number,
  fallback: number,
): ColumnKernel {
  return (input, out, scalars) => {
    presentFloats(input, out);
    const { values } = input;
    const { present } = out;
    const first = scalars[0]?.values;
    const second = scalars[1]?.values;
    for (let k = 0; k < values.length; k++) {
      if (present[k] === ABSENT) continue;
      const a = first === undefined ? fallback : first[k]!;
      out.values[k] = compute(values[k]!, a, second === undefined ? fallback : second[k]!);
    }
  };
}

/** `clamp`, which has no result where max < min. */
export function clampKernel(compute: (value: number, min: number, max: number) => number): ColumnKernel {
  const map = mapWithScalars(compute, 0);
  return (input, out, scalars) => {
    map(input, out, scalars);
    const min = scalars[0]!.values;
    const max = scalars[1]!.values;
    for (let k = 0; k < min.length; k++) if (max[k]! < min[k]!) out.present[k] = ABSENT;
  };
}

/** A kernel that applies a function of one native histogram; floats drop out. */
export function mapHistograms(compute: (histogram: FloatHistogram) => number): ColumnKernel {
  return (input, out) => {
    out.clear();
    if (input.histograms === undefined) return;
    for (let k = 0; k < input.present.length; k++) {
      if (input.present[k] !== HISTOGRAM) continue;
      out.values[k] = compute(input.histogram(k));
      out.present[k] = FLOAT;
    }
  };
}

/** Negation, of native histograms too. */
export const negateKernel: ColumnKernel = (input, out) => {
  const { values, present, histograms } = input;
  out.present.set(present);
  out.histograms = histograms && [];
  for (let k = 0; k < values.length; k++) {
    if (present[k] === HISTOGRAM) out.setHistogram(k, scaleHistogram(input.histogram(k), -1));
    else out.values[k] = -values[k]!;
  }
};

/** The evaluation time wherever there is a value: `timestamp` of anything but a selector. */
export function timestampKernel(grid: StepGrid): ColumnKernel {
  return (input, out) => {
    const { present } = input;
    out.histograms = undefined;
    for (let k = 0; k < present.length; k++) {
      out.present[k] = present[k] === ABSENT ? ABSENT : FLOAT;
      out.values[k] = stepTime(grid, k) / 1000;
    }
  };
}

/** A kernel without results: `start_timestamp` of anything but a selector. */
export const noKernel: ColumnKernel = (_input, out) => {
  out.clear();
};

/** A kernel that keeps everything as it is. */
export const copyKernel: ColumnKernel = (input, out) => {
  out.copyFrom(input);
};

/** A kernel that keeps floats as they are; native histograms drop out. */
export const floatsKernel: ColumnKernel = (input, out) => {
  presentFloats(input, out);
  out.values.set(input.values);
};

/** One series without labels, present everywhere: numbers, `time()`, and what is made of scalars. */
export class ScalarSource implements SeriesSource {
  readonly column: Column;
  readonly dropName = false;
  readonly #scalars: readonly ScalarValues[];
  readonly #labels: Labels;
  readonly #compute: (step: number, scalars: readonly ScalarValues[]) => number;
  #done = false;

  constructor(
    grid: StepGrid,
    labels: Labels,
    scalars: readonly ScalarValues[],
    compute: (step: number, scalars: readonly ScalarValues[]) => number,
  ) {
    this.column = new Column(grid.count);
    this.#scalars = scalars;
    this.#labels = labels;
    this.#compute = compute;
  }

  labels(): Labels {
    return this.#labels;
  }

  next(): Status {
    if (this.#done || this.column.values.length === 0) return Status.end;
    if (!runScalars(this.#scalars)) return Status.pause;
    this.#done = true;
    const { values, present } = this.column;
    for (let k = 0; k < values.length; k++) values[k] = this.#compute(k, this.#scalars);
    present.fill(FLOAT);
    return Status.series;
  }
}
