import { Labels } from '../../core/labels.ts';
import { isInRatio, RatioSampler } from '../functions/ratio-sample.ts';
import { QueryError } from '../query-engine.ts';
import { ABSENT, Column, hasAny, type StepGrid } from './column.ts';
import { groupKey, isOneGroup, type Grouping } from './grouping.ts';
import { type ParameterRange, parameterRange } from './parameter.ts';
import { seriesLimits } from './rank-source.ts';
import { type EvalContext, type ScalarValues, type SeriesSource, Status } from './source.ts';

/** Decides at which steps a series passes: strikes the others from `present`. */
type Sieve = (labels: () => Labels, present: Uint8Array) => void;

/**
 * `limitk` and `limit_ratio`: the series themselves, at each step some of them. They stream by. `makeSieve` is called
 * once, with the parameter at all steps; undefined lets nothing pass.
 */
export class LimitSource implements SeriesSource {
  readonly column: Column;
  readonly #input: SeriesSource;
  readonly #context: EvalContext;
  readonly #parameter: ScalarValues;
  readonly #makeSieve: (values: Float64Array) => Sieve | undefined;
  #sieve: Sieve | undefined;
  #sieveKnown = false;

  constructor(
    input: SeriesSource,
    context: EvalContext,
    grid: StepGrid,
    parameter: ScalarValues,
    makeSieve: (values: Float64Array) => Sieve | undefined,
  ) {
    this.column = new Column(grid.count);
    this.#input = input;
    this.#context = context;
    this.#parameter = parameter;
    this.#makeSieve = makeSieve;
  }

  get dropName(): boolean {
    return this.#input.dropName;
  }

  labels(): Labels {
    return this.#input.labels();
  }

  next(): Status {
    if (!this.#parameter.run()) return Status.pause;
    if (!this.#sieveKnown) this.#sieve = this.#makeSieve(this.#parameter.values);
    this.#sieveKnown = true;
    for (;;) {
      const status = this.#input.next();
      if (status !== Status.series) return status;
      this.#context.control.tick(this.column.values.length);
      if (this.#sieve === undefined) continue;
      this.column.copyFrom(this.#input.column);
      this.#sieve(() => this.#input.labels(), this.column.present);
      if (hasAny(this.column.present)) return Status.series;
    }
  }
}

/** For `limitk`: the first k of each group. Throws QueryError for a k that is no number. */
export function limitSieve(grouping: Grouping, ks: Float64Array): Sieve | undefined {
  const limits = seriesLimits(ks);
  if (limits === undefined) return undefined;
  const oneGroup = isOneGroup(grouping);
  const groups = new Map<string, Int32Array>();
  return (labels, present) => {
    const key = groupKey(grouping, oneGroup ? Labels.EMPTY : labels());
    let left = groups.get(key);
    if (left === undefined) {
      left = limits.slice();
      groups.set(key, left);
    }
    for (let k = 0; k < present.length; k++) {
      if (present[k] === ABSENT) continue;
      if (left[k] === 0) present[k] = ABSENT;
      else left[k]!--;
    }
  };
}

/**
 * For `limit_ratio`: a share of the series, whatever their group. `onRange` is told when the ratios are used. Throws
 * QueryError for a ratio that is no number.
 *
 * @see prometheus promql/engine.go rangeEvalAgg, aggregationK
 */
export function ratioSieve(
  ratios: Float64Array,
  onRange: (range: ParameterRange) => void,
): Sieve | undefined {
  const range = parameterRange(ratios);
  if (range.max === 0 && range.min === 0) return undefined;
  if (range.hasNaN) throw new QueryError('execution', 'Ratio value is NaN');
  onRange(range);
  const capped = ratios.map((ratio) => Math.max(-1, Math.min(1, ratio)));
  const sampler = new RatioSampler();
  return (labels, present) => {
    const offset = sampler.offset(labels());
    for (let k = 0; k < present.length; k++) {
      const ratio = capped[k]!;
      if (ratio === 0 || !isInRatio(ratio, offset)) present[k] = ABSENT;
    }
  };
}
