import { formatSampleValue } from '../../core/float-text.ts';

const COMMA = 0x2c;
const QUOTE = 0x22;
const CLOSE = 0x5d;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Most bytes of `[<seconds>,"<float>"]`. */
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
  #length = 0;
  /** Seconds of the times that were written before, in rising order, each as `[<seconds>,"`. */
  readonly #times: number[] = [];
  readonly #openings: Uint8Array[] = [];
  #nextTime = 0;

  constructor(buffer: ArrayBuffer) {
    this.#bytes = new Uint8Array(buffer);
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
    this.#bytes = new Uint8Array(next);
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
    let at = this.#length;
    if (isFurther) bytes[at++] = COMMA;
    const opening = this.#opening(tMs);
    for (let i = 0; i < opening.length; i++) bytes[at++] = opening[i]!;
    at = writeFloat(bytes, at, value);
    bytes[at++] = QUOTE;
    bytes[at++] = CLOSE;
    this.#length = at;
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
    this.#bytes = larger;
  }

  /** Series have mostly the same times, in the same order. */
  #opening(tMs: number): Uint8Array {
    const times = this.#times;
    let at = this.#nextTime;
    while (at < times.length && times[at]! < tMs) at++;
    if (times[at] === tMs) {
      this.#nextTime = at + 1;
      return this.#openings[at]!;
    }
    const opening = encoder.encode(`[${secondsText(tMs)},"`);
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
 * Texts of the floats that were written last, each in the one place that its bits choose. Rates, ratios and quantiles of a dashboard
 * have few values that come again and again, and finding the shortest text of one costs more than looking here.
 */
class FloatTexts {
  readonly #values = new Float64Array(KEPT_FLOATS);
  readonly #lengths = new Uint8Array(KEPT_FLOATS);
  readonly #texts = new Uint8Array(KEPT_FLOATS * MAX_FLOAT);
  readonly #asked = new Float64Array(1);
  readonly #words = new Uint32Array(this.#asked.buffer);

  /** Writes a float's text; returns the end. */
  write(bytes: Uint8Array, start: number, value: number): number {
    this.#asked[0] = value;
    const place = Math.imul(this.#words[0]! ^ this.#words[1]!, 0x9e3779b1) >>> (32 - KEPT_BITS);
    const from = place * MAX_FLOAT;
    const texts = this.#texts;
    // 0 has a way of its own, so that -0 is the only one here that equals it; NaN is never found.
    if (this.#values[place] !== value || this.#lengths[place] === 0) {
      const text = formatSampleValue(value);
      for (let i = 0; i < text.length; i++) texts[from + i] = text.charCodeAt(i);
      this.#values[place] = value;
      this.#lengths[place] = text.length;
    }
    const length = this.#lengths[place]!;
    for (let i = 0; i < length; i++) bytes[start + i] = texts[from + i]!;
    return start + length;
  }
}

const floatTexts = new FloatTexts();

function writeFloat(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  if (value > -MAX_PLAIN && value < MAX_PLAIN && Number.isInteger(value) && !Object.is(value, -0)) {
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
  return floatTexts.write(bytes, start, value);
}
