import { type Expr, walkExpr } from './parser/ast.ts';
import { QueryError } from './query-engine.ts';

/** Functions that read native histograms, which this version doesn't store. */
const NATIVE_HISTOGRAM_FUNCTIONS: ReadonlySet<string> = new Set([
  'histogram_avg',
  'histogram_count',
  'histogram_sum',
  'histogram_stddev',
  'histogram_stdvar',
]);

function refuse(what: string): never {
  throw new QueryError('bad_data', `${what} is not in this version`);
}

function refuseNode(node: Expr): void {
  switch (node.kind) {
    case 'call':
      if (node.func.experimental) refuse(`the experimental function ${node.func.name}()`);
      if (NATIVE_HISTOGRAM_FUNCTIONS.has(node.func.name)) {
        refuse(`${node.func.name}(), which reads native histograms,`);
      }
      return;
    case 'aggregate':
      if (node.op === 'limitk' || node.op === 'limit_ratio')
        refuse(`the experimental aggregation ${node.op}`);
      return;
    case 'binary':
      if (node.op === '</' || node.op === '>/')
        refuse(`the operator ${node.op}, which trims native histograms,`);
      if (node.matching?.fill.left !== undefined || node.matching?.fill.right !== undefined) {
        refuse('the experimental modifier fill');
      }
      return;
    case 'vectorSelector':
      if (node.extended !== undefined) refuse(`the experimental modifier ${node.extended}`);
      return;
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
