import type { DurationExpr, NumberLiteral, Position } from './parser/ast.ts';
import { goMax, goMin, goPow } from './functions/numeric.ts';
import { QueryError } from './query-engine.ts';

/** What duration expressions refer to. `stepMs` is 0 for an instant query. */
export interface QueryTimes {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** Go's largest duration, in seconds. */
const MAX_SECONDS = 2 ** 63 / 1e9;

function refuse(position: Position, message: string): never {
  throw new QueryError('bad_data', `${position.start}:${position.end}: ${message}`);
}

function seconds(expr: DurationExpr | NumberLiteral | undefined, times: QueryTimes): number {
  if (expr === undefined) return 0;
  if (expr.kind === 'numberLiteral') return expr.value;
  const left = seconds(expr.lhs, times);
  const right = seconds(expr.rhs, times);
  switch (expr.op) {
    case 'step':
      return times.stepMs / 1000;
    case 'range':
      return (times.endMs - times.startMs) / 1000;
    case 'min_of':
      return goMin(left, right);
    case 'max_of':
      return goMax(left, right);
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0 ? refuse(expr.position, 'division by zero') : left / right;
    case '%':
      return right === 0 ? refuse(expr.position, 'modulo by zero') : left % right;
    case '^':
      return goPow(left, right);
  }
}

/**
 * Milliseconds of a duration expression. Throws QueryError (`bad_data`) when it has no sensible value; only offsets may
 * be zero or negative.
 *
 * @see prometheus promql/durations.go
 */
export function evaluateDuration(expr: DurationExpr, times: QueryTimes, isOffset: boolean): number {
  const value = seconds(expr, times);
  if (!Number.isFinite(value)) refuse(expr.position, 'duration is NaN or infinite');
  if (value <= 0 && !isOffset) refuse(expr.position, 'duration must be greater than 0');
  if (Math.abs(value) > MAX_SECONDS) refuse(expr.position, 'duration is out of range');
  return Math.trunc(value * 1000);
}
