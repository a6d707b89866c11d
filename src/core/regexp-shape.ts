/**
 * A small reader of regular expressions that recognises the forms people write most: literals, alternations of them,
 * and `.*` / `.+` between literals. What it does not know for certain it leaves to the full engine.
 */

/** `.*` (min 0) or `.+` (min 1). */
interface Gap {
  readonly min: 0 | 1;
}

/** Literals and gaps in turn; neighbours are merged. */
export type Sequence = readonly (string | Gap)[];

/** What is known of an expression. */
export interface RegexpShape {
  /** The alternatives, each a sequence of literals and gaps; undefined when the expression is of no simple form. */
  readonly alternatives: readonly Sequence[] | undefined;
  /** True when the expression began with `(?i)`; literals are then in lower case and plain ASCII. */
  readonly ignoreCase: boolean;
  /** Valid beyond doubt: no need to ask the full engine. */
  readonly certain: boolean;
}

const MAX_ALTERNATIVES = 20_000;
/** Groups and classes multiply; beyond this many combinations the full engine is the better tool. */
const MAX_PRODUCT = 512;
const MAX_CLASS = 32;
const MAX_DEPTH = 20;
const META = /[\\.+*?()|[\]{}^$]/;
const UNKNOWN: RegexpShape = { alternatives: undefined, ignoreCase: false, certain: false };

/** Reads the shape of an RE2 expression. */
export function readShape(source: string): RegexpShape {
  if (!META.test(source)) return { alternatives: [[source]], ignoreCase: false, certain: true };
  const ignoreCase = source.startsWith('(?i)');
  const reader = new ShapeReader(ignoreCase ? source.slice(4) : source);
  const alternatives = reader.readAll();
  if (alternatives === undefined) return UNKNOWN;
  if (ignoreCase) {
    // Beyond ASCII, folding has surprises (the Kelvin sign is a k); the full engine knows them.
    const isAscii = (part: string | Gap): boolean => typeof part !== 'string' || ASCII.test(part);
    if (!alternatives.every((sequence) => sequence.every(isAscii))) return UNKNOWN;
  }
  const lower = (part: string | Gap): string | Gap => (typeof part === 'string' ? part.toLowerCase() : part);
  return {
    alternatives: ignoreCase ? alternatives.map((sequence) => sequence.map(lower)) : alternatives,
    ignoreCase,
    certain: reader.certain && !ignoreCase,
  };
}

/** Text of ASCII characters only. */
export const ASCII: RegExp = /^[\0-\x7f]*$/;

/** Whether all of `text` has the form of `sequence`. Takes time linear in the text for each literal at most. */
export function matchesSequence(sequence: Sequence, text: string): boolean {
  let at = 0;
  let gap: 0 | 1 | undefined;
  for (let i = 0; i < sequence.length; i++) {
    const part = sequence[i]!;
    if (typeof part !== 'string') {
      gap = part.min;
      continue;
    }
    if (gap === undefined) {
      if (!text.startsWith(part)) return false;
      at = part.length;
    } else if (i === sequence.length - 1) {
      return text.length - part.length >= at + gap && text.endsWith(part);
    } else {
      const found = text.indexOf(part, at + gap);
      if (found < 0) return false;
      at = found + part.length;
    }
    gap = undefined;
  }
  return gap === undefined ? at === text.length : text.length >= at + gap;
}

/** The text that all alternatives begin with. */
export function commonPrefix(alternatives: readonly Sequence[]): string {
  let prefix: string | undefined;
  for (const sequence of alternatives) {
    const head = typeof sequence[0] === 'string' ? sequence[0] : '';
    if (prefix === undefined) prefix = head;
    let length = 0;
    while (length < prefix.length && prefix[length] === head[length]) length++;
    prefix = prefix.slice(0, length);
    if (prefix === '') return '';
  }
  // Half a surrogate pair is no prefix of anything that people search.
  return prefix?.isWellFormed() === false ? prefix.slice(0, -1) : (prefix ?? '');
}

class ShapeReader {
  /** Nothing was read that the full engine might refuse. */
  certain = true;
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  readAll(): Sequence[] | undefined {
    const alternatives = this.#readAlternatives(0);
    return alternatives === undefined || this.#at < this.#source.length ? undefined : alternatives;
  }

  #readAlternatives(depth: number): Sequence[] | undefined {
    if (depth > MAX_DEPTH) return undefined;
    const alternatives: Sequence[] = [];
    for (;;) {
      const branch = this.#readBranch(depth);
      if (branch === undefined || alternatives.length + branch.length > MAX_ALTERNATIVES) return undefined;
      for (const sequence of branch) alternatives.push(sequence);
      if (this.#source[this.#at] !== '|') return alternatives;
      this.#at++;
    }
  }

