import { BitWriter } from './bit-writer.ts';

/** No window of significant bits yet. */
const NO_WINDOW = 0xff;

/**
 * Builds one XOR chunk (encoding 1) after the other.
 *
 * @see prometheus tsdb/chunkenc/xor.go
 */
export class XorWriter {
  readonly #out = new BitWriter();
  #count = 0;
  #lastMs = 0;
  #delta = 0;
  #low = 0;
  #high = 0;
  #leading = NO_WINDOW;
  #trailing = 0;

  /** Samples in the chunk. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the chunk so far. */
  get byteLength(): number {
    return this.#out.byteLength;
  }

  /** Adds a sample by the bits of its value; its time is later than the one before. */
  add(tMs: number, low: number, high: number): void {
    const out = this.#out;
    if (this.#count === 0) {
      out.clear();
      out.bits(0, 16);
      out.varint(tMs);
      out.words(high, low);
      this.#leading = NO_WINDOW;
    } else {
      const delta = tMs - this.#lastMs;
      if (this.#count === 1) out.uvarint(delta);
      else this.#deltaOfDelta(delta - this.#delta);
      this.#delta = delta;
      this.#value((low ^ this.#low) >>> 0, (high ^ this.#high) >>> 0);
    }
    this.#lastMs = tMs;
    this.#low = low;
    this.#high = high;
    this.#count++;
  }

  /** The chunk's data; the next sample begins another. */
  end(): Uint8Array {
    this.#out.setUint16(0, this.#count);
    this.#count = 0;
    return this.#out.take();
  }

  #deltaOfDelta(dod: number): void {
    const out = this.#out;
    if (dod === 0) out.bits(0, 1);
    else if (dod >= -8191 && dod <= 8192) {
      out.bits(0b10, 2);
      out.bits(dod, 14);
    } else if (dod >= -65535 && dod <= 65536) {
      out.bits(0b110, 3);
      out.bits(dod, 17);
    } else if (dod >= -524287 && dod <= 524288) {
      out.bits(0b1110, 4);
      out.bits(dod, 20);
    } else {
      out.bits(0b1111, 4);
      out.words(Math.floor(dod / 0x1_0000_0000), dod | 0);
    }
  }

  #value(xorLow: number, xorHigh: number): void {
    const out = this.#out;
    if (xorLow === 0 && xorHigh === 0) {
      out.bits(0, 1);
      return;
    }
    let leading = xorHigh === 0 ? 31 : Math.clz32(xorHigh);
    let trailing = xorLow === 0 ? 63 - Math.clz32(xorHigh & -xorHigh) : 31 - Math.clz32(xorLow & -xorLow);
    if (this.#leading !== NO_WINDOW && leading >= this.#leading && trailing >= this.#trailing) {
      leading = this.#leading;
      trailing = this.#trailing;
      out.bits(0b10, 2);
    } else {
      this.#leading = leading;
      this.#trailing = trailing;
      // 64 significant bits are written as 0.
      out.bits((0b11 << 11) | (leading << 6) | ((64 - leading - trailing) & 63), 13);
    }
    const significant = 64 - leading - trailing;
    if (significant > 32) out.bits(xorHigh >>> trailing, significant - 32);
    const lower = trailing === 0 ? xorLow : (xorHigh << (32 - trailing)) | (xorLow >>> trailing);
    if (trailing >= 32) out.bits(xorHigh >>> (trailing - 32), significant);
    else out.bits(lower, Math.min(significant, 32));
  }
}
