import { assert } from '../../core/errors.ts';
import type { Extended } from '../plan.ts';
import { ANCHORED_CHANGE_FUNCTIONS, CHANGE_FUNCTIONS } from './counter-changes.ts';
import { extendedRateFunctions } from './extended-rate.ts';
import { OVER_TIME_FUNCTIONS } from './over-time.ts';
import type { RangeFunction } from './range-kernel.ts';
import { RATE_FUNCTIONS } from './rate-functions.ts';
import { REGRESSION_FUNCTIONS } from './regression.ts';
import { doubleExponentialSmoothing } from './smoothing.ts';

const PLAIN: ReadonlyMap<string, RangeFunction> = new Map([
  ...RATE_FUNCTIONS,
  ...CHANGE_FUNCTIONS,
  ...OVER_TIME_FUNCTIONS,
  ...REGRESSION_FUNCTIONS,
  ['double_exponential_smoothing', doubleExponentialSmoothing],
]);
const ANCHORED: ReadonlyMap<string, RangeFunction> = new Map([
  ...extendedRateFunctions(false),
  ...ANCHORED_CHANGE_FUNCTIONS,
]);
const SMOOTHED = extendedRateFunctions(true);

/** A function of ranges by name; planning has refused those that can't be applied to an extended range. */
export function rangeFunction(name: string, extended: Extended): RangeFunction {
  const functions = extended === undefined ? PLAIN : extended === 'anchored' ? ANCHORED : SMOOTHED;
  const found = functions.get(name);
  assert(found !== undefined, `there must be a function of ranges ${name}`);
  return found;
}
