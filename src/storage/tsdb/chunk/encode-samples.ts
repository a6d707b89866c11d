import type { SampleBuffer } from '../../seam.ts';
import { ChunkWriter } from './chunk-writer.ts';
import { ChunkEncoding } from './encoding.ts';
import type { EncodedChunk } from './encoding.ts';
import { HIGH, LOW } from './words.ts';

/**
 * Encodes samples, in order of time, as chunks of the right encodings and sizes (see {@link ChunkWriter}); the chunks own
 * their data.
 */
export function encodeSamples(
  samples: SampleBuffer,
  emit: (chunk: EncodedChunk) => void,
  floats: typeof ChunkEncoding.xor | typeof ChunkEncoding.xor2 = ChunkEncoding.xor,
): void {
  const writer = new ChunkWriter(emit, floats);
  addSamples(writer, samples);
  writer.end();
}

/** Adds all samples of a buffer to a writer. */
export function addSamples(writer: ChunkWriter, samples: SampleBuffer): void {
  const { timestamps, values, histograms, starts } = samples;
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < samples.length; i++) {
    const histogram = histograms?.[i];
    const startMs = starts?.[i] ?? 0;
    const low = words[2 * i + LOW]!;
    const high = words[2 * i + HIGH]!;
    if (histogram === undefined) writer.add(timestamps[i]!, low, high, startMs);
    else writer.addRich(timestamps[i]!, { low, high, histogram, startMs });
  }
}
