import type { SeriesCursor } from '../seam.ts';
import { SampleBuffer } from '../seam.ts';
import { ChunkWriter } from './chunk/chunk-writer.ts';
import { addSamples, encodeSamples } from './chunk/encode-samples.ts';
import { ChunkEncoding } from './chunk/encoding.ts';
import type { EncodedChunk } from './chunk/encoding.ts';

/** A cursor that has chunks ready, or can make them at less cost than reading and encoding samples. */
export interface ChunkSource {
  /** Emits the present series' chunks, in order of time, of all samples with minMs <= t <= maxMs. They own their data. */
  chunks(minMs: number, maxMs: number, emit: (chunk: EncodedChunk) => void): void;
}

/** Memory for reading, used by one call at a time. */
const buffer = new SampleBuffer();

/**
 * Emits chunks of all samples of a cursor's present series with minMs <= t <= maxMs, in order of time; they own their data.
 * Whole chunks of floats that the head has are copied, which is what makes writing blocks cheap, unless they are to be XOR2. Throws
 * TOCSIN_ERR_STORAGE where reading does.
 */
export function chunksOf(
  cursor: SeriesCursor,
  minMs: number,
  maxMs: number,
  emit: (chunk: EncodedChunk) => void,
  floats: typeof ChunkEncoding.xor | typeof ChunkEncoding.xor2 = ChunkEncoding.xor,
): void {
  if (isChunkSource(cursor) && floats === ChunkEncoding.xor) {
    cursor.chunks(minMs, maxMs, emit);
    return;
  }
  cursor.read(minMs, maxMs, buffer);
  encodeSamples(buffer, emit, floats);
}

function isChunkSource(cursor: object): cursor is ChunkSource {
  return 'chunks' in cursor;
}

/** Takes chunks of a series of the head, in order of time, some as they are and some as samples. */
export class HeadChunkSink {
  /** Where samples of chunks go that can't be copied; after those that are there. */
  readonly samples = buffer;
  readonly #emit: (chunk: EncodedChunk) => void;
  #writer: ChunkWriter | undefined;

  constructor(emit: (chunk: EncodedChunk) => void) {
    this.#emit = emit;
    buffer.clear();
  }

  /** Takes an XOR chunk of the head: Prometheus' without the count in front. */
  copy(minMs: number, maxMs: number, count: number, bits: Uint8Array): void {
    this.end();
    const data = new Uint8Array(2 + bits.length);
    data[0] = count >>> 8;
    data[1] = count;
    data.set(bits, 2);
    this.#emit({ minMs, maxMs, encoding: ChunkEncoding.xor, data });
  }

  /** Encodes what was read as samples. */
  end(): void {
    if (buffer.length === 0) return;
    this.#writer ??= new ChunkWriter(this.#emit);
    addSamples(this.#writer, buffer);
    this.#writer.end();
    buffer.clear();
  }
}
