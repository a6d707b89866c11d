import { goQuote } from '../core/go-quote.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

/** Go's strconv.QuoteToASCII (`%+q`). */
export function goQuoteAscii(text: string): string {
  return goQuote(text).replaceAll(/[\u0080-\u{10ffff}]/gu, (char) => {
    const code = char.codePointAt(0)!;
    const hex = code.toString(16);
    return code > 0xffff ? String.raw`\U` + hex.padStart(8, '0') : String.raw`\u` + hex.padStart(4, '0');
  });
}

/** The text of a Go string literal in any of the three quotes; undefined when it is none (Go's strconv.Unquote). */
export function goUnquote(literal: string): string | undefined {
  const quote = literal[0];
  if (literal.length < 2 || literal.at(-1) !== quote) return undefined;
  const inner = literal.slice(1, -1);
  if (quote === '`') return inner.includes('`') ? undefined : inner.replaceAll('\r', '');
  if ((quote !== '"' && quote !== "'") || inner.includes('\n')) return undefined;
  const text = unescape(inner, quote);
  if (quote === '"' || text === undefined) return text;
  return Array.from(text).length === 1 ? text : undefined;
}

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([abfnrtv\\'"]))/y;

function unescape(inner: string, quote: string): string | undefined {
  if (!inner.includes('\\')) return inner.includes(quote) ? undefined : inner;
  const out = new Utf8Builder();
  let at = 0;
  while (at < inner.length) {
    const next = inner.indexOf('\\', at);
    const plain = inner.slice(at, next < 0 ? inner.length : next);
    if (plain.includes(quote)) return undefined;
    out.text(plain);
    if (next < 0) break;
    ESCAPE.lastIndex = next;
    const match = ESCAPE.exec(inner);
    if (match === null || !appendEscape(out, match, quote)) return undefined;
    at = next + match[0].length;
  }
  return out.toString();
}

/** Whether the escape is one that may stand in these quotes. */
function appendEscape(out: Utf8Builder, match: RegExpExecArray, quote: string): boolean {
  const [, hexByte, octal, short, long, named] = match;
  if (named !== undefined) {
    if ((named === '"' || named === "'") && named !== quote) return false;
    out.text(ESCAPES[named] ?? named);
    return true;
  }
  const byte = hexByte ?? octal;
  if (byte !== undefined) {
    const value = Number.parseInt(byte, hexByte === undefined ? 8 : 16);
    if (value > 255) return false;
    if (quote === "'") out.text(String.fromCodePoint(value));
    else out.byte(value);
    return true;
  }
  const code = Number.parseInt((short ?? long)!, 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  out.text(String.fromCodePoint(code));
  return true;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Joins text and single bytes; bytes that are no UTF-8 together become U+FFFD. */
class Utf8Builder {
  readonly #bytes: number[] = [];

  text(text: string): void {
    for (const byte of encoder.encode(text)) this.#bytes.push(byte);
  }

  byte(byte: number): void {
    this.#bytes.push(byte);
  }

  toString(): string {
    return decoder.decode(Uint8Array.from(this.#bytes));
  }
}
