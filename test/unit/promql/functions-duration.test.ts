import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { evaluateDuration } from '../../../src/promql/duration-expr.ts';
import { parseExpr, QueryError } from '../../../src/promql/index.ts';
import type { DurationExpr } from '../../../src/promql/parser/ast.ts';

const TIMES = { startMs: 10_000, endMs: 70_000, stepMs: 15_000 };

/** The expression of `x offset (text)`, which may be negative. */
function offsetOf(text: string): DurationExpr {
  const expr = parseExpr(`x offset (${text})`);
  if (expr.kind !== 'vectorSelector' || expr.offsetExpr === undefined) throw new Error(`${text} is computed`);
  return expr.offsetExpr;
}

function refusal(text: string, isOffset: boolean): string {
  try {
    evaluateDuration(offsetOf(text), TIMES, isOffset);
  } catch (error) {
    if (error instanceof QueryError) return `${error.kind}: ${error.message}`;
    throw error;
  }
  return '';
}

describe('duration expressions', () => {
  test.each([
    ['step() * 2', 30_000],
    ['range() - step()', 45_000],
    ['min_of(step(), 1m)', 15_000],
    ['max_of(step(), 1m)', 60_000],
    ['-step()', -15_000],
    ['+range() % 7s', 4_000],
    ['2 ^ 3 ^ 2 * 1ms', 512],
    ['5s / 3', 1666],
    ['-5s / 3', -1666],
    ['1 - 1', 0],
  ])('%s', (text, ms) => {
    expect(evaluateDuration(offsetOf(text), TIMES, true)).toBe(ms);
  });

  test.each([
    ['1m / (1s - 1s)', true, 'division by zero'],
    ['1m % (1s - 1s)', true, 'modulo by zero'],
    ['step() - 15s', false, 'duration must be greater than 0'],
    ['10 ^ 400', true, 'duration is NaN or infinite'],
    ['10 ^ 12 + step()', true, 'duration is out of range'],
  ])('%s is refused', (text, isOffset, message) => {
    expect(refusal(text, isOffset)).toMatch(new RegExp(`^bad_data: \\d+:\\d+: ${message}$`));
  });

  test('whatever is written gives whole milliseconds or is refused', () => {
    const literal = fc.constantFrom('step()', 'range()', '1s', '0', '3.5', '1h', '250ms');
    const operator = fc.constantFrom('+', '-', '*', '/', '%', '^');
    const text = fc
      .array(fc.tuple(operator, literal), { minLength: 1, maxLength: 5 })
      .map((parts) => `step() ${parts.map(([op, value]) => `${op} ${value}`).join(' ')}`);
    fc.assert(
      fc.property(text, fc.boolean(), (source, isOffset) => {
        try {
          const ms = evaluateDuration(offsetOf(source), TIMES, isOffset);
          expect(Number.isInteger(ms)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(QueryError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
