import { Labels } from '../../../core/labels.ts';
import type { FileSystem } from '../../../core/ports.ts';
import { LOW } from '../chunk/words.ts';
import { crc32c } from '../crc32c.ts';
import {
  INDEX_HEADER_BYTES,
  INDEX_MAGIC,
  INDEX_VERSION,
  SERIES_ALIGN,
  TOC_BYTES,
  damaged,
} from './block-format.ts';
import { PagedFile } from './paged-file.ts';
import type { PageCache } from './paged-file.ts';
import { threadPostingsCache } from './postings-cache.ts';
import { PostingsTable } from './postings-table.ts';
import { SymbolTable } from './symbol-table.ts';

/** A series as the index has it. The lists are written over by the next. */
export class SeriesEntry {
  /** Numbers of name, value, name, value … */
  readonly symbols: number[] = [];
  readonly minMs: number[] = [];
  readonly maxMs: number[] = [];
  /** References of the chunks. */
  readonly references: number[] = [];

  clear(): void {
    this.symbols.length = 0;
    this.minMs.length = 0;
    this.maxMs.length = 0;
    this.references.length = 0;
  }
}

function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Reads the numbers of a series, whose bytes are at hand; running over their end is damage. */
class SeriesBytes {
  readonly #path: string;
  #bytes = new Uint8Array(0);
  #place = 0;
  #at = 0;
  #end = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Where the next byte is in the file. */
  get position(): number {
    return this.#place + this.#at;
  }

  /** Goes on with the first `length` of these bytes, or all when they are fewer, which come from `place`. */
  take(bytes: Uint8Array, place: number, length: number): void {
    this.#bytes = bytes as Uint8Array<ArrayBuffer>;
    this.#place = place;
    this.#at = 0;
    this.#end = Math.min(length, bytes.length);
  }

