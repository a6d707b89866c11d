import { type Expr, walkExpr } from './parser/ast.ts';
import { QueryError } from './query-engine.ts';

/** Functions of ranges that can't be evaluated yet. */
const MISSING: ReadonlySet<string> = new Set([
  'mad_over_time',
  'ts_of_first_over_time',
  'ts_of_last_over_time',
  'ts_of_min_over_time',
  'ts_of_max_over_time',
  'double_exponential_smoothing',
  'start_timestamp',
]);

function refuse(what: string): never {
  throw new QueryError('bad_data', `${what} is not in this version`);
}

function refuseNode(node: Expr): void {
  switch (node.kind) {
    case 'call':
      if (MISSING.has(node.func.name)) refuse(`the experimental function ${node.func.name}()`);
      return;
    case 'aggregate':
    case 'binary':
    case 'matrixSelector':
    case 'numberLiteral':
    case 'paren':
    case 'stringLiteral':
    case 'subquery':
    case 'unary':
      return;
  }
}

/** Throws QueryError for what parses but can't be evaluated yet, rather than giving a wrong answer. */
export function refuseUnsupported(expr: Expr): void {
  walkExpr(expr, refuseNode);
}
