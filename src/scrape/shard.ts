import { fnv1a64 } from '../core/fnv.ts';

/** Which part of the targets a process scrapes: part `index`, from 0, of `count`. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** More processes than this for one fleet are a mistake in writing. */
const MAX_SHARDS = 10_000;

/** Reads `i/n`; undefined when it is not that, with i from 0 to n - 1. */
export function parseShard(text: string): Shard | undefined {
  const match = /^(\d{1,5})\/(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [index, count] = [Number(match[1]), Number(match[2])];
  return index < count && count <= MAX_SHARDS ? { index, count } : undefined;
}

/**
 * Which of `count` processes scrapes the target with this identity. All that are told the same count agree without speaking to each
 * other, each gets its even share, and when the count grows by one only the targets of the new one move.
 *
 * @see Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm" (2014)
 */
export function shardOf(identity: string, count: number): number {
  const [high, low] = fnv1a64(Buffer.from(identity));
  // A generator of 32 bits is enough for so few buckets. FNV hardly mixes the last bytes into the high bits.
  let state = (high ^ Math.imul(low, 0x9e37_79b1)) >>> 0;
  let bucket = 0;
  for (let next = 0; next < count;) {
    bucket = next;
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const fraction = (((mixed ^ (mixed >>> 14)) >>> 0) + 1) / 2 ** 32;
    next = Math.floor((bucket + 1) / fraction);
  }
  return bucket;
}
