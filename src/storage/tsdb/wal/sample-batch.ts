import { RunEntry } from '../head/chunk-store.ts';
import type { SampleRun } from '../head/chunk-store.ts';

/** Bytes of a batch for each sample that it has room for. */
const BYTES_PER_SAMPLE = RunEntry.words * 4 + 4 + 8 + 4 + 1;

/**
 * Samples of many records, as they stood in the log and sorted by series, in memory that threads share. A series is named by its
 * slot in this batch; {@link RunEntry.own} of an entry is its slot.
 */
export class SampleBatch implements SampleRun {
  readonly buffer: SharedArrayBuffer;
  /** How many samples, and how many slots, there is room for. */
  readonly capacity: number;
  /** Number in the log of the series of a slot. */
  readonly ids: Float64Array;
  /** The samples in the order of the log. */
  readonly entries: Uint32Array;
  /** Entries by slot, within a slot in the order of the log. */
  readonly order: Uint32Array;
  /** Where in {@link order} a slot ends. It begins where the one before it ends. */
  readonly ends: Uint32Array;
  /** 1 for slots whose series has samples of other kinds in the same stretch of the log, so the order among these matters. */
  readonly mixed: Uint8Array;
  baseMs = 0;
  samples = 0;
  slots = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.capacity = Math.floor(buffer.byteLength / BYTES_PER_SAMPLE);
    const { capacity } = this;
    const words = RunEntry.words * capacity;
    this.ids = new Float64Array(buffer, 0, capacity);
    this.entries = new Uint32Array(buffer, capacity * 8, words);
    this.order = new Uint32Array(buffer, capacity * 8 + words * 4, capacity);
    this.ends = new Uint32Array(buffer, capacity * 12 + words * 4, capacity);
    this.mixed = new Uint8Array(buffer, capacity * 16 + words * 4, capacity);
  }

  /** An empty batch with room for so many samples. */
  static make(samples: number): SampleBatch {
    return new SampleBatch(new SharedArrayBuffer(samples * BYTES_PER_SAMPLE));
  }

  timeOf(entry: number): number {
    return this.baseMs + this.entries[entry * RunEntry.words]!;
  }
}
