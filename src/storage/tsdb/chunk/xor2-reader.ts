import type { SampleBuffer } from '../../seam.ts';
import { areStaleBits, staleHigh } from '../../stale.ts';
import { BitReader } from './bit-reader.ts';
import { damagedChunk } from './damaged-chunk.ts';
import { StartReader } from './start-times.ts';
import { HIGH, LOW } from './words.ts';
import { readDifference, readNewWindow } from './xor-value.ts';

const HEADER_BYTES = 3;
/** Low word of the stale marker. */
const STALE_LOW = 2;

/**
 * Appends the samples of an XOR2 chunk (encoding 4) with minMs <= t <= maxMs to `into`. Throws TOCSIN_ERR_STORAGE when the
 * bytes are not such a chunk's.
 *
 * @see prometheus tsdb/chunkenc/xor2.go
 */
export function readXor2Chunk(
  data: Uint8Array,
  count: number,
  minMs: number,
  maxMs: number,
  into: SampleBuffer,
): void {
  if (count === 0) return;
  if (data.length < HEADER_BYTES) throw damagedChunk('it is shorter than its header');
  into.reserve(into.length + count);
  const decoder = new Xor2Decoder(data);
  const out = new Uint32Array(into.values.buffer);
  for (let i = 0; i < count; i++) {
    decoder.next(i);
    if (decoder.isBeyond) throw damagedChunk(`it ends within sample ${i + 1} of ${count}`);
    const { tMs } = decoder;
    if (tMs > maxMs) return;
    if (tMs < minMs) continue;
    const at = into.length;
    into.timestamps[at] = tMs;
    out[2 * at + LOW] = decoder.isStale ? STALE_LOW : decoder.words[LOW]!;
    out[2 * at + HIGH] = decoder.isStale ? staleHigh : decoder.words[HIGH]!;
    if (decoder.startMs !== 0) into.setStart(at, decoder.startMs);
    into.length = at + 1;
  }
}

class Xor2Decoder {
  tMs = 0;
  startMs = 0;
  isStale = false;
  /** Newest value but for stale markers; 0 before there is one. */
  readonly words = new Uint32Array(2);
  readonly #reader: BitReader;
  readonly #starts: StartReader;
  readonly #window = new Uint8Array(2);
  #delta = 0;

  constructor(data: Uint8Array) {
    this.#reader = new BitReader(data, HEADER_BYTES);
    this.#starts = new StartReader(data[2]!);
  }

  get isBeyond(): boolean {
    return this.#reader.isBeyond;
  }

  next(index: number): void {
    const reader = this.#reader;
    const previousMs = this.tMs;
    this.isStale = false;
    if (index === 0) {
      this.tMs = reader.varint();
      this.#first();
    } else {
      if (index === 1) {
        this.#delta = reader.uvarint();
        this.#value();
      } else {
        this.#joint();
      }
      this.tMs += this.#delta;
    }
    this.startMs = this.#starts.read(reader, index, this.tMs, previousMs);
  }

  #first(): void {
    const high = this.#reader.long(32);
    const low = this.#reader.long(32);
    this.isStale = areStaleBits(low, high);
    if (this.isStale) return;
    this.words[HIGH] = high;
    this.words[LOW] = low;
  }

  #joint(): void {
    const reader = this.#reader;
    switch (reader.ones(5)) {
      case 0: {
        return;
      }
      case 1: {
        if (reader.bits(1) === 0) readDifference(reader, this.words, 0, this.#window, 0);
        else readNewWindow(reader, this.words, 0, this.#window, 0);
        return;
      }
      case 2: {
        this.#delta += signed(reader.bits(13), 13);
        break;
      }
      case 3: {
        this.#delta += signed(reader.bits(20), 20);
        break;
      }
      case 4: {
        this.#delta += reader.int64();
        break;
      }
      default: {
        this.isStale = true;
        return;
      }
    }
    this.#value();
  }

  #value(): void {
    switch (this.#reader.ones(3)) {
      case 0: {
        return;
      }
      case 1: {
        readDifference(this.#reader, this.words, 0, this.#window, 0);
        return;
      }
      case 2: {
        readNewWindow(this.#reader, this.words, 0, this.#window, 0);
        return;
      }
      default: {
        this.isStale = true;
      }
    }
  }
}

/** The number that the lowest `size` bits are in two's complement. */
function signed(bits: number, size: number): number {
  return (bits << (32 - size)) >> (32 - size);
}
