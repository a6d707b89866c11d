import { DOT, MINUS, PLUS, ZERO } from './bytes.ts';

/**
 * Reads floats from bytes without making strings in all but rare cases. The grammar is Go's `strconv.ParseFloat`
 * without `_`, `p` and hexadecimal.
 *
 * - Digits that fit 2^53 and a power of ten of at most 22: one exact integer times or by one exact power, so a single
 *   rounding gives the nearest double (Clinger 1990).
 * - Up to 19 digits with a point (what most languages print for a double): the same quotient in double-double
 *   arithmetic (Dekker 1971), whose error is below 2^-100. Where a shift by far more than that does not change the
 *   rounded result, it is the nearest double.
 * - Everything else goes through `Number`.
 */

/** What went wrong in the last {@link parseFloatBytes}. */
export const FloatError = { none: 0, syntax: 1, range: 2, unsupported: 3 } as const;
export type FloatError = (typeof FloatError)[keyof typeof FloatError];

/** Set by every call of {@link parseFloatBytes}. */
export const floatState: { error: FloatError } = { error: FloatError.none };

const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const POWER_MAX = 22;
const EXACT_INTEGERS_END = 2 ** 53;
/** Significant digits that always fit 2^53. */
const HEAD_DIGITS = 15;
/** Significant digits of the double-double path: {@link HEAD_DIGITS} and four more. */
const DIGITS_MAX = 19;
const EXPONENT_DIGITS_MAX = 99_999;
/** Decimal exponent from which Go's shortest 'g' format (`strconv.FormatFloat`, unlike `%v`) writes an exponent. */
const EXPONENT_FROM = 6;

/** The float in bytes[start, end); look at {@link floatState} for whether it is one. */
export function parseFloatBytes(bytes: Uint8Array, start: number, end: number): number {
  floatState.error = FloatError.none;
  let at = start;
  const negative = bytes[at] === MINUS;
  if (negative || bytes[at] === PLUS) at++;
  let head = 0;
  let tail = 0;
  let significant = 0;
  let digitCount = 0;
  let power = 0;
  let digit = 0;
  let pointAt = -1;
  for (; at < end; at++) {
    const byte = bytes[at]!;
    digit = byte - ZERO;
    if (digit < 0 || digit > 9) {
      if (byte !== DOT || pointAt >= 0) break;
      pointAt = at;
      continue;
    }
    digitCount++;
    if (significant < HEAD_DIGITS) head = head * 10 + digit;
    else if (significant < DIGITS_MAX) tail = tail * 10 + digit;
    if (significant > 0 || digit > 0) significant++;
  }
  if (pointAt >= 0) power = pointAt + 1 - at;
  if (digitCount > 0 && at < end && (bytes[at]! | 32) === 101) {
    const exponent = readExponent(bytes, at + 1, end);
    if (Number.isNaN(exponent)) return failFloat(bytes, start, end);
    power += exponent;
    at = end;
  }
  if (at !== end || digitCount === 0) return failFloat(bytes, start, end);
  const value = nearest(head, tail, significant, power);
  // Only NaN differs from itself: no quick way was exact.
  if (value !== value) return slowFloat(bytes, start, end);
  return negative ? -value : value;
}

/** The double nearest to the digits times 10^power, or NaN when neither quick way is sure of it. */
function nearest(head: number, tail: number, significant: number, power: number): number {
  if (power < -POWER_MAX || power > POWER_MAX || significant > DIGITS_MAX) return NaN;
  if (significant <= HEAD_DIGITS) {
    return power < 0 ? head / POWERS_OF_TEN[-power]! : head * POWERS_OF_TEN[power]!;
  }
  const shift = POWERS_OF_TEN[significant - HEAD_DIGITS]!;
  const whole = head * shift + tail;
  if (whole < EXACT_INTEGERS_END) {
    return power < 0 ? whole / POWERS_OF_TEN[-power]! : whole * POWERS_OF_TEN[power]!;
  }
  return power < 0 ? divideWide(head, shift, tail, POWERS_OF_TEN[-power]!) : NaN;
}

const SPLITTER = 2 ** 27 + 1;
/** Relative shift that must not change the result: far above the error, far below half a unit in the last place. */
const DOUBT = 2 ** -90;

/** (head * shift + tail) / divisor, correctly rounded, or NaN when it is too near the middle of two doubles. */
function divideWide(head: number, shift: number, tail: number, divisor: number): number {
  const product = head * shift;
  const productError = multiplyError(head, shift, product);
  const sum = product + tail;
  const sumError = tail - (sum - product) + productError;
  const quotient = sum / divisor;
  const back = quotient * divisor;
  const rest = sum - back - multiplyError(quotient, divisor, back) + sumError;
  const correction = rest / divisor;
  const doubt = quotient * DOUBT;
  const low = quotient + (correction - doubt);
  return low === quotient + (correction + doubt) ? low : NaN;
}

/** a * b - product, exactly, where product is the rounded a * b (Dekker's product with Veltkamp's splitting). */
function multiplyError(a: number, b: number, product: number): number {
  const aScaled = a * SPLITTER;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = b * SPLITTER;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  return aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
}

function slowFloat(bytes: Uint8Array, start: number, end: number): number {
  const value = Number(latin1(bytes, start, end));
  if (!Number.isFinite(value)) floatState.error = FloatError.range;
  return value;
}

/** The signed exponent that fills bytes[start, end); NaN when there is none. */
function readExponent(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  const negative = bytes[at] === MINUS;
  if (at < end && (negative || bytes[at] === PLUS)) at++;
  if (at >= end) return NaN;
  let exponent = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    if (exponent < EXPONENT_DIGITS_MAX) exponent = exponent * 10 + digit;
  }
  return negative ? -exponent : exponent;
}

/** Infinities and NaN, or the reason why the text is no float. */
function failFloat(bytes: Uint8Array, start: number, end: number): number {
  const text = latin1(bytes, start, end);
  if (/[pP_]/.test(text)) {
    floatState.error = FloatError.unsupported;
    return NaN;
  }
  const lower = text.toLowerCase();
  if (lower === 'nan') return NaN;
  if (/^[+-]?inf(?:inity)?$/.test(lower)) return lower.startsWith('-') ? -Infinity : Infinity;
  floatState.error = FloatError.syntax;
  return NaN;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

/**
 * A float as OpenMetrics writes it in `le` and `quantile`: shortest digits, an exponent from 1e6 on, `.0` where there
 * would be neither point nor exponent.
 *
 * @see prometheus model/labels/float.go FormatOpenMetricsFloat
 */
export function formatOpenMetricsFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return '0.0';
  const [digits = '', exponentText = ''] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= EXPONENT_FROM) {
    const sign = exponent < 0 ? '-' : '+';
    return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const text = String(value);
  return /[e.]/.test(text) ? text : `${text}.0`;
}
