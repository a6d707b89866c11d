import { TocsinError } from '../core/errors.ts';
import { Matcher } from '../core/matcher.ts';
import type { MatchOp } from '../core/matcher.ts';
import { MatcherLexer, MatcherSyntaxError } from './matcher-lexer.ts';
import type { MatcherToken, MatcherTokenKind } from './matcher-lexer.ts';
import type { MatcherParseResult } from './matcher-parser.ts';

const OPERATORS: readonly MatcherTokenKind[] = ['=', '!=', '=~', '!~'];
const NO_OPERATOR = "expected an operator such as '=', '!=', '=~' or '!~'";

/**
 * Parses zero or more comma-separated matchers, in braces or not, in the syntax that allows any UTF-8 text as name:
 * names and values are quoted as in Go or free of reserved characters.
 *
 * @see alertmanager matcher/parse/parse.go
 */
export function parseUtf8Matchers(input: string): MatcherParseResult {
  try {
    return { kind: 'ok', matchers: new Utf8Parser(input).parse() };
  } catch (error) {
    if (error instanceof MatcherSyntaxError) return { kind: 'error', reason: error.message };
    throw error;
  }
}

class Utf8Parser {
  readonly #lexer: MatcherLexer;
  readonly #matchers: Matcher[] = [];

  constructor(input: string) {
    this.#lexer = new MatcherLexer(input);
  }

  parse(): Matcher[] {
    const first = this.#lexer.peek();
    if (first.kind === 'end') return [];
    const braced = first.kind === '{';
    if (braced) this.#lexer.scan();
    for (let next = this.#lexer.peek(); next.kind !== '}' && next.kind !== 'end'; next = this.#lexer.peek()) {
      this.#matcher();
      if (!this.#afterMatcher()) break;
    }
    this.#close(braced);
    const rest = this.#lexer.scan();
    if (rest.kind !== 'end') {
      throw new MatcherSyntaxError(
        `${rest.columnStart}:${rest.columnEnd}: ${rest.text}: expected end of input`,
      );
    }
    return this.#matchers;
  }

  #matcher(): void {
    const name = unquoteToken(this.#expect(['quoted', 'unquoted'], 'expected label name'));
    const op = this.#expect(OPERATORS, NO_OPERATOR).kind as MatchOp;
    const value = unquoteToken(this.#expect(['unquoted', 'quoted'], 'expected label value'));
    try {
      this.#matchers.push(new Matcher(name, op, value));
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      throw new MatcherSyntaxError(`failed to create matcher: ${error.message}`);
    }
  }

  /** Takes the comma after a matcher; false when no comma follows. */
  #afterMatcher(): boolean {
    const next = this.#lexer.peek();
    if (next.kind === 'end' || next.kind === '}') return false;
    this.#require(next, [','], 'expected a comma or close brace');
    this.#lexer.scan();
    const after = this.#lexer.peek();
    if (after.kind === 'end' || after.kind === '}') return false;
    this.#require(after, ['unquoted', 'quoted'], 'expected a matcher or close brace after comma');
    return true;
  }

  #close(braced: boolean): void {
    const next = this.#lexer.peek();
    if (braced) {
      if (next.kind === '}') this.#lexer.scan();
      else throw new MatcherSyntaxError(`0:${this.#lexer.column}: end of input: expected close brace`);
    } else if (next.kind === '}') {
      this.#lexer.scan();
      throw new MatcherSyntaxError(`0:${this.#lexer.column}: }: expected opening brace`);
    }
  }

  #expect(kinds: readonly MatcherTokenKind[], wanted: string): MatcherToken {
    this.#require(this.#lexer.peek(), kinds, wanted);
    return this.#lexer.scan();
  }

  #require(token: MatcherToken, kinds: readonly MatcherTokenKind[], wanted: string): void {
    if (kinds.includes(token.kind)) return;
    if (token.kind === 'end') throw new MatcherSyntaxError(`end of input: ${wanted}`);
    const place = `${token.columnStart}:${token.columnEnd}`;
    throw new MatcherSyntaxError(`${place}: unexpected ${token.text}: ${wanted}`);
  }
}

function unquoteToken(token: MatcherToken): string {
  const text = token.kind === 'quoted' ? unquoteGo(token.text) : token.text;
  if (text !== undefined && text.isWellFormed()) return text;
  throw new MatcherSyntaxError(`${token.columnStart}:${token.columnEnd}: ${token.text}: invalid input`);
}

const SIMPLE: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  '"': 34,
};
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([abfnrtv\\"]))/y;

/**
 * What a Go string literal in double quotes stands for; undefined when it is not one or is no UTF-8 (bytes may be
 * written singly: `"\xf0\x9f\x99\x82"`).
 */
function unquoteGo(literal: string): string | undefined {
  const body = literal.slice(1, -1);
  if (body.includes('\n')) return undefined;
  if (!body.includes('\\')) return body;
  const encoder = new TextEncoder();
  const bytes: number[] = [];
  for (let at = 0; at < body.length;) {
    if (body[at] !== '\\') {
      const end = body.indexOf('\\', at);
      const plain = body.slice(at, end === -1 ? body.length : end);
      if (!plain.isWellFormed()) return undefined;
      for (const byte of encoder.encode(plain)) bytes.push(byte);
      at += plain.length;
      continue;
    }
    ESCAPE.lastIndex = at;
    const match = ESCAPE.exec(body);
    if (match === null) return undefined;
    at += match[0].length;
    const [, hex, octal, short, long, simple] = match;
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else if (simple !== undefined) bytes.push(SIMPLE[simple]!);
    else {
      const code = Number.parseInt(short ?? long!, 16);
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
      for (const byte of encoder.encode(String.fromCodePoint(code))) bytes.push(byte);
    }
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}
