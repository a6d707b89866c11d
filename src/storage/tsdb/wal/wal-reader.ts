import type { FileHandle, FileSystem } from '../../../core/ports.ts';
import { TocsinError, errorText } from '../../../core/errors.ts';
import { crc32c } from '../crc32c.ts';
import { RecordDecompressor } from './record-compression.ts';
import { Compression, FRAGMENT_HEAD, Fragment, PAGE_BYTES } from './wal-format.ts';

/** Pages that are read from the disk at a time. */
const PAGES_PER_READ = 32;
/** After that many pages in a row that the disk does not give, the rest of a file is given up. */
const MAX_BAD_PAGES = 32;
/** How many bytes are summed at most in the search for the next good fragment of a page: far more than it needs. */
const SEARCH_BYTES = 256 * PAGE_BYTES;

/** A stretch of a segment that is not made of good records. */
export interface WalDamage {
  /** Where the bad record begins. */
  readonly fromByte: number;
  /** Where reading went on; the file's length when it did not. */
  readonly toByte: number;
  readonly reason: string;
  /** The file just ends within its last record, or in zeros: a write was under way when the process died, or the power went. */
  readonly isTornTail: boolean;
  /** The disk did not give all of it, and may do so another time. */
  readonly isUnreadable: boolean;
}

/** What a segment was found to hold besides its records. */
export interface SegmentReport {
  readonly sizeBytes: number;
  readonly records: number;
  readonly damage: readonly WalDamage[];
}

/** What is done with the records of a segment, decompressed, in order. The bytes are good until it returns. */
export type RecordHandler = (record: Uint8Array) => void;

/**
 * Reads the records of a segment. Bad stretches, and what the disk does not give, are reported and skipped: reading goes on at the
 * next good record. `pause` is awaited between pages; rejects only when it does.
 */
export async function readSegment(
  files: FileSystem,
  path: string,
  onRecord: RecordHandler,
  pause: () => Promise<void>,
): Promise<SegmentReport> {
  const scanner = new SegmentScanner(onRecord);
  let handle: FileHandle;
  try {
    handle = await files.open(path, 'read');
  } catch (error) {
    return scanner.giveUp(await sizeOf(files, path), reasonOf(error));
  }
  try {
    const buffer = new Uint8Array(PAGES_PER_READ * PAGE_BYTES);
    /** Up to where pages are read one by one, because one of them is bad. */
    let carefulTo = 0;
    let badPages = 0;
    for (let position = 0; ;) {
      const wanted = position < carefulTo ? PAGE_BYTES : buffer.length;
      let length: number;
      try {
        length = await fill(handle, buffer, wanted, position);
      } catch (error) {
        const reason = reasonOf(error);
        await pause();
        if (wanted > PAGE_BYTES) carefulTo = position + wanted;
        else {
          const left = (await sizeOf(files, path)) - position;
          if (left <= PAGE_BYTES || ++badPages === MAX_BAD_PAGES) return scanner.giveUp(left, reason);
          scanner.skip(PAGE_BYTES, reason);
          position += PAGE_BYTES;
        }
        continue;
      }
      badPages = 0;
      for (let page = 0; page < length; page += PAGE_BYTES) {
        scanner.page(buffer.subarray(page, Math.min(page + PAGE_BYTES, length)));
        await pause();
      }
      position += length;
      if (length < wanted) return scanner.finish();
    }
  } finally {
    // What was read is read.
    await handle.close().catch(() => undefined);
  }
}

/** Reads as much as there is, up to `wanted`. */
async function fill(
  handle: FileHandle,
  buffer: Uint8Array,
  wanted: number,
  position: number,
): Promise<number> {
  let length = 0;
  while (length < wanted) {
    const read = await handle.read(buffer, length, wanted - length, position + length);
    if (read === 0) break;
    length += read;
  }
  return length;
}

/** Bytes of a file, 0 when that cannot be told. */
async function sizeOf(files: FileSystem, path: string): Promise<number> {
  try {
    return (await files.stat(path))?.sizeBytes ?? 0;
  } catch (error) {
    reasonOf(error);
    return 0;
  }
}

/** What a failure of the disk says; bugs are thrown on. */
function reasonOf(error: unknown): string {
  if (!(error instanceof TocsinError)) throw error;
  return `it could not be read: ${errorText(error)}`;
}

/** Takes a segment page by page and gives its records. Only the last page may be short. */
export class SegmentScanner {
  readonly #onRecord: RecordHandler;
  readonly #damage: WalDamage[] = [];
  readonly #decompressor = new RecordDecompressor();
  #position = 0;
  #records = 0;
  #parts: Uint8Array[] = [];
  /** Where the record that is being put together begins, -1 when there is none. */
  #recordStart = -1;
  #compression = 0;
  /** A bad stretch that has not ended. */
  #bad: { fromByte: number; reason: string; isTornTail: boolean; isUnreadable: boolean } | undefined;
  /** Where the zeros begin with which the page before ended, -1 when it was full: only the last one of a segment is padded. */
  #paddedFrom = -1;

  constructor(onRecord: RecordHandler) {
    this.#onRecord = onRecord;
  }

