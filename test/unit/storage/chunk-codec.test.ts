import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { CounterResetHint, FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { Labels } from '../../../src/core/labels.ts';
import { bucketIndexes } from '../../../src/core/histogram/layout.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import type { RichSample } from '../../../src/storage/seam.ts';
import { staleMarker } from '../../../src/storage/stale.ts';
import { encodeSamples } from '../../../src/storage/tsdb/chunk/encode-samples.ts';
import { ChunkEncoding } from '../../../src/storage/tsdb/chunk/encoding.ts';
import type { EncodedChunk } from '../../../src/storage/tsdb/chunk/encoding.ts';
import { readChunk } from '../../../src/storage/tsdb/chunk/read-chunk.ts';
import { chunksOf } from '../../../src/storage/tsdb/head-chunks.ts';
import { HeadStorage } from '../../../src/storage/tsdb/index.ts';
import { chunkCases, STALE_BITS } from './chunk-cases.ts';
import type { CaseSample } from './chunk-cases.ts';
import { canonicalSample, encodeCase, encodeCut, plainSamples, readBack } from './chunk-support.ts';
import type { PlainSample } from './chunk-support.ts';
import { referenceChunk } from './reference-chunk.ts';
import type { ReferenceSample } from './reference-chunk.ts';
import { histograms, richSamples } from './rich-samples.ts';

const bits = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.integer({ min: -1000, max: 1000 }).map((n) => new BigUint64Array(new Float64Array([n]).buffer)[0]!),
  fc.constantFrom(0n, 1n << 63n, STALE_BITS, 0x7ff8000000000001n, 0x7ff0000000000000n, 1n, (1n << 64n) - 1n),
);
const step = fc.oneof(
  fc.constant(15_000),
  fc.integer({ min: 1, max: 70_000 }),
  fc.constantFrom(8192, 8193, 65_536, 65_537, 524_288, 524_289, 4096, 2 ** 33, 2 ** 40, 2 ** 45),
);
const firstMs = fc.constantFrom(0, 1_700_000_000_000, -(2 ** 50), -1);
const start = fc.oneof(
  fc.constant(0),
  fc.constantFrom(1, -1, 1_699_999_999_000, 2 ** 50),
  fc.integer({ min: -1000, max: 1000 }),
);
/** Counts as scrapes give them. */
const wholeHistograms = histograms.map((h) => {
  const whole = (count: number): number => Math.floor(Math.abs(count)) % 2 ** 49 || 0;
  return h.with({
    count: whole(h.count),
    zeroCount: whole(h.zeroCount),
    positiveBuckets: h.positiveBuckets.map(whole),
    negativeBuckets: h.negativeBuckets.map(whole),
  });
});
const growing = fc
  .tuple(fc.oneof(histograms, wholeHistograms), fc.integer({ min: 1, max: 30 }), fc.boolean())
  .map(([first, length, isSame]) =>
    Array.from({ length }, (_, i) =>
      isSame
        ? first
        : first.with({
            count: first.count + i,
            positiveBuckets: first.positiveBuckets.map((bucket, at) => (at % 3 === 0 ? bucket + i : bucket)),
          }),
    ),
  );
type Value = Pick<CaseSample, 'bits' | 'histogram' | 'startMs'>;
const run: fc.Arbitrary<Value[]> = fc.oneof(
  fc.array(fc.record({ bits, histogram: fc.constant(undefined), startMs: fc.constant(0) }), {
    maxLength: 130,
  }),
  fc.array(fc.record({ bits, histogram: fc.constant(undefined), startMs: start }), { maxLength: 20 }),
  fc.tuple(growing, start, fc.boolean()).map(([list, startMs, endsStale]) => {
    const values: Value[] = list.map((histogram) => ({ bits: 0x7ff8000000000000n, histogram, startMs }));
    if (endsStale) values.push({ bits: STALE_BITS, histogram: undefined, startMs });
    return values;
  }),
);
const series: fc.Arbitrary<CaseSample[]> = fc
  .tuple(firstMs, fc.array(run, { minLength: 1, maxLength: 6 }), fc.array(step, { minLength: 1 }))
  .map(([first, runs, steps]) => {
    let tMs = first;
    return runs.flat().map((value, i) => ({ ...value, tMs: (tMs += steps[i % steps.length]!) }));
  });

function ofReference(sample: ReferenceSample): PlainSample {
  const { histogram: h } = sample;
  const times = { tMs: Number(sample.t), startMs: Number(sample.start) };
  if (h === undefined) return canonicalSample({ ...times, bits: sample.bits!, histogram: undefined });
  const [positiveSpans, negativeSpans] = h.spans.map((side) => Int32Array.from(side.flat(), Number));
  const histogram = new FloatHistogram({
    schema: Number(h.schema),
    zeroThreshold: h.zeroThreshold,
    count: h.count,
    zeroCount: h.zeroCount,
    sum: new Float64Array(new BigUint64Array([h.sum]).buffer)[0]!,
    positiveSpans: positiveSpans!,
    negativeSpans: negativeSpans!,
    positiveBuckets: Float64Array.from(h.buckets[0]!),
    negativeBuckets: Float64Array.from(h.buckets[1]!),
    customValues: Float64Array.from(h.bounds),
  });
  return canonicalSample({ ...times, bits: 0n, histogram });
}

