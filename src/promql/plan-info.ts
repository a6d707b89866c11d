import { METRIC_NAME } from '../core/labels.ts';
import { Matcher } from '../core/matcher.ts';
import { assert } from '../core/errors.ts';
import type { StepGrid } from './eval/column.ts';
import {
  childrenOf,
  type CallExpr,
  type Expr,
  type SubqueryExpr,
  type VectorSelector,
} from './parser/ast.ts';
import type { PlanNode } from './plan.ts';
import type { Planner, Shift } from './planner.ts';

/** The metric that `info` reads when it isn't told which. */
const TARGET_INFO = 'target_info';

interface Found {
  readonly selector: VectorSelector;
  /** The subqueries it stands in, the innermost first. */
  readonly within: readonly SubqueryExpr[];
}

/** The first selector in an expression, in the order in which Prometheus walks trees. */
function firstSelector(expr: Expr, within: readonly SubqueryExpr[]): Found | undefined {
  if (expr.kind === 'vectorSelector') return { selector: expr, within };
  const inside = expr.kind === 'subquery' ? [expr, ...within] : within;
  const children = expr.kind === 'aggregate' ? childrenOf(expr).toReversed() : childrenOf(expr);
  for (const child of children) {
    const found = firstSelector(child, inside);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * When info metrics are looked up: when the first selector's samples are, as its own modifiers and those of the
 * subqueries around it say, up to the first @.
 *
 * @see prometheus promql/info.go infoSelectTimestampAndOffset
 */
function shiftsOf(expr: Expr): readonly Shift[] {
  const found = firstSelector(expr, []);
  if (found === undefined) return [];
  const shifts: Shift[] = [];
  for (const node of [found.selector, ...found.within]) {
    shifts.push(node);
    if (node.at !== undefined) break;
  }
  return shifts;
}

/** Which metrics are info metrics: what is asked for, `.+_info` where only exclusions are given. */
function infoNames(matchers: readonly Matcher[]): readonly Matcher[] {
  if (matchers.some(({ op }) => op === '=' || op === '=~')) return matchers;
  if (matchers.length > 0) return [new Matcher(METRIC_NAME, '=~', '.+_info'), ...matchers];
  return [new Matcher(METRIC_NAME, '=', TARGET_INFO)];
}

/**
 * Plans `info(v)` and `info(v, {label matchers})`. The second argument is no selector to be evaluated: it says which
 * info metrics and which of their labels are wanted.
 *
 * @see prometheus promql/info.go
 */
export function planInfo(planner: Planner, call: CallExpr, grid: StepGrid): PlanNode {
  const first = call.args[0]!;
  const wanted = call.args[1];
  assert(wanted === undefined || wanted.kind === 'vectorSelector', "info's labels must be a selector");
  const matchers = wanted?.matchers ?? [];
  const nameMatchers = infoNames(matchers.filter(({ name }) => name === METRIC_NAME));
  const labelMatchers = matchers.filter(({ name }) => name !== METRIC_NAME);
  const input = planner.node(first, grid);
  const { selection, at } = planner.lookUp([...labelMatchers, ...nameMatchers], shiftsOf(first), grid);
  const { namesMayDiffer } = input;
  return { kind: 'info', grid, namesMayDiffer, input, selection, at, nameMatchers, labelMatchers };
}
