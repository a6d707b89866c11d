import { combineAtCommonBounds, commonBounds } from './custom-bounds.ts';
import { CounterResetHint, NO_FLOATS, NO_SPANS, type FloatHistogram } from './float-histogram.ts';
import { sameBounds } from './layout.ts';
import { bucketsWithin, combineSides, negativeSide, positiveSide, reduceSide, type Side } from './sides.ts';
import { reconcileZeroBuckets } from './zero-bucket.ts';

/** What became of adding or subtracting two histograms. */
export type Combined =
  | {
      readonly kind: 'combined';
      readonly histogram: FloatHistogram;
      /** One says that its counter was reset, the other that it was not: worth a warning. */
      readonly counterResetCollision: boolean;
      /** Custom bounds differed, the result has those in both: worth a note. */
      readonly boundsReconciled: boolean;
    }
  /** One has exponential, the other custom buckets. */
  | { readonly kind: 'incompatibleSchema' };

const INCOMPATIBLE: Combined = { kind: 'incompatibleSchema' };

/**
 * a + b in the lower resolution and with the wider zero bucket of the two, or with the custom bounds of both. The
 * result may have empty buckets: see `compactHistogram`.
 *
 * @see prometheus model/histogram/float_histogram.go Add
 */
export function addHistograms(a: FloatHistogram, b: FloatHistogram): Combined {
  return combine(a, b, 1);
}

/**
 * a - b, else as {@link addHistograms}; counts may become negative. The operator `-` of PromQL makes the result a gauge,
 * which is left to it.
 *
 * @see prometheus model/histogram/float_histogram.go Sub
 */
export function subtractHistograms(a: FloatHistogram, b: FloatHistogram): Combined {
  return combine(a, b, -1);
}

/** The hint of a sum or difference, and whether a reset met its denial (upstream adjustCounterReset). */
export function combinedHint(
  a: CounterResetHint,
  b: CounterResetHint,
): { readonly hint: CounterResetHint; readonly collision: boolean } {
  if (a === b) return { hint: a, collision: false };
  const { gauge, unknown } = CounterResetHint;
  if (a === gauge || b === gauge) return { hint: gauge, collision: false };
  return { hint: unknown, collision: a !== unknown && b !== unknown };
}

function combine(a: FloatHistogram, b: FloatHistogram, sign: 1 | -1): Combined {
  if (a.usesCustomBuckets !== b.usesCustomBuckets) return INCOMPATIBLE;
  const { hint, collision } = combinedHint(a.counterResetHint, b.counterResetHint);
  const reconcile = a.usesCustomBuckets && !sameBounds(a.customValues, b.customValues);
  let histogram: FloatHistogram;
  if (reconcile) histogram = combineReconciled(a, b, sign, hint);
  else if (a.usesCustomBuckets) histogram = combineCustom(a, b, sign, hint);
  else histogram = combineExponential(a, b, sign, hint);
  return { kind: 'combined', histogram, counterResetCollision: collision, boundsReconciled: reconcile };
}

function combineExponential(
  first: FloatHistogram,
  b: FloatHistogram,
  sign: 1 | -1,
  counterResetHint: CounterResetHint,
): FloatHistogram {
  let a = first;
  let otherZeroCount = b.zeroCount;
  if (a.zeroThreshold !== b.zeroThreshold) {
    const reconciled = reconcileZeroBuckets(a, b);
    a = reconciled.widened;
    otherZeroCount = reconciled.otherZeroCount;
  }
  const schema = Math.min(a.schema, b.schema);
  const combineSide = (ofA: Side, ofB: Side): Side => {
    const other = reduceSide(ofB, b.schema - schema);
    const skipped = bucketsWithin(other.spans, schema, a.zeroThreshold);
    return combineSides(reduceSide(ofA, a.schema - schema), other, skipped, sign);
  };
  const positive = combineSide(positiveSide(a), positiveSide(b));
  const negative = combineSide(negativeSide(a), negativeSide(b));
  return a.with({
    counterResetHint,
    schema,
    count: a.count + sign * b.count,
    sum: a.sum + sign * b.sum,
    zeroCount: a.zeroCount + sign * otherZeroCount,
    positiveSpans: positive.spans,
    positiveBuckets: positive.counts,
    negativeSpans: negative.spans,
    negativeBuckets: negative.counts,
  });
}

function combineCustom(
  a: FloatHistogram,
  b: FloatHistogram,
  sign: 1 | -1,
  counterResetHint: CounterResetHint,
): FloatHistogram {
  const positive = combineSides(positiveSide(a), positiveSide(b), 0, sign);
  return a.with({
    counterResetHint,
    count: a.count + sign * b.count,
    sum: a.sum + sign * b.sum,
    positiveSpans: positive.spans,
    positiveBuckets: positive.counts,
  });
}

function combineReconciled(
  a: FloatHistogram,
  b: FloatHistogram,
  sign: 1 | -1,
  counterResetHint: CounterResetHint,
): FloatHistogram {
  const customValues = commonBounds(a.customValues, b.customValues);
  const positive = combineAtCommonBounds(
    { ...positiveSide(a), bounds: a.customValues },
    { ...positiveSide(b), bounds: b.customValues },
    customValues,
    sign,
  );
  return a.with({
    counterResetHint,
    customValues,
    count: a.count + sign * b.count,
    sum: a.sum + sign * b.sum,
    positiveSpans: positive.spans,
    positiveBuckets: positive.counts,
  });
}

/**
 * Every count and the sum times `factor`. With a negative factor the result is a gauge.
 *
 * @see prometheus model/histogram/float_histogram.go Mul
 */
export function scaleHistogram(h: FloatHistogram, factor: number): FloatHistogram {
  return h.with({
    zeroCount: h.zeroCount * factor,
    count: h.count * factor,
    sum: h.sum * factor,
    positiveBuckets: h.positiveBuckets.map((count) => count * factor),
    negativeBuckets: h.negativeBuckets.map((count) => count * factor),
    counterResetHint: factor < 0 ? CounterResetHint.gauge : h.counterResetHint,
  });
}

/**
 * Every count and the sum divided by `divisor`. Division by zero leaves no buckets, and infinities or NaN for the rest.
 * With a negative divisor the result is a gauge.
 *
 * @see prometheus model/histogram/float_histogram.go Div
 */
export function divideHistogram(h: FloatHistogram, divisor: number): FloatHistogram {
  const totals = { zeroCount: h.zeroCount / divisor, count: h.count / divisor, sum: h.sum / divisor };
  if (divisor === 0) {
    return h.with({
      ...totals,
      positiveSpans: NO_SPANS,
      positiveBuckets: NO_FLOATS,
      negativeSpans: NO_SPANS,
      negativeBuckets: NO_FLOATS,
    });
  }
  return h.with({
    ...totals,
    positiveBuckets: h.positiveBuckets.map((count) => count / divisor),
    negativeBuckets: h.negativeBuckets.map((count) => count / divisor),
    counterResetHint: divisor < 0 ? CounterResetHint.gauge : h.counterResetHint,
  });
}
