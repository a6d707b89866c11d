import { compareText } from '../../../core/labels.ts';
import { SAMPLED_EVERY, damaged } from './block-format.ts';
import { FileCursor } from './file-cursor.ts';
import type { PagedFile } from './paged-file.ts';

/** What is known of the values of a name: every 32nd with its place. */
interface NameEntry {
  readonly values: string[];
  readonly places: number[];
  count: number;
}

/** Where the series of each name and value are listed; only every 32nd value of a name is in memory. */
export class PostingsTable {
  readonly #file: PagedFile;
  readonly #names = new Map<string, NameEntry>();
  readonly #end: number;

  /** Verifies the table; throws TOCSIN_ERR_STORAGE. */
  constructor(file: PagedFile, position: number) {
    this.#file = file;
    const length = file.u32(position);
    file.verify(position + 4, length, 'the table of postings');
    this.#end = position + 4 + length;
    const cursor = new FileCursor(file);
    cursor.seek(position + 4, this.#end);
    const count = cursor.u32();
    let last: Uint8Array | undefined;
    let entry: NameEntry = { values: [], places: [], count: 0 };
    for (let i = 0; i < count; i++) {
      const place = cursor.position;
      if (cursor.uvarint() !== 2) throw cursor.damaged('an entry is not a name and a value');
      const name = cursor.bytes(cursor.uvarint());
      if (last === undefined || !sameBytes(name, last)) {
        last = name.slice();
        const text = decodeText(last);
        if (this.#names.has(text)) throw damaged(file.path, place, 'names are not in order');
        entry = { values: [], places: [], count: 0 };
        this.#names.set(text, entry);
      }
      if (entry.count % SAMPLED_EVERY === 0) {
        entry.places.push(place);
        entry.values.push(cursor.text());
      } else cursor.skip(cursor.uvarint());
      entry.count++;
      cursor.uvarint();
    }
  }

  /** Names, rising. */
  names(): string[] {
    return [...this.#names.keys()].filter((name) => name !== '');
  }

  /** How many values a name has. */
  valueCount(name: string): number {
    return this.#names.get(name)?.count ?? 0;
  }

  /** Place of the list of the series that have this label; undefined when none has. */
  find(name: string, value: string): number | undefined {
    const walk = this.values(name, value);
    return walk.next() && walk.value === value ? walk.place : undefined;
  }

  /** Walks the values of a name in order, from the first that is not before `from`. */
  values(name: string, from = ''): ValueWalk {
    return new ValueWalk(this.#file, this.#end, this.#names.get(name), from);
  }
}

/** Walks values of a name. */
export class ValueWalk {
  /** The present value. */
  value = '';
  /** Place of the list of its series. */
  place = 0;
  readonly #cursor: FileCursor;
  #left: number;
  readonly #from: string;

  constructor(file: PagedFile, end: number, entry: NameEntry | undefined, from: string) {
    this.#cursor = new FileCursor(file);
    this.#from = from;
    this.#left = entry?.count ?? 0;
    if (entry === undefined) return;
    let low = 0;
    let high = entry.values.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (compareText(entry.values[middle]!, from) <= 0) low = middle;
      else high = middle - 1;
    }
    this.#left -= low * SAMPLED_EVERY;
    this.#cursor.seek(entry.places[low]!, end);
  }

  next(): boolean {
    const cursor = this.#cursor;
    while (this.#left > 0) {
      this.#left--;
      cursor.uvarint();
      cursor.skip(cursor.uvarint());
      this.value = cursor.text();
      this.place = cursor.uvarint();
      if (compareText(this.value, this.#from) >= 0) return true;
    }
    return false;
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
