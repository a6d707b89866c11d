import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { RichSample } from '../../../src/storage/index.ts';
import { isStale } from '../../../src/storage/stale.ts';
import type { CaseSample } from './chunk-cases.ts';
import { STALE_BITS } from './chunk-cases.ts';
import { canonicalSample, encodeCut, readBack } from './chunk-support.ts';
import { richSamples } from './rich-samples.ts';

const box = new Float64Array(1);
const boxBits = new BigUint64Array(box.buffer);

function bitsOf(value: number): bigint {
  box[0] = value;
  return isStale(value) ? STALE_BITS : boxBits[0]!;
}

/** Steps between samples in milliseconds: even ones, some jitter, and very long ones. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1000, 15_000) },
  fc.integer({ min: 1, max: 600_000 }),
  fc.integer({ min: 1, max: 2 ** 40 }),
);

const series = fc
  .record({
    firstMs: fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
    steps: fc.array(step, { minLength: 1, maxLength: 20 }),
    samples: richSamples,
  })
  .map(({ firstMs, steps, samples }) => {
    let tMs = firstMs;
    return samples.map(({ value, histogram, startMs }: RichSample, i): CaseSample => {
      tMs += steps[i % steps.length]!;
      return { tMs, startMs, bits: histogram === undefined ? bitsOf(value) : 0n, histogram };
    });
  });

it('keeps samples of all kinds, in chunks that follow one another', () => {
  fc.assert(
    fc.property(series, fc.boolean(), (samples, isXor2) => {
      const chunks = encodeCut(samples, isXor2);
      expect(chunks.flatMap((chunk) => readBack(chunk))).toEqual(samples.map(canonicalSample));
      for (const chunk of chunks) {
        const times = readBack(chunk).map(({ tMs }) => tMs);
        expect([chunk.minMs, chunk.maxMs]).toEqual([times[0], times.at(-1)]);
      }
    }),
    { numRuns: 300 },
  );
});

it('reads what lies within a span of time', () => {
  fc.assert(
    fc.property(series, fc.nat(), fc.nat(), (samples, a, b) => {
      const minMs = samples[a % samples.length]!.tMs;
      const maxMs = samples[b % samples.length]!.tMs;
      const expected = samples.filter(({ tMs }) => tMs >= minMs && tMs <= maxMs);
      const read = encodeCut(samples).flatMap((chunk) => readBack(chunk, minMs, maxMs));
      expect(read).toEqual(expected.map(canonicalSample));
    }),
    { numRuns: 100 },
  );
});
