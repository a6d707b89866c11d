import type { WireLabels, WireMatcher } from '../api/types.ts';

const MATCHER = /^\s*([^\s=!~{}"',]+)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"{},]*?))\s*$/;

/** Reads one `name="value"` (quotes may be left out); undefined when the text is none. */
export function parseMatcher(text: string): WireMatcher | undefined {
  const match = MATCHER.exec(text);
  if (match === null) return undefined;
  const [, name, operator, quoted, bare] = match;
  let value = bare ?? '';
  if (quoted !== undefined) {
    try {
      value = JSON.parse(`"${quoted}"`) as string;
    } catch {
      return undefined;
    }
  }
  return {
    name: name!,
    value,
    isRegex: operator === '=~' || operator === '!~',
    isEqual: operator === '=' || operator === '=~',
  };
}

/** `name="value"` of a matcher. */
export function matcherText(matcher: WireMatcher): string {
  const equal = matcher.isEqual !== false;
  const operator = matcher.isRegex ? (equal ? '=~' : '!~') : equal ? '=' : '!=';
  return `${matcher.name}${operator}${JSON.stringify(matcher.value)}`;
}

/** Equality matchers for every label. */
export function labelMatchers(labels: WireLabels): WireMatcher[] {
  return Object.entries(labels).map(([name, value]) => ({ name, value, isRegex: false, isEqual: true }));
}
