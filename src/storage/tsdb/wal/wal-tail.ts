import { join } from 'node:path';
import { TocsinError, errorText } from '../../../core/errors.ts';
import type { FileHandle, FileSystem } from '../../../core/ports.ts';
import { crc32c } from '../crc32c.ts';
import { RecordDecompressor } from './record-compression.ts';
import { listWal } from './wal-folder.ts';
import { Compression, FRAGMENT_HEAD, Fragment, PAGE_BYTES, segmentName } from './wal-format.ts';
import type { WalPosition, WalProgress } from './wal-position.ts';
import { HOLE, isZero, nextFragment, readWord } from './wal-reader.ts';

/** What is read from the disk at a time, from the place on where the last record ended. */
const WINDOW_BYTES = 8 * PAGE_BYTES;

/** Something that a tail could not give. */
export interface WalTailLoss {
  readonly from: WalPosition;
  readonly to: WalPosition;
  readonly reason: string;
}

/**
 * Reads the log behind its writer, record by record, from a place on that an earlier tail told. One task at a time. Damage and segments
 * that are gone are told to `onLoss` and passed over.
 */
export class WalTail {
  readonly #files: FileSystem;
  readonly #folder: string;
  readonly #log: WalProgress;
  readonly #onLoss: (loss: WalTailLoss) => void;
  readonly #decompressor = new RecordDecompressor();
  #handle: FileHandle | undefined;
  #segment: number;
  /** Where the last record ended. */
  #done: number;
  /** Where the next fragment begins. */
  #at: number;
  #window = new Uint8Array(WINDOW_BYTES);
  #windowAt = 0;
  #windowLength = 0;
  #parts: Uint8Array[] = [];
  #compression = 0;
  /** The page before ended with zeros: only the last one of a segment is padded. */
  #isPadded = false;
  /** Where a stretch without a good record began. */
  #bad: { from: WalPosition; reason: string } | undefined;

  /** `from` is 0 or where a record ended; segments before it are not looked at. */
  constructor(options: {
    readonly files: FileSystem;
    readonly folder: string;
    readonly from: WalPosition;
    readonly log: WalProgress;
    readonly onLoss: (loss: WalTailLoss) => void;
  }) {
    this.#files = options.files;
    this.#folder = options.folder;
    this.#log = options.log;
    this.#onLoss = options.onLoss;
    this.#segment = options.from.segment;
    this.#done = this.#at = options.from.offset;
  }

