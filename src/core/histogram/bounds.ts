/**
 * Upper bounds of exponential buckets, to the last bit those of Prometheus: quantiles and the texts of bounds are built
 * from them.
 *
 * @see prometheus model/histogram/generic.go getBoundExponential
 */

/**
 * How far the bounds Prometheus tabulates lie from 2^(i/256 - 1), i = 0..255, in units of 2^-53: `4` is no difference,
 * `0` four units below.
 */
const TABLE_DIFFERENCES =
  '4444443444344444443244333333333344344434433344334433453344334433' +
  '4444443333223423443444344443444444434544342244334333443434223333' +
  '3434332233233433333333232322232244334434332234223322343323223323' +
  '3312332322122212222222111100120133233222231133222312332222012211';

/** 2^(i/256 - 1) for i = 0..255; every 2^(8-s)th is a bound of schema s. */
const FRACTIONS = Float64Array.from(
  TABLE_DIFFERENCES,
  (difference, i) => 2 ** (i / 256) / 2 + (Number(difference) - 4) * 2 ** -53,
);

/**
 * Upper bound of bucket `index` of an exponential schema (-4 to 8), a positive number; the lower bound is that of
 * `index - 1`. The last bucket of finite numbers ends at the largest float, the one above it at +Inf.
 */
export function exponentialBound(index: number, schema: number): number {
  if (schema < 0) {
    const exponent = index * 2 ** -schema;
    return exponent === 1024 ? Number.MAX_VALUE : 2 ** exponent;
  }
  const perPower = 2 ** schema;
  const power = Math.floor(index / perPower);
  const fraction = FRACTIONS[(index - power * perPower) << (8 - schema)]!;
  if (power === 1024 && fraction === 0.5) return Number.MAX_VALUE;
  // Two steps, so that a subnormal result is rounded once.
  return power < -960 ? fraction * 2 ** (power + 61) * 2 ** -60 : fraction * 2 * 2 ** power;
}
