/** Bits of a varbit number by how many ones begin it, those that go into one call of {@link BitWriter.bits}. */
const VARBIT_SIZES = [0, 3, 6, 9, 12, 18, 25] as const;
/** Signed numbers of those sizes are above -half and up to half. */
const VARBIT_HALVES = VARBIT_SIZES.map((size) => 2 ** (size - 1));
const TWO_TO_32 = 0x1_0000_0000;

/**
 * Writes bits one after the other into memory that grows, the highest bit of each byte first.
 *
 * @see prometheus tsdb/chunkenc/bstream.go, varbit.go
 */
export class BitWriter {
  #bytes = new Uint8Array(256);
  #bit = 0;

  /** Whole bytes so far, the last one filled up with zeros. */
  get byteLength(): number {
    return (this.#bit + 7) >>> 3;
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.byteLength);
  }

  /** Begins anew. */
  clear(): void {
    this.#bit = 0;
  }

  /** Puts a u16 over the two bytes at `at`. */
  setUint16(at: number, value: number): void {
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
  }

  /** Puts a byte over the one at `at`. */
  setByte(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  /** The low `count` bits of `value`, at most 32. */
  bits(value: number, count: number): void {
    if (count > 24) {
      this.bits(value >>> 16, count - 16);
      this.bits(value & 0xffff, 16);
      return;
    }
    if (count === 0) return;
    const at = this.#bit >>> 3;
    if (at + 4 > this.#bytes.length) this.#grow();
    const used = this.#bit & 7;
    const bytes = this.#bytes;
    const window = (value & ((1 << count) - 1)) << (32 - used - count);
    bytes[at] = used === 0 ? window >>> 24 : bytes[at]! | (window >>> 24);
    if (used + count > 8) {
      bytes[at + 1] = window >>> 16;
      bytes[at + 2] = window >>> 8;
      bytes[at + 3] = window;
    }
    this.#bit += count;
  }

  /** 64 bits as two words. */
  words(high: number, low: number): void {
    this.bits(high, 32);
    this.bits(low, 32);
  }

  /** An integer within 2^53 as a signed number of 64 bits. */
  int64(value: number): void {
    this.words(Math.floor(value / TWO_TO_32), value | 0);
  }

  /** A whole number below 2^53 as a varint. */
  uvarint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.bits((rest % 128) | 128, 8);
      rest = Math.floor(rest / 128);
    }
    this.bits(rest, 8);
  }

  /** A signed integer as a zigzag varint; exact below 2^52. */
  varint(value: number): void {
    this.uvarint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  /** An integer within 2^53 in varbit encoding. */
  varbitInt(value: number): void {
    if (value === 0) {
      this.bits(0, 1);
      return;
    }
    for (let ones = 1; ones < VARBIT_SIZES.length; ones++) {
      const half = VARBIT_HALVES[ones]!;
      if (value <= -half || value > half) continue;
      this.#varbit(ones, value, VARBIT_SIZES[ones]!);
      return;
    }
    this.#longVarbit(value, value > -(2 ** 55) && value <= 2 ** 55);
  }

  /** A whole number below 2^53 in varbit encoding. */
  varbitUint(value: number): void {
    if (value === 0) {
      this.bits(0, 1);
      return;
    }
    for (let ones = 1; ones < VARBIT_SIZES.length; ones++) {
      if (value >= 2 * VARBIT_HALVES[ones]!) continue;
      this.#varbit(ones, value, VARBIT_SIZES[ones]!);
      return;
    }
    this.#longVarbit(value, value < 2 ** 56);
  }

  #varbit(ones: number, value: number, size: number): void {
    this.bits((2 << ones) - 2, ones + 1);
    this.bits(value, size);
  }

  #longVarbit(value: number, isShort: boolean): void {
    if (!isShort) {
      this.bits(0xff, 8);
      this.int64(value);
      return;
    }
    this.bits(0xfe, 8);
    this.bits(Math.floor(value / TWO_TO_32), 24);
    this.bits(value | 0, 32);
  }

  #grow(): void {
    const larger = new Uint8Array(this.#bytes.length * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
