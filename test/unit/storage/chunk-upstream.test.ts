import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CounterResetHint, FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { bucketIndexes } from '../../../src/core/histogram/layout.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import { ChunkWriter } from '../../../src/storage/tsdb/chunk/chunk-writer.ts';
import { addSamples } from '../../../src/storage/tsdb/chunk/encode-samples.ts';
import { ChunkEncoding } from '../../../src/storage/tsdb/chunk/encoding.ts';
import { readChunk, sampleCountOf } from '../../../src/storage/tsdb/chunk/read-chunk.ts';
import { Xor2Writer, XorWriter } from '../../../src/storage/tsdb/chunk/xor-writer.ts';

/**
 * `upstream.json` has samples and the chunks that Prometheus 3.14's own encoder (tsdb/chunkenc) makes of them, histograms
 * cut at 1 KiB from the tenth sample on, floats after 120. A float that is not a small whole number is the text of its bits.
 */
type Float = number | string;
type Histogram = readonly [
  schema: number,
  zeroThreshold: Float,
  zeroCount: Float,
  count: Float,
  sum: Float,
  positiveSpans: number[],
  positiveBuckets: Float[],
  negativeSpans: number[],
  negativeBuckets: Float[],
  customValues: Float[],
  hint: CounterResetHint,
];
type Sample = readonly [tMs: number, startMs: number, value: Float | Histogram];
interface Case {
  readonly name: string;
  readonly encoding: ChunkEncoding;
  readonly samples: readonly Sample[];
  readonly chunks: readonly string[];
}

const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/chunks/upstream.json'), 'utf8'),
) as Case[];

const bits = new DataView(new ArrayBuffer(8));

function putFloat(values: Float64Array, at: number, value: Float): void {
  if (typeof value === 'number') {
    values[at] = value;
    return;
  }
  const view = new DataView(values.buffer);
  bits.setBigUint64(0, BigInt(`0x${value}`));
  for (let i = 0; i < 8; i++) view.setUint8(8 * at + 7 - i, bits.getUint8(i));
}

function toFloats(list: readonly Float[]): Float64Array {
  const floats = new Float64Array(list.length);
  for (const [i, value] of list.entries()) putFloat(floats, i, value);
  return floats;
}

function toHistogram(h: Histogram): FloatHistogram {
  const [zeroThreshold, zeroCount, count, sum] = toFloats([h[1], h[2], h[3], h[4]]) as unknown as number[];
  return new FloatHistogram({
    schema: h[0],
    zeroThreshold: zeroThreshold!,
    zeroCount: zeroCount!,
    count: count!,
    sum: sum!,
    positiveSpans: Int32Array.from(h[5]),
    positiveBuckets: toFloats(h[6]),
    negativeSpans: Int32Array.from(h[7]),
    negativeBuckets: toFloats(h[8]),
    customValues: toFloats(h[9]),
    counterResetHint: h[10],
  });
}

function toBuffer(samples: readonly Sample[]): SampleBuffer {
  const buffer = new SampleBuffer();
  buffer.reserve(samples.length);
  for (const [tMs, startMs, value] of samples) {
    const at = buffer.length++;
    buffer.timestamps[at] = tMs;
    if (typeof value === 'object') buffer.setHistogram(at, toHistogram(value));
    else putFloat(buffer.values, at, value);
    if (startMs !== 0) buffer.setStart(at, startMs);
  }
  return buffer;
}

/** Buckets that are not empty, by their index: a chunk's layout may have more. */
function bucketTexts(spans: Int32Array, counts: Float64Array): string[] {
  return [...bucketIndexes(spans)]
    .map((index, i) => `${index}:${counts[i]}`)
    .filter((text) => !text.endsWith(':0'));
}

