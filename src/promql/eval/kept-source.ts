import type { Labels } from '../../core/labels.ts';
import { Column, type StepGrid } from './column.ts';
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
    if (first === undefined) {
      byLabels.set(one.labels.key, one);
      continue;
    }
    mergePresence(first.column.present, one.column.present);
    const { values, present } = one.column;
    for (let k = 0; k < values.length; k++) if (present[k] !== 0) first.column.values[k] = values[k]!;
  }
  return byLabels.size === series.length ? series : [...byLabels.values()];
}

/** An input whose series with equal labels are made one. */
export function mergeSource(input: SeriesSource, context: EvalContext): SeriesSource {
  return new ArrangeSource(input, context, mergeEqualLabels);
}

/** `sort` and `sort_desc` at one step: by value, NaN last either way, ties in the order they came. */
export function sortSource(input: SeriesSource, context: EvalContext, descending: boolean): SeriesSource {
  return new ArrangeSource(input, context, (series) =>
    series.toSorted((a, b) => {
      const x = a.column.values[0]!;
      const y = b.column.values[0]!;
      if (x !== x || y !== y) return (x !== x ? 1 : 0) - (y !== y ? 1 : 0);
      if (x === y) return 0;
      return x < y === descending ? 1 : -1;
    }),
  );
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
      this.column.values.fill(this.#input.column.values[0]!);
      this.column.present.fill(this.#input.column.present[0]!);
    }
    return status;
  }
}
