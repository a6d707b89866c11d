import { TocsinError } from '../../../core/errors.ts';
import { crc32c } from '../../tsdb/crc32c.ts';

/** Longest head of a frame: its length, and its sum. */
const MAX_HEAD_BYTES = 14;
const LEAST_ROOM = 64 * 1024;

/**
 * The head of a frame of a streamed answer: the length of what follows as a uvarint, and its CRC-32C.
 *
 * @see prometheus storage/remote/chunked.go
 */
export function frameHead(bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array(MAX_HEAD_BYTES);
  let at = 0;
  let rest = bytes.length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) head[at++] = (rest % 128) | 128;
  head[at++] = rest;
  new DataView(head.buffer).setUint32(at, crc32c(bytes));
  return head.subarray(0, at + 4);
}

/** Takes a streamed answer apart into its frames, as the bytes of it come. */
export class FrameReader {
  readonly #maxFrameBytes: number;
  #buffer = new Uint8Array(LEAST_ROOM);
  #from = 0;
  #to = 0;

  /** Longer frames are refused. */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Adds bytes, which may be changed afterwards. */
  push(bytes: Uint8Array): void {
    const kept = this.#to - this.#from;
    if (this.#to + bytes.length > this.#buffer.length) {
      let size = this.#buffer.length;
      while (size < kept + bytes.length) size *= 2;
      const room = size === this.#buffer.length ? this.#buffer : new Uint8Array(size);
      room.set(this.#buffer.subarray(this.#from, this.#to));
      this.#buffer = room;
      this.#from = 0;
      this.#to = kept;
    }
    this.#buffer.set(bytes, this.#to);
    this.#to += bytes.length;
  }

  /**
   * What the next frame holds, good until {@link push}; undefined when it has not all come. Throws TOCSIN_ERR_PARSE when it is too long
   * or not what its sum says.
   */
  next(): Uint8Array | undefined {
    let length = 0;
    let factor = 1;
    let at = this.#from;
    for (; ; factor *= 128) {
      if (at >= this.#to) return undefined;
      const byte = this.#buffer[at++]!;
      length += (byte & 0x7f) * factor;
      if (length > this.#maxFrameBytes || factor > 2 ** 35) {
        throw bad(`a frame is longer than the limit of ${this.#maxFrameBytes} bytes`);
      }
      if (byte < 128) break;
    }
    const body = at + 4;
    if (this.#to < body + length) return undefined;
    const frame = this.#buffer.subarray(body, body + length);
    const view = new DataView(this.#buffer.buffer, at, 4);
    if (view.getUint32(0) !== crc32c(frame)) throw bad('a frame is damaged: its checksum does not match');
    this.#from = body + length;
    return frame;
  }

  /** Throws TOCSIN_ERR_PARSE when bytes are left: the answer ended within a frame. */
  end(): void {
    if (this.#from !== this.#to) throw bad('it ends within a frame');
  }
}

function bad(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_PARSE', `the answer of a remote read cannot be read: ${what}`);
}