  page(page: Uint8Array): void {
    const start = this.#position;
    this.#position += page.length;
    this.#endPadding();
    const isLast = page.length < PAGE_BYTES;
    for (let at = 0; at < page.length;) {
      const type = page[at]! & 7;
      if (page[at] === Fragment.pageEnd) {
        if (isZero(page, at)) {
          if (page.length - at > FRAGMENT_HEAD) this.#paddedFrom = start + at;
          // Nobody begins a page, or leaves one unfinished, with padding.
          if (at === 0 || isLast) this.#endPadding();
          return;
        }
        this.#spoil(start + at, HOLE, false);
        at = nextFragment(page, at + 1);
        continue;
      }
      const dataAt = at + FRAGMENT_HEAD;
      const length = dataAt > page.length ? 0 : (page[at + 1]! << 8) | page[at + 2]!;
      if (dataAt + length > page.length) {
        const next = nextFragment(page, at + 1);
        // Only the end of the file can cut a fragment off, and then nothing follows; otherwise its length must be wrong.
        const isTorn = isLast && next === page.length;
        const reason = isTorn ? 'the file ends within a record' : 'a fragment does not fit its page';
        this.#spoil(start + at, reason, isTorn);
        at = next;
        continue;
      }
      if (crc32c(page, dataAt, dataAt + length) !== readWord(page, at + 3)) {
        this.#spoil(start + at, 'a checksum is wrong', false);
        at = nextFragment(page, at + 1);
        continue;
      }
      const compression = page[at]! & (Compression.snappy | Compression.zstd);
      this.#fragment(type, compression, page.subarray(dataAt, dataAt + length), start + at);
      at = dataAt + length;
    }
  }

  /** Passes over what could not be read: whole pages. */
  skip(bytes: number, reason: string): void {
    this.#endPadding();
    this.#spoil(this.#position, reason, false, true);
    this.#position += bytes;
  }

  /** Ends the segment where `bytes` more could not be read. */
  giveUp(bytes: number, reason: string): SegmentReport {
    this.skip(Math.max(bytes, 0), reason);
    return this.finish();
  }

  finish(): SegmentReport {
    if (this.#recordStart >= 0) this.#spoil(this.#recordStart, 'the file ends within a record', true);
    this.#endBad(this.#position, true);
    return { sizeBytes: this.#position, records: this.#records, damage: this.#damage };
  }

  /** The zeros before were no padding, since more follows: something was there that is gone. */
  #endPadding(): void {
    if (this.#paddedFrom < 0) return;
    this.#spoil(this.#paddedFrom, HOLE, true);
    this.#paddedFrom = -1;
  }

  #fragment(type: number, compression: number, data: Uint8Array, start: number): void {
    if (type === Fragment.pageEnd || type > Fragment.last) {
      this.#spoil(start, 'a fragment of unknown type', false);
      return;
    }
    const isBeginning = type === Fragment.full || type === Fragment.first;
    if (!isBeginning && this.#recordStart < 0) {
      // The rest of a record whose beginning was lost; usually the stretch is already known to be bad.
      this.#spoil(start, 'a record has no beginning', false);
      return;
    }
    if (isBeginning && this.#recordStart >= 0) this.#spoil(this.#recordStart, 'a record has no end', false);
    if (isBeginning) {
      this.#endBad(start, false);
      this.#recordStart = start;
      this.#compression = compression;
    }
    if (type === Fragment.full) {
      this.#emit(data);
      return;
    }
    this.#parts.push(data.slice());
    if (type === Fragment.last) this.#emit(concat(this.#parts));
  }

  #emit(record: Uint8Array): void {
    let plain: Uint8Array;
    try {
      plain = this.#decompressor.plain(record, this.#compression);
    } catch (error) {
      // The checksum is right, so it was written like this; nobody can read it.
      this.#spoil(this.#recordStart, errorText(error), false);
      return;
    }
    this.#records++;
    this.#recordStart = -1;
    this.#parts = [];
    this.#onRecord(plain);
  }

  #spoil(at: number, reason: string, isTornTail: boolean, isUnreadable = false): void {
    const fromByte = this.#recordStart >= 0 ? this.#recordStart : at;
    this.#recordStart = -1;
    this.#parts = [];
    this.#bad ??= { fromByte, reason, isTornTail, isUnreadable };
    this.#bad.isTornTail &&= isTornTail;
    this.#bad.isUnreadable ||= isUnreadable;
  }

  #endBad(toByte: number, isEnd: boolean): void {
    if (this.#bad === undefined) return;
    this.#damage.push({ ...this.#bad, isTornTail: this.#bad.isTornTail && isEnd, toByte });
    this.#bad = undefined;
  }
}

/** Why something is missing where only zeros are. */
export const HOLE = 'there are zeros where records were';

/** Where the next good fragment of a page begins, its length when there is none. */
export function nextFragment(page: Uint8Array, from: number): number {
  let budget = SEARCH_BYTES;
  for (let at = from; at + FRAGMENT_HEAD < page.length && budget > 0; at++) {
    const byte = page[at]!;
    const type = byte & 7;
    if (type === Fragment.pageEnd || type > Fragment.last || byte > (type | Compression.zstd)) continue;
    const dataAt = at + FRAGMENT_HEAD;
    const length = (page[at + 1]! << 8) | page[at + 2]!;
    // The sum of nothing is 0, which is anywhere.
    if (length === 0 || dataAt + length > page.length) continue;
    budget -= length;
    if (crc32c(page, dataAt, dataAt + length) === readWord(page, at + 3)) return at;
  }
  return page.length;
}

/** A word of a fragment's head. */
export function readWord(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Whether all bytes from `from` on are zero. */
export function isZero(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
