import { METRIC_NAME } from '../core/labels.ts';
import { assert } from '../core/errors.ts';
import type { Matcher } from '../core/matcher.ts';
import type { SelectPurpose } from '../storage/index.ts';
import { makeGrid, type StepGrid } from './eval/column.ts';
import type { LookAt, Shown } from './eval/selector-source.ts';
import { evaluateDuration, type QueryTimes } from './duration-expr.ts';
import { planCall } from './plan-call.ts';
import { planAggregate, planBinary } from './plan-operators.ts';
import { mayRepeatLabels, type Plan, type PlanNode, type PlanRoot, type RangeInput } from './plan.ts';
import {
  exprType,
  type AtModifier,
  type DurationExpr,
  type Expr,
  type MatrixSelector,
  type SubqueryExpr,
  type UnaryExpr,
  type VectorSelector,
} from './parser/ast.ts';
import { selectorPurposes } from './purposes.ts';
import { QueryError } from './query-engine.ts';
import { SelectionSet } from './selections.ts';
import { statsOnlySelectors } from './stats-only.ts';
import { StepInvariance, withoutParens } from './step-invariance.ts';

/** What a plan depends on besides the expression. */
export interface PlanOptions extends QueryTimes {
  readonly lookbackMs: number;
  /** Resolution of subqueries that give none. */
  readonly subqueryStepMs: number;
}

/** What moves a selector or subquery in time. */
export interface Shift {
  readonly offsetMs: number;
  readonly offsetExpr: DurationExpr | undefined;
  readonly at: AtModifier | undefined;
}

/** A range selector or subquery as argument: what it reads and where its windows are. */
export interface PlannedRange {
  readonly input: RangeInput;
  readonly at: LookAt;
  readonly rangeMs: number;
  readonly namesMayDiffer: boolean;
}

/** Plans a whole query. Throws QueryError (`bad_data`) for durations without a sensible value. */
export function planQuery(expr: Expr, options: PlanOptions): Plan {
  const planner = new Planner(options);
  return planner.whole(expr);
}

/** Makes plan nodes of expressions, noting what they select. */
export class Planner {
  readonly #options: PlanOptions;
  readonly #selections = new SelectionSet();
  readonly #invariance = new StepInvariance();
  #statsOnly: ReadonlySet<VectorSelector> = new Set();
  #purposes: ReadonlyMap<VectorSelector, SelectPurpose> = new Map();
  /** The grids whose end is later than their start; one step may be all that lies between. */
  readonly #wide = new Set<StepGrid>();

  constructor(options: PlanOptions) {
    this.#options = options;
  }

  /** Start, end and step of the query. */
  get times(): QueryTimes {
    return this.#options;
  }

  /** Whether a grid is that of a range query (or of a subquery) rather than one point in time. */
  spansTime(grid: StepGrid): boolean {
    return this.#wide.has(grid);
  }

