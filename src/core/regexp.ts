import { RE2JS } from 're2js';
import { TocsinError, errorText } from './errors.ts';
import { ASCII, commonPrefix, matchesSequence, readShape } from './regexp-shape.ts';
import type { Sequence } from './regexp-shape.ts';

/** With more alternatives that hold gaps than this, one pass of the full engine is quicker than trying each. */
const MAX_GAPPED = 32;

/** A simple expression `before(.*)after`, the commonest with a capture. */
const ONE_CAPTURE = /^([^\\.+*?()|[\]{}^$]*)\((\.[*+])\)([^\\.+*?()|[\]{}^$]*)$/;

/** What {@link AnchoredRegexp.test} needs when the engine is not needed. */
interface FastTest {
  readonly literals: ReadonlySet<string>;
  readonly gapped: readonly Sequence[];
  readonly ignoreCase: boolean;
}

/** What the groups of an expression captured: [0] is the whole match; a group that took no part is ''. */
export type Submatches = readonly string[];

/**
 * A regular expression with RE2's syntax and linear time, anchored at both ends, whose dot matches newlines: what
 * Prometheus and Alertmanager use everywhere. Common forms (literals, alternations, prefix, suffix, contains) are
 * tested without the engine; the results are the same.
 */
export class AnchoredRegexp {
  readonly source: string;
  /**
   * The only texts that match, when the expression is an alternation of literals (`a|b`, `a(b|c)?`, `x[12]`); a look-up
   * by value then takes the place of a scan.
   */
  readonly setMatches: readonly string[] | undefined;
  /** Text that everything that matches begins with; '' when none is known. */
  readonly prefix: string;
  readonly #fast: FastTest | undefined;
  #compiled: RE2JS | undefined;
  #groups: ReadonlyMap<string, number> | undefined;
  #oneCapture: { before: string; min: number; after: string } | null | undefined;

  /** Throws TOCSIN_ERR_REGEXP when `source` is not valid RE2. */
  constructor(source: string) {
    this.source = source;
    const shape = readShape(source);
    const { alternatives } = shape;
    if (!shape.certain) this.#compiled = compile(source, RE2JS.DOTALL);
    if (alternatives === undefined) {
      this.prefix = leadingLiteral(source);
      return;
    }
    this.prefix = shape.ignoreCase ? '' : commonPrefix(alternatives);
    const literals = new Set<string>();
    const gapped: (typeof alternatives)[number][] = [];
    for (const sequence of alternatives) {
      const [first = ''] = sequence;
      if (sequence.length <= 1 && typeof first === 'string') literals.add(first);
      else gapped.push(sequence);
    }
    if (gapped.length > MAX_GAPPED) return;
    this.#fast = { literals, gapped, ignoreCase: shape.ignoreCase };
    if (gapped.length === 0 && !shape.ignoreCase) this.setMatches = [...literals];
  }

  /** Instructions of the engine's program, a measure of its memory and time; 0 while the engine is not needed. */
  get programSize(): number {
    return this.#compiled?.programSize() ?? 0;
  }

  /** Whether all of `text` matches. */
  test(text: string): boolean {
    const fast = this.#fast;
    if (fast === undefined) return this.#engine().matches(text);
    let subject = text;
    if (fast.ignoreCase) {
      if (!ASCII.test(text)) return this.#engine().matches(text);
      subject = text.toLowerCase();
    }
    if (fast.literals.has(subject)) return true;
    for (const sequence of fast.gapped) if (matchesSequence(sequence, subject)) return true;
    return false;
  }

  /** What the groups captured, or undefined when `text` does not match. */
  exec(text: string): Submatches | undefined {
    if (this.#oneCapture === undefined) this.#oneCapture = readOneCapture(this.source);
    const simple = this.#oneCapture;
    if (simple !== null) {
      const { before, min, after } = simple;
      if (text.length < before.length + min + after.length) return undefined;
      if (!text.startsWith(before) || !text.endsWith(after)) return undefined;
      return [text, text.slice(before.length, text.length - after.length)];
    }
    if (this.#fast !== undefined && !this.test(text)) return undefined;
    const matcher = this.#engine().matcher(text);
    if (!matcher.matches()) return undefined;
    return readGroups(matcher);
  }

  /** Number of a named group; undefined when there is none of that name. */
  groupNumber(name: string): number | undefined {
    this.#groups ??= new Map(Object.entries(this.#engine().namedGroups()));
    return this.#groups.get(name);
  }

  #engine(): RE2JS {
    this.#compiled ??= compile(this.source, RE2JS.DOTALL);
    return this.#compiled;
  }
}

/**
 * A regular expression that is searched for anywhere in a text, with Go's plain `regexp` defaults (the dot does not
 * match newlines): what template functions use.
 */
export class SearchRegexp {
  readonly source: string;
  readonly #compiled: RE2JS;

  /** Throws TOCSIN_ERR_REGEXP when `source` is not valid RE2. */
  constructor(source: string) {
    this.source = source;
    this.#compiled = compile(source, 0);
  }