  #readBranch(depth: number): Sequence[] | undefined {
    let sequences: Sequence[] = [[]];
    while (this.#at < this.#source.length) {
      const char = this.#source[this.#at]!;
      if (char === '|' || char === ')') break;
      const item = this.#readItem(char, depth);
      if (item === undefined) return undefined;
      if (item.length > 1 && sequences.length * item.length > MAX_PRODUCT) return undefined;
      const joined: Sequence[] = [];
      for (const head of sequences) {
        for (const tail of item) {
          const sequence = joinSequences(head, tail);
          if (sequence === undefined) return undefined;
          joined.push(sequence);
        }
      }
      sequences = joined;
    }
    return sequences;
  }

  #readItem(char: string, depth: number): Sequence[] | undefined {
    if (char === '.') return this.#readDot();
    if (char === '(') return this.#readGroup(depth);
    let item: Sequence[] | undefined;
    if (char === '[') item = this.#readClass();
    else if (char === '\\') item = this.#readEscape();
    else if (!META.test(char)) item = this.#readRun();
    if (item === undefined) return undefined;
    return this.#readOptional(item);
  }

  /** Literal characters up to the next special one; the last is left out when a quantifier follows it. */
  #readRun(): Sequence[] | undefined {
    const start = this.#at;
    while (this.#at < this.#source.length && !META.test(this.#source[this.#at]!)) this.#at++;
    if (this.#at < this.#source.length && '?*+{'.includes(this.#source[this.#at]!)) {
      let back = this.#at - 1;
      const low = this.#source.charCodeAt(back);
      if (low >= 0xdc00 && low <= 0xdfff && back > start) back--;
      if (back > start) this.#at = back;
    }
    return [[this.#source.slice(start, this.#at)]];
  }

  #readEscape(): Sequence[] | undefined {
    const next = this.#source[this.#at + 1];
    if (next === undefined || !/[!-/:-@[-`{-~]/.test(next)) return undefined;
    this.#at += 2;
    return [[next]];
  }

  #readDot(): Sequence[] | undefined {
    const quantifier = this.#source[this.#at + 1];
    if (quantifier !== '*' && quantifier !== '+') return undefined;
    this.#at += 2;
    if (this.#source[this.#at] === '?') this.#at++;
    if (this.#hasQuantifier()) return undefined;
    return [[{ min: quantifier === '*' ? 0 : 1 }]];
  }

  #readGroup(depth: number): Sequence[] | undefined {
    const opening = /^\((?:\?:|(?!\?))/.exec(this.#source.slice(this.#at, this.#at + 3));
    if (opening === null) return undefined;
    this.certain = false;
    this.#at += opening[0].length;
    const alternatives = this.#readAlternatives(depth + 1);
    if (alternatives === undefined || this.#source[this.#at] !== ')') return undefined;
    this.#at++;
    return this.#readOptional(alternatives);
  }

  #readClass(): Sequence[] | undefined {
    const match = /^\[([A-Za-z0-9_ ./:,;@%&=-]+)\]/.exec(this.#source.slice(this.#at, this.#at + 64));
    if (match === null) return undefined;
    this.certain = false;
    const body = match[1]!;
    const characters = new Set<string>();
    for (let i = 0; i < body.length; i++) {
      if (body[i] === '-') return undefined;
      if (body[i + 1] === '-') {
        const from = body.charCodeAt(i);
        const to = body.charCodeAt(i + 2);
        if (!(to >= from) || to - from >= MAX_CLASS) return undefined;
        for (let code = from; code <= to; code++) characters.add(String.fromCharCode(code));
        i += 2;
      } else characters.add(body[i]!);
    }
    if (characters.size > MAX_CLASS) return undefined;
    this.#at += match[0].length;
    return [...characters].map((character) => [character]);
  }

  #readOptional(item: Sequence[]): Sequence[] | undefined {
    if (this.#source[this.#at] === '?') {
      this.#at++;
      if (this.#source[this.#at] === '?') this.#at++;
      this.certain = false;
      if (this.#hasQuantifier()) return undefined;
      return [...item, []];
    }
    return this.#hasQuantifier() ? undefined : item;
  }

  #hasQuantifier(): boolean {
    return this.#at < this.#source.length && '?*+{'.includes(this.#source[this.#at]!);
  }
}

function joinSequences(head: Sequence, tail: Sequence): Sequence | undefined {
  if (head.length === 0) return tail;
  if (tail.length === 0) return head;
  const last = head.at(-1)!;
  const first = tail[0]!;
  if (typeof last === 'string' && typeof first === 'string') {
    return [...head.slice(0, -1), last + first, ...tail.slice(1)];
  }
  if (typeof last !== 'string' && typeof first !== 'string') {
    if (last.min + first.min > 1) return undefined;
    return [...head.slice(0, -1), { min: last.min === 1 || first.min === 1 ? 1 : 0 }, ...tail.slice(1)];
  }
  return [...head, ...tail];
}
