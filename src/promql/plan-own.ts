import { assert } from '../core/errors.ts';
import type { StepGrid } from './eval/column.ts';
import { exprType, type CallExpr, type Expr } from './parser/ast.ts';
import type { OwnArgument, PlanNode } from './plan.ts';
import type { Planner } from './planner.ts';
import { withoutParens } from './step-invariance.ts';

function planArgument(planner: Planner, func: string, arg: Expr, grid: StepGrid): OwnArgument {
  const bare = withoutParens(arg);
  if (bare.kind === 'stringLiteral') return { kind: 'string', text: bare.value };
  if (bare.kind === 'matrixSelector' || bare.kind === 'subquery') {
    const { input, at, rangeMs } = planner.range(bare, grid, func);
    return { kind: 'matrix', input, at, rangeMs };
  }
  const type = exprType(bare);
  assert(type === 'scalar' || type === 'vector', 'an argument must have a type that is evaluated');
  return { kind: type, node: planner.node(bare, grid) };
}

/** Plans a call of a function of our own: arguments of any type, results per group of equal labels. */
export function planOwn(planner: Planner, call: CallExpr, grid: StepGrid): PlanNode {
  const args = call.args.map((arg) => planArgument(planner, call.func.name, arg, grid));
  return { kind: 'own', grid, namesMayDiffer: false, func: call.func.name, args };
}
