import { Labels } from '../../core/labels.ts';
import { formatFloatGeneral } from '../../core/float-text.ts';
import { RankHeaps } from '../functions/rank-heap.ts';
import type { Position } from '../parser/ast.ts';
import { QueryError } from '../query-engine.ts';
import { Column, FLOAT, HISTOGRAM, type StepGrid } from './column.ts';
import { groupKey, isOneGroup, type Grouping } from './grouping.ts';
import { KeptSource } from './kept-source.ts';
import { parameterRange } from './parameter.ts';
import { type EvalContext, type KeptSeries, type ScalarValues, type SeriesSource, Status } from './source.ts';

/** Go's largest float that an int64 holds, and the smallest. */
const MAX_INT64 = 9223372036854774784;
const MIN_INT64 = -9223372036854775808;
/** No query has more series than this. */
const MOST_SERIES = 2 ** 31 - 1;

/**
 * How many series each step wants, at least 0; undefined when no step wants any. Throws for a k that is no number.
 *
 * @see prometheus promql/engine.go rangeEvalAgg, aggregationK
 */
export function seriesLimits(ks: Float64Array): Int32Array | undefined {
  const { min, max, hasNaN } = parameterRange(ks);
  if (max < 1) return undefined;
  if (hasNaN) throw new QueryError('execution', 'Parameter value is NaN');
  if (min <= MIN_INT64) {
    throw new QueryError('execution', `Scalar value ${formatFloatGeneral(min)} underflows int64`);
  }
  if (max >= MAX_INT64) {
    throw new QueryError('execution', `Scalar value ${formatFloatGeneral(max)} overflows int64`);
  }
  return Int32Array.from(ks, (k) => Math.min(Math.max(Math.trunc(k), 0), MOST_SERIES));
}

/** `topk` or `bottomk`. */
export interface Ranking {
  readonly op: 'topk' | 'bottomk';
  readonly grouping: Grouping;
  readonly k: ScalarValues;
  /** Where the aggregation is: annotations point there. */
  readonly position: Position;
}

/** A series that was among the best at some step when it came by. */
interface Candidate {
  readonly labels: Labels;
  readonly dropName: boolean;
}

/**
 * `topk` and `bottomk`: the series themselves, at each step only the k best of each group. Only the best are kept while
 * the input streams by, so that memory grows with k and not with the input.
 */
export class RankSource implements SeriesSource {
  readonly #input: SeriesSource;
  readonly #context: EvalContext;
  readonly #grid: StepGrid;
  readonly #ranking: Ranking;
  readonly #oneGroup: boolean;
  readonly #groups = new Map<string, RankHeaps>();
  readonly #candidates = new Map<number, Candidate>();
  #limits: Int32Array | undefined;
  #limitsKnown = false;
  #seriesCount = 0;
  #kept: KeptSource | undefined;

  constructor(input: SeriesSource, context: EvalContext, grid: StepGrid, ranking: Ranking) {
    this.#input = input;
    this.#context = context;
    this.#grid = grid;
    this.#ranking = ranking;
    this.#oneGroup = isOneGroup(ranking.grouping);
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
      if (!this.#ranking.k.run()) return Status.pause;
      if (!this.#limitsKnown) this.#limits = seriesLimits(this.#ranking.k.values);
      this.#limitsKnown = true;
      for (;;) {
        const status = this.#input.next();
        if (status === Status.pause) return status;
        if (status === Status.end) break;
        if (this.#limits !== undefined) this.#take(this.#limits);
      }
      this.#kept = new KeptSource(this.#grid.count === 1 ? this.#inOrder() : this.#bySeries());
    }
    return this.#kept.next();
  }

  /** Offers the input's present series to its group. */
  #take(limits: Int32Array): void {
    const { column } = this.#input;
    if (column.histograms !== undefined) this.#noteHistograms(column, limits);
    const series = this.#seriesCount++;
    if (this.#heaps(limits).offer(column, series)) {
      this.#candidates.set(series, { labels: this.#input.labels(), dropName: this.#input.dropName });
    }
  }

  #heaps(limits: Int32Array): RankHeaps {
    const { op, grouping } = this.#ranking;
    const key = groupKey(grouping, this.#oneGroup ? Labels.EMPTY : this.#input.labels());
    let heaps = this.#groups.get(key);
    if (heaps === undefined) {
      const { control } = this.#context;
      heaps = new RankHeaps(limits, op === 'topk', (samples) => {
        control.hold(samples);
      });
      this.#groups.set(key, heaps);
    }
    return heaps;
  }

  #noteHistograms({ present }: Column, limits: Int32Array): void {
    const { op, position } = this.#ranking;
    if (!present.some((kind, k) => kind === HISTOGRAM && limits[k]! > 0)) return;
    this.#context.annotations.histogramIgnoredInAggregation(op, position);
  }

  /** At one step the order of the answer is that of the groups, and in each that of the ranks. */
  #inOrder(): KeptSeries[] {
    const columns = this.#columns();
    const order = [...this.#groups.values()].flatMap((heaps) => heaps.ranking(0));
    return order.map((series) => ({ ...this.#candidates.get(series)!, column: columns.get(series)! }));
  }

  #bySeries(): KeptSeries[] {
    const columns = this.#columns();
    const order = [...columns.keys()].toSorted((a, b) => a - b);
    return order.map((series) => ({ ...this.#candidates.get(series)!, column: columns.get(series)! }));
  }

  /** The columns of the series that are among the best at any step. */
  #columns(): Map<number, Column> {
    const columns = new Map<number, Column>();
    for (const heaps of this.#groups.values()) {
      for (let k = 0; k < this.#grid.count; k++) {
        heaps.each(k, (series, value) => {
          let column = columns.get(series);
          if (column === undefined) {
            column = new Column(this.#grid.count);
            this.#context.control.hold(this.#grid.count);
            columns.set(series, column);
          }
          column.values[k] = value;
          column.present[k] = FLOAT;
        });
      }
    }
    return columns;
  }
}
