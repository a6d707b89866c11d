/**
 * Logarithms and powers of two for interpolating within exponential buckets, with the last digits of Go's math package
 * (JavaScript leaves them to the implementation).
 *
 * @see Go src/math/log2.go, src/math/exp.go (after FreeBSD's e_exp.c)
 */

const SCRATCH = new Float64Array(1);
const SCRATCH_WORDS = new Uint32Array(SCRATCH.buffer);
const HIGH_WORD = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 1 : 0;

/** Logarithm to base 2; exact for powers of two. */
export function log2(value: number): number {
  if (!(value > 0 && value < Infinity)) return Math.log(value);
  let exponent = 0;
  SCRATCH[0] = value;
  if (value < 2 ** -1022) {
    SCRATCH[0] = value * 2 ** 52;
    exponent = -52;
  }
  const high = SCRATCH_WORDS[HIGH_WORD]!;
  exponent += ((high >>> 20) & 0x7ff) - 1022;
  SCRATCH_WORDS[HIGH_WORD] = (high & 0x000fffff) | 0x3fe00000;
  const fraction = SCRATCH[0]!;
  if (fraction === 0.5) return exponent - 1;
  return Math.log(fraction) * Math.LOG2E + exponent;
}

const LN2_HIGH = 6.9314718036912381649e-1;
const LN2_LOW = 1.90821492927058770002e-10;
const P1 = 1.66666666666666657415e-1;
const P2 = -2.77777777770155933842e-3;
const P3 = 6.61375632143793436117e-5;
const P4 = -1.6533902205465251539e-6;
const P5 = 4.13813679705723846039e-8;

/** Two to the power of `value`; exact for whole numbers. */
export function exp2(value: number): number {
  if (Number.isNaN(value)) return NaN;
  if (value > 1023.9999999999999) return Infinity;
  if (value < -1074) return 0;
  const whole = Math.trunc(value + (value > 0 ? 0.5 : -0.5));
  const rest = value - whole;
  const high = rest * LN2_HIGH;
  const low = -rest * LN2_LOW;
  const r = high - low;
  const t = r * r;
  const c = r - t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5))));
  const mantissa = 1 - (low - (r * c) / (2 - c) - high);
  // In two steps: 2^1024 is no float, and a subnormal result must be rounded once.
  return whole > 0 ? mantissa * 2 * 2 ** (whole - 1) : mantissa * 2 ** (whole + 60) * 2 ** -60;
}

/**
 * How much of the width of a bucket lies below `value`, 0 to 1, on a logarithmic scale. `value` is within the bounds,
 * which are finite and of one sign.
 *
 * @see prometheus model/histogram/generic.go FractionBelow
 */
export function fractionBelow(value: number, lower: number, upper: number): number {
  const logLower = log2(Math.abs(lower));
  const logUpper = log2(Math.abs(upper));
  const logValue = log2(Math.abs(value));
  if (value > 0) return (logValue - logLower) / (logUpper - logLower);
  return 1 - (logValue - logUpper) / (logLower - logUpper);
}

/**
 * The value with a share of `fraction` (0 to 1) of the width of a bucket below it, on a logarithmic scale.
 *
 * @see prometheus promql/quantile.go HistogramQuantile
 */
export function valueAtFraction(fraction: number, lower: number, upper: number): number {
  const logLower = log2(Math.abs(lower));
  const logUpper = log2(Math.abs(upper));
  if (lower > 0) return exp2(logLower + (logUpper - logLower) * fraction);
  return -exp2(logUpper + (logLower - logUpper) * (1 - fraction));
}
