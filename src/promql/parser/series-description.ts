import { Labels, METRIC_NAME } from '../../core/labels.ts';
import { goQuote, goQuoteRune } from '../../core/go-quote.ts';
import type { Position } from './ast.ts';
import { parseHistogram, shiftHistogram } from './histogram-description.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { isAlphaNumeric, isAlpha, isDigit, parseNumber, scanNumber } from './number-scanner.ts';
import { isMetricName } from './parse-selector.ts';
import { parseWith } from './token-stream.ts';
import type { TokenStream } from './token-stream.ts';
import { KEYWORDS, describeToken } from './tokens.ts';
import type { Token, TokenType } from './tokens.ts';
import { unquote } from './unquote.ts';

/** One step of a series written down for a test. */
export type SequenceValue =
  | { readonly kind: 'number'; readonly value: number }
  /** `_`: no sample at this step. */
  | { readonly kind: 'omitted' }
  /** `stale`: the stale marker. */
  | { readonly kind: 'stale' }
  | {
      readonly kind: 'histogram';
      readonly histogram: FloatHistogram;
      /** Whether the text gives a hint about counter resets (in a sequence: that of what is added at each step). */
      readonly hintGiven: boolean;
    };

/** A series and its values, one a step. */
export interface SeriesDescription {
  readonly labels: Labels;
  readonly values: readonly SequenceValue[];
}

/** Most values one description may expand to. */
const MAX_VALUES = 1_000_000;
const BLANK = /[ \t\r\n]/;
const MAX_UINT64 = 18_446_744_073_709_551_615n;

/**
 * Parses what `load` lines and rule unit tests write: `name{label="value"} 1 2+3x4 _x2 stale {{schema:0 sum:1}}`.
 * `axN` is N+1 times a, `a+bxN` a, a+b, … with N increments. Throws {@link PromqlParseError}.
 *
 * @see prometheus docs/configuration/unit_testing_rules.md, promql/parser/generated_parser.y series_description
 */
export function parseSeriesDescription(text: string): SeriesDescription {
  return parseWith(text, (stream) => {
    const { labels, end } = parseMetric(stream);
    const values = new ValueParser(stream, end).parse();
    return { labels, values };
  });
}

/** Parses a series without values: `name{label="value"}`. Throws {@link PromqlParseError}. */
export function parseMetricLabels(text: string): Labels {
  return parseWith(text, (stream) => {
    const { labels } = parseMetric(stream);
    if (stream.peek().type !== 'eof') stream.unexpected();
    return labels;
  });
}

function parseMetric(stream: TokenStream): { readonly labels: Labels; readonly end: number } {
  const entries: [string, string][] = [];
  const first = stream.peek();
  const named = isMetricName(first);
  if (named) stream.take();
  else if (!stream.isAt('{')) stream.unexpected();
  if (!named || stream.text.startsWith('{', first.end)) parseLabelSet(stream, entries);
  if (named) entries.push([METRIC_NAME, first.text]);
  return { labels: Labels.fromEntries(entries), end: stream.lastEnd };
}

function parseLabelSet(stream: TokenStream, entries: [string, string][]): void {
  stream.expect('{');
  while (stream.accept('}') === undefined) {
    entries.push(parseLabel(stream));
    if (stream.accept(',') === undefined) {
      if (stream.accept('}') === undefined) stream.unexpected('label set', '"," or "}"');
      return;
    }
  }
}

function parseLabel(stream: TokenStream): [string, string] {
  const name = stream.peek();
  if (name.type !== 'identifier' && name.type !== 'string') {
    stream.unexpected('label set', 'identifier or "}"');
  }
  stream.take();
  const text = name.type === 'string' ? unquote(name.text) : name.text;
  if (stream.accept('=') === undefined) {
    if (name.type === 'string') return [METRIC_NAME, text];
    stream.unexpected('label set', '"="');
  }
  if (stream.peek().type !== 'string') stream.unexpected('label set', 'string');
  return [text, unquote(stream.take().text)];
}

/** Reads the values; blanks count here, so it has a scanner of its own. */
class ValueParser {
  readonly #stream: TokenStream;
  readonly #text: string;
  readonly #values: SequenceValue[] = [];
  #at: number;
  #ahead: Token | undefined;

  constructor(stream: TokenStream, at: number) {
    this.#stream = stream;
    this.#text = stream.text;
    this.#at = at;
  }

  parse(): readonly SequenceValue[] {
    while (this.#peek().type !== 'eof') {
      if (!this.#accept(' ')) this.#unexpected(this.#values.length === 0 ? undefined : '');
      if (this.#startsItem()) this.#item();
    }
    return this.#values;
  }

  #startsItem(): boolean {
    const { type, text } = this.#peek();
    return type === 'identifier' || type === 'number' || ['+', '-', '_', '{{'].includes(text);
  }

  #item(): void {
    if (this.#accept('_')) {
      const times = this.#accept('x') ? this.#repetitions() : 1;
      this.#push(times, () => ({ kind: 'omitted' }));
    } else if (this.#accept('{{')) this.#histogram();
    else if (this.#peek().type === 'identifier') this.#stale();
    else this.#numbers();
  }

  #stale(): void {
    const token = this.#take();
    if (token.text !== 'stale') {
      this.#stream.abort(
        token,
        `unexpected identifier ${goQuote(token.text)} in series values, expected number or "stale"`,
      );
    }
    this.#push(1, () => ({ kind: 'stale' }));
  }

