import { CounterResetHint, FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { BRACE_CLOSE, COMMA, NEWLINE } from './bytes.ts';
import type { Metric } from './metric-entries.ts';

const COLON = 58;
const LIST_OPEN = 91;
const LIST_CLOSE = 93;

/** Bytes of a composite value above which a scrape fails: nobody has such, and it bounds the work of a step. */
const COMPOSITE_BYTES_MAX = 1 << 20;
/** No name of a field is longer. */
const FIELD_BYTES_MAX = 16;

/** Fields in the order that they must have. */
const FIELDS = [
  'count',
  'sum',
  'schema',
  'zero_threshold',
  'zero_count',
  'negative_spans',
  'negative_buckets',
  'positive_spans',
  'positive_buckets',
  'bucket',
  'quantile',
] as const;
type Field = (typeof FIELDS)[number];
/** Fields whose lists are of pairs. */
const PAIRED: ReadonlySet<Field> = new Set(['negative_spans', 'positive_spans', 'bucket', 'quantile']);

/**
 * Reads composite values of OpenMetrics 2.0, as `{count:2,sum:3,bucket:[1:1,+Inf:2]}`. Used again and again.
 *
 * @see prometheus/docs docs/specs/om/open_metrics_spec_2_0.md, composite-value
 */
export class CompositeReader {
  readonly #bytes: Uint8Array;
  readonly #readFloat: (start: number, end: number) => number;
  /** Values of fields that are numbers, and of lists, by field. */
  readonly #numbers = new Map<Field, number>();
  readonly #lists = new Map<Field, number[]>();
  #isGauge = false;

  /** Over a body; `readFloat` reads a float of it, and throws when there is none. */
  constructor(bytes: Uint8Array, readFloat: (start: number, end: number) => number) {
    this.#bytes = bytes;
    this.#readFloat = readFloat;
  }

  /**
   * Reads the value whose brace is at `from` into a metric; returns the position behind it, or what is wrong.
   * `wantsNative` has a native histogram made.
   */
  read(from: number, metric: Metric, wantsNative: boolean): number | string {
    this.#numbers.clear();
    this.#lists.clear();
    this.#isGauge = false;
    const end = this.#readFields(from);
    if (typeof end === 'string') return end;
    return this.#fill(metric, wantsNative) ?? end;
  }

  #readFields(from: number): number | string {
    const bytes = this.#bytes;
    let at = from + 1;
    for (let before = -1; ;) {
      const colon = bytes.indexOf(COLON, at);
      const name = colon < 0 || colon - at > FIELD_BYTES_MAX ? '' : this.#text(at, colon);
      const field = this.#fieldOf(name);
      if (field === undefined)
        return `has a composite value with a field that is none, at ${this.#shown(at)}`;
      const place = FIELDS.indexOf(field);
      if (place <= before) return `has a composite value whose field ${name} is not in its place`;
      before = place;
      at =
        bytes[colon + 1] === LIST_OPEN
          ? this.#readList(colon + 2, field)
          : this.#readNumber(colon + 1, field);
      if (at < 0) return `has a composite value that does not go on at ${this.#shown(-at)}`;
      if (at - from > COMPOSITE_BYTES_MAX)
        return `has a composite value of more than ${COMPOSITE_BYTES_MAX} bytes`;
      if (bytes[at] === BRACE_CLOSE) return at + 1;
      if (bytes[at] !== COMMA) return `has a composite value that does not go on at ${this.#shown(at)}`;
      at++;
    }
  }

  /** The field of a name; `gcount` and `gsum` stand for those of gauge histograms. */
  #fieldOf(name: string): Field | undefined {
    const isGauge = name === 'gcount' || name === 'gsum';
    if (isGauge || name === 'count' || name === 'sum') {
      if (this.#numbers.size > 0 && isGauge !== this.#isGauge) return undefined;
      this.#isGauge = isGauge;
    }
    return FIELDS.find((field) => field === (isGauge ? name.slice(1) : name));
  }

  #readNumber(from: number, field: Field): number {
    const end = this.#numberEnd(from);
    this.#numbers.set(field, this.#readFloat(from, end));
    return end;
  }

  /**
   * Reads a list from behind its bracket on; returns the position behind it, or minus that where it does not go on.
   * Numbers of pairs follow each other.
   */
  #readList(from: number, field: Field): number {
    const bytes = this.#bytes;
    const list: number[] = [];
    this.#lists.set(field, list);
    const isPaired = PAIRED.has(field);
    let at = from;
    while (bytes[at] !== LIST_CLOSE) {
      if (list.length > 0) {
        if (bytes[at] !== COMMA) return -at;
        at++;
      }
      let end = this.#numberEnd(at);
      list.push(this.#readFloat(at, end));
      if (isPaired) {
        if (bytes[end] !== COLON) return -end;
        at = end + 1;
        end = this.#numberEnd(at);
        list.push(this.#readFloat(at, end));
      }
      at = end;
      if (at - from > COMPOSITE_BYTES_MAX) return at;
    }
    return at + 1;
  }

  #numberEnd(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    for (;;) {
      const byte = bytes[at]!;
      if (byte === COMMA || byte === COLON || byte === LIST_CLOSE || byte === BRACE_CLOSE || byte === NEWLINE)
        return at;
      at++;
    }
  }

  #fill(metric: Metric, wantsNative: boolean): string | undefined {
    const numbers = this.#numbers;
    const count = numbers.get('count');
    const sum = numbers.get('sum');
    if (count === undefined || sum === undefined) return 'has a composite value without count and sum';
    metric.count = count;
    metric.sum = sum;
    metric.isGauge = this.#isGauge;
    metric.kind = 'histogram';
    const hasNative = numbers.has('schema');
    const buckets = this.#lists.get('bucket');
    const quantiles = this.#lists.get('quantile');
    if (quantiles !== undefined) {
      if (numbers.size > 2 || this.#lists.size > 1 || this.#isGauge)
        return 'has a composite value that is a summary and something else';
      metric.kind = 'summary';
      splitPairs(quantiles, metric);
      return isRising(metric.bounds) ? undefined : 'has quantiles that do not rise';
    }
    if (!hasNative && buckets === undefined) return 'has a composite value without buckets and quantiles';
    if (buckets !== undefined) {
      splitPairs(buckets, metric);
      if (!isRising(metric.bounds)) return 'has buckets whose bounds do not rise';
      if (metric.bounds.at(-1) !== Infinity) return 'has no bucket up to +Inf';
    }
    return this.#fillNative(metric, hasNative, wantsNative);
  }

  #fillNative(metric: Metric, hasNative: boolean, wantsNative: boolean): string | undefined {
    const numbers = this.#numbers;
    const lists = this.#lists;
    const zeroThreshold = numbers.get('zero_threshold');
    const zeroCount = numbers.get('zero_count');
    const hasZero = zeroThreshold !== undefined && zeroCount !== undefined;
    const isWhole = (side: 'negative' | 'positive'): boolean =>
      lists.has(`${side}_spans`) === lists.has(`${side}_buckets`);
    if (!isWhole('negative') || !isWhole('positive'))
      return 'has spans without buckets, or buckets without spans';
    if (!hasNative) {
      const isBare = zeroThreshold === undefined && zeroCount === undefined && lists.size === 1;
      return isBare ? undefined : 'has native buckets without schema';
    }
    if (!hasZero) return 'has native buckets without zero_threshold and zero_count';
    const schema = numbers.get('schema')!;
    if (!Number.isInteger(schema)) return 'has a schema that is not whole';
    const sides = (['negative', 'positive'] as const).map((side) => ({
      spans: lists.get(`${side}_spans`) ?? [],
      counts: lists.get(`${side}_buckets`) ?? [],
    }));
    if (sides.some(({ spans }) => !spans.every((number) => (number | 0) === number)))
      return 'has spans that are not of whole numbers';
    if (sides.some(({ spans }) => spans.some((number, i) => i % 2 === 1 && number < 0)))
      return 'has spans of negative length';
    if (!wantsNative) return undefined;
    const [negative, positive] = sides as [(typeof sides)[0], (typeof sides)[0]];
    metric.isWhole = [metric.count, zeroCount, ...negative.counts, ...positive.counts].every(
      Number.isInteger,
    );
    metric.native = new FloatHistogram({
      schema,
      count: metric.count,
      sum: metric.sum,
      zeroThreshold,
      zeroCount,
      negativeSpans: Int32Array.from(negative.spans),
      negativeBuckets: Float64Array.from(negative.counts),
      positiveSpans: Int32Array.from(positive.spans),
      positiveBuckets: Float64Array.from(positive.counts),
      counterResetHint: metric.isGauge ? CounterResetHint.gauge : CounterResetHint.unknown,
    });
    return undefined;
  }

  #text(start: number, end: number): string {
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, end - start).toString('latin1');
  }

  /** A little of the body, for messages. */
  #shown(at: number): string {
    const newline = this.#bytes.indexOf(NEWLINE, at);
    return JSON.stringify(this.#text(at, Math.min(newline, at + FIELD_BYTES_MAX)));
  }
}

function splitPairs(pairs: readonly number[], metric: Metric): void {
  for (let i = 0; i < pairs.length; i += 2) {
    metric.bounds.push(pairs[i]!);
    metric.values.push(pairs[i + 1]!);
  }
}

function isRising(bounds: readonly number[]): boolean {
  return bounds.every((bound, i) => !Number.isNaN(bound) && (i === 0 || bound > bounds[i - 1]!));
}
