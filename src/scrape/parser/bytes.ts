/** Byte values and classes that the exposition parsers share. */

export const TAB = 9;
export const NEWLINE = 10;
export const SPACE = 32;
export const QUOTE = 34;
export const HASH = 35;
export const PLUS = 43;
export const COMMA = 44;
export const MINUS = 45;
export const DOT = 46;
export const ZERO = 48;
export const EQUAL = 61;
export const BACKSLASH = 92;
export const BRACE_OPEN = 123;
export const BRACE_CLOSE = 125;

/** May begin a label name: letters and `_`. */
export const LABEL_START = 1;
/** May continue a label name: letters, digits and `_`. */
export const LABEL_PART = 2;
/** May begin a metric name: letters, `_` and `:`. */
export const NAME_START = 4;
/** May continue a metric name. */
export const NAME_PART = 8;

/** Bit set of the classes above for every byte. */
export const CLASSES: Uint8Array = makeClasses();

function makeClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  const all = LABEL_START | LABEL_PART | NAME_START | NAME_PART;
  for (let c = 0; c < 26; c++) {
    classes[65 + c] = all;
    classes[97 + c] = all;
  }
  classes[95] = all;
  classes[58] = NAME_START | NAME_PART;
  for (let c = 48; c < 58; c++) classes[c] = LABEL_PART | NAME_PART;
  return classes;
}

const GO_ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** Bytes shown of a long text in an error message. */
const QUOTED_BYTES_MAX = 512;

/** Bytes in double quotes as Go's `%q` prints them; what is longer than 512 bytes is cut and ends with `…`. */
export function quoteBytes(bytes: Uint8Array, start: number, end: number): string {
  const cut = end - start > QUOTED_BYTES_MAX;
  const shown = Buffer.from(bytes.subarray(start, cut ? start + QUOTED_BYTES_MAX : end));
  let text = '';
  let at = 0;
  while (at < shown.length) {
    const length = sequenceLength(shown, at);
    if (length === 0) {
      text += `\\x${shown[at]!.toString(16).padStart(2, '0')}`;
      at++;
      continue;
    }
    text += quoteCharacter(shown.toString('utf8', at, at + length));
    at += length;
  }
  return `"${text}${cut ? '…' : ''}"`;
}

/** A text in double quotes as Go's `%q` prints it. */
export function quoteText(text: string): string {
  const bytes = Buffer.from(text);
  return quoteBytes(bytes, 0, bytes.length);
}

function quoteCharacter(character: string): string {
  const escape = GO_ESCAPES[character];
  if (escape !== undefined) return escape;
  const code = character.codePointAt(0)!;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (/[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(character) || character === ' ') return character;
  return code > 0xffff
    ? `\\U${code.toString(16).padStart(8, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** Length of the valid UTF-8 sequence at `at`, 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const text = Buffer.from(bytes.subarray(at, at + length)).toString('utf8');
  return text.includes('\ufffd') ? 0 : length;
}
