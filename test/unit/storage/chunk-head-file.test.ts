import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  encodeHeadChunk,
  headChunkFileHeader,
  headChunkFileName,
  headChunkReference,
  readHeadChunks,
} from '../../../src/storage/tsdb/chunk/head-chunk-file.ts';
import type { HeadChunk } from '../../../src/storage/tsdb/chunk/head-chunk-file.ts';
import { ChunkEncoding } from '../../../src/storage/tsdb/chunk/encoding.ts';

const chunks: fc.Arbitrary<HeadChunk[]> = fc.array(
  fc.record({
    // Two of its bytes are never 0: one damaged byte does not make it the end of the file.
    seriesRef: fc.nat().map((n) => n * 65_536 + 0x0101),
    minMs: fc.maxSafeInteger(),
    maxMs: fc.maxSafeInteger(),
    encoding: fc.constantFrom(...Object.values(ChunkEncoding)),
    isOutOfOrder: fc.boolean(),
    data: fc.uint8Array({ maxLength: 300 }),
  }),
  { maxLength: 8 },
);

function fileOf(list: readonly HeadChunk[], zeros = 0): Uint8Array {
  return Buffer.concat([headChunkFileHeader(), ...list.map(encodeHeadChunk), Buffer.alloc(zeros)]);
}

function read(bytes: Uint8Array): { list: HeadChunk[]; soundBytes: number; damage: string | undefined } {
  const list: HeadChunk[] = [];
  const { soundBytes, damage } = readHeadChunks(bytes, (chunk) =>
    list.push({ ...chunk, data: Uint8Array.from(chunk.data) }),
  );
  if (damage !== undefined) expect(damage.code).toBe('TOCSIN_ERR_STORAGE');
  return { list, soundBytes, damage: damage?.message };
}

/** Series 5, times -1 and 300, an out-of-order XOR chunk of three bytes. */
it('writes and reads the layout of the format', () => {
  const data = Uint8Array.of(0, 1, 2);
  const chunk = {
    seriesRef: 5,
    minMs: -1,
    maxMs: 300,
    encoding: ChunkEncoding.xor,
    isOutOfOrder: true,
    data,
  };
  const text = Buffer.from(encodeHeadChunk(chunk)).toString('hex');
  expect(text).toBe('0000000000000005ffffffffffffffff000000000000012c81030001028febfdb1');
  expect(Buffer.from(headChunkFileHeader()).toString('hex')).toBe('0130bc9101000000');
  expect(headChunkFileName(12)).toBe('000012');
  expect(headChunkReference(3, 8)).toBe(0x3_0000_0008n);
});

it('reads what it wrote, whatever zeros follow', () => {
  fc.assert(
    fc.property(chunks, fc.constantFrom(0, 1, 20, 24, 33, 34, 500), (list, zeros) => {
      const { soundBytes, ...rest } = read(fileOf(list, zeros));
      expect(rest).toEqual({ list, damage: undefined });
      expect(soundBytes).toBe(fileOf(list).length);
    }),
    { numRuns: 100 },
  );
});

it('keeps the chunks before a damaged byte and tells of it', () => {
  fc.assert(
    fc.property(chunks, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, place, flip) => {
      const bytes = fileOf(list);
      const at = place % bytes.length;
      bytes[at]! ^= flip;
      const seen = read(bytes);
      expect(seen.list).toEqual(list.slice(0, seen.list.length));
      // The padding of the header has no checksum.
      if (at < 5 || at >= 8) expect(seen.damage).toContain('a file of head chunks is damaged at byte');
    }),
    { numRuns: 200 },
  );
});

it('keeps the whole chunks of a file that was cut', () => {
  fc.assert(
    fc.property(chunks, fc.nat(), (list, place) => {
      const bytes = fileOf(list);
      const seen = read(bytes.subarray(0, place % bytes.length));
      expect(seen.list).toEqual(list.slice(0, seen.list.length));
      expect(seen.soundBytes).toBe(seen.list.length === 0 ? seen.soundBytes : fileOf(seen.list).length);
    }),
    { numRuns: 100 },
  );
});

it('takes any bytes for damage at worst', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, withHeader) => {
      read(withHeader ? Buffer.concat([headChunkFileHeader(), bytes]) : bytes);
    }),
    { numRuns: 300 },
  );
});

it('takes a file of zeros for an empty one', () => {
  for (const length of [0, 4, 100])
    expect(read(new Uint8Array(length))).toMatchObject({ list: [], damage: undefined });
});
