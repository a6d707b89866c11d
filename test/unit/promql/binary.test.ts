import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CounterResetHint, FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { Labels } from '../../../src/core/labels.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { Annotations } from '../../../src/promql/annotations.ts';
import { BinarySource } from '../../../src/promql/eval/binary-vector.ts';
import { Column, FLOAT } from '../../../src/promql/eval/column.ts';
import { QueryControl } from '../../../src/promql/eval/control.ts';
import { KeptSource } from '../../../src/promql/eval/kept-source.ts';
import { Status, type EvalContext, type KeptSeries } from '../../../src/promql/eval/source.ts';
import { combinePair, type Operand } from '../../../src/promql/functions/pair-operators.ts';
import { QueryError } from '../../../src/promql/index.ts';
import type { ElementOp, VectorMatching } from '../../../src/promql/parser/ast.ts';

const NOWHERE = { start: 0, end: 0 };
const STEPS = 4;

function histogram(...counts: readonly number[]): FloatHistogram {
  const count = counts.reduce((sum, n) => sum + n, 0);
  return new FloatHistogram({
    count,
    sum: count,
    positiveSpans: Int32Array.of(0, counts.length),
    positiveBuckets: Float64Array.from(counts),
  });
}

function shown(operand: Operand): unknown {
  return typeof operand === 'number'
    ? operand
    : { count: operand.count, buckets: [...operand.positiveBuckets], hint: operand.counterResetHint };
}

describe('one pair of operands', () => {
  const OPS: readonly ElementOp[] = [
    ...(['+', '-', '*', '/', '%', '^', 'atan2'] as const),
    ...(['==', '!=', '<', '<=', '>', '>=', '</', '>/'] as const),
  ];

  test.each([
    ['float and histogram', 2, histogram(1), ['*']],
    ['histogram and float', histogram(1), 2, ['*', '/', '</', '>/']],
    ['histogram and histogram', histogram(1), histogram(1), ['+', '-', '==', '!=']],
    ['float and float', 1, 2, OPS.filter((op) => op !== '</' && op !== '>/')],
  ] as const)('%s: what an operator can combine', (_name, lhs, rhs, allowed) => {
    const combines = OPS.filter((op) => combinePair(op, lhs, rhs).kind === 'value');
    expect(new Set(combines)).toEqual(new Set(allowed));
    const refused = OPS.find((op) => combinePair(op, lhs, rhs).kind === 'none')!;
    expect(combinePair(refused, lhs, rhs)).toEqual({
      kind: 'none',
      note: {
        kind: 'incompatibleTypes',
        lhs: typeof lhs === 'number' ? 'float' : 'histogram',
        rhs: typeof rhs === 'number' ? 'float' : 'histogram',
      },
    });
  });

  test.each([
    ['+', histogram(1, 2), histogram(3, 4), { count: 10, buckets: [4, 6], hint: CounterResetHint.unknown }],
    ['-', histogram(5, 2), histogram(3, 2), { count: 2, buckets: [2], hint: CounterResetHint.gauge }],
    ['*', histogram(1, 2), -2, { count: -6, buckets: [-2, -4], hint: CounterResetHint.gauge }],
    ['*', 0, histogram(1, 2), { count: 0, buckets: [], hint: CounterResetHint.unknown }],
    ['/', histogram(1, 2), 2, { count: 1.5, buckets: [0.5, 1], hint: CounterResetHint.unknown }],
  ] as const)('%s', (op, lhs, rhs, expected) => {
    const result = combinePair(op, lhs, rhs);
    expect(result.kind === 'value' && shown(result.value)).toEqual(expected);
  });

  test('a reset that meets its denial leaves no sample', () => {
    const reset = histogram(1).with({ counterResetHint: CounterResetHint.reset });
    const notReset = histogram(1).with({ counterResetHint: CounterResetHint.notReset });
    for (const [op, operation] of [
      ['+', 'addition'],
      ['-', 'subtraction'],
    ] as const) {
      expect(combinePair(op, reset, notReset)).toEqual({
        kind: 'none',
        note: { kind: 'counterResetCollision', operation },
      });
    }
  });
});

/** A vector at one step. */
type PlainVector = readonly { readonly labels: Labels; readonly value: number }[];

