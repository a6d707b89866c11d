import fc from 'fast-check';
import { compress as referenceCompress, uncompress as referenceDecompress } from 'snappyjs';
import { describe, expect, it } from 'vitest';
import {
  isSnappyBlock,
  maxSnappyBytes,
  snappyCompress,
  snappyCompressInto,
  snappyDecompress,
  snappyDecompressInto,
  snappyLength,
} from '../../../src/core/compression/snappy.ts';
import { zstdCompress, zstdDecompress } from '../../../src/core/compression/zstd.ts';
import { TocsinError } from '../../../src/core/errors.ts';

/** Bytes with repetition at several distances, as records and bodies have it. */
const repetitive = fc
  .array(
    fc.record({
      piece: fc.uint8Array({ minLength: 1, maxLength: 40 }),
      times: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 3000 })),
    }),
    { maxLength: 12 },
  )
  .map((parts) =>
    Uint8Array.from(
      parts.flatMap(({ piece, times }) =>
        Array(times)
          .fill([...piece])
          .flat(),
      ),
    ),
  );
const contents = fc.oneof(fc.uint8Array({ maxLength: 300 }), repetitive);

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** Bytes that repeat over a distance, with a beat that no match survives. */
function longContent(length: number): Uint8Array {
  let seed = 1;
  return Uint8Array.from({ length }, (_, i) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return i % 97 < 60 ? (i >>> 3) & 0xff : seed >>> 24;
  });
}

describe('snappy', () => {
  it('gives back what was compressed, for us and for another implementation', () => {
    fc.assert(
      fc.property(contents, (bytes) => {
        const block = snappyCompress(bytes);
        expect(block.length).toBeLessThanOrEqual(maxSnappyBytes(bytes.length));
        expect(snappyLength(block)).toBe(bytes.length);
        expect(text(snappyDecompress(block, bytes.length))).toBe(text(bytes));
        expect(text(referenceDecompress(block))).toBe(text(bytes));
        expect(text(snappyDecompress(referenceCompress(bytes), bytes.length))).toBe(text(bytes));
      }),
      { numRuns: 300 },
    );
  });

  it.each([0, 1, 16, 17, 60, 61, 256, 257, 65_535, 65_536, 65_537, 200_000])(
    'takes pieces and long literals apart rightly: %d bytes',
    (length) => {
      for (const bytes of [longContent(length), new Uint8Array(length)]) {
        const block = snappyCompress(bytes);
        expect(text(snappyDecompress(block, length))).toBe(text(bytes));
        expect(text(referenceDecompress(block))).toBe(text(bytes));
      }
    },
  );

  it('compresses views that do not begin where their buffer does', () => {
    const whole = longContent(5000);
    const into = new Uint8Array(maxSnappyBytes(5000));
    const written = snappyCompressInto(whole.subarray(13, 4000), into);
    const out = new Uint8Array(6000);
    expect(snappyDecompressInto(into.subarray(0, written), out)).toBe(3987);
    expect(text(out.subarray(0, 3987))).toBe(text(whole.subarray(13, 4000)));
  });

  it('is no larger than what Go makes of the same', () => {
    const bytes = longContent(100_000);
    expect(snappyCompress(bytes).length).toBeLessThanOrEqual(referenceCompress(bytes).length * 1.01);
  });

  it('reads the copies with four bytes of offset that encoders may write', () => {
    // "abcd", then 8 bytes from 4 back.
    const block = Uint8Array.of(12, 3 << 2, 97, 98, 99, 100, (7 << 2) | 3, 4, 0, 0, 0);
    expect(text(snappyDecompress(block, 100))).toBe('abcdabcdabcd');
  });

  it.each([
    ['nothing', [], 'the length is malformed'],
    ['a length without end', [255, 255, 255, 255, 255, 255], 'the length is malformed'],
    ['a length over 32 bits', [255, 255, 255, 255, 127], 'the length is malformed'],
    ['a literal that is cut off', [5, 4 << 2, 1, 2], 'it ends within a literal'],
    ['a long literal without its length', [5, 61 << 2, 1], 'it ends within a length'],
    ['a copy that is cut off', [5, 0, 1, 2], 'it ends within a copy'],
    ['a copy from before the beginning', [5, 0, 1, 1, 9], 'a copy reaches before the beginning'],
    ['a copy from here', [5, 0, 1, 1, 0], 'a copy reaches before the beginning'],
    ['more than it says', [1, 1 << 2, 7, 7], 'it is longer than it says'],
    ['less than it says', [3, 0, 7], 'it is shorter than it says'],
    ['a huge length', [255, 255, 255, 255, 7, 0, 1], 'it is too short for its length'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => snappyDecompress(Uint8Array.from(bytes), 2 ** 32)).toThrow(message);
  });

  it('refuses what is larger than allowed', () => {
    const block = snappyCompress(new Uint8Array(1000));
    expect(() => snappyDecompress(block, 999)).toThrow('1000 bytes, more than the limit of 999');
    expect(() => snappyDecompressInto(block, new Uint8Array(999))).toThrow('more than the room of 999');
  });

  it('fails on arbitrary bytes by its own error only, which a look at the elements foretells', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .tuple(contents, fc.nat(), fc.nat(255))
        .map(([content, at, byte]) => snappyCompress(content).map((b, i) => (i === at % 50 ? byte : b))),
    );
    fc.assert(
      fc.property(bytes, (block) => {
        let isGood = true;
        try {
          snappyDecompress(block, 1e6);
        } catch (error) {
          expect(error).toBeInstanceOf(TocsinError);
          isGood = false;
        }
        expect(isSnappyBlock(block)).toBe(isGood);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('zstd', () => {
  it('gives back what was compressed', () => {
    fc.assert(
      fc.property(contents, (bytes) => {
        expect(text(zstdDecompress(zstdCompress(bytes), bytes.length))).toBe(text(bytes));
      }),
      { numRuns: 50 },
    );
  });

  it('refuses what is larger than allowed, or nothing', () => {
    expect(() => zstdDecompress(zstdCompress(new Uint8Array(1000)), 999)).toThrow(TocsinError);
    expect(() => zstdDecompress(new Uint8Array(0), 999)).toThrow(TocsinError);
  });

  it('fails on arbitrary bytes by its own error only', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .tuple(contents, fc.nat(), fc.nat(255))
        .map(([content, at, byte]) => zstdCompress(content).map((b, i) => (i === at % 50 ? byte : b))),
    );
    fc.assert(
      fc.property(bytes, (frame) => {
        try {
          zstdDecompress(frame, 1e6);
        } catch (error) {
          expect(error).toBeInstanceOf(TocsinError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
