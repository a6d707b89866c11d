import type { HeadSlabs } from './head-slabs.ts';

/** An open chunk grows by blocks of 64 bytes, the last 4 of which lead to the next block. */
export const BLOCK_BYTES = 64;
/** Bytes of chunk data in a block. */
export const BLOCK_DATA = 60;
export const BLOCKS_PER_SLAB = 1 << 12;
const BLOCKS_WORDS = BLOCK_BYTES / 4;

/** Hands out the blocks that open chunks are chained of, and takes them back. Block 0 is never given out. */
export class BlockPool {
  readonly #slabs: HeadSlabs;
  #free = new Uint32Array(1024);
  #freeCount = 0;
  #next = 1;

  constructor(slabs: HeadSlabs) {
    this.#slabs = slabs;
  }

  /** A block that leads to none. */
  take(): number {
    let block: number;
    if (this.#freeCount > 0) {
      block = this.#free[--this.#freeCount]!;
    } else {
      if (((this.#next / BLOCKS_PER_SLAB) | 0) >= this.#slabs.open.count) {
        this.#slabs.open.add(BLOCKS_PER_SLAB * BLOCK_BYTES);
      }
      block = this.#next++;
    }
    this.#words(block)[nextWord(block)] = 0;
    return block;
  }

  /** A block that `block` leads to from now on. */
  takeAfter(block: number): number {
    const next = this.take();
    Atomics.store(this.#words(block), nextWord(block), next);
    return next;
  }

  /** Takes a chain back. */
  free(first: number): void {
    for (let block = first; block !== 0;) {
      if (this.#freeCount === this.#free.length) {
        const larger = new Uint32Array(this.#free.length * 2);
        larger.set(this.#free);
        this.#free = larger;
      }
      this.#free[this.#freeCount++] = block;
      block = this.#words(block)[nextWord(block)]!;
    }
  }

  /** Copies the first `bytes` of a chain, rounded up to whole words. */
  copy(first: number, target: Uint32Array, at: number, bytes: number): void {
    const total = (bytes + 3) >>> 2;
    let block = first;
    for (let done = 0; done < total; done += BLOCK_DATA / 4) {
      const source = this.#words(block);
      const base = (block & (BLOCKS_PER_SLAB - 1)) * BLOCKS_WORDS;
      const length = Math.min(BLOCK_DATA / 4, total - done);
      for (let i = 0; i < length; i++) target[at + done + i] = source[base + i]!;
      block = source[base + BLOCKS_WORDS - 1]!;
    }
  }

  #words(block: number): Uint32Array {
    return this.#slabs.open.u32[(block / BLOCKS_PER_SLAB) | 0]!;
  }
}

/** Word within its slab by which a block leads to the next. */
function nextWord(block: number): number {
  return (block & (BLOCKS_PER_SLAB - 1)) * BLOCKS_WORDS + BLOCKS_WORDS - 1;
}
