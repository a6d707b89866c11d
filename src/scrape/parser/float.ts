import { DOT, MINUS, PLUS, ZERO } from './bytes.ts';

/**
 * Reads floats from bytes without making strings in the common case.
 *
 * A decimal whose digits fit 2^53 and whose power of ten is at most 22 is one exact integer multiplied or divided by
 * one exact power of ten, so a single rounding gives the nearest double (Clinger's fast path). Everything else goes
 * through `Number`, which is exact too. The grammar is Go's `strconv.ParseFloat` without `_`, `p` and hexadecimal.
 */

/** What went wrong in the last {@link parseFloatBytes}. */
export const FloatError = { none: 0, syntax: 1, range: 2, unsupported: 3 } as const;
export type FloatError = (typeof FloatError)[keyof typeof FloatError];

/** Set by every call of {@link parseFloatBytes}. */
export const floatState: { error: FloatError } = { error: FloatError.none };

const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const EXACT_INTEGERS_END = 2 ** 53;
const EXPONENT_DIGITS_MAX = 99_999;
/** Decimal exponent from which Go's shortest 'g' format (`strconv.FormatFloat`, unlike `%v`) writes an exponent. */
const EXPONENT_FROM = 6;

/** The float in bytes[start, end); look at {@link floatState} for whether it is one. */
export function parseFloatBytes(bytes: Uint8Array, start: number, end: number): number {
  floatState.error = FloatError.none;
  let at = start;
  const negative = bytes[at] === MINUS;
  if (negative || bytes[at] === PLUS) at++;
  let mantissa = 0;
  let power = 0;
  const wholeStart = at;
  let digit = 0;
  while (at < end && (digit = bytes[at]! - ZERO) >= 0 && digit <= 9) {
    mantissa = mantissa * 10 + digit;
    at++;
  }
  let digitCount = at - wholeStart;
  if (at < end && bytes[at] === DOT) {
    at++;
    const fractionStart = at;
    while (at < end && (digit = bytes[at]! - ZERO) >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      at++;
    }
    power = fractionStart - at;
    digitCount -= power;
  }
  if (digitCount > 0 && at < end && (bytes[at]! | 32) === 101) {
    const exponent = readExponent(bytes, at + 1, end);
    if (Number.isNaN(exponent)) return failFloat(bytes, start, end);
    power += exponent;
    at = end;
  }
  if (at !== end || digitCount === 0) return failFloat(bytes, start, end);
  if (mantissa < EXACT_INTEGERS_END && power >= -22 && power <= 22) {
    const value = power < 0 ? mantissa / POWERS_OF_TEN[-power]! : mantissa * POWERS_OF_TEN[power]!;
    return negative ? -value : value;
  }
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
