import { TocsinError } from '../../../core/errors.ts';
import type { SampleBuffer } from '../../seam.ts';
import { readXorChunk } from '../xor-chunk.ts';
import { ChunkEncoding } from './encoding.ts';

/** How many samples a chunk says it has. */
export function sampleCountOf(data: Uint8Array): number {
  if (data.length < 2) throw corrupt('it has no count of samples');
  return (data[0]! << 8) | data[1]!;
}

/**
 * Appends the samples of a chunk with minMs <= t <= maxMs to `into`. Throws TOCSIN_ERR_STORAGE when the data are not what
 * the encoding says.
 */
export function readChunk(
  encoding: ChunkEncoding,
  data: Uint8Array,
  minMs: number,
  maxMs: number,
  into: SampleBuffer,
): void {
  const count = sampleCountOf(data);
  switch (encoding) {
    case ChunkEncoding.xor: {
      readXorChunk(data, 2, data.length - 2, count, minMs, maxMs, into);
      return;
    }
    default: {
      throw corrupt(`its encoding ${encoding} is unknown`);
    }
  }
}

function corrupt(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_STORAGE', `a chunk of samples is damaged: ${what}`);
}
