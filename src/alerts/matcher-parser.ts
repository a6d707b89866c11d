import { isValidLabelName } from '../core/labels.ts';
import type { Logger } from '../core/log.ts';
import { silentLogger } from '../core/log.ts';
import type { Matcher } from '../core/matcher.ts';
import { parseClassicMatcher, parseClassicMatchers } from './matcher-parser-classic.ts';
import { parseUtf8Matchers } from './matcher-parser-utf8.ts';
import { equalMatchers, formatMatcher } from './matcher-text.ts';

/** What parsing gives. `reason` has Alertmanager's words. */
export type MatcherParseResult =
  | { readonly kind: 'ok'; readonly matchers: readonly Matcher[] }
  | { readonly kind: 'error'; readonly reason: string };

/**
 * Which syntax is read: both with the old one deciding where they differ (`fallback`, the default), only the old one
 * (`--enable-feature=classic-mode`) or only the new one (`utf8-strict-mode`).
 */
export type MatcherMode = 'fallback' | 'classic' | 'utf8';

const INCOMPATIBLE =
  'this matcher is read with the classic syntax only; put names and values in double quotes and escape backslashes ' +
  'so that the UTF-8 syntax reads it too';

/**
 * Reads matchers in routes, inhibition rules, silences and API filters; the mode also decides which label names are
 * allowed. Warnings go to the log with the input, where it came from (`origin`) and how it should be written.
 *
 * @see alertmanager matcher/compat/parse.go
 */
export class MatcherParser {
  readonly mode: MatcherMode;
  readonly #logger: Logger;

  constructor(mode: MatcherMode = 'fallback', logger: Logger = silentLogger) {
    this.mode = mode;
    this.#logger = logger;
  }

  /** Whether labels of alerts, `group_by`, `equal` and silences may have this name. */
  isValidLabelName(name: string): boolean {
    return isValidLabelName(name, this.mode === 'classic' ? 'legacy' : 'utf8');
  }

  /** Zero or more comma-separated matchers; braces around them are optional. */
  parseMatchers(input: string, origin: string): MatcherParseResult {
    switch (this.mode) {
      case 'classic':
        return parseClassicMatchers(input);
      case 'utf8':
        return parseUtf8Matchers(input);
      case 'fallback':
        return this.#choose(parseUtf8Matchers(input), parseClassicMatchers(input), input, origin);
    }
  }

  /** Exactly one matcher, without braces. */
  parseMatcher(input: string, origin: string): MatcherParseResult {
    if (this.mode === 'classic') return parseClassicMatcher(input);
    if (input.startsWith('{') || input.endsWith('}')) {
      return { kind: 'error', reason: `unexpected open or close brace: ${input}` };
    }
    const utf8 = onlyOne(parseUtf8Matchers(input));
    return this.mode === 'utf8' ? utf8 : this.#choose(utf8, parseClassicMatcher(input), input, origin);
  }

  #choose(
    utf8: MatcherParseResult,
    classic: MatcherParseResult,
    input: string,
    origin: string,
  ): MatcherParseResult {
    if (utf8.kind === 'error') {
      if (classic.kind === 'error') return classic;
      const suggestion = classic.matchers.map(formatMatcher).join(',');
      this.#logger.warn({ input, origin, reason: utf8.reason, suggestion }, INCOMPATIBLE);
      return classic;
    }
    if (classic.kind === 'ok' && !sameMatchers(utf8.matchers, classic.matchers)) {
      this.#logger.warn(
        { input, origin },
        'the classic and the UTF-8 syntax read this matcher differently; the classic reading is used',
      );
      return classic;
    }
    return utf8;
  }
}

function onlyOne(result: MatcherParseResult): MatcherParseResult {
  if (result.kind === 'error' || result.matchers.length === 1) return result;
  const found = result.matchers.length;
  return { kind: 'error', reason: found === 0 ? 'no matchers' : `expected 1 matcher, found ${found}` };
}

function sameMatchers(a: readonly Matcher[], b: readonly Matcher[]): boolean {
  return a.length === b.length && a.every((matcher, i) => equalMatchers(matcher, b[i]!));
}
