import { TocsinError } from '../errors.ts';

/**
 * Snappy's block format: what Prometheus' log, remote write and remote read use (no framing, no checksum). A block is the
 * uvarint of its plain length, then literals and copies from what came out before.
 *
 * @see google/snappy format_description.txt
 */

/** Largest plain length that the format can say. */
const MAX_LENGTH = 0xffff_ffff;
/** Input is compressed in pieces of this size, so that every offset of a copy fits two bytes. */
const PIECE = 1 << 16;
const TABLE_BITS = 14;
/** Near the end of a piece nothing is looked up: a literal costs no more. */
const MARGIN = 15;
const MIN_TABLE_BITS = 8;

const Tag = { literal: 0, copy1: 1, copy2: 2, copy4: 3 } as const;

/** Where four bytes were last seen in the present piece, by their hash. */
const table = new Uint16Array(1 << TABLE_BITS);

/** How long the compressed form of `length` bytes can be at most. */
export function maxSnappyBytes(length: number): number {
  return 32 + length + Math.ceil(length / 6);
}

/** The compressed form of some bytes, owned by the caller. Throws TOCSIN_ERR_PARSE when they are 4 GiB or more. */
export function snappyCompress(bytes: Uint8Array): Uint8Array {
  const into = new Uint8Array(maxSnappyBytes(bytes.length));
  return into.slice(0, snappyCompressInto(bytes, into));
}

/**
 * Compresses into a buffer of at least {@link maxSnappyBytes}; returns how many bytes were written. Allocates next to nothing.
 */
export function snappyCompressInto(bytes: Uint8Array, into: Uint8Array): number {
  if (bytes.length > MAX_LENGTH) throw bad('input of 4 GiB or more cannot be compressed');
  let at = 0;
  let rest = bytes.length;
  while (rest >= 128) {
    into[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  into[at++] = rest;
  if (bytes.length === 0) return at;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let from = 0; from < bytes.length; from += PIECE) {
    at = compressPiece(bytes, view, from, Math.min(from + PIECE, bytes.length), into, at);
  }
  return at;
}

function compressPiece(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  into: Uint8Array,
  outAt: number,
): number {
  let out = outAt;
  if (end - start < MARGIN + 2) return literal(bytes, start, end, into, out);
  let bits = MIN_TABLE_BITS;
  while (bits < TABLE_BITS && 1 << bits < end - start) bits++;
  const shift = 32 - bits;
  table.fill(0, 0, 1 << bits);
  const limit = end - MARGIN;
  let literalFrom = start;
  let at = start + 1;
  // The longer nothing is found, the larger the steps: what can't be compressed is passed quickly.
  let skip = 32;
  while (at <= limit) {
    const here = view.getUint32(at, true);
    const slot = Math.imul(here, 0x1e35a7bd) >>> shift;
    let candidate = start + table[slot]!;
    table[slot] = at - start;
    if (view.getUint32(candidate, true) !== here) {
      at += skip++ >>> 5;
      continue;
    }
    skip = 32;
    while (at > literalFrom && candidate > start && bytes[at - 1] === bytes[candidate - 1]) {
      at--;
      candidate--;
    }
    if (at > literalFrom) out = literal(bytes, literalFrom, at, into, out);
    let to = at + 4;
    let same = candidate + 4;
    while (to + 4 <= end && view.getUint32(to, true) === view.getUint32(same, true)) {
      to += 4;
      same += 4;
    }
    while (to < end && bytes[to] === bytes[same]) {
      to++;
      same++;
    }
    out = copy(into, out, at - candidate, to - at);
    literalFrom = at = to;
    if (at > limit) break;
    table[Math.imul(view.getUint32(at - 1, true), 0x1e35a7bd) >>> shift] = at - 1 - start;
  }
  return literalFrom < end ? literal(bytes, literalFrom, end, into, out) : out;
}

function literal(bytes: Uint8Array, from: number, to: number, into: Uint8Array, outAt: number): number {
  let out = outAt;
  const length = to - from;
  const coded = length - 1;
  if (coded < 60) into[out++] = (coded << 2) | Tag.literal;
  else if (coded < 256) {
    into[out++] = (60 << 2) | Tag.literal;
    into[out++] = coded;
  } else {
    into[out++] = (61 << 2) | Tag.literal;
    into[out++] = coded;
    into[out++] = coded >>> 8;
  }
  if (length > 64) into.set(bytes.subarray(from, to), out);
  else for (let i = 0; i < length; i++) into[out + i] = bytes[from + i]!;
  return out + length;
}

function copy(into: Uint8Array, outAt: number, offset: number, count: number): number {
  let out = outAt;
  let length = count;
  // No copy may be shorter than four bytes, so the last but one leaves at least that.
  while (length >= 68) {
    out = longCopy(into, out, offset, 64);
    length -= 64;
  }
  if (length > 64) {
    out = longCopy(into, out, offset, 60);
    length -= 60;
  }
  if (length >= 12 || offset >= 2048) return longCopy(into, out, offset, length);
  into[out++] = ((offset >>> 8) << 5) | ((length - 4) << 2) | Tag.copy1;
  into[out++] = offset;
  return out;
}

function longCopy(into: Uint8Array, out: number, offset: number, length: number): number {
  into[out] = ((length - 1) << 2) | Tag.copy2;
  into[out + 1] = offset;
  into[out + 2] = offset >>> 8;
  return out + 3;
}

/**
 * Whether bytes are a well-formed block: a walk over its elements, that on anything else ends after a few. Arbitrary bytes are hardly
 * ever one.
 */
export function isSnappyBlock(bytes: Uint8Array): boolean {
  const length = lengthOf(bytes);
  if (length < 0) return false;
  let at = 1;
  while (bytes[at - 1]! >= 128) at++;
  let out = 0;
  while (at < bytes.length) {
    const tag = bytes[at++]!;
    const kind = tag & 3;
    let count = (tag >>> 2) + 1;
    if (kind === Tag.literal) {
      const extra = Math.max(0, count - 60);
      if (at + extra > bytes.length) return false;
      if (extra > 0) count = 1 + littleEndian(bytes, at, extra);
      at += extra + count;
      if (at > bytes.length) return false;
    } else {
      const width = kind === Tag.copy1 ? 1 : kind === Tag.copy2 ? 2 : 4;
      if (at + width > bytes.length) return false;
      if (kind === Tag.copy1) count = ((tag >>> 2) & 7) + 4;
      const high = kind === Tag.copy1 ? (tag >>> 5) * 256 : 0;
      const offset = high + littleEndian(bytes, at, width);
      if (offset === 0 || offset > out) return false;
      at += width;
    }
    out += count;
    if (out > length) return false;
  }
  return out === length;
}

/** The plain length that a block says it has. Throws TOCSIN_ERR_PARSE when it says none. */
export function snappyLength(bytes: Uint8Array): number {
  const length = lengthOf(bytes);
  if (length < 0) throw bad('the length is malformed');
  return length;
}

function lengthOf(bytes: Uint8Array): number {
  let value = 0;
  let factor = 1;
  for (let i = 0; i < 5 && i < bytes.length; i++) {
    const byte = bytes[i]!;
    value += (byte & 0x7f) * factor;
    if (byte < 128) return value > MAX_LENGTH ? -1 : value;
    factor *= 128;
  }
  return -1;
}

/**
 * The plain form of a block, owned by the caller. Throws TOCSIN_ERR_PARSE when the block is malformed or its plain form is longer
 * than `maxBytes` (nothing is then allocated).
 */
export function snappyDecompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const length = snappyLength(bytes);
  if (length > maxBytes) throw bad(`the plain form has ${length} bytes, more than the limit of ${maxBytes}`);
  // A copy of 64 bytes takes 3: no block can hold more than this.
  if (length > bytes.length * 22) throw bad('it is too short for its length');
  const into = new Uint8Array(length);
  snappyDecompressInto(bytes, into);
  return into;
}

