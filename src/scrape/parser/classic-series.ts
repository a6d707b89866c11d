import { BRACE_CLOSE, BRACE_OPEN, COMMA, EQUAL, QUOTE } from './bytes.ts';
import { FloatError, floatState, parseFloatBytes } from './float.ts';
import type { SeriesText } from './series-text.ts';
import { walkSeries } from './series-walk.ts';
import type { SeriesVisitor } from './series-walk.ts';

/** Which part of a classic histogram a series is. */
export const ClassicPart = { none: 0, bucket: 1, count: 2, sum: 3 } as const;
export type ClassicPart = (typeof ClassicPart)[keyof typeof ClassicPart];

const ENDINGS = [
  { bytes: Buffer.from('_bucket'), part: ClassicPart.bucket },
  { bytes: Buffer.from('_count'), part: ClassicPart.count },
  { bytes: Buffer.from('_sum'), part: ClassicPart.sum },
] as const;
const LE = Buffer.from('le');
const HASH_PRIME = 0x01000193;
const OTHER_PRIME = 0x5bd1e995;
/** Two hashes of 26 bits make one key that a number has exactly. */
const KEY_BITS = 26;

/** Looks at a series of a text format as a part of a classic histogram. Allocates next to nothing. */
export class ClassicSeries implements SeriesVisitor {
  part: ClassicPart = ClassicPart.none;
  /** Upper bound of a bucket. */
  bound = NaN;
  /** Equal for series with the same name, but for the ending, and labels, but for `le`. A hash. */
  key = 0;
  #source: Uint8Array = new Uint8Array(0);
  #nameStart = 0;
  #nameEnd = 0;
  #isNameQuoted = false;
  /** Labels but for `le`: where each begins, quotes included, and where its value's quote ends. */
  readonly #labels: number[] = [];
  #low = 0;
  #high = 0;

  /** Looks at bytes[start, end), which a parser has accepted. It is a part of `family` or of nothing. */
  read(bytes: Uint8Array, start: number, end: number, family: Uint8Array): void {
    this.#source = bytes.subarray(start, end);
    this.bound = NaN;
    this.#labels.length = 0;
    this.#nameEnd = 0;
    this.#low = 0;
    this.#high = 0;
    walkSeries(this.#source, this);
    let { part, baseEnd } = this.#ending();
    this.#mix(this.#nameStart, baseEnd, -1, -1);
    this.key = (this.#high >>> (32 - KEY_BITS)) * 2 ** KEY_BITS + (this.#low >>> (32 - KEY_BITS));
    if (part === ClassicPart.bucket && Number.isNaN(this.bound)) part = ClassicPart.none;
    if (part !== ClassicPart.none && !this.#isName(baseEnd, family)) part = ClassicPart.none;
    this.part = part;
  }

  /** Writes the series that the histogram as a whole has. */
  writeBase(into: SeriesText): void {
    const source = this.#source;
    const { baseEnd } = this.#ending();
    const labels = this.#labels;
    into.clear();
    if (this.#isNameQuoted) {
      into.byte(BRACE_OPEN);
      into.byte(QUOTE);
    }
    into.raw(source, this.#nameStart, baseEnd);
    if (this.#isNameQuoted) into.byte(QUOTE);
    else if (labels.length > 0) into.byte(BRACE_OPEN);
    for (let i = 0; i < labels.length; i += 2) {
      if (i > 0 || this.#isNameQuoted) into.byte(COMMA);
      into.raw(source, labels[i], labels[i + 1]);
    }
    if (labels.length > 0 || this.#isNameQuoted) into.byte(BRACE_CLOSE);
  }

  name(start: number, end: number, quoted: boolean): void {
    this.#nameStart = start;
    this.#nameEnd = end;
    this.#isNameQuoted = quoted;
  }

  label(nameStart: number, nameEnd: number, quoted: boolean, valueStart: number, valueEnd: number): void {
    if (nameEnd - nameStart === LE.length && this.#isAt(nameStart, LE)) {
      const bound = parseFloatBytes(this.#source, valueStart, valueEnd);
      this.bound = floatState.error === FloatError.none ? bound : NaN;
      return;
    }
    const quotes = quoted ? 1 : 0;
    this.#labels.push(nameStart - quotes, valueEnd + 1);
    this.#mix(nameStart, nameEnd, valueStart, valueEnd);
  }

  #ending(): { part: ClassicPart; baseEnd: number } {
    for (const { bytes, part } of ENDINGS) {
      const baseEnd = this.#nameEnd - bytes.length;
      if (baseEnd >= this.#nameStart && this.#isAt(baseEnd, bytes)) return { part, baseEnd };
    }
    return { part: ClassicPart.none, baseEnd: this.#nameEnd };
  }

  #isAt(at: number, bytes: Uint8Array): boolean {
    for (let i = 0; i < bytes.length; i++) if (this.#source[at + i] !== bytes[i]) return false;
    return true;
  }

  #isName(end: number, family: Uint8Array): boolean {
    return end - this.#nameStart === family.length && this.#isAt(this.#nameStart, family);
  }

  /** Adds a pair, or the name, to the key; the order of pairs does not matter. */
  #mix(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    let low = this.#lowOf(nameStart, nameEnd, 0x811c9dc5);
    let high = this.#highOf(nameStart, nameEnd, 0x9e3779b9);
    low = this.#lowOf(valueStart, valueEnd, Math.imul(low ^ EQUAL, HASH_PRIME));
    high = this.#highOf(valueStart, valueEnd, Math.imul(high ^ EQUAL, OTHER_PRIME));
    this.#low = (this.#low + Math.imul(low ^ (low >>> 15), 0x2c1b3c6d)) | 0;
    this.#high = (this.#high + Math.imul(high ^ (high >>> 16), 0x297a2d39)) | 0;
  }

  #lowOf(start: number, end: number, seed: number): number {
    const source = this.#source;
    let hash = seed;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ source[i]!, HASH_PRIME);
    return hash;
  }

  #highOf(start: number, end: number, seed: number): number {
    const source = this.#source;
    let hash = seed;
    for (let i = start; i < end; i++) {
      hash = Math.imul(hash ^ source[i]!, OTHER_PRIME);
      hash ^= hash >>> 13;
    }
    return hash;
  }
}
