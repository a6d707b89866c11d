/** Bytes of keys that are kept at first, and slots of the hash table. */
const FIRST_BYTES = 1 << 14;
const FIRST_SLOTS = 1 << 8;

/** Numbers by keys of bytes, which only grow in number; columns, no object a key. */
class Generation {
  #arena = new Uint8Array(FIRST_BYTES);
  #arenaView = new DataView(this.#arena.buffer);
  /** Where each key begins in the arena; it ends where the next begins. */
  #starts = new Uint32Array(FIRST_SLOTS);
  #hashes = new Uint32Array(FIRST_SLOTS);
  #values = new Uint32Array(FIRST_SLOTS);
  /** Index of a key plus one, 0 is free. */
  #slots = new Uint32Array(FIRST_SLOTS * 2);
  count = 0;

  get keyBytes(): number {
    return this.#starts[this.count]!;
  }

  /** What it takes in memory. */
  get bytes(): number {
    return this.#arena.length + this.#starts.length * 12 + this.#slots.length * 4;
  }

  /** Index of a key, -1 when it is not there. */
  find(hash: number, bytes: DataView, from: number, to: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = slots[slot]! - 1;
      if (index < 0) return -1;
      if (this.#hashes[index] === hash && this.isAt(index, bytes, from, to)) return index;
    }
  }

  /** Whether the key at an index is this one. */
  isAt(index: number, bytes: DataView, from: number, to: number): boolean {
    let at = this.#starts[index]!;
    if (this.#starts[index + 1]! - at !== to - from) return false;
    const kept = this.#arenaView;
    let other = from;
    for (; other + 4 <= to; other += 4, at += 4) {
      if (kept.getUint32(at, true) !== bytes.getUint32(other, true)) return false;
    }
    for (; other < to; other++, at++) if (kept.getUint8(at) !== bytes.getUint8(other)) return false;
    return true;
  }

  valueAt(index: number): number {
    return this.#values[index]!;
  }

  setValue(index: number, value: number): void {
    this.#values[index] = value;
  }

  /** Adds a key that is not there. Returns its index. */
  add(hash: number, key: Uint8Array, from: number, to: number, value: number): number {
    const index = this.count;
    this.#reserve(to - from);
    const at = this.#starts[index]!;
    this.#arena.set(key.subarray(from, to), at);
    this.#starts[index + 1] = at + to - from;
    this.#hashes[index] = hash;
    this.#values[index] = value;
    this.count = index + 1;
    this.#place(index);
    return index;
  }

  #place(index: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = this.#hashes[index]! & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = index + 1;
  }

  #reserve(length: number): void {
    const wanted = this.keyBytes + length;
    if (wanted > this.#arena.length) {
      const larger = new Uint8Array(Math.max(this.#arena.length * 2, wanted));
      larger.set(this.#arena);
      this.#arena = larger;
      this.#arenaView = new DataView(larger.buffer);
    }
    if (this.count + 2 > this.#starts.length) {
      this.#starts = twice(this.#starts);
      this.#hashes = twice(this.#hashes);
      this.#values = twice(this.#values);
      this.#slots = new Uint32Array(this.#slots.length * 2);
      for (let i = 0; i < this.count; i++) this.#place(i);
    }
  }
}

function twice(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(column.length * 2);
  larger.set(column);
  return larger;
}

/**
 * Numbers other than 0 by keys of bytes, in bounded memory: what was not asked for lately is forgotten. Two generations; a
 * key that is found in the old one moves to the young one, and when that is full it becomes the old one. Keys are compared
 * byte by byte.
 */
export class BytesTable {
  readonly #maxBytes: number;
  #young = new Generation();
  #old: Generation | undefined;
  /** Where the key after the last one found is expected: senders keep to an order. */
  #expected = 0;

  /** Takes `maxBytes` of memory at most; a generation ends at a quarter of it, as its columns grow by doubling. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What it takes in memory, in bytes. */
  get bytes(): number {
    return this.#young.bytes + (this.#old?.bytes ?? 0);
  }

  /** How many keys there are; those that are on their way from one generation to the other count twice. */
  get size(): number {
    return this.#young.count + (this.#old?.count ?? 0);
  }

  /** The number of a key, 0 when it is not known. */
  get(key: Uint8Array, view: DataView, from: number, to: number): number {
    const young = this.#young;
    const expected = this.#expected;
    if (expected < young.count && young.isAt(expected, view, from, to)) {
      this.#expected = expected + 1;
      return young.valueAt(expected);
    }
    const hash = hashOf(view, from, to);
    const index = young.find(hash, view, from, to);
    if (index >= 0) {
      this.#expected = index + 1;
      return young.valueAt(index);
    }
    const old = this.#old;
    const oldIndex = old === undefined ? -1 : old.find(hash, view, from, to);
    if (oldIndex < 0) return 0;
    const value = old!.valueAt(oldIndex);
    if (value !== 0) this.#add(hash, key, from, to, value);
    return value;
  }

  /** Gives a key a number; 0 forgets it. */
  set(key: Uint8Array, view: DataView, from: number, to: number, value: number): void {
    const hash = hashOf(view, from, to);
    const index = this.#young.find(hash, view, from, to);
    if (index >= 0) this.#young.setValue(index, value);
    else this.#add(hash, key, from, to, value);
  }

  /** Begins a new generation: what is not asked for until the next call is forgotten then. */
  age(): void {
    this.#old = this.#young;
    this.#young = new Generation();
    this.#expected = 0;
  }

  /** Forgets all. */
  clear(): void {
    this.#young = new Generation();
    this.#old = undefined;
    this.#expected = 0;
  }

  #add(hash: number, key: Uint8Array, from: number, to: number, value: number): void {
    if (this.#young.bytes > this.#maxBytes / 4) this.age();
    this.#expected = this.#young.add(hash, key, from, to, value) + 1;
  }
}

/** 32 bits from some bytes; quick rather than strong, as keys are compared anyway. */
function hashOf(view: DataView, from: number, to: number): number {
  let hash = 0x9747b28c ^ (to - from);
  let at = from;
  for (; at + 4 <= to; at += 4) {
    hash = Math.imul(hash ^ view.getUint32(at, true), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; at < to; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0x85ebca6b);
  return (hash ^ (hash >>> 16)) >>> 0;
}