/**
 * Decompresses to the beginning of a buffer of at least {@link snappyLength} bytes; returns how many were written. Throws
 * TOCSIN_ERR_PARSE when the block is malformed; the buffer then holds a part.
 */
export function snappyDecompressInto(bytes: Uint8Array, into: Uint8Array): number {
  const length = snappyLength(bytes);
  if (length > into.length)
    throw bad(`the plain form has ${length} bytes, more than the room of ${into.length}`);
  const { length: end } = bytes;
  let at = 1;
  while (bytes[at - 1]! >= 128) at++;
  let out = 0;
  while (at < end) {
    const tag = bytes[at++]!;
    if ((tag & 3) === Tag.literal) {
      let count = (tag >>> 2) + 1;
      if (count > 60) {
        const extra = count - 60;
        if (at + extra > end) throw bad('it ends within a length');
        count = 1 + littleEndian(bytes, at, extra);
        at += extra;
      }
      if (count > end - at) throw bad('it ends within a literal');
      if (count > length - out) throw bad('it is longer than it says');
      if (count > 32) into.set(bytes.subarray(at, at + count), out);
      else for (let i = 0; i < count; i++) into[out + i] = bytes[at + i]!;
      at += count;
      out += count;
      continue;
    }
    let count = (tag >>> 2) + 1;
    let offset: number;
    if ((tag & 3) === Tag.copy1) {
      if (at >= end) throw bad('it ends within a copy');
      count = ((tag >>> 2) & 7) + 4;
      offset = ((tag >>> 5) << 8) | bytes[at++]!;
    } else {
      const width = (tag & 3) === Tag.copy2 ? 2 : 4;
      if (at + width > end) throw bad('it ends within a copy');
      offset = littleEndian(bytes, at, width);
      at += width;
    }
    if (offset === 0 || offset > out) throw bad('a copy reaches before the beginning');
    if (count > length - out) throw bad('it is longer than it says');
    for (const stop = out + count; out < stop; out++) into[out] = into[out - offset]!;
  }
  if (out !== length) throw bad('it is shorter than it says');
  return length;
}

function littleEndian(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}

function bad(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_PARSE', `a snappy block cannot be used: ${what}`);
}
