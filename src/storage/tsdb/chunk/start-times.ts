import type { BitReader } from './bit-reader.ts';
import type { BitWriter } from './bit-writer.ts';

/**
 * Start timestamps in chunks of encodings 4 to 6: the first one where it is not 0, nothing as long as it stays, and from
 * the first change on (or from sample 127 on, as a header of 7 bits has to tell where) one for each sample, as the
 * distance from the time of the sample before.
 *
 * @see prometheus tsdb/chunkenc/st.go
 */

/** Index of the last sample that can be the first with a start of its own. */
const LAST_CHANGE = 0x7f;
/** Bit of the header that says that the first sample has a start. */
const KNOWN = 0x80;

/** Writes the starts of a chunk. */
export class StartWriter {
  #known = 0;
  #changeAt = 0;
  #startMs = 0;
  #distance = 0;

  /** The chunk's header byte for what was written. */
  get header(): number {
    return this.#known | this.#changeAt;
  }

  /** Begins a chunk. */
  clear(): void {
    this.#known = 0;
    this.#changeAt = 0;
    this.#startMs = 0;
    this.#distance = 0;
  }

  /** Writes the start, 0 for none, of sample `index`, whose time is `tMs`; the sample before was at `previousMs`. */
  write(out: BitWriter, index: number, tMs: number, previousMs: number, startMs: number): void {
    if (index === 0) {
      if (startMs !== 0) {
        this.#known = KNOWN;
        out.varint(tMs - startMs);
      }
    } else if (this.#changeAt > 0) {
      const distance = previousMs - startMs;
      out.varbitInt(distance - this.#distance);
      this.#distance = distance;
    } else if (startMs !== this.#startMs || index === LAST_CHANGE) {
      this.#changeAt = index;
      this.#distance = previousMs - startMs;
      out.varbitInt(this.#distance);
    }
    this.#startMs = startMs;
  }
}

/** Reads the starts of a chunk. */
export class StartReader {
  readonly #isKnown: boolean;
  readonly #changeAt: number;
  #startMs = 0;
  #distance = 0;

  constructor(header: number) {
    this.#isKnown = (header & KNOWN) !== 0;
    this.#changeAt = header & LAST_CHANGE;
  }

  /** The start of sample `index`, 0 when it has none; times as for {@link StartWriter.write}. */
  read(reader: BitReader, index: number, tMs: number, previousMs: number): number {
    if (index === 0) {
      if (this.#isKnown) this.#startMs = tMs - reader.varint();
    } else if (this.#changeAt > 0 && index >= this.#changeAt) {
      const read = reader.varbitInt();
      this.#distance = index === this.#changeAt ? read : this.#distance + read;
      this.#startMs = previousMs - this.#distance;
    }
    return this.#startMs;
  }
}
