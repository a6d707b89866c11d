import { isStale, areStaleBits, staleHigh } from '../../stale.ts';
import type { StoredSample } from '../stored-sample.ts';
import { ChunkEncoding } from './encoding.ts';
import type { EncodedChunk } from './encoding.ts';
import { HistogramWriter } from './histogram-writer.ts';
import { Xor2Writer, XorWriter } from './xor-writer.ts';
import type { FloatChunkWriter } from './xor-writer.ts';

/** Samples that a chunk is cut after. */
export const TARGET_SAMPLES = 120;
/** Bytes above which a chunk of floats is cut: 1024 less the most that one sample takes. */
export const MAX_FLOAT_BYTES = 1005;
/** Bytes from which on a chunk of histograms is cut, when it has at least so many. */
export const TARGET_HISTOGRAM_BYTES = 1024;
export const MIN_HISTOGRAMS = 10;

/**
 * Makes chunks of the samples of a series, which come in order of time, within 2^51 ms of 1970. Floats become XOR chunks,
 * or XOR2 when they have a start timestamp or `floats` says so; histograms chunks of histograms, those with a start of
 * encodings that have one. A stale marker after a histogram belongs to the histograms. Emitted chunks own their data.
 *
 * @see prometheus storage/series.go seriesToChunkEncoder (which has no bounds on bytes), tsdb/head_append.go
 */
export class ChunkWriter {
  readonly #emit: (chunk: EncodedChunk) => void;
  readonly #floats: typeof ChunkEncoding.xor | typeof ChunkEncoding.xor2;
  readonly #xor = new XorWriter();
  #xor2: Xor2Writer | undefined;
  #histograms: HistogramWriter | undefined;
  /** The writer that has the open chunk. */
  #open: FloatChunkWriter | HistogramWriter | undefined;
  /** Whether the newest sample is a histogram, or a stale marker after one. */
  #isHistogram = false;
  #minMs = 0;
  #maxMs = 0;

  constructor(
    emit: (chunk: EncodedChunk) => void,
    floats: typeof ChunkEncoding.xor | typeof ChunkEncoding.xor2 = ChunkEncoding.xor,
  ) {
    this.#emit = emit;
    this.#floats = floats;
  }

  /** Adds a float by its bits, with its start timestamp or 0. A stale marker may be the quieted one. */
  add(tMs: number, low: number, high: number, startMs = 0): void {
    const isMarker = areStaleBits(low, high);
    if (isMarker && this.#isHistogram) {
      this.#addHistogram(tMs, startMs, undefined);
      return;
    }
    this.#isHistogram = false;
    let writer = this.#openFor(startMs);
    if (writer === undefined) {
      writer = this.#newFor(startMs);
      this.#cut(writer);
    }
    writer.add(tMs, low, isMarker ? staleHigh : high, startMs);
    this.#put(tMs, writer.count);
  }

  /** Adds a sample of any kind. */
  addRich(tMs: number, { low, high, histogram, startMs }: StoredSample): void {
    if (histogram === undefined) {
      this.add(tMs, low, high, startMs);
      return;
    }
    this.#isHistogram = true;
    this.#addHistogram(tMs, startMs, isStale(histogram.sum) ? undefined : histogram);
  }

  /** Emits the open chunk, if there is one. What is added later begins anew. */
  end(): void {
    this.#cut(undefined);
    this.#isHistogram = false;
  }

  /** The writer of the open chunk, when a float can go on in it. */
  #openFor(startMs: number): FloatChunkWriter | undefined {
    const open = this.#open;
    if (open === undefined || open === this.#histograms) return undefined;
    if (open.count >= TARGET_SAMPLES || open.byteLength > MAX_FLOAT_BYTES) return undefined;
    if (open === this.#xor2) return this.#xor2;
    // A start can't go into an XOR chunk; plain floats go on in an XOR2 chunk.
    return startMs === 0 ? this.#xor : undefined;
  }

  #newFor(startMs: number): FloatChunkWriter {
    if (startMs === 0 && this.#floats === ChunkEncoding.xor) return this.#xor;
    this.#xor2 ??= new Xor2Writer();
    return this.#xor2;
  }

  #addHistogram(tMs: number, startMs: number, histogram: StoredSample['histogram']): void {
    const writer = (this.#histograms ??= new HistogramWriter());
    const isFull =
      writer.count >= TARGET_SAMPLES ||
      (writer.count >= MIN_HISTOGRAMS && writer.byteLength >= TARGET_HISTOGRAM_BYTES);
    if (writer !== this.#open || isFull || writer.hasStarts !== (startMs !== 0)) this.#cut(writer);
    if (!writer.add(tMs, startMs, histogram)) {
      this.#cut(writer);
      writer.add(tMs, startMs, histogram);
    }
    this.#put(tMs, writer.count);
  }

  #put(tMs: number, count: number): void {
    if (count === 1) this.#minMs = tMs;
    this.#maxMs = tMs;
  }

  /** Ends the open chunk; the next one is `next`'s. */
  #cut(next: FloatChunkWriter | HistogramWriter | undefined): void {
    const open = this.#open;
    this.#open = next;
    if (open === undefined || open.count === 0) return;
    const { encoding } = open;
    this.#emit({ minMs: this.#minMs, maxMs: this.#maxMs, encoding, data: open.end() });
  }
}
