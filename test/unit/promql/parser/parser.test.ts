import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  MAX_DEPTH,
  MAX_NESTING,
  MAX_TEXT_LENGTH,
  MAX_TOKENS,
  PROMQL_FUNCTIONS,
  PromqlParseError,
  parseExpr,
  parseMetricSelector,
  printExpr,
} from '../../../../src/promql/parser/index.ts';
import type { Expr, ParserFeatures } from '../../../../src/promql/parser/index.ts';
import { exprArbitrary } from '../../../support/promql-arbitrary.ts';
import { mutatedExprArbitrary } from '../../../support/promql-mutations.ts';
import { EVERYTHING, shape } from './shape.ts';
import { INVALID, PRINTED, SELECTORS } from './upstream-answers.ts';

function messageOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(PromqlParseError);
    return (error as PromqlParseError).message;
  }
}

describe('what Prometheus refuses', () => {
  test.each(INVALID)('%j: %s', (text, message) => {
    expect(messageOf(() => parseExpr(text))).toBe(message);
  });

  test('lists every type error, each with its place', () => {
    const error = (() => {
      try {
        return parseExpr('rate(foo) + sum(bar[5m])\n  + ({})');
      } catch (caught) {
        return caught;
      }
    })() as PromqlParseError;
    expect(error.kind).toBe('bad_data');
    expect(error.issues).toEqual([
      {
        message: 'expected type range vector in call to function "rate", got instant vector',
        position: { start: 5, end: 8 },
      },
      {
        message: 'expected type instant vector in aggregation expression, got range vector',
        position: { start: 16, end: 23 },
      },
      {
        message: 'vector selector must contain at least one non-empty matcher',
        position: { start: 30, end: 32 },
      },
    ]);
  });

  test('features say which flag they want, and are taken with it', () => {
    const cases: readonly (readonly [string, string, Partial<ParserFeatures>])[] = [
      [
        'limitk(1, a)',
        '1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions',
        { experimentalFunctions: true },
      ],
      ['info(a)', '1:1: parse error: function "info" is not enabled', { experimentalFunctions: true }],
      [
        'a[5m * 2]',
        '1:3: parse error: experimental duration expression is not enabled',
        { durationExpressions: true },
      ],
      [
        'a anchored',
        '1:1: parse error: anchored modifier is experimental and not enabled',
        { extendedRangeSelectors: true },
      ],
      [
        'a + fill(0) b',
        '1:1: parse error: binop fill modifiers are experimental and not enabled',
        { fillModifiers: true },
      ],
    ];
    for (const [text, message, features] of cases) {
      expect(messageOf(() => parseExpr(text, { features: { durationExpressions: false } }))).toBe(message);
      expect(messageOf(() => parseExpr(text, { features }))).toBeUndefined();
    }
  });
});

describe('what Prometheus accepts', () => {
  test.each(PRINTED)('%j prints as %j', (text, printed) => {
    expect(printExpr(parseExpr(text))).toBe(printed);
  });

  test.each([
    ['a[5m * 2:step()] offset -(1h + range())', 'a[5m * 2:step()] offset -(1h + range())'],
    ['a[max_of(step(), 5m)] smoothed', 'a[max_of(step(), 5m)] smoothed'],
    ['a + on (x) fill_left(-1) fill_right(2) b', 'a + on (x) fill_left (-1) fill_right (2) b'],
    ['info(a, {b="c"})', 'info(a, {b="c"})'],
    ['limit_ratio(-0.5, a)', 'limit_ratio(-0.5, a)'],
    ['min_of(1, start())', 'min_of(1, start())'],
  ])('%j behind flags prints as %j', (text, printed) => {
    expect(printExpr(parseExpr(text, { features: EVERYTHING }))).toBe(printed);
  });

  test('positions are those of the text', () => {
    const text = 'sum by (a) (rate(x{b="c"}[5m] offset 1m)) > bool 2';
    const seen: string[] = [];
    const visit = (expr: Expr): void => {
      seen.push(`${expr.kind} ${text.slice(expr.position.start, expr.position.end)}`);
      if (expr.kind === 'binary') [expr.lhs, expr.rhs].forEach(visit);
      if (expr.kind === 'aggregate') visit(expr.expr);
      if (expr.kind === 'call') expr.args.forEach(visit);
    };
    visit(parseExpr(text));
    expect(seen).toEqual([
      `binary ${text}`,
      'aggregate sum by (a) (rate(x{b="c"}[5m] offset 1m))',
      'call rate(x{b="c"}[5m] offset 1m)',
      'matrixSelector x{b="c"}[5m] offset 1m',
      'numberLiteral 2',
    ]);
  });

  test('own functions can be added', () => {
    const functions = new Map(PROMQL_FUNCTIONS).set('ml_psi', {
      name: 'ml_psi',
      argTypes: ['vector', 'vector'],
      variadic: 0,
      returnType: 'vector',
      experimental: false,
    } as const);
    expect(printExpr(parseExpr('ml_psi(a, b)', { functions }))).toBe('ml_psi(a, b)');
    expect(messageOf(() => parseExpr('ml_psi(a, b)'))).toContain('unknown function with name "ml_psi"');
  });
});

