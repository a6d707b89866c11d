import { Labels } from '../../core/labels.ts';
import { makeAccumulator, type AccumulatedOp, type Accumulator } from '../functions/accumulators.ts';
import type { AggregationNotes } from '../functions/histogram-totals.ts';
import type { Position } from '../parser/ast.ts';
import { ABSENT, Column, hasAny, type StepGrid } from './column.ts';
import { groupKey, groupLabels, isOneGroup, type Grouping } from './grouping.ts';
import { type ParameterRange, parameterRange } from './parameter.ts';
import { type EvalContext, type ScalarValues, type SeriesSource, Status } from './source.ts';

interface Group {
  readonly labels: Labels;
  readonly accumulator: Accumulator;
  /** Last step with a value, and last step with one of a series that is to lose its name; -1 for none. */
  lastStep: number;
  lastDropStep: number;
}

/** `sum by (…) (…)` and the other aggregations that give one series for each group. */
export interface Aggregation {
  readonly op: AccumulatedOp;
  readonly grouping: Grouping;
  /** φ of `quantile`. */
  readonly parameter: ScalarValues | undefined;
  /** Told of the parameter once it is known. */
  readonly onParameter: ((range: ParameterRange) => void) | undefined;
  /** Where the aggregated expression is: annotations point there. */
  readonly inputPosition: Position;
}

/** Takes in all series of its input, keeping only what each group needs, then streams the groups as first met. */
export class AggregateSource implements SeriesSource {
  readonly column: Column;
  dropName = false;
  readonly #input: SeriesSource;
  readonly #context: EvalContext;
  readonly #aggregation: Aggregation;
  readonly #oneGroup: boolean;
  readonly #groups = new Map<string, Group>();
  readonly #notes: AggregationNotes;
  #results: IterableIterator<Group> | undefined;
  #parameterKnown = false;
  #labels: Labels | undefined;

  constructor(input: SeriesSource, context: EvalContext, grid: StepGrid, aggregation: Aggregation) {
    this.column = new Column(grid.count);
    this.#input = input;
    this.#context = context;
    this.#aggregation = aggregation;
    this.#oneGroup = isOneGroup(aggregation.grouping);
    this.#notes = notesOf(aggregation, context, () => this.#input.labels().metricName);
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
      this.column.histograms = undefined;
      group.accumulator.finish(this.column);
      if (!hasAny(this.column.present)) continue;
      this.#labels = group.labels;
      this.dropName = group.lastDropStep >= 0 && group.lastDropStep === group.lastStep;
      return Status.series;
    }
  }

  /** Aggregates the input; false asks for a pause. */
  #consume(): boolean {
    const { parameter, onParameter } = this.#aggregation;
    if (parameter !== undefined && !this.#parameterKnown) {
      if (!parameter.run()) return false;
      this.#parameterKnown = true;
      onParameter?.(parameterRange(parameter.values));
    }
    const { delayedNameRemoval } = this.#context;
    for (;;) {
      const status = this.#input.next();
      if (status === Status.pause) return false;
      if (status === Status.end) return true;
      const group = this.#group();
      if (delayedNameRemoval) noteName(group, this.#input);
      group.accumulator.add(this.#input.column);
    }
  }

  /** The group of the input's present series. */
  #group(): Group {
    const { grouping, op, parameter } = this.#aggregation;
    // Where all are in one group nobody has to know their labels.
    const labels = this.#oneGroup ? Labels.EMPTY : this.#input.labels();
    const key = groupKey(grouping, labels);
    let group = this.#groups.get(key);
    if (group === undefined) {
      const steps = this.column.values.length;
      const parameters = parameter?.values ?? this.column.values;
      const accumulator = makeAccumulator({ op, steps, parameters, notes: this.#notes });
      group = { labels: groupLabels(grouping, labels), accumulator, lastStep: -1, lastDropStep: -1 };
      this.#groups.set(key, group);
      this.#context.control.hold(steps);
    }
    return group;
  }
}

/** Of a group's steps the last decides whether its name (a grouping label) is to go. */
function noteName(group: Group, { column, dropName }: SeriesSource): void {
  let last = column.present.length - 1;
  while (last > group.lastStep && column.present[last] === ABSENT) last--;
  if (last > group.lastStep) group.lastStep = last;
  if (!dropName) return;
  while (last > group.lastDropStep && column.present[last] === ABSENT) last--;
  if (last > group.lastDropStep) group.lastDropStep = last;
}

function notesOf(
  { op, inputPosition }: Aggregation,
  { annotations, control }: EvalContext,
  metricName: () => string,
): AggregationNotes {
  return {
    histogramIgnored: () => {
      annotations.histogramIgnoredInAggregation(op, inputPosition);
    },
    mixedTypes: () => {
      annotations.mixedFloatsHistogramsInAggregation(inputPosition);
    },
    mixedBuckets: () => {
      annotations.mixedExponentialCustom(metricName(), inputPosition);
    },
    bucketsReconciled: () => {
      annotations.customBucketsReconciled('aggregation', inputPosition);
    },
    counterResetCollision: () => {
      annotations.counterResetCollision('aggregation', inputPosition);
    },
    kept: (samples) => {
      control.hold(samples);
    },
  };
}
