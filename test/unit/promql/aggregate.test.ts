import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { xxhash64Fraction, xxhash64Hex } from '../../../src/core/xxhash.ts';
import { Column, ColumnShelf, FLOAT } from '../../../src/promql/eval/column.ts';
import { groupKey } from '../../../src/promql/eval/grouping.ts';
import { seriesLimits } from '../../../src/promql/eval/rank-source.ts';
import { makeAccumulator } from '../../../src/promql/functions/accumulators.ts';
import type { AggregationNotes } from '../../../src/promql/functions/histogram-totals.ts';
import { addCompensated } from '../../../src/promql/functions/numeric.ts';
import { RankHeaps } from '../../../src/promql/functions/rank-heap.ts';
import { isInRatio, RatioSampler } from '../../../src/promql/functions/ratio-sample.ts';

const STEPS = 3;
const SILENT: AggregationNotes = {
  histogramIgnored: () => {},
  mixedTypes: () => {},
  mixedBuckets: () => {},
  bucketsReconciled: () => {},
  counterResetCollision: () => {},
  kept: () => {},
};

type Row = readonly (number | undefined)[];

function columnOf(row: Row): Column {
  const column = new Column(row.length);
  row.forEach((value, k) => {
    if (value === undefined) return;
    column.values[k] = value;
    column.present[k] = FLOAT;
  });
  return column;
}

const anyFloat = fc.oneof(
  { weight: 4, arbitrary: fc.double() },
  fc.constantFrom(0, -0, 1, 1e16, -1e16, Infinity, -Infinity, Number.MAX_VALUE, -Number.MAX_VALUE, 5e-324),
);
const rows = fc.array(
  fc.array(fc.option(anyFloat, { nil: undefined, freq: 6 }), { minLength: STEPS, maxLength: STEPS }),
  { maxLength: 12 },
);

