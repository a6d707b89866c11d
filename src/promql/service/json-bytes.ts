import { formatSampleValue } from '../../core/float-text.ts';

const COMMA = 0x2c;
const QUOTE = 0x22;
const CLOSE = 0x5d;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Most bytes that are written for `,[<seconds>,"<float>"]`: whole floats of it, the last of each text beyond its end. */
const MAX_POINT = 64;
/** Texts up to this length are written here; a call of the encoder costs more. */
const MAX_SHORT = 256;
/** Whole numbers below this are written digit by digit. */
const MAX_PLAIN = 1e9;

/** The power of two of how many texts of floats are kept. */
const KEPT_BITS = 12;
const KEPT_FLOATS = 1 << KEPT_BITS;
/** No text of a float is longer: `-0.0000012345678901234567` has 25 bytes. */
const MAX_FLOAT = 32;

const encoder = new TextEncoder();

/**
 * Bytes of JSON in a buffer that grows. Points are written byte by byte: an answer has millions of them, and making a
 * text of each and encoding it took twice the time.
 */
export class JsonBytes {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  #length = 0;
  /** Times that were written before, in rising order. */
  readonly #times: number[] = [];
  /** Their `[<seconds>,"`, in the same order. */
  readonly #openings: ShortText[] = [];
  #nextTime = 0;

  constructor(buffer: ArrayBuffer) {
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** A copy of what was written; the buffer is empty afterwards. */
  copy(): Uint8Array<ArrayBuffer> {
    const copied = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return copied;
  }

  /** What was written; from now on `next` is written to. */
  swap(next: ArrayBuffer): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#use(new Uint8Array(next));
    this.#length = 0;
    return taken;
  }

  /** Adds any text. */
  text(text: string): void {
    // UTF-8 takes at most three bytes for each of UTF-16's units.
    this.#reserve(text.length * 3);
    if (text.length <= MAX_SHORT && this.#ascii(text)) return;
    this.#length += encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  /** Says that the next point is the first of a series: its time is not later than those before. */
  beginSeries(): void {
    this.#nextTime = 0;
  }

  /** Adds `[<seconds>,"<value>"]` with a comma before it when `isFurther`. */
  point(tMs: number, value: number, isFurther: boolean): void {
    this.#reserve(MAX_POINT);
    const bytes = this.#bytes;
    const view = this.#view;
    let at = this.#length;
    if (isFurther) bytes[at++] = COMMA;
    const { length, first, second, third } = this.#opening(tMs);
    view.setFloat64(at, first);
    view.setFloat64(at + 8, second);
    if (length > 16) view.setFloat64(at + 16, third);
    at = isPlain(value) ? writePlain(bytes, at + length, value) : floatTexts.write(view, at + length, value);
    bytes[at++] = QUOTE;
    bytes[at++] = CLOSE;
    this.#length = at;
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  /** Adds a text of ASCII; false, having added nothing, when it isn't. */
  #ascii(text: string): boolean {
    const bytes = this.#bytes;
    const start = this.#length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[start + i] = code;
    }
    this.#length = start + text.length;
    return true;
  }

  #reserve(more: number): void {
    const wanted = this.#length + more;
    if (wanted <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#use(larger);
  }

  /** Series have mostly the same times, in the same order. */
  #opening(tMs: number): ShortText {
    const times = this.#times;
    let at = this.#nextTime;
    while (at < times.length && times[at]! < tMs) at++;
    if (times[at] === tMs) {
      this.#nextTime = at + 1;
      return this.#openings[at]!;
    }
    const opening = new ShortText(`[${secondsText(tMs)},"`);
    // Times in between come of raw samples, where every series may have its own: they are not worth keeping.
    if (at === times.length) {
      times.push(tMs);
      this.#openings.push(opening);
      this.#nextTime = at + 1;
    }
    return opening;
  }
}

/** Seconds: a whole number or exactly three decimals, as Prometheus writes timestamps. */
export function secondsText(timeMs: number): string {
  const negative = timeMs < 0;
  const magnitude = Math.abs(timeMs);
  const fraction = magnitude % 1000;
  const whole = String(Math.floor(magnitude / 1000));
  const text = fraction === 0 ? whole : `${whole}.${String(fraction).padStart(3, '0')}`;
  return negative ? `-${text}` : text;
}

/**
 * ASCII of at most 24 bytes as floats that have its bytes, eight each: three stores write what would take one for each
 * character. No such float is NaN, whose bits might not be kept: that takes a byte above 0x7e.
 */
class ShortText {
  readonly length: number;
  readonly first: number;
  readonly second: number;
  readonly third: number;

  constructor(text: string) {
    const view = new DataView(new ArrayBuffer(24));
    for (let i = 0; i < text.length; i++) view.setUint8(i, text.charCodeAt(i));
    this.length = text.length;
    this.first = view.getFloat64(0);
    this.second = view.getFloat64(8);
    this.third = view.getFloat64(16);
  }
}

/**
 * Texts of the floats that were written last, each in the one place that its bits choose. Rates, ratios and quantiles of a dashboard
 * have few values that come again and again, and finding the shortest text of one costs more than looking here.
 */
class FloatTexts {
  readonly #values = new Float64Array(KEPT_FLOATS);
  readonly #lengths = new Uint8Array(KEPT_FLOATS);
  /** Of each place {@link MAX_FLOAT} bytes, read and written as those of {@link ShortText} are. */
  readonly #texts = new DataView(new ArrayBuffer(KEPT_FLOATS * MAX_FLOAT));
  readonly #asked = new Float64Array(1);
  readonly #words = new Uint32Array(this.#asked.buffer);

  /** Writes a float's text, and up to seven bytes more; returns the end of the text. */
  write(into: DataView, start: number, value: number): number {
    this.#asked[0] = value;
    const place = Math.imul(this.#words[0]! ^ this.#words[1]!, 0x9e3779b1) >>> (32 - KEPT_BITS);
    // 0 has a way of its own, so that -0 is the only one here that equals it; NaN is never found.
    if (this.#values[place] !== value || this.#lengths[place] === 0) this.#keep(place, value);
    const texts = this.#texts;
    const from = place * MAX_FLOAT;
    const length = this.#lengths[place]!;
    into.setFloat64(start, texts.getFloat64(from));
    for (let i = 8; i < length; i += 8) into.setFloat64(start + i, texts.getFloat64(from + i));
    return start + length;
  }

  #keep(place: number, value: number): void {
    const text = formatSampleValue(value);
    const from = place * MAX_FLOAT;
    for (let i = 0; i < text.length; i++) this.#texts.setUint8(from + i, text.charCodeAt(i));
    this.#values[place] = value;
    this.#lengths[place] = text.length;
  }
}

const floatTexts = new FloatTexts();

/** Whether {@link writePlain} can write it: a whole number that is not too large, and not -0. */
function isPlain(value: number): boolean {
  return value > -MAX_PLAIN && value < MAX_PLAIN && Number.isInteger(value) && !Object.is(value, -0);
}

/** Writes a whole number digit by digit; returns the end. */
function writePlain(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = Math.abs(value);
  if (value < 0) bytes[at++] = MINUS;
  let end = at + 1;
  for (let limit = 10; rest >= limit; limit *= 10) end++;
  at = end;
  do {
    const tenth = Math.floor(rest / 10);
    bytes[--end] = ZERO + rest - tenth * 10;
    rest = tenth;
  } while (rest > 0);
  return at;
}
