import { goQuoteRune, goUnicode } from '../../core/go-quote.ts';
import { isAlpha, isAlphaNumeric, isDigit, scanDurationRest, scanNumber } from './number-scanner.ts';
import { KEYWORDS, PREPROCESSOR_WORDS, quoteLiteral } from './tokens.ts';
import type { Token, TokenType } from './tokens.ts';

/** Thrown inside the parser only: the text has no further token. */
export class LexError extends Error {
  readonly start: number;

  constructor(message: string, start: number) {
    super(message);
    this.name = 'LexError';
    this.start = start;
  }
}

const SPACE = /[ \t\r\n]/;
const OPERATOR_CHARACTERS = new Set(['+', '-', '*', '/', '%', '^', '@']);
const DURATION_WORDS = new Set([...PREPROCESSOR_WORDS].filter((word) => word !== 'start' && word !== 'end'));
const FILL_WORDS = new Set(['fill', 'fill_left', 'fill_right']);

/**
 * Cuts PromQL text into tokens, one at a time. What a character means depends on where it stands: between braces words
 * are never keywords, between brackets only durations and arithmetic are allowed.
 *
 * Texts of errors are those of prometheus promql/parser/lex.go.
 */
export class Lexer {
  readonly text: string;
  /** Where the next token is looked for. */
  position = 0;
  /** Start of the token being read. */
  #start = 0;
  #parenDepth = 0;
  #braceOpen = false;
  #bracketOpen = false;
  #colonSeen = false;
  #durationSeen = false;
  /** Behind the first number in brackets Prometheus' lexer reads as it does outside of them, with other texts. */
  #numberSeen = false;

  constructor(text: string) {
    this.text = text;
  }

