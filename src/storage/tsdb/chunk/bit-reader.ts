import { damagedChunk } from './damaged-chunk.ts';

/** Bits of a varbit number by how many ones begin it. */
const VARBIT_SIZES = [0, 3, 6, 9, 12, 18, 25, 56, 64] as const;
const TWO_TO_32 = 0x1_0000_0000;

/**
 * Reads bits one after the other, the highest of each byte first. Behind the end it goes on reading something, so who
 * reads asks {@link isBeyond} after each sample.
 *
 * @see prometheus tsdb/chunkenc/bstream.go, varbit.go
 */
export class BitReader {
  readonly #bytes: Uint8Array;
  readonly #endBit: number;
  #bit: number;

  /** Reads `bytes` from the byte `from` on. */
  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes;
    this.#endBit = bytes.length * 8;
    this.#bit = from * 8;
  }

  /** Whether more was read than there is. */
  get isBeyond(): boolean {
    return this.#bit > this.#endBit;
  }

  /** Bits that are left; below 0 when more was read than there is. */
  get left(): number {
    return this.#endBit - this.#bit;
  }

  /** Up to 25 bits, unsigned. */
  bits(count: number): number {
    if (count === 0) return 0;
    const value = this.#peek() >>> (32 - count);
    this.#bit += count;
    return value;
  }

  /** Up to 32 bits, unsigned. */
  long(count: number): number {
    if (count <= 25) return this.bits(count);
    const high = this.bits(count - 16);
    return ((high << 16) | this.bits(16)) >>> 0;
  }

  /** How many ones come next, `most` (at most 8) at most; the zero that ends them is read too. */
  ones(most: number): number {
    const count = Math.clz32(~this.#peek());
    if (count >= most) {
      this.#bit += most;
      return most;
    }
    this.#bit += count + 1;
    return count;
  }

  /** A signed number of 64 bits; exact within 2^53. */
  int64(): number {
    const high = this.long(32) | 0;
    return high * TWO_TO_32 + this.long(32);
  }

  /** Exact below 2^53. */
  uvarint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.bits(8);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw damagedChunk('a varint has no end');
  }

  /** A zigzag varint; exact within 2^52. */
  varint(): number {
    const zigzag = this.uvarint();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  /** A signed number in varbit encoding; exact within 2^53. */
  varbitInt(): number {
    const size = VARBIT_SIZES[this.ones(8)]!;
    if (size === 0) return 0;
    if (size <= 25) {
      const value = this.bits(size);
      // The range is asymmetric: 2^(size-1) itself is positive.
      return value > 1 << (size - 1) ? value - (1 << size) : value;
    }
    if (size === 64) return this.int64();
    const high = this.bits(24);
    const low = this.long(32);
    const isNegative = high > 0x80_0000 || (high === 0x80_0000 && low > 0);
    return (isNegative ? high - 0x100_0000 : high) * TWO_TO_32 + low;
  }

  /** An unsigned number in varbit encoding; exact below 2^53. */
  varbitUint(): number {
    const size = VARBIT_SIZES[this.ones(8)]!;
    if (size <= 25) return this.bits(size);
    const high = size === 64 ? this.long(32) : this.bits(24);
    return high * TWO_TO_32 + this.long(32);
  }

  /** The next bits, the first at the top; 25 of them are good. */
  #peek(): number {
    const at = this.#bit >>> 3;
    const bytes = this.#bytes;
    // Reading behind an array's end is slow wherever it once happened.
    if (at + 4 > bytes.length) return this.#peekAtEnd(at) << (this.#bit & 7);
    const four = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    return four << (this.#bit & 7);
  }

  /** Four bytes, zeros behind the end. */
  #peekAtEnd(at: number): number {
    let four = 0;
    for (let i = at; i < at + 4; i++) four = (four << 8) | (i < this.#bytes.length ? this.#bytes[i]! : 0);
    return four;
  }
}
