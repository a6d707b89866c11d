import { Labels } from '../../../core/labels.ts';
import type { FileSystem } from '../../../core/ports.ts';
import { crc32c } from '../crc32c.ts';
import {
  INDEX_HEADER_BYTES,
  INDEX_MAGIC,
  INDEX_VERSION,
  SERIES_ALIGN,
  TOC_BYTES,
  damaged,
} from './block-format.ts';
import { FileCursor } from './file-cursor.ts';
import { PagedFile } from './paged-file.ts';
import type { PageCache } from './paged-file.ts';
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

/** Most bytes that the length of a series takes. */
const MAX_LENGTH_BYTES = 5;

/** Reads a block's `index`, version 2. Everything throws TOCSIN_ERR_STORAGE on damage. */
export class IndexReader {
  readonly symbols: SymbolTable;
  readonly postings: PostingsTable;
  readonly #file: PagedFile;
  readonly #cursor: FileCursor;

  constructor(files: FileSystem, path: string, cache: PageCache) {
    const file = new PagedFile(files, path, cache);
    this.#file = file;
    try {
      this.#cursor = new FileCursor(file);
      const toc = this.#readToc();
      this.symbols = new SymbolTable(file, toc.symbols);
      this.postings = new PostingsTable(file, toc.postingsTable);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  /** Refs in a list of series, rising. */
  readPostings(place: number): Uint32Array {
    const file = this.#file;
    const length = file.u32(place);
    const bytes = file.read(place + 4, length + 4);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint32(length) !== crc32c(bytes, 0, length))
      throw damaged(file.path, place, 'the checksum of a list of series is wrong');
    const count = length >= 4 ? view.getUint32(0) : 0;
    if (length !== 4 + count * 4) throw damaged(file.path, place, 'a list of series has a wrong length');
    const refs = new Uint32Array(count);
    for (let i = 0; i < count; i++) refs[i] = view.getUint32(4 + i * 4);
    return refs;
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
    const cursor = this.#cursor;
    const place = ref * SERIES_ALIGN;
    cursor.seek(place, Math.min(file.sizeBytes, place + MAX_LENGTH_BYTES));
    const length = cursor.uvarint();
    const start = cursor.position;
    const end = start + length;
    const bytes = file.read(start, length + 4);
    const sum = new DataView(bytes.buffer, bytes.byteOffset + length, 4).getUint32(0);
    if (sum !== crc32c(bytes, 0, length))
      throw damaged(file.path, place, 'the checksum of a series is wrong');
    cursor.seek(start, end);
    const labelCount = cursor.uvarint();
    if (labelCount * 2 > length) throw damaged(file.path, place, `a series cannot have ${labelCount} labels`);
    for (let i = 0; i < labelCount * 2; i++) into.symbols.push(cursor.uvarint());
    if (withChunks) this.#readChunks(cursor, into, length);
  }

  /** Labels of a series that was read. */
  labelsOf(series: SeriesEntry): Labels {
    return Labels.fromSortedFlat(series.symbols.map((number) => this.symbols.get(number)));
  }

  close(): void {
    this.#file.close();
  }

  #readChunks(cursor: FileCursor, into: SeriesEntry, length: number): void {
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
