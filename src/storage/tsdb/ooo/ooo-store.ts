import { encodeSamples } from '../chunk/encode-samples.ts';
import type { EncodedChunk } from '../chunk/encoding.ts';
import { HIGH, LOW } from '../chunk/words.ts';
import type { Epochs } from '../head/epochs.ts';
import { Control } from '../head/head-slabs.ts';
import type { HeadSlabs } from '../head/head-slabs.ts';
import type { Lists } from '../head/lists.ts';
import { SampleBuffer } from '../../seam.ts';
import type { StoredSample } from '../stored-sample.ts';
import { OooChunk, OooView, PAGE_BITS, PAGE_MASK } from './ooo-view.ts';

/** Samples of a chunk: Prometheus' DefaultOutOfOrderCapMax. */
const CHUNK_SAMPLES = 32;

/** What the writer keeps of a series with out-of-order samples. */
interface OooSeries {
  /** The list that readers find, 0 when there is none yet. */
  list: number;
  /** Full chunks, oldest first. */
  chunks: number[];
  /** How many of them are being made into blocks. */
  frozen: number;
  /** Samples of the open chunk in order of time. */
  open: SampleBuffer | undefined;
  /** The open chunk as readers see it. */
  published: readonly number[];
}

/** Between which times there are samples, both included. */
export interface OooSpan {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Out-of-order samples in memory: those older than their series' newest, or than what the head takes. Only series that
 * have any pay for it. Samples are put in their place in an open chunk of 32; readers see chunks encoded as in
 * blocks. What a commit inserts is seen after {@link publish}.
 *
 * @see prometheus tsdb/ooo_head.go OOOChunk, tsdb/head_append.go memSeries.insert
 */
export class OooStore {
  /** How far behind the newest sample of the head a sample may be, in milliseconds; 0 is no out-of-order samples. */
  windowMs = 0;
  readonly view: OooView;
  readonly #control: Uint32Array;
  readonly #lists: Lists;
  readonly #epochs: Epochs;
  readonly #series = new Map<number, OooSeries>();
  readonly #changed = new Set<number>();

  constructor(slabs: HeadSlabs, lists: Lists, epochs: Epochs) {
    this.#control = slabs.control;
    this.#lists = lists;
    this.#epochs = epochs;
    this.view = new OooView(slabs, lists);
  }

  /** Whether a series has out-of-order samples; it must not be reclaimed then. */
  has(ref: number): boolean {
    return this.#series.has(ref);
  }

  /** Whether the window takes a sample while the head's newest is at `headMaxMs`. */
  takes(tMs: number, headMaxMs: number): boolean {
    // In an empty head the newest is NaN.
    return this.windowMs > 0 && !(tMs < headMaxMs - this.windowMs);
  }

  /** How many series have any. */
  get seriesCount(): number {
    return this.#series.size;
  }

  /** Puts a sample in its place; false when the open chunk has one at that time, which stays. */
  insert(ref: number, tMs: number, sample: StoredSample): boolean {
    let series = this.#series.get(ref);
    if (series === undefined) {
      series = { list: 0, chunks: [], frozen: 0, open: undefined, published: [] };
      this.#series.set(ref, series);
    }
    if (series.open?.length === CHUNK_SAMPLES) this.#closeChunk(series);
    series.open ??= new SampleBuffer(4);
    if (!insertSample(series.open, tMs, sample)) return false;
    this.#changed.add(ref);
    return true;
  }

  /** Shows readers what was inserted. */
  publish(): void {
    for (const ref of this.#changed) {
      const series = this.#series.get(ref)!;
      const old = series.published;
      series.published = series.open === undefined ? [] : this.#encode(series.open);
      this.#relist(ref, series);
      for (const chunk of old) this.#lists.retire(chunk);
    }
    this.#changed.clear();
  }

  /** Between which times there are samples that readers see; undefined when there are none. */
  get span(): OooSpan | undefined {
    return this.#spanWhere(({ chunks, published }) => [...chunks, ...published]);
  }

  /**
   * Marks all there is as what blocks are being made of: until {@link endCompaction} it stays readable. Returns
   * between which times it is, undefined when there is nothing.
   */
  beginCompaction(): OooSpan | undefined {
    for (const [ref, series] of this.#series) {
      if (series.open !== undefined) {
        this.#closeChunk(series);
        this.#changed.add(ref);
      }
      series.frozen = series.chunks.length;
    }
    this.publish();
    return this.#spanWhere(({ chunks }) => chunks);
  }

  /** Takes out what was marked: it is in blocks, and readers have been told of them. */
  endCompaction(): void {
    Atomics.add(this.#control, Control.outOfOrderVersion, 1);
    const gone: number[] = [];
    for (const [ref, series] of this.#series) {
      gone.push(...series.chunks.splice(0, series.frozen));
      series.frozen = 0;
      this.#relist(ref, series);
      if (series.list === 0 && series.open === undefined) this.#series.delete(ref);
    }
    if (this.#series.size === 0) gone.push(...this.#dropDirectory());
    this.#epochs.retire(() => {
      for (const address of gone) this.#lists.release(address);
    });
  }

