const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([\s\S]))/g;
const BYTE_ESCAPE = /\\(?:x[89a-fA-F]|[23][0-7]{2})/;

/**
 * The text that a string token stands for. The token must have passed the lexer, which checks the escapes. `\xff` and
 * `\377` stand for single bytes: runs of them are read as UTF-8. A byte b that is part of no character becomes the lone
 * surrogate U+DC00 + b, which well-formed text cannot contain (Go keeps such bytes, a JavaScript string cannot).
 */
export function unquote(token: string): string {
  const body = token.slice(1, -1);
  if (token.startsWith('`') || !body.includes('\\')) return body;
  if (BYTE_ESCAPE.test(body)) return unquoteBytes(body);
  return body.replaceAll(ESCAPE, (_whole, x: string, u: string, U: string, octal: string, other: string) => {
    if (other !== undefined) return SIMPLE_ESCAPES[other] ?? other;
    return String.fromCodePoint(
      octal === undefined ? Number.parseInt(x ?? u ?? U, 16) : Number.parseInt(octal, 8),
    );
  });
}

function unquoteBytes(body: string): string {
  const encoder = new TextEncoder();
  const bytes: number[] = [];
  let at = 0;
  for (const match of body.matchAll(ESCAPE)) {
    bytes.push(...encoder.encode(body.slice(at, match.index)));
    at = match.index + match[0].length;
    const byte = match[1] ?? match[4];
    if (byte === undefined) bytes.push(...encoder.encode(unquote(`"${match[0]}"`)));
    else bytes.push(Number.parseInt(byte, match[1] === undefined ? 8 : 16));
  }
  bytes.push(...encoder.encode(body.slice(at)));
  return decode(Uint8Array.from(bytes));
}

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const character = characterAt(bytes, at);
    text += character?.text ?? String.fromCharCode(0xdc00 + bytes[at]!);
    at += character?.length ?? 1;
  }
  return text;
}

/** The character that begins at a byte, with the number of its bytes; undefined when none does. */
function characterAt(bytes: Uint8Array, at: number): { text: string; length: number } | undefined {
  const lead = bytes[at]!;
  const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > bytes.length) return undefined;
  try {
    return { text: STRICT.decode(bytes.subarray(at, at + length)), length };
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
