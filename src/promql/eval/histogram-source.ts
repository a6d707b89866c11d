import type { Labels } from '../../core/labels.ts';
import type { Position } from '../parser/ast.ts';
import { Column, type StepGrid } from './column.ts';
import { HistogramComputer, type HistogramResult } from './histogram-compute.ts';
import { HistogramSeries } from './histogram-series.ts';
import { NameDropper } from './metric-name.ts';
import { type EvalContext, runScalars, type ScalarValues, type SeriesSource, Status } from './source.ts';

/**
 * `histogram_quantile` (one scalar, φ), `histogram_quantiles` (several), or `histogram_fraction` (two, lower and upper).
 */
export interface HistogramCall {
  readonly scalars: readonly ScalarValues[];
  /** Where the histogram's expression is, and each φ; a fraction has none. */
  readonly position: Position;
  readonly phiPositions: readonly Position[];
  /** The label that gets φ where there are several. */
  readonly quantileLabel: string | undefined;
  readonly namesMayDiffer: boolean;
}

/**
 * Quantiles and fractions of histograms, classic ones (whose series differ in nothing but `le`) and native ones side by
 * side. All series are taken in, then each histogram is computed at all steps.
 */
export class HistogramSource implements SeriesSource {
  column: Column;
  readonly dropName = true;
  readonly #context: EvalContext;
  readonly #call: HistogramCall;
  readonly #series: HistogramSeries;
  readonly #computer: HistogramComputer;
  readonly #dropper: NameDropper;
  #pending: HistogramResult[] = [];
  #next = -1;
  #labels: Labels | undefined;

  constructor(input: SeriesSource, context: EvalContext, grid: StepGrid, call: HistogramCall) {
    this.column = new Column(grid.count);
    this.#context = context;
    this.#call = call;
    this.#series = new HistogramSeries(input, context, grid, call.position);
    this.#computer = new HistogramComputer(context, grid, call);
    this.#dropper = new NameDropper(context, call.namesMayDiffer);
  }

  labels(): Labels {
    return this.#labels!;
  }

  next(): Status {
    if (this.#next < 0) {
      if (!runScalars(this.#call.scalars)) return Status.pause;
      if (!this.#series.run()) return Status.pause;
      this.#warnOfPhi();
      this.#next = 0;
    }
    const steps = this.column.values.length;
    while (this.#pending.length === 0) {
      if (this.#context.control.tick(steps * 10)) return Status.pause;
      const histogram = this.#series.histograms[this.#next];
      if (histogram === undefined) return Status.end;
      this.#next++;
      this.#pending = this.#computer.compute(histogram);
    }
    const { labels, column } = this.#pending.shift()!;
    this.column = column;
    // With a label for φ the name is gone already, and values of φ that are given twice make equal labels.
    const hasPhi = this.#call.quantileLabel !== undefined;
    this.#labels = hasPhi ? this.#dropper.keep(labels, column) : this.#dropper.drop(labels, column);
    return Status.series;
  }

  #warnOfPhi(): void {
    const { phiPositions, scalars } = this.#call;
    for (const [i, position] of phiPositions.entries()) {
      for (const phi of scalars[i]!.values) {
        if (!(phi >= 0 && phi <= 1)) this.#context.annotations.invalidQuantile(phi, position);
      }
    }
  }
}
