import { formatFloatPlain } from '../../core/float-text.ts';
import type {
  AtModifier,
  DurationExpr,
  Expr,
  MatrixSelector,
  Position,
  SubqueryExpr,
  VectorSelector,
} from './ast.ts';
import type { ParsedDuration } from './parse-duration.ts';
import type { TokenStream } from './token-stream.ts';

/** The modifiers that may follow a selector or subquery, as values put on a node; each gives the changed node. */

/** What `offset` and `@` set, wherever the node keeps it. */
interface Timing {
  readonly offsetMs: number;
  readonly offsetExpr: DurationExpr | undefined;
  readonly at: AtModifier | undefined;
}

function timingOf(expr: Expr): Timing | undefined {
  switch (expr.kind) {
    case 'vectorSelector':
    case 'subquery':
      return expr;
    case 'matrixSelector':
      return expr.selector;
    case 'numberLiteral':
    case 'stringLiteral':
    case 'unary':
    case 'binary':
    case 'aggregate':
    case 'call':
    case 'paren':
      return undefined;
  }
}

function withTiming(expr: Expr, timing: Partial<Timing>, end: number): Expr {
  const position: Position = { start: expr.position.start, end };
  switch (expr.kind) {
    case 'vectorSelector':
      return { ...expr, ...timing, position } satisfies VectorSelector;
    case 'subquery':
      return { ...expr, ...timing, position } satisfies SubqueryExpr;
    case 'matrixSelector':
      return { ...expr, selector: { ...expr.selector, ...timing }, position } satisfies MatrixSelector;
    case 'numberLiteral':
    case 'stringLiteral':
    case 'unary':
    case 'binary':
    case 'aggregate':
    case 'call':
    case 'paren':
      return expr;
  }
}

/** Sets the offset; notes when it may not be set here or is set already. */
export function applyOffset(stream: TokenStream, expr: Expr, offset: ParsedDuration, end: number): Expr {
  const timing = timingOf(expr);
  if (timing === undefined) {
    stream.issue(
      expr.position,
      'offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
    );
    return expr;
  }
  if (timing.offsetMs !== 0 || timing.offsetExpr !== undefined) {
    stream.issue(expr.position, 'offset may not be set multiple times');
    return expr;
  }
  return withTiming(expr, { offsetMs: offset.ms, offsetExpr: offset.expr }, end);
}

const MAX_TIMESTAMP = 2 ** 63;

/** The value of `@ <seconds>`; notes when it is out of bounds. */
export function atTime(stream: TokenStream, expr: Expr, seconds: number): AtModifier {
  if (!(Math.abs(seconds) < MAX_TIMESTAMP)) {
    const shown = Number.isFinite(seconds) ? `${BigInt(seconds)}.000000` : formatFloatPlain(seconds);
    stream.issue(expr.position, `timestamp out of bounds for @ modifier: ${shown}`);
  }
  const ms = seconds * 1000;
  // Half away from zero, as Go rounds.
  return { kind: 'time', ms: (ms < 0 ? -Math.round(-ms) : Math.round(ms)) + 0 };
}

/** Sets the `@` modifier; notes when it may not be set here or is set already. */
export function applyAt(stream: TokenStream, expr: Expr, at: AtModifier, end: number): Expr {
  const timing = timingOf(expr);
  if (timing === undefined) {
    stream.issue(
      expr.position,
      '@ modifier must be preceded by an instant vector selector or range vector selector or a subquery',
    );
    return expr;
  }
  if (timing.at !== undefined) {
    stream.issue(expr.position, '@ <timestamp> may not be set multiple times');
    return expr;
  }
  return withTiming(expr, { at }, end);
}

/** Sets `anchored` or `smoothed`; notes when it may not be set here. */
export function applyExtended(
  stream: TokenStream,
  expr: Expr,
  word: 'anchored' | 'smoothed',
  enabled: boolean,
): Expr {
  const refuse = (why: string): Expr => {
    stream.issue(expr.position, why);
    return expr;
  };
  if (!enabled) return refuse(`${word} modifier is experimental and not enabled`);
  if (expr.kind === 'subquery') return refuse(`${word} modifier is not supported for subqueries`);
  if (expr.kind !== 'vectorSelector' && expr.kind !== 'matrixSelector') {
    return refuse(`${word} modifier not implemented`);
  }
  const selector = expr.kind === 'vectorSelector' ? expr : expr.selector;
  if (selector.extended !== undefined && selector.extended !== word) {
    return refuse('anchored and smoothed modifiers cannot be used together');
  }
  return expr.kind === 'vectorSelector'
    ? { ...expr, extended: word }
    : { ...expr, selector: { ...expr.selector, extended: word } };
}
