/** Which series have which label, gathered while a block's series are written. Labels are pairs of symbol numbers. */
export class PostingBuilder {
  /** Number of a pair by the symbols of its name and its value. */
  readonly #pairs = new Map<number, Map<number, number>>();
  #pairCount = 0;
  #series = new Uint32Array(1024);
  #seriesCount = 0;
  /** All labels of all series one after the other: number of the pair, ref of the series. */
  #labelPairs = new Uint32Array(4096);
  #labelRefs = new Uint32Array(4096);
  #labelCount = 0;

  /** Refs must rise. */
  addSeries(ref: number): void {
    if (this.#seriesCount === this.#series.length) this.#series = doubled(this.#series);
    this.#series[this.#seriesCount++] = ref;
  }

  /** A label of the series that was added last. */
  addLabel(name: number, value: number): void {
    let values = this.#pairs.get(name);
    if (values === undefined) {
      values = new Map();
      this.#pairs.set(name, values);
    }
    let pair = values.get(value);
    if (pair === undefined) {
      pair = this.#pairCount++;
      values.set(value, pair);
    }
    if (this.#labelCount === this.#labelPairs.length) {
      this.#labelPairs = doubled(this.#labelPairs);
      this.#labelRefs = doubled(this.#labelRefs);
    }
    this.#labelPairs[this.#labelCount] = pair;
    this.#labelRefs[this.#labelCount++] = this.#series[this.#seriesCount - 1]!;
  }

  get seriesCount(): number {
    return this.#seriesCount;
  }

  /** Number of pairs. */
  get pairCount(): number {
    return this.#pairCount;
  }

  /** Refs of all series. */
  all(): Uint32Array {
    return this.#series.subarray(0, this.#seriesCount);
  }

  /** The pairs in order of their symbols, each with the refs of its series, rising. */
  *inOrder(): Generator<{ name: number; value: number; refs: Uint32Array }> {
    const ends = new Uint32Array(this.#pairCount + 1);
    for (let i = 0; i < this.#labelCount; i++) ends[this.#labelPairs[i]! + 1]!++;
    for (let pair = 0; pair < this.#pairCount; pair++) ends[pair + 1]! += ends[pair]!;
    const sorted = new Uint32Array(this.#labelCount);
    const next = ends.slice();
    for (let i = 0; i < this.#labelCount; i++) {
      const pair = this.#labelPairs[i]!;
      sorted[next[pair]!] = this.#labelRefs[i]!;
      next[pair]!++;
    }
    for (const name of rising(this.#pairs.keys())) {
      const values = this.#pairs.get(name)!;
      for (const value of rising(values.keys())) {
        const pair = values.get(value)!;
        yield { name, value, refs: sorted.subarray(ends[pair], ends[pair + 1]) };
      }
    }
  }
}

function rising(numbers: Iterable<number>): Uint32Array {
  return Uint32Array.from(numbers).sort();
}

function doubled(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}