  #numbers(): void {
    let value = this.#signed();
    const sign = this.#peek().text;
    if (sign === '+' || sign === '-') {
      const step = this.#signed();
      if (!this.#accept('x')) this.#unexpected();
      this.#push(this.#repetitions() + 1, () => {
        const present = value;
        value += step;
        return { kind: 'number', value: present };
      });
      return;
    }
    const times = this.#accept('x') ? this.#repetitions() + 1 : 1;
    this.#push(times, () => ({ kind: 'number', value }));
  }

  #signed(): number {
    const negative = this.#accept('-');
    if (!negative) this.#accept('+');
    const token = this.#peek();
    if (token.type !== 'number') this.#unexpected();
    this.#take();
    const value = parseNumber(token.text);
    if (typeof value === 'string') {
      const fault = `strconv.ParseFloat: parsing ${goQuote(token.text)}: ${value}`;
      return this.#stream.abort(token, `error parsing number: ${fault}`);
    }
    return negative ? -value : value;
  }

  #histogram(): void {
    const first = this.#histogramBody();
    const sign = this.#peek().text;
    if (sign === '+' || sign === '-') {
      this.#take();
      if (!this.#accept('{{')) this.#unexpected();
      const step = this.#histogramBody();
      if (!this.#accept('x')) this.#unexpected();
      const position = this.#position();
      let present = first.histogram;
      this.#push(this.#repetitions() + 1, (i) => {
        if (i > 0) {
          const shifted = shiftHistogram(present, step.histogram, sign === '+' ? 1 : -1);
          if (typeof shifted === 'string') return this.#stream.abort(position, shifted);
          present = shifted;
        }
        return { kind: 'histogram', histogram: present, hintGiven: step.hintGiven };
      });
      return;
    }
    const times = this.#accept('x') ? this.#repetitions() + 1 : 1;
    this.#push(times, () => first);
  }

  #histogramBody(): Extract<SequenceValue, { kind: 'histogram' }> {
    const result = parseHistogram(this.#text, this.#at);
    if (result.kind === 'fault') {
      return this.#stream.abort({ start: result.at, end: this.#text.length }, result.message);
    }
    this.#at = result.end;
    return { kind: 'histogram', histogram: result.histogram, hintGiven: result.hintGiven };
  }

  #position(): Position {
    return { start: this.#at, end: this.#at };
  }

  #repetitions(): number {
    const token = this.#peek();
    if (token.type !== 'number') this.#unexpected();
    this.#take();
    const valid = /^\d+$/.test(token.text);
    if (!valid || BigInt(token.text) > MAX_UINT64) {
      const fault = `strconv.ParseUint: parsing ${goQuote(token.text)}: ${valid ? 'value out of range' : 'invalid syntax'}`;
      return this.#stream.abort(token, `invalid repetition in series values: ${fault}`);
    }
    return Number(token.text);
  }

  #push(times: number, make: (i: number) => SequenceValue): void {
    if (this.#values.length + times > MAX_VALUES) {
      this.#stream.abort(this.#position(), `a series may have at most ${MAX_VALUES} values`);
    }
    for (let i = 0; i < times; i++) this.#values.push(make(i));
  }

  #peek(): Token {
    this.#ahead ??= this.#next();
    return this.#ahead;
  }

  #take(): Token {
    const token = this.#peek();
    this.#ahead = undefined;
    return token;
  }

  #accept(text: string): boolean {
    const token = this.#peek();
    const found = text === ' ' ? BLANK.test(token.text) : token.text === text;
    if (found) this.#take();
    return found;
  }

  #unexpected(context = ' in series values'): never {
    const token = this.#peek();
    return this.#stream.abort(token, `unexpected ${describeToken(token)}${context}`);
  }

  #next(): Token {
    const start = this.#at;
    const character = this.#text.charAt(start);
    if (character === '') return this.#emit('eof', start);
    if (BLANK.test(character)) {
      let end = start;
      while (BLANK.test(this.#text.charAt(end))) end++;
      return this.#emit('punctuation', end);
    }
    if (character === '+' || character === '-') return this.#emit('operator', start + 1);
    if (character === 'x' || character === '_') return this.#emit('punctuation', start + 1);
    if (this.#text.startsWith('{{', start)) return this.#emit('punctuation', start + 2);
    if (isDigit(character) || (character === '.' && isDigit(this.#text.charAt(start + 1)))) {
      const scan = scanNumber(this.#text, start, true);
      if (scan.ok) return this.#emit('number', scan.end);
      return this.#fail(start, `bad number syntax: ${goQuote(this.#text.slice(start, scan.end))}`);
    }
    if (isAlpha(character)) return this.#word(start);
    const whole = String.fromCodePoint(this.#text.codePointAt(start)!);
    return this.#fail(start, `unexpected character in series sequence: ${goQuoteRune(whole)}`);
  }

  #word(start: number): Token {
    let end = start;
    while (isAlphaNumeric(this.#text.charAt(end)) || this.#text.charAt(end) === ':') end++;
    const word = this.#text.slice(start, end).toLowerCase();
    if (word === 'inf' || word === 'nan') return this.#emit('number', end);
    if (KEYWORDS.has(word)) return this.#emit('keyword', end);
    return this.#emit(word.includes(':') ? 'metricIdentifier' : 'identifier', end);
  }

  #fail(start: number, message: string): never {
    return this.#stream.abort({ start, end: this.#text.length }, message);
  }

  #emit(type: TokenType, end: number): Token {
    const text = this.#text.slice(this.#at, end);
    const start = this.#at;
    this.#at = end;
    return { type, text, word: text.toLowerCase(), start, end };
  }
}
