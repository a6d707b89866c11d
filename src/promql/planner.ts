import { METRIC_NAME } from '../core/labels.ts';
import { assert } from '../core/errors.ts';
import { makeGrid, type StepGrid } from './eval/column.ts';
import type { LookAt } from './eval/selector-source.ts';
import { changesMetric } from './eval/matching.ts';
import type { ScalarOp } from './eval/binary-scalar.ts';
import { evaluateDuration, type QueryTimes } from './duration-expr.ts';
import { planCall } from './plan-call.ts';
import type { Plan, PlanNode, PlanRoot, RangeInput } from './plan.ts';
import {
  exprType,
  isSetOp,
  type AggregateExpr,
  type AtModifier,
  type BinaryExpr,
  type DurationExpr,
  type Expr,
  type MatrixSelector,
  type SubqueryExpr,
  type UnaryExpr,
  type VectorSelector,
} from './parser/ast.ts';
import { SelectionSet } from './selections.ts';
import { StepInvariance, withoutParens } from './step-invariance.ts';

/** What a plan depends on besides the expression. */
export interface PlanOptions extends QueryTimes {
  readonly lookbackMs: number;
  /** Resolution of subqueries that give none. */
  readonly subqueryStepMs: number;
}

/** A range selector or subquery as argument: what it reads and where its windows are. */
export interface PlannedRange {
  readonly input: RangeInput;
  readonly at: LookAt;
  readonly rangeMs: number;
  readonly namesMayDiffer: boolean;
}

/** Nodes that never give two series with equal labels. */
const DISTINCT_KINDS: ReadonlySet<PlanNode['kind']> = new Set([
  'selector',
  'range',
  'aggregate',
  'countValues',
  'empty',
]);

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

  constructor(options: PlanOptions) {
    this.#options = options;
  }

  whole(expr: Expr): Plan {
    const { startMs, endMs, stepMs } = this.#options;
    const grid = makeGrid(startMs, endMs, stepMs);
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
        const minMs = at.firstMs - rangeMs;
        const selection = this.#selections.add(bare.selector.matchers, minMs + 1, at.firstMs);
        return { kind: 'samples', selection, minMs, maxMs: at.firstMs };
      }
      case 'subquery': {
        const { input } = this.range(bare, grid);
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
        return this.selector(bare, grid, false);
      case 'unary':
        return this.#unary(bare, grid);
      case 'binary':
        return this.#binary(bare, grid);
      case 'aggregate':
        return this.#aggregate(bare, grid);
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
  selector(selector: VectorSelector, grid: StepGrid, asTime: boolean): PlanNode {
    const at = this.#lookAt(selector, grid);
    const minMs = at.firstMs - this.#options.lookbackMs + 1;
    const maxMs = at.firstMs + (grid.count - 1) * at.everyMs;
    return {
      kind: 'selector',
      grid,
      namesMayDiffer: namesMayDiffer(selector),
      selection: this.#selections.add(selector.matchers, minMs, maxMs),
      at,
      asTime,
    };
  }

  /** Plans a range selector or subquery that is a function's argument. */
  range(expr: MatrixSelector | SubqueryExpr, grid: StepGrid): PlannedRange {
    if (expr.kind === 'subquery') return this.#subquery(expr, grid);
    const at = this.#lookAt(expr.selector, grid);
    const rangeMs = this.#duration(expr.rangeMs, expr.rangeExpr, false);
    const maxMs = at.firstMs + (grid.count - 1) * at.everyMs;
    const selection = this.#selections.add(expr.selector.matchers, at.firstMs - rangeMs + 1, maxMs);
    return {
      input: { kind: 'selection', selection },
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
    const inner = makeGrid(startMs, at.firstMs + (grid.count - 1) * at.everyMs, stepMs);
    const input: PlanNode =
      inner.count === 0 ? { kind: 'empty', grid: inner, namesMayDiffer: false } : this.node(expr.expr, inner);
    return {
      input: { kind: 'subquery', input, mayRepeatLabels: !DISTINCT_KINDS.has(input.kind) },
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

  #binary(expr: BinaryExpr, grid: StepGrid): PlanNode {
    const lhs = this.node(expr.lhs, grid);
    const rhs = this.node(expr.rhs, grid);
    const { op, matching, returnBool } = expr;
    if (isSetOp(op)) {
      assert(matching !== undefined, 'a set operator must have a matching');
      const differ = op === 'or' || lhs.namesMayDiffer;
      return { kind: 'set', grid, namesMayDiffer: differ, op, lhs, rhs, matching };
    }
    assert(op !== '</' && op !== '>/', 'trim operators must have been refused');
    const dropsName = changesMetric(op) || returnBool;
    if (matching !== undefined) {
      const many = matching.card === 'one-to-many' ? rhs : lhs;
      const differ = matching.include.includes(METRIC_NAME) || (!dropsName && many.namesMayDiffer);
      return { kind: 'vectorVector', grid, namesMayDiffer: differ, op, lhs, rhs, matching, returnBool };
    }
    return this.#withScalar(expr, op, lhs, rhs, !dropsName);
  }

  #withScalar(expr: BinaryExpr, op: ScalarOp, lhs: PlanNode, rhs: PlanNode, keepsName: boolean): PlanNode {
    const { grid } = lhs;
    const scalarLeft = exprType(expr.lhs) === 'scalar';
    if (scalarLeft && exprType(expr.rhs) === 'scalar') {
      return { kind: 'scalarScalar', grid, namesMayDiffer: false, op, lhs, rhs };
    }
    const vector = scalarLeft ? rhs : lhs;
    return {
      kind: 'vectorScalar',
      grid,
      namesMayDiffer: keepsName && vector.namesMayDiffer,
      op,
      vector,
      scalar: scalarLeft ? lhs : rhs,
      scalarLeft,
      returnBool: expr.returnBool,
    };
  }

  #aggregate(expr: AggregateExpr, grid: StepGrid): PlanNode {
    const { op, without } = expr;
    const grouping = { labels: [...new Set(expr.grouping)], without };
    const namesMayDiffer = !without && grouping.labels.includes(METRIC_NAME);
    const param = expr.param === undefined ? undefined : withoutParens(expr.param);
    if (op === 'count_values') {
      assert(param?.kind === 'stringLiteral', 'count_values must have a text');
      const input = this.node(expr.expr, grid);
      return { kind: 'countValues', grid, namesMayDiffer, label: param.value, input, grouping };
    }
    const parameter = param === undefined ? undefined : this.node(param, grid);
    const input = this.node(expr.expr, grid);
    if (op === 'topk' || op === 'bottomk') {
      assert(parameter !== undefined, `${op} must have a parameter`);
      const largest = op === 'topk';
      const differ = input.namesMayDiffer;
      return { kind: 'rank', grid, namesMayDiffer: differ, largest, input, grouping, k: parameter };
    }
    assert(op !== 'limitk' && op !== 'limit_ratio', 'experimental aggregations must have been refused');
    const parameterPosition = param?.position;
    return { kind: 'aggregate', grid, namesMayDiffer, op, input, grouping, parameter, parameterPosition };
  }

  #lookAt(
    expr: {
      readonly offsetMs: number;
      readonly offsetExpr: DurationExpr | undefined;
      readonly at: AtModifier | undefined;
    },
    grid: StepGrid,
  ): LookAt {
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

/** Whether a selector's series may have several metric names. */
function namesMayDiffer(selector: VectorSelector): boolean {
  return !selector.matchers.some(
    (matcher) => matcher.name === METRIC_NAME && matcher.op === '=' && matcher.value !== '',
  );
}
