/**
 * Operations on ascending lists of series refs. Results are in memory from `take` (new arrays unless told) unless an
 * argument is returned as it is.
 */

/** Gives room for so many refs; what is in it means nothing. */
export type TakeRefs = (count: number) => Uint32Array;

const takeNew: TakeRefs = (count) => new Uint32Array(count);

/** Refs that are used again at most. */
const MAX_SCRATCH = 1 << 18;

/**
 * Room for lists that nobody looks at any more once the next selection begins. Selections of many series made garbage
 * outside of the heap, which had the whole heap collected every few dozen of them.
 */
export class RefScratch {
  #refs = new Uint32Array(0);
  #used = 0;

  /** Gives up all that was taken. */
  reset(): void {
    this.#used = 0;
  }

  readonly take: TakeRefs = (count) => {
    if (this.#used + count > MAX_SCRATCH) return new Uint32Array(count);
    if (this.#used + count > this.#refs.length) {
      this.#refs = new Uint32Array(Math.min(MAX_SCRATCH, (this.#used + count) * 2));
      this.#used = 0;
    }
    this.#used += count;
    return this.#refs.subarray(this.#used - count, this.#used);
  };
}

/** Below which ratio of lengths looking up beats walking both lists. */
const GALLOP_RATIO = 16;

/** Refs in both lists. */
export function intersect(a: Uint32Array, b: Uint32Array, take = takeNew): Uint32Array {
  const [small, large] = a.length <= b.length ? [a, b] : [b, a];
  const out = take(small.length);
  let count = 0;
  if (small.length * GALLOP_RATIO < large.length) {
    let from = 0;
    for (let i = 0; i < small.length; i++) {
      from = seek(large, small[i]!, from);
      if (from === large.length) break;
      if (large[from] === small[i]) out[count++] = small[i]!;
    }
    return out.subarray(0, count);
  }
  let i = 0;
  let j = 0;
  while (i < small.length && j < large.length) {
    const x = small[i]!;
    const y = large[j]!;
    if (x === y) {
      out[count++] = x;
      i++;
      j++;
    } else if (x < y) i++;
    else j++;
  }
  return out.subarray(0, count);
}

/** Refs in `a` and not in `b`. */
export function subtract(a: Uint32Array, b: Uint32Array, take = takeNew): Uint32Array {
  if (b.length === 0) return a;
  const out = take(a.length);
  let count = 0;
  let j = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!;
    j = seek(b, x, j);
    if (b[j] !== x) out[count++] = x;
  }
  return out.subarray(0, count);
}

/** Up to how many places for each ref a bit for every place beats sorting. */
const PLACES_PER_REF = 64;

/** Whether two lists have a ref in common. */
export function haveCommon(a: Uint32Array, b: Uint32Array): boolean {
  let i = 0;
  let j = 0;
  // Each in turn leaps to where the other one is: series that belong together have refs that follow each other.
  while (i < a.length && j < b.length) {
    j = seek(b, a[i]!, j);
    if (j === b.length) return false;
    if (b[j] === a[i]) return true;
    i = seek(a, b[j]!, i + 1);
  }
  return false;
}

/** Refs in any of lists of which no two have a ref in common. */
export function unite(lists: readonly Uint32Array[], take = takeNew): Uint32Array {
  if (lists.length === 0) return new Uint32Array(0);
  if (lists.length === 1) return lists[0]!;
  let count = 0;
  let lowest = Infinity;
  let highest = 0;
  let isSorted = true;
  for (const list of lists) {
    if (list.length === 0) continue;
    if (count > 0 && list[0]! < highest) isSorted = false;
    count += list.length;
    lowest = Math.min(lowest, list[0]!);
    highest = Math.max(highest, list.at(-1)!);
  }
  if (!isSorted && highest - lowest < count * PLACES_PER_REF)
    return uniteByBits(lists, take(count), lowest, highest);
  const out = take(count);
  let at = 0;
  for (const list of lists) {
    out.set(list, at);
    at += list.length;
  }
  return isSorted ? out : out.sort();
}

const ALL_BITS = 0xffff_ffff;

function uniteByBits(
  lists: readonly Uint32Array[],
  out: Uint32Array,
  lowest: number,
  highest: number,
): Uint32Array {
  const bits = new Uint32Array(((highest - lowest) >>> 5) + 1);
  for (const list of lists) {
    for (let i = 0; i < list.length; i++) {
      const place = list[i]! - lowest;
      bits[place >>> 5]! |= 1 << (place & 31);
    }
  }
  let at = 0;
  for (let word = 0; word < bits.length; word++) {
    const base = lowest + word * 32;
    if (bits[word] === ALL_BITS) {
      for (let bit = 0; bit < 32; bit++) out[at++] = base + bit;
      continue;
    }
    for (let left = bits[word]!; left !== 0; left &= left - 1)
      out[at++] = base + 31 - Math.clz32(left & -left);
  }
  return out;
}

/** First index from `from` on whose ref is at least `ref`; the list's length when there is none. */
export function seek(list: Uint32Array, ref: number, from: number): number {
  let step = 1;
  let low = from;
  let high = from;
  while (high < list.length && list[high]! < ref) {
    low = high + 1;
    high += step;
    step *= 2;
  }
  if (high > list.length) high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]! < ref) low = middle + 1;
    else high = middle;
  }
  return low;
}
