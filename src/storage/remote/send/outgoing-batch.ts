import type { StoredSample } from '../../tsdb/stored-sample.ts';
import type { SentSeries } from './series-table.ts';

/** An exemplar on its way. */
export interface SentExemplar {
  readonly flat: readonly string[];
  readonly value: number;
}

/** What is sent in one request: columns of equal length. */
export class OutgoingBatch {
  readonly series: SentSeries[] = [];
  readonly times: Float64Array;
  /** Bits of the values, low word first. */
  readonly words: Uint32Array;
  /** Which part of the log each came from; see send-progress.ts. */
  readonly marks: Float64Array;
  /** Histograms and floats with a start timestamp. */
  readonly rich = new Map<number, StoredSample>();
  readonly exemplars = new Map<number, SentExemplar>();
  readonly capacity: number;
  length = 0;
  /** When its first item came. */
  sinceMs = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.times = new Float64Array(capacity);
    this.words = new Uint32Array(capacity * 2);
    this.marks = new Float64Array(capacity);
  }

  get isFull(): boolean {
    return this.length === this.capacity;
  }

  /** Adds an item; its index tells where {@link rich} and {@link exemplars} have more of it. */
  add(series: SentSeries, tMs: number, low: number, high: number, mark: number): number {
    const index = this.length++;
    this.series[index] = series;
    this.times[index] = tMs;
    this.words[2 * index] = low;
    this.words[2 * index + 1] = high;
    this.marks[index] = mark;
    return index;
  }

  /** The items of [from, to) as a batch of their own. */
  part(from: number, to: number): OutgoingBatch {
    const part = new OutgoingBatch(to - from);
    for (let i = from; i < to; i++) {
      const index = part.add(
        this.series[i]!,
        this.times[i]!,
        this.words[2 * i]!,
        this.words[2 * i + 1]!,
        this.marks[i]!,
      );
      const rich = this.rich.get(i);
      if (rich !== undefined) part.rich.set(index, rich);
      const exemplar = this.exemplars.get(i);
      if (exemplar !== undefined) part.exemplars.set(index, exemplar);
    }
    return part;
  }

  clear(): void {
    this.length = 0;
    this.series.length = 0;
    this.rich.clear();
    this.exemplars.clear();
  }
}
