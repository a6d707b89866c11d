import { assert } from '../../../core/errors.ts';
import { BLOCK_DATA, BlockPool } from './block-pool.ts';
import { BlockWriter } from './block-writer.ts';
import { ChunkKind, Row } from './head-slabs.ts';
import { RichEncoder, RichTail } from '../rich-chunk.ts';
import { ARENA_SLAB_WORDS, BumpArena } from './slabs.ts';
import type { Epochs } from './epochs.ts';
import type { HeadSlabs } from './head-slabs.ts';
import type { StoredSample } from '../stored-sample.ts';

/** Samples that a chunk is meant to have. */
const TARGET_SAMPLES = 120;
/** Bytes from which on a chunk is cut, less the most that one sample takes. Prometheus: 1024 - 19. */
const MAX_CHUNK_BYTES = 1005;
/** The same for chunks of histograms, which take more. */
const MAX_RICH_CHUNK_BYTES = 4096;

/**
 * Words before a closed chunk's data. The chunk before is told by its address and the birth of its slab, which is
 * another when the slab was given up since. Times are milliseconds from the start of the slab's window. `sizes` is the
 * number of samples (8 bits), the {@link ChunkKind} (1 bit), and the bytes (23 bits).
 */
export const ChunkHead = {
  words: 5,
  previous: 0,
  previousBirth: 1,
  minOffset: 2,
  maxOffset: 3,
  sizes: 4,
  kindShift: 8,
  bytesShift: 9,
} as const;
/** Words at the start of a slab of closed chunks: when it was last taken into use, and (as a float) its window. */
export const ClosedSlab = { words: 4, birth: 0, windowFloat: 1 } as const;

/** No leading-zeros window yet. */
const NO_WINDOW = 0xff;

/** Words of a sample in {@link SampleRun.entries}: its time, the halves of its value, and whatever else its owner keeps there. */
export const RunEntry = { words: 4, time: 0, low: 1, high: 2, own: 3 } as const;

/** Samples in memory: `order` tells which entries come one after the other. Times are milliseconds after `baseMs`. */
export interface SampleRun {
  baseMs: number;
  readonly entries: Uint32Array;
  readonly order: Uint32Array;
}

interface ClosedWindow {
  readonly arena: BumpArena;
  readonly slabs: number[];
  chunks: number;
  samples: number;
}

/**
 * Writes samples into chunks. The open chunk of a series is a chain of blocks that is written in place; when it is cut,
 * its bytes move together into the slabs of its time window, which are given up as a whole when the window is. Nothing
 * is allocated per sample.
 *
 * @see prometheus tsdb/chunkenc/xor.go (bits), tsdb/head_append.go (when to cut)
 */
export class ChunkStore {
  readonly #slabs: HeadSlabs;
  readonly #epochs: Epochs;
  readonly #rangeMs: number;
  readonly #windows = new Map<number, ClosedWindow>();
  readonly #freeClosed: number[] = [];
  readonly #pool: BlockPool;
  readonly #encoder = new RichEncoder();
  /** What open rich chunks end in, by their series' ref. */
  readonly #tails = new Map<number, RichTail>();
  /** Chains that were cut since the last {@link endCommit}. */
  #cutChains: number[] = [];
  #births = 1;
  /** Chunks that are being written, and samples in them. */
  openChunks = 0;
  openSamples = 0;
  /** Chunks begun since the start. */
  created = 0;

