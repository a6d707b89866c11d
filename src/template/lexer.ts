import { goQuote } from '../core/go-quote.ts';

/** Kinds of tokens; those from `block` on are keywords. */
export type TokenKind =
  | 'error'
  | 'eof'
  | 'text'
  | 'left'
  | 'right'
  | 'space'
  | 'assign'
  | 'declare'
  | 'pipe'
  | 'char'
  | 'leftParen'
  | 'rightParen'
  | 'bool'
  | 'charConstant'
  | 'number'
  | 'complex'
  | 'string'
  | 'rawString'
  | 'field'
  | 'variable'
  | 'identifier'
  | 'dot'
  | 'nil'
  | 'block'
  | 'break'
  | 'continue'
  | 'define'
  | 'else'
  | 'end'
  | 'if'
  | 'range'
  | 'template'
  | 'with';

/** A piece of a template's source. */
export interface Token {
  readonly kind: TokenKind;
  /** Offset in the source, in UTF-16 units. */
  readonly pos: number;
  readonly text: string;
  /** Line it starts on, from 1. */
  readonly line: number;
}

const KEYWORDS: ReadonlyMap<string, TokenKind> = new Map<string, TokenKind>([
  ['nil', 'nil'],
  ['block', 'block'],
  ['break', 'break'],
  ['continue', 'continue'],
  ['define', 'define'],
  ['else', 'else'],
  ['end', 'end'],
  ['if', 'if'],
  ['range', 'range'],
  ['template', 'template'],
  ['with', 'with'],
]);

/** Whether the kind is printed as `<keyword>` in messages. */
export function isKeyword(kind: TokenKind): boolean {
  return kind === 'dot' || KEYWORDS.get(kind) === kind;
}

const LEFT = '{{';
const RIGHT = '}}';
const WORD = /[\p{L}\p{Nd}_]/u;
const SINGLES: Readonly<Record<string, TokenKind>> = {
  '=': 'assign',
  '|': 'pipe',
  '(': 'leftParen',
  ')': 'rightParen',
};
const NUMBER =
  /[+-]?(?:0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*\.?[0-7_]*|0[bB][01_]*\.?[01_]*|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9_]*)?)i?/y;

function isSpace(char: string | undefined): boolean {
  return char === ' ' || char === '\t' || char === '\r' || char === '\n';
}

