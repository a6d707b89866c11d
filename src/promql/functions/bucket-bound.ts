import { parseFloatText } from '../../core/float-text.ts';

/** Digits, underscores between them. */
const D = '\\d+(?:_\\d+)*';
const H = '[\\da-f]+(?:_[\\da-f]+)*';
const DECIMAL = new RegExp(`^[+-]?(?:${D}(?:\\.(?:${D})?)?|\\.${D})(?:e[+-]?${D})?$`);
const HEX = new RegExp(`^([+-]?)0x(?:_?(${H})(?:\\.(${H})?)?|\\.(${H}))p([+-]?${D})$`);

/**
 * The bound that a bucket's `le` gives: a float as Go's `strconv.ParseFloat` reads it, hexadecimal ones and underscores
 * between digits included; undefined when it is none or out of range.
 */
export function parseBucketBound(le: string): number | undefined {
  const plain = parseFloatText(le);
  if (plain !== undefined) return plain;
  const lower = le.toLowerCase();
  if (lower.includes('_') && DECIMAL.test(lower)) return parseFloatText(lower.replaceAll('_', ''));
  const hex = HEX.exec(lower);
  if (hex === null) return undefined;
  const [, sign, whole = '', afterWhole = '', fractionOnly = '', exponent = ''] = hex;
  const fraction = (afterWhole || fractionOnly).replaceAll('_', '');
  const mantissa = Number(BigInt(`0x${whole.replaceAll('_', '')}${fraction}`));
  const value = mantissa * 2 ** (Number(exponent.replaceAll('_', '')) - 4 * fraction.length);
  if (!Number.isFinite(value)) return undefined;
  return sign === '-' ? -value : value;
}
