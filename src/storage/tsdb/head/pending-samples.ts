import { areStaleBits, staleHigh } from '../../stale.ts';
import type { StoredSample } from '../stored-sample.ts';
import { recordTypeOf } from '../wal/wal-records.ts';

/** Places from here on are those of rich samples. */
export const RICH_INDEX = 2 ** 31;

/** A rich sample that waits for its commit. */
export interface PendingRich {
  readonly ref: number;
  readonly tMs: number;
  readonly sample: StoredSample;
}

/**
 * Samples that wait for their commit: floats in columns, others in a list. Used again and again. A sample's place is a
 * number, from {@link RICH_INDEX} on for those of the list.
 *
 * Floats are applied and logged before the others. Where a series changes from one kind to another within a
 * transaction there is a {@link turn}: what came before it is applied and logged before what comes after.
 */
export class PendingSamples {
  refs = new Uint32Array(256);
  times = new Float64Array(256);
  values = new Float64Array(256);
  words = new Uint32Array(this.values.buffer);
  /** How many floats there are. */
  length = 0;
  readonly rich: PendingRich[] = [];
  /** Samples that are to go where out-of-order samples are. */
  readonly outOfOrder: PendingRich[] = [];
  /** How many floats and others came before each turn. */
  readonly turns: { readonly floats: number; readonly rich: number }[] = [];

  /** Makes room for more floats: {@link addFloat} needs it. */
  reserve(more: number): void {
    const wanted = this.length + more;
    if (wanted <= this.refs.length) return;
    let size = this.refs.length * 2;
    while (size < wanted) size *= 2;
    const { refs, times, values } = this;
    this.refs = new Uint32Array(size);
    this.times = new Float64Array(size);
    this.values = new Float64Array(size);
    this.words = new Uint32Array(this.values.buffer);
    this.refs.set(refs);
    this.times.set(times);
    this.values.set(values);
  }

  /** Adds a float. Returns its place. */
  addFloat(ref: number, tMs: number, value: number): number {
    const index = this.length++;
    this.refs[index] = ref;
    this.times[index] = tMs;
    this.values[index] = value;
    // A stale marker that was quieted on its way gets its proper bits.
    if (value !== value && areStaleBits(this.words[2 * index]!, this.words[2 * index + 1]!)) {
      this.words[2 * index + 1] = staleHigh;
    }
    return index;
  }

  /** Adds a rich sample. Returns its place. */
  addRich(ref: number, tMs: number, sample: StoredSample): number {
    return RICH_INDEX + this.rich.push({ ref, tMs, sample }) - 1;
  }

  /** Time of the sample at a place. */
  timeOf(place: number): number {
    return place < RICH_INDEX ? this.times[place]! : this.rich[place - RICH_INDEX]!.tMs;
  }

  /** The sample at a place. */
  sampleAt(place: number): StoredSample {
    if (place >= RICH_INDEX) return this.rich[place - RICH_INDEX]!.sample;
    return {
      low: this.words[2 * place]!,
      high: this.words[2 * place + 1]!,
      histogram: undefined,
      startMs: 0,
    };
  }

  /** Whether the sample at a place is a rich one that goes into the same kind of record as `sample`. */
  isAlike(place: number, sample: StoredSample): boolean {
    return (
      place >= RICH_INDEX && recordTypeOf(this.rich[place - RICH_INDEX]!.sample) === recordTypeOf(sample)
    );
  }

  /** What is added from now on comes after everything so far. */
  turn(): void {
    this.turns.push({ floats: this.length, rich: this.rich.length });
  }

  clear(): void {
    this.length = 0;
    this.rich.length = 0;
    this.outOfOrder.length = 0;
    this.turns.length = 0;
  }
}
