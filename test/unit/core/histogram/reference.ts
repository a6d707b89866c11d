import { CounterResetHint, type FloatHistogram } from '../../../../src/core/histogram/float-histogram.ts';

/** Counts of populated buckets by their upper bound: what a histogram says, told without spans or schemas. */
export type Plain = ReadonlyMap<number, number>;

/**
 * Counts by upper bound after merging to `schema` and taking what lies within `threshold` for the zero bucket (at 0).
 * Written as plainly as can be: each bucket on its own, bounds as powers.
 */
export function plainExponential(h: FloatHistogram, schema: number, threshold: number): Plain {
  const counts = new Map<number, number>();
  const put = (key: number, count: number): void => {
    if (count !== 0) counts.set(key, (counts.get(key) ?? 0) + count);
  };
  put(0, h.zeroCount);
  for (const sign of [1, -1]) {
    const spans = sign === 1 ? h.positiveSpans : h.negativeSpans;
    const buckets = [...(sign === 1 ? h.positiveBuckets : h.negativeBuckets)];
    let index = 0;
    for (let i = 0; i < spans.length; i += 2) {
      index += spans[i]!;
      for (let n = 0; n < spans[i + 1]!; n++, index++) {
        const exponent = Math.ceil(index / 2 ** (h.schema - schema)) / 2 ** schema;
        const within = 2 ** (index / 2 ** h.schema) <= threshold;
        put(within ? 0 : sign * 2 ** exponent, buckets.shift()!);
      }
    }
  }
  return counts;
}

/** Counts by the upper bound among `bounds`, which are some of those of the histogram. */
export function plainCustom(h: FloatHistogram, bounds: readonly number[]): Plain {
  const counts = new Map<number, number>();
  const buckets = [...h.positiveBuckets];
  let index = 0;
  for (let i = 0; i < h.positiveSpans.length; i += 2) {
    index += h.positiveSpans[i]!;
    for (let n = 0; n < h.positiveSpans[i + 1]!; n++, index++) {
      const upper = h.customValues[index] ?? Infinity;
      const bound = bounds.find((one) => one >= upper) ?? Infinity;
      const count = buckets.shift()!;
      if (count !== 0) counts.set(bound, (counts.get(bound) ?? 0) + count);
    }
  }
  return counts;
}

/** a + sign * b, without what comes out empty. */
export function plainSum(a: Plain, b: Plain, sign: 1 | -1): Plain {
  const counts = new Map(a);
  for (const [key, count] of b) counts.set(key, (counts.get(key) ?? 0) + sign * count);
  return new Map([...counts].filter(([, count]) => count !== 0));
}

/** The same counts whatever the order. */
export function inOrder(plain: Plain): readonly (readonly [number, number])[] {
  return [...plain].toSorted(([a], [b]) => a - b);
}

/** The hint of a sum. */
export function plainHint(a: CounterResetHint, b: CounterResetHint): CounterResetHint {
  if (a === CounterResetHint.gauge || b === CounterResetHint.gauge) return CounterResetHint.gauge;
  return a === b ? a : CounterResetHint.unknown;
}
