import { goQuote, goQuoteRune } from '../../core/go-quote.ts';
import { addHistograms, subtractHistograms } from '../../core/histogram/arithmetic.ts';
import {
  CounterResetHint,
  FloatHistogram,
  NO_SPANS,
  type Spans,
} from '../../core/histogram/float-histogram.ts';
import { parseNumber } from './number-scanner.ts';

/** What became of reading one histogram. */
export type HistogramResult =
  | {
      readonly kind: 'histogram';
      readonly histogram: FloatHistogram;
      /** Whether the text gives a hint; without one that of the histogram is `unknown`. */
      readonly hintGiven: boolean;
      readonly end: number;
    }
  | { readonly kind: 'fault'; readonly message: string; readonly at: number };

const NUMBER_KEYS = ['schema', 'sum', 'count', 'offset', 'n_offset', 'z_bucket', 'z_bucket_w'] as const;
const LIST_KEYS = ['buckets', 'n_buckets', 'custom_values'] as const;
const INTEGER_KEYS: ReadonlySet<string> = new Set(['schema', 'offset', 'n_offset']);
const HINTS: ReadonlyMap<string, CounterResetHint> = new Map([
  ['unknown', CounterResetHint.unknown],
  ['reset', CounterResetHint.reset],
  ['not_reset', CounterResetHint.notReset],
  ['gauge', CounterResetHint.gauge],
]);

const BLANKS = /[ \t\r\n]*/y;
const WORD = /[a-zA-Z_]+/y;
const SIGNED_NUMBER = /[+-]?(?:[0-9][0-9a-zA-Z._+-]*|\.[0-9][0-9a-zA-Z._+-]*|[iI][nN][fF]|[nN][aA][nN])/y;

class HistogramFault extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/**
 * Reads a histogram as tests write it down, `{{schema:0 sum:5 count:4 buckets:[1 2 1]}}`, of which `{{` ends at `start`,
 * up to and with its `}}`. It has at most one span on each side, and may be none that `validateHistogram` lets pass.
 */
export function parseHistogram(text: string, start: number): HistogramResult {
  try {
    return new HistogramReader(text, start).read();
  } catch (error) {
    if (error instanceof HistogramFault) return { kind: 'fault', message: error.message, at: error.at };
    throw error;
  }
}

class HistogramReader {
  readonly #text: string;
  readonly #numbers = new Map<string, number>();
  readonly #lists = new Map<string, readonly number[]>();
  #hint: CounterResetHint | undefined;
  #at: number;

  constructor(text: string, start: number) {
    this.#text = text;
    this.#at = start;
  }

  read(): HistogramResult {
    this.#match(BLANKS);
    while (!this.#text.startsWith('}}', this.#at)) {
      this.#descriptor();
      this.#match(BLANKS);
    }
    const number = (key: (typeof NUMBER_KEYS)[number]): number => this.#numbers.get(key) ?? 0;
    const list = (key: (typeof LIST_KEYS)[number]): readonly number[] => this.#lists.get(key) ?? [];
    const histogram = new FloatHistogram({
      schema: number('schema'),
      count: number('count'),
      sum: number('sum'),
      zeroCount: number('z_bucket'),
      zeroThreshold: number('z_bucket_w'),
      customValues: Float64Array.from(list('custom_values')),
      positiveSpans: oneSpan(number('offset'), list('buckets')),
      positiveBuckets: Float64Array.from(list('buckets')),
      negativeSpans: oneSpan(number('n_offset'), list('n_buckets')),
      negativeBuckets: Float64Array.from(list('n_buckets')),
      counterResetHint: this.#hint ?? CounterResetHint.unknown,
    });
    const hintGiven = this.#hint !== undefined;
    return { kind: 'histogram', histogram, hintGiven, end: this.#at + 2 };
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #fail(message: string, at = this.#at): never {
    throw new HistogramFault(message, at);
  }

  #unexpectedHere(): never {
    const code = this.#text.codePointAt(this.#at);
    const shown = goQuoteRune(code === undefined ? undefined : String.fromCodePoint(code));
    return this.#fail(`histogram description incomplete unexpected: ${shown}`);
  }

  #descriptor(): void {
    const start = this.#at;
    const word = this.#match(WORD);
    if (word === '') this.#unexpectedHere();
    const key = word.toLowerCase();
    const isNumber = NUMBER_KEYS.some((known) => known === key);
    const isList = LIST_KEYS.some((known) => known === key);
    if (!isNumber && !isList && key !== 'counter_reset_hint') {
      this.#fail(`bad histogram descriptor found: ${goQuote(word)}`, start);
    }
    if (this.#text[this.#at] !== ':') this.#fail('missing `:` for histogram descriptor', start);
    this.#at++;
    const seen = this.#numbers.has(key) || this.#lists.has(key);
    if (seen || (key === 'counter_reset_hint' && this.#hint !== undefined)) {
      this.#fail(`duplicate key "${key}" in histogram`, 0);
    }
    if (isNumber) this.#numbers.set(key, this.#number(INTEGER_KEYS.has(key)));
    else if (isList) this.#lists.set(key, this.#list());
    else this.#hint = this.#resetHint();
  }

  #number(integer: boolean): number {
    const start = this.#at;
    const text = this.#match(SIGNED_NUMBER);
    if (text === '') this.#unexpectedHere();
    const value = parseNumber(text.replace(/^[+-]/, ''));
    if (typeof value === 'string') {
      return this.#fail(
        `error parsing number: strconv.ParseFloat: parsing ${goQuote(text)}: ${value}`,
        start,
      );
    }
    if (integer && !Number.isInteger(value)) {
      const fault = `strconv.ParseUint: parsing ${goQuote(text)}: invalid syntax`;
      return this.#fail(`invalid repetition in series values: ${fault}`, start);
    }
    return text.startsWith('-') ? -value : value;
  }

  #list(): readonly number[] {
    if (this.#text[this.#at] !== '[') this.#unexpectedHere();
    this.#at++;
    const values: number[] = [];
    this.#match(BLANKS);
    while (this.#text[this.#at] !== ']') {
      values.push(this.#number(false));
      this.#match(BLANKS);
    }
    this.#at++;
    return values;
  }

  #resetHint(): CounterResetHint {
    const start = this.#at;
    const word = this.#match(WORD);
    return (
      HINTS.get(word.toLowerCase()) ?? this.#fail(`bad histogram descriptor found: ${goQuote(word)}`, start)
    );
  }
}

function oneSpan(offset: number, counts: readonly number[]): Spans {
  return counts.length === 0 ? NO_SPANS : Int32Array.of(offset, counts.length);
}

/** `base` plus (or minus) `step`, in the resolution of `base`; text when that is not possible. */
export function shiftHistogram(
  base: FloatHistogram,
  step: FloatHistogram,
  sign: 1 | -1,
): FloatHistogram | string {
  if (base.schema > step.schema) {
    return `error combining histograms: cannot merge from schema ${step.schema} to ${base.schema}`;
  }
  const combined = sign === 1 ? addHistograms(base, step) : subtractHistograms(base, step);
  if (combined.kind === 'combined') return combined.histogram;
  return 'cannot apply this operation on histograms with a mix of exponential and custom bucket schemas';
}
