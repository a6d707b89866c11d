import type { SampleBuffer } from '../../seam.ts';
import { readXorChunk } from '../xor-chunk.ts';
import { damagedChunk } from './damaged-chunk.ts';
import { ChunkEncoding } from './encoding.ts';
import { readHistogramChunk } from './histogram-reader.ts';
import { readXor2Chunk } from './xor2-reader.ts';

/** Histograms with start timestamps have the upper two bits of their count for something else. */
const SHORT_COUNT = 0x3fff;

/** How many samples a chunk says it has. Throws TOCSIN_ERR_STORAGE when it is too short for that. */
export function sampleCountOf(encoding: ChunkEncoding, data: Uint8Array): number {
  if (data.length < 2) throw damagedChunk('it has no count of samples');
  const count = (data[0]! << 8) | data[1]!;
  const isShort =
    encoding === ChunkEncoding.histogramWithStart || encoding === ChunkEncoding.floatHistogramWithStart;
  return isShort ? count & SHORT_COUNT : count;
}

/**
 * Appends the samples of a chunk with minMs <= t <= maxMs to `into`. Floats are exact to the bit, stale markers included,
 * also those of histograms; times within 2^51 ms and whole counts below 2^50 are exact. Throws TOCSIN_ERR_STORAGE, having
 * added some or none, when the data are not what the encoding says.
 */
export function readChunk(
  encoding: ChunkEncoding,
  data: Uint8Array,
  minMs: number,
  maxMs: number,
  into: SampleBuffer,
): void {
  const count = sampleCountOf(encoding, data);
  switch (encoding) {
    case ChunkEncoding.xor: {
      readXorChunk(data, 2, data.length - 2, count, minMs, maxMs, into);
      return;
    }
    case ChunkEncoding.xor2: {
      readXor2Chunk(data, count, minMs, maxMs, into);
      return;
    }
    case ChunkEncoding.histogram:
    case ChunkEncoding.floatHistogram:
    case ChunkEncoding.histogramWithStart:
    case ChunkEncoding.floatHistogramWithStart: {
      const isWhole = encoding === ChunkEncoding.histogram || encoding === ChunkEncoding.histogramWithStart;
      const hasStarts = encoding >= ChunkEncoding.histogramWithStart;
      readHistogramChunk({ isWhole, hasStarts }, data, count, minMs, maxMs, into);
      return;
    }
    default: {
      throw damagedChunk(`its encoding ${String(encoding)} is unknown`);
    }
  }
}
