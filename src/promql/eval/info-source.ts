import { METRIC_NAME, type Labels } from '../../core/labels.ts';
import type { Matcher } from '../../core/matcher.ts';
import { QueryError } from '../query-engine.ts';
import { ABSENT, Column, type StepGrid } from './column.ts';
import { InfoMetrics, type InfoSeries } from './info-metrics.ts';
import { KeptSource, mergeColumn } from './kept-source.ts';
import type { SelectionReader } from './selection.ts';
import type { LookAt } from './selector-source.ts';
import { Collector, type EvalContext, type KeptSeries, type SeriesSource, Status } from './source.ts';

/** What `info` is asked for. */
export interface InfoCall {
  /** The info metrics. */
  readonly reader: SelectionReader;
  readonly at: LookAt;
  /** Series whose names fulfil all of these are info metrics themselves and stay as they are. */
  readonly nameMatchers: readonly Matcher[];
  /** Matchers of the labels that are wanted; all are when there are none. */
  readonly labelMatchers: readonly Matcher[];
}

/**
 * `info`: gives each series the labels of the info metrics that have the same `job` and `instance`. What is added may
 * change from step to step, and then a series becomes several.
 *
 * @see prometheus promql/info.go
 */
export class InfoSource implements SeriesSource {
  readonly #base: Collector;
  readonly #context: EvalContext;
  readonly #grid: StepGrid;
  readonly #call: InfoCall;
  #metrics: InfoMetrics | undefined;
  #results: KeptSource | undefined;

  constructor(input: SeriesSource, context: EvalContext, grid: StepGrid, call: InfoCall) {
    this.#base = new Collector(input, context);
    this.#context = context;
    this.#grid = grid;
    this.#call = call;
  }

  get column(): Column {
    return this.#results!.column;
  }

  get dropName(): boolean {
    return this.#results!.dropName;
  }

  labels(): Labels {
    return this.#results!.labels();
  }

  next(): Status {
    if (this.#results === undefined) {
      if (!this.#base.run()) return Status.pause;
      this.#metrics ??= this.#openMetrics();
      if (!this.#metrics.run()) return Status.pause;
      this.#results = new KeptSource(this.#combine(this.#metrics));
    }
    return this.#results.next();
  }

  #isInfoMetric(labels: Labels): boolean {
    const name = labels.get(METRIC_NAME);
    return this.#call.nameMatchers.every((matcher) => matcher.matches(name));
  }

  #openMetrics(): InfoMetrics {
    const described = this.#base.series.filter(({ labels }) => !this.#isInfoMetric(labels));
    const { reader, at } = this.#call;
    return new InfoMetrics(
      described.map(({ labels }) => labels),
      reader,
      at,
      this.#context,
      this.#grid,
    );
  }

  #combine(metrics: InfoMetrics): readonly KeptSeries[] {
    const anyBase = new Uint8Array(this.#grid.count);
    for (const { column } of this.#base.series) {
      for (let k = 0; k < anyBase.length; k++) if (column.present[k] !== ABSENT) anyBase[k] = 1;
    }
    metrics.choose(anyBase);
    const output = new Map<string, KeptSeries>();
    for (const series of this.#base.series) {
      if (this.#isInfoMetric(series.labels)) addTo(output, series);
      else for (const part of this.#enriched(series, metrics)) addTo(output, part);
    }
    return [...output.values()];
  }

  /** A series with labels added: one for each set of labels that it has at some step. */
  #enriched(series: KeptSeries, metrics: InfoMetrics): readonly KeptSeries[] {
    const { labels, column } = series;
    const choices = metrics.choicesFor(labels);
    const parts = new Map<string, KeptSeries | undefined>();
    let part: KeptSeries | undefined;
    let previous = -1;
    for (let k = 0; k < column.present.length; k++) {
      if (column.present[k] === ABSENT) continue;
      if (previous < 0 || choices.some((choice) => choice[k] !== choice[previous])) {
        const id = choices.map((choice) => choice[k]!).join(' ');
        if (!parts.has(id)) parts.set(id, this.#part(series, metrics.chosen(choices, k)));
        part = parts.get(id);
      }
      previous = k;
      part?.column.copyStep(column, k);
    }
    return [...parts.values()].filter((one) => one !== undefined);
  }

  #part(series: KeptSeries, chosen: readonly InfoSeries[]): KeptSeries | undefined {
    const labels = this.#addedLabels(series.labels, chosen);
    return labels && { ...series, labels, column: new Column(this.#grid.count) };
  }

  /** The labels of a series with those of its info metrics; undefined when it needs some that there aren't. */
  #addedLabels(labels: Labels, chosen: readonly InfoSeries[]): Labels | undefined {
    const { labelMatchers } = this.#call;
    if (chosen.length === 0) {
      return labelMatchers.every((matcher) => matcher.matches('')) ? labels : undefined;
    }
    const wanted = new Set(labelMatchers.map(({ name }) => name));
    const added = new Map<string, string>();
    for (const info of chosen) {
      for (const [name, value] of info.labels) {
        if (name === METRIC_NAME || (wanted.size > 0 && !wanted.has(name))) continue;
        const present = added.get(name);
        if (present !== undefined && present !== value) {
          throw new QueryError('execution', `conflicting label: ${name}`);
        }
        if (!labels.has(name)) added.set(name, value);
      }
    }
    return labels.merge(added);
  }
}

/** Adds a series to those with other labels; throws when one with equal labels has a step in common with it. */
function addTo(output: Map<string, KeptSeries>, series: KeptSeries): void {
  const first = output.get(series.labels.key);
  if (first === undefined) output.set(series.labels.key, series);
  else mergeColumn(first.column, series.column);
}
