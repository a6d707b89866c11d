import { LabelDictionary } from './label-dictionary.ts';
import { RecordCursor } from './record-cursor.ts';

/** What a record of series says, with labels as numbers: most of them were in records before. */
export interface NamedSeries {
  /** For each series the low and high word of its number in the log, how many labels it has, and their numbers. */
  readonly words: Uint32Array;
  /** Names and values of the numbers that are new, in their order, as the record has them. */
  readonly texts: Uint8Array;
  /** Numbers begin anew, with 1. */
  readonly isFresh: boolean;
}

/** Makes {@link NamedSeries} of records. */
export class SeriesNamer {
  #dictionary = new LabelDictionary();
  #words = new Uint32Array(1 << 12);

  /**
   * What a record says; undefined when it is malformed, or some series of it does not have its labels as they are kept: in order of
   * their names, none twice, none without a value.
   */
  name(bytes: Uint8Array): NamedSeries | undefined {
    if (!isUsual(bytes)) return undefined;
    if (this.#dictionary.isFull) this.#dictionary = new LabelDictionary();
    const dictionary = this.#dictionary;
    const known = dictionary.count;
    const cursor = new RecordCursor(bytes);
    let used = 0;
    while (cursor.left > 0) {
      const walId = cursor.uint64();
      const count = cursor.size(2);
      if (used + 3 + count > this.#words.length) {
        const larger = new Uint32Array((used + 3 + count) * 2);
        larger.set(this.#words);
        this.#words = larger;
      }
      const words = this.#words;
      words[used] = walId;
      words[used + 1] = walId / 0x1_0000_0000;
      words[used + 2] = count;
      used += 3;
      for (let i = 0; i < count; i++) {
        const from = cursor.at;
        cursor.skipText();
        cursor.skipText();
        words[used++] = dictionary.idOf(bytes, from, cursor.at);
      }
    }
    return { words: this.#words.slice(0, used), texts: dictionary.since(known), isFresh: known === 0 };
  }
}

/** Whether a record ends where it should, and has all labels in their order. */
function isUsual(bytes: Uint8Array): boolean {
  const cursor = new RecordCursor(bytes);
  try {
    while (cursor.left > 0) {
      if (cursor.uint64() < 0) return false;
      const count = cursor.size(2);
      let lastFrom = 0;
      let lastTo = 0;
      for (let i = 0; i < count; i++) {
        const length = cursor.size(1);
        const from = cursor.at;
        const to = from + length;
        if (!isAscii(bytes, from, to) || !isLess(bytes, lastFrom, lastTo, from, to)) return false;
        cursor.at = to;
        const before = cursor.at;
        cursor.skipText();
        // An empty value is its length alone.
        if (cursor.at - before === 1) return false;
        lastFrom = from;
        lastTo = to;
      }
    }
    return true;
  } catch {
    return false;
  }
}

/** The order of other names may be another one once they are texts. */
function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i]! > 0x7f) return false;
  return true;
}

/** Whether bytes come before others, which an empty stretch does before all that are not empty. */
function isLess(bytes: Uint8Array, aFrom: number, aTo: number, bFrom: number, bTo: number): boolean {
  const length = Math.min(aTo - aFrom, bTo - bFrom);
  for (let i = 0; i < length; i++) {
    const difference = bytes[aFrom + i]! - bytes[bFrom + i]!;
    if (difference !== 0) return difference < 0;
  }
  return aTo - aFrom < bTo - bFrom;
}
