import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { goGeneralDigits } from '../../../src/promql/functions/go-format.ts';
import {
  addCompensated,
  almostEqual,
  goMax,
  goMin,
  goPow,
  goRound,
  goTruncate,
  quantileOf,
  sortNaNFirst,
} from '../../../src/promql/functions/numeric.ts';
import { Column, FLOAT } from '../../../src/promql/eval/column.ts';
import { RankHeaps } from '../../../src/promql/functions/rank-heap.ts';

function compensatedSum(values: readonly number[]): number {
  const sum = { sum: 0, compensation: 0 };
  for (const value of values) addCompensated(sum, value);
  return sum.sum + sum.compensation;
}

describe('compensated sums', () => {
  test.each([
    [[1e100, 1, -1e100, 2], 3],
    [[1, 1e100, 1, -1e100], 2],
    [Array.from({ length: 10 }, () => 0.1), 1],
    [[Infinity, 1], Infinity],
    [[], 0],
  ])('of %j is %d', (values, sum) => {
    expect(compensatedSum(values)).toBe(sum);
  });

  test('of integers with small fractions are exact where plain sums need not be', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -(2 ** 40), max: 2 ** 40 })), (numbers) => {
        const sixteenths = numbers.reduce((sum, n) => sum + BigInt(n), 0n);
        expect(compensatedSum(numbers.map((n) => n / 16))).toBe(Number(sixteenths) / 16);
      }),
    );
  });
});

describe("Go's rules", () => {
  test.each([
    [1, NaN, 1],
    [-1, Infinity, 1],
    [-1, -Infinity, 1],
    [NaN, 0, 1],
    [2, 10, 1024],
    [-8, 1 / 3, NaN],
    [0, -1, Infinity],
  ])('%d ^ %d is %d', (base, exponent, power) => {
    expect(goPow(base, exponent)).toBe(power);
  });

  test.each([
    [-0.5, 1, 0],
    [0.5, 1, 1],
    [-1.5, 1, -1],
    [2.5, 5, 5],
    [7, 0, NaN],
  ])('round(%d, %d) is %d', (value, to, rounded) => {
    expect(goRound(value, to) + 0).toBe(rounded);
  });

  test('min and max give NaN unless the other is the extreme', () => {
    expect(goMax(NaN, 1)).toBe(NaN);
    expect(goMax(NaN, Infinity)).toBe(Infinity);
    expect(goMin(1, NaN)).toBe(NaN);
    expect(goMin(NaN, -Infinity)).toBe(-Infinity);
  });

  test('conversion to integers cuts off, and what does not fit is the smallest', () => {
    expect(goTruncate(-1.9)).toBe(-1);
    expect(goTruncate(NaN)).toBe(-9223372036854775808);
    expect(goTruncate(1e19)).toBe(-9223372036854775808);
  });

  test.each([
    [0, '0'],
    [2, '2'],
    [0.00001234, '1.2e-05'],
    [0.05, '0.05'],
    [123, '1.2e+02'],
    [99.9, '1e+02'],
    [-1.25, '-1.2'],
    [Infinity, '+Inf'],
    [NaN, 'NaN'],
  ])('%d with two digits is %s', (value, text) => {
    expect(goGeneralDigits(value, 2)).toBe(text);
  });

  test('almost equal is relative, and absolute only around zero', () => {
    expect(almostEqual(NaN, NaN, 0)).toBe(true);
    expect(almostEqual(1, 1 + 1e-13, 1e-12)).toBe(true);
    expect(almostEqual(1, 1.1, 1e-12)).toBe(false);
    expect(almostEqual(0, 1e-300, 1e-6)).toBe(false);
  });
});

const value = fc.oneof(fc.double(), fc.integer({ min: -5, max: 5 }), fc.constant(NaN));

describe('quantiles', () => {
  test('sorting puts NaN first and the rest in order', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 80 }), (values) => {
        const scratch = Float64Array.from([...values, 1234]);
        sortNaNFirst(scratch, values.length);
        const nans = values.filter((v) => v !== v);
        const rest = values.filter((v) => v === v).sort((a, b) => a - b);
        expect([...scratch].map((v) => v + 0)).toEqual([...nans, ...rest, 1234].map((v) => v + 0));
      }),
    );
  });

  test.each([
    [0.5, [], NaN],
    [NaN, [1], NaN],
    [-0.1, [1], -Infinity],
    [1.1, [1], Infinity],
    [0.5, [3, 1, 2], 2],
    [0.25, [1, 2], 1.25],
    [0, [NaN, 1], NaN],
    [1, [NaN, 1], 1],
  ])('%d of %j is %d', (phi, values, quantile) => {
    expect(quantileOf(phi, Float64Array.from(values), values.length)).toBe(quantile);
  });
});

describe('the k best', () => {
  test('are those that sorting finds, NaN last', () => {
    const input = fc.uniqueArray(fc.integer({ min: -1000, max: 1000 }), { maxLength: 40 });
    fc.assert(
      fc.property(
        input,
        fc.integer({ min: 1, max: 10 }),
        fc.boolean(),
        fc.nat(3),
        (values, k, largest, nans) => {
          const all = [...values, ...Array.from({ length: nans }, () => NaN)];
          const heaps = new RankHeaps(Int32Array.of(k), largest, () => {});
          all.forEach((v, i) => {
            const column = new Column(1);
            column.values[0] = v;
            column.present[0] = FLOAT;
            heaps.offer(column, i);
          });
          const sorted = values.toSorted((a, b) => (largest ? b - a : a - b));
          const expected = [...sorted, ...all.slice(values.length)].slice(0, k);
          expect(heaps.ranking(0).map((i) => all[i])).toEqual(expected);
        },
      ),
    );
  });
});
