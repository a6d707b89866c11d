import type { SelectPurpose } from '../storage/index.ts';
import { childrenOf, type Expr, type VectorSelector } from './parser/ast.ts';

/** What of a selector's surroundings is passed on to it. */
interface Around {
  readonly func: string;
  /** The aggregation right around it. */
  readonly grouping: readonly string[];
  readonly by: boolean;
  readonly rangeMs: number;
}

const NOTHING: Around = { func: '', grouping: [], by: false, rangeMs: 0 };

/**
 * What each selector's samples are for: others that are asked for them may make use of it.
 *
 * @see prometheus promql/engine.go extractFuncFromPath and extractGroupsFromPath
 */
export function selectorPurposes(expr: Expr): ReadonlyMap<VectorSelector, SelectPurpose> {
  const found = new Map<VectorSelector, SelectPurpose>();
  const visit = (node: Expr, around: Around): void => {
    if (node.kind === 'vectorSelector') found.set(node, around);
    const within = insideOf(node, around);
    for (const child of childrenOf(node)) visit(child, within);
  };
  visit(expr, NOTHING);
  return found;
}

/** What is around the children of a node. */
function insideOf(node: Expr, { func }: Around): Around {
  switch (node.kind) {
    case 'aggregate':
      return { ...NOTHING, func: node.op, grouping: node.grouping, by: !node.without };
    case 'call':
      return { ...NOTHING, func: node.func.name };
    case 'binary':
      return NOTHING;
    case 'matrixSelector':
      return { ...NOTHING, func, rangeMs: node.rangeMs };
    case 'numberLiteral':
    case 'paren':
    case 'stringLiteral':
    case 'subquery':
    case 'unary':
    case 'vectorSelector':
      return { ...NOTHING, func };
  }
}
