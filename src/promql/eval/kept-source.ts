import type { Labels } from '../../core/labels.ts';
import { NaturalOrder } from '../functions/natural-order.ts';
import { ABSENT, Column, type StepGrid } from './column.ts';
import { mergePresence } from './metric-name.ts';
import { Collector, type EvalContext, type KeptSeries, type SeriesSource, Status } from './source.ts';

/** Streams series that were kept. */
export class KeptSource implements SeriesSource {
  column = new Column(0);
  dropName = false;
  readonly #series: readonly KeptSeries[];
  #index = -1;

  constructor(series: readonly KeptSeries[]) {
    this.#series = series;
  }

  labels(): Labels {
    return this.#series[this.#index]!.labels;
  }

  next(): Status {
    const series = this.#series[++this.#index];
    if (series === undefined) return Status.end;
    this.column = series.column;
    this.dropName = series.dropName;
    return Status.series;
  }
}

/**
 * Takes everything from an input and then streams what `arrange` makes of it: sorting, and whatever else needs all
 * series at once.
 */
class ArrangeSource implements SeriesSource {
  readonly #collector: Collector;
  readonly #arrange: (series: KeptSeries[]) => readonly KeptSeries[];
  #kept: KeptSource | undefined;

  constructor(
    input: SeriesSource,
    context: EvalContext,
    arrange: (series: KeptSeries[]) => readonly KeptSeries[],
  ) {
    this.#collector = new Collector(input, context);
    this.#arrange = arrange;
  }

  get column(): Column {
    return this.#kept!.column;
  }

  get dropName(): boolean {
    return this.#kept!.dropName;
  }

  labels(): Labels {
    return this.#kept!.labels();
  }

  next(): Status {
    if (this.#kept === undefined) {
      if (!this.#collector.run()) return Status.pause;
      this.#kept = new KeptSource(this.#arrange(this.#collector.series));
    }
    return this.#kept.next();
  }
}

/** Makes one series of those with equal labels; throws when two have a step in common. */
export function mergeEqualLabels(series: readonly KeptSeries[]): readonly KeptSeries[] {
  const byLabels = new Map<string, KeptSeries>();
  for (const one of series) {
    const first = byLabels.get(one.labels.key);
    if (first === undefined) byLabels.set(one.labels.key, one);
    else mergeColumn(first.column, one.column);
  }
  return byLabels.size === series.length ? series : [...byLabels.values()];
}

/** Adds the steps of one column to those of another of the same length; throws when they have one in common. */
export function mergeColumn(into: Column, from: Column): void {
  mergePresence(into.present, from.present);
  for (let k = 0; k < from.present.length; k++) if (from.present[k] !== ABSENT) into.copyStep(from, k);
}

/** An input whose series with equal labels are made one. */
export function mergeSource(input: SeriesSource, context: EvalContext): SeriesSource {
  return new ArrangeSource(input, context, mergeEqualLabels);
}

/** Order by value, NaN last either way. */
function byValue(descending: boolean): (a: KeptSeries, b: KeptSeries) => number {
  return (a, b) => {
    const x = a.column.values[0]!;
    const y = b.column.values[0]!;
    if (x !== x || y !== y) return (x !== x ? 1 : 0) - (y !== y ? 1 : 0);
    if (x === y) return 0;
    return x < y === descending ? 1 : -1;
  };
}

/** Natural order of labels' values, and of whole label sets where those are equal. */
function byLabelValues(
  names: readonly string[],
  descending: boolean,
): (a: KeptSeries, b: KeptSeries) => number {
  const natural = new NaturalOrder();
  const sign = descending ? -1 : 1;
  return (a, b) => {
    for (const name of names) {
      const x = a.labels.get(name);
      const y = b.labels.get(name);
      if (x !== y) return natural.precedes(x, y) ? -sign : sign;
    }
    return sign * a.labels.compare(b.labels);
  };
}

/** An input's series in order, at one step: by value, or by labels where there are any. */
export function sortSource(
  input: SeriesSource,
  context: EvalContext,
  byLabels: readonly string[] | undefined,
  descending: boolean,
): SeriesSource {
  const compare = byLabels === undefined ? byValue(descending) : byLabelValues(byLabels, descending);
  return new ArrangeSource(input, context, (series) => series.toSorted(compare));
}

/** An input evaluated at one step, repeated at all steps of a grid: what does not depend on the step. */
export class RepeatSource implements SeriesSource {
  readonly column: Column;
  readonly #input: SeriesSource;

  constructor(input: SeriesSource, grid: StepGrid) {
    this.#input = input;
    this.column = new Column(grid.count);
  }

  get dropName(): boolean {
    return this.#input.dropName;
  }

  labels(): Labels {
    return this.#input.labels();
  }

  next(): Status {
    const status = this.#input.next();
    if (status === Status.series) {
      const { values, present, histograms } = this.#input.column;
      this.column.values.fill(values[0]!);
      this.column.present.fill(present[0]!);
      this.column.histograms =
        histograms && Array.from({ length: this.column.values.length }, () => histograms[0]);
    }
    return status;
  }
}
