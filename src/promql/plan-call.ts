import { Labels, METRIC_NAME } from '../core/labels.ts';
import { assert } from '../core/errors.ts';
import type { StepGrid } from './eval/column.ts';
import { TIME_KERNELS } from './functions/time.ts';
import type { CallExpr, Expr, Position } from './parser/ast.ts';
import type { PlanNode } from './plan.ts';
import type { Planner } from './planner.ts';
import { withoutParens } from './step-invariance.ts';

/** Functions of ranges that act like an offset and so keep the name. */
const KEEPS_NAME: ReadonlySet<string> = new Set(['last_over_time', 'first_over_time']);

/**
 * The labels that an expression's selector fixes, which is what `absent` can say of what isn't there: those with
 * exactly one matcher, an equality.
 *
 * @see prometheus promql/functions.go createLabelsForAbsentFunction
 */
function absentLabels(expr: Expr): Labels {
  const bare = withoutParens(expr);
  const selector = bare.kind === 'matrixSelector' ? bare.selector : bare;
  if (selector.kind !== 'vectorSelector') return Labels.EMPTY;
  const fixed = new Map<string, string>();
  const seen = new Set<string>();
  for (const { name, op, value } of selector.matchers) {
    if (name === METRIC_NAME) continue;
    if (op === '=' && !seen.has(name)) {
      fixed.set(name, value);
      seen.add(name);
    } else {
      fixed.delete(name);
    }
  }
  return Labels.fromEntries(fixed);
}

function text(expr: Expr): string {
  const bare = withoutParens(expr);
  assert(bare.kind === 'stringLiteral', 'a text argument must be a text');
  return bare.value;
}

/** Where annotations about a range argument point; Prometheus loses that of a subquery. */
function rangePosition(expr: Expr): Position {
  return expr.kind === 'subquery' ? { start: 0, end: 0 } : expr.position;
}

function planRangeCall(planner: Planner, call: CallExpr, index: number, grid: StepGrid): PlanNode {
  const argument = withoutParens(call.args[index]!);
  assert(
    argument.kind === 'matrixSelector' || argument.kind === 'subquery',
    'a range argument must be a range',
  );
  const { input, at, rangeMs, namesMayDiffer } = planner.range(argument, grid);
  const func = call.func.name;
  const first = withoutParens(call.args[0]!);
  const node: PlanNode = {
    kind: 'range',
    grid,
    namesMayDiffer: KEEPS_NAME.has(func) && namesMayDiffer,
    func,
    input,
    inputNamesMayDiffer: namesMayDiffer,
    at,
    rangeMs,
    scalars: call.args.filter((_, i) => i !== index).map((scalar) => planner.node(scalar, grid)),
    position: rangePosition(first),
  };
  if (func !== 'absent_over_time') return node;
  return { kind: 'absent', grid, namesMayDiffer: false, input: node, labels: absentLabels(argument) };
}

function planHistogram(planner: Planner, call: CallExpr, grid: StepGrid): PlanNode {
  const vector = call.args.at(-1)!;
  return {
    kind: 'histogram',
    grid,
    namesMayDiffer: false,
    input: planner.node(vector, grid),
    scalars: call.args.slice(0, -1).map((scalar) => planner.node(scalar, grid)),
    position: withoutParens(vector).position,
    phiPosition: call.func.name === 'histogram_quantile' ? withoutParens(call.args[0]!).position : undefined,
  };
}

/** Plans a function call. */
export function planCall(planner: Planner, call: CallExpr, grid: StepGrid): PlanNode {
  const func = call.func.name;
  const rangeIndex = call.func.argTypes.indexOf('matrix');
  if (rangeIndex >= 0) return planRangeCall(planner, call, rangeIndex, grid);
  const nameless = { grid, namesMayDiffer: false };
  const first = call.args[0];
  if (first === undefined) {
    if (func === 'time') return { kind: 'time', ...nameless };
    if (func === 'pi') return { kind: 'number', value: Math.PI, ...nameless };
    assert(TIME_KERNELS.has(func), `${func} must have arguments`);
    return { kind: 'date', func, ...nameless };
  }
  const bare = withoutParens(first);
  switch (func) {
    case 'histogram_quantile':
    case 'histogram_fraction':
      return planHistogram(planner, call, grid);
    case 'vector':
      return planner.node(first, grid);
    case 'scalar':
      return { kind: 'scalarOf', input: planner.node(first, grid), ...nameless };
    case 'absent':
      return { kind: 'absent', input: planner.node(first, grid), labels: absentLabels(first), ...nameless };
    case 'label_replace':
    case 'label_join': {
      const input = planner.node(first, grid);
      const texts = call.args.slice(1).map(text);
      const differ = input.namesMayDiffer || texts[0] === METRIC_NAME;
      return { kind: 'label', grid, namesMayDiffer: differ, func, input, texts };
    }
    case 'sort':
    case 'sort_desc': {
      const input = planner.node(first, grid);
      const descending = func === 'sort_desc';
      return {
        kind: 'sort',
        grid,
        namesMayDiffer: input.namesMayDiffer,
        input,
        descending,
        position: call.position,
      };
    }
    default: {
      const isTimestamp = func === 'timestamp' && bare.kind === 'vectorSelector';
      const input = isTimestamp ? planner.selector(bare, grid, true) : planner.node(first, grid);
      const scalars = call.args.slice(1).map((scalar) => planner.node(scalar, grid));
      return { kind: 'map', func: isTimestamp ? 'identity' : func, input, scalars, ...nameless };
    }
  }
}
