import { Labels, METRIC_NAME } from '../core/labels.ts';
import { assert } from '../core/errors.ts';
import type { StepGrid } from './eval/column.ts';
import type { Shown } from './eval/selector-source.ts';
import { TIME_KERNELS } from './functions/time.ts';
import type { CallExpr, Expr, Position } from './parser/ast.ts';
import { PROMQL_FUNCTIONS } from './parser/functions.ts';
import type { HistogramPlan, PlanNode } from './plan.ts';
import { planInfo } from './plan-info.ts';
import { planOwn } from './plan-own.ts';
import type { Planner } from './planner.ts';
import { withoutParens } from './step-invariance.ts';

/** Functions of ranges that act like an offset and so keep the name. */
const KEEPS_NAME: ReadonlySet<string> = new Set(['last_over_time', 'first_over_time']);

/** Functions that look at the samples of a selector rather than at its values. */
const TIMES_SHOWN: ReadonlyMap<string, Shown> = new Map([
  ['timestamp', 'time'],
  ['start_timestamp', 'startTime'],
]);

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
  const func = call.func.name;
  const extended = argument.kind === 'matrixSelector' ? argument.selector.extended : undefined;
  const { input, at, rangeMs, namesMayDiffer } = planner.range(argument, grid, func);
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
    extended,
    scalars: call.args.filter((_, i) => i !== index).map((scalar) => planner.node(scalar, grid)),
    position: rangePosition(first),
  };
  if (func !== 'absent_over_time') return node;
  return { kind: 'absent', grid, namesMayDiffer: false, input: node, labels: absentLabels(argument) };
}

function planHistogram(planner: Planner, call: CallExpr, grid: StepGrid): PlanNode {
  const func = call.func.name as HistogramPlan['func'];
  const several = func === 'histogram_quantiles';
  const vector = several ? call.args[0]! : call.args.at(-1)!;
  const scalars = several ? call.args.slice(2) : call.args.slice(0, -1);
  return {
    kind: 'histogram',
    grid,
    namesMayDiffer: false,
    func,
    input: planner.node(vector, grid),
    scalars: scalars.map((scalar) => planner.node(scalar, grid)),
    position: withoutParens(vector).position,
    phiPositions:
      func === 'histogram_fraction' ? [] : scalars.map((scalar) => withoutParens(scalar).position),
    quantileLabel: several ? text(call.args[1]!) : undefined,
  };
}

function planSort(planner: Planner, call: CallExpr, grid: StepGrid): PlanNode {
  const func = call.func.name;
  const input = planner.node(call.args[0]!, grid);
  return {
    kind: 'sort',
    grid,
    namesMayDiffer: input.namesMayDiffer,
    input,
    descending: func.endsWith('_desc'),
    byLabels: func.startsWith('sort_by_label') ? call.args.slice(1).map(text) : undefined,
    inRange: planner.spansTime(grid),
    position: call.position,
  };
}

/** A function without series among its arguments. */
function planScalarFunction(planner: Planner, call: CallExpr, grid: StepGrid): PlanNode | undefined {
  const nameless = { grid, namesMayDiffer: false };
  const { startMs, endMs, stepMs } = planner.times;
  switch (call.func.name) {
    case 'time':
      return { kind: 'time', ...nameless };
    case 'pi':
      return { kind: 'number', value: Math.PI, ...nameless };
    case 'start':
      return { kind: 'number', value: startMs / 1000, ...nameless };
    case 'end':
      return { kind: 'number', value: endMs / 1000, ...nameless };
    case 'range':
      return { kind: 'number', value: (endMs - startMs) / 1000, ...nameless };
    case 'step':
      return { kind: 'number', value: startMs === endMs ? 0 : stepMs / 1000, ...nameless };
    case 'min_of':
    case 'max_of': {
      const scalars = call.args.map((scalar) => planner.node(scalar, grid));
      return { kind: 'scalarCall', func: call.func.name, scalars, ...nameless };
    }
    default:
      return undefined;
  }
}

/** Plans a function call. */
export function planCall(planner: Planner, call: CallExpr, grid: StepGrid): PlanNode {
  const func = call.func.name;
  if (!PROMQL_FUNCTIONS.has(func)) return planOwn(planner, call, grid);
  const rangeIndex = call.func.argTypes.indexOf('matrix');
  if (rangeIndex >= 0) return planRangeCall(planner, call, rangeIndex, grid);
  return planScalarFunction(planner, call, grid) ?? planVectorFunction(planner, call, grid);
}

function planVectorFunction(planner: Planner, call: CallExpr, grid: StepGrid): PlanNode {
  const func = call.func.name;
  const nameless = { grid, namesMayDiffer: false };
  const first = call.args[0];
  if (first === undefined) {
    assert(TIME_KERNELS.has(func), `${func} must have arguments`);
    return { kind: 'date', func, ...nameless };
  }
  const bare = withoutParens(first);
  switch (func) {
    case 'histogram_quantile':
    case 'histogram_fraction':
    case 'histogram_quantiles':
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
    case 'sort_desc':
    case 'sort_by_label':
    case 'sort_by_label_desc':
      return planSort(planner, call, grid);
    case 'info':
      return planInfo(planner, call, grid);
    default: {
      const shown = TIMES_SHOWN.get(func);
      if (shown !== undefined && bare.kind === 'vectorSelector') {
        const input = planner.selector(bare, grid, shown);
        return { kind: 'map', func: 'identity', input, scalars: [], ...nameless };
      }
      const input = planner.node(first, grid);
      const scalars = call.args.slice(1).map((scalar) => planner.node(scalar, grid));
      return { kind: 'map', func, input, scalars, ...nameless };
    }
  }
}