  /** Where the record that {@link next} gave last ends; a tail that begins there gives what follows. */
  get position(): WalPosition {
    return { segment: this.#segment, offset: this.#done };
  }

  /**
   * The next record, decompressed; its bytes are good until the next call. Undefined when there is none yet: then ask again
   * after {@link WalProgress.onProgress}. Rejects with TOCSIN_ERR_STORAGE when a segment cannot be read; may be called again.
   */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { segment, offset } = this.#log.position;
      if (this.#segment > segment) return undefined;
      if (this.#segment === segment && this.#done >= offset && this.#bad === undefined) return undefined;
      this.#handle ??= await this.#open(segment);
      if (this.#handle === undefined) return undefined;
      // A segment before the one that is written does not change any more.
      const limit = this.#segment < segment ? Infinity : offset;
      const record = await this.#read(this.#handle, limit);
      if (record !== undefined) return record;
      if (limit !== Infinity) return undefined;
      await this.#nextSegment();
    }
  }

  /**
   * Goes on behind the page that {@link next} could not read, or behind the segment that it could not open; that is a loss, told when
   * the next good record comes.
   */
  passOver(reason: string): void {
    this.#spoil(reason);
    if (this.#handle === undefined) this.#begin(this.#segment + 1);
    else this.#at += PAGE_BYTES - (this.#at % PAGE_BYTES);
  }

  /** Closes the file it reads. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  /** Opens the present segment, or the next one that is there; undefined when that is none up to `last`. */
  async #open(last: number): Promise<FileHandle | undefined> {
    const { segments } = await listWal(this.#files, this.#folder);
    const found = segments.find((index) => index >= this.#segment);
    if (found === undefined || found > last) return undefined;
    if (found > this.#segment) {
      const to = { segment: found, offset: 0 };
      this.#onLoss({ from: this.position, to, reason: 'the segments between were removed' });
      this.#begin(found);
    }
    this.#windowLength = 0;
    return this.#files.open(join(this.#folder, segmentName(found)), 'read');
  }

  async #nextSegment(): Promise<void> {
    if (this.#parts.length > 0) this.#spoil('the segment ends within a record');
    await this.close();
    const { segments } = await listWal(this.#files, this.#folder);
    const found = segments.find((index) => index > this.#segment) ?? this.#segment + 1;
    if (found > this.#segment + 1) {
      this.#spoil('the segments between were removed');
    }
    const bad = this.#bad;
    this.#begin(found);
    if (bad !== undefined) this.#onLoss({ ...bad, to: this.position });
    this.#bad = undefined;
  }

  #begin(segment: number): void {
    this.#segment = segment;
    this.#done = this.#at = 0;
    this.#parts = [];
    this.#isPadded = false;
  }

  /** Reads fragments until there is a record; undefined at `limit` or where the file ends. */
  async #read(handle: FileHandle, limit: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const pageEnd = this.#at - (this.#at % PAGE_BYTES) + PAGE_BYTES;
      if (pageEnd - this.#at < FRAGMENT_HEAD) this.#at = pageEnd;
      if (!(await this.#fill(handle, FRAGMENT_HEAD, limit))) {
        // Padding up to the end of a page may be cut off by the limit or the end of the file.
        return undefined;
      }
      const head = this.#at - this.#windowAt;
      const byte = this.#window[head]!;
      if (this.#isPadded) this.#spoil(HOLE);
      this.#isPadded = false;
      if (byte === Fragment.pageEnd) {
        await this.#passZeros(handle, pageEnd, limit);
        continue;
      }
      const length = (this.#window[head + 1]! << 8) | this.#window[head + 2]!;
      const end = this.#at + FRAGMENT_HEAD + length;
      if (end > pageEnd) {
        this.#spoil('a fragment does not fit its page');
        await this.#search(handle, pageEnd, limit);
        continue;
      }
      if (!(await this.#fill(handle, FRAGMENT_HEAD + length, limit))) {
        if (limit === Infinity) this.#spoil('the segment ends within a record');
        return undefined;
      }
      const from = this.#at - this.#windowAt + FRAGMENT_HEAD;
      if (crc32c(this.#window, from, from + length) !== readWord(this.#window, from - 4)) {
        this.#spoil('a checksum is wrong');
        await this.#search(handle, pageEnd, limit);
        continue;
      }
      const record = this.#fragment(from, byte, length);
      this.#at = end;
      if (record === undefined) continue;
      this.#done = end;
      return record;
    }
  }

  /** What there is of the present page from the present place on. */
  async #restOfPage(handle: FileHandle, pageEnd: number, limit: number): Promise<Uint8Array> {
    await this.#fill(handle, Math.min(pageEnd, limit) - this.#at, limit);
    const from = this.#at - this.#windowAt;
    return this.#window.subarray(from, Math.min(from + pageEnd - this.#at, this.#windowLength));
  }

  /** Goes to the end of the page when that is all zeros, else on to the next good fragment: something is gone then. */
  async #passZeros(handle: FileHandle, pageEnd: number, limit: number): Promise<void> {
    const rest = await this.#restOfPage(handle, pageEnd, limit);
    if (!isZero(rest, 0)) {
      this.#spoil(HOLE);
      await this.#search(handle, pageEnd, limit);
      return;
    }
    // Nobody begins a page with padding.
    if (rest.length === PAGE_BYTES) this.#spoil(HOLE);
    else this.#isPadded = rest.length > FRAGMENT_HEAD;
    this.#at = pageEnd;
  }

  /** Goes on to the page's next good fragment. */
  async #search(handle: FileHandle, pageEnd: number, limit: number): Promise<void> {
    const rest = await this.#restOfPage(handle, pageEnd, limit);
    const next = nextFragment(rest, 1);
    this.#at = next < rest.length ? this.#at + next : pageEnd;
  }

  /** Takes a fragment whose bytes are in the window from `from` on; gives the record that it ends. */
  #fragment(from: number, byte: number, length: number): Uint8Array | undefined {
    const window = this.#window;
    const type = byte & 7;
    const compression = byte & (Compression.snappy | Compression.zstd);
    if (type > Fragment.last) return this.#spoil('a fragment of unknown type');
    const isBeginning = type === Fragment.full || type === Fragment.first;
    if (!isBeginning && this.#parts.length === 0) return this.#spoil('a record has no beginning');
    if (isBeginning) {
      if (this.#parts.length > 0) this.#spoil('a record has no end');
      this.#endBad();
      this.#compression = compression;
    }
    const data = window.subarray(from, from + length);
    if (type === Fragment.full) return this.#plain(data);
    this.#parts.push(data.slice());
    if (type !== Fragment.last) return undefined;
    const whole = new Uint8Array(Buffer.concat(this.#parts));
    this.#parts = [];
    return this.#plain(whole);
  }

  #plain(record: Uint8Array): Uint8Array | undefined {
    try {
      return this.#decompressor.plain(record, this.#compression);
    } catch (error) {
      return this.#spoil(errorText(error));
    }
  }

  #spoil(reason: string): undefined {
    this.#parts = [];
    this.#bad ??= { from: this.position, reason };
  }

  #endBad(): void {
    if (this.#bad === undefined) return;
    const bad = this.#bad;
    this.#bad = undefined;
    this.#onLoss({ ...bad, to: { segment: this.#segment, offset: this.#at } });
  }

  /** Brings `length` bytes from the present place on into the window; false when they are not there (yet). */
  async #fill(handle: FileHandle, length: number, limit: number): Promise<boolean> {
    if (this.#at + length > limit) return false;
    const windowEnd = this.#windowAt + this.#windowLength;
    if (this.#at >= this.#windowAt && this.#at + length <= windowEnd) return true;
    this.#windowAt = this.#at;
    const most = Math.min(this.#window.length, limit - this.#at);
    const page = Math.min(PAGE_BYTES - (this.#at % PAGE_BYTES), most);
    try {
      await this.#readWindow(handle, most);
    } catch (error) {
      // A bad page further on must not take this one with it.
      if (!(error instanceof TocsinError) || page === most) throw error;
      await this.#readWindow(handle, page);
    }
    return this.#windowLength >= length;
  }

  async #readWindow(handle: FileHandle, wanted: number): Promise<void> {
    this.#windowLength = 0;
    while (this.#windowLength < wanted) {
      const read = await handle.read(
        this.#window,
        this.#windowLength,
        wanted - this.#windowLength,
        this.#windowAt + this.#windowLength,
      );
      if (read === 0) break;
      this.#windowLength += read;
    }
  }
}
