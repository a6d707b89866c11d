import type { Position } from './ast.ts';
import { LexError, Lexer } from './lexer.ts';
import { PromqlParseError } from './parse-error.ts';
import type { ParseIssue } from './parse-error.ts';
import { describeToken } from './tokens.ts';
import type { Token } from './tokens.ts';

/** How many tokens a text may have: bounds the memory of the tree. */
export const MAX_TOKENS = 200_000;

/** How many instructions the regular expressions of a text may have together: bounds the time that reading it takes. */
const MAX_REGEXP_PROGRAM = 1_000_000;

/** Thrown inside the parser only: the syntax error has been noted, there is nothing more to read. */
class SyntaxAbort extends Error {}

/** What error texts say of the place: `unexpected X in <context>, expected <expected>`. */
export interface SyntaxContext {
  readonly context: string;
  readonly expected: string;
}

/**
 * One token of lookahead over the lexer, and the issues found so far. Tokens are read only when asked for: what is
 * wrong with a finished construct is noted before what is wrong with the text after it, as in Prometheus.
 */
export class TokenStream {
  readonly text: string;
  readonly issues: ParseIssue[] = [];
  readonly #lexer: Lexer;
  readonly #contexts: SyntaxContext[] = [];
  #ahead: Token | undefined;
  #tokens = 0;
  #regexpProgram = 0;
  /** Where the token taken last ends. */
  lastEnd = 0;

  constructor(text: string) {
    this.text = text;
    this.#lexer = new Lexer(text);
  }

  /** The next token, which stays the next. */
  peek(): Token {
    this.#ahead ??= this.#lexer.next();
    return this.#ahead;
  }

  /** The next token, consumed. */
  take(): Token {
    const token = this.peek();
    this.#ahead = undefined;
    this.lastEnd = token.end;
    if (++this.#tokens > MAX_TOKENS) {
      this.abort(token, `expression is too large: more than ${MAX_TOKENS} tokens`);
    }
    return token;
  }

  /** Whether the next token is this punctuation or operator. */
  isAt(text: string): boolean {
    const token = this.peek();
    return (token.type === 'punctuation' || token.type === 'operator') && token.text === text;
  }

  /** Whether the next token is this keyword. */
  isAtWord(word: string): boolean {
    const token = this.peek();
    return token.type === 'keyword' && token.word === word;
  }

  /** Counts a regular expression that was compiled; gives up when all of them are too large. */
  countRegexp(position: Position, programSize: number): void {
    this.#regexpProgram += programSize;
    if (this.#regexpProgram > MAX_REGEXP_PROGRAM) {
      this.abort(position, 'regular expressions are too large: together they repeat too much');
    }
  }

  /** Consumes the punctuation or operator if it is next. */
  accept(text: string): Token | undefined {
    return this.isAt(text) ? this.take() : undefined;
  }

  /** Consumes the keyword if it is next. */
  acceptWord(word: string): Token | undefined {
    return this.isAtWord(word) ? this.take() : undefined;
  }

  /** Consumes the punctuation or gives up. */
  expect(text: string): Token {
    return this.accept(text) ?? this.unexpected();
  }

  /** Notes an issue and carries on. */
  issue(position: Position, message: string): void {
    this.issues.push({ message, position });
  }

  /** While `parse` runs, unexpected tokens are said to stand in this context (unless a nearer one is known). */
  within<T>(context: string, expected: string, parse: () => T): T {
    this.#contexts.push({ context, expected });
    const result = parse();
    this.#contexts.pop();
    return result;
  }

  /** Gives up at the next token. Without a context the innermost {@link within} names it. */
  unexpected(context?: string, expected?: string): never {
    const token = this.peek();
    const outer = this.#contexts.at(-1);
    const where = context ?? outer?.context ?? '';
    const wanted = context === undefined ? (outer?.expected ?? '') : (expected ?? '');
    let message = `unexpected ${describeToken(token)}`;
    if (where !== '') message += ` in ${where}`;
    if (wanted !== '') message += `, expected ${wanted}`;
    return this.abort(token, message);
  }

  /** Notes an issue and gives up. */
  abort(position: Position, message: string): never {
    this.issue({ start: position.start, end: position.end }, message);
    throw new SyntaxAbort(message);
  }
}

/** Runs a parse over a text; throws {@link PromqlParseError} with everything it noted. */
export function parseWith<T>(text: string, parse: (stream: TokenStream) => T): T {
  const stream = new TokenStream(text);
  let result: T | undefined;
  try {
    result = parse(stream);
  } catch (error) {
    if (error instanceof LexError) {
      stream.issue({ start: error.start, end: text.length }, error.message);
    } else if (!(error instanceof SyntaxAbort)) {
      throw error;
    }
  }
  if (stream.issues.length > 0 || result === undefined) throw new PromqlParseError(text, stream.issues);
  return result;
}
