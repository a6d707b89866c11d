import { parseExpr, printExpr, type Expr, type ParseOptions } from '../../../src/promql/index.ts';
import { childrenOf, exprType } from '../../../src/promql/parser/ast.ts';
import type { FuzzQuery } from './answers.ts';
import type { FuzzSeries } from './data.ts';

/** Makes what fails smaller as long as it still fails. */

const PARSE: ParseOptions = {
  features: {
    experimentalFunctions: true,
    durationExpressions: true,
    extendedRangeSelectors: true,
    fillModifiers: true,
  },
};

/** Most attempts at one kind of shrinking. */
const MAX_TRIES = 400;

/** The smallest query found for which `fails` holds. */
export async function shrinkQuery(
  query: FuzzQuery,
  fails: (query: FuzzQuery) => Promise<boolean>,
): Promise<FuzzQuery> {
  let best = query;
  let tries = 0;
  for (let smaller = true; smaller;) {
    smaller = false;
    for (const candidate of smallerQueries(best)) {
      if (++tries > MAX_TRIES) return best;
      if (!(await fails(candidate))) continue;
      best = candidate;
      smaller = true;
      break;
    }
  }
  return best;
}

function* smallerQueries(query: FuzzQuery): Generator<FuzzQuery> {
  for (const expr of smallerTexts(query.expr)) yield { ...query, expr };
  if (query.instant) return;
  const { startMs, endMs, stepMs } = query;
  const steps = Math.floor((endMs - startMs) / stepMs);
  for (let k = 0; k <= steps; k++) {
    const atMs = startMs + k * stepMs;
    yield { ...query, instant: true, startMs: atMs, endMs: atMs, stepMs: 0 };
  }
  if (steps < 1) return;
  const middle = startMs + Math.floor(steps / 2) * stepMs;
  yield { ...query, endMs: middle };
  yield { ...query, startMs: middle + stepMs };
  yield { ...query, endMs: endMs - stepMs };
  yield { ...query, startMs: startMs + stepMs };
}

function* smallerTexts(text: string): Generator<string> {
  const seen = new Set([text]);
  for (const tree of smallerTrees(parseExpr(text, PARSE))) {
    const printed = printExpr(tree);
    if (seen.has(printed) || printed.length > text.length) continue;
    seen.add(printed);
    yield printed;
  }
}

/** Trees with one part taken away, the largest parts first. */
function* smallerTrees(expr: Expr): Generator<Expr> {
  const type = exprType(expr);
  const wanted = type === 'scalar' ? ['scalar'] : [type];
  for (const child of childrenOf(expr)) if (wanted.includes(exprType(child))) yield child;
  switch (expr.kind) {
    case 'numberLiteral':
      if (expr.value !== 1) yield { ...expr, value: 1, duration: false };
      return;
    case 'stringLiteral':
      return;
    case 'vectorSelector':
      if (expr.offsetMs !== 0) yield { ...expr, offsetMs: 0 };
      if (expr.offsetExpr !== undefined) yield { ...expr, offsetExpr: undefined };
      if (expr.at !== undefined) yield { ...expr, at: undefined };
      if (expr.extended !== undefined) yield { ...expr, extended: undefined };
      for (const matcher of expr.matchers) {
        if (matcher.name !== '__name__')
          yield { ...expr, matchers: expr.matchers.filter((one) => one !== matcher) };
      }
      return;
    case 'matrixSelector':
      for (const selector of smallerTrees(expr.selector)) {
        if (selector.kind === 'vectorSelector') yield { ...expr, selector };
      }
      return;
    case 'subquery':
      if (expr.offsetMs !== 0) yield { ...expr, offsetMs: 0 };
      if (expr.at !== undefined) yield { ...expr, at: undefined };
      for (const inner of smallerTrees(expr.expr)) yield { ...expr, expr: inner };
      return;
    case 'unary':
    case 'paren':
      for (const inner of smallerTrees(expr.expr)) yield { ...expr, expr: inner };
      return;
    case 'binary':
      for (const lhs of smallerTrees(expr.lhs)) yield { ...expr, lhs };
      for (const rhs of smallerTrees(expr.rhs)) yield { ...expr, rhs };
      return;
    case 'aggregate':
      if (expr.grouping.length > 0 || expr.without) yield { ...expr, grouping: [], without: false };
      for (const inner of smallerTrees(expr.expr)) yield { ...expr, expr: inner };
      return;
    case 'call':
      for (const [i, arg] of expr.args.entries()) {
        for (const smaller of smallerTrees(arg)) yield { ...expr, args: expr.args.with(i, smaller) };
      }
  }
}

/**
 * The least data found for which `fails` holds: series are dropped first, then samples, then times are rounded to
 * quarters of minutes.
 */
export async function shrinkData(
  data: readonly FuzzSeries[],
  fails: (data: readonly FuzzSeries[]) => Promise<boolean>,
): Promise<readonly FuzzSeries[]> {
  let best = await removeParts(data, fails);
  const rounded = best.map(({ labels, samples }) => ({
    labels,
    samples: samples.map((sample) => ({ ...sample, tMs: Math.round(sample.tMs / 15_000) * 15_000 })),
  }));
  if (await fails(rounded)) best = rounded;
  for (const one of best) {
    const samples = await removeParts(one.samples, (kept) =>
      fails(best.map((series) => (series.labels === one.labels ? { ...series, samples: kept } : series))),
    );
    best = best.map((series) => (series.labels === one.labels ? { ...series, samples } : series));
  }
  return best;
}

/** Drops halves, quarters, … of a list as long as the rest still fails. */
async function removeParts<T>(
  list: readonly T[],
  fails: (rest: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let best = list;
  for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best.length;) {
      const rest = [...best.slice(0, from), ...best.slice(from + size)];
      if (rest.length > 0 && (await fails(rest))) best = rest;
      else from += size;
    }
  }
  return best;
}