  /** leading zeros | trailing zeros << 8 of the chunk that is being written. */
  #window = NO_WINDOW;
  readonly #writer: BlockWriter;
  readonly #one: SampleRun = {
    baseMs: 0,
    entries: new Uint32Array(RunEntry.words),
    order: new Uint32Array(1),
  };

  constructor(slabs: HeadSlabs, epochs: Epochs) {
    this.#slabs = slabs;
    this.#epochs = epochs;
    this.#rangeMs = slabs.chunkRangeMs;
    this.#pool = new BlockPool(slabs);
    this.#writer = new BlockWriter(slabs, this.#pool);
  }

  /** Closed chunks in all windows. */
  get closedChunks(): number {
    let sum = 0;
    for (const window of this.#windows.values()) sum += window.chunks;
    return sum;
  }

  /** Samples in closed chunks. */
  get closedSamples(): number {
    let sum = 0;
    for (const window of this.#windows.values()) sum += window.samples;
    return sum;
  }

  /** Bytes of the slabs that closed chunks are in. */
  closedBytes(): number {
    let bytes = 0;
    for (const window of this.#windows.values()) {
      for (const slab of window.slabs) bytes += this.#slabs.closed.bytes(slab).length;
    }
    return bytes;
  }

  /** Start of the window that a time lies in. */
  windowOf(tMs: number): number {
    return Math.floor(tMs / this.#rangeMs) * this.#rangeMs;
  }

  /**
   * Adds a sample to the series of a row, whose newest sample is older. `words` and `floats` are the row's slab, `row`
   * the row's first word.
   */
  append(
    words: Uint32Array,
    floats: Float64Array,
    row: number,
    tMs: number,
    low: number,
    high: number,
  ): void {
    const { entries } = this.#one;
    entries[RunEntry.low] = low;
    entries[RunEntry.high] = high;
    this.#one.baseMs = tMs;
    this.appendRun(words, floats, row, this.#one, 0, 1);
  }

  /** Adds samples, each newer than the one before, as {@link append} does one. */
  appendRun(
    words: Uint32Array,
    floats: Float64Array,
    row: number,
    run: SampleRun,
    from: number,
    to: number,
  ): void {
    let next = from;
    if (words[row + Row.openFirst] !== 0 && words[row + Row.kind] !== ChunkKind.xor) {
      this.close(words, floats, row);
    }
    for (;;) {
      if (words[row + Row.openFirst] === 0) {
        const tMs = run.baseMs + run.entries[run.order[next]! * RunEntry.words]!;
        this.#begin(words, floats, row, tMs, ChunkKind.xor);
      }
      next = this.#fill(words, floats, row, run, next, to);
      if (next === to) return;
      this.close(words, floats, row);
    }
  }

  /**
   * Adds samples to the open chunk until it must be cut; returns the first one that is not in it. The state of the series is in
   * local variables meanwhile.
   */
  #fill(
    words: Uint32Array,
    floats: Float64Array,
    row: number,
    { baseMs, entries, order }: SampleRun,
    from: number,
    to: number,
  ): number {
    const writer = this.#writer;
    const half = row >>> 1;
    const startMs = floats[half + Row.chunkStartFloat]!;
    let lastMs = floats[half + Row.lastTimeFloat]!;
    let count = words[row + Row.count]!;
    let delta = words[row + Row.tDelta]!;
    let lastLow = words[row + Row.lastLow]!;
    let lastHigh = words[row + Row.lastHigh]!;
    this.#window = words[row + Row.window]!;
    writer.seek(words[row + Row.openLast]!, words[row + Row.position]!);
    let i = from;
    for (; i < to; i++) {
      const at = order[i]! * RunEntry.words;
      const tMs = baseMs + entries[at]!;
      const low = entries[at + RunEntry.low]!;
      const high = entries[at + RunEntry.high]!;
      if (count === 0) {
        writer.putVarint(tMs >= 0 ? tMs * 2 : -tMs * 2 - 1);
        writer.put(high, 32);
        writer.put(low, 32);
      } else {
        if (count === TARGET_SAMPLES / 4) predictCut(words, row, lastMs - startMs);
        // Twice the target: the rate went up after the prediction was made.
        if (count >= TARGET_SAMPLES * 2 || tMs - startMs >= words[row + Row.cutAfter]!) break;
        if (writer.bytes > MAX_CHUNK_BYTES) break;
        const newDelta = tMs - lastMs;
        let prefix = 0;
        if (count === 1) writer.putVarint(newDelta);
        else if (newDelta === delta) prefix = 1;
        else writer.putDod(newDelta - delta);
        delta = newDelta;
        this.#writeValue(prefix, low ^ lastLow, high ^ lastHigh);
      }
      lastMs = tMs;
      lastLow = low;
      lastHigh = high;
      count++;
    }
    writer.flush();
    floats[half + Row.lastTimeFloat] = lastMs;
    words[row + Row.tDelta] = delta;
    words[row + Row.lastLow] = lastLow;
    words[row + Row.lastHigh] = lastHigh;
    words[row + Row.window] = this.#window;
    words[row + Row.openLast] = writer.block;
    words[row + Row.position] = writer.position;
    this.openSamples += i - from;
    Atomics.store(words, row + Row.count, count);
    return i;
  }

  /** Adds a histogram, or a float with a start timestamp, as {@link append} does a plain float. */
  appendRich(words: Uint32Array, floats: Float64Array, row: number, tMs: number, sample: StoredSample): void {
    const ref = words[row + Row.ref]!;
    let count = words[row + Row.count]!;
    if (words[row + Row.openFirst] !== 0 && this.#mustCutRich(words, floats, row, count, tMs)) {
      this.close(words, floats, row);
    }
    const isNew = words[row + Row.openFirst] === 0;
    if (isNew) {
      this.#begin(words, floats, row, tMs, ChunkKind.rich);
      this.#tails.set(ref, new RichTail());
      count = 0;
    }
    const lastTime = (row >>> 1) + Row.lastTimeFloat;
    const time = isNew ? tMs : tMs - floats[lastTime]!;
    const data = this.#encoder.encode(this.#tails.get(ref)!, isNew, time, sample);
    const writer = this.#writer;
    writer.seek(words[row + Row.openLast]!, words[row + Row.position]!);
    writer.putBytes(data);
    writer.flush();
    floats[lastTime] = tMs;
    words[row + Row.lastLow] = sample.low;
    words[row + Row.lastHigh] = sample.high;
    words[row + Row.openLast] = writer.block;
    words[row + Row.position] = writer.position;
    this.openSamples++;
    Atomics.store(words, row + Row.count, count + 1);
  }

  /** What the open chunk of a series ends in, when it is a rich one: its last sample is the series' last. */
  tail(ref: number): RichTail | undefined {
    return this.#tails.get(ref);
  }

  /** Cuts the open chunk: moves it to its window's slabs. */
  close(words: Uint32Array, floats: Float64Array, row: number): void {
    const half = row >>> 1;
    const count = words[row + Row.count]!;
    const position = words[row + Row.position]!;
    const bytes = (position >>> 16) * BLOCK_DATA + (((position & 0xffff) + 7) >>> 3);
    const startMs = floats[half + Row.chunkStartFloat]!;
    const windowMs = this.windowOf(startMs);
    const kind = words[row + Row.kind]!;
    const address = this.#allocateClosed(windowMs, ChunkHead.words + ((bytes + 3) >>> 2), count);
    const target = this.#slabs.closed.words(address >>> 16);
    const at = address & 0xffff;
    const previous = words[row + Row.closed]!;
    target[at + ChunkHead.previous] = previous;
    if (previous !== 0) {
      target[at + ChunkHead.previousBirth] = this.#slabs.closed.words(previous >>> 16)[ClosedSlab.birth]!;
    }
    target[at + ChunkHead.minOffset] = startMs - windowMs;
    target[at + ChunkHead.maxOffset] = floats[half + Row.lastTimeFloat]! - windowMs;
    target[at + ChunkHead.sizes] = count | (kind << ChunkHead.kindShift) | (bytes << ChunkHead.bytesShift);
    const first = words[row + Row.openFirst]!;
    this.#pool.copy(first, target, at + ChunkHead.words, bytes);
    Atomics.add(words, row + Row.version, 1);
    words[row + Row.closed] = address;
    words[row + Row.openFirst] = 0;
    words[row + Row.openLast] = 0;
    Atomics.store(words, row + Row.count, 0);
    Atomics.add(words, row + Row.version, 1);
    this.openChunks--;
    this.openSamples -= count;
    this.#cutChains.push(first);
    if (kind === ChunkKind.rich) this.#tails.delete(words[row + Row.ref]!);
  }

  /** Lets the blocks of chunks that were cut be used again once readers have gone. Call it at the end of a batch. */
  endBatch(): void {
    if (this.#cutChains.length === 0) return;
    const chains = this.#cutChains;
    this.#cutChains = [];
    this.#epochs.retire(() => {
      for (const first of chains) this.#pool.free(first);
    });
  }

  /**
   * Takes out the windows that end at or before `minMs`. Chunks that are cut into such a window afterwards make it anew.
   * Give `slabs` to {@link retireSlabs} when no row leads there any more.
   */
  detachWindows(minMs: number): { readonly slabs: readonly number[]; readonly chunks: number } {
    const slabs: number[] = [];
    let chunks = 0;
    for (const [startMs, window] of this.#windows) {
      if (startMs + this.#rangeMs > minMs) continue;
      slabs.push(...window.slabs);
      chunks += window.chunks;
      this.#windows.delete(startMs);
    }
    return { slabs, chunks };
  }

  /** Lets slabs be filled again once readers have gone. */
  retireSlabs(slabs: readonly number[]): void {
    if (slabs.length === 0) return;
    this.#epochs.retire(() => {
      for (const slab of slabs) {
        if (this.#slabs.closed.words(slab).length === ARENA_SLAB_WORDS) this.#freeClosed.push(slab);
        else this.#slabs.closed.drop(slab);
      }
    });
  }

  /** Bytes of slabs that wait to be filled again. */
  get freeBytes(): number {
    return this.#freeClosed.length * ARENA_SLAB_WORDS * 4;
  }

  /** Start of the oldest window with closed chunks. */
  oldestWindow(): number | undefined {
    return this.#windows.size === 0 ? undefined : Math.min(...this.#windows.keys());
  }

  /** Start of the window that a closed chunk lies in. */
  windowOfChunk(address: number): number {
    return this.#slabs.closed.floats(address >>> 16)[ClosedSlab.windowFloat]!;
  }

  /** Takes the open chunk off a row that is being given up. Returns 1 when there was one. */
  discardOpen(words: Uint32Array, row: number): number {
    const first = words[row + Row.openFirst]!;
    if (first === 0) return 0;
    this.openChunks--;
    this.openSamples -= words[row + Row.count]!;
    this.#cutChains.push(first);
    this.#tails.delete(words[row + Row.ref]!);
    return 1;
  }

  #mustCutRich(words: Uint32Array, floats: Float64Array, row: number, count: number, tMs: number): boolean {
    if (words[row + Row.kind] !== ChunkKind.rich) return true;
    const half = row >>> 1;
    const startMs = floats[half + Row.chunkStartFloat]!;
    if (count === TARGET_SAMPLES / 4) predictCut(words, row, floats[half + Row.lastTimeFloat]! - startMs);
    if (count >= TARGET_SAMPLES * 2 || tMs - startMs >= words[row + Row.cutAfter]!) return true;
    const position = words[row + Row.position]!;
    return (position >>> 16) * BLOCK_DATA + ((position & 0xffff) >>> 3) > MAX_RICH_CHUNK_BYTES;
  }

  #begin(words: Uint32Array, floats: Float64Array, row: number, tMs: number, kind: ChunkKind): void {
    const block = this.#pool.take();
    Atomics.add(words, row + Row.version, 1);
    floats[(row >>> 1) + Row.chunkStartFloat] = tMs;
    words[row + Row.cutAfter] = this.windowOf(tMs) + this.#rangeMs - tMs;
    words[row + Row.window] = NO_WINDOW;
    words[row + Row.kind] = kind;
    words[row + Row.position] = 0;
    words[row + Row.openFirst] = block;
    words[row + Row.openLast] = block;
    Atomics.add(words, row + Row.version, 1);
    this.openChunks++;
    this.created++;
  }

  /**
   * Writes a value by how its bits differ from those of the one before, after `prefix` bits that are 0. The usual value, of few
   * bits, goes in one piece.
   */
  #writeValue(prefix: number, xorLow: number, xorHigh: number): void {
    const writer = this.#writer;
    if (xorLow === 0 && xorHigh === 0) {
      writer.put(0, prefix + 1);
      return;
    }
    let leading = xorHigh === 0 ? 31 : Math.clz32(xorHigh);
    let trailing = xorLow === 0 ? 63 - Math.clz32(xorHigh & -xorHigh) : 31 - Math.clz32(xorLow & -xorLow);
    const window = this.#window;
    const oldLeading = window & 0xff;
    let head = 0b10;
    let headBits = prefix + 2;
    if (oldLeading !== NO_WINDOW && leading >= oldLeading && trailing >= window >>> 8) {
      leading = oldLeading;
      trailing = window >>> 8;
    } else {
      this.#window = leading | (trailing << 8);
      // 64 significant bits are written as 0.
      head = (0b11 << 11) | (leading << 6) | ((64 - leading - trailing) & 63);
      headBits = prefix + 13;
    }
    const significant = 64 - leading - trailing;
    if (trailing >= 32) {
      const bits = xorHigh >>> (trailing - 32);
      if (headBits + significant <= 32) {
        writer.put((head << significant) | bits, headBits + significant);
      } else {
        writer.put(head, headBits);
        writer.put(bits, significant);
      }
      return;
    }
    writer.put(head, headBits);
    const lower = trailing === 0 ? xorLow : (xorHigh << (32 - trailing)) | (xorLow >>> trailing);
    if (significant > 32) writer.put(xorHigh >>> trailing, significant - 32);
    writer.put(lower, Math.min(significant, 32));
  }

  #allocateClosed(windowMs: number, words: number, samples: number): number {
    let window = this.#windows.get(windowMs);
    if (window === undefined) {
      window = { arena: new BumpArena(this.#slabs.closed), slabs: [], chunks: 0, samples: 0 };
      this.#windows.set(windowMs, window);
    }
    window.chunks++;
    window.samples += samples;
    if (words > ARENA_SLAB_WORDS - ClosedSlab.words) {
      // Slabs are read as 64-bit floats too, so they are whole pairs of words.
      const slab = this.#slabs.closed.add(Math.ceil((ClosedSlab.words + words) / 2) * 8);
      this.#takeIntoUse(slab, windowMs, window);
      return slab * ARENA_SLAB_WORDS + ClosedSlab.words;
    }
    if (!window.arena.fits(words)) {
      const slab = this.#freeClosed.pop() ?? this.#slabs.closed.add(ARENA_SLAB_WORDS * 4);
      this.#takeIntoUse(slab, windowMs, window);
      window.arena.use(slab, ClosedSlab.words);
    }
    return window.arena.allocate(words);
  }

  #takeIntoUse(slab: number, windowMs: number, window: ClosedWindow): void {
    assert(slab < 1 << 16, 'the memory for samples is full (16 GiB)');
    this.#slabs.closed.floats(slab)[ClosedSlab.windowFloat] = windowMs;
    Atomics.store(this.#slabs.closed.words(slab), ClosedSlab.birth, this.#births++);
    window.slabs.push(slab);
  }
}

/** Sets when to cut once a quarter of the target is there, and took `spanMs`. */
function predictCut(words: Uint32Array, row: number, spanMs: number): void {
  words[row + Row.cutAfter] = spreadEvenly(spanMs, words[row + Row.cutAfter]!);
}

/**
 * Milliseconds after which to cut, so that the rest of the range divides evenly into chunks of about the target size,
 * from the span that a quarter of a chunk took.
 *
 * @see prometheus tsdb/head_append.go computeChunkEndTime
 */
function spreadEvenly(spanMs: number, restMs: number): number {
  const chunks = restMs / ((spanMs + 1) * 4);
  return chunks <= 1 ? restMs : restMs / Math.floor(chunks);
}