function seen(buffer: SampleBuffer): unknown[] {
  const view = new DataView(buffer.values.buffer);
  return Array.from({ length: buffer.length }, (_, i) => {
    const h = buffer.histograms?.[i];
    const value = h
      ? {
          numbers: [h.schema, h.zeroThreshold, h.zeroCount, h.count, h.sum],
          customValues: [...h.customValues],
          positive: bucketTexts(h.positiveSpans, h.positiveBuckets),
          negative: bucketTexts(h.negativeSpans, h.negativeBuckets),
          isGauge: h.counterResetHint === CounterResetHint.gauge,
        }
      : view.getBigUint64(8 * i, true).toString(16);
    return { tMs: buffer.timestamps[i], startMs: buffer.starts?.[i] ?? 0, value };
  });
}

function readAll({ encoding, chunks }: Case, minMs = -Infinity, maxMs = Infinity): SampleBuffer {
  const into = new SampleBuffer();
  for (const hex of chunks) readChunk(encoding, Buffer.from(hex, 'hex'), minMs, maxMs, into);
  return into;
}

interface Made {
  readonly encoding: ChunkEncoding;
  readonly hex: string;
}

function made(encoding: ChunkEncoding, data: Uint8Array): Made {
  return { encoding, hex: Buffer.from(data).toString('hex') };
}

function isOfFloats(
  encoding: ChunkEncoding,
): encoding is typeof ChunkEncoding.xor | typeof ChunkEncoding.xor2 {
  return encoding === ChunkEncoding.xor || encoding === ChunkEncoding.xor2;
}

/** Cut where the fixture is: our own bound on bytes is another matter. */
function encodeFloats({ encoding, samples, chunks }: Case): Made[] {
  const writer = encoding === ChunkEncoding.xor ? new XorWriter() : new Xor2Writer();
  const { values } = toBuffer(samples);
  const view = new DataView(values.buffer);
  let at = 0;
  return chunks.map((hex) => {
    for (const end = at + sampleCountOf(encoding, Buffer.from(hex, 'hex')); at < end; at++) {
      const [tMs, startMs] = samples[at]!;
      writer.add(tMs, view.getUint32(8 * at, true), view.getUint32(8 * at + 4, true), startMs);
    }
    return made(writer.encoding, writer.end());
  });
}

function encodeHistograms({ samples }: Case): Made[] {
  const all: Made[] = [];
  const writer = new ChunkWriter(({ encoding, data }) => all.push(made(encoding, data)));
  addSamples(writer, toBuffer(samples));
  writer.end();
  return all;
}

describe.each(cases.map((one) => [`${one.name}, encoding ${one.encoding}`, one] as const))('%s', (_, one) => {
  it('is read as Prometheus encoded it', () => {
    expect(seen(readAll(one))).toEqual(seen(toBuffer(one.samples)));
    const counts = one.chunks.map((hex) => sampleCountOf(one.encoding, Buffer.from(hex, 'hex')));
    expect(counts.reduce((a, b) => a + b)).toBe(one.samples.length);
  });

  it('is read within a span of time', () => {
    const minMs = one.samples[5]![0];
    const maxMs = one.samples.at(-3)![0];
    const expected = one.samples.filter(([tMs]) => tMs >= minMs && tMs <= maxMs);
    expect(seen(readAll(one, minMs, maxMs))).toEqual(seen(toBuffer(expected)));
  });

  it('knows which histograms follow one of the same counter', () => {
    for (const hex of one.chunks) {
      const { histograms } = readAll({ ...one, chunks: [hex] });
      const hints = (histograms ?? []).map((h) => h?.counterResetHint).filter((hint) => hint !== undefined);
      const [first, ...others] = hints;
      if (first === CounterResetHint.gauge) expect(new Set(others)).not.toContain(CounterResetHint.notReset);
      else for (const hint of others) expect(hint).toBe(CounterResetHint.notReset);
    }
  });

  it('is encoded as Prometheus does', () => {
    const made = isOfFloats(one.encoding) ? encodeFloats(one) : encodeHistograms(one);
    expect(made).toEqual(one.chunks.map((hex) => ({ encoding: one.encoding, hex })));
  });
});
