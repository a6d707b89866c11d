/** Decimal digits of a positive finite value: 0.digits × 10^point. */
interface Decimal {
  readonly digits: string;
  readonly point: number;
}

const view = new DataView(new ArrayBuffer(8));

/** Every digit of a value; a double always has finitely many. */
function exactDecimal(value: number): Decimal {
  if (value === 0) return { digits: '', point: 0 };
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = biased === 0 ? fraction : fraction | (1n << 52n);
  const exponent = Math.max(biased, 1) - 1075;
  const scaled = exponent >= 0 ? mantissa << BigInt(exponent) : mantissa * 5n ** BigInt(-exponent);
  const digits = String(scaled);
  return trimZeros({ digits, point: digits.length + Math.min(exponent, 0) });
}

function shortestDecimal(value: number): Decimal {
  if (value === 0) return { digits: '', point: 0 };
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  return trimZeros({ digits: mantissa.replace('.', ''), point: Number(exponent) + 1 });
}

function trimZeros(decimal: Decimal): Decimal {
  return { digits: decimal.digits.replace(/0+$/, ''), point: decimal.point };
}

/** Rounds to `count` digits, half to even on the exact value, as strconv does. */
function roundTo(decimal: Decimal, count: number): Decimal {
  if (count < 0) return { digits: '', point: decimal.point };
  if (count >= decimal.digits.length) return decimal;
  const kept = decimal.digits.slice(0, count);
  const rest = decimal.digits.slice(count);
  const lastOdd = count > 0 && Number(kept.at(-1)) % 2 === 1;
  const up = rest === '5' ? lastOdd : rest[0]! >= '5';
  if (!up) return trimZeros({ digits: kept, point: decimal.point });
  const raised = count === 0 ? '1' : String(BigInt(kept) + 1n).padStart(count, '0');
  return trimZeros({ digits: raised, point: decimal.point + raised.length - count });
}

/**
 * Go's strconv.FormatFloat(value, verb, precision, 64); precision −1 is the fewest digits that tell the value apart.
 */
export function formatFloat(value: number, verb: 'e' | 'f' | 'g', precision: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const magnitude = Math.abs(value);
  const decimal = precision < 0 ? shortestDecimal(magnitude) : exactDecimal(magnitude);
  if (verb === 'e') return sign + exponential(decimal, precision < 0 ? decimal.digits.length - 1 : precision);
  if (verb === 'f') {
    return (
      sign + plain(decimal, precision < 0 ? Math.max(decimal.digits.length - decimal.point, 0) : precision)
    );
  }
  return sign + general(decimal, precision);
}

function exponential(decimal: Decimal, precision: number): string {
  const { digits, point } = roundTo(decimal, precision + 1);
  const padded = digits.padEnd(Math.max(precision, 0) + 1, '0');
  const exponent = digits === '' ? 0 : point - 1;
  const fraction = padded.length > 1 ? `.${padded.slice(1)}` : '';
  const magnitude = String(Math.abs(exponent)).padStart(2, '0');
  return `${padded[0]}${fraction}e${exponent < 0 ? '-' : '+'}${magnitude}`;
}

function plain(decimal: Decimal, precision: number): string {
  const { digits, point } = roundTo(decimal, decimal.point + precision);
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, '0') : '0';
  if (precision === 0) return whole;
  const fraction = '0'.repeat(Math.max(0, Math.min(-point, precision))) + digits.slice(Math.max(point, 0));
  return `${whole}.${fraction.padEnd(precision, '0')}`;
}

function general(decimal: Decimal, precision: number): string {
  const shortest = precision < 0;
  const wanted = shortest ? 6 : Math.max(precision, 1);
  const rounded = shortest ? decimal : roundTo(decimal, wanted);
  const exponent = rounded.digits === '' ? 0 : rounded.point - 1;
  const count = rounded.digits.length;
  let limit = wanted;
  if (!shortest && limit > count && count >= rounded.point) limit = Math.max(count, 1);
  if (exponent < -4 || exponent >= limit) return exponential(rounded, Math.max(count - 1, 0));
  return plain(rounded, Math.max(count - rounded.point, 0));
}