describe('chunks of any samples', () => {
  it.each([false, true])('read back as they were (XOR2 %s), and the plain way too', (isXor2) => {
    fc.assert(
      fc.property(series, (samples) => {
        const chunks = encodeCut(samples, isXor2);
        expect(chunks.flatMap((chunk) => readBack(chunk))).toEqual(samples.map(canonicalSample));
        for (const chunk of chunks) {
          const plain = referenceChunk(chunk.encoding, chunk.data).map(ofReference);
          expect(readBack(chunk)).toEqual(plain);
          expect([plain[0]!.tMs, plain.at(-1)!.tMs]).toEqual([chunk.minMs, chunk.maxMs]);
          expect(plain.length).toBeLessThanOrEqual(120);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('give only what is within the bounds, after what the buffer has', () => {
    fc.assert(
      fc.property(
        series.filter(({ length }) => length > 0),
        fc.nat(),
        fc.nat(),
        (samples, from, to) => {
          const minMs = samples[from % samples.length]!.tMs;
          const maxMs = samples[to % samples.length]!.tMs;
          const into = new SampleBuffer(1);
          for (const { encoding, data } of encodeCut(samples)) readChunk(encoding, data, minMs, maxMs, into);
          const expected = samples.filter(({ tMs }) => tMs >= minMs && tMs <= maxMs);
          expect(plainSamples(into)).toEqual(expected.map(canonicalSample));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('have histograms of whole counts as such until there is a fraction', () => {
    const one = new FloatHistogram({
      count: 2,
      sum: 1,
      positiveSpans: Int32Array.of(0, 1),
      positiveBuckets: Float64Array.of(2),
    });
    const half = one.with({ count: 2.5, positiveBuckets: Float64Array.of(2.5) });
    const huge = one.with({ count: 2 ** 50, positiveBuckets: Float64Array.of(2 ** 50) });
    const encodingsOf = (...list: FloatHistogram[]): number[] =>
      encodeCut(list.map((histogram, tMs) => ({ tMs, startMs: 0, bits: 0n, histogram }))).map(
        ({ encoding }) => encoding,
      );
    expect(encodingsOf(one, one)).toEqual([ChunkEncoding.histogram]);
    expect(encodingsOf(one, one, half, huge)).toEqual([ChunkEncoding.floatHistogram]);
    expect(encodingsOf(huge)).toEqual([ChunkEncoding.floatHistogram]);
    // A reset begins a chunk, which is of whole counts again.
    expect(encodingsOf(half, one)).toEqual([ChunkEncoding.floatHistogram, ChunkEncoding.histogram]);
  });

  it('take a stale marker whose bits were changed on the way', () => {
    const quiet = STALE_BITS | (1n << 51n);
    const [chunk] = encodeCut([{ tMs: 1, startMs: 0, bits: quiet, histogram: undefined }]);
    expect(readBack(chunk!)).toEqual([{ tMs: 1, startMs: 0, value: STALE_BITS.toString(16) }]);
  });

  it('take histograms with more or fewer counts than their spans call for', () => {
    const spans = Int32Array.of(0, 2);
    const odd = [1, 3].map(
      (length) =>
        new FloatHistogram({ positiveSpans: spans, positiveBuckets: new Float64Array(length).fill(1) }),
    );
    const samples = odd.map((histogram, tMs) => ({ tMs, startMs: 0, bits: 0n, histogram }));
    const into = new SampleBuffer();
    for (const { encoding, data } of encodeCut(samples)) readChunk(encoding, data, -Infinity, Infinity, into);
    expect(into.histograms!.map((h) => [...h!.positiveBuckets])).toEqual([
      [1, 0],
      [1, 1],
    ]);
  });

  it('of a newer Prometheus are read with the resolution that there is', () => {
    const fine = new FloatHistogram({
      schema: 10,
      count: 6,
      positiveSpans: Int32Array.of(1, 3),
      positiveBuckets: Float64Array.of(1, 2, 3),
      counterResetHint: CounterResetHint.gauge,
    });
    const [chunk] = encodeCut([{ tMs: 1, startMs: 0, bits: 0n, histogram: fine }]);
    const into = new SampleBuffer();
    readChunk(chunk!.encoding, chunk!.data, 0, 1, into);
    const [read] = into.histograms!;
    expect(read).toMatchObject({ schema: 8, count: 6, counterResetHint: CounterResetHint.gauge });
    expect([...bucketIndexes(read!.positiveSpans)]).toEqual([1]);
    expect([...read!.positiveBuckets]).toEqual([6]);
  });
});

describe('bytes of any kind', () => {
  const encoding = fc.integer({ min: 0, max: 7 }) as fc.Arbitrary<ChunkEncoding>;
  const chunks = chunkCases().flatMap(encodeCase);

  function readAny(kind: ChunkEncoding, data: Uint8Array): void {
    const into = new SampleBuffer(1);
    try {
      readChunk(kind, data, -Infinity, Infinity, into);
    } catch (error) {
      expect(error).toBeInstanceOf(TocsinError);
      expect((error as TocsinError).code).toBe('TOCSIN_ERR_STORAGE');
    }
  }

  it('never fail otherwise than by the room’s own error', () => {
    fc.assert(fc.property(encoding, fc.uint8Array({ maxLength: 300 }), readAny), { numRuns: 1500 });
  });

  it('nor do damaged chunks, or those of another encoding', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...chunks),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
        fc.nat(),
        encoding,
        (chunk, changes, length, other) => {
          const data = chunk.data.slice();
          for (const [at, byte] of changes) data[at % data.length] = byte;
          readAny(chunk.encoding, data);
          readAny(chunk.encoding, data.subarray(0, length % data.length));
          readAny(other, data);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('that end too soon are told', () => {
    for (const { encoding: kind, data } of chunks) {
      const short = data.subarray(0, data.length - 1);
      expect(() => readChunk(kind, short, -Infinity, Infinity, new SampleBuffer())).toThrow(TocsinError);
    }
  });
});

describe('chunks of the head', () => {
  async function store(
    samples: readonly { tMs: number; value: number | RichSample }[],
  ): Promise<HeadStorage> {
    const storage = new HeadStorage();
    const appender = storage.appender(Number.MAX_SAFE_INTEGER);
    const ref = appender.series(Labels.fromObject({ a: 'b' }));
    for (const { tMs, value } of samples) {
      if (typeof value === 'number') appender.append(ref, tMs, value);
      else appender.appendRich(ref, tMs, value);
    }
    await appender.commit();
    return storage;
  }

  async function compare(storage: HeadStorage, minMs: number, maxMs: number): Promise<EncodedChunk[]> {
    const querier = storage.querier(minMs, maxMs);
    const hints = { minMs, maxMs, limit: 0 };
    const cursor = await querier.select([new Matcher('a', '=', 'b')], hints);
    const chunks: EncodedChunk[] = [];
    if (cursor.next()) {
      const into = new SampleBuffer();
      cursor.read(minMs, maxMs, into);
      chunksOf(cursor, minMs, maxMs, (chunk) => chunks.push(chunk));
      const read = chunks.map((chunk) => readBack(chunk));
      expect(read.flat()).toEqual(plainSamples(into));
      for (const [i, list] of read.entries()) {
        expect(list[0]!.tMs).toBe(chunks[i]!.minMs);
        expect(list.at(-1)!.tMs).toBe(chunks[i]!.maxMs);
      }
    }
    querier.close();
    return chunks;
  }

  it('hold what a reader reads', async () => {
    await fc.assert(
      fc.asyncProperty(richSamples, fc.nat(), fc.nat(), async (list, from, to) => {
        const samples = list.map((value, i) => ({ tMs: 1_700_000_000_000 + i * 600_000, value }));
        const storage = await store(samples);
        await compare(storage, samples[from % list.length]!.tMs, samples[to % list.length]!.tMs);
        await compare(storage, 0, Number.MAX_SAFE_INTEGER);
      }),
      { numRuns: 40 },
    );
  });

  it('are those that encoding makes of the samples', async () => {
    const firstAt = Math.floor(1_700_000_000_000 / 7_200_000) * 7_200_000;
    const values = Array.from({ length: 960 }, (_, i) => (i % 50 === 49 ? staleMarker : Math.floor(i / 3)));
    const storage = await store(values.map((value, i) => ({ tMs: firstAt + i * 15_000, value })));
    const expected = new SampleBuffer();
    expected.reserve(960);
    for (const [i, value] of values.entries()) {
      expected.timestamps[i] = firstAt + i * 15_000;
      expected.values[i] = value;
    }
    expected.length = 960;
    const encoded: EncodedChunk[] = [];
    encodeSamples(expected, (chunk) => encoded.push(chunk));
    expect(await compare(storage, firstAt, Number.MAX_SAFE_INTEGER)).toEqual(encoded);
    const cut = await compare(storage, firstAt + 60_000, firstAt + 119 * 15_000 + 100_000);
    // Of both chunks a part, put together.
    expect(cut.map(({ data }) => data[1])).toEqual([120, 2]);
  });
});