  /** The next token; at the end `eof`, again and again. Throws {@link LexError}. */
  next(): Token {
    for (;;) {
      this.#skipSpace();
      if ((this.#bracketOpen && !this.#numberSeen) || this.#peek() !== '#') break;
      this.#skipComment();
    }
    this.#start = this.position;
    if (this.#braceOpen) return this.#insideBraces();
    return this.#bracketOpen && !this.#numberSeen ? this.#insideBrackets() : this.#statement();
  }

  #peek(): string {
    return this.text.charAt(this.position);
  }

  /** The character at a place, whole where it is a surrogate pair; undefined at the end. */
  #characterAt(at: number): string | undefined {
    const code = this.text.codePointAt(at);
    return code === undefined ? undefined : String.fromCodePoint(code);
  }

  #fail(message: string): never {
    throw new LexError(message, this.#start);
  }

  /** Ends the token at `end`. */
  #emit(type: TokenType, end: number): Token {
    const text = this.text.slice(this.#start, end);
    this.position = end;
    const word = type === 'keyword' ? text.toLowerCase() : text;
    return { type, text, word, start: this.#start, end };
  }

  #skipSpace(): void {
    while (SPACE.test(this.#peek())) this.position++;
  }

  #skipComment(): void {
    while (this.position < this.text.length && !/[\r\n]/.test(this.#peek())) this.position++;
  }

  #statement(): Token {
    const character = this.#peek();
    const at = this.position;
    if (character === '') {
      if (this.#parenDepth !== 0) this.#fail('unclosed left parenthesis');
      if (this.#bracketOpen) this.#fail('unclosed left bracket');
      return this.#emit('eof', at);
    }
    if (OPERATOR_CHARACTERS.has(character)) return this.#emit('operator', at + 1);
    if (isAlpha(character) || character === ':') {
      return this.#bracketOpen ? this.#bracketWord(character) : this.#word();
    }
    if (isDigit(character) || (character === '.' && isDigit(this.text.charAt(at + 1)))) return this.#number();
    switch (character) {
      case ',':
        return this.#emit('punctuation', at + 1);
      case '(':
      case ')':
        return this.#paren(character);
      case '{':
        this.#braceOpen = true;
        return this.#emit('punctuation', at + 1);
      case '[':
        if (this.#bracketOpen) this.#fail(`unexpected left bracket '['`);
        this.#bracketOpen = true;
        this.#colonSeen = false;
        this.#numberSeen = false;
        return this.#emit('punctuation', at + 1);
      case ']':
        if (!this.#bracketOpen) this.#fail(`unexpected right bracket ']'`);
        this.#bracketOpen = false;
        return this.#emit('punctuation', at + 1);
      case '"':
      case "'":
        return this.#string(character);
      case '`':
        return this.#rawString();
      default:
        return this.#comparison(character);
    }
  }

  #comparison(character: string): Token {
    const at = this.position;
    const next = this.text.charAt(at + 1);
    switch (character) {
      case '=':
        if (next === '=') return this.#emit('operator', at + 2);
        if (next === '~') this.#fail(`unexpected character after '=': '~'`);
        return this.#emit('punctuation', at + 1);
      case '!':
        if (next !== '=') {
          this.#fail(`unexpected character after '!': ${goQuoteRune(this.#characterAt(at + 1))}`);
        }
        return this.#emit('operator', at + 2);
      case '<':
      case '>':
        return this.#emit('operator', next === '=' || next === '/' ? at + 2 : at + 1);
      default:
        return this.#fail(`unexpected character: ${goQuoteRune(this.#characterAt(at))}`);
    }
  }

  #paren(character: string): Token {
    const token = this.#emit('punctuation', this.position + 1);
    this.#parenDepth += character === '(' ? 1 : -1;
    if (this.#parenDepth < 0) {
      this.#start = this.position;
      this.#fail(`unexpected right parenthesis ')'`);
    }
    return token;
  }

  #word(): Token {
    let end = this.position;
    while (isAlphaNumeric(this.text.charAt(end)) || this.text.charAt(end) === ':') end++;
    const word = this.text.slice(this.position, end).toLowerCase();
    if (word === 'inf' || word === 'nan') return this.#emit('number', end);
    if (KEYWORDS.has(word) && (!FILL_WORDS.has(word) || this.#isParenAfter(end))) {
      return this.#emit('keyword', end);
    }
    return this.#emit(word.includes(':') ? 'metricIdentifier' : 'identifier', end);
  }

  /** `fill` is a modifier only in front of a parenthesis, so that metrics of that name keep working. */
  #isParenAfter(at: number): boolean {
    while (SPACE.test(this.text.charAt(at))) at++;
    return this.text.charAt(at) === '(';
  }

  #number(): Token {
    const number = scanNumber(this.text, this.position);
    if (number.ok) return this.#emit('number', number.end);
    const duration = scanDurationRest(this.text, number.end);
    if (duration.ok) return this.#emit('duration', duration.end);
    return this.#fail(
      `bad number or duration syntax: ${quoteLiteral(this.text.slice(this.#start, duration.end))}`,
    );
  }

  #insideBraces(): Token {
    const character = this.#peek();
    const at = this.position;
    if (isAlpha(character)) {
      let end = at;
      while (isAlphaNumeric(this.text.charAt(end))) end++;
      return this.#emit('identifier', end);
    }
    switch (character) {
      case '':
        return this.#fail('unexpected end of input inside braces');
      case ',':
        return this.#emit('punctuation', at + 1);
      case '"':
      case "'":
        return this.#string(character);
      case '`':
        return this.#rawString();
      case '=':
        if (this.text.charAt(at + 1) === '~') return this.#emit('operator', at + 2);
        return this.#emit('punctuation', at + 1);
      case '!': {
        const next = this.#characterAt(at + 1);
        if (next === '~' || next === '=') return this.#emit('operator', at + 2);
        return this.#fail(`unexpected character after '!' inside braces: ${goQuoteRune(next)}`);
      }
      case '{':
        return this.#fail(`unexpected left brace '{'`);
      case '}':
        this.#braceOpen = false;
        return this.#emit('punctuation', at + 1);
      default:
        return this.#fail(`unexpected character inside braces: ${goQuoteRune(this.#characterAt(at))}`);
    }
  }

  #insideBrackets(): Token {
    const character = this.#peek();
    const at = this.position;
    if (isDigit(character) || (character === '.' && isDigit(this.text.charAt(at + 1)))) {
      this.#durationSeen = true;
      this.#numberSeen = true;
      return this.#number();
    }
    if (character !== '@' && OPERATOR_CHARACTERS.has(character)) return this.#emit('operator', at + 1);
    switch (character) {
      case '':
        return this.#fail('unexpected end of input in duration expression');
      case ']':
        this.#bracketOpen = false;
        return this.#emit('punctuation', at + 1);
      case ':':
        return this.#colon();
      case '(':
      case ')':
        return this.#paren(character);
      case ',':
        return this.#emit('punctuation', at + 1);
      default:
        return this.#durationWord();
    }
  }

