import { goMax, goMin } from '../functions/numeric.ts';

/** What an aggregation's parameter is over all steps, which is what Prometheus decides by. */
export interface ParameterRange {
  readonly min: number;
  readonly max: number;
  readonly hasNaN: boolean;
}

/**
 * Smallest and largest parameter; both are NaN when one of them is.
 *
 * @see prometheus promql/value.go newFParams
 */
export function parameterRange(values: Float64Array): ParameterRange {
  let max = -Number.MAX_VALUE;
  let min = Number.MAX_VALUE;
  let hasNaN = false;
  for (let k = 0; k < values.length; k++) {
    const value = values[k]!;
    max = goMax(max, value);
    min = goMin(min, value);
    hasNaN ||= value !== value;
  }
  return { min, max, hasNaN };
}
