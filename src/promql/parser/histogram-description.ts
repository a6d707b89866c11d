import { goQuote, goQuoteRune } from '../../core/go-quote.ts';
import { CounterResetHint as Hint, FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { parseNumber } from './number-scanner.ts';

/** What the last sample of a native histogram says about a reset. */
type CounterResetHint = 'unknown' | 'reset' | 'not_reset' | 'gauge';

/** Neighbouring buckets: the index of the first and their counts. */
interface BucketRun {
  readonly offset: number;
  readonly counts: readonly number[];
}

/** A native histogram as tests write it down: `{{schema:0 sum:5 count:4 buckets:[1 2 1]}}`. */
export interface HistogramDescription {
  readonly schema: number;
  readonly count: number;
  readonly sum: number;
  readonly zeroCount: number;
  readonly zeroThreshold: number;
  /** Upper bounds of schema -53. */
  readonly customValues: readonly number[];
  readonly positive: BucketRun;
  readonly negative: BucketRun;
  /** Absent when the text gives none. */
  readonly counterResetHint: CounterResetHint | undefined;
}

/** What became of reading one histogram. */
export type HistogramResult =
  | { readonly kind: 'histogram'; readonly histogram: HistogramDescription; readonly end: number }
  | { readonly kind: 'fault'; readonly message: string; readonly at: number };

const NUMBER_KEYS = ['schema', 'sum', 'count', 'offset', 'n_offset', 'z_bucket', 'z_bucket_w'] as const;
const LIST_KEYS = ['buckets', 'n_buckets', 'custom_values'] as const;
const INTEGER_KEYS: ReadonlySet<string> = new Set(['schema', 'offset', 'n_offset']);
const HINTS: readonly CounterResetHint[] = ['unknown', 'reset', 'not_reset', 'gauge'];

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

/** Reads a histogram whose `{{` ends at `start`, up to and with its `}}`. */
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
    const histogram: HistogramDescription = {
      schema: number('schema'),
      count: number('count'),
      sum: number('sum'),
      zeroCount: number('z_bucket'),
      zeroThreshold: number('z_bucket_w'),
      customValues: list('custom_values'),
      positive: { offset: number('offset'), counts: list('buckets') },
      negative: { offset: number('n_offset'), counts: list('n_buckets') },
      counterResetHint: this.#hint,
    };
    return { kind: 'histogram', histogram, end: this.#at + 2 };
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
      HINTS.find((hint) => hint === word.toLowerCase()) ??
      this.#fail(`bad histogram descriptor found: ${goQuote(word)}`, start)
    );
  }
}

/** `base` plus (or minus) `step`, in the resolution of `base`; text when that is not possible. */
export function shiftHistogram(
  base: HistogramDescription,
  step: HistogramDescription,
  sign: 1 | -1,
): HistogramDescription | string {
  if (base.schema > step.schema) {
    return `error combining histograms: cannot merge from schema ${step.schema} to ${base.schema}`;
  }
  const custom = base.customValues.join() !== step.customValues.join();
  if (custom || base.zeroThreshold !== step.zeroThreshold) {
    return 'error combining histograms: different bounds cannot be merged in this version';
  }
  const levels = step.schema - base.schema;
  return {
    ...base,
    count: base.count + sign * step.count,
    sum: base.sum + sign * step.sum,
    zeroCount: base.zeroCount + sign * step.zeroCount,
    positive: combineRuns(base.positive, step.positive, levels, sign),
    negative: combineRuns(base.negative, step.negative, levels, sign),
  };
}

/** Adds buckets; those of `step` are first merged `levels` times two by two (bucket i covers (base^(i-1), base^i]). */
function combineRuns(base: BucketRun, step: BucketRun, levels: number, sign: 1 | -1): BucketRun {
  const counts = new Map<number, number>();
  base.counts.forEach((count, i) => counts.set(base.offset + i, count));
  step.counts.forEach((count, i) => {
    const index = Math.ceil((step.offset + i) / 2 ** levels);
    counts.set(index, (counts.get(index) ?? 0) + sign * count);
  });
  if (counts.size === 0) return base;
  const offset = Math.min(...counts.keys());
  const length = Math.max(...counts.keys()) - offset + 1;
  return { offset, counts: Array.from({ length }, (_, i) => counts.get(offset + i) ?? 0) };
}

const HINT_VALUES: Readonly<Record<CounterResetHint, Hint>> = {
  unknown: Hint.unknown,
  reset: Hint.reset,
  not_reset: Hint.notReset,
  gauge: Hint.gauge,
};

/** The histogram that a text describes: one span of buckets on each side. */
export function describedHistogram(description: HistogramDescription): FloatHistogram {
  const { positive, negative } = description;
  const spans = ({ offset, counts }: BucketRun): Int32Array =>
    counts.length === 0 ? new Int32Array(0) : Int32Array.of(offset, counts.length);
  return new FloatHistogram({
    schema: description.schema,
    count: description.count,
    sum: description.sum,
    zeroCount: description.zeroCount,
    zeroThreshold: description.zeroThreshold,
    customValues: Float64Array.from(description.customValues),
    positiveSpans: spans(positive),
    positiveBuckets: Float64Array.from(positive.counts),
    negativeSpans: spans(negative),
    negativeBuckets: Float64Array.from(negative.counts),
    counterResetHint: HINT_VALUES[description.counterResetHint ?? 'unknown'],
  });
}
