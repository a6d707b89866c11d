import type { FileSystem } from '../../../core/ports.ts';
import { errorText } from '../../../core/errors.ts';
import { crc32c } from '../crc32c.ts';
import { RecordDecompressor } from './record-compression.ts';
import { Compression, FRAGMENT_HEAD, Fragment, PAGE_BYTES } from './wal-format.ts';

/** Pages that are read from the disk at a time. */
const PAGES_PER_READ = 32;

/** A stretch of a segment that is not made of good records. */
export interface WalDamage {
  /** Where the bad record begins. */
  readonly fromByte: number;
  /** Where reading went on; the file's length when it did not. */
  readonly toByte: number;
  readonly reason: string;
  /** The file just ends within its last record: a write was under way when the process died. */
  readonly isTornTail: boolean;
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
 * Reads the records of a segment. Bad stretches are reported and skipped: reading goes on at the next good record. `pause` is
 * awaited between pages. Rejects only when the file cannot be read.
 */
export async function readSegment(
  files: FileSystem,
  path: string,
  onRecord: RecordHandler,
  pause: () => Promise<void>,
): Promise<SegmentReport> {
  const handle = await files.open(path, 'read');
  try {
    const scanner = new SegmentScanner(onRecord);
    const buffer = new Uint8Array(PAGES_PER_READ * PAGE_BYTES);
    for (let position = 0; ;) {
      let length = 0;
      while (length < buffer.length) {
        const read = await handle.read(buffer, length, buffer.length - length, position + length);
        if (read === 0) break;
        length += read;
      }
      const isEnd = length < buffer.length;
      for (let page = 0; page < length; page += PAGE_BYTES) {
        scanner.page(buffer.subarray(page, Math.min(page + PAGE_BYTES, length)));
        await pause();
      }
      position += length;
      if (isEnd) return scanner.finish();
    }
  } finally {
    await handle.close();
  }
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
  #bad: { fromByte: number; reason: string; isTornTail: boolean } | undefined;

  constructor(onRecord: RecordHandler) {
    this.#onRecord = onRecord;
  }

  page(page: Uint8Array): void {
    const start = this.#position;
    this.#position += page.length;
    const isLast = page.length < PAGE_BYTES;
    for (let at = 0; at < page.length;) {
      const type = page[at]! & 7;
      if (page[at] === Fragment.pageEnd) {
        if (!isZero(page, at)) this.#spoil(start + at, 'bytes after the end of a page', false);
        return;
      }
      const dataAt = at + FRAGMENT_HEAD;
      const length = dataAt > page.length ? 0 : (page[at + 1]! << 8) | page[at + 2]!;
      if (dataAt + length > page.length) {
        // Only the end of the file can cut a fragment off; within a page its length must be wrong.
        const reason = isLast ? 'the file ends within a record' : 'a fragment does not fit its page';
        this.#spoil(start + at, reason, isLast);
        return;
      }
      if (crc32c(page, dataAt, dataAt + length) !== readWord(page, at + 3)) {
        // Most likely only the data are bad and the next fragment is where this one's head says.
        this.#spoil(start + at, 'a checksum is wrong', false);
        at = dataAt + length;
        continue;
      }
      const compression = page[at]! & (Compression.snappy | Compression.zstd);
      this.#fragment(type, compression, page.subarray(dataAt, dataAt + length), start + at);
      at = dataAt + length;
    }
  }

  finish(): SegmentReport {
    if (this.#recordStart >= 0) this.#spoil(this.#recordStart, 'the file ends within a record', true);
    this.#endBad(this.#position);
    return { sizeBytes: this.#position, records: this.#records, damage: this.#damage };
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
      this.#endBad(start);
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

  #spoil(at: number, reason: string, isTornTail: boolean): void {
    const fromByte = this.#recordStart >= 0 ? this.#recordStart : at;
    this.#recordStart = -1;
    this.#parts = [];
    this.#bad ??= { fromByte, reason, isTornTail };
  }

  #endBad(toByte: number): void {
    if (this.#bad === undefined) return;
    this.#damage.push({ ...this.#bad, toByte });
    this.#bad = undefined;
  }
}

function readWord(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function isZero(bytes: Uint8Array, from: number): boolean {
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
