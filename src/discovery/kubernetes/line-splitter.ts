import { TocsinError } from '../../core/errors.ts';

const NEWLINE = 10;

/**
 * Puts lines together from pieces that are cut anywhere, in the middle of a character too. A line may have `maxBytes`
 * bytes; a longer one throws a TocsinError (TOCSIN_ERR_PARSE) as soon as that is known, so no more than that is held.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #decoder = new TextDecoder();
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that `piece` ends, without their ends; empty ones are left out. The piece may be kept until its line ends. */
  *push(piece: Uint8Array): Generator<string> {
    let start = 0;
    for (;;) {
      const end = piece.indexOf(NEWLINE, start);
      if (end < 0) break;
      const line = this.#take(piece.subarray(start, end));
      if (line !== '') yield line;
      start = end + 1;
    }
    if (start < piece.length) this.#keep(piece.subarray(start));
  }

  #keep(bytes: Uint8Array): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#check(this.#pendingBytes);
  }

  #take(last: Uint8Array): string {
    this.#check(this.#pendingBytes + last.length);
    if (this.#pendingBytes === 0) return this.#decoder.decode(last).trim();
    const line = Buffer.concat([...this.#pending, last]);
    this.#pending = [];
    this.#pendingBytes = 0;
    return this.#decoder.decode(line).trim();
  }

  #check(bytes: number): void {
    if (bytes <= this.#maxBytes) return;
    throw new TocsinError('TOCSIN_ERR_PARSE', `a line of more than ${this.#maxBytes} bytes`);
  }
}
