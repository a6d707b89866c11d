/** Statistics written down as they are defined. */

/** The sum; Inf and NaN as IEEE has them. */
export function sum(values: readonly number[]): number {
  // Exact enough for comparing: small ones first.
  return [...values].sort((a, b) => Math.abs(a) - Math.abs(b)).reduce((total, value) => total + value, 0);
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

/** Of a population; any value that isn't finite makes it NaN. */
export function variance(values: readonly number[]): number {
  const centre = mean(values);
  return mean(values.map((value) => (value - centre) ** 2));
}

/** NaN counts as the smallest value. */
export function quantile(phi: number, values: readonly number[]): number {
  if (values.length === 0 || Number.isNaN(phi)) return NaN;
  if (phi < 0) return -Infinity;
  if (phi > 1) return Infinity;
  const sorted = [...values].sort((a, b) => (Number.isNaN(a) ? -1 : Number.isNaN(b) ? 1 : a - b));
  const rank = phi * (values.length - 1);
  const lower = Math.floor(rank);
  const upper = Math.min(lower + 1, values.length - 1);
  return sorted[lower]! * (1 - (rank - lower)) + sorted[upper]! * (rank - lower);
}

/** The greatest, or with sign -1 the smallest; NaN only when there is nothing else. */
export function extreme(values: readonly number[], sign: 1 | -1): number {
  const numbers = values.filter((value) => !Number.isNaN(value));
  if (numbers.length === 0) return NaN;
  return sign * Math.max(...numbers.map((value) => sign * value));
}

/** Slope and intercept (at `atMs`) of the least-squares line; seconds. A constant has slope 0, one that is Inf NaN. */
export function line(
  points: readonly { readonly tMs: number; readonly value: number }[],
  atMs: number,
): { readonly slope: number; readonly intercept: number } {
  const values = points.map(({ value }) => value);
  if (values.every((value) => value === values[0])) {
    const finite = Number.isFinite(values[0]!);
    return finite ? { slope: 0, intercept: values[0]! } : { slope: NaN, intercept: NaN };
  }
  const times = points.map(({ tMs }) => (tMs - atMs) / 1000);
  const centreT = mean(times);
  const centreV = mean(values);
  const slope =
    sum(times.map((t, i) => (t - centreT) * (values[i]! - centreV))) /
    sum(times.map((t) => (t - centreT) ** 2));
  return { slope, intercept: centreV - slope * centreT };
}

/** Go's math.Pow. */
export function power(a: number, b: number): number {
  if (a === 1 || (a === -1 && Math.abs(b) === Infinity)) return 1;
  return a ** b;
}
