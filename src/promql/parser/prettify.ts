import { AGGREGATES_WITH_PARAM } from './ast.ts';
import type { AggregateExpr, BinaryExpr, CallExpr, Expr, ParenExpr } from './ast.ts';
import { printAggregateHead, printBinaryOperator, printExpr, printSubqueryRange } from './print.ts';

/** Longest a node may be, in UTF-8 bytes, to stay on one line. */
const MAX_LINE_BYTES = 100;
const INDENT = '  ';

/**
 * An expression as text over several lines: what is longer than 100 bytes is split, its parts a level deeper. Parsing
 * it again gives the same tree.
 *
 * @see prometheus promql/parser/prettier.go
 */
export function prettifyExpr(expr: Expr): string {
  return pretty(expr, 0);
}

/** Each part says its own indent; `level` 0 is also that of a part that goes on in its parent's line. */
function pretty(expr: Expr, level: number): string {
  switch (expr.kind) {
    case 'aggregate':
      return splits(expr) ? prettyAggregate(expr, level) : onOneLine(expr, level);
    case 'binary':
      return splits(expr) ? prettyBinary(expr, level) : onOneLine(expr, level);
    case 'call':
      return splits(expr) ? prettyCall(expr, level) : onOneLine(expr, level);
    case 'paren':
      return splits(expr) ? prettyParen(expr, level) : onOneLine(expr, level);
    case 'subquery':
      // Without indent when it is short, as Prometheus does.
      return splits(expr) ? pretty(expr.expr, level) + printSubqueryRange(expr) : printExpr(expr);
    case 'unary':
      return indent(level) + expr.op + pretty(expr.expr, level).trim();
    case 'matrixSelector':
    case 'numberLiteral':
    case 'stringLiteral':
    case 'vectorSelector':
      return onOneLine(expr, level);
  }
}

function splits(expr: Expr): boolean {
  return Buffer.byteLength(printExpr(expr)) > MAX_LINE_BYTES;
}

function indent(level: number): string {
  return INDENT.repeat(level);
}

function onOneLine(expr: Expr, level: number): string {
  return indent(level) + printExpr(expr);
}

function prettyAggregate(expr: AggregateExpr, level: number): string {
  const param =
    AGGREGATES_WITH_PARAM.has(expr.op) && expr.param !== undefined
      ? `${pretty(expr.param, level + 1)},\n`
      : '';
  return `${indent(level)}${printAggregateHead(expr)}(\n${param}${pretty(expr.expr, level + 1)}\n${indent(level)})`;
}

function prettyBinary(expr: BinaryExpr, level: number): string {
  const lhs = pretty(expr.lhs, level + 1);
  const rhs = pretty(expr.rhs, level + 1);
  return `${lhs}\n${indent(level)}${printBinaryOperator(expr)}\n${rhs}`;
}

function prettyCall(expr: CallExpr, level: number): string {
  const args = expr.args.map((arg) => pretty(arg, level + 1)).join(',\n');
  return `${indent(level)}${expr.func.name}(\n${args}\n${indent(level)})`;
}

function prettyParen(expr: ParenExpr, level: number): string {
  return `${indent(level)}(\n${pretty(expr.expr, level + 1)}\n${indent(level)})`;
}
