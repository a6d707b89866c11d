import { goQuote } from './go-quote.ts';
import type { Labels } from './labels.ts';
import { AnchoredRegexp } from './regexp.ts';

/** How a {@link Matcher} compares. */
export type MatchOp = '=' | '!=' | '=~' | '!~';

/**
 * A condition on one label. An absent label counts as ''. Regular expressions are RE2, anchored at both ends, and their
 * dot matches newlines.
 */
export class Matcher {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
  /** Compiled value, for `=~` and `!~`. */
  readonly regexp: AnchoredRegexp | undefined;

  /** Throws a TocsinError (TOCSIN_ERR_REGEXP) when a regular expression is not valid. */
  constructor(name: string, op: MatchOp, value: string) {
    this.name = name;
    this.op = op;
    this.value = value;
    this.regexp = op === '=~' || op === '!~' ? new AnchoredRegexp(value) : undefined;
  }

  /** Whether a label value fulfils the condition. */
  matches(value: string): boolean {
    switch (this.op) {
      case '=':
        return value === this.value;
      case '!=':
        return value !== this.value;
      case '=~':
        return this.regexp!.test(value);
      case '!~':
        return !this.regexp!.test(value);
    }
  }

  /** Whether a label set fulfils the condition. */
  matchesLabels(labels: Labels): boolean {
    return this.matches(labels.get(this.name));
  }

  /** `name="value"`, as Prometheus prints it. */
  toString(): string {
    return `${this.name}${this.op}${goQuote(this.value)}`;
  }
}

/** Whether all conditions hold. */
export function matchesAll(matchers: readonly Matcher[], labels: Labels): boolean {
  for (const matcher of matchers) if (!matcher.matchesLabels(labels)) return false;
  return true;
}
