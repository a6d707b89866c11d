import type { Labels } from '../../core/labels.ts';
import { formatFloatPlain } from '../../core/float-text.ts';
import { histogramText } from '../../core/histogram/text.ts';
import { ABSENT, Column, FLOAT, HISTOGRAM, type StepGrid } from './column.ts';
import { groupKey, groupLabels, type Grouping } from './grouping.ts';
import { type EvalContext, type SeriesSource, Status } from './source.ts';

interface ValueGroup {
  readonly labels: Labels;
  readonly column: Column;
}

/** `count_values("label", v)`: how many series of a group have a value, for each value that occurs. */
export class CountValuesSource implements SeriesSource {
  column = new Column(0);
  readonly dropName = false;
  readonly #input: SeriesSource;
  readonly #context: EvalContext;
  readonly #steps: number;
  readonly #label: string;
  readonly #grouping: Grouping;
  readonly #groups = new Map<string, ValueGroup>();
  #results: IterableIterator<ValueGroup> | undefined;
  #labels: Labels | undefined;

  constructor(input: SeriesSource, context: EvalContext, grid: StepGrid, label: string, grouping: Grouping) {
    this.#input = input;
    this.#context = context;
    this.#steps = grid.count;
    this.#label = label;
    const labels = [...new Set([...grouping.labels, label])];
    this.#grouping = grouping.without ? grouping : { ...grouping, labels };
  }

  labels(): Labels {
    return this.#labels!;
  }

  next(): Status {
    if (this.#results === undefined) {
      for (;;) {
        const status = this.#input.next();
        if (status === Status.pause) return status;
        if (status === Status.end) break;
        this.#count(this.#input.labels(), this.#input.column);
      }
      this.#results = this.#groups.values();
    }
    const group = this.#results.next().value;
    if (group === undefined) return Status.end;
    this.#labels = group.labels;
    this.column = group.column;
    return Status.series;
  }

  #count(labels: Labels, column: Column): void {
    const { values, present } = column;
    // Series often keep their value over many steps.
    let lastText = '';
    let group: ValueGroup | undefined;
    for (let k = 0; k < values.length; k++) {
      if (present[k] === ABSENT) continue;
      const text =
        present[k] === HISTOGRAM ? histogramText(column.histogram(k)) : formatFloatPlain(values[k]!);
      if (group === undefined || text !== lastText) group = this.#group(labels.with(this.#label, text));
      lastText = text;
      group.column.values[k]!++;
      group.column.present[k] = FLOAT;
    }
  }

  #group(labels: Labels): ValueGroup {
    const key = groupKey(this.#grouping, labels);
    let group = this.#groups.get(key);
    if (group === undefined) {
      this.#context.control.hold(this.#steps);
      group = { labels: groupLabels(this.#grouping, labels), column: new Column(this.#steps) };
      this.#groups.set(key, group);
    }
    return group;
  }
}