  #grid(startMs: number, endMs: number, stepMs: number): StepGrid {
    const grid = makeGrid(startMs, endMs, stepMs);
    if (startMs !== endMs) this.#wide.add(grid);
    return grid;
  }

  whole(expr: Expr): Plan {
    this.#statsOnly = statsOnlySelectors(expr);
    this.#purposes = selectorPurposes(expr);
    const { startMs, endMs, stepMs } = this.#options;
    const grid = this.#grid(startMs, endMs, stepMs);
    const root = this.#root(expr, grid);
    const { selections, indexOf } = this.#selections.resolve();
    return { root, grid, selections, selectionOf: indexOf };
  }

  #root(expr: Expr, grid: StepGrid): PlanRoot {
    const bare = withoutParens(expr);
    switch (bare.kind) {
      case 'stringLiteral':
        return { kind: 'string', value: bare.value };
      case 'matrixSelector': {
        const at = this.#lookAt(bare.selector, grid);
        const rangeMs = this.#duration(bare.rangeMs, bare.rangeExpr, false);
        const { extended } = bare.selector;
        const minMs = at.firstMs - rangeMs;
        const selection = this.#select(bare.selector, minMs + 1, at.firstMs, true);
        return { kind: 'samples', selection, minMs, maxMs: at.firstMs, extended };
      }
      case 'subquery': {
        const { input } = this.#subquery(bare, grid);
        assert(input.kind === 'subquery', 'a subquery must be planned as one');
        return { kind: 'subquery', node: input.input };
      }
      case 'aggregate':
      case 'binary':
      case 'call':
      case 'numberLiteral':
      case 'paren':
      case 'unary':
      case 'vectorSelector':
        return { kind: exprType(bare) === 'scalar' ? 'scalar' : 'vector', node: this.node(bare, grid) };
    }
  }

  /** Plans a scalar or vector expression over a grid. */
  node(expr: Expr, grid: StepGrid): PlanNode {
    const bare = withoutParens(expr);
    if (bare.kind === 'numberLiteral') {
      return { kind: 'number', grid, namesMayDiffer: false, value: bare.value };
    }
    if (grid.count > 1 && this.#invariance.holds(bare)) {
      const input = this.node(bare, { ...grid, count: 1 });
      return { kind: 'repeat', grid, namesMayDiffer: input.namesMayDiffer, input };
    }
    switch (bare.kind) {
      case 'vectorSelector':
        return this.selector(bare, grid, 'value');
      case 'unary':
        return this.#unary(bare, grid);
      case 'binary':
        return planBinary(this, bare, grid);
      case 'aggregate':
        return planAggregate(this, bare, grid);
      case 'call':
        return planCall(this, bare, grid);
      case 'matrixSelector':
      case 'stringLiteral':
      case 'subquery':
      case 'paren':
        throw new Error(`bug in tocsin: a ${bare.kind} is no vector`);
    }
  }

  /** Plans an instant selector. */
  selector(selector: VectorSelector, grid: StepGrid, shown: Shown): PlanNode {
    const at = this.#lookAt(selector, grid);
    const minMs = at.firstMs - this.#options.lookbackMs + 1;
    const maxMs = at.firstMs + (grid.count - 1) * at.everyMs;
    return {
      kind: 'selector',
      grid,
      namesMayDiffer: namesMayDiffer(selector),
      selection: this.#select(selector, minMs, maxMs, false),
      at,
      shown,
      smoothed: selector.extended === 'smoothed' && shown === 'value',
      statsOnly: this.#statsOnly.has(selector),
      position: selector.position,
    };
  }

  /** Notes a selection, with the times that `anchored` and `smoothed` look at beyond those of the selector. */
  #select(selector: VectorSelector, minMs: number, maxMs: number, isRange: boolean): number {
    const { matchers, extended } = selector;
    const { lookbackMs } = this.#options;
    const before = isRange && extended !== undefined ? lookbackMs : 0;
    const after = extended === 'smoothed' ? lookbackMs : 0;
    return this.#selections.add(matchers, minMs - before, maxMs + after, this.#purposes.get(selector));
  }

  /** Selects what is looked up at every step, as an instant selector does that is shifted several times over. */
  lookUp(
    matchers: readonly Matcher[],
    shifts: readonly Shift[],
    grid: StepGrid,
  ): { readonly selection: number; readonly at: LookAt } {
    let firstMs = grid.startMs;
    let everyMs = grid.stepMs;
    for (const { at } of shifts) {
      if (at === undefined) continue;
      firstMs = this.#atMs(at);
      everyMs = 0;
    }
    for (const { offsetMs, offsetExpr } of shifts) firstMs -= this.#duration(offsetMs, offsetExpr, true);
    const minMs = firstMs - this.#options.lookbackMs + 1;
    const maxMs = firstMs + (grid.count - 1) * everyMs;
    const selection = this.#selections.add(matchers, minMs, maxMs, undefined);
    return { selection, at: { firstMs, everyMs } };
  }

  /** Plans a range selector or subquery that is a function's argument. Throws QueryError where it can't be. */
  range(expr: MatrixSelector | SubqueryExpr, grid: StepGrid, func: string): PlannedRange {
    if (expr.kind === 'subquery') return this.#subquery(expr, grid);
    const { extended } = expr.selector;
    if (extended !== undefined) refuseExtended(extended, func);
    const at = this.#lookAt(expr.selector, grid);
    const rangeMs = this.#duration(expr.rangeMs, expr.rangeExpr, false);
    const maxMs = at.firstMs + (grid.count - 1) * at.everyMs;
    const selection = this.#select(expr.selector, at.firstMs - rangeMs + 1, maxMs, true);
    return {
      input: { kind: 'selection', selection, statsOnly: this.#statsOnly.has(expr.selector) },
      at,
      rangeMs,
      namesMayDiffer: namesMayDiffer(expr.selector),
    };
  }

  #subquery(expr: SubqueryExpr, grid: StepGrid): PlannedRange {
    const at = this.#lookAt(expr, grid);
    const rangeMs = this.#duration(expr.rangeMs, expr.rangeExpr, false);
    const ownStepMs = this.#duration(expr.stepMs, expr.stepExpr, false);
    const stepMs = ownStepMs === 0 ? this.#options.subqueryStepMs : ownStepMs;
    // The first multiple of the resolution inside the left-open window of the first step.
    const afterMs = at.firstMs - rangeMs;
    const startMs = (Math.floor(afterMs / stepMs) + 1) * stepMs;
    const inner = this.#grid(startMs, at.firstMs + (grid.count - 1) * at.everyMs, stepMs);
    const input: PlanNode =
      inner.count === 0 ? { kind: 'empty', grid: inner, namesMayDiffer: false } : this.node(expr.expr, inner);
    return {
      input: { kind: 'subquery', input, mayRepeatLabels: mayRepeatLabels(input) },
      at,
      rangeMs,
      namesMayDiffer: input.namesMayDiffer,
    };
  }

  #unary(expr: UnaryExpr, grid: StepGrid): PlanNode {
    const input = this.node(expr.expr, grid);
    if (expr.op === '+') return input;
    return { kind: 'map', grid, namesMayDiffer: false, func: '-', input, scalars: [] };
  }

  #lookAt(expr: Shift, grid: StepGrid): LookAt {
    const offsetMs = this.#duration(expr.offsetMs, expr.offsetExpr, true);
    if (expr.at === undefined) return { firstMs: grid.startMs - offsetMs, everyMs: grid.stepMs };
    return { firstMs: this.#atMs(expr.at) - offsetMs, everyMs: 0 };
  }

  #atMs(at: AtModifier): number {
    switch (at.kind) {
      case 'time':
        return at.ms;
      case 'start':
        return this.#options.startMs;
      case 'end':
        return this.#options.endMs;
    }
  }

  #duration(ms: number, expr: DurationExpr | undefined, isOffset: boolean): number {
    return expr === undefined ? ms : evaluateDuration(expr, this.#options, isOffset);
  }
}

/** Functions that know what to do with samples outside of their range. */
const EXTENDED_FUNCTIONS: Readonly<Record<'anchored' | 'smoothed', readonly string[]>> = {
  anchored: ['changes', 'delta', 'increase', 'rate', 'resets'],
  smoothed: ['delta', 'increase', 'rate'],
};

function refuseExtended(extended: 'anchored' | 'smoothed', func: string): void {
  const safe = EXTENDED_FUNCTIONS[extended];
  if (safe.includes(func)) return;
  const message = `${extended} modifier can only be used with: ${safe.join(', ')} - not with ${func}`;
  throw new QueryError('execution', message);
}

/** Whether a selector's series may have several metric names. */
function namesMayDiffer(selector: VectorSelector): boolean {
  return !selector.matchers.some(
    (matcher) => matcher.name === METRIC_NAME && matcher.op === '=' && matcher.value !== '',
  );
}
