import { type Column, FLOAT } from '../eval/column.ts';

/** Room for so many values a step that a group has from the start. */
const FIRST_CAPACITY = 4;
/** Up to so many elements Go sorts by insertion, which decides the order of equals. */
const INSERTION_LIMIT = 12;

/**
 * The k best values of a stream of columns, at each step by itself: a heap a step, side by side. Which of equal values
 * stay is decided by the shape of the heap, so the heaps do exactly what Go's container/heap does.
 *
 * Smallest values are kept as the largest of the negated ones, which gives the same heaps.
 *
 * @see prometheus promql/engine.go aggregationK
 */
export class RankHeaps {
  readonly #limits: Int32Array;
  readonly #largest: boolean;
  readonly #onGrow: (samples: number) => void;
  readonly #lengths: Int32Array;
  /** Root of each step's heap, which most values are turned away by. */
  readonly #worst: Float64Array;
  /** `#capacity` places for each step. */
  #values: Float64Array;
  #series: Int32Array;
  #capacity = FIRST_CAPACITY;

  /**
   * Keeps at step i the `limits[i]` largest values, or with `largest` false the smallest. NaN goes first. `onGrow` is
   * told how much room is taken.
   */
  constructor(limits: Int32Array, largest: boolean, onGrow: (samples: number) => void) {
    const steps = limits.length;
    this.#limits = limits;
    this.#largest = largest;
    this.#onGrow = onGrow;
    this.#lengths = new Int32Array(steps);
    this.#worst = new Float64Array(steps);
    this.#values = new Float64Array(steps * FIRST_CAPACITY);
    this.#series = new Int32Array(steps * FIRST_CAPACITY);
    onGrow(steps * FIRST_CAPACITY);
  }

  /** Offers the floats of the series with number `series`; true when any of them is among the best so far. */
  offer({ values, present }: Column, series: number): boolean {
    const lengths = this.#lengths;
    const limits = this.#limits;
    const worst = this.#worst;
    const largest = this.#largest;
    let taken = false;
    for (let k = 0; k < values.length; k++) {
      if (present[k] !== FLOAT) continue;
      const value = largest ? values[k]! : -values[k]!;
      if (lengths[k]! < limits[k]!) {
        this.#push(k, value, series);
        taken = true;
        continue;
      }
      const least = worst[k]!;
      if (!(least < value) && !(least !== least && value === value)) continue;
      if (limits[k] === 0) continue;
      this.#replace(k, value, series);
      taken = true;
    }
    return taken;
  }

  /** The numbers of a step's series, best first, NaN last. */
  ranking(step: number): number[] {
    const base = step * this.#capacity;
    const order = Array.from({ length: this.#lengths[step]! }, (_, i) => base + i);
    this.#sort(order);
    return order.map((i) => this.#series[i]!);
  }

  /** Calls `visit` with each series' number and value that is among the best at a step, in no order. */
  each(step: number, visit: (series: number, value: number) => void): void {
    const base = step * this.#capacity;
    for (let i = base; i < base + this.#lengths[step]!; i++) {
      visit(this.#series[i]!, this.#largest ? this.#values[i]! : -this.#values[i]!);
    }
  }

  /** Sorts places of one heap, best first; `precedes` is no order among NaNs, so that the algorithm shows. */
  #sort(order: number[]): void {
    const precedes = (a: number, b: number): boolean => this.#less(b, a);
    if (order.length > INSERTION_LIMIT) {
      order.sort((a, b) => Number(precedes(b, a)) - Number(precedes(a, b)));
      return;
    }
    for (let i = 1; i < order.length; i++) {
      for (let j = i; j > 0 && precedes(order[j]!, order[j - 1]!); j--) {
        [order[j - 1], order[j]] = [order[j]!, order[j - 1]!];
      }
    }
  }

  #push(step: number, value: number, series: number): void {
    const length = this.#lengths[step]!++;
    if (length === this.#capacity) this.#grow();
    const base = step * this.#capacity;
    this.#values[base + length] = value;
    this.#series[base + length] = series;
    let at = length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#less(base + at, base + parent)) break;
      this.#swap(base + at, base + parent);
      at = parent;
    }
    this.#worst[step] = this.#values[base]!;
  }

  #replace(step: number, value: number, series: number): void {
    const base = step * this.#capacity;
    const length = this.#lengths[step]!;
    this.#values[base] = value;
    this.#series[base] = series;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#less(base + child + 1, base + child)) child++;
      if (!this.#less(base + child, base + at)) break;
      this.#swap(base + at, base + child);
      at = child;
    }
    this.#worst[step] = this.#values[base]!;
  }

  #grow(): void {
    const steps = this.#limits.length;
    const before = this.#capacity;
    const after = before * 2;
    const values = new Float64Array(steps * after);
    const series = new Int32Array(steps * after);
    for (let k = 0; k < steps; k++) {
      values.set(this.#values.subarray(k * before, (k + 1) * before), k * after);
      series.set(this.#series.subarray(k * before, (k + 1) * before), k * after);
    }
    this.#values = values;
    this.#series = series;
    this.#capacity = after;
    this.#onGrow(steps * before);
  }

  #less(i: number, j: number): boolean {
    const x = this.#values[i]!;
    return x !== x || x < this.#values[j]!;
  }

  #swap(i: number, j: number): void {
    const value = this.#values[i]!;
    const series = this.#series[i]!;
    this.#values[i] = this.#values[j]!;
    this.#series[i] = this.#series[j]!;
    this.#values[j] = value;
    this.#series[j] = series;
  }
}
