import type { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { bucketIndexes } from '../../../src/core/histogram/layout.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import { ChunkWriter } from '../../../src/storage/tsdb/chunk/chunk-writer.ts';
import { ChunkEncoding } from '../../../src/storage/tsdb/chunk/encoding.ts';
import type { EncodedChunk } from '../../../src/storage/tsdb/chunk/encoding.ts';
import { HistogramWriter } from '../../../src/storage/tsdb/chunk/histogram-writer.ts';
import { readChunk } from '../../../src/storage/tsdb/chunk/read-chunk.ts';
import { Xor2Writer } from '../../../src/storage/tsdb/chunk/xor-writer.ts';
import type { CaseSample, ChunkCase } from './chunk-cases.ts';

/** A sample in a form that tests can compare; layouts of equal histograms may differ. */
export interface PlainSample {
  readonly tMs: number;
  readonly startMs: number;
  readonly value: string;
}

function words(bits: bigint): { low: number; high: number } {
  return { low: Number(bits & 0xffffffffn), high: Number(bits >> 32n) };
}

/** The chunks of a case. */
export function encodeCase({ samples, isXor2, isCut }: ChunkCase): EncodedChunk[] {
  return isCut ? encodeCut(samples, isXor2) : encodeUncut(samples);
}

/** The chunks that the writer makes of samples. */
export function encodeCut(samples: readonly CaseSample[], isXor2 = false): EncodedChunk[] {
  const chunks: EncodedChunk[] = [];
  const writer = new ChunkWriter(
    (chunk) => chunks.push(chunk),
    isXor2 ? ChunkEncoding.xor2 : ChunkEncoding.xor,
  );
  for (const { tMs, startMs, bits, histogram } of samples)
    writer.addRich(tMs, { ...words(bits), histogram, startMs });
  writer.end();
  return chunks;
}

/** Chunks without limits: of floats one with starts, of histograms as few as can be. */
function encodeUncut(samples: readonly CaseSample[]): EncodedChunk[] {
  const chunks: EncodedChunk[] = [];
  const floats = new Xor2Writer();
  const histograms = new HistogramWriter();
  let minMs = 0;
  let maxMs = 0;
  const isFloats = samples[0]!.histogram === undefined;
  const open = isFloats ? floats : histograms;
  const end = (): void => {
    const { encoding } = open;
    chunks.push({ minMs, maxMs, encoding, data: open.end() });
  };
  for (const { tMs, startMs, bits, histogram } of samples) {
    if (isFloats) {
      const { low, high } = words(bits);
      floats.add(tMs, low, high, startMs);
    } else if (!histograms.add(tMs, startMs, histogram)) {
      end();
      histograms.add(tMs, startMs, histogram);
    }
    if (open.count === 1) minMs = tMs;
    maxMs = tMs;
  }
  end();
  return chunks;
}

/** What is in a chunk. */
export function readBack(chunk: EncodedChunk, minMs = -Infinity, maxMs = Infinity): PlainSample[] {
  const into = new SampleBuffer(1);
  readChunk(chunk.encoding, chunk.data, minMs, maxMs, into);
  return plainSamples(into);
}

/** What is in a buffer. */
export function plainSamples(into: SampleBuffer): PlainSample[] {
  const bits = new BigUint64Array(into.values.buffer);
  return Array.from({ length: into.length }, (_, i) =>
    canonicalSample({
      tMs: into.timestamps[i]!,
      startMs: into.starts?.[i] ?? 0,
      bits: bits[i]!,
      histogram: into.histograms?.[i],
    }),
  );
}

/** A sample as a text: of a histogram only buckets that are not empty, and no hint. */
export function canonicalSample({ tMs, startMs, bits, histogram }: CaseSample): PlainSample {
  return { tMs, startMs, value: histogram === undefined ? bits.toString(16) : histogramText(histogram) };
}

function histogramText(h: FloatHistogram): string {
  const side = (indexes: Int32Array, counts: Float64Array): string =>
    Array.from(indexes, (index, i) => `${index}=${counts[i]!}`)
      .filter((text) => !text.endsWith('=0'))
      .join(' ');
  return [
    `schema ${h.schema} count ${h.count} sum ${h.sum} zero ${h.zeroThreshold}:${h.zeroCount}`,
    `+ ${side(bucketIndexes(h.positiveSpans), h.positiveBuckets)}`,
    `- ${side(bucketIndexes(h.negativeSpans), h.negativeBuckets)}`,
    `bounds ${[...h.customValues].join(' ')}`,
  ].join('; ');
}