describe('limits', () => {
  const deep = `expression is nested too deeply: more than ${MAX_NESTING} levels`;
  test.each([
    ['(', deep],
    ['-', deep],
    ['sum(', deep],
    ['(a or ', deep],
    ['a ^ ', deep],
    ['a or ', `expression is nested too deeply: more than ${MAX_DEPTH} levels`],
  ])('100,000 times %j is refused, not a crash', (piece, message) => {
    expect(messageOf(() => parseExpr(`${piece.repeat(100_000)}a`, { features: EVERYTHING }))).toContain(
      message,
    );
  });

  test('the same within brackets', () => {
    const text = `a[1 + ${'('.repeat(100_000)}`;
    expect(messageOf(() => parseExpr(text, { features: EVERYTHING }))).toContain(deep);
  });

  test('long chains of durations are refused', () => {
    const text = `a[${'1m+'.repeat(100_000)}1m]`;
    expect(messageOf(() => parseExpr(text))).toContain(`more than ${MAX_DEPTH} levels`);
  });

  test.each([
    ['a long text', `"${'x'.repeat(MAX_TEXT_LENGTH)}"`, 'expression is too long'],
    ['many tokens', `abs(${'a,'.repeat(MAX_TOKENS / 2 + 1)}a)`, `more than ${MAX_TOKENS} tokens`],
    [
      'many large regular expressions',
      `a{${`b=~"(?:${'[a-z]{1000}'.repeat(100)})+",`.repeat(20)}}`,
      'regular expressions are too large',
    ],
    ['nested repetitions', `a{b=~"((a{100}){100}){100}"}`, 'invalid repeat count'],
    ['a large number', '9'.repeat(100_000), 'value out of range'],
    ['a large duration', `a[${'9'.repeat(100_000)}d]`, 'not a valid duration string'],
  ])('%s is refused, with a short text', (_name, text, message) => {
    const found = messageOf(() => parseExpr(text));
    expect(found).toContain(message);
    expect(found!.length).toBeLessThan(1200);
  });

  test('a selector of a parameter is bounded too', () => {
    const text = `{a="${'x'.repeat(MAX_TEXT_LENGTH)}"}`;
    expect(messageOf(() => parseMetricSelector(text))).toContain('expression is too long');
  });

  test('just below them everything works', () => {
    const nested = `${'sum('.repeat(MAX_NESTING - 1)}a${')'.repeat(MAX_NESTING - 1)}`;
    expect(printExpr(parseExpr(nested))).toBe(nested);
    const chain = Array.from({ length: MAX_DEPTH }, () => 'a').join(' or ');
    expect(printExpr(parseExpr(chain))).toBe(chain);
  });
});

describe('match[] selectors', () => {
  test.each(SELECTORS)('%j: %j', (text, message) => {
    expect(messageOf(() => parseMetricSelector(text))).toBe(message);
  });

  test('give matchers, the name last', () => {
    expect(parseMetricSelector('up{job!~"a|b"}').map(String)).toEqual(['job!~"a|b"', '__name__="up"']);
  });
});

describe('properties', () => {
  test('a printed tree parses to the same tree', () => {
    fc.assert(
      fc.property(exprArbitrary({ everything: true, durationExpressions: true }), (expr) => {
        const printed = printExpr(expr);
        const parsed = parseExpr(printed, { features: EVERYTHING });
        expect(shape(parsed)).toEqual(shape(expr));
        expect(printExpr(parsed)).toBe(printed);
      }),
      { numRuns: 1500 },
    );
  });

  test('no text makes it throw anything but its own error, and what it accepts it prints and reads again', () => {
    const words = INVALID.map(([text]) => text).concat(PRINTED.map(([text]) => text));
    const pieces = fc.array(
      fc.oneof(
        fc.constantFrom(...words.flatMap((text) => text.split(/\b/))),
        fc.string({ unit: 'binary', maxLength: 3 }),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          pieces.map((parts) => parts.join('')),
          mutatedExprArbitrary({ everything: true, durationExpressions: true }),
          fc.string({ unit: 'binary' }),
        ),
        fc.boolean(),
        (text, flags) => {
          const options = flags ? { features: EVERYTHING } : {};
          let expr: Expr;
          try {
            expr = parseExpr(text, options);
          } catch (error) {
            if (!(error instanceof PromqlParseError)) throw error;
            return;
          }
          const printed = printExpr(expr);
          expect(printExpr(parseExpr(printed, options))).toBe(printed);
        },
      ),
      { numRuns: 5000 },
    );
  });
});
