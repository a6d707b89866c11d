/** Operations on ascending lists of series refs. Results are new arrays unless an argument is returned as it is. */

/** Below which ratio of lengths looking up beats walking both lists. */
const GALLOP_RATIO = 16;

/** Refs in both lists. */
export function intersect(a: Uint32Array, b: Uint32Array): Uint32Array {
  const [small, large] = a.length <= b.length ? [a, b] : [b, a];
  const out = new Uint32Array(small.length);
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
export function subtract(a: Uint32Array, b: Uint32Array): Uint32Array {
  if (b.length === 0) return a;
  const out = new Uint32Array(a.length);
  let count = 0;
  let j = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!;
    j = seek(b, x, j);
    if (b[j] !== x) out[count++] = x;
  }
  return out.subarray(0, count);
}

/** Refs in any of lists of which no two have a ref in common. */
export function unite(lists: readonly Uint32Array[]): Uint32Array {
  if (lists.length === 0) return new Uint32Array(0);
  if (lists.length === 1) return lists[0]!;
  const out = new Uint32Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  let isSorted = true;
  for (const list of lists) {
    if (at > 0 && list.length > 0 && list[0]! < out[at - 1]!) isSorted = false;
    out.set(list, at);
    at += list.length;
  }
  return isSorted ? out : out.sort();
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
