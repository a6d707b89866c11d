import { assert } from '../../../core/errors.ts';
import { BLOCKS_PER_SLAB, BLOCK_BYTES, BLOCK_DATA, BlockPool } from './block-pool.ts';
import { ChunkKind, Row } from './head-slabs.ts';
import { RichEncoder, RichTail } from '../rich-chunk.ts';
import { ARENA_SLAB_WORDS, BumpArena } from './slabs.ts';
import type { Epochs } from './epochs.ts';
import type { HeadSlabs } from './head-slabs.ts';
import type { StoredSample } from '../stored-sample.ts';

const BLOCK_BITS = BLOCK_DATA * 8;

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

  // Where bits are written: bytes of the present block's slab, the block's first byte, the bit within it.
  #bytes: Uint8Array = new Uint8Array(0);
  #base = 0;
  #bit = 0;
  #block = 0;
  #blocks = 0;

  constructor(slabs: HeadSlabs, epochs: Epochs) {
    this.#slabs = slabs;
    this.#epochs = epochs;
    this.#rangeMs = slabs.chunkRangeMs;
    this.#pool = new BlockPool(slabs);
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
   * the row's first word. True when the sample began a new chunk.
   */
  append(
    words: Uint32Array,
    floats: Float64Array,
    row: number,
    tMs: number,
    low: number,
    high: number,
  ): boolean {
    const half = row >>> 1;
    let count = words[row + Row.count]!;
    let isNew = false;
    if (words[row + Row.openFirst] !== 0 && this.#mustCut(words, floats, row, count, tMs, ChunkKind.xor)) {
      this.close(words, floats, row);
    }
    if (words[row + Row.openFirst] === 0) {
      this.#begin(words, floats, row, tMs, ChunkKind.xor);
      count = 0;
      isNew = true;
    }
    this.#seek(words, row);
    if (count === 0) {
      this.#writeVarint(tMs >= 0 ? tMs * 2 : -tMs * 2 - 1);
      this.#writeBits(high, 32);
      this.#writeBits(low, 32);
    } else {
      const delta = tMs - floats[half + Row.lastTimeFloat]!;
      if (count === 1) this.#writeVarint(delta);
      else this.#writeDod(delta - words[row + Row.tDelta]!);
      words[row + Row.tDelta] = delta;
      this.#writeValue(words, row, low, high);
    }
    floats[half + Row.lastTimeFloat] = tMs;
    words[row + Row.lastLow] = low;
    words[row + Row.lastHigh] = high;
    words[row + Row.openLast] = this.#block;
    words[row + Row.position] = this.#bit | (this.#blocks << 16);
    this.openSamples++;
    Atomics.store(words, row + Row.count, count + 1);
    return isNew;
  }

  /** Adds a histogram, or a float with a start timestamp, as {@link append} does a plain float. */
  appendRich(
    words: Uint32Array,
    floats: Float64Array,
    row: number,
    tMs: number,
    sample: StoredSample,
  ): boolean {
    const ref = words[row + Row.ref]!;
    let count = words[row + Row.count]!;
    if (words[row + Row.openFirst] !== 0 && this.#mustCut(words, floats, row, count, tMs, ChunkKind.rich)) {
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
    this.#seek(words, row);
    this.#writeBytes(data);
    floats[lastTime] = tMs;
    words[row + Row.lastLow] = sample.low;
    words[row + Row.lastHigh] = sample.high;
    words[row + Row.openLast] = this.#block;
    words[row + Row.position] = this.#bit | (this.#blocks << 16);
    this.openSamples++;
    Atomics.store(words, row + Row.count, count + 1);
    return isNew;
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

  #mustCut(
    words: Uint32Array,
    floats: Float64Array,
    row: number,
    count: number,
    tMs: number,
    kind: ChunkKind,
  ): boolean {
    if (words[row + Row.kind] !== kind) return true;
    const half = row >>> 1;
    const startMs = floats[half + Row.chunkStartFloat]!;
    if (count === TARGET_SAMPLES / 4) {
      const spanMs = floats[half + Row.lastTimeFloat]! - startMs;
      words[row + Row.cutAfter] = spreadEvenly(spanMs, words[row + Row.cutAfter]!);
    }
    // Twice the target: the rate went up after the prediction was made.
    if (count >= TARGET_SAMPLES * 2 || tMs - startMs >= words[row + Row.cutAfter]!) return true;
    const position = words[row + Row.position]!;
    const bytes = (position >>> 16) * BLOCK_DATA + ((position & 0xffff) >>> 3);
    return bytes > (kind === ChunkKind.xor ? MAX_CHUNK_BYTES : MAX_RICH_CHUNK_BYTES);
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

  #seek(words: Uint32Array, row: number): void {
    const position = words[row + Row.position]!;
    this.#block = words[row + Row.openLast]!;
    this.#bytes = this.#slabs.open.u8[(this.#block / BLOCKS_PER_SLAB) | 0]!;
    this.#base = (this.#block & (BLOCKS_PER_SLAB - 1)) * BLOCK_BYTES;
    this.#bit = position & 0xffff;
    this.#blocks = position >>> 16;
  }

  /** Writes the low `count` bits of `value`, which has no others set when `count` is below 32. */
  #writeBits(value: number, count: number): void {
    const bit = this.#bit;
    const used = bit & 7;
    const total = used + count;
    if (total > 32 || bit + count > BLOCK_BITS) {
      this.#writeSplit(value, count);
      return;
    }
    const bytes = this.#bytes;
    const at = this.#base + (bit >>> 3);
    const window = value << (32 - total);
    // A block is not cleared before it is used; the first bits of a byte overwrite what was there.
    bytes[at] = used === 0 ? window >>> 24 : bytes[at]! | (window >>> 24);
    if (total > 8) {
      bytes[at + 1] = window >>> 16;
      if (total > 16) {
        bytes[at + 2] = window >>> 8;
        if (total > 24) bytes[at + 3] = window;
      }
    }
    this.#bit = bit + count;
  }

  /** {@link #writeBits} where they don't fit a 32-bit window or the block. */
  #writeSplit(value: number, count: number): void {
    if (this.#bit === BLOCK_BITS) this.#appendBlock();
    const room = BLOCK_BITS - this.#bit;
    const first = Math.min(room, count > 24 ? count - 16 : count);
    const rest = count - first;
    this.#writeBits(value >>> rest, first);
    if (rest > 0) this.#writeBits(value & (2 ** rest - 1), rest);
  }

  #writeBytes(data: Uint8Array): void {
    for (let from = 0; from < data.length;) {
      if (this.#bit === BLOCK_BITS) this.#appendBlock();
      const at = this.#base + (this.#bit >>> 3);
      const length = Math.min(data.length - from, (BLOCK_BITS - this.#bit) >>> 3);
      for (let i = 0; i < length; i++) this.#bytes[at + i] = data[from + i]!;
      from += length;
      this.#bit += length * 8;
    }
  }

  #writeVarint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#writeBits((rest % 128) | 128, 8);
      rest = Math.floor(rest / 128);
    }
    this.#writeBits(rest, 8);
  }

  #writeDod(dod: number): void {
    if (dod === 0) {
      this.#writeBits(0, 1);
    } else if (dod >= -8191 && dod <= 8192) {
      this.#writeBits((0b10 << 14) | (dod & 0x3fff), 16);
    } else if (dod >= -65535 && dod <= 65536) {
      this.#writeBits((0b110 << 17) | (dod & 0x1ffff), 20);
    } else if (dod >= -524287 && dod <= 524288) {
      this.#writeBits((0b1110 << 20) | (dod & 0xfffff), 24);
    } else {
      this.#writeBits(0b1111, 4);
      this.#writeBits(Math.floor(dod / 0x1_0000_0000), 32);
      this.#writeBits(dod, 32);
    }
  }

  #writeValue(words: Uint32Array, row: number, low: number, high: number): void {
    const xorLow = (low ^ words[row + Row.lastLow]!) >>> 0;
    const xorHigh = (high ^ words[row + Row.lastHigh]!) >>> 0;
    if (xorLow === 0 && xorHigh === 0) {
      this.#writeBits(0, 1);
      return;
    }
    let leading = xorHigh === 0 ? 31 : Math.clz32(xorHigh);
    let trailing = xorLow === 0 ? 63 - Math.clz32(xorHigh & -xorHigh) : 31 - Math.clz32(xorLow & -xorLow);
    const window = words[row + Row.window]!;
    const oldLeading = window & 0xff;
    if (oldLeading !== NO_WINDOW && leading >= oldLeading && trailing >= window >>> 8) {
      leading = oldLeading;
      trailing = window >>> 8;
      this.#writeBits(0b10, 2);
    } else {
      words[row + Row.window] = leading | (trailing << 8);
      // 64 significant bits are written as 0.
      this.#writeBits((0b11 << 11) | (leading << 6) | ((64 - leading - trailing) & 63), 13);
    }
    const significant = 64 - leading - trailing;
    if (significant > 32) {
      this.#writeBits(xorHigh >>> trailing, significant - 32);
      this.#writeBits(trailing === 0 ? xorLow : (xorHigh << (32 - trailing)) | (xorLow >>> trailing), 32);
    } else if (trailing >= 32) {
      this.#writeBits(xorHigh >>> (trailing - 32), significant);
    } else {
      this.#writeBits(
        trailing === 0 ? xorLow : (xorHigh << (32 - trailing)) | (xorLow >>> trailing),
        significant,
      );
    }
  }

  #appendBlock(): void {
    const next = this.#pool.takeAfter(this.#block);
    this.#block = next;
    this.#bit = 0;
    this.#bytes = this.#slabs.open.u8[(next / BLOCKS_PER_SLAB) | 0]!;
    this.#base = (next & (BLOCKS_PER_SLAB - 1)) * BLOCK_BYTES;
    this.#blocks++;
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
