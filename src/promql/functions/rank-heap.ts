/**
 * The k best of a stream of values. Which of equal values stay is decided by the shape of the heap, so the heap does
 * exactly what Go's container/heap does.
 *
 * @see prometheus promql/engine.go aggregationK
 */
export class RankHeap {
  readonly #values: Float64Array;
  readonly #series: Int32Array;
  readonly #largest: boolean;
  readonly #k: number;
  #length = 0;

  /** Keeps the `k` largest values, or with `largest` false the smallest. NaN goes first. */
  constructor(k: number, largest: boolean) {
    this.#k = k;
    this.#largest = largest;
    this.#values = new Float64Array(k);
    this.#series = new Int32Array(k);
  }

  /** Forgets everything. */
  clear(): void {
    this.#length = 0;
  }

  /** Offers the value of the series with number `series`. */
  offer(value: number, series: number): void {
    if (this.#length < this.#k) {
      this.#values[this.#length] = value;
      this.#series[this.#length] = series;
      this.#up(this.#length++);
      return;
    }
    const worst = this.#values[0]!;
    const better = this.#largest ? worst < value : worst > value;
    if (!better && !(worst !== worst && value === value)) return;
    this.#values[0] = value;
    this.#series[0] = series;
    this.#down(0);
  }

  /** Series numbers, best first, NaN last. */
  ranking(): number[] {
    const order = Array.from({ length: this.#length }, (_, i) => i);
    order.sort((a, b) => {
      const x = this.#values[a]!;
      const y = this.#values[b]!;
      if (x !== x || y !== y) return (x !== x ? 1 : 0) - (y !== y ? 1 : 0);
      if (x === y) return 0;
      return x > y === this.#largest ? -1 : 1;
    });
    return order.map((i) => this.#series[i]!);
  }

  #less(i: number, j: number): boolean {
    const x = this.#values[i]!;
    const y = this.#values[j]!;
    if (x !== x) return true;
    return this.#largest ? x < y : x > y;
  }

  #swap(i: number, j: number): void {
    const value = this.#values[i]!;
    const series = this.#series[i]!;
    this.#values[i] = this.#values[j]!;
    this.#series[i] = this.#series[j]!;
    this.#values[j] = value;
    this.#series[j] = series;
  }

  #up(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#less(at, parent)) break;
      this.#swap(parent, at);
      at = parent;
    }
  }

  #down(from: number): void {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && this.#less(child + 1, child)) child++;
      if (!this.#less(child, at)) break;
      this.#swap(at, child);
      at = child;
    }
  }
}
