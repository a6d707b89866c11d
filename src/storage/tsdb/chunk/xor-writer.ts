import { areStaleBits } from '../../stale.ts';
import { BitWriter } from './bit-writer.ts';
import { ChunkEncoding } from './encoding.ts';
import { StartWriter } from './start-times.ts';
import { NO_WINDOW, writeDifference, writeXor } from './xor-value.ts';
import type { WindowPrefixes } from './xor-value.ts';

/** Builds one chunk of floats after the other. Times rise and lie within 2^51. */
export interface FloatChunkWriter {
  readonly encoding: ChunkEncoding;
  /** Samples in the chunk. */
  readonly count: number;
  /** Bytes of the chunk so far. */
  readonly byteLength: number;
  /** Adds a sample by the bits of its value. XOR chunks take no start but 0. */
  add(tMs: number, low: number, high: number, startMs: number): void;
  /** The chunk's data; the next sample begins another. */
  end(): Uint8Array;
}

/**
 * XOR chunks (encoding 1).
 *
 * @see prometheus tsdb/chunkenc/xor.go
 */
export class XorWriter implements FloatChunkWriter {
  readonly encoding = ChunkEncoding.xor;
  readonly #out = new BitWriter();
  readonly #window = new Uint8Array(2);
  #count = 0;
  #lastMs = 0;
  #delta = 0;
  #low = 0;
  #high = 0;

  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#out.byteLength;
  }

  add(tMs: number, low: number, high: number): void {
    const out = this.#out;
    if (this.#count === 0) {
      out.clear();
      out.bits(0, 16);
      out.varint(tMs);
      out.words(high, low);
      this.#window[0] = NO_WINDOW;
    } else {
      const delta = tMs - this.#lastMs;
      if (this.#count === 1) out.uvarint(delta);
      else this.#deltaOfDelta(delta - this.#delta);
      this.#delta = delta;
      writeXor(out, (low ^ this.#low) >>> 0, (high ^ this.#high) >>> 0, this.#window, 0);
    }
    this.#lastMs = tMs;
    this.#low = low;
    this.#high = high;
    this.#count++;
  }

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
      out.int64(dod);
    }
  }
}

/** Where the interval changed too; a value as before is a single 0, the stale marker 111. */
const AFTER_CHANGED_INTERVAL: WindowPrefixes = { same: 0b10, sameBits: 2, anew: 0b110, anewBits: 3 };
/** Where the interval is as before, after 10. */
const AFTER_SAME_INTERVAL: WindowPrefixes = { same: 0b100, sameBits: 3, anew: 0b101, anewBits: 3 };

/**
 * XOR2 chunks (encoding 4), which tell interval and value in one prefix, stale markers in a few bits, and may have start
 * timestamps.
 *
 * @see prometheus tsdb/chunkenc/xor2.go
 */
export class Xor2Writer implements FloatChunkWriter {
  readonly encoding = ChunkEncoding.xor2;
  readonly #out = new BitWriter();
  readonly #window = new Uint8Array(2);
  readonly #starts = new StartWriter();
  #count = 0;
  #lastMs = 0;
  #delta = 0;
  /** Newest value but for stale markers; 0 before there is one. */
  #low = 0;
  #high = 0;

  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#out.byteLength;
  }

  add(tMs: number, low: number, high: number, startMs: number): void {
    const out = this.#out;
    const isStale = areStaleBits(low, high);
    if (this.#count === 0) {
      out.clear();
      out.bits(0, 24);
      out.varint(tMs);
      out.words(high, low);
      this.#window[0] = NO_WINDOW;
      this.#starts.clear();
      this.#low = 0;
      this.#high = 0;
    } else {
      const delta = tMs - this.#lastMs;
      const xorLow = (low ^ this.#low) >>> 0;
      const xorHigh = (high ^ this.#high) >>> 0;
      if (this.#count === 1) {
        out.uvarint(delta);
        this.#value(xorLow, xorHigh, isStale);
      } else {
        this.#joint(delta - this.#delta, xorLow, xorHigh, isStale);
      }
      this.#delta = delta;
    }
    this.#starts.write(out, this.#count, tMs, this.#lastMs, startMs);
    this.#lastMs = tMs;
    if (!isStale) {
      this.#low = low;
      this.#high = high;
    }
    this.#count++;
  }

  end(): Uint8Array {
    this.#out.setUint16(0, this.#count);
    this.#out.setByte(2, this.#starts.header);
    this.#count = 0;
    return this.#out.take();
  }

  #joint(dod: number, low: number, high: number, isStale: boolean): void {
    const out = this.#out;
    if (dod === 0) {
      if (isStale) out.bits(0b11111, 5);
      else if (low === 0 && high === 0) out.bits(0, 1);
      else writeDifference(out, low, high, this.#window, 0, AFTER_SAME_INTERVAL);
      return;
    }
    if (dod >= -4096 && dod <= 4095) {
      out.bits((0b110 << 13) | (dod & 0x1fff), 16);
    } else if (dod >= -524288 && dod <= 524287) {
      out.bits((0b1110 << 20) | (dod & 0xfffff), 24);
    } else {
      out.bits(0b11110, 5);
      out.int64(dod);
    }
    this.#value(low, high, isStale);
  }

  #value(low: number, high: number, isStale: boolean): void {
    const out = this.#out;
    if (isStale) out.bits(0b111, 3);
    else if (low === 0 && high === 0) out.bits(0, 1);
    else writeDifference(out, low, high, this.#window, 0, AFTER_CHANGED_INTERVAL);
  }
}
