import { TocsinError } from '../../../core/errors.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const floatBox = new Float64Array(1);
const wordBox = new Uint32Array(floatBox.buffer);

/** Reads the numbers and texts of a record, from its second byte on as a rule. Everything throws TOCSIN_ERR_STORAGE where the record ends. */
export class RecordCursor {
  readonly #bytes: Uint8Array;
  /** Where the next byte is read. */
  at: number;

  constructor(bytes: Uint8Array, from = 1) {
    this.#bytes = bytes;
    this.at = from;
  }

  get hasMore(): boolean {
    return this.at < this.#bytes.length;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.at;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw malformed('it ends within a sample');
    return byte;
  }

  word(): number {
    const at = this.at;
    if (at + 4 > this.#bytes.length) throw malformed('it ends within a number');
    this.at = at + 4;
    const b = this.#bytes;
    return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
  }

  /** A 64-bit integer, signed. */
  uint64(): number {
    const high = this.word() | 0;
    const value = high * 0x1_0000_0000 + this.word();
    if (!Number.isSafeInteger(value)) throw malformed('a number is too large');
    return value;
  }

  /** A 64-bit float; signalling NaN may come out quiet. */
  float(): number {
    wordBox[1] = this.word();
    wordBox[0] = this.word();
    return floatBox[0]!;
  }

  /** Length of a list, each element of which takes at least `bytes`. */
  size(bytes: number): number {
    const size = this.uvarint();
    if (size * bytes > this.left) throw malformed('it ends within a list');
    return size;
  }

  uvarint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw malformed('it ends within a number');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw malformed('a number is too large');
  }

  varint(): number {
    const zigzag = this.uvarint();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  /** A signed number of any 64 bits; those beyond ±2^53 are given as ±Number.MAX_SAFE_INTEGER. */
  anyVarint(): number {
    let zigzag = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      zigzag |= BigInt(byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      const value = Number((zigzag & 1n) === 0n ? zigzag >> 1n : -(zigzag >> 1n) - 1n);
      return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
    }
    throw malformed('a number is too large');
  }

  skipText(): void {
    const length = this.size(1);
    this.at += length;
  }

  text(): string {
    const length = this.uvarint();
    if (this.at + length > this.#bytes.length) throw malformed('it ends within a text');
    this.at += length;
    return decoder.decode(this.#bytes.subarray(this.at - length, this.at));
  }
}

/** An error about a record. */
export function malformed(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_STORAGE', `a record of the write-ahead log is malformed: ${what}`);
}
