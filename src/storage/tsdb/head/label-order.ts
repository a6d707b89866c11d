import type { LabelIndexView } from './label-index.ts';

/** Fewer series than this are compared with one another instead of being counted into place. */
const COUNTED_FROM = 64;

/** Puts series in order of their labels. Texts are compared once per pair that occurs; series by the ranks of their pairs. */
export class LabelOrder {
  readonly #labels: LabelIndexView;
  /** Place of a pair among those that occur, counted from 1; all 0 between two calls. */
  #ranks = new Uint32Array(0);

  constructor(labels: LabelIndexView) {
    this.#labels = labels;
  }

  /** The order of series by the pairs of each: indices into `lists`. */
  sort(lists: readonly Uint32Array[]): Uint32Array {
    const order = new Uint32Array(lists.length);
    for (let i = 0; i < order.length; i++) order[i] = i;
    if (lists.length < 2) return order;
    const pairs = this.#rank(lists);
    const ranks = this.#ranks;
    const sorted =
      lists.length < COUNTED_FROM
        ? order.sort((x, y) => compareRanks(lists[x]!, lists[y]!, ranks))
        : countIntoPlace(order, lists, ranks, pairs.length);
    for (const pair of pairs) ranks[pair] = 0;
    return sorted;
  }

  /** Ranks the pairs that occur and returns them. */
  #rank(lists: readonly Uint32Array[]): number[] {
    const pairs: number[] = [];
    let ranks = this.#ranks;
    for (const list of lists) {
      for (let j = 0; j < list.length; j++) {
        const pair = list[j]!;
        if (pair >= ranks.length) {
          ranks = new Uint32Array(Math.max(pair + 1, ranks.length * 2));
          ranks.set(this.#ranks);
          this.#ranks = ranks;
        }
        if (ranks[pair] !== 0) continue;
        ranks[pair] = 1;
        pairs.push(pair);
      }
    }
    pairs.sort((a, b) => this.#labels.compare(a, b));
    pairs.forEach((pair, i) => {
      ranks[pair] = i + 1;
    });
    return pairs;
  }
}

function compareRanks(a: Uint32Array, b: Uint32Array, ranks: Uint32Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] !== b[i]) return ranks[a[i]!]! - ranks[b[i]!]!;
  }
  return a.length - b.length;
}

/**
 * Sorts by the last pair, then by the one before and so on, each time keeping the order of equals: a counting sort for
 * each position, in which a series that has no pair there (rank 0) comes first.
 */
function countIntoPlace(
  order: Uint32Array,
  lists: readonly Uint32Array[],
  ranks: Uint32Array,
  highestRank: number,
): Uint32Array {
  const count = lists.length;
  let longest = 0;
  for (const list of lists) longest = Math.max(longest, list.length);
  const starts = new Uint32Array(highestRank + 2);
  const keys = new Uint32Array(count);
  let sorted = order;
  let next: Uint32Array = new Uint32Array(count);
  for (let position = longest - 1; position >= 0; position--) {
    starts.fill(0);
    for (let i = 0; i < count; i++) {
      const list = lists[i]!;
      const key = position < list.length ? ranks[list[position]!]! : 0;
      keys[i] = key;
      starts[key + 1]!++;
    }
    // All alike here, as metric names often are.
    if (starts[keys[0]! + 1] === count) continue;
    for (let key = 1; key < starts.length; key++) starts[key]! += starts[key - 1]!;
    for (let i = 0; i < count; i++) {
      const series = sorted[i]!;
      next[starts[keys[series]!]!++] = series;
    }
    [sorted, next] = [next, sorted];
  }
  return sorted;
}
