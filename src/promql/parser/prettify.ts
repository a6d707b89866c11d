import { QueryError } from '../query-engine.ts';
import { AGGREGATES_WITH_PARAM, childrenOf } from './ast.ts';
import type { Expr, UnaryExpr } from './ast.ts';
import { printAggregateHead, printBinaryOperator, printExpr, printSubqueryRange } from './print.ts';

/** Longest a node may be, in UTF-8 bytes, to stay on one line. */
const MAX_LINE_BYTES = 100;
const INDENT = '  ';
/** Longest result; indents of a deep tree with many leaves could make it as long as one likes. */
const MAX_RESULT_LENGTH = 32 * 1024 * 1024;

/**
 * An expression as text over several lines: what is longer than 100 bytes is split, its parts a level deeper. Parsing
 * it again gives the same tree. Throws {@link QueryError} (`bad_data`) when the result is longer than 32 Mi characters.
 *
 * @see prometheus promql/parser/prettier.go
 */
export function prettifyExpr(expr: Expr): string {
  const prettifier = new Prettifier();
  prettifier.write(expr, 0);
  return prettifier.text();
}

class Prettifier {
  readonly #pieces: string[] = [];
  readonly #bytes = new Map<Expr, number>();
  #length = 0;
  /** The next part goes on in the line of what is written already. */
  #continues = false;

  text(): string {
    return this.#pieces.join('');
  }

  /** Each part writes its own indent; `level` 0 has none. */
  write(expr: Expr, level: number): void {
    if (expr.kind === 'unary') this.#unary(expr, level);
    else if (!this.#splits(expr)) this.#oneLine(expr, level);
    else this.#split(expr, level);
  }

  #put(text: string): void {
    this.#length += text.length;
    if (this.#length > MAX_RESULT_LENGTH) {
      const message = `formatted expression is too long: more than ${MAX_RESULT_LENGTH} characters`;
      throw new QueryError('bad_data', message);
    }
    this.#pieces.push(text);
    this.#continues = false;
  }

  #indent(level: number): void {
    if (level > 0 && !this.#continues) this.#put(INDENT.repeat(level));
  }

  #oneLine(expr: Expr, level: number): void {
    // Prometheus gives short subqueries no indent.
    if (expr.kind !== 'subquery') this.#indent(level);
    this.#put(printExpr(expr));
  }

  #unary(expr: UnaryExpr, level: number): void {
    this.#indent(level);
    this.#put(expr.op);
    this.#continues = true;
    this.write(expr.expr, level);
  }

  #split(expr: Expr, level: number): void {
    switch (expr.kind) {
      case 'aggregate': {
        const hasParam = AGGREGATES_WITH_PARAM.has(expr.op) && expr.param !== undefined;
        this.#call(printAggregateHead(expr), hasParam ? [expr.param, expr.expr] : [expr.expr], level);
        return;
      }
      case 'call':
        this.#call(expr.func.name, expr.args, level);
        return;
      case 'paren':
        this.#call('', [expr.expr], level);
        return;
      case 'binary':
        this.write(expr.lhs, level + 1);
        this.#put('\n');
        this.#indent(level);
        this.#put(`${printBinaryOperator(expr)}\n`);
        this.write(expr.rhs, level + 1);
        return;
      case 'subquery':
        this.write(expr.expr, level);
        this.#put(printSubqueryRange(expr));
        return;
      case 'matrixSelector':
      case 'numberLiteral':
      case 'stringLiteral':
      case 'unary':
      case 'vectorSelector':
        this.#oneLine(expr, level);
    }
  }

  #call(head: string, args: readonly Expr[], level: number): void {
    this.#indent(level);
    this.#put(`${head}(\n`);
    args.forEach((arg, i) => {
      if (i > 0) this.#put(',\n');
      this.write(arg, level + 1);
    });
    this.#put('\n');
    this.#indent(level);
    this.#put(')');
  }

  #splits(expr: Expr): boolean {
    return this.#lineBytes(expr) > MAX_LINE_BYTES;
  }

  /** How long the node is on one line, from what its parts have: printing it at each level would take too long. */
  #lineBytes(expr: Expr): number {
    const known = this.#bytes.get(expr);
    if (known !== undefined) return known;
    let bytes = frameBytes(expr);
    if (!isLeaf(expr)) for (const child of childrenOf(expr)) bytes += this.#lineBytes(child);
    this.#bytes.set(expr, bytes);
    return bytes;
  }
}

function isLeaf(expr: Expr): boolean {
  return expr.kind === 'matrixSelector' || childrenOf(expr).length === 0;
}

/** Bytes of a node's line beside those of its children. */
function frameBytes(expr: Expr): number {
  switch (expr.kind) {
    case 'aggregate':
      return Buffer.byteLength(printAggregateHead(expr)) + (expr.param === undefined ? 2 : 4);
    case 'binary':
      return Buffer.byteLength(printBinaryOperator(expr)) + 2;
    case 'call':
      return expr.func.name.length + 2 + Math.max(0, expr.args.length - 1) * 2;
    case 'paren':
      return 2;
    case 'subquery':
      return printSubqueryRange(expr).length;
    case 'unary':
      return 1;
    case 'matrixSelector':
    case 'numberLiteral':
    case 'stringLiteral':
    case 'vectorSelector':
      return Buffer.byteLength(printExpr(expr));
  }
}
