import { assert } from '../core/errors.ts';
import { METRIC_NAME } from '../core/labels.ts';
import type { StepGrid } from './eval/column.ts';
import type { Grouping } from './eval/grouping.ts';
import { changesMetric } from './eval/matching.ts';
import { exprType, isSetOp, type AggregateExpr, type BinaryExpr, type ElementOp } from './parser/ast.ts';
import type { PlanNode } from './plan.ts';
import type { Planner } from './planner.ts';
import { withoutParens } from './step-invariance.ts';

/** Plans a binary operation. */
export function planBinary(planner: Planner, expr: BinaryExpr, grid: StepGrid): PlanNode {
  const lhs = planner.node(expr.lhs, grid);
  const rhs = planner.node(expr.rhs, grid);
  const { op, matching, returnBool, position } = expr;
  if (isSetOp(op)) {
    assert(matching !== undefined, 'a set operator must have a matching');
    const differ = op === 'or' || lhs.namesMayDiffer;
    return { kind: 'set', grid, namesMayDiffer: differ, op, lhs, rhs, matching };
  }
  if (matching === undefined) return planWithScalar(expr, op, lhs, rhs, grid);
  const manyNamesMayDiffer = (matching.card === 'one-to-many' ? rhs : lhs).namesMayDiffer;
  const dropsName = changesMetric(op) || returnBool;
  // What is filled in for the "many" side has no name, but may be a name's series otherwise.
  const fillsMany = matching.fill.left !== undefined;
  const namesMayDiffer =
    matching.include.includes(METRIC_NAME) || (!dropsName && (manyNamesMayDiffer || fillsMany));
  const operator = { op, lhs, rhs, matching, returnBool, position, manyNamesMayDiffer };
  return { kind: 'vectorVector', grid, namesMayDiffer, ...operator };
}

function planWithScalar(
  expr: BinaryExpr,
  op: ElementOp,
  lhs: PlanNode,
  rhs: PlanNode,
  grid: StepGrid,
): PlanNode {
  const { returnBool, position } = expr;
  const scalarLeft = exprType(expr.lhs) === 'scalar';
  if (scalarLeft && exprType(expr.rhs) === 'scalar') {
    return { kind: 'scalarScalar', grid, namesMayDiffer: false, op, lhs, rhs };
  }
  const [vector, scalar] = scalarLeft ? [rhs, lhs] : [lhs, rhs];
  const keepsName = !changesMetric(op) && !returnBool;
  const namesMayDiffer = keepsName && vector.namesMayDiffer;
  return { kind: 'vectorScalar', grid, namesMayDiffer, op, vector, scalar, scalarLeft, returnBool, position };
}

/** Plans an aggregation. */
export function planAggregate(planner: Planner, expr: AggregateExpr, grid: StepGrid): PlanNode {
  const { op, without, position } = expr;
  const grouping: Grouping = { labels: [...new Set(expr.grouping)], without };
  const namesMayDiffer = !without && grouping.labels.includes(METRIC_NAME);
  const param = expr.param === undefined ? undefined : withoutParens(expr.param);
  const inputPosition = withoutParens(expr.expr).position;
  if (op === 'count_values') {
    assert(param?.kind === 'stringLiteral', 'count_values must have a text');
    const input = planner.node(expr.expr, grid);
    return { kind: 'countValues', grid, namesMayDiffer, label: param.value, input, grouping };
  }
  const parameter =
    param === undefined ? undefined : { node: planner.node(param, grid), position: param.position };
  const input = planner.node(expr.expr, grid);
  const common = { grid, input, grouping };
  if (op === 'topk' || op === 'bottomk') {
    assert(parameter !== undefined, `${op} must have a parameter`);
    return { kind: 'rank', ...common, namesMayDiffer: input.namesMayDiffer, op, parameter, position };
  }
  if (op === 'limitk' || op === 'limit_ratio') {
    assert(parameter !== undefined, `${op} must have a parameter`);
    return { kind: 'limit', ...common, namesMayDiffer: input.namesMayDiffer, op, parameter };
  }
  return { kind: 'aggregate', ...common, namesMayDiffer, op, parameter, inputPosition };
}
