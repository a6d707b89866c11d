import { goQuote } from '../core/go-quote.ts';
import { compareText } from '../core/labels.ts';
import type { MatchOp, Matcher } from '../core/matcher.ts';

/** Characters that end an unquoted token of the UTF-8 matcher syntax; `\s` differs from Go's unicode.IsSpace in U+0085 and U+FEFF. */
const RESERVED = /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000{}!=~,\\"'`]/;

/** Whether a character needs quotes in a matcher (white space and `{}!=~,\"'` and the backtick). */
export function isReserved(character: string): boolean {
  return RESERVED.test(character);
}

/**
 * A matcher as Alertmanager prints it, which is also how it appears in group keys: the name is quoted only when it has
 * reserved characters.
 *
 * @see alertmanager pkg/labels/matcher.go Matcher.String
 */
export function formatMatcher(matcher: Matcher): string {
  if (RESERVED.test(matcher.name)) return `${goQuote(matcher.name)}${matcher.op}${goQuote(matcher.value)}`;
  const escaped = matcher.value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
  return `${matcher.name}${matcher.op}"${escaped}"`;
}

/** Matchers in braces, comma separated, as they stand. */
export function formatMatchers(matchers: readonly Matcher[]): string {
  return `{${matchers.map(formatMatcher).join(',')}}`;
}

const OP_ORDER: Readonly<Record<MatchOp, number>> = { '=': 0, '!=': 1, '=~': 2, '!~': 3 };

/** Order of matchers in routes and keys: name, value, operator. */
export function compareMatchers(a: Matcher, b: Matcher): number {
  return compareText(a.name, b.name) || compareText(a.value, b.value) || OP_ORDER[a.op] - OP_ORDER[b.op];
}

/** Whether two matchers say the same. */
export function equalMatchers(a: Matcher, b: Matcher): boolean {
  return a.name === b.name && a.op === b.op && a.value === b.value;
}