/** Go's `%#U`. */
function codePointText(char: string): string {
  if (char === '') return 'U+FFFFFFFFFFFFFFFF';
  const code = `U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
  return /[\p{C}\p{Z}]/u.test(char) && char !== ' ' ? code : `${code} '${char}'`;
}

/** Stops the scan; the token list then ends with an `error` token. */
class ScanError extends Error {}

/**
 * Splits a template into tokens. Never throws: what is wrong becomes a last token of kind `error` whose text is the
 * message. Otherwise the last token is `eof`.
 *
 * @see Go text/template/parse/lex.go
 */
export function lex(input: string): Token[] {
  return new Lexer(input).run();
}

class Lexer {
  readonly #input: string;
  readonly #tokens: Token[] = [];
  #pos = 0;
  #start = 0;
  #line = 1;
  #parens = 0;

  constructor(input: string) {
    this.#input = input;
  }

  run(): Token[] {
    try {
      this.#scanAll();
    } catch (error) {
      if (!(error instanceof ScanError)) throw error;
      this.#tokens.push({ kind: 'error', pos: this.#start, text: error.message, line: this.#line });
    }
    return this.#tokens;
  }

  #scanAll(): void {
    const input = this.#input;
    for (;;) {
      const open = input.indexOf(LEFT, this.#pos);
      if (open < 0) break;
      this.#pos = open;
      const trim = this.#hasLeftTrim(open + LEFT.length);
      const text = input.slice(this.#start, open);
      const kept = trim ? text.replace(/[ \t\r\n]+$/, '') : text;
      if (kept !== '') this.#push('text', this.#start, kept);
      this.#skipTo(open);
      this.#scanDelimited(trim);
    }
    this.#pos = input.length;
    if (this.#start < input.length) this.#push('text', this.#start, input.slice(this.#start));
    this.#skipTo(input.length);
    this.#push('eof', this.#pos, 'EOF');
  }

  #scanDelimited(trim: boolean): void {
    const afterMarker = this.#pos + LEFT.length + (trim ? 2 : 0);
    if (this.#input.startsWith('/*', afterMarker)) {
      this.#skipTo(afterMarker);
      this.#scanComment();
      return;
    }
    this.#push('left', this.#pos, LEFT);
    this.#skipTo(afterMarker);
    this.#parens = 0;
    while (!this.#atRight()) this.#scanInAction();
    if (this.#parens > 0) throw new ScanError('unclosed left paren');
    this.#scanRight();
  }

  #scanComment(): void {
    const close = this.#input.indexOf('*/', this.#pos + 2);
    if (close < 0) throw new ScanError('unclosed comment');
    this.#pos = close + 2;
    if (!this.#atRight()) throw new ScanError('comment ends before closing delimiter');
    this.#skipTo(this.#pos);
    this.#scanRight(false);
  }

  /** At a right delimiter, possibly with its trim marker in front. */
  #scanRight(emit = true): void {
    const trim = this.#hasRightTrim(this.#pos);
    const at = this.#pos + (trim ? 2 : 0);
    this.#skipTo(at);
    if (emit) this.#push('right', at, RIGHT);
    let end = at + RIGHT.length;
    if (trim) while (isSpace(this.#input[end])) end += 1;
    this.#skipTo(end);
  }

  #scanInAction(): void {
    const input = this.#input;
    const char = input[this.#pos];
    if (char === undefined) throw new ScanError('unclosed action');
    if (isSpace(char)) this.#scanSpace();
    else if (char === ':') this.#scanDeclare();
    else if (char === '"' || char === "'") this.#scanQuoted(char);
    else if (char === '`') this.#scanRaw();
    else if (char === '$') this.#scanName('variable', 1);
    else if (char === '.' && !/[0-9]/.test(input[this.#pos + 1] ?? '')) this.#scanName('field', 1);
    else if (/[-+.0-9]/.test(char)) this.#scanNumber();
    else if (WORD.test(this.#charAt(this.#pos))) this.#scanIdentifier();
    else this.#scanSingle(char);
  }

  #scanSpace(): void {
    let end = this.#pos;
    while (isSpace(this.#input[end])) end += 1;
    if (this.#hasRightTrim(end - 1)) end -= 1;
    if (end > this.#pos) this.#take('space', end);
  }

  #scanDeclare(): void {
    if (this.#input[this.#pos + 1] !== '=') throw new ScanError('expected :=');
    this.#take('declare', this.#pos + 2);
  }

  #scanSingle(char: string): void {
    if (char === '(') this.#parens += 1;
    if (char === ')') {
      this.#parens -= 1;
      if (this.#parens < 0) throw new ScanError('unexpected right paren');
    }
    const kind = SINGLES[char];
    if (kind === undefined && !/[!-~]/.test(char)) {
      throw new ScanError(`unrecognized character in action: ${codePointText(this.#charAt(this.#pos))}`);
    }
    this.#take(kind ?? 'char', this.#pos + 1);
  }

  #scanQuoted(quote: string): void {
    let at = this.#pos + 1;
    for (;;) {
      const char = this.#input[at];
      const escaped = char === '\\' ? this.#input[at + 1] : '';
      if (char === undefined || char === '\n' || escaped === undefined || escaped === '\n') {
        throw new ScanError(quote === '"' ? 'unterminated quoted string' : 'unterminated character constant');
      }
      at += char === '\\' ? 2 : 1;
      if (char === quote) break;
    }
    this.#take(quote === '"' ? 'string' : 'charConstant', at);
  }

  #scanRaw(): void {
    const close = this.#input.indexOf('`', this.#pos + 1);
    if (close < 0) throw new ScanError('unterminated raw quoted string');
    this.#take('rawString', close + 1);
  }

  /** A field or variable whose first character is known. */
  #scanName(kind: 'field' | 'variable', skip: number): void {
    const end = this.#wordEnd(this.#pos + skip);
    if (!this.#atTerminator(end)) throw new ScanError(`bad character ${codePointText(this.#charAt(end))}`);
    this.#take(kind === 'field' && end === this.#pos + 1 ? 'dot' : kind, end);
  }

  #scanIdentifier(): void {
    const end = this.#wordEnd(this.#pos);
    if (!this.#atTerminator(end)) throw new ScanError(`bad character ${codePointText(this.#charAt(end))}`);
    const word = this.#input.slice(this.#pos, end);
    const keyword = KEYWORDS.get(word);
    this.#take(keyword ?? (word === 'true' || word === 'false' ? 'bool' : 'identifier'), end);
  }

  #scanNumber(): void {
    const end = this.#numberEnd(this.#pos);
    const next = this.#input[end];
    if (next !== '+' && next !== '-') {
      this.#take('number', end);
      return;
    }
    const secondEnd = this.#numberEnd(end);
    if (this.#input[secondEnd - 1] !== 'i') throw this.#badNumber(secondEnd);
    this.#take('complex', secondEnd);
  }

  #numberEnd(from: number): number {
    NUMBER.lastIndex = from;
    const end = from + (NUMBER.exec(this.#input)?.[0].length ?? 0);
    const next = this.#charAt(end);
    if (next !== '' && WORD.test(next)) throw this.#badNumber(end + next.length);
    return end;
  }

  #badNumber(end: number): ScanError {
    return new ScanError(`bad number syntax: ${goQuote(this.#input.slice(this.#start, end))}`);
  }

  #wordEnd(from: number): number {
    let end = from;
    for (;;) {
      const char = this.#charAt(end);
      if (char === '' || !WORD.test(char)) return end;
      end += char.length;
    }
  }

  #atTerminator(at: number): boolean {
    const char = this.#input[at];
    return (
      char === undefined || isSpace(char) || '.,|:)('.includes(char) || this.#input.startsWith(RIGHT, at)
    );
  }

  #charAt(at: number): string {
    const code = this.#input.codePointAt(at);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  #atRight(): boolean {
    const at = this.#pos + (this.#hasRightTrim(this.#pos) ? 2 : 0);
    return this.#input.startsWith(RIGHT, at);
  }

  #hasLeftTrim(at: number): boolean {
    return this.#input[at] === '-' && isSpace(this.#input[at + 1]);
  }

  /** ` -}}` at `at`. */
  #hasRightTrim(at: number): boolean {
    return isSpace(this.#input[at]) && this.#input.startsWith(`-${RIGHT}`, at + 1);
  }

  #take(kind: TokenKind, end: number): void {
    this.#push(kind, this.#pos, this.#input.slice(this.#pos, end));
    this.#skipTo(end);
  }

  #push(kind: TokenKind, pos: number, text: string): void {
    this.#tokens.push({ kind, pos, text, line: this.#line });
  }

  #skipTo(end: number): void {
    for (let at = this.#input.indexOf('\n', this.#start); at >= 0 && at < end;) {
      this.#line += 1;
      at = this.#input.indexOf('\n', at + 1);
    }
    this.#start = end;
    this.#pos = end;
  }
}
