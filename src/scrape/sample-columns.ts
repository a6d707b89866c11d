import type { SeriesRef } from '../storage/index.ts';

/** Columns that are kept for later at most, and the most samples that such may have room for. */
const MAX_FREE = 8;
const MAX_FREE_SAMPLES = 1 << 16;

/** Columns of scrapes, used again and again: as many as bodies are read at a time, which is few. */
export class SampleColumnsPool {
  readonly #free: SampleColumns[] = [];

  take(): SampleColumns {
    return this.#free.pop() ?? new SampleColumns();
  }

  /** Takes columns back that nobody looks at any more. */
  give(columns: SampleColumns): void {
    if (this.#free.length < MAX_FREE && columns.refs.length <= MAX_FREE_SAMPLES) this.#free.push(columns);
  }
}

/** Columns of one scrape's samples. */
export class SampleColumns {
  refs = new Uint32Array(256);
  values = new Float64Array(256);
  slots = new Int32Array(256);
  /** 1 for a series that this scrape saw first. */
  isNew = new Uint8Array(256);
  outcomes = new Uint8Array(256);
  /** Start timestamps in milliseconds, 0 where there is none; empty as long as no scrape had one. */
  starts = new Float64Array(0);
  count = 0;
  /** Whether a sample of this scrape has a start timestamp. */
  hasStarts = false;

  clear(): void {
    this.count = 0;
    this.hasStarts = false;
  }

  push(slot: number, ref: SeriesRef, value: number, isNew: boolean, startMs: number): void {
    if (this.count === this.refs.length) this.#grow();
    const at = this.count++;
    this.slots[at] = slot;
    this.refs[at] = ref;
    this.values[at] = value;
    this.isNew[at] = isNew ? 1 : 0;
    if (startMs !== 0) this.#markStarts();
    if (this.hasStarts) this.starts[at] = startMs;
  }

  /** Makes the column of starts be one of this scrape. */
  #markStarts(): void {
    if (this.hasStarts) return;
    this.hasStarts = true;
    if (this.starts.length < this.refs.length) this.starts = new Float64Array(this.refs.length);
    else this.starts.fill(0, 0, this.count);
  }

  #grow(): void {
    const capacity = this.refs.length * 2;
    const { refs, values, slots, isNew, starts } = this;
    this.refs = new Uint32Array(capacity);
    this.values = new Float64Array(capacity);
    this.slots = new Int32Array(capacity);
    this.isNew = new Uint8Array(capacity);
    this.outcomes = new Uint8Array(capacity);
    this.refs.set(refs);
    this.values.set(values);
    this.slots.set(slots);
    this.isNew.set(isNew);
    if (!this.hasStarts) return;
    this.starts = new Float64Array(capacity);
    this.starts.set(starts);
  }
}
