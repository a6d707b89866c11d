import type { SampleBuffer } from '../../seam.ts';
import { ChunkEncoding } from './encoding.ts';
import type { EncodedChunk } from './encoding.ts';
import { XorWriter } from './xor-writer.ts';

/** Samples that a chunk of floats is cut after. */
const TARGET_SAMPLES = 120;
/** Bytes from which on a chunk of floats is cut: 1024 less the most that one sample takes. */
const MAX_CHUNK_BYTES = 1005;

/**
 * Encodes samples, in order of time, as chunks of the right encodings and sizes; the chunks own their data.
 *
 * @see prometheus storage/series.go seriesToChunkEncoder
 */
export function encodeSamples(samples: SampleBuffer, emit: (chunk: EncodedChunk) => void): void {
  const writer = new XorWriter();
  const words = new Uint32Array(samples.values.buffer);
  let minMs = 0;
  const end = (maxMs: number): void => {
    if (writer.count > 0) emit({ minMs, maxMs, encoding: ChunkEncoding.xor, data: writer.end() });
  };
  for (let i = 0; i < samples.length; i++) {
    if (writer.count >= TARGET_SAMPLES || writer.byteLength > MAX_CHUNK_BYTES)
      end(samples.timestamps[i - 1]!);
    if (writer.count === 0) minMs = samples.timestamps[i]!;
    writer.add(samples.timestamps[i]!, words[2 * i]!, words[2 * i + 1]!);
  }
  if (samples.length > 0) end(samples.timestamps[samples.length - 1]!);
}
