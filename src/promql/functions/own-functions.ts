import { OwnFunctions, type OwnFunction, type OwnInput } from './own-function.ts';

/** The quantile of the normal distribution that makes a two-sided 95 % interval. */
const Z_95 = 1.96;

/**
 * An end of the Wilson score interval of a proportion p = successes / trials:
 * (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n).
 *
 * More successes than trials count as all of them (`increase` extrapolates the two apart), and no trials leave
 * everything possible: [0, 1], which is the formula's limit. NaN for what is negative or NaN.
 *
 * @see E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927), 209-212
 */
export function wilsonBound(successes: number, trials: number, z: number, side: -1 | 1): number {
  if (!(successes >= 0 && trials >= 0 && z >= 0) || trials === Infinity) return NaN;
  if (trials === 0) return side < 0 ? 0 : 1;
  const p = Math.min(1, successes / trials);
  const zz = z * z;
  const halfWidth = z * Math.sqrt((p * (1 - p)) / trials + zz / (4 * trials * trials));
  const bound = (p + zz / (2 * trials) + side * halfWidth) / (1 + zz / trials);
  // At p = 0 and 1 an end is exactly p, which rounding misses.
  return Math.min(1, Math.max(0, bound));
}

function wilson(name: string, side: -1 | 1): OwnFunction {
  return {
    name,
    argTypes: ['vector', 'vector', 'scalar'],
    variadic: 1,
    returnType: 'vector',
    experimental: false,
    memberLabel: undefined,
    compute: (input: OwnInput) => wilsonBound(input.value(0), input.value(1), input.scalar(2, Z_95), side),
  };
}

/**
 * The functions that come with PromQL itself, about proportions: `ml_wilson_lower(successes, trials, z = 1.96)` and
 * `ml_wilson_upper(...)`, the bounds between which a proportion lies as far as the sample can tell. An alert on a
 * bound knows its sample size: `ml_wilson_lower(errors, requests) > 0.05` waits until there are enough of them.
 */
export const PROPORTION_FUNCTIONS: readonly OwnFunction[] = [
  wilson('ml_wilson_lower', -1),
  wilson('ml_wilson_upper', 1),
];

/** The functions that `--enable-feature=tocsin-functions` switches on. */
export const OWN_FUNCTIONS: OwnFunctions = new OwnFunctions(PROPORTION_FUNCTIONS);
