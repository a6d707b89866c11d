import { SAMPLED_EVERY, damaged } from './block-format.ts';
import { FileCursor } from './file-cursor.ts';
import type { PagedFile } from './paged-file.ts';

/** Texts that are kept decoded: twice this at most. */
const KEPT = 8192;

/** The texts of an index by number; only every 32nd one's place is in memory. */
export class SymbolTable {
  readonly count: number;
  readonly #file: PagedFile;
  readonly #cursor: FileCursor;
  readonly #places: Float64Array;
  readonly #start: number;
  readonly #end: number;
  #recent = new Map<number, string>();
  #older = new Map<number, string>();

  /** Verifies the table; throws TOCSIN_ERR_STORAGE. */
  constructor(file: PagedFile, position: number) {
    this.#file = file;
    const length = file.u32(position);
    file.verify(position + 4, length, 'the symbols');
    this.#end = position + 4 + length;
    this.#start = position + 8;
    const cursor = new FileCursor(file);
    this.#cursor = cursor;
    cursor.seek(position + 4, this.#end);
    this.count = cursor.u32();
    if (this.count > length) throw damaged(file.path, position, `there cannot be ${this.count} symbols`);
    this.#places = new Float64Array(Math.ceil(this.count / SAMPLED_EVERY));
    for (let i = 0; i < this.count; i++) {
      if (i % SAMPLED_EVERY === 0) this.#places[i / SAMPLED_EVERY] = cursor.position;
      cursor.skip(cursor.uvarint());
    }
  }

  /** Text by number. */
  get(number: number): string {
    let text = this.#recent.get(number);
    if (text !== undefined) return text;
    text = this.#older.get(number) ?? this.#read(number);
    if (this.#recent.size >= KEPT) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(number, text);
    return text;
  }

  /** All of them, rising by bytes. */
  *all(): Generator<string> {
    const cursor = new FileCursor(this.#file);
    cursor.seek(this.#start, this.#end);
    for (let i = 0; i < this.count; i++) yield cursor.text();
  }

  #read(number: number): string {
    if (number >= this.count) throw damaged(this.#file.path, this.#start, `it has no symbol ${number}`);
    const cursor = this.#cursor;
    cursor.seek(this.#places[Math.floor(number / SAMPLED_EVERY)]!, this.#end);
    for (let i = number % SAMPLED_EVERY; i > 0; i--) cursor.skip(cursor.uvarint());
    return cursor.text();
  }
}
