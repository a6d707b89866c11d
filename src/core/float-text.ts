/**
 * Float text as Go writes it. JavaScript's shortest digits are the same; exponents, infinities and the sign of zero are
 * not.
 */

/** Go's `strconv.FormatFloat(v, 'f', -1, 64)`: never an exponent. */
export function formatFloatPlain(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value);
  const text = shortest(value);
  const at = text.indexOf('e');
  if (at < 0) return text;
  const exponent = Number(text.slice(at + 1));
  const negative = text.startsWith('-');
  const mantissa = text.slice(negative ? 1 : 0, at);
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = whole + fraction;
  const point = whole.length + exponent;
  let plain: string;
  if (point <= 0) plain = `0.${'0'.repeat(-point)}${digits}`;
  else if (point >= digits.length) plain = digits + '0'.repeat(point - digits.length);
  else plain = `${digits.slice(0, point)}.${digits.slice(point)}`;
  return negative ? `-${plain}` : plain;
}

/** How the HTTP API writes sample values: 'f', but 'e' below 1e-6 and from 1e21 on (jsonutil.MarshalFloat). */
export function formatSampleValue(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value);
  const text = shortest(value);
  return text.includes('e') ? padExponent(text) : text;
}

/** Go's `strconv.FormatFloat(v, 'e', -1, 64)`: always an exponent, as in the `value` of an alert. */
export function formatFloatExponent(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value);
  if (value === 0) return Object.is(value, -0) ? '-0e+00' : '0e+00';
  return padExponent(value.toExponential());
}

/** Go's `strconv.FormatFloat(v, 'g', -1, 64)` and `%v`: an exponent below 1e-4 and from 1e6 on (tried with Go). */
export function formatFloatGeneral(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value);
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude < 1e-4 || magnitude >= 1e6)) return padExponent(value.toExponential());
  return formatFloatPlain(value);
}

function formatSpecial(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

function shortest(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function padExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

const FLOAT = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * Reads a float as Go's `strconv.ParseFloat` does (underscores and hexadecimal floats left out, as exposition formats
 * refuse them); undefined when the text is none or its value out of range.
 */
export function parseFloatText(text: string): number | undefined {
  if (text === '') return undefined;
  const lower = text.toLowerCase();
  const unsigned = lower.startsWith('+') || lower.startsWith('-') ? lower.slice(1) : lower;
  if (unsigned === 'inf' || unsigned === 'infinity') return lower.startsWith('-') ? -Infinity : Infinity;
  if (lower === 'nan') return NaN;
  if (!FLOAT.test(text)) return undefined;
  const value = Number(text);
  // Out of range is an error in Go, not infinity.
  return Number.isFinite(value) ? value : undefined;
}
