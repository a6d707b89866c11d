import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import { ChunkEncoding } from '../../../src/storage/tsdb/chunk/encoding.ts';
import type { EncodedChunk } from '../../../src/storage/tsdb/chunk/encoding.ts';
import { readChunk, sampleCountOf } from '../../../src/storage/tsdb/chunk/read-chunk.ts';
import { canonicalSample, encodeCase, readBack } from './chunk-support.ts';
import { chunkCases } from './chunk-cases.ts';

/**
 * Chunks that the `chunkenc` package of Prometheus 3.14 made of the same samples, cut by the rules of
 * `storage/series.go` and the limits of bytes that ours has besides; of histograms also the counter reset hints that its
 * reader gives.
 */
const FIXTURES = join(import.meta.dirname, '../../fixtures/chunks/prometheus-3.14.json');

interface Fixture {
  readonly name: string;
  readonly chunks: readonly {
    readonly encoding: number;
    readonly minMs: number;
    readonly maxMs: number;
    readonly data: string;
    readonly hints?: string;
  }[];
}

const fixtures = JSON.parse(readFileSync(FIXTURES, 'utf8')) as Fixture[];

function comparable({ encoding, minMs, maxMs, data }: EncodedChunk): Fixture['chunks'][number] {
  return { encoding, minMs, maxMs, data: Buffer.from(data).toString('base64') };
}

function hintsOf({ encoding, data }: EncodedChunk): string | undefined {
  if (encoding === ChunkEncoding.xor || encoding === ChunkEncoding.xor2) return undefined;
  const into = new SampleBuffer(1);
  readChunk(encoding, data, -Infinity, Infinity, into);
  return Array.from({ length: into.length }, (_, i) => into.histograms?.[i]?.counterResetHint ?? 0).join('');
}

describe('chunks', () => {
  const cases = chunkCases();

  it('have fixtures for all cases and encodings', () => {
    expect(fixtures.map(({ name }) => name)).toEqual(cases.map(({ name }) => name));
    const encodings = new Set(fixtures.flatMap(({ chunks }) => chunks.map(({ encoding }) => encoding)));
    expect([...encodings].sort((a, b) => a - b)).toEqual(Object.values(ChunkEncoding));
  });

  it.each(cases)('are those of Prometheus: $name', (chunkCase) => {
    const { chunks: expected } = fixtures.find(({ name }) => name === chunkCase.name)!;
    const chunks = encodeCase(chunkCase);
    expect(chunks.map(comparable)).toEqual(
      expected.map(({ encoding, minMs, maxMs, data }) => ({ encoding, minMs, maxMs, data })),
    );
    expect(chunks.map(hintsOf)).toEqual(expected.map(({ hints }) => hints));
    const counts = chunks.map(({ encoding, data }) => sampleCountOf(encoding, data));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(chunkCase.samples.length);
    expect(chunks.flatMap((chunk) => readBack(chunk))).toEqual(chunkCase.samples.map(canonicalSample));
  });
});
