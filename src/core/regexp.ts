import { RE2JS } from 're2js';
import { TocsinError, errorText } from './errors.ts';

const LITERAL = /^[^\\.+*?()|[\]{}^$]*$/;

/**
 * A regular expression with RE2's syntax and linear time, anchored at both ends, whose dot matches newlines: what
 * Prometheus and Alertmanager use everywhere.
 */
export class AnchoredRegexp {
  readonly source: string;
  /** The only texts that match, when the expression is a plain alternation of literals. */
  readonly setMatches: readonly string[] | undefined;
  readonly #literals: ReadonlySet<string> | undefined;
  readonly #compiled: RE2JS | undefined;

  /** Throws TOCSIN_ERR_REGEXP when `source` is not valid RE2. */
  constructor(source: string) {
    this.source = source;
    const alternatives = source.split('|');
    if (alternatives.every((alternative) => LITERAL.test(alternative))) {
      this.setMatches = alternatives;
      this.#literals = new Set(alternatives);
      return;
    }
    try {
      this.#compiled = RE2JS.compile(`^(?:${source})$`, RE2JS.DOTALL);
    } catch (error) {
      throw new TocsinError('TOCSIN_ERR_REGEXP', `error parsing regexp: ${errorText(error)}`, {
        cause: error,
      });
    }
  }

  test(text: string): boolean {
    return this.#literals !== undefined ? this.#literals.has(text) : this.#compiled!.matches(text);
  }
}