  /** Whole numbers up to 2^53. */
  uvarint(): number {
    const bytes = this.#bytes;
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8 && this.#at < this.#end; i++) {
      const byte = bytes[this.#at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      factor *= 128;
    }
    throw this.damaged(this.#at < this.#end ? 'a number is too large' : 'it ends too early');
  }

  /** Zigzag. */
  varint(): number {
    const value = this.uvarint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  damaged(what: string): Error {
    return damaged(this.#path, this.position, what);
  }
}

/** Most bytes that the length of a series takes. */
const MAX_LENGTH_BYTES = 5;

/** Reads a block's `index`, version 2. Everything throws TOCSIN_ERR_STORAGE on damage. */
export class IndexReader {
  readonly symbols: SymbolTable;
  readonly postings: PostingsTable;
  readonly #file: PagedFile;
  readonly #bytes: SeriesBytes;
  readonly #lists = threadPostingsCache();
  /** Of the file, for {@link #lists}. */
  readonly #number: number;

  constructor(files: FileSystem, path: string, cache: PageCache) {
    const file = new PagedFile(files, path, cache);
    this.#file = file;
    this.#number = this.#lists.register();
    try {
      this.#bytes = new SeriesBytes(file.path);
      const toc = this.#readToc();
      this.symbols = new SymbolTable(file, toc.symbols);
      this.postings = new PostingsTable(file, toc.postingsTable);
    } catch (error) {
      this.#lists.forget(this.#number);
      file.close();
      throw error;
    }
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  /** Refs in a list of series, rising; not to be changed. */
  readPostings(place: number): Uint32Array {
    const kept = this.#lists.get(this.#number, place);
    if (kept !== undefined) return kept;
    const file = this.#file;
    const length = file.u32(place);
    const bytes = file.read(place + 4, length + 4);
    if (readU32(bytes, length) !== crc32c(bytes, 0, length))
      throw damaged(file.path, place, 'the checksum of a list of series is wrong');
    if (length < 4 || length !== 4 + readU32(bytes, 0) * 4)
      throw damaged(file.path, place, 'a list of series has a wrong length');
    const refs = new Uint32Array(length / 4 - 1);
    const raw = Buffer.from(refs.buffer);
    raw.set(bytes.subarray(4, length));
    // The file is big-endian.
    if (LOW === 0) raw.swap32();
    this.#lists.put(this.#number, place, refs);
    return refs;
  }

  /** What {@link keepMatched} was given for this matcher, if it is still there; not to be changed. */
  matched(matcher: string): Uint32Array | undefined {
    return this.#lists.getMatched(this.#number, matcher);
  }

  /** Keeps the series that were found for a matcher: a block does not change, and dashboards ask again and again. */
  keepMatched(matcher: string, refs: Uint32Array): void {
    this.#lists.putMatched(this.#number, matcher, refs);
  }

  /** The series that have a label; empty when none has. */
  find(name: string, value: string): Uint32Array {
    const place = this.postings.find(name, value);
    return place === undefined ? new Uint32Array(0) : this.readPostings(place);
  }

  /** All series. */
  all(): Uint32Array {
    return this.find('', '');
  }

  /** Reads a series; without its chunks unless wanted. */
  readSeries(ref: number, into: SeriesEntry, withChunks = true): void {
    into.clear();
    const file = this.#file;
    const bytes = this.#bytes;
    const place = ref * SERIES_ALIGN;
    bytes.take(file.read(place, Math.min(MAX_LENGTH_BYTES, file.sizeBytes - place)), place, MAX_LENGTH_BYTES);
    const length = bytes.uvarint();
    const start = bytes.position;
    const whole = file.read(start, length + 4);
    bytes.take(whole, start, length);
    if (readU32(whole, length) !== crc32c(whole, 0, length))
      throw damaged(file.path, place, 'the checksum of a series is wrong');
    const labelCount = bytes.uvarint();
    if (labelCount * 2 > length) throw damaged(file.path, place, `a series cannot have ${labelCount} labels`);
    for (let i = 0; i < labelCount * 2; i++) into.symbols.push(bytes.uvarint());
    if (withChunks) this.#readChunks(bytes, into, length);
  }

  /** Labels of a series that was read. */
  labelsOf(series: SeriesEntry): Labels {
    return Labels.fromSortedFlat(series.symbols.map((number) => this.symbols.get(number)));
  }

  close(): void {
    this.#lists.forget(this.#number);
    this.#file.close();
  }

  #readChunks(cursor: SeriesBytes, into: SeriesEntry, length: number): void {
    const count = cursor.uvarint();
    if (count * 3 > length) throw cursor.damaged(`a series cannot have ${count} chunks`);
    let maxMs = 0;
    let reference = 0;
    for (let i = 0; i < count; i++) {
      const minMs = i === 0 ? cursor.varint() : maxMs + cursor.uvarint();
      maxMs = minMs + cursor.uvarint();
      reference = i === 0 ? cursor.uvarint() : reference + cursor.varint();
      if (!Number.isSafeInteger(maxMs) || !(reference >= 0 && Number.isSafeInteger(reference)))
        throw cursor.damaged('a chunk has no place or time that can be');
      into.minMs.push(minMs);
      into.maxMs.push(maxMs);
      into.references.push(reference);
    }
  }

  #readToc(): { symbols: number; postingsTable: number } {
    const file = this.#file;
    const { path, sizeBytes } = file;
    if (sizeBytes < INDEX_HEADER_BYTES + TOC_BYTES) throw damaged(path, 0, 'it is too short for an index');
    if (file.u32(0) !== INDEX_MAGIC) throw damaged(path, 0, 'it is no index of a block');
    const version = file.read(4, 1)[0]!;
    if (version !== INDEX_VERSION) throw damaged(path, 4, `version ${version} of the index is not known`);
    const at = sizeBytes - TOC_BYTES;
    file.verify(at, TOC_BYTES - 4, 'the table of contents');
    const place = (index: number): number => {
      const found = file.u32(at + index * 8) * 2 ** 32 + file.u32(at + index * 8 + 4);
      if (found > sizeBytes) throw damaged(path, at, 'the table of contents leads out of the file');
      return found;
    };
    return { symbols: place(0), postingsTable: place(5) };
  }
}
