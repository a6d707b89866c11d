import { SampleBuffer } from '../storage/index.ts';
import { HISTOGRAM, stepTime, type StepGrid } from './eval/column.ts';
import { Compiler } from './eval/compile.ts';
import { extendedBy } from './eval/compile-range.ts';
import { mergeEqualLabels } from './eval/kept-source.ts';
import { extendedSamples } from './eval/extended-samples.ts';
import { seriesOfColumn, seriesOfSamples } from './eval/matrix.ts';
import { withoutMetadata } from './eval/metric-name.ts';
import { heldSamples, type OpenSelection, type SelectionReader, SelectionReaders } from './eval/selection.ts';
import type { StepTally } from './eval/step-tally.ts';
import { removeStale } from './eval/stale-samples.ts';
import { Collector, type EvalContext, type KeptSeries } from './eval/source.ts';
import { mayRepeatLabels, type Plan, type PlanNode, type PlanRoot } from './plan.ts';
import type { MatrixSeries, QueryValue, VectorSample } from './query-engine.ts';

/**
 * Evaluates plans over open selections. Nothing here waits for anything: {@link Evaluation.run} works until it is done
 * or asks for a pause, so it runs as well in a thread of its own.
 */

/** What an evaluation needs. */
export interface EvaluationInput {
  readonly plan: Plan;
  /** One for each of the plan's selections, in the same order. */
  readonly selections: readonly OpenSelection[];
  readonly context: EvalContext;
  /** The answer of an instant query has another form than that of a range query over one step. */
  readonly instant: boolean;
  /** Counts what the steps look at and read; nobody does when absent. */
  readonly tally?: StepTally;
}

/** One evaluation under way. Call {@link run} until it gives a value. */
export class Evaluation {
  readonly #input: EvaluationInput;
  readonly #compiler: Compiler;
  readonly #collector: Collector | undefined;
  readonly #node: PlanNode | undefined;
  readonly #rawSeries: MatrixSeries[] = [];
  #raw: SelectionReader | undefined;

  /** Throws QueryError for arguments that can't be used. */
  constructor(input: EvaluationInput) {
    this.#input = input;
    const { plan, selections, context } = input;
    const readers = new SelectionReaders(selections, context.control);
    const { tally } = input;
    this.#compiler = new Compiler(context, readers, plan.selectionOf, tally);
    const { root } = plan;
    if (root.kind === 'string' || root.kind === 'samples') return;
    this.#node = root.node;
    this.#collector = new Collector(
      this.#compiler.compileCounting(root.node, root.kind === 'subquery' ? tally?.folded() : tally),
      context,
    );
  }

  /**
   * The value, or undefined to ask for a pause. The series of a matrix are in no order: see {@link sortSeries}. Throws QueryError for whatever keeps the query from having an answer.
   */
  run(): QueryValue | undefined {
    const { plan } = this.#input;
    if (plan.root.kind === 'string') {
      return { type: 'string', tMs: plan.grid.startMs, value: plan.root.value };
    }
    if (plan.root.kind === 'samples') return this.#samples(plan.root);
    if (!this.#collector!.run()) return undefined;
    return this.#value(plan.root.kind, this.#node!.grid, this.#finished());
  }

  /** All series, delayed names dropped and equal labels made one. */
  #finished(): readonly KeptSeries[] {
    const { series } = this.#collector!;
    if (!this.#input.context.delayedNameRemoval && !mayRepeatLabels(this.#node!)) return series;
    const named = this.#input.context.delayedNameRemoval
      ? series.map((one) => (one.dropName ? { ...one, labels: withoutMetadata(one.labels) } : one))
      : series;
    return mergeEqualLabels(named);
  }

  #value(kind: 'scalar' | 'vector' | 'subquery', grid: StepGrid, series: readonly KeptSeries[]): QueryValue {
    if (kind === 'subquery' || !this.#input.instant)
      return { type: 'matrix', series: toMatrix(series, grid) };
    const tMs = grid.startMs;
    if (kind === 'scalar') return { type: 'scalar', tMs, value: series[0]!.column.values[0]! };
    const samples: VectorSample[] = series.map(({ labels, column }) => ({
      labels,
      tMs,
      value: column.present[0] === HISTOGRAM ? NaN : column.values[0]!,
      histogram: column.present[0] === HISTOGRAM ? column.histogram(0) : undefined,
    }));
    return { type: 'vector', samples };
  }

  /** Raw samples of a range selector; undefined asks for a pause. */
  #samples(root: Extract<PlanRoot, { kind: 'samples' }>): QueryValue | undefined {
    const { control, lookbackMs } = this.#input.context;
    const { minMs, maxMs, extended } = root;
    const { beforeMs, afterMs } = extendedBy(extended, lookbackMs);
    this.#raw ??= this.#compiler.reader(root.selection);
    const reader = this.#raw;
    const buffer = new SampleBuffer();
    while (reader.next()) {
      reader.read(minMs - beforeMs + 1, maxMs + afterMs, buffer);
      removeStale(buffer);
      if (buffer.length > 0) {
        control.hold(heldSamples(buffer));
        this.#input.tally?.add(0, heldSamples(buffer));
        const samples = extended === undefined ? buffer : extendedSamples(buffer, minMs, maxMs, extended);
        if (samples.length > 0) this.#rawSeries.push(seriesOfSamples(reader.labels(), samples));
      }
      if (control.tick(buffer.length + 10)) return undefined;
    }
    return { type: 'matrix', series: this.#rawSeries };
  }
}

function toMatrix(series: readonly KeptSeries[], grid: StepGrid): MatrixSeries[] {
  const allTimes = Float64Array.from({ length: grid.count }, (_, k) => stepTime(grid, k));
  return series.map(({ labels, column }) => seriesOfColumn(labels, column, allTimes));
}

/** A value whose series, when it is a matrix, are in order of labels. */
export function sortSeries(value: QueryValue): QueryValue {
  if (value.type !== 'matrix') return value;
  return { type: 'matrix', series: value.series.toSorted((a, b) => a.labels.compare(b.labels)) };
}

/** The span of time that a plan's selections cover; [0, 0] when it selects nothing. */
export function planSpan(plan: Plan): readonly [minMs: number, maxMs: number] {
  let minMs = Infinity;
  let maxMs = -Infinity;
  for (const selection of plan.selections) {
    minMs = Math.min(minMs, selection.minMs);
    maxMs = Math.max(maxMs, selection.maxMs);
  }
  return maxMs < minMs ? [0, 0] : [minMs, maxMs];
}
