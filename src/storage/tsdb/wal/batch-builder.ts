import { RunEntry } from '../head/chunk-store.ts';
import { IdMap } from './id-map.ts';
import type { SampleBatch } from './sample-batch.ts';

/** Times in a batch are 32-bit offsets; the first lies in their middle. */
const HALF_RANGE_MS = 2 ** 31;

/** Fills a {@link SampleBatch} and sorts it by series. */
export class BatchBuilder {
  /** Slot + 1 by log number. */
  readonly #slots = new IdMap();
  #batch: SampleBatch;
  #next = new Uint32Array(0);
  /** The slot that was asked for last. */
  #last = 0;

  constructor(batch: SampleBatch) {
    this.#batch = batch;
  }

  /** The batch that is being filled. */
  get batch(): SampleBatch {
    return this.#batch;
  }

  /** How many more samples, or series, it has room for. */
  get room(): number {
    return this.#batch.capacity - Math.max(this.#batch.samples, this.#batch.slots);
  }

  /** Whether a series has samples here. */
  has(walId: number): boolean {
    return this.#slots.get(walId) !== 0;
  }

  /** Adds a sample; there must be room. False when its time is too far from the others'. */
  add(walId: number, tMs: number, low: number, high: number): boolean {
    const batch = this.#batch;
    const index = batch.samples;
    if (index === 0) batch.baseMs = tMs - HALF_RANGE_MS;
    const offset = tMs - batch.baseMs;
    if (!(offset >= 0 && offset < 2 * HALF_RANGE_MS)) return false;
    const slot = this.#slotOf(walId);
    const { entries } = batch;
    const at = index * RunEntry.words;
    entries[at] = offset;
    entries[at + RunEntry.low] = low;
    entries[at + RunEntry.high] = high;
    entries[at + RunEntry.own] = slot;
    batch.ends[slot]!++;
    batch.samples = index + 1;
    return true;
  }

  /** The series has samples of other kinds as well. */
  mix(walId: number): void {
    this.#batch.mixed[this.#slotOf(walId)] = 1;
  }

  /** Sorts what came by series. */
  finish(): SampleBatch {
    const { samples, slots, entries, order, ends } = this.#batch;
    if (this.#next.length < slots) this.#next = new Uint32Array(Math.max(slots, this.#next.length * 2));
    const next = this.#next;
    let end = 0;
    for (let slot = 0; slot < slots; slot++) {
      next[slot] = end;
      end += ends[slot]!;
      ends[slot] = end;
    }
    for (let i = 0; i < samples; i++) order[next[entries[i * RunEntry.words + RunEntry.own]!]!++] = i;
    return this.#batch;
  }

  /** Begins with another batch, whatever it held. */
  begin(batch: SampleBatch): void {
    batch.samples = 0;
    batch.slots = 0;
    this.#batch = batch;
    this.#slots.clear();
  }

  #slotOf(walId: number): number {
    const batch = this.#batch;
    // A scrape has the series of the one before, in the same order.
    const guess = this.#last + 1;
    if (guess < batch.slots && batch.ids[guess] === walId) return (this.#last = guess);
    return (this.#last = this.#lookUp(batch, walId));
  }

  #lookUp(batch: SampleBatch, walId: number): number {
    const known = this.#slots.get(walId);
    if (known !== 0) return known - 1;
    const slot = batch.slots++;
    batch.ids[slot] = walId;
    batch.ends[slot] = 0;
    batch.mixed[slot] = 0;
    this.#slots.set(walId, slot + 1);
    return slot;
  }
}
