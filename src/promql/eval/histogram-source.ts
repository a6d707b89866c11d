import type { Labels } from '../../core/labels.ts';
import { parseFloatText } from '../../core/float-text.ts';
import { Buckets, bucketFraction, bucketQuantile } from '../functions/buckets.ts';
import type { Position } from '../parser/ast.ts';
import { ABSENT, Column, FLOAT, stepTime, type StepGrid } from './column.ts';
import { NameDropper } from './metric-name.ts';
import { type EvalContext, runScalars, type ScalarValues, type SeriesSource, Status } from './source.ts';

const BUCKET_LABEL = 'le';

interface Bucket {
  readonly bound: number;
  readonly column: Column;
}

interface Histogram {
  /** Without `le`, with the name. */
  readonly labels: Labels;
  dropName: boolean;
  readonly buckets: Bucket[];
}

/** `histogram_quantile` (one scalar, φ) or `histogram_fraction` (two, lower and upper). */
export interface HistogramCall {
  readonly scalars: readonly ScalarValues[];
  /** Where the histogram's expression is, and φ's. */
  readonly position: Position;
  readonly phiPosition: Position | undefined;
  readonly namesMayDiffer: boolean;
}

/**
 * Classic histograms: the series of one histogram differ in nothing but `le`. All are taken in, then each histogram is
 * computed at all steps; its buckets are put in order once.
 */
export class HistogramSource implements SeriesSource {
  readonly column: Column;
  dropName = true;
  readonly #input: SeriesSource;
  readonly #context: EvalContext;
  readonly #grid: StepGrid;
  readonly #call: HistogramCall;
  readonly #dropper: NameDropper;
  readonly #histograms = new Map<string, Histogram>();
  #results: IterableIterator<Histogram> | undefined;
  #labels: Labels | undefined;

  constructor(input: SeriesSource, context: EvalContext, grid: StepGrid, call: HistogramCall) {
    this.column = new Column(grid.count);
    this.#input = input;
    this.#context = context;
    this.#grid = grid;
    this.#call = call;
    this.#dropper = new NameDropper(context, call.namesMayDiffer);
  }

  labels(): Labels {
    return this.#labels!;
  }

  next(): Status {
    if (this.#results === undefined) {
      if (!runScalars(this.#call.scalars)) return Status.pause;
      if (!this.#consume()) return Status.pause;
      this.#warnOfPhi();
      this.#results = this.#histograms.values();
    }
    if (this.#context.control.tick(this.column.values.length * 10)) return Status.pause;
    const histogram = this.#results.next().value;
    if (histogram === undefined) return Status.end;
    this.#compute(histogram);
    this.#labels = this.#dropper.drop(histogram.labels, this.column);
    return Status.series;
  }

  #warnOfPhi(): void {
    const { phiPosition, scalars } = this.#call;
    if (phiPosition === undefined) return;
    for (const phi of scalars[0]!.values) {
      if (!(phi >= 0 && phi <= 1)) this.#context.annotations.invalidQuantile(phi, phiPosition);
    }
  }

  /** Takes the input in; false asks for a pause. */
  #consume(): boolean {
    for (;;) {
      const status = this.#input.next();
      if (status === Status.pause) return false;
      if (status === Status.end) return true;
      const labels = this.#input.labels();
      const le = labels.get(BUCKET_LABEL);
      const bound = parseFloatText(le);
      if (bound === undefined) {
        const name = this.#context.delayedNameRemoval ? labels.metricName : '';
        this.#context.annotations.badBucketLabel(name, le, this.#call.position);
        continue;
      }
      const identity = labels.without(BUCKET_LABEL);
      let histogram = this.#histograms.get(identity.key);
      if (histogram === undefined) {
        histogram = { labels: identity, dropName: this.#input.dropName, buckets: [] };
        this.#histograms.set(identity.key, histogram);
      }
      this.#context.control.hold(this.column.values.length);
      histogram.buckets.push({ bound, column: this.#input.column.clone() });
    }
  }

  #compute({ labels, buckets }: Histogram): void {
    buckets.sort((a, b) => (a.bound === b.bound ? 0 : a.bound < b.bound ? -1 : 1));
    const { annotations, delayedNameRemoval } = this.#context;
    const { position, scalars, phiPosition } = this.#call;
    const { values, present } = this.column;
    const first = scalars[0]!.values;
    const second = scalars[1]?.values;
    const step = new Buckets(buckets.length);
    for (let k = 0; k < values.length; k++) {
      step.length = 0;
      for (let i = 0; i < buckets.length; i++) {
        const { bound, column } = buckets[i]!;
        if (column.present[k] !== ABSENT) step.push(bound, column.values[k]!);
      }
      present[k] = step.length === 0 ? ABSENT : FLOAT;
      if (step.length === 0) continue;
      if (phiPosition === undefined) {
        values[k] = bucketFraction(first[k]!, second![k]!, step);
        continue;
      }
      values[k] = bucketQuantile(first[k]!, step, stepTime(this.#grid, k), (fix) => {
        annotations.forcedMonotonicity(delayedNameRemoval ? labels.metricName : '', fix, position);
      });
    }
  }
}
