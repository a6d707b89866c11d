/**
 * xxHash64 with seed 0. 64-bit numbers are pairs of 32-bit halves in module-level registers: BigInt would allocate at
 * every operation.
 *
 * @see https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */

/** A 64-bit number as two unsigned halves. */
interface Half64 {
  hi: number;
  lo: number;
}

const P1: Readonly<Half64> = { hi: 0x9e3779b1, lo: 0x85ebca87 };
const P2: Readonly<Half64> = { hi: 0xc2b2ae3d, lo: 0x27d4eb4f };
const P3: Readonly<Half64> = { hi: 0x165667b1, lo: 0x9e3779f9 };
const P4: Readonly<Half64> = { hi: 0x85ebca77, lo: 0xc2b2ae63 };
const P5: Readonly<Half64> = { hi: 0x27d4eb2f, lo: 0x165667c5 };

function add(into: Half64, { hi, lo }: Readonly<Half64>): void {
  const low = into.lo + lo;
  into.lo = low >>> 0;
  into.hi = (into.hi + hi + (low > 0xffffffff ? 1 : 0)) >>> 0;
}

function multiply(into: Half64, { hi, lo }: Readonly<Half64>): void {
  const a0 = into.lo & 0xffff;
  const a1 = into.lo >>> 16;
  const b0 = lo & 0xffff;
  const b1 = lo >>> 16;
  const middle = a0 * b1 + ((a0 * b0) >>> 16);
  const carried = a1 * b0 + (middle % 0x10000);
  const high = a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(carried / 0x10000);
  into.hi = (high + Math.imul(into.hi, lo) + Math.imul(into.lo, hi)) >>> 0;
  into.lo = Math.imul(into.lo, lo) >>> 0;
}

/** Rotates left by fewer than 32 bits. */
function rotate(into: Half64, bits: number): void {
  const { hi, lo } = into;
  into.hi = ((hi << bits) | (lo >>> (32 - bits))) >>> 0;
  into.lo = ((lo << bits) | (hi >>> (32 - bits))) >>> 0;
}

function exclusiveOr(into: Half64, { hi, lo }: Readonly<Half64>): void {
  into.hi = (into.hi ^ hi) >>> 0;
  into.lo = (into.lo ^ lo) >>> 0;
}

const hash: Half64 = { hi: 0, lo: 0 };
const scratch: Half64 = { hi: 0, lo: 0 };
const lanes: readonly Half64[] = [0, 1, 2, 3].map(() => ({ hi: 0, lo: 0 }));

function set(into: Half64, hi: number, lo: number): void {
  into.hi = hi;
  into.lo = lo;
}

/** One round on `scratch`: an accumulator takes in eight bytes. */
function round(accumulator: Half64, bytes: DataView, at: number): void {
  set(scratch, bytes.getUint32(at + 4, true), bytes.getUint32(at, true));
  multiply(scratch, P2);
  add(accumulator, scratch);
  rotate(accumulator, 31);
  multiply(accumulator, P1);
}

function mergeLane(lane: Readonly<Half64>): void {
  set(scratch, lane.hi, lane.lo);
  multiply(scratch, P2);
  rotate(scratch, 31);
  multiply(scratch, P1);
  exclusiveOr(hash, scratch);
  multiply(hash, P1);
  add(hash, P4);
}

/** Takes in the stripes of 32 bytes; gives the number of bytes taken. */
function takeStripes(bytes: DataView, length: number): number {
  set(lanes[0]!, P1.hi, P1.lo);
  add(lanes[0]!, P2);
  set(lanes[1]!, P2.hi, P2.lo);
  set(lanes[2]!, 0, 0);
  // -P1
  set(lanes[3]!, ~P1.hi >>> 0, (~P1.lo + 1) >>> 0);
  let at = 0;
  for (; at + 32 <= length; at += 32) {
    for (let i = 0; i < 4; i++) round(lanes[i]!, bytes, at + 8 * i);
  }
  set(hash, 0, 0);
  const bits = [1, 7, 12, 18];
  for (let i = 0; i < 4; i++) {
    set(scratch, lanes[i]!.hi, lanes[i]!.lo);
    rotate(scratch, bits[i]!);
    add(hash, scratch);
  }
  for (const lane of lanes) mergeLane(lane);
  return at;
}

/** Takes in what is left after the stripes. */
function takeTail(bytes: DataView, from: number, length: number): void {
  let at = from;
  const lane = lanes[0]!;
  for (; at + 8 <= length; at += 8) {
    set(lane, 0, 0);
    round(lane, bytes, at);
    exclusiveOr(hash, lane);
    rotate(hash, 27);
    multiply(hash, P1);
    add(hash, P4);
  }
  if (at + 4 <= length) {
    set(scratch, 0, bytes.getUint32(at, true));
    multiply(scratch, P1);
    exclusiveOr(hash, scratch);
    rotate(hash, 23);
    multiply(hash, P2);
    add(hash, P3);
    at += 4;
  }
  for (; at < length; at++) {
    set(scratch, 0, bytes.getUint8(at));
    multiply(scratch, P5);
    exclusiveOr(hash, scratch);
    rotate(hash, 11);
    multiply(hash, P1);
  }
}

function avalanche(): void {
  hash.lo = (hash.lo ^ (hash.hi >>> 1)) >>> 0;
  multiply(hash, P2);
  set(scratch, hash.hi >>> 29, ((hash.lo >>> 29) | (hash.hi << 3)) >>> 0);
  exclusiveOr(hash, scratch);
  multiply(hash, P3);
  hash.lo = (hash.lo ^ hash.hi) >>> 0;
}

/**
 * The hash of the first `length` bytes as a fraction of 2^64, in [0, 1]: rounded as a conversion of an unsigned 64-bit
 * number to a float is. O(length), without allocating.
 */
export function xxhash64Fraction(bytes: DataView, length: number): number {
  hash64(bytes, length);
  return (hash.hi * 0x1_0000_0000 + hash.lo) / 0x1_0000_0000_0000_0000;
}

/** The hash of the first `length` bytes as 16 hex digits. */
export function xxhash64Hex(bytes: DataView, length: number): string {
  hash64(bytes, length);
  return hash.hi.toString(16).padStart(8, '0') + hash.lo.toString(16).padStart(8, '0');
}

function hash64(bytes: DataView, length: number): void {
  let at = 0;
  if (length >= 32) at = takeStripes(bytes, length);
  else set(hash, P5.hi, P5.lo);
  set(scratch, 0, length);
  add(hash, scratch);
  takeTail(bytes, at, length);
  avalanche();
}