  /** The open chunk becomes one of the full ones. */
  #closeChunk(series: OooSeries): void {
    series.chunks.push(...this.#encode(series.open!));
    series.open = undefined;
  }

  /** Makes a series' list anew and publishes it. */
  #relist(ref: number, series: OooSeries): void {
    const old = series.list;
    const all = [...series.chunks, ...series.published];
    series.list = all.length === 0 ? 0 : this.#lists.make(all, all.length);
    this.#setList(ref, series.list);
    this.#lists.retire(old);
  }

  #setList(ref: number, list: number): void {
    const index = ref >>> PAGE_BITS;
    let directory = this.#control[Control.outOfOrder]!;
    if (index >= this.#lists.length(directory)) {
      if (list === 0) return;
      const pages = new Uint32Array(Math.max(index + 1, this.#lists.length(directory) * 2, 64));
      pages.set(this.#lists.view(directory));
      const old = directory;
      directory = this.#lists.make(pages, pages.length);
      Atomics.store(this.#control, Control.outOfOrder, directory);
      this.#lists.retire(old);
    }
    const pages = this.#lists.view(directory);
    if (pages[index] === 0) {
      if (list === 0) return;
      Atomics.store(pages, index, this.#lists.make(new Uint32Array(PAGE_MASK + 1), PAGE_MASK + 1));
    }
    Atomics.store(this.#lists.view(pages[index]!), ref & PAGE_MASK, list);
  }

  /** Takes the empty directory out of use. Returns the addresses to release. */
  #dropDirectory(): number[] {
    const directory = this.#control[Control.outOfOrder]!;
    if (directory === 0) return [];
    Atomics.store(this.#control, Control.outOfOrder, 0);
    return [directory, ...this.#lists.view(directory).filter((page) => page !== 0)];
  }

  #encode(samples: SampleBuffer): number[] {
    const addresses: number[] = [];
    encodeSamples(samples, (chunk) => addresses.push(this.#store(chunk)));
    return addresses;
  }

  #store({ minMs, maxMs, encoding, data }: EncodedChunk): number {
    const words = new Uint32Array(OooChunk.data + Math.ceil(data.length / 4));
    new Float64Array(words.buffer, 0, 2).set([minMs, maxMs]);
    words[OooChunk.encoding] = encoding;
    words[OooChunk.byteLength] = data.length;
    new Uint8Array(words.buffer, OooChunk.data * 4).set(data);
    return this.#lists.make(words, words.length);
  }

  #spanWhere(chunksOf: (series: OooSeries) => readonly number[]): OooSpan | undefined {
    let minMs = Infinity;
    let maxMs = -Infinity;
    for (const series of this.#series.values()) {
      for (const chunk of chunksOf(series)) {
        const { minMs: fromMs, maxMs: toMs } = this.#spanOf(chunk);
        minMs = Math.min(minMs, fromMs);
        maxMs = Math.max(maxMs, toMs);
      }
    }
    return maxMs >= minMs ? { minMs, maxMs } : undefined;
  }

  #spanOf(chunk: number): OooSpan {
    const [minMs, maxMs] = new Float64Array(this.#lists.view(chunk).slice(0, OooChunk.encoding).buffer);
    return { minMs: minMs!, maxMs: maxMs! };
  }
}

/** Puts a sample in its place by time; false when there is one at that time. */
function insertSample(buffer: SampleBuffer, tMs: number, sample: StoredSample): boolean {
  let at = buffer.length;
  while (at > 0 && buffer.timestamps[at - 1]! > tMs) at--;
  if (at > 0 && buffer.timestamps[at - 1] === tMs) return false;
  buffer.reserve(buffer.length + 1);
  const { timestamps, values, length } = buffer;
  timestamps.copyWithin(at + 1, at, length);
  values.copyWithin(at + 1, at, length);
  buffer.starts?.copyWithin(at + 1, at, length);
  if (buffer.starts !== undefined) buffer.starts[at] = 0;
  if (buffer.histograms !== undefined) {
    buffer.histograms.length = length;
    buffer.histograms.splice(at, 0, undefined);
  }
  timestamps[at] = tMs;
  const words = new Uint32Array(values.buffer, values.byteOffset + at * 8, 2);
  words[LOW] = sample.low;
  words[HIGH] = sample.high;
  if (sample.histogram !== undefined) buffer.setHistogram(at, sample.histogram);
  if (sample.startMs !== 0) buffer.setStart(at, sample.startMs);
  buffer.length = length + 1;
  return true;
}