describe('sums', () => {
  test('are what adding one value after the other to a compensated sum gives', () => {
    fc.assert(
      fc.property(rows, (all) => {
        const sum = makeAccumulator({
          op: 'sum',
          steps: STEPS,
          parameters: new Float64Array(0),
          notes: SILENT,
        });
        for (const row of all) sum.add(columnOf(row));
        const out = new Column(STEPS);
        sum.finish(out);
        for (let k = 0; k < STEPS; k++) {
          const values = all.flatMap((row) => row[k] ?? []);
          expect(out.present[k]).toBe(values.length > 0 ? FLOAT : 0);
          const [first, ...rest] = values;
          if (first === undefined) continue;
          const plain = { sum: first, compensation: 0 };
          for (const value of rest) addCompensated(plain, value);
          expect(out.values[k]).toBe(plain.sum + plain.compensation);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('of nothing but -0 is 0, as in Prometheus', () => {
    const sum = makeAccumulator({ op: 'sum', steps: 1, parameters: new Float64Array(0), notes: SILENT });
    sum.add(columnOf([-0]));
    const out = new Column(1);
    sum.finish(out);
    expect(out.values[0]).toBe(0);
  });
});

describe('the k best of many steps', () => {
  test('are at each step those that sorting puts first', () => {
    const ks = fc.array(fc.nat(9), { minLength: STEPS, maxLength: STEPS });
    fc.assert(
      fc.property(rows, ks, fc.boolean(), (all, limits, largest) => {
        const heaps = new RankHeaps(Int32Array.from(limits), largest, () => {});
        all.forEach((row, i) => heaps.offer(columnOf(row), i));
        for (let k = 0; k < STEPS; k++) {
          const best = heaps.ranking(k).map((i) => all[i]![k]!);
          const values = all.flatMap((row) => row[k] ?? []);
          const sorted = [
            ...values.filter((v) => !Number.isNaN(v)).toSorted((a, b) => (largest ? b - a : a - b)),
            ...values.filter((v) => Number.isNaN(v)),
          ];
          // Which of 0 and -0 comes first is no matter of value.
          expect(best.map((v) => v + 0)).toEqual(sorted.slice(0, limits[k]).map((v) => v + 0));
          const visited = new Set<number>();
          heaps.each(k, (series, value) => {
            expect(value).toBe(all[series]![k]);
            visited.add(series);
          });
          expect(visited).toEqual(new Set(heaps.ranking(k)));
        }
      }),
    );
  });

  test('NaN leaves first, and only NaN stays when there is nothing else', () => {
    const heaps = new RankHeaps(Int32Array.of(2), true, () => {});
    [NaN, 1, NaN, 2].forEach((value, i) => heaps.offer(columnOf([value]), i));
    expect(heaps.ranking(0)).toEqual([3, 1]);
  });

  test('says when a series is not among the best at any step', () => {
    const heaps = new RankHeaps(Int32Array.of(1, 1), true, () => {});
    expect(heaps.offer(columnOf([5, 5]), 0)).toBe(true);
    expect(heaps.offer(columnOf([4, 5]), 1)).toBe(false);
    expect(heaps.offer(columnOf([4, 6]), 2)).toBe(true);
  });
});

describe('how many series are wanted', () => {
  test.each([
    ['fractions are cut off', [2.9, 1.1], [2, 1]],
    ['nothing below 1', [0.5, 3, -7], [0, 3, 0]],
    ['nothing at all', [0.9, -Infinity], undefined],
    ['more than anybody has', [1e15], [2 ** 31 - 1]],
  ] as const)('%s', (_name, ks, expected) => {
    const limits = seriesLimits(Float64Array.from(ks));
    expect(limits && [...limits]).toEqual(expected);
  });

  test.each([
    ['Parameter value is NaN', [NaN, 2]],
    ['Scalar value -1e+300 underflows int64', [-1e300, 2]],
    ['Scalar value +Inf overflows int64', [Infinity]],
  ] as const)('%s', (message, ks) => {
    expect(() => seriesLimits(Float64Array.from(ks))).toThrow(message);
  });
});

describe('keys of groups', () => {
  const label = fc.constantFrom('a', 'b', 'c', '__name__');
  const labels = fc
    .dictionary(label, fc.constantFrom('', 'x', 'y', 'xy'))
    .map((object) => Labels.fromObject(object));

  test('are equal exactly when the labels that count are', () => {
    fc.assert(
      fc.property(labels, labels, fc.uniqueArray(label), fc.boolean(), (one, other, names, without) => {
        const counting = (of: Labels): Labels =>
          without ? of.without('__name__', ...names) : of.only(names);
        const grouping = { labels: names, without };
        const same = groupKey(grouping, one) === groupKey(grouping, other);
        expect(same).toBe(counting(one).equals(counting(other)));
      }),
    );
  });
});

describe('shelves of columns', () => {
  test('give columns that have nothing to do with each other', () => {
    const shelf = new ColumnShelf(2);
    const columns = Array.from({ length: 200 }, (_, i) => shelf.clone(columnOf([i, undefined])));
    columns.forEach((column, i) => {
      expect([...column.values, ...column.present]).toEqual([i, 0, FLOAT, 0]);
    });
    expect([...shelf.make().present]).toEqual([0, 0]);
  });
});

describe('shares of series', () => {
  function hex(text: string): string {
    const bytes = new TextEncoder().encode(text);
    return xxhash64Hex(new DataView(bytes.buffer), bytes.length);
  }

  test.each([
    ['', 'ef46db3751d8e999'],
    ['a', 'd24ec4f1a98c6e5b'],
    ['abc', '44bc2cf5ad770999'],
    ['Nobody inspects the spammish repetition', 'fbcea83c8a378bf1'],
  ])('xxHash64 of %j', (text, expected) => {
    expect(hex(text)).toBe(expected);
  });

  test('a hash becomes a fraction of 2^64', () => {
    const bytes = new DataView(new ArrayBuffer(0));
    expect(xxhash64Fraction(bytes, 0)).toBe(Number(0xef46db3751d8e999n) / 2 ** 64);
  });

  test.each([
    ['b', 0.882198581303642],
    ['host-1', 0.04227477866069062],
    ['é'.repeat(20), 0.8878663970963324],
    ['x'.repeat(254), 0.8343165535799543],
    ['x'.repeat(255), 0.4252170095394317],
    ['😀', 0.03102655477409106],
  ])('{a=%j} lies where Prometheus has it', (a, expected) => {
    expect(new RatioSampler().offset(Labels.fromObject({ a }))).toBe(expected);
  });

  test('r and r - 1 share all series between them', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (ratio, offset) => {
          // Where 1 + (ratio - 1) is not ratio again Prometheus, too, may take an offset in between twice.
          fc.pre(1 + (ratio - 1) === ratio);
          expect(isInRatio(ratio, offset)).toBe(!isInRatio(ratio - 1, offset));
        },
      ),
    );
  });
});
