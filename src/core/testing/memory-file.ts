/** What a system keeps in memory as one piece and writes to the disk as one. */
export const MEMORY_PAGE_BYTES = 4096;

/**
 * Contents of a file in memory, and which of them are on the disk: after a power cut only pages that were synced are there for
 * certain. As on Linux, pages whose sync failed are not tried again.
 */
export class MemoryFile {
  #bytes: Uint8Array;
  #length: number;
  /** What is on the disk. */
  #stable: Uint8Array;
  /** Pages that were written since the last sync. */
  readonly #dirty = new Set<number>();
  modifiedMs: number;

  /** Content that is on the disk. */
  constructor(bytes: Uint8Array, modifiedMs: number) {
    this.#bytes = bytes.slice();
    this.#length = bytes.length;
    this.#stable = bytes.slice();
    this.modifiedMs = modifiedMs;
  }

  get length(): number {
    return this.#length;
  }

  /** What a reader sees; good until the next change. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#touch(this.#length, needed);
    this.#length = needed;
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes >= this.#length) return;
    this.#bytes.fill(0, sizeBytes, this.#length);
    this.#length = sizeBytes;
  }

  /** Everything is on the disk. */
  sync(): void {
    this.#stable = this.#onDisk(() => true, this.#length);
    this.#dirty.clear();
  }

  /** A sync failed: what it should have written counts as written and is not. */
  failSync(): void {
    this.#dirty.clear();
  }

  /** Other content, on the disk at once. */
  set(bytes: Uint8Array): void {
    this.#bytes = bytes.slice();
    this.#length = bytes.length;
    this.#stable = bytes.slice();
    this.#dirty.clear();
  }

  /** What a power cut leaves: of what was not synced the pages that `survives` lets through, zeros between them. */
  losePower(survives: () => boolean): void {
    const pages = [...this.#dirty].filter(() => survives());
    const kept = new Set(pages);
    const last = Math.max(-1, ...pages);
    const end = Math.min(this.#length, Math.max(this.#stable.length, (last + 1) * MEMORY_PAGE_BYTES));
    this.set(this.#onDisk((page) => kept.has(page), end));
  }

  #touch(from: number, to: number): void {
    const last = Math.floor((to - 1) / MEMORY_PAGE_BYTES);
    for (let page = Math.floor(from / MEMORY_PAGE_BYTES); page <= last; page++) this.#dirty.add(page);
  }

  /** The disk's content at a length, with those dirty pages that are to be on it. */
  #onDisk(isWritten: (page: number) => boolean, length: number): Uint8Array {
    const made = new Uint8Array(length);
    made.set(this.#stable.subarray(0, length));
    for (const page of this.#dirty) {
      if (!isWritten(page)) continue;
      const from = page * MEMORY_PAGE_BYTES;
      const to = Math.min(from + MEMORY_PAGE_BYTES, length);
      if (from < to) made.set(this.#bytes.subarray(from, to), from);
    }
    return made;
  }
}
