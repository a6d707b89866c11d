/** Scanning of numbers and durations: where they end and whether they are well enough formed to be handed on. */

/** Where scanning stopped and whether what was scanned is a token. */
export interface Scan {
  readonly ok: boolean;
  readonly end: number;
}

/** ASCII letter or underscore. */
export function isAlpha(character: string): boolean {
  return (
    (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') || character === '_'
  );
}

/** ASCII digit. */
export function isDigit(character: string): boolean {
  return character >= '0' && character <= '9';
}

/** ASCII letter, digit or underscore. */
export function isAlphaNumeric(character: string): boolean {
  return isAlpha(character) || isDigit(character);
}

function isHexDigit(character: string): boolean {
  return (
    isDigit(character) || (character >= 'a' && character <= 'f') || (character >= 'A' && character <= 'F')
  );
}

/**
 * Scans a number from `start`. What is accepted here may still not be a number (`1e`); what is refused never is. In a
 * series description (`series`) there are no hexadecimal numbers and `x` may follow.
 *
 * @see prometheus promql/parser/lex.go scanNumber
 */
export function scanNumber(text: string, start: number, series = false): Scan {
  let at = start;
  const hex = !series && text[at] === '0' && (text[at + 1] === 'x' || text[at + 1] === 'X');
  if (hex) at += text[at + 2] === '_' ? 3 : 2;
  else if (!series && text[at] === '0') at++;
  // This dot is not counted: Prometheus lets `0.5.5` through to the parser, which then says what is wrong.
  if (text[at] === '.') at++;
  const isNumberDigit = hex ? isHexDigit : isDigit;
  let dotSeen = false;
  let exponentSeen = false;
  if (isNumberDigit(text.charAt(at))) at++;
  for (;;) {
    const character = text.charAt(at);
    if (isNumberDigit(character)) {
      at++;
    } else if (character === '.') {
      at++;
      if (dotSeen) return { ok: false, end: at };
      dotSeen = true;
      if (text[at] === '_' || text[at] === '.') return { ok: false, end: at + 1 };
      if (hex) return { ok: false, end: at };
    } else if (character === 'e' || character === 'E') {
      at++;
      if (exponentSeen) return { ok: false, end: at };
      exponentSeen = true;
      if (text[at] === '+' || text[at] === '-') at++;
      if (isMisplacedAfterSeparator(text.charAt(at)))
        return { ok: false, end: Math.min(at + 1, text.length) };
    } else if (character === '_') {
      at++;
      if (isMisplacedAfterSeparator(text.charAt(at)))
        return { ok: false, end: Math.min(at + 1, text.length) };
    } else {
      break;
    }
  }
  const next = text.charAt(at);
  return { ok: at > start && ((series && next === 'x') || !isAlphaNumeric(next)), end: at };
}

/** An exponent or an underscore must not be followed by these or by the end of the text. */
function isMisplacedAfterSeparator(character: string): boolean {
  return character === '' || '._eE'.includes(character);
}

/**
 * Scans the rest of a duration whose first digits end at `start` (`5` of `5m`, `1` of `1h30m`). Orders and units that
 * make no duration (`1hs`) are left to the parser.
 */
export function scanDurationRest(text: string, start: number): Scan {
  let at = start;
  const takeUnit = (units: string): boolean => {
    const unit = text.charAt(at);
    if (unit === '' || !units.includes(unit)) return false;
    at++;
    if (text[at] === 's') at++;
    return true;
  };
  if (!takeUnit('smhdwy')) return { ok: false, end: at };
  while (isDigit(text.charAt(at))) {
    while (isDigit(text.charAt(at))) at++;
    if (!takeUnit('smhdw')) return { ok: false, end: at };
  }
  if (!isAlphaNumeric(text.charAt(at))) return { ok: true, end: at };
  return { ok: false, end: at + 1 };
}

const DECIMAL = /^(?:\d+(?:_\d+)*)?(?:\.(?:\d+(?:_\d+)*)?)?(?:[eE][+-]?\d+(?:_\d+)*)?$/;
const HEX = /^0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*$/;
const OCTAL = /^0_?[0-7]+(?:_[0-7]+)*$/;
const MAX_INT64 = 9_223_372_036_854_775_807n;

/** Why a scanned number is none, as Go's strconv says it. */
export type NumberFault = 'invalid syntax' | 'value out of range';

/**
 * The value of a number token: hexadecimal and (leading 0) octal integers, underscores between digits, decimal floats,
 * `Inf` and `NaN`.
 */
export function parseNumber(text: string): number | NumberFault {
  const lower = text.toLowerCase();
  if (lower === 'inf') return Infinity;
  if (lower === 'nan') return NaN;
  const digits = lower.replaceAll('_', '');
  if (HEX.test(text)) {
    const value = BigInt(digits);
    return value > MAX_INT64 ? 'invalid syntax' : Number(value);
  }
  if (OCTAL.test(text)) {
    const value = BigInt(`0o${digits.slice(1)}`);
    if (value <= MAX_INT64) return Number(value);
  }
  if (!DECIMAL.test(text) || !/^\.?\d/.test(digits)) return 'invalid syntax';
  const value = Number(digits);
  return value === Infinity ? 'value out of range' : value;
}
