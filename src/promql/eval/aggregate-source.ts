import type { Labels } from '../../core/labels.ts';
import { makeAccumulator, type AccumulatedOp, type Accumulator } from '../functions/accumulators.ts';
import { Column, hasAny, type StepGrid } from './column.ts';
import { groupKey, groupLabels, type Grouping } from './grouping.ts';
import { type EvalContext, type ScalarValues, type SeriesSource, Status } from './source.ts';

interface Group {
  readonly labels: Labels;
  readonly accumulator: Accumulator;
  dropName: boolean;
}

/** `sum by (…) (…)` and the other aggregations that give one series for each group. */
export interface Aggregation {
  readonly op: AccumulatedOp;
  readonly grouping: Grouping;
  /** φ of `quantile`. */
  readonly parameter: ScalarValues | undefined;
  /** Told of the parameter once it is known. */
  readonly onParameter: ((values: Float64Array) => void) | undefined;
}

/** Takes in all series of its input, keeping only what each group needs, then streams the groups as first met. */
export class AggregateSource implements SeriesSource {
  readonly column: Column;
  dropName = false;
  readonly #input: SeriesSource;
  readonly #context: EvalContext;
  readonly #aggregation: Aggregation;
  readonly #groups = new Map<string, Group>();
  #results: IterableIterator<Group> | undefined;
  #parameterKnown = false;
  #labels: Labels | undefined;

  constructor(input: SeriesSource, context: EvalContext, grid: StepGrid, aggregation: Aggregation) {
    this.column = new Column(grid.count);
    this.#input = input;
    this.#context = context;
    this.#aggregation = aggregation;
  }

  labels(): Labels {
    return this.#labels!;
  }

  next(): Status {
    if (this.#results === undefined) {
      if (!this.#consume()) return Status.pause;
      this.#results = this.#groups.values();
    }
    for (;;) {
      if (this.#context.control.tick(this.column.values.length)) return Status.pause;
      const group = this.#results.next().value;
      if (group === undefined) return Status.end;
      group.accumulator.finish(this.column);
      if (!hasAny(this.column.present)) continue;
      this.#labels = group.labels;
      this.dropName = group.dropName;
      return Status.series;
    }
  }

  /** Aggregates the input; false asks for a pause. */
  #consume(): boolean {
    const { grouping, op, parameter, onParameter } = this.#aggregation;
    if (parameter !== undefined && !this.#parameterKnown) {
      if (!parameter.run()) return false;
      this.#parameterKnown = true;
      onParameter?.(parameter.values);
    }
    const steps = this.column.values.length;
    for (;;) {
      const status = this.#input.next();
      if (status === Status.pause) return false;
      if (status === Status.end) return true;
      const labels = this.#input.labels();
      const key = groupKey(grouping, labels);
      let group = this.#groups.get(key);
      if (group === undefined) {
        const accumulator = makeAccumulator(op, steps, parameter?.values ?? this.column.values);
        group = { labels: groupLabels(grouping, labels), accumulator, dropName: false };
        this.#groups.set(key, group);
        this.#context.control.hold(steps);
      }
      if (op === 'quantile') this.#context.control.hold(steps);
      if (this.#input.dropName) group.dropName = true;
      group.accumulator.add(this.#input.column);
    }
  }
}
