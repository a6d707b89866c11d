import type { Labels } from '../../core/labels.ts';
import { formatFloatGeneral } from '../../core/float-text.ts';
import { goMax, goMin } from '../functions/numeric.ts';
import { RankHeap } from '../functions/rank-heap.ts';
import { QueryError } from '../query-engine.ts';
import { ABSENT, Column, FLOAT, hasAny, type StepGrid } from './column.ts';
import { groupKey, type Grouping } from './grouping.ts';
import { KeptSource } from './kept-source.ts';
import {
  Collector,
  type EvalContext,
  type KeptSeries,
  type ScalarValues,
  type SeriesSource,
  Status,
} from './source.ts';

/** Go's largest float that an int64 holds, and the smallest. */
const MAX_INT64 = 9223372036854774784;
const MIN_INT64 = -9223372036854775808;

/** Throws for a k that is no number; true when no step wants a series. */
function wantsNothing(ks: Float64Array): boolean {
  let max = -Number.MAX_VALUE;
  let min = Number.MAX_VALUE;
  let anyNaN = false;
  for (const k of ks) {
    max = goMax(max, k);
    min = goMin(min, k);
    if (k !== k) anyNaN = true;
  }
  if (max < 1) return true;
  if (anyNaN) throw new QueryError('execution', 'Parameter value is NaN');
  if (min <= MIN_INT64) {
    throw new QueryError('execution', `Scalar value ${formatFloatGeneral(min)} underflows int64`);
  }
  if (max >= MAX_INT64) {
    throw new QueryError('execution', `Scalar value ${formatFloatGeneral(max)} overflows int64`);
  }
  return false;
}

/** `topk` and `bottomk`: the series themselves, at each step only the k best of each group. */
export class RankSource implements SeriesSource {
  readonly #collector: Collector;
  readonly #context: EvalContext;
  readonly #grid: StepGrid;
  readonly #grouping: Grouping;
  readonly #k: ScalarValues;
  readonly #largest: boolean;
  #kept: KeptSource | undefined;
  #groups: number[][] = [];
  #grouped = false;
  #results: Column[] = [];
  #step = 0;
  /** At one step the order of the answer is that of the ranks. */
  readonly #ranking: number[] = [];

  constructor(
    input: SeriesSource,
    context: EvalContext,
    grid: StepGrid,
    grouping: Grouping,
    k: ScalarValues,
    largest: boolean,
  ) {
    this.#collector = new Collector(input, context);
    this.#context = context;
    this.#grid = grid;
    this.#grouping = grouping;
    this.#k = k;
    this.#largest = largest;
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
      if (!this.#k.run() || !this.#collector.run()) return Status.pause;
      if (!this.#grouped) this.#groups = this.#formGroups();
      this.#grouped = true;
      while (this.#step < this.#grid.count) {
        this.#rankStep(this.#step++);
        if (this.#context.control.tick(this.#collector.series.length)) return Status.pause;
      }
      this.#kept = new KeptSource(this.#ranked());
    }
    return this.#kept.next();
  }

  /** Numbers of the series of each group; none when no step wants any. */
  #formGroups(): number[][] {
    const { series } = this.#collector;
    if (wantsNothing(this.#k.values)) return [];
    this.#results = series.map(() => new Column(this.#grid.count));
    const groups = new Map<string, number[]>();
    series.forEach(({ labels }, i) => {
      const key = groupKey(this.#grouping, labels);
      const members = groups.get(key);
      if (members === undefined) groups.set(key, [i]);
      else members.push(i);
    });
    return [...groups.values()];
  }

  #rankStep(step: number): void {
    const { series } = this.#collector;
    const k = Math.min(Math.trunc(this.#k.values[step]!), series.length);
    if (!(k >= 1)) return;
    for (const members of this.#groups) {
      const heap = new RankHeap(Math.min(k, members.length), this.#largest);
      for (const i of members) {
        const { values, present } = series[i]!.column;
        if (present[step] !== ABSENT) heap.offer(values[step]!, i);
      }
      for (const i of heap.ranking()) {
        this.#results[i]!.values[step] = series[i]!.column.values[step]!;
        this.#results[i]!.present[step] = FLOAT;
        if (this.#grid.count === 1) this.#ranking.push(i);
      }
    }
  }

  #ranked(): KeptSeries[] {
    const { series } = this.#collector;
    const order = this.#grid.count === 1 ? this.#ranking : series.map((_, i) => i);
    return order
      .filter((i) => this.#results[i] !== undefined && hasAny(this.#results[i].present))
      .map((i) => ({ ...series[i]!, column: this.#results[i]! }));
  }
}
