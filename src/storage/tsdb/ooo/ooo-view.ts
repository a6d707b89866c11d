import { mergeSamples, withoutHint } from '../merge/merge-samples.ts';
import { SampleBuffer } from '../../seam.ts';
import type { ChunkEncoding } from '../chunk/encoding.ts';
import { readChunk } from '../chunk/read-chunk.ts';
import { Control } from '../head/head-slabs.ts';
import type { HeadSlabs } from '../head/head-slabs.ts';
import type { ListView } from '../head/lists.ts';

/** Refs of a page of the directory. */
export const PAGE_BITS = 10;
/** The low bits of a ref: its place in its page. */
export const PAGE_MASK = (1 << PAGE_BITS) - 1;

/** Words of a chunk of out-of-order samples; its times are floats of two words each, its data follow. */
export const OooChunk = { minMs: 0, maxMs: 2, encoding: 4, byteLength: 5, data: 6 } as const;

const timeBox = new Float64Array(1);
const timeWords = new Uint32Array(timeBox.buffer);

function timeAt(words: Uint32Array, at: number): number {
  timeWords[0] = words[at]!;
  timeWords[1] = words[at + 1]!;
  return timeBox[0]!;
}

/**
 * Out-of-order samples as readers in any thread see them. A directory in pages leads from a series' ref to the list of its
 * chunks. Lists and chunks never change: an address that was looked up gives the same samples as long as the pin holds.
 */
export class OooView {
  readonly #control: Uint32Array;
  readonly #lists: ListView;
  readonly #found = new SampleBuffer(64);
  readonly #sorted = new SampleBuffer(64);
  readonly #sum = new SampleBuffer(64);
  readonly #none = new SampleBuffer(1);

  constructor(slabs: HeadSlabs, lists: ListView) {
    this.#control = slabs.control;
    this.#lists = lists;
  }

  /** Counts up before samples are taken out because they are in blocks. */
  get version(): number {
    return Atomics.load(this.#control, Control.outOfOrderVersion);
  }

  /** Whether no series has any. */
  get isEmpty(): boolean {
    return Atomics.load(this.#control, Control.outOfOrder) === 0;
  }

  /** The list of a series' chunks, 0 when it has none. */
  listOf(ref: number): number {
    const directory = Atomics.load(this.#control, Control.outOfOrder);
    if (directory === 0) return 0;
    const pages = this.#lists.view(directory);
    const index = ref >>> PAGE_BITS;
    const page = index < pages.length ? Atomics.load(pages, index) : 0;
    return page === 0 ? 0 : Atomics.load(this.#lists.view(page), ref & PAGE_MASK);
  }

  /** Whether a list has a chunk that overlaps minMs <= t <= maxMs. */
  overlaps(list: number, minMs: number, maxMs: number): boolean {
    for (const chunk of this.#lists.view(list)) {
      const words = this.#lists.view(chunk);
      if (timeAt(words, OooChunk.minMs) <= maxMs && timeAt(words, OooChunk.maxMs) >= minMs) return true;
    }
    return false;
  }

  /** Adds the samples of a list with minMs <= t <= maxMs to those in `into`, which stay where times are equal. */
  merge(list: number, minMs: number, maxMs: number, into: SampleBuffer): void {
    const found = this.#found;
    found.clear();
    for (const chunk of this.#lists.view(list)) {
      const words = this.#lists.view(chunk);
      if (timeAt(words, OooChunk.minMs) > maxMs || timeAt(words, OooChunk.maxMs) < minMs) continue;
      const from = words.byteOffset + OooChunk.data * 4;
      const data = new Uint8Array(words.buffer, from, words[OooChunk.byteLength]);
      readChunk(words[OooChunk.encoding] as ChunkEncoding, data, minMs, maxMs, found);
    }
    if (found.length === 0) return;
    mergeSamples(into, sortSamples(found, this.#sorted), this.#sum);
    mergeSamples(this.#sum, this.#none, into);
  }
}

/**
 * The samples in order of time, of those at the same time the first: `samples` itself where they are like that, else `room`, which is
 * written over.
 */
function sortSamples(samples: SampleBuffer, room: SampleBuffer): SampleBuffer {
  const { timestamps, length } = samples;
  let isSorted = true;
  for (let i = 1; i < length && isSorted; i++) isSorted = timestamps[i - 1]! < timestamps[i]!;
  if (isSorted) return samples;
  const order = Uint32Array.from({ length }, (_, i) => i);
  order.sort((a, b) => timestamps[a]! - timestamps[b]! || a - b);
  room.clear();
  room.reserve(length);
  // As bits: a NaN keeps its payload.
  const from = new BigUint64Array(samples.values.buffer, samples.values.byteOffset, length);
  const to = new BigUint64Array(room.values.buffer, room.values.byteOffset, length);
  let count = 0;
  let last = -1;
  for (const at of order) {
    if (count > 0 && room.timestamps[count - 1] === timestamps[at]) continue;
    room.timestamps[count] = timestamps[at]!;
    to[count] = from[at]!;
    const histogram = samples.histograms?.[at];
    if (histogram !== undefined)
      room.setHistogram(count, at === last + 1 ? histogram : withoutHint(histogram));
    const startMs = samples.starts?.[at] ?? 0;
    if (startMs !== 0) room.setStart(count, startMs);
    last = at;
    count++;
  }
  room.length = count;
  return room;
}
