import { childrenOf, type Expr, type VectorSelector } from './parser/ast.ts';

/** Functions that look at a histogram's count and sum only. */
const OF_STATS: ReadonlySet<string> = new Set(['histogram_count', 'histogram_sum', 'histogram_avg']);
/** Functions that need all of a histogram. */
const OF_BUCKETS: ReadonlySet<string> = new Set([
  'histogram_quantile',
  'histogram_quantiles',
  'histogram_fraction',
]);

function needsBuckets(expr: Expr): boolean {
  switch (expr.kind) {
    case 'subquery':
      return true;
    case 'call':
      return OF_BUCKETS.has(expr.func.name);
    case 'binary':
      return expr.op === '</' || expr.op === '>/';
    case 'aggregate':
    case 'matrixSelector':
    case 'numberLiteral':
    case 'paren':
    case 'stringLiteral':
    case 'unary':
    case 'vectorSelector':
      return false;
  }
}

/**
 * The selectors of whose native histograms only count and sum are wanted: they are read without buckets, and what
 * happened between samples is noted in the counter reset hints.
 *
 * @see prometheus promql/engine.go detectHistogramStatsDecoding
 */
export function statsOnlySelectors(expr: Expr): ReadonlySet<VectorSelector> {
  const found = new Set<VectorSelector>();
  const visit = (node: Expr, ofStats: boolean): void => {
    if (needsBuckets(node)) return;
    if (node.kind === 'vectorSelector' && ofStats) found.add(node);
    const within = ofStats || (node.kind === 'call' && OF_STATS.has(node.func.name));
    for (const child of childrenOf(node)) visit(child, within);
  };
  visit(expr, false);
  return found;
}
