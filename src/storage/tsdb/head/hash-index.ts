import { HASH_SHARDS } from './head-slabs.ts';
import type { Epochs } from './epochs.ts';
import type { SlabSet } from './slabs.ts';

const EMPTY = 0;
const REMOVED = 0xffff_ffff;
const FIRST_CELLS = 64;

/** Spreads a hash's bits; hashes of short texts differ mostly in their low bits. */
export function mixHash(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Hash of two words. */
export function hashPair(a: number, b: number): number {
  return mixHash(Math.imul(a, 0x9e3779b1) ^ mixHash(b));
}

/**
 * Finding ids (from 1 on) by a hash of what they stand for, in open-addressed tables in slabs. This is the part that
 * readers use: a table only gains ids in place, and is replaced by a larger copy when it is full, so a reader sees
 * either table whole.
 */
export class HashIndexView {
  protected readonly slabs: SlabSet;
  protected readonly control: Uint32Array;
  protected readonly firstShard: number;

  constructor(slabs: SlabSet, control: Uint32Array, firstShard: number) {
    this.slabs = slabs;
    this.control = control;
    this.firstShard = firstShard;
  }

  /** The id with this hash for which `matches` holds, 0 when there is none. */
  find(hash: number, matches: (id: number) => boolean): number {
    const slab = Atomics.load(this.control, this.firstShard + (hash & (HASH_SHARDS - 1)));
    if (slab === 0) return 0;
    const cells = this.slabs.words(slab);
    const mask = cells.length - 1;
    for (let at = (hash >>> 6) & mask; ; at = (at + 1) & mask) {
      const id = Atomics.load(cells, at);
      if (id === EMPTY) return 0;
      if (id !== REMOVED && matches(id)) return id;
    }
  }
}

/** The writer's side of {@link HashIndexView}. */
export class HashIndex extends HashIndexView {
  readonly #hashOf: (id: number) => number;
  readonly #epochs: Epochs;
  /** Cells of each shard that are not empty. */
  readonly #used = new Uint32Array(HASH_SHARDS);
  readonly #live = new Uint32Array(HASH_SHARDS);

  constructor(
    slabs: SlabSet,
    control: Uint32Array,
    firstShard: number,
    epochs: Epochs,
    hashOf: (id: number) => number,
  ) {
    super(slabs, control, firstShard);
    this.#epochs = epochs;
    this.#hashOf = hashOf;
    // Slab 0 means "no table yet".
    if (slabs.count === 0) slabs.add(8);
  }

  /** Adds an id that is not there. */
  insert(hash: number, id: number): void {
    const shard = hash & (HASH_SHARDS - 1);
    let slab = this.control[this.firstShard + shard]!;
    if (slab === 0 || (this.#used[shard]! + 1) * 4 > this.slabs.words(slab).length * 3) {
      slab = this.#rebuild(shard, slab);
    }
    const cells = this.slabs.words(slab);
    const mask = cells.length - 1;
    let at = (hash >>> 6) & mask;
    while (cells[at] !== EMPTY) at = (at + 1) & mask;
    Atomics.store(cells, at, id);
    this.#used[shard]!++;
    this.#live[shard]!++;
  }

  /** Takes out an id. */
  remove(hash: number, id: number): void {
    const shard = hash & (HASH_SHARDS - 1);
    const cells = this.slabs.words(this.control[this.firstShard + shard]!);
    const mask = cells.length - 1;
    for (let at = (hash >>> 6) & mask; cells[at] !== EMPTY; at = (at + 1) & mask) {
      if (cells[at] === id) {
        Atomics.store(cells, at, REMOVED);
        this.#live[shard]!--;
        return;
      }
    }
  }

  #rebuild(shard: number, oldSlab: number): number {
    const wanted = Math.max(FIRST_CELLS, this.#live[shard]! * 2 + 2);
    const length = 2 ** Math.ceil(Math.log2(wanted));
    const slab = this.slabs.add(length * 4);
    const cells = this.slabs.words(slab);
    if (oldSlab !== 0) {
      for (const id of this.slabs.words(oldSlab)) {
        if (id === EMPTY || id === REMOVED) continue;
        let at = (this.#hashOf(id) >>> 6) & (length - 1);
        while (cells[at] !== EMPTY) at = (at + 1) & (length - 1);
        cells[at] = id;
      }
    }
    this.#used[shard] = this.#live[shard]!;
    Atomics.store(this.control, this.firstShard + shard, slab);
    if (oldSlab !== 0) {
      this.#epochs.retire(() => {
        this.slabs.drop(oldSlab);
      });
    }
    return slab;
  }
}
