import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { SampleBuffer } from '../../../src/storage/index.ts';
import { RichEncoder, RichTail, readRichChunk } from '../../../src/storage/tsdb/rich-chunk.ts';
import { storedSample } from '../../../src/storage/tsdb/stored-sample.ts';
import { richSamples, seenIn } from './rich-samples.ts';

const EVER = [-Infinity, Infinity] as const;

const chunks = richSamples.map((samples) => {
  const encoder = new RichEncoder();
  const tail = new RichTail();
  const bytes = samples.flatMap((sample, i) => [
    ...encoder.encode(tail, i === 0, i === 0 ? -5 : i, storedSample(sample)),
  ]);
  return { samples, bytes: Uint8Array.from(bytes) };
});

describe('a chunk of rich samples', () => {
  it('is read wherever it lies, and only as far as is asked', () => {
    const into = new SampleBuffer(1);
    fc.assert(
      fc.property(chunks, fc.nat(50), fc.nat(), ({ samples, bytes }, offset, wanted) => {
        const source = new Uint8Array(offset + bytes.length + 3).fill(255);
        source.set(bytes, offset);
        const count = 1 + (wanted % samples.length);
        into.clear();
        readRichChunk(source, offset, bytes.length, count, ...EVER, into);
        expect(into.length).toBe(count);
        const all = seenIn(into);
        expect(all.map(({ startMs }) => startMs)).toEqual(
          samples.slice(0, count).map(({ startMs }) => startMs),
        );
        into.clear();
        readRichChunk(source, offset, bytes.length, count, all.at(-1)!.tMs, all.at(-1)!.tMs, into);
        expect(seenIn(into)).toEqual([all.at(-1)]);
      }),
    );
  });

  it('that is damaged never fails otherwise than by its own error', () => {
    const into = new SampleBuffer(1);
    const damaged = fc.oneof(
      fc.tuple(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 1, max: 5 })),
      fc
        .tuple(chunks, fc.nat(), fc.nat(255), fc.nat())
        .map(([{ samples, bytes }, at, byte, cut]): [Uint8Array, number] => {
          bytes[at % bytes.length] = byte;
          return [bytes.subarray(0, cut % (bytes.length + 1)), samples.length];
        }),
    );
    fc.assert(
      fc.property(damaged, ([bytes, count]) => {
        into.clear();
        try {
          readRichChunk(bytes, 0, bytes.length, count, ...EVER, into);
        } catch (error) {
          expect(error).toBeInstanceOf(TocsinError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('takes a byte for each bucket that stays as it was', () => {
    const encoder = new RichEncoder();
    const tail = new RichTail();
    const histogram = new FloatHistogram({
      count: 160,
      sum: 0.1,
      positiveSpans: Int32Array.of(0, 160),
      positiveBuckets: new Float64Array(160).fill(0.1),
    });
    const sample = storedSample({ value: 0, histogram, startMs: 1_700_000_000_000 });
    expect(encoder.encode(tail, true, 1_700_000_000_000, sample).length).toBeGreaterThan(160 * 9);
    expect(encoder.encode(tail, false, 15_000, sample).length).toBe(3 + 3 + 160);
  });
});
