import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import { ChunkEncoding } from '../../../src/storage/tsdb/chunk/encoding.ts';
import { readChunk } from '../../../src/storage/tsdb/chunk/read-chunk.ts';

const FIXTURE = join(import.meta.dirname, '../../fixtures/chunks/upstream.json');
const sound = (
  JSON.parse(readFileSync(FIXTURE, 'utf8')) as readonly {
    encoding: ChunkEncoding;
    chunks: readonly string[];
  }[]
).flatMap(({ encoding, chunks }) => chunks.map((hex) => ({ encoding, data: Buffer.from(hex, 'hex') })));

const encodings = fc.constantFrom(...Object.values(ChunkEncoding));

/** What is read has at most as many samples as the data have bits; what is not is told as damage. */
function expectDamageAtWorst(encoding: ChunkEncoding, data: Uint8Array): void {
  const into = new SampleBuffer();
  try {
    readChunk(encoding, data, -Infinity, Infinity, into);
  } catch (error) {
    expect(error).toBeInstanceOf(TocsinError);
    expect(error).toMatchObject({ code: 'TOCSIN_ERR_STORAGE' });
  }
  expect(into.length).toBeLessThanOrEqual(8 * data.length);
}

it('takes any bytes for damage at worst', () => {
  fc.assert(
    fc.property(encodings, fc.uint8Array({ maxLength: 100 }), (encoding, data) =>
      expectDamageAtWorst(encoding, data),
    ),
    { numRuns: 2000 },
  );
});

it('takes changed chunks of every kind for damage at worst', () => {
  const change = fc.tuple(fc.nat(), fc.nat({ max: 255 }));
  fc.assert(
    fc.property(
      fc.constantFrom(...sound),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      ({ encoding, data }, changes) => {
        const changed = Uint8Array.from(data);
        for (const [place, byte] of changes) changed[place % changed.length] = byte;
        expectDamageAtWorst(encoding, changed);
      },
    ),
    { numRuns: 2000 },
  );
});

it('tells of chunks that were cut', () => {
  fc.assert(
    fc.property(fc.constantFrom(...sound), fc.nat(), ({ encoding, data }, place) => {
      const cut = data.subarray(0, place % data.length);
      expect(() => readChunk(encoding, cut, -Infinity, Infinity, new SampleBuffer())).toThrow(TocsinError);
    }),
    { numRuns: 500 },
  );
});

it('does not know other encodings', () => {
  for (const encoding of [0, 7, 129]) {
    const read = (): void =>
      readChunk(encoding as ChunkEncoding, new Uint8Array(9), 0, 1, new SampleBuffer());
    expect(read).toThrow(`its encoding ${encoding} is unknown`);
  }
});
