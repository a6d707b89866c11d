/** Bytes, and pairs, from which on a dictionary is full: later series are unlikely to share many of them. */
const MAX_BYTES = 8 << 20;
const MAX_PAIRS = 1 << 18;

/** Gives numbers, from 1 on, to spans of bytes: a label's name and value as records of series have them. */
export class LabelDictionary {
  #bytes = new Uint8Array(1 << 16);
  #used = 0;
  /** Where in {@link #bytes} each span ends; it begins where the one before ends. */
  #ends = new Uint32Array(1 << 10);
  #hashes = new Uint32Array(1 << 10);
  /** Open-addressed, by hash. */
  #cells = new Uint32Array(1 << 11);
  count = 0;

  get isFull(): boolean {
    return this.#used > MAX_BYTES || this.count > MAX_PAIRS;
  }

  /** Number of a span; one more than {@link count} was when it is new. */
  idOf(source: Uint8Array, from: number, to: number): number {
    let hash = 0x811c9dc5;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ source[i]!, 0x01000193);
    hash = (hash ^ (hash >>> 15)) >>> 0;
    const mask = this.#cells.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const id = this.#cells[at]!;
      if (id === 0) return this.#add(source, from, to, hash, at);
      if (this.#hashes[id] === hash && this.#equals(id, source, from, to)) return id;
    }
  }

  /** The spans of numbers above `after`, one behind the other. */
  since(after: number): Uint8Array {
    return this.#bytes.slice(this.#ends[after], this.#used);
  }

  #equals(id: number, source: Uint8Array, from: number, to: number): boolean {
    const start = this.#ends[id - 1]!;
    if (this.#ends[id]! - start !== to - from) return false;
    for (let i = from; i < to; i++) if (source[i] !== this.#bytes[start + i - from]) return false;
    return true;
  }

  #add(source: Uint8Array, from: number, to: number, hash: number, cell: number): number {
    const id = ++this.count;
    if (this.#used + to - from > this.#bytes.length) {
      this.#bytes = enlarged(this.#bytes, new Uint8Array((this.#used + to - from) * 2));
    }
    this.#bytes.set(source.subarray(from, to), this.#used);
    this.#used += to - from;
    if (id === this.#ends.length) {
      this.#ends = enlarged(this.#ends, new Uint32Array(id * 2));
      this.#hashes = enlarged(this.#hashes, new Uint32Array(id * 2));
    }
    this.#ends[id] = this.#used;
    this.#hashes[id] = hash;
    this.#cells[cell] = id;
    if (id * 2 > this.#cells.length) this.#rehash();
    return id;
  }

  #rehash(): void {
    const cells = new Uint32Array(this.#cells.length * 2);
    const mask = cells.length - 1;
    for (let id = 1; id <= this.count; id++) {
      let at = this.#hashes[id]! & mask;
      while (cells[at] !== 0) at = (at + 1) & mask;
      cells[at] = id;
    }
    this.#cells = cells;
  }
}

function enlarged<T extends Uint8Array | Uint32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
