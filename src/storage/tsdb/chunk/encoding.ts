/**
 * Encodings of chunks as files name them.
 *
 * @see prometheus tsdb/chunkenc/chunk.go
 */
export const ChunkEncoding = {
  xor: 1,
  histogram: 2,
  floatHistogram: 3,
  xor2: 4,
  histogramWithStart: 5,
  floatHistogramWithStart: 6,
} as const;
/** One of {@link ChunkEncoding}. */
export type ChunkEncoding = (typeof ChunkEncoding)[keyof typeof ChunkEncoding];

/** A chunk as blocks hold it. */
export interface EncodedChunk {
  /** Times of the first and the last sample, in milliseconds. */
  readonly minMs: number;
  readonly maxMs: number;
  readonly encoding: ChunkEncoding;
  /** What stands in the file between the encoding and the checksum. Good until the next chunk is asked for, unless told. */
  readonly data: Uint8Array;
}
