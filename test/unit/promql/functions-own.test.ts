import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OwnFunctions, OWN_FUNCTIONS, type OwnFunction, type OwnInput } from '../../../src/promql/index.ts';
import { wilsonBound } from '../../../src/promql/functions/own-functions.ts';
import { engineOver, linesOf, messageOf } from '../../support/promql-query.ts';

const SHARES = `
load 1m
  errors_total{model="a"} 10 20
  errors_total{model="b"} 1 1
  errors_total{model="only"} 1 1
  requests_total{model="a"} 100 200
  requests_total{model="b"} 2 2
  pair{model="a", side="x"} 1
  pair{model="a", side="y"} 2
  other_total{model="a"} 7 7
`;

function own(name: string, parts: Partial<OwnFunction>): OwnFunction {
  return {
    name,
    argTypes: ['vector'],
    variadic: 0,
    returnType: 'vector',
    experimental: false,
    memberLabel: undefined,
    compute: (input: OwnInput) => input.value(0),
    ...parts,
  };
}

describe('the Wilson interval', () => {
  // Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table I.
  test.each([
    { successes: 81, trials: 263, lower: 0.2553, upper: 0.3662 },
    { successes: 15, trials: 148, lower: 0.0624, upper: 0.1605 },
    { successes: 0, trials: 20, lower: 0, upper: 0.1611 },
    { successes: 1, trials: 29, lower: 0.0061, upper: 0.1718 },
  ])('of $successes in $trials', ({ successes, trials, lower, upper }) => {
    expect(wilsonBound(successes, trials, 1.959964, -1)).toBeCloseTo(lower, 4);
    expect(wilsonBound(successes, trials, 1.959964, 1)).toBeCloseTo(upper, 4);
  });

  test('knows nothing without trials, and is NaN for what is no count', () => {
    expect([wilsonBound(0, 0, 1.96, -1), wilsonBound(0, 0, 1.96, 1)]).toEqual([0, 1]);
    expect(wilsonBound(-1, 5, 1.96, 1)).toBeNaN();
    expect(wilsonBound(1, NaN, 1.96, 1)).toBeNaN();
    expect(wilsonBound(1, 5, -1, 1)).toBeNaN();
    expect(wilsonBound(6, 5, 1.96, 1)).toBe(1);
  });

  test('holds the proportion, within [0, 1], and narrows with more trials', () => {
    const trials = fc.integer({ min: 1, max: 1_000_000 });
    fc.assert(
      fc.property(trials, fc.double({ min: 0, max: 1, noNaN: true }), (n, p) => {
        const k = Math.round(n * p);
        const lower = wilsonBound(k, n, 1.96, -1);
        const upper = wilsonBound(k, n, 1.96, 1);
        expect(lower).toBeGreaterThanOrEqual(0);
        expect(upper).toBeLessThanOrEqual(1);
        expect(lower).toBeLessThanOrEqual(k / n + 1e-12);
        expect(upper).toBeGreaterThanOrEqual(k / n - 1e-12);
        const narrower = wilsonBound(4 * k, 4 * n, 1.96, 1) - wilsonBound(4 * k, 4 * n, 1.96, -1);
        expect(narrower).toBeLessThan(upper - lower);
      }),
      { numRuns: 200 },
    );
  });
});

describe('functions of our own', () => {
  test('are unknown unless they are switched on', async () => {
    const engine = await engineOver(SHARES);
    const message = await messageOf(engine.instant('ml_wilson_lower(errors_total, requests_total)', 0));
    expect(message).toBe('1:1: parse error: unknown function with name "ml_wilson_lower"');
  });

  test('match series by equal labels, names aside', async () => {
    const engine = await engineOver(SHARES, { ownFunctions: OWN_FUNCTIONS });
    const result = await engine.range('ml_wilson_lower(errors_total, requests_total)', 0, 60_000, 60_000);
    expect(linesOf(result).map((line) => line.replaceAll(/(\.\d{4})\d*/g, '$1'))).toEqual([
      '{model="a"} 0.0552@0 0.0656@60',
      '{model="b"} 0.0945@0 0.0945@60',
    ]);
    const narrow = await engine.instant('ml_wilson_upper(errors_total{model="a"}, requests_total, 0)', 0);
    expect(linesOf(narrow)).toEqual(['{model="a"} 0.1']);
  });

  test('refuse several series with equal labels', async () => {
    const engine = await engineOver(SHARES, { ownFunctions: OWN_FUNCTIONS });
    const message = await messageOf(
      engine.instant('ml_wilson_lower({__name__=~"errors_total|other_total"}, requests_total)', 0),
    );
    expect(message).toBe(
      'found several series with the labels {model="a"} in argument 1 of ml_wilson_lower(), metric names aside: aggregate them',
    );
  });

  test('have their argument types checked', async () => {
    const engine = await engineOver(SHARES, { ownFunctions: OWN_FUNCTIONS });
    expect(await messageOf(engine.instant('ml_wilson_lower(errors_total, 1)', 0))).toContain(
      'expected type instant vector in call to function "ml_wilson_lower", got scalar',
    );
    expect(await messageOf(engine.instant('ml_wilson_lower(errors_total)', 0))).toContain(
      'expected at least 2 argument(s) in call to "ml_wilson_lower", got 1',
    );
  });

  test('see the members of a distribution, in windows and at a time', async () => {
    const functions = new OwnFunctions([
      own('ml_sides', {
        argTypes: ['matrix', 'vector', 'string'],
        memberLabel: { argument: 2 },
        compute: (input) => {
          const label = input.text(2);
          const sides = input.points(1).map(({ labels }) => labels.get(label));
          if (sides.join(',') !== 'x,y') return undefined;
          return input.windows(0).reduce((sum, { values }) => sum + values.length, 0);
        },
      }),
    ]);
    const engine = await engineOver(SHARES, { ownFunctions: functions });
    const result = await engine.instant('ml_sides(pair[5m] offset 1s, pair, "side") + 0', 1000);
    expect(linesOf(result)).toEqual(['{model="a"} 2']);
    const subquery = await engine.instant('ml_sides(pair[2m:1m], pair, "side")', 0);
    expect(linesOf(subquery)).toEqual(['{model="a"} 2']);
  });

  test('can neither take a name of Prometheus nor one twice', () => {
    expect(() => new OwnFunctions([own('rate', {})])).toThrow('rate must begin with ml_');
    expect(() => new OwnFunctions([own('ml_x', {}), own('ml_x', {})])).toThrow('one function called ml_x');
  });
});
