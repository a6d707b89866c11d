import { isReserved } from './matcher-text.ts';

/** Kinds of tokens of the UTF-8 matcher syntax. */
export type MatcherTokenKind = 'end' | '{' | '}' | ',' | '=' | '!=' | '=~' | '!~' | 'quoted' | 'unquoted';

/** A token; columns count characters from 0. */
export interface MatcherToken {
  readonly kind: MatcherTokenKind;
  readonly text: string;
  readonly columnStart: number;
  readonly columnEnd: number;
}

/** The input is not in the grammar; the message has Alertmanager's words. */
export class MatcherSyntaxError extends Error {}

const SPACE = /^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;

/**
 * Splits matchers of the UTF-8 syntax into tokens.
 *
 * @see alertmanager matcher/parse/lexer.go
 */
export class MatcherLexer {
  readonly #characters: readonly string[];
  #start = 0;
  #at = 0;

  constructor(input: string) {
    this.#characters = Array.from(input);
  }

  /** End column of what was read last. */
  get column(): number {
    return this.#at;
  }

  /** The next token without taking it. Throws {@link MatcherSyntaxError}. */
  peek(): MatcherToken {
    const [start, at] = [this.#start, this.#at];
    const token = this.scan();
    this.#start = start;
    this.#at = at;
    return token;
  }

  /** Takes the next token; after the last one, `end` for ever. Throws {@link MatcherSyntaxError}. */
  scan(): MatcherToken {
    for (;;) {
      const character = this.#characters[this.#at];
      if (character === undefined) {
        return { kind: 'end', text: '', columnStart: this.#at, columnEnd: this.#at };
      }
      this.#at++;
      if (character === '{' || character === '}' || character === ',') return this.#emit(character);
      if (character === '=') return this.#emit(this.#accept('~') ? '=~' : '=');
      if (character === '!') return this.#negation();
      if (character === '"') return this.#quoted();
      if (!isReserved(character)) return this.#unquoted();
      if (!SPACE.test(character)) throw this.#failure('invalid input');
      this.#start = this.#at;
    }
  }

  #negation(): MatcherToken {
    if (this.#accept('=')) return this.#emit('!=');
    if (this.#accept('~')) return this.#emit('!~');
    if (this.#at >= this.#characters.length) {
      throw new MatcherSyntaxError(`${this.#columns()}: unexpected end of input, expected one of '=~'`);
    }
    throw this.#failure("expected one of '=~'");
  }

  #quoted(): MatcherToken {
    for (;;) {
      const character = this.#characters[this.#at];
      if (character === undefined) throw this.#failure('missing end "');
      this.#at++;
      if (character === '"') return this.#emit('quoted');
      if (character === '\\' && this.#at < this.#characters.length) this.#at++;
    }
  }

  #unquoted(): MatcherToken {
    while (this.#at < this.#characters.length && !isReserved(this.#characters[this.#at]!)) this.#at++;
    return this.#emit('unquoted');
  }

  #accept(character: string): boolean {
    if (this.#characters[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #emit(kind: MatcherTokenKind): MatcherToken {
    const token = { kind, text: this.#text(), columnStart: this.#start, columnEnd: this.#at };
    this.#start = this.#at;
    return token;
  }

  #text(): string {
    return this.#characters.slice(this.#start, this.#at).join('');
  }

  #columns(): string {
    return `${this.#start}:${this.#at}`;
  }

  #failure(what: string): MatcherSyntaxError {
    return new MatcherSyntaxError(`${this.#columns()}: ${this.#text()}: ${what}`);
  }
}