  #colon(): Token {
    const token = this.#emit('punctuation', this.position + 1);
    this.#start = this.position;
    if (!this.#durationSeen) this.#fail('unexpected colon before duration in duration expression');
    if (this.#colonSeen) this.#fail('unexpected repeated colon in duration expression');
    this.#colonSeen = true;
    return token;
  }

  #durationWord(): Token {
    return (
      this.#acceptDurationWord() ??
      this.#fail(
        `unexpected character in duration expression: ${goQuoteRune(this.#characterAt(this.position))}`,
      )
    );
  }

  #bracketWord(character: string): Token {
    if (character === ':') {
      if (this.#colonSeen) this.#fail(`unexpected colon ':'`);
      this.#colonSeen = true;
      return this.#emit('punctuation', this.position + 1);
    }
    return (
      this.#acceptDurationWord() ??
      this.#fail(`unexpected character: ${goQuoteRune(character)}, expected ':'`)
    );
  }

  #acceptDurationWord(): Token | undefined {
    let end = this.position;
    while (isAlpha(this.text.charAt(end))) end++;
    const word = this.text.slice(this.position, end).toLowerCase();
    return DURATION_WORDS.has(word) ? this.#emit('keyword', end) : undefined;
  }

  #string(quote: string): Token {
    let at = this.position + 1;
    for (;;) {
      const character = this.#characterAt(at);
      if (character === undefined || character === '\n') this.#fail('unterminated quoted string');
      if (isBroken(character)) this.#fail('invalid UTF-8 rune');
      at += character.length;
      if (character === quote) return this.#emit('string', at);
      if (character === '\\') at = this.#escape(at, quote);
    }
  }

  #rawString(): Token {
    let at = this.position + 1;
    for (;;) {
      const character = this.#characterAt(at);
      if (character === undefined) this.#fail('unterminated raw string');
      if (isBroken(character)) this.#fail('invalid UTF-8 rune');
      at += character.length;
      if (character === '`') return this.#emit('string', at);
    }
  }

  /** Checks the escape whose backslash is before `at`; gives where it ends. */
  #escape(at: number, quote: string): number {
    const character = this.#characterAt(at);
    if (character === undefined) this.#fail('escape sequence not terminated');
    if (character === quote || 'abfnrtv\\'.includes(character)) return at + 1;
    if (character >= '0' && character <= '7') return this.#codeEscape(at, 3, 8, 255);
    switch (character) {
      case 'x':
        return this.#codeEscape(at + 1, 2, 16, 255);
      case 'u':
        return this.#codeEscape(at + 1, 4, 16, 0x10ffff);
      case 'U':
        return this.#codeEscape(at + 1, 8, 16, 0x10ffff);
      default:
        return this.#fail(`unknown escape sequence ${goUnicode(character)}`);
    }
  }

  #codeEscape(start: number, digits: number, base: number, max: number): number {
    let code = 0;
    for (let at = start; at < start + digits; at++) {
      const character = this.#characterAt(at);
      if (character === undefined) this.#fail('escape sequence not terminated');
      const digit = /^[0-9a-fA-F]$/.test(character) ? Number.parseInt(character, 16) : 16;
      if (digit >= base) this.#fail(`illegal character ${goUnicode(character)} in escape sequence`);
      code = code * base + digit;
    }
    if (code > max || (code >= 0xd800 && code <= 0xdfff)) {
      this.#fail('escape sequence is an invalid Unicode code point');
    }
    return start + digits;
  }
}

/** What Go sees where bytes are not UTF-8: here U+FFFD itself, and halves of surrogate pairs. */
function isBroken(character: string): boolean {
  const code = character.codePointAt(0)!;
  return code === 0xfffd || (code >= 0xd800 && code <= 0xdfff);
}
