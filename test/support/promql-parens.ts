import type { BinaryOp, Expr } from '../../src/promql/parser/index.ts';

/** Parentheses for trees that are made rather than parsed, by a table of its own (not the parser's). */

const POWERS: Readonly<Record<BinaryOp, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '</': 3,
  '>/': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
};
const SIGN = 5;

function inParens(expr: Expr): Expr {
  return { kind: 'paren', expr, position: expr.position };
}

/** How tightly a tree holds together when something is written behind it; 7: nothing takes it apart. */
function power(expr: Expr): number {
  switch (expr.kind) {
    case 'binary':
      return POWERS[expr.op];
    case 'unary':
      return SIGN;
    case 'numberLiteral':
      return expr.value < 0 || Object.is(expr.value, -0) ? SIGN : 7;
    case 'aggregate':
    case 'call':
    case 'matrixSelector':
    case 'paren':
    case 'stringLiteral':
    case 'subquery':
    case 'vectorSelector':
      return 7;
  }
}

/** A side of a binary operation, in parentheses when it needs them. */
export function asOperand(expr: Expr, op: BinaryOp, side: 'left' | 'right'): Expr {
  const own = POWERS[op];
  const found = power(expr);
  if (side === 'right' && expr.kind !== 'binary') return expr;
  const leansThisWay = side === (op === '^' ? 'right' : 'left');
  return found > own || (found === own && leansThisWay) ? expr : inParens(expr);
}

/** What a sign stands in front of; a bare number would take the sign in. */
export function asUnaryOperand(expr: Expr): Expr {
  return expr.kind === 'numberLiteral' || (expr.kind === 'binary' && power(expr) <= SIGN)
    ? inParens(expr)
    : expr;
}

/** What modifiers or brackets are written behind. */
export function asRightmost(expr: Expr): Expr {
  return power(expr) < 7 || expr.kind === 'numberLiteral' ? inParens(expr) : expr;
}
