import type { FileSystem, RandomAccessFile } from '../../../core/ports.ts';
import { crc32c } from '../crc32c.ts';
import { damaged } from './block-format.ts';

/** Bytes that are read at once. */
export const PAGE_BYTES = 64 * 1024;
/** What a thread keeps unless told. */
const DEFAULT_CACHE_BYTES = 32 * 1024 * 1024;
/** A file has fewer pages than this (128 GiB). */
const PAGES_PER_FILE = 2 ** 21;
/** Reads longer than this do not go through the pages. */
const MAX_CACHED_READ = 4 * PAGE_BYTES;

/** Pages of blocks' indexes that were used last, bounded; one for all blocks of a thread. */
export class PageCache {
  readonly #maxPages: number;
  readonly #pages = new Map<number, Uint8Array>();
  #files = 0;

  constructor(maxBytes: number = DEFAULT_CACHE_BYTES) {
    this.#maxPages = Math.max(1, Math.floor(maxBytes / PAGE_BYTES));
  }

  /** Bytes that it holds. */
  get bytes(): number {
    let bytes = 0;
    for (const page of this.#pages.values()) bytes += page.length;
    return bytes;
  }

  /** A number for another file. */
  register(): number {
    return this.#files++;
  }

  get(file: number, page: number): Uint8Array | undefined {
    const key = file * PAGES_PER_FILE + page;
    const found = this.#pages.get(key);
    if (found !== undefined) {
      this.#pages.delete(key);
      this.#pages.set(key, found);
    }
    return found;
  }

  put(file: number, page: number, bytes: Uint8Array): void {
    if (this.#pages.size >= this.#maxPages) {
      for (const oldest of this.#pages.keys()) {
        this.#pages.delete(oldest);
        break;
      }
    }
    this.#pages.set(file * PAGES_PER_FILE + page, bytes);
  }

  /** Drops all pages of a file. */
  forget(file: number): void {
    for (const key of this.#pages.keys()) {
      if (Math.floor(key / PAGES_PER_FILE) === file) this.#pages.delete(key);
    }
  }
}

let ofThread: PageCache | undefined;

/** The cache that all blocks of this thread share. */
export function threadPageCache(): PageCache {
  ofThread ??= new PageCache();
  return ofThread;
}

/** A file that is read by pages. Whatever lies beyond its end is damage. */
export class PagedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #file: RandomAccessFile;
  readonly #cache: PageCache;
  readonly #number: number;
  #lastIndex = -1;
  #last = new Uint8Array(0);

  constructor(files: FileSystem, path: string, cache: PageCache) {
    this.path = path;
    this.#file = files.openRandomAccess(path);
    this.sizeBytes = this.#file.sizeBytes;
    this.#cache = cache;
    this.#number = cache.register();
  }

  /** Page by number; the last one may be shorter. Not to be changed. */
  page(index: number): Uint8Array {
    if (index === this.#lastIndex) return this.#last;
    let page = this.#cache.get(this.#number, index);
    if (page === undefined) {
      const position = index * PAGE_BYTES;
      page = this.#readDirectly(position, Math.min(PAGE_BYTES, this.sizeBytes - position));
      this.#cache.put(this.#number, index, page);
    }
    this.#lastIndex = index;
    this.#last = page as Uint8Array<ArrayBuffer>;
    return page;
  }

  /** Bytes at a place; not to be changed. Throws TOCSIN_ERR_STORAGE when they are not all there. */
  read(position: number, length: number): Uint8Array {
    if (!(position >= 0 && length >= 0 && position + length <= this.sizeBytes)) {
      throw damaged(this.path, position, `${length} bytes should be there, the file has ${this.sizeBytes}`);
    }
    if (length > MAX_CACHED_READ) return this.#readDirectly(position, length);
    const index = Math.floor(position / PAGE_BYTES);
    const from = position - index * PAGE_BYTES;
    if (from + length <= PAGE_BYTES) return this.page(index).subarray(from, from + length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const at = position + done;
      const page = this.page(Math.floor(at / PAGE_BYTES));
      const part = page.subarray(at % PAGE_BYTES, (at % PAGE_BYTES) + length - done);
      bytes.set(part, done);
      done += part.length;
    }
    return bytes;
  }

  u32(position: number): number {
    const bytes = this.read(position, 4);
    return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
  }

  /** Throws unless the four bytes after `length` bytes are their checksum. */
  verify(position: number, length: number, what: string): void {
    let sum = 0;
    for (let done = 0; done < length;) {
      const part = this.read(position + done, Math.min(MAX_CACHED_READ, length - done));
      sum = crc32c(part, 0, part.length, sum);
      done += part.length;
    }
    if (this.u32(position + length) !== sum)
      throw damaged(this.path, position, `the checksum of ${what} is wrong`);
  }

  close(): void {
    this.#cache.forget(this.#number);
    this.#lastIndex = -1;
    this.#file.close();
  }

  #readDirectly(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const count = this.#file.readAt(bytes, 0, length, position);
    if (count !== length) throw damaged(this.path, position + count, 'the file ends');
    return bytes;
  }
}
