/**
 * Floating-point rules where Go's and JavaScript's libraries differ or where the order of operations is part of the
 * result. Hot code: free functions over primitives and typed arrays.
 */

/** Running Neumaier sum; a module-level pair because a returned tuple would be an allocation per sample. */
export interface Compensated {
  sum: number;
  compensation: number;
}

/**
 * Adds `value` to a compensated sum (Kahan's algorithm with Neumaier's swap). The true sum is `sum + compensation`,
 * except that an infinite `sum` stands alone.
 *
 * @see prometheus util/kahansum/kahansum.go Inc
 */
export function addCompensated(into: Compensated, value: number): void {
  const sum = into.sum;
  const total = sum + value;
  if (total === Infinity || total === -Infinity) into.compensation = 0;
  else if (Math.abs(sum) >= Math.abs(value)) into.compensation += sum - total + value;
  else into.compensation += value - total + sum;
  into.sum = total;
}

/** Go's math.Pow: 1 for base 1 with any exponent and for base -1 with an infinite one; JavaScript gives NaN there. */
export function goPow(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && (exponent === Infinity || exponent === -Infinity)) return 1;
  return base ** exponent;
}

/** Rounds to the nearest multiple of `to`, halves upwards; `round(-0.5)` is 0 (funcRound). */
export function goRound(value: number, to: number): number {
  const inverse = 1 / to;
  return Math.floor(value * inverse + 0.5) / inverse;
}

/** Go's math.Max: NaN when either is NaN (unless one is +Inf), +0 over -0. */
export function goMax(a: number, b: number): number {
  if (a === Infinity || b === Infinity) return Infinity;
  return Math.max(a, b);
}

/** Go's math.Min: NaN when either is NaN (unless one is -Inf), -0 over +0. */
export function goMin(a: number, b: number): number {
  if (a === -Infinity || b === -Infinity) return -Infinity;
  return Math.min(a, b);
}

/** Go's conversion of a float to int64 on amd64: towards zero; what doesn't fit becomes the smallest int64. */
export function goTruncate(value: number): number {
  if (!(value >= -9223372036854775808 && value < 9223372036854775808)) return -9223372036854775808;
  return Math.trunc(value);
}

/** `scratch[0..count)` sorted ascending with NaN first, in place: the order in which quantiles see values. */
export function sortNaNFirst(scratch: Float64Array, count: number): void {
  let nans = 0;
  for (let i = 0; i < count; i++) {
    const value = scratch[i]!;
    if (value !== value) {
      scratch[i] = scratch[nans]!;
      scratch[nans++] = NaN;
    }
  }
  const rest = scratch.subarray(nans, count);
  if (rest.length > 32) rest.sort();
  else insertionSort(rest);
}

/** Typed-array sort has a fixed cost of about a microsecond; short windows are the common case. */
function insertionSort(values: Float64Array): void {
  for (let i = 1; i < values.length; i++) {
    const value = values[i]!;
    let at = i - 1;
    while (at >= 0 && values[at]! > value) {
      values[at + 1] = values[at]!;
      at--;
    }
    values[at + 1] = value;
  }
}

/**
 * The φ-quantile of `scratch[0..count)`, which it sorts. NaN for no values or φ NaN; -Inf for φ < 0, +Inf for φ > 1.
 *
 * @see prometheus promql/quantile.go quantile
 */
export function quantileOf(phi: number, scratch: Float64Array, count: number): number {
  if (count === 0 || phi !== phi) return NaN;
  if (phi < 0) return -Infinity;
  if (phi > 1) return Infinity;
  sortNaNFirst(scratch, count);
  const rank = phi * (count - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(count - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return scratch[lower]! * (1 - weight) + scratch[upper]! * weight;
}

/** Whether two values differ by no more than the relative tolerance; NaNs are equal (util/almost). */
export function almostEqual(a: number, b: number, tolerance: number): boolean {
  if (a !== a && b !== b) return true;
  if (a === b) return true;
  const sum = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  const smallestNormal = 2.2250738585072014e-308;
  if (a === 0 || b === 0 || sum < smallestNormal) return difference < tolerance * smallestNormal;
  return difference / Math.min(sum, Number.MAX_VALUE) < tolerance;
}
