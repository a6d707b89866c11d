import { damaged } from './block-format.ts';
import { PAGE_BYTES } from './paged-file.ts';
import type { PagedFile } from './paged-file.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Reads the numbers and texts of a part of a file one after the other; running over the part's end is damage. */
export class FileCursor {
  readonly #file: PagedFile;
  #page: Uint8Array = new Uint8Array(0);
  /** The same bytes. */
  #pageText: Buffer = Buffer.alloc(0);
  #pageStart = 0;
  #at = 0;
  /** End of what may be read, within the page. */
  #stop = 0;
  #end = 0;

  constructor(file: PagedFile) {
    this.#file = file;
  }

  /** Where the next byte is. */
  get position(): number {
    return this.#pageStart + this.#at;
  }

  get isAtEnd(): boolean {
    return this.position >= this.#end;
  }

  /** Goes to a place; nothing from `end` on will be read. */
  seek(position: number, end: number): void {
    this.#end = Math.min(end, this.#file.sizeBytes);
    this.#load(position);
  }

  u8(): number {
    if (this.#at >= this.#stop) this.#load(this.position);
    if (this.#at >= this.#stop) throw this.damaged('it ends too early');
    return this.#page[this.#at++]!;
  }

  u32(): number {
    return ((this.u8() << 24) | (this.u8() << 16) | (this.u8() << 8) | this.u8()) >>> 0;
  }

  /** Whole numbers up to 2^53. */
  uvarint(): number {
    let byte = this.u8();
    if (byte < 128) return byte;
    let value = byte & 127;
    let factor = 128;
    for (let i = 1; i < 8; i++) {
      byte = this.u8();
      value += (byte & 127) * factor;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      factor *= 128;
    }
    throw this.damaged('a number is too large');
  }

  /** Zigzag. */
  varint(): number {
    const value = this.uvarint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  skip(count: number): void {
    if (count > this.#end - this.position) throw this.damaged('it ends too early');
    if (this.#at + count <= this.#stop) this.#at += count;
    else this.#load(this.position + count);
  }

  /** Bytes; not to be changed. */
  bytes(count: number): Uint8Array {
    const from = this.#at;
    if (from + count <= this.#stop) {
      this.#at += count;
      return this.#page.subarray(from, from + count);
    }
    if (count > this.#end - this.position) throw this.damaged('it ends too early');
    const bytes = this.#file.read(this.position, count);
    this.#load(this.position + count);
    return bytes;
  }

  /** A text after its length. */
  text(): string {
    const length = this.uvarint();
    const from = this.#at;
    // Almost all texts are ASCII, for which the decoder is slow.
    if (from + length <= this.#stop && this.#isAscii(from, from + length)) {
      this.#at += length;
      return this.#pageText.toString('latin1', from, from + length);
    }
    return decoder.decode(this.bytes(length));
  }

  damaged(what: string): Error {
    return damaged(this.#file.path, this.position, what);
  }

  #isAscii(from: number, to: number): boolean {
    for (let i = from; i < to; i++) if (this.#page[i]! > 127) return false;
    return true;
  }

  #load(position: number): void {
    const index = Math.floor(position / PAGE_BYTES);
    this.#pageStart = index * PAGE_BYTES;
    this.#at = position - this.#pageStart;
    if (position >= this.#end) {
      this.#stop = this.#at;
      return;
    }
    const page = this.#file.page(index);
    if (page !== this.#page) {
      this.#page = page;
      this.#pageText = Buffer.from(page.buffer, page.byteOffset, page.length);
    }
    this.#stop = Math.min(this.#page.length, this.#end - this.#pageStart);
  }
}
