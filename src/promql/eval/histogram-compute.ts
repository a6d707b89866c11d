import { formatFloatGeneral } from '../../core/float-text.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { Labels } from '../../core/labels.ts';
import { Buckets, bucketFraction, bucketQuantile } from '../functions/buckets.ts';
import { nativeFraction, nativeQuantile, type NativeNote } from '../functions/native-histogram.ts';
import { ABSENT, Column, FLOAT, stepTime, type StepGrid } from './column.ts';
import type { ClassicBucket, HistogramAtHand } from './histogram-series.ts';
import type { HistogramCall } from './histogram-source.ts';
import { withoutMetadata } from './metric-name.ts';
import type { EvalContext } from './source.ts';

/** One series of results. */
export interface HistogramResult {
  /** With the name, except where a label for φ was added (which may be `__name__`). */
  readonly labels: Labels;
  readonly column: Column;
}

/** A float as OpenMetrics writes label values: always with a point or an exponent. */
function openMetricsFloat(value: number): string {
  const text = value === 0 ? '0' : formatFloatGeneral(value);
  return /^-?[0-9]+$/.test(text) ? `${text}.0` : text;
}

/** Takes from a column of buckets what is there at one step. */
function gather(buckets: readonly ClassicBucket[], step: number, into: Buckets): void {
  into.length = 0;
  for (const { bound, column } of buckets) {
    if (column.present[step] !== ABSENT) into.push(bound, column.values[step]!);
  }
}

/** Computes histograms one after another, each at all steps. */
export class HistogramComputer {
  readonly #context: EvalContext;
  readonly #grid: StepGrid;
  readonly #call: HistogramCall;

  constructor(context: EvalContext, grid: StepGrid, call: HistogramCall) {
    this.#context = context;
    this.#grid = grid;
    this.#call = call;
  }

  /** The results of one histogram: one series, or one for each φ; none where nothing can be computed. */
  compute(histogram: HistogramAtHand): HistogramResult[] {
    this.#refuseMixed(histogram);
    const { quantileLabel, scalars } = this.#call;
    if (quantileLabel === undefined) {
      const column = new Column(this.#grid.count);
      const found = this.#fill(histogram, column, scalars[0]!.values, scalars[1]?.values);
      return found ? [{ labels: histogram.labels, column }] : [];
    }
    return scalars.flatMap(({ values }) => this.#quantiles(histogram, quantileLabel, values));
  }

  /** One φ of several: it is a label, so that a φ that changes makes several series. */
  #quantiles(histogram: HistogramAtHand, label: string, phis: Float64Array): HistogramResult[] {
    const all = new Column(this.#grid.count);
    if (!this.#fill(histogram, all, phis, undefined)) return [];
    const labels = this.#context.delayedNameRemoval ? histogram.labels : withoutMetadata(histogram.labels);
    const results = new Map<string, HistogramResult>();
    for (let k = 0; k < phis.length; k++) {
      if (all.present[k] === ABSENT) continue;
      const text = openMetricsFloat(phis[k]!);
      let result = results.get(text);
      if (result === undefined) {
        result = { labels: labels.with(label, text), column: new Column(this.#grid.count) };
        results.set(text, result);
      }
      result.column.copyStep(all, k);
    }
    return [...results.values()];
  }

  /** Takes the steps away at which a histogram is both classic and native: there is no telling which is meant. */
  #refuseMixed({ labels, buckets, native }: HistogramAtHand): void {
    if (native === undefined || buckets.length === 0) return;
    for (let k = 0; k < native.present.length; k++) {
      if (native.present[k] === ABSENT) continue;
      if (!buckets.some(({ column }) => column.present[k] !== ABSENT)) continue;
      native.present[k] = ABSENT;
      for (const { column } of buckets) column.present[k] = ABSENT;
      this.#context.annotations.mixedClassicNative(this.#nameFor(labels), this.#call.position);
    }
  }

  /** Computes every step; false when there is no result at any. */
  #fill(
    { labels, buckets, native }: HistogramAtHand,
    out: Column,
    first: Float64Array,
    second: Float64Array | undefined,
  ): boolean {
    const { values, present } = out;
    const classic = new Buckets(buckets.length);
    let found = false;
    for (let k = 0; k < values.length; k++) {
      if (native !== undefined && native.present[k] !== ABSENT) {
        values[k] = this.#ofNative(native.histogram(k), labels, first[k]!, second?.[k]);
      } else {
        gather(buckets, k, classic);
        if (classic.length === 0) continue;
        values[k] = this.#ofClassic(classic, labels, k, first[k]!, second?.[k]);
      }
      present[k] = FLOAT;
      found = true;
    }
    return found;
  }

  #ofClassic(
    buckets: Buckets,
    labels: Labels,
    step: number,
    first: number,
    second: number | undefined,
  ): number {
    if (second !== undefined) return bucketFraction(first, second, buckets);
    return bucketQuantile(first, buckets, stepTime(this.#grid, step), (fix) => {
      this.#context.annotations.forcedMonotonicity(this.#nameFor(labels), fix, this.#call.position);
    });
  }

  #ofNative(histogram: FloatHistogram, labels: Labels, first: number, second: number | undefined): number {
    const { value, note } =
      second === undefined ? nativeQuantile(first, histogram) : nativeFraction(first, second, histogram);
    if (note !== undefined) this.#note(note, labels);
    return value;
  }

  #note(note: NativeNote, labels: Labels): void {
    const { annotations } = this.#context;
    const { position } = this.#call;
    const name = this.#nameFor(labels);
    switch (note) {
      case 'nanResult':
        annotations.quantileIsNaN(name, position);
        return;
      case 'nanSkew':
        annotations.quantileIsSkewed(name, position);
        return;
      case 'nanObservations':
        annotations.fractionLeavesNaNsOut(name, position);
        return;
    }
  }

  /** A metric's name for notes: only with delayed name removal is it still known. */
  #nameFor(labels: Labels): string {
    return this.#context.delayedNameRemoval ? labels.metricName : '';
  }
}
