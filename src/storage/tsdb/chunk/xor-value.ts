import type { BitReader } from './bit-reader.ts';
import type { BitWriter } from './bit-writer.ts';
import { damagedChunk } from './damaged-chunk.ts';
import { HIGH, LOW } from './words.ts';

/**
 * Floats as the bits in which they differ from the float before: a window of significant bits between leading and
 * trailing zeros, which is told anew or the one of before.
 *
 * A window is two bytes of an array: leading zeros (at most 31) and trailing ones.
 *
 * @see prometheus tsdb/chunkenc/xor.go xorWrite, xorRead
 */

/** For a writer: leading zeros when there is no window yet. */
export const NO_WINDOW = 0xff;

/** How an encoding tells which window follows. */
export interface WindowPrefixes {
  readonly same: number;
  readonly sameBits: number;
  readonly anew: number;
  readonly anewBits: number;
}

/** Those of XOR chunks and histograms; a value as before is a single 0. */
export const XOR_PREFIXES: WindowPrefixes = { same: 0b10, sameBits: 2, anew: 0b11, anewBits: 2 };

/** Writes the bits in which a value differs from the one before; there is at least one. */
export function writeDifference(
  out: BitWriter,
  low: number,
  high: number,
  windows: Uint8Array,
  at: number,
  prefixes: WindowPrefixes,
): void {
  let leading = high === 0 ? 31 : Math.clz32(high);
  let trailing = low === 0 ? 63 - Math.clz32(high & -high) : 31 - Math.clz32(low & -low);
  if (windows[at] !== NO_WINDOW && leading >= windows[at]! && trailing >= windows[at + 1]!) {
    leading = windows[at]!;
    trailing = windows[at + 1]!;
    out.bits(prefixes.same, prefixes.sameBits);
  } else {
    windows[at] = leading;
    windows[at + 1] = trailing;
    // 64 significant bits are written as 0.
    const window = (leading << 6) | ((64 - leading - trailing) & 63);
    out.bits((prefixes.anew << 11) | window, prefixes.anewBits + 11);
  }
  const significant = 64 - leading - trailing;
  if (trailing >= 32) {
    out.bits(high >>> (trailing - 32), significant);
    return;
  }
  if (significant > 32) out.bits(high >>> trailing, significant - 32);
  out.bits(trailing === 0 ? low : (high << (32 - trailing)) | (low >>> trailing), Math.min(significant, 32));
}

/** Writes what two floats, given by their bits, differ in. */
export function writeXor(out: BitWriter, low: number, high: number, windows: Uint8Array, at: number): void {
  if (low === 0 && high === 0) out.bits(0, 1);
  else writeDifference(out, low, high, windows, at, XOR_PREFIXES);
}

/** Reads a difference whose window is told anew, and applies it to the float at `index` of `words`' memory. */
export function readNewWindow(
  reader: BitReader,
  words: Uint32Array,
  index: number,
  windows: Uint8Array,
  at: number,
): void {
  const leading = reader.bits(5);
  const significant = reader.bits(6) || 64;
  if (leading + significant > 64) throw damagedChunk('a value has more than 64 bits');
  windows[at] = leading;
  windows[at + 1] = 64 - leading - significant;
  readDifference(reader, words, index, windows, at);
}

/** Reads a difference within the window there is, and applies it to the float at `index` of `words`' memory. */
export function readDifference(
  reader: BitReader,
  words: Uint32Array,
  index: number,
  windows: Uint8Array,
  at: number,
): void {
  const trailing = windows[at + 1]!;
  const significant = 64 - windows[at]! - trailing;
  const upper = significant > 32 ? reader.long(significant - 32) : 0;
  const lower = reader.long(significant > 32 ? 32 : significant);
  words[2 * index + HIGH]! ^= upperWord(upper, lower, trailing);
  if (trailing < 32) words[2 * index + LOW]! ^= lower << trailing;
}

/** Reads a float in XOR encoding: what it differs in is applied to the float at `index` of `words`' memory. */
export function readXor(
  reader: BitReader,
  words: Uint32Array,
  index: number,
  windows: Uint8Array,
  at: number,
): void {
  const ones = reader.ones(2);
  if (ones === 0) return;
  if (ones === 1) readDifference(reader, words, index, windows, at);
  else readNewWindow(reader, words, index, windows, at);
}

/** The upper half of the 64-bit number upper:lower shifted left. */
function upperWord(upper: number, lower: number, shift: number): number {
  if (shift === 0) return upper;
  if (shift === 32) return lower;
  return shift > 32 ? lower << (shift - 32) : (upper << shift) | (lower >>> (32 - shift));
}
