import { TocsinError } from '../core/errors.ts';
import { Matcher } from '../core/matcher.ts';
import type { MatchOp } from '../core/matcher.ts';
import type { MatcherParseResult } from './matcher-parser.ts';

/** Go's `\s` in a regular expression: ASCII only. */
const CLASSIC =
  /^[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(=~|=|!=|!~)[\t\n\f\r ]*([\s\S]*?)[\t\n\f\r ]*$/;

/**
 * Parses a comma-separated list in the syntax from before UTF-8 names: a brace at either end is dropped, values need
 * no quotes and may be empty.
 *
 * @see alertmanager pkg/labels/parse.go ParseMatchers
 */
export function parseClassicMatchers(input: string): MatcherParseResult {
  let text = input.startsWith('{') ? input.slice(1) : input;
  if (text.endsWith('}')) text = text.slice(0, -1);
  const matchers: Matcher[] = [];
  for (const token of splitAtCommas(text)) {
    const result = parseClassicMatcher(token);
    if (result.kind === 'error') return result;
    matchers.push(...result.matchers);
  }
  return { kind: 'ok', matchers };
}

/** Commas inside unescaped double quotes don't separate; a trailing comma is dropped. */
function splitAtCommas(text: string): string[] {
  const tokens: string[] = [];
  let insideQuotes = false;
  let escaped = false;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === ',' && !insideQuotes) {
      tokens.push(text.slice(start, i));
      start = i + 1;
    } else if (character === '"') {
      if (!escaped) insideQuotes = !insideQuotes;
      escaped = false;
    } else if (character === '\\') escaped = !escaped;
    else if (character !== ',') escaped = false;
  }
  const last = text.slice(start).trim();
  if (last !== '') tokens.push(last);
  return tokens;
}

/**
 * Parses one matcher of the classic syntax. Escapes are `\"`, `\\` and `\n`; any other backslash stands for itself.
 *
 * @see alertmanager pkg/labels/parse.go ParseMatcher
 */
export function parseClassicMatcher(input: string): MatcherParseResult {
  const match = CLASSIC.exec(input);
  if (match === null) return { kind: 'error', reason: `bad matcher format: ${input}` };
  const shown = match[3]!;
  if (!shown.isWellFormed()) return { kind: 'error', reason: `matcher value not valid UTF-8: ${shown}` };
  const value = unescapeClassic(shown);
  if (value === undefined) {
    return { kind: 'error', reason: `matcher value contains unescaped double quote: ${shown}` };
  }
  try {
    return { kind: 'ok', matchers: [new Matcher(match[1]!, match[2] as MatchOp, value)] };
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    return { kind: 'error', reason: error.message };
  }
}

/** undefined when there is a double quote where none may be. */
function unescapeClassic(shown: string): string | undefined {
  let needsClosingQuote = shown.startsWith('"');
  const raw = needsClosingQuote ? shown.slice(1) : shown;
  let value = '';
  let escaped = false;
  for (let i = 0; i < raw.length; i++) {
    const character = raw[i]!;
    const isLast = i === raw.length - 1;
    if (escaped) {
      escaped = false;
      if (character === 'n') value += '\n';
      else if (character === '"' || character === '\\') value += character;
      else value += `\\${character}`;
    } else if (character === '\\') {
      if (isLast) value += '\\';
      else escaped = true;
    } else if (character === '"') {
      if (!needsClosingQuote || !isLast) return undefined;
      needsClosingQuote = false;
    } else value += character;
  }
  return needsClosingQuote ? undefined : value;
}
