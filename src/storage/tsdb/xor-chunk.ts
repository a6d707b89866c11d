import { TocsinError } from '../../core/errors.ts';
import type { SampleBuffer } from '../seam.ts';

/**
 * Reading Prometheus' XOR chunks (encoding 1): u16 count, varint t0, raw v0, uvarint delta, then deltas of deltas in 1 /
 * 2+14 / 3+17 / 4+20 / 4+64 bits and values XORed with the one before, as significant bits within a window.
 *
 * @see prometheus tsdb/chunkenc/xor.go, tsdb/docs/bstream.md
 */

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const HIGH = LITTLE_ENDIAN ? 1 : 0;
const LOW = LITTLE_ENDIAN ? 0 : 1;

let bytes: Uint8Array = new Uint8Array(0);
let bit = 0;

/** Up to 25 bits. */
function readShort(count: number): number {
  const at = bit >>> 3;
  const window = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  const shift = bit & 7;
  bit += count;
  return (window << shift) >>> (32 - count);
}

/** Up to 32 bits. */
function readLong(count: number): number {
  if (count <= 25) return count === 0 ? 0 : readShort(count);
  const high = readShort(count - 16);
  return ((high << 16) | readShort(16)) >>> 0;
}

/** An unsigned varint as a number; loses nothing below 2^53. */
function readUvarint(): number {
  let value = 0;
  let factor = 1;
  for (let i = 0; i < 10; i++) {
    const byte = readShort(8);
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 128;
  }
  throw corrupt('a varint has no end');
}

function readDod(): number {
  if (readShort(1) === 0) return 0;
  let size = 14;
  if (readShort(1) === 1) {
    size = 17;
    if (readShort(1) === 1) {
      size = 20;
      if (readShort(1) === 1) {
        const high = readLong(32) | 0;
        return high * 0x1_0000_0000 + readLong(32);
      }
    }
  }
  const value = readShort(size);
  // The range is asymmetric: 2^(size-1) itself is positive.
  return value > 1 << (size - 1) ? value - (1 << size) : value;
}

/** The words of the buffer that was written to last: a view of its own for every chunk would cost more than decoding. */
let words: Uint32Array = new Uint32Array(0);

function wordsOf(values: Float64Array): Uint32Array {
  if (words.buffer !== values.buffer) words = new Uint32Array(values.buffer);
  return words;
}

/**
 * Appends the samples of a chunk with minMs <= t <= maxMs to `into`. Its data after the u16 count are the `length` bytes
 * of `source` from `offset` on; `count` is how many samples to decode. Throws TOCSIN_ERR_STORAGE, having added nothing,
 * when the data end before the samples do.
 *
 * This is where queries spend most of their time. The position lives in a local variable, the usual sample (a delta as
 * before, a value of few changed bits) is read by one or two looks at four bytes, and values are written as words: two
 * stores followed by a load of both would wait for each other.
 */
export function readXorChunk(
  source: Uint8Array,
  offset: number,
  length: number,
  count: number,
  minMs: number,
  maxMs: number,
  into: SampleBuffer,
): void {
  if (count === 0) return;
  if (offset + length > source.length) throw corrupt('it is shorter than it says');
  into.reserve(into.length + count);
  const end = (offset + length) * 8;
  bytes = source;
  bit = offset * 8;
  const zigzag = readUvarint();
  let t = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  let high = readLong(32);
  let low = readLong(32);
  if (bit > end) throw corrupt('it ends within its first sample');
  let at = into.length;
  const { timestamps, values } = into;
  const out = wordsOf(values);
  let leading = 0;
  let trailing = 0;
  let delta = 0;
  let position = bit;
  for (let i = 0; ;) {
    if (t > maxMs) break;
    if (t >= minMs) {
      timestamps[at] = t;
      out[2 * at + LOW] = low;
      out[2 * at + HIGH] = high;
      at++;
    }
    if (++i === count) break;
    let peek = peekBits(source, position);
    if (i > 1 && peek >= 0) {
      position++;
      peek <<= 1;
    } else {
      bit = position;
      delta = i === 1 ? readUvarint() : delta + readDod();
      position = bit;
      peek = peekBits(source, position);
    }
    t += delta;
    if (peek >= 0) {
      position++;
    } else {
      if ((peek & 0x4000_0000) === 0) {
        position += 2;
      } else {
        leading = (peek >>> 25) & 0x1f;
        trailing = 64 - leading - ((peek >>> 19) & 0x3f || 64);
        if (trailing < 0) throw corrupt('a value has more than 64 bits');
        position += 13;
      }
      const significant = 64 - leading - trailing;
      if (significant <= 25 && trailing >= 32) {
        high ^= (peekBits(source, position) >>> (32 - significant)) << (trailing - 32);
        position += significant;
      } else {
        bit = position;
        const upper = significant > 32 ? readLong(significant - 32) : 0;
        const lower = readLong(significant > 32 ? 32 : significant);
        position = bit;
        low ^= trailing >= 32 ? 0 : lower << trailing;
        high ^= highWord(upper, lower, trailing);
      }
    }
    if (position > end) throw corrupt(`it ends within sample ${i + 1} of ${count}`);
  }
  into.length = at;
}

/** The bits from `position` on, the first at the top; 25 of them are good. */
function peekBits(source: Uint8Array, position: number): number {
  const at = position >>> 3;
  const four = (source[at]! << 24) | (source[at + 1]! << 16) | (source[at + 2]! << 8) | source[at + 3]!;
  return four << (position & 7);
}

/** The upper half of the 64-bit number upper:lower shifted left. */
function highWord(upper: number, lower: number, shift: number): number {
  if (shift === 0) return upper;
  if (shift === 32) return lower;
  return shift > 32 ? lower << (shift - 32) : (upper << shift) | (lower >>> (32 - shift));
}

function corrupt(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_STORAGE', `a chunk of samples is damaged: ${what}`);
}
