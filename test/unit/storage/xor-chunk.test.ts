import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { Labels } from '../../../src/core/labels.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import { ChunkHead } from '../../../src/storage/tsdb/head/chunk-store.ts';
import { Row } from '../../../src/storage/tsdb/head/head-slabs.ts';
import { Head } from '../../../src/storage/tsdb/head/head.ts';
import { readXorChunk } from '../../../src/storage/tsdb/xor-chunk.ts';
import { referenceXor } from './reference-xor.ts';

interface Sample {
  readonly t: number;
  readonly v: bigint;
}

/** Bits as counters, gauges, special values and noise have them. */
const value = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.integer({ min: -1000, max: 1000 }).map((n) => new BigUint64Array(new Float64Array([n]).buffer)[0]!),
  fc.constantFrom(0n, 0x7ff0000000000002n, 0x7ff8000000000001n, 0x8000000000000000n, 1n, 0xffffffffffffffffn),
);

const samples = fc
  .record({
    start: fc.integer({ min: -1_000_000_000_000, max: 2_000_000_000_000 }),
    steps: fc.array(
      fc.record({ delta: fc.oneof(fc.constant(15_000), fc.integer({ min: 1, max: 2_000_000 })), v: value }),
      { minLength: 1, maxLength: 100 },
    ),
  })
  .map(({ start, steps }) => {
    let t = start;
    return steps.map(({ delta, v }): Sample => ({ t: (t += delta), v }));
  });

/** Range so long that nothing is cut by time: 2^31 ms. */
const RANGE_MS = 2 ** 31;

function write(list: readonly Sample[], head = new Head(RANGE_MS)): { data: Uint8Array; count: number }[] {
  const row = head.slabs.rowOf(head.series(Labels.fromObject({ a: 'b' })));
  const words = head.rowWords(row);
  const floats = head.rowFloats(row);
  for (const { t, v } of list) {
    head.chunks.append(words, floats, head.rowStart(row), t, Number(v & 0xffffffffn), Number(v >> 32n));
  }
  head.chunks.close(words, floats, head.rowStart(row));
  const chunks = [];
  for (let address = words[head.rowStart(row) + Row.closed]!; address !== 0;) {
    const slab = head.slabs.closed.words(address >>> 16);
    const at = address & 0xffff;
    const sizes = slab[at + ChunkHead.sizes]!;
    const from = (at + ChunkHead.words) * 4;
    const data = head.slabs.closed.bytes(address >>> 16).slice(from, from + (sizes >>> ChunkHead.bytesShift));
    chunks.unshift({ data, count: sizes & 0xff });
    address = slab[at + ChunkHead.previous]!;
  }
  return chunks;
}

function decode(data: Uint8Array, count: number, minMs = -Infinity, maxMs = Infinity): Sample[] {
  const into = new SampleBuffer(1);
  readXorChunk(data, 0, data.length, count, minMs, maxMs, into);
  const words = new BigUint64Array(into.values.buffer);
  return Array.from({ length: into.length }, (_, i) => ({ t: into.timestamps[i]!, v: words[i]! }));
}

describe('XOR chunks', () => {
  it('have the bits of the plain version, and read back', () => {
    fc.assert(
      fc.property(samples, (list) => {
        let at = 0;
        for (const { data, count } of write(list)) {
          const part = list.slice(at, (at += count));
          expect(data).toEqual(referenceXor(part));
          expect(decode(data, count)).toEqual(part);
        }
        expect(at).toBe(list.length);
      }),
      { numRuns: 200 },
    );
  });

  it('give only the samples within the bounds', () => {
    fc.assert(
      fc.property(samples, fc.nat(100), fc.nat(100), (list, from, to) => {
        const minMs = list[from % list.length]!.t;
        const maxMs = list[to % list.length]!.t;
        const got = write(list).flatMap(({ data, count }) => decode(data, count, minMs, maxMs));
        expect(got).toEqual(list.filter(({ t }) => t >= minMs && t <= maxMs));
      }),
      { numRuns: 100 },
    );
  });

  it('never fail otherwise than by their own error on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(300), (bytes, count) => {
        try {
          decode(bytes, count);
        } catch (error) {
          expect(error).toBeInstanceOf(TocsinError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('are cut at 120 samples of a steady series, and at the range', () => {
    const every15s = Array.from({ length: 960 }, (_, i) => ({ t: i * 15_000, v: 0n }));
    const counts = write(every15s, new Head(2 * 3600_000)).map(({ count }) => count);
    expect(counts).toEqual([120, 120, 120, 120, 120, 120, 120, 120]);
  });

  it('are cut by size when values are noise', () => {
    let seed = 1n;
    const noise = Array.from({ length: 400 }, (_, i) => {
      seed = BigInt.asUintN(64, seed * 6364136223846793005n + 1442695040888963407n);
      return { t: i * 1000, v: seed };
    });
    for (const { data } of write(noise)) expect(data.length).toBeLessThanOrEqual(1024);
  });
});
