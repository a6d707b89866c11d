import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  PROMQL_FUNCTIONS,
  PromqlParseError,
  parseExpr,
  printExpr,
} from '../../../../src/promql/parser/index.ts';
import { lezerAccepts } from '../../../support/lezer-promql.ts';
import { exprArbitrary } from '../../../support/promql-arbitrary.ts';
import { mutatedExprArbitrary } from '../../../support/promql-mutations.ts';
import { EVERYTHING } from './shape.ts';
import { PRINTED } from './upstream-answers.ts';

/** What we accept, as Prometheus does, and the grammar of its editor does not; each pattern covers no more than that. */
const EXCEPTIONS: readonly (readonly [reason: string, example: string, pattern: RegExp])[] = [
  ['a number that ends with its point', '5.', /\d\.(?![\d])/],
  ['single underscores in a hexadecimal number', '0x1_2', /0x[\da-f]*_/i],
  ['a metric named offset', 'offset offset 5m', /(?:^|[^\w:.])offset\b/i],
  ['min_of and max_of as functions', 'min_of(1, 2)', /m(?:in|ax)_of\s*\(/i],
];

function oursAccepts(text: string): boolean {
  try {
    parseExpr(text, { features: EVERYTHING });
    return true;
  } catch (error) {
    if (!(error instanceof PromqlParseError)) throw error;
    return false;
  }
}

function isException(text: string): boolean {
  return EXCEPTIONS.some(([, , pattern]) => pattern.test(text));
}

/** Without what is an exception, so that none hides anything. */
const functions = new Map([...PROMQL_FUNCTIONS].filter(([name]) => name !== 'min_of' && name !== 'max_of'));
const metrics = ['foo', 'a:b', 'sum', 'by', 'start', 'and', 'unless', 'step', 'fill', 'min_of', 'smoothed'];

describe("the grammar of Prometheus' editor", () => {
  test.each(EXCEPTIONS)('does not know %s', (_reason, example, pattern) => {
    expect([oursAccepts(example), lezerAccepts(example), pattern.test(example)]).toEqual([true, false, true]);
  });

  test('accepts what ours accepts, features behind flags included', () => {
    const choice = { everything: true, durationExpressions: true, functions, metrics };
    fc.assert(
      fc.property(exprArbitrary(choice).map(printExpr), (text) => {
        expect(lezerAccepts(text), text).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test.each(PRINTED.map(([text]) => text).filter((text) => !isException(text)))('accepts %j', (text) => {
    expect(lezerAccepts(text)).toBe(true);
  });

  test('accepts what ours accepts of texts with a few edits', () => {
    let accepted = 0;
    fc.assert(
      fc.property(mutatedExprArbitrary({ durationExpressions: true, maxDepth: 2 }), (text) => {
        if (!oursAccepts(text) || isException(text)) return;
        accepted++;
        expect(lezerAccepts(text), text).toBe(true);
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });
});
