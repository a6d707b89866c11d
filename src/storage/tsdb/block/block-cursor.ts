import type { Labels } from '../../../core/labels.ts';
import type { SampleBuffer, SeriesCursor, SeriesRef } from '../../seam.ts';
import { readChunk } from '../chunk/read-chunk.ts';
import type { ChunkFileReader } from './chunk-file-reader.ts';
import { dropWithin } from './drop-samples.ts';
import { SeriesEntry } from './index-reader.ts';
import type { IndexReader } from './index-reader.ts';
import { isWithin, overlapsAny } from './intervals.ts';
import type { Tombstones } from './tombstones.ts';

/** Open parts of a block. */
export interface BlockParts {
  readonly index: IndexReader;
  readonly chunks: ChunkFileReader;
  readonly tombstones: Tombstones;
  /** Added to a series' ref in the index, so that refs of different blocks of a thread differ. */
  readonly refBase: number;
}

/** Whether a series that was read has samples to give within a span. */
export function hasSamples(
  parts: BlockParts,
  ref: number,
  series: SeriesEntry,
  minMs: number,
  maxMs: number,
): boolean {
  const deleted = parts.tombstones.of(ref);
  for (let i = 0; i < series.references.length; i++) {
    if (series.minMs[i]! > maxMs) return false;
    if (series.maxMs[i]! < minMs) continue;
    if (!isWithin(deleted, series.minMs[i]!, series.maxMs[i]!)) return true;
  }
  return false;
}

/** Walks series of a block. */
export class BlockCursor implements SeriesCursor {
  readonly count: number;
  readonly #parts: BlockParts;
  readonly #refs: Uint32Array;
  readonly #series = new SeriesEntry();
  #at = -1;

  constructor(parts: BlockParts, refs: Uint32Array) {
    this.#parts = parts;
    this.#refs = refs;
    this.count = refs.length;
  }

  next(): boolean {
    if (this.#at + 1 >= this.#refs.length) return false;
    this.#at++;
    this.#parts.index.readSeries(this.#refs[this.#at]!, this.#series);
    return true;
  }

  labels(): Labels {
    return this.#parts.index.labelsOf(this.#series);
  }

  ref(): SeriesRef {
    return this.#parts.refBase + this.#refs[this.#at]!;
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): number {
    into.clear();
    const { references } = this.#series;
    const last = this.#lastBefore(maxMs);
    let first = last;
    while (first > 0 && this.#series.maxMs[first - 1]! >= minMs) first--;
    for (let i = Math.max(first, 0); i <= last; i++) {
      if (this.#series.maxMs[i]! >= minMs) this.#readOne(i, references[last]!, minMs, maxMs, into);
    }
    return into.length;
  }

  readNewest(minMs: number, maxMs: number, into: SampleBuffer): number {
    into.clear();
    for (let i = this.#lastBefore(maxMs); i >= 0 && this.#series.maxMs[i]! >= minMs; i--) {
      this.#readOne(i, this.#series.references[i]!, minMs, maxMs, into);
      if (into.length > 0) break;
    }
    return into.length;
  }

  /** Index of the last chunk that begins at `maxMs` or before; -1 when there is none. */
  #lastBefore(maxMs: number): number {
    const starts = this.#series.minMs;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= maxMs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #readOne(i: number, lastReference: number, minMs: number, maxMs: number, into: SampleBuffer): void {
    const { chunks, tombstones } = this.#parts;
    const { minMs: starts, maxMs: ends, references } = this.#series;
    const deleted = tombstones.of(this.#refs[this.#at]!);
    if (deleted.length > 0 && isWithin(deleted, starts[i]!, ends[i]!)) return;
    chunks.read(references[i]!, lastReference);
    const from = into.length;
    try {
      readChunk(chunks.encoding, chunks.data, minMs, maxMs, into);
    } catch (error) {
      throw chunks.unreadable(references[i]!, error);
    }
    if (deleted.length > 0 && overlapsAny(deleted, starts[i]!, ends[i]!)) dropWithin(into, from, deleted);
  }
}