  /** Whether it occurs in `text`. */
  test(text: string): boolean {
    return this.#compiled.matcher(text).find();
  }

  /** `text` with every match replaced by the expanded template; Go's Regexp.ReplaceAllString. */
  replaceAll(text: string, template: string): string {
    const replacement = new ReplacementTemplate(template);
    const matcher = this.#compiled.matcher(text);
    const groups = this.#compiled.namedGroups();
    let result = '';
    let lastEnd = 0;
    let searchAt = 0;
    while (searchAt <= text.length && matcher.find(searchAt)) {
      const start = matcher.start();
      const end = matcher.end();
      result += text.slice(lastEnd, start);
      // An empty match right after another match is not a match of its own.
      if (end > lastEnd || start === 0) {
        result += replacement.expand(readGroups(matcher), (name) => groups[name]);
      }
      lastEnd = end;
      const width = (text.codePointAt(searchAt) ?? 0) > 0xffff ? 2 : 1;
      searchAt = Math.max(searchAt + width, end);
    }
    return result + text.slice(lastEnd);
  }
}

/**
 * A replacement text with `$1`, `${1}`, `$name`, `${name}` and `$$`, as Go's Regexp.Expand reads it: a name is the
 * longest run of letters, digits and underscores; references to groups that do not exist are empty; a `$` that begins
 * no reference is itself.
 */
export class ReplacementTemplate {
  readonly source: string;
  /** The text itself when it has no references. */
  readonly literal: string | undefined;
  readonly #parts: readonly (string | number | { readonly name: string })[];

  constructor(source: string) {
    this.source = source;
    this.#parts = parseTemplate(source);
    const texts = this.#parts.filter((part) => typeof part === 'string');
    this.literal = texts.length === this.#parts.length ? texts.join('') : undefined;
  }

  /** The text with references replaced; `groupNumber` finds named groups. */
  expand(groups: Submatches, groupNumber: (name: string) => number | undefined): string {
    if (this.literal !== undefined) return this.literal;
    let result = '';
    for (const part of this.#parts) {
      if (typeof part === 'string') result += part;
      else if (typeof part === 'number') result += groups[part] ?? '';
      else {
        const index = groupNumber(part.name);
        result += index === undefined ? '' : (groups[index] ?? '');
      }
    }
    return result;
  }
}

/** Expands one template for one match; see {@link ReplacementTemplate}. */
export function expandTemplate(template: string, regexp: AnchoredRegexp, groups: Submatches): string {
  return new ReplacementTemplate(template).expand(groups, (name) => regexp.groupNumber(name));
}

/** The text with RE2's special characters escaped; Go's regexp.QuoteMeta. */
export function quoteRegexp(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

function compile(source: string, flags: number): RE2JS {
  try {
    return RE2JS.compile(source, flags);
  } catch (error) {
    const message = errorText(error).replace('`(?s)', '`');
    const shown = message.startsWith('error parsing regexp') ? message : `error parsing regexp: ${message}`;
    throw new TocsinError('TOCSIN_ERR_REGEXP', shown, { cause: error });
  }
}

/** Literal text that an expression without alternatives begins with. */
function leadingLiteral(source: string): string {
  if (source.includes('|')) return '';
  const literal = /^[^\\.+*?()|[\]{}^$]*/u.exec(source)![0];
  const isQuantified = /^[?*+{]/.test(source.slice(literal.length));
  return isQuantified ? literal.replace(/.$/su, '') : literal;
}

function readGroups(matcher: ReturnType<RE2JS['matcher']>): string[] {
  const groups: string[] = [];
  for (let i = 0; i <= matcher.groupCount(); i++) groups.push(matcher.group(i) ?? '');
  return groups;
}

function readOneCapture(source: string): { before: string; min: number; after: string } | null {
  const match = ONE_CAPTURE.exec(source);
  if (match === null) return null;
  return { before: match[1]!, min: match[2] === '.*' ? 0 : 1, after: match[3]! };
}

function parseTemplate(source: string): (string | number | { name: string })[] {
  const parts: (string | number | { name: string })[] = [];
  let text = '';
  let at = 0;
  while (at < source.length) {
    const dollar = source.indexOf('$', at);
    if (dollar < 0) break;
    text += source.slice(at, dollar);
    if (source[dollar + 1] === '$') {
      text += '$';
      at = dollar + 2;
      continue;
    }
    const reference = /^\$(?:\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/u.exec(source.slice(dollar));
    if (reference === null) {
      text += '$';
      at = dollar + 1;
      continue;
    }
    if (text !== '') parts.push(text);
    text = '';
    const name = reference[1] ?? reference[2]!;
    parts.push(/^(?:0|[1-9]\d{0,8})$/.test(name) ? Number(name) : { name });
    at = dollar + reference[0].length;
  }
  text += source.slice(at);
  if (text !== '') parts.push(text);
  return parts;
}
