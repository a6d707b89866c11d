/** What a thread keeps unless told. */
const DEFAULT_CACHE_BYTES = 4 * 1024 * 1024;
/** Share of the cache that one list may take. */
const MAX_SHARE = 0.5;
/** The same for the united list of a matcher: those come in greater variety, and must not drive out all others. */
const MAX_MATCHED_SHARE = 0.125;
/** Places are below this (128 GiB) and whole words. */
const WORDS_PER_FILE = 2 ** 35;

/** Lists of series of blocks' indexes that were read last and whose checksum was right, bounded; one for all blocks of a thread. */
export class PostingsCache {
  readonly #maxBytes: number;
  /** By place, or by file and matcher. */
  readonly #lists = new Map<number | string, Uint32Array>();
  /** Numbers of files that were forgotten. */
  readonly #free: number[] = [];
  #files = 0;
  #bytes = 0;

  constructor(maxBytes: number = DEFAULT_CACHE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A number for another file; {@link forget} gives it back. */
  register(): number {
    return this.#free.pop() ?? this.#files++;
  }

  /** The list at a place of a file; not to be changed. */
  get(file: number, place: number): Uint32Array | undefined {
    return this.#get(file * WORDS_PER_FILE + place / 4);
  }

  put(file: number, place: number, list: Uint32Array): void {
    if (list.byteLength <= this.#maxBytes * MAX_SHARE) this.#put(file * WORDS_PER_FILE + place / 4, list);
  }

  /** The series of a file that a matcher's values have, united; not to be changed. */
  getMatched(file: number, matcher: string): Uint32Array | undefined {
    return this.#get(`${file} ${matcher}`);
  }

  putMatched(file: number, matcher: string, list: Uint32Array): void {
    if (list.byteLength <= this.#maxBytes * MAX_MATCHED_SHARE) this.#put(`${file} ${matcher}`, list);
  }

  /** Drops all lists of a file, whose number is given to another one. */
  forget(file: number): void {
    for (const [key, list] of this.#lists) {
      const owner = typeof key === 'number' ? Math.floor(key / WORDS_PER_FILE) : Number.parseInt(key, 10);
      if (owner !== file) continue;
      this.#lists.delete(key);
      this.#bytes -= list.byteLength;
    }
    this.#free.push(file);
  }

  #get(key: number | string): Uint32Array | undefined {
    const found = this.#lists.get(key);
    if (found !== undefined) {
      this.#lists.delete(key);
      this.#lists.set(key, found);
    }
    return found;
  }

  #put(key: number | string, list: Uint32Array): void {
    this.#bytes += list.byteLength;
    for (const [key, oldest] of this.#lists) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#lists.delete(key);
      this.#bytes -= oldest.byteLength;
    }
    this.#lists.set(key, list);
  }
}

let ofThread: PostingsCache | undefined;

/** The cache that all blocks of this thread share. */
export function threadPostingsCache(): PostingsCache {
  ofThread ??= new PostingsCache();
  return ofThread;
}
