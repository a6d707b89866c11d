import { BLOCKS_PER_SLAB, BLOCK_BYTES, BLOCK_DATA } from './block-pool.ts';
import type { BlockPool } from './block-pool.ts';
import type { HeadSlabs } from './head-slabs.ts';

const BLOCK_WORDS = BLOCK_BYTES / 4;
/** Words of a block that hold data; the one after them leads to the next block. */
const DATA_WORDS = BLOCK_DATA / 4;

/**
 * Appends bits to the chain of blocks of an open chunk. The bits of the word that is being filled wait here until {@link flush},
 * so a value costs no look at memory. Words are stored whole: bits that a reader already counts on are stored again as
 * they were.
 */
export class BlockWriter {
  readonly #slabs: HeadSlabs;
  readonly #pool: BlockPool;
  #words: Uint32Array = new Uint32Array(0);
  /** The word that is being filled; {@link #end} when the block is full. */
  #at = 0;
  #end = 0;
  /** Bits of that word, from the top, and how many. */
  #pending = 0;
  #used = 0;
  /** The block that is being filled. */
  block = 0;
  /** Blocks of the chain before it. */
  #before = 0;

  constructor(slabs: HeadSlabs, pool: BlockPool) {
    this.#slabs = slabs;
    this.#pool = pool;
  }

  /** Goes on where a chunk ends: its last block, and {@link position} as it was. */
  seek(block: number, position: number): void {
    const bit = position & 0xffff;
    this.#before = position >>> 16;
    this.#enter(block);
    this.#at += bit >>> 5;
    this.#used = bit & 31;
    this.#pending = this.#used === 0 ? 0 : swapped(this.#words[this.#at]!) & (-1 << (32 - this.#used));
  }

  /** Whole bytes of the chunk so far. */
  get bytes(): number {
    return (this.#before + 1) * BLOCK_DATA - (this.#end - this.#at) * 4 + (this.#used >>> 3);
  }

  /** Bit within the last block | (blocks - 1) << 16; after {@link flush}. */
  get position(): number {
    return ((this.#at - this.#end + DATA_WORDS) * 32 + this.#used) | (this.#before << 16);
  }

  /** Stores what waits. */
  flush(): void {
    if (this.#used === 0) return;
    if (this.#at === this.#end) this.#append();
    this.#words[this.#at] = swapped(this.#pending);
  }

  /** Writes the low `count` bits (32 at most) of `value`, which has no others set when `count` is below 32. */
  put(value: number, count: number): void {
    const room = 32 - this.#used;
    if (count < room) {
      this.#pending |= value << (room - count);
      this.#used += count;
      return;
    }
    const rest = count - room;
    if (this.#at === this.#end) this.#append();
    this.#words[this.#at++] = swapped(this.#pending | (value >>> rest));
    this.#pending = rest === 0 ? 0 : value << (32 - rest);
    this.#used = rest;
  }

  /** Writes an unsigned number as groups of 7 bits. */
  putVarint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.put((rest % 128) | 128, 8);
      rest = Math.floor(rest / 128);
    }
    this.put(rest, 8);
  }

  /** Writes a delta of deltas of times. */
  putDod(dod: number): void {
    if (dod === 0) {
      this.put(0, 1);
    } else if (dod >= -8191 && dod <= 8192) {
      this.put((0b10 << 14) | (dod & 0x3fff), 16);
    } else if (dod >= -65535 && dod <= 65536) {
      this.put((0b110 << 17) | (dod & 0x1ffff), 20);
    } else if (dod >= -524287 && dod <= 524288) {
      this.put((0b1110 << 20) | (dod & 0xfffff), 24);
    } else {
      this.put(0b1111, 4);
      this.put(Math.floor(dod / 0x1_0000_0000), 32);
      this.put(dod, 32);
    }
  }

  putBytes(data: Uint8Array): void {
    for (let i = 0; i < data.length; i++) this.put(data[i]!, 8);
  }

  #append(): void {
    this.#enter(this.#pool.takeAfter(this.block));
    this.#before++;
  }

  #enter(block: number): void {
    this.block = block;
    this.#words = this.#slabs.open.u32[(block / BLOCKS_PER_SLAB) | 0]!;
    this.#at = (block & (BLOCKS_PER_SLAB - 1)) * BLOCK_WORDS;
    this.#end = this.#at + DATA_WORDS;
  }
}

/** The four bytes of a word the other way round: bits go from the top of the first byte on, memory is little-endian. */
function swapped(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