/** What an operator between vectors gives at one step, worked out the plain way, or the text of its error. */
function plainStep(
  lhs: PlainVector,
  rhs: PlainVector,
  matching: VectorMatching,
  compute: (left: number, right: number) => number | undefined,
): Map<string, number> | string {
  const { fill, on, labels, include, card } = matching;
  const noFill = fill.left === undefined && fill.right === undefined;
  const results = new Map<string, number>();
  if ((lhs.length === 0 || rhs.length === 0) && noFill) return results;
  const swapped = card === 'one-to-many';
  const [many, one] = swapped ? [rhs, lhs] : [lhs, rhs];
  const signature = (of: Labels): Labels => (on ? of.only(labels) : of.without('__name__', ...labels));
  const partners = new Map<string, PlainVector[number]>();
  for (const sample of one) {
    const { key } = signature(sample.labels);
    if (partners.has(key)) return 'found duplicate series';
    partners.set(key, sample);
  }
  const matched = new Map<string, Set<string>>();
  const meet = (m: PlainVector[number], o: PlainVector[number], key: string): boolean => {
    let result = m.labels.without('__name__');
    if (card === 'one-to-one') result = on ? result.only(labels) : result.without(...labels);
    for (const name of include) result = result.with(name, o.labels.get(name));
    const seen = matched.get(key) ?? new Set();
    const mark = card === 'one-to-one' ? '' : result.key;
    if (seen.has(mark)) return false;
    matched.set(key, seen.add(mark));
    const value = swapped ? compute(o.value, m.value) : compute(m.value, o.value);
    if (value !== undefined) results.set(result.toString(), value);
    return true;
  };
  for (const sample of many) {
    const own = signature(sample.labels);
    const partner =
      partners.get(own.key) ?? (fill.right === undefined ? undefined : { labels: own, value: fill.right });
    if (partner !== undefined && !meet(sample, partner, own.key)) return 'multiple matches';
  }
  if (fill.left === undefined) return results;
  for (const sample of one) {
    const own = signature(sample.labels);
    if (!matched.has(own.key)) meet({ labels: own, value: fill.left }, sample, own.key);
  }
  return results;
}

function context(): EvalContext {
  const clock = new VirtualClock(0);
  const control = new QueryControl({
    clock,
    deadlineMs: Infinity,
    signal: undefined,
    maxSamples: Infinity,
    sliceMs: Infinity,
  });
  return {
    control,
    annotations: new Annotations(),
    lookbackMs: 300_000,
    delayedNameRemoval: false,
    useStartTimestamps: false,
    typeAndUnitLabels: false,
  };
}

/** The same for all steps by the engine's operator. */
function computed(
  lhs: readonly KeptSeries[],
  rhs: readonly KeptSeries[],
  matching: VectorMatching,
  op: '+' | '-',
): Map<string, number>[] {
  const grid = { startMs: 0, stepMs: 1000, count: STEPS };
  const source = new BinarySource(new KeptSource(lhs), new KeptSource(rhs), context(), grid, {
    op,
    matching,
    returnBool: false,
    manyNamesMayDiffer: false,
    position: NOWHERE,
  });
  const steps = Array.from({ length: STEPS }, () => new Map<string, number>());
  while (source.next() === Status.series) {
    const { values, present } = source.column;
    for (let k = 0; k < STEPS; k++) {
      if (present[k] === FLOAT) steps[k]!.set(source.labels().toString(), values[k]!);
    }
  }
  return steps;
}

const value = fc.option(fc.integer({ min: -5, max: 5 }), { nil: undefined, freq: 2 });

function vectors(name: string): fc.Arbitrary<KeptSeries[]> {
  const label = fc.constantFrom('', '1', '2');
  const series = fc.record({
    i: label,
    j: label,
    values: fc.array(value, { minLength: STEPS, maxLength: STEPS }),
  });
  return fc.uniqueArray(series, { maxLength: 5, selector: ({ i, j }) => `${i}/${j}` }).map((all) =>
    all.map(({ i, j, values }) => {
      const column = new Column(STEPS);
      values.forEach((v, k) => {
        if (v === undefined) return;
        column.values[k] = v;
        column.present[k] = FLOAT;
      });
      return { labels: Labels.fromObject({ __name__: name, i, j }), column, dropName: false };
    }),
  );
}

const matchings: fc.Arbitrary<VectorMatching> = fc
  .record({
    card: fc.constantFrom('one-to-one', 'many-to-one', 'one-to-many'),
    on: fc.boolean(),
    labels: fc.constantFrom<string[]>([], ['i'], ['i', 'j']),
    include: fc.constantFrom<string[]>([], ['j']),
    fill: fc.record({ left: value, right: value }),
  })
  .map((matching) => {
    const mayInclude = matching.card !== 'one-to-one' && !(matching.on && matching.labels.includes('j'));
    return { ...matching, include: mayInclude ? matching.include : [] };
  });

function at(series: readonly KeptSeries[], k: number): PlainVector {
  return series
    .filter(({ column }) => column.present[k] === FLOAT)
    .map(({ labels, column }) => ({ labels, value: column.values[k]! }));
}

describe('an operator between two vectors', () => {
  test('gives at every step what the plain way gives, whatever is matched and filled in', () => {
    fc.assert(
      fc.property(
        vectors('a'),
        vectors('b'),
        matchings,
        fc.constantFrom('+', '-'),
        (lhs, rhs, matching, op) => {
          const plain = Array.from({ length: STEPS }, (_, k) =>
            plainStep(at(lhs, k), at(rhs, k), matching, (x, y) => (op === '+' ? x + y : x - y)),
          );
          const errors = plain.filter((step) => typeof step === 'string');
          let steps: Map<string, number>[];
          try {
            steps = computed(lhs, rhs, matching, op);
          } catch (error) {
            if (!(error instanceof QueryError)) throw error;
            const { message } = error;
            // Of errors at several steps any may come first.
            expect(errors.some((text) => message.startsWith(text))).toBe(true);
            return;
          }
          expect(errors).toEqual([]);
          expect(steps).toEqual(plain);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
