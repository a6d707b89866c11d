import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { snappyCompress } from '../../../src/core/compression/snappy.ts';
import { TocsinError } from '../../../src/core/errors.ts';
import { ProtoWriter } from '../../../src/core/protobuf/proto-writer.ts';
import { AnswerCollector } from '../../../src/storage/remote/read/answer-collector.ts';
import {
  readChunkedResponse,
  writeChunkedResponse,
} from '../../../src/storage/remote/read/chunked-response.ts';
import type { ChunkedSeries } from '../../../src/storage/remote/read/chunked-response.ts';
import { FrameReader, frameHead } from '../../../src/storage/remote/read/frames.ts';
import { readReadRequest, writeReadRequest } from '../../../src/storage/remote/read/read-request.ts';
import { ChunkEncoding } from '../../../src/storage/tsdb/chunk/encoding.ts';

const time = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
const text = fc.string({ unit: 'grapheme', maxLength: 20 });

const request = fc.record({
  queries: fc.array(
    fc.record({
      startMs: time,
      endMs: time,
      matchers: fc.array(fc.record({ op: fc.constantFrom('=', '!=', '=~', '!~'), name: text, value: text }), {
        maxLength: 4,
      }),
      hints: fc.option(
        fc.record({
          startMs: time,
          endMs: time,
          stepMs: fc.nat(),
          rangeMs: fc.nat(),
          func: text,
          grouping: fc.array(text, { maxLength: 3 }),
          by: fc.boolean(),
        }),
        { nil: undefined },
      ),
    }),
    { maxLength: 3 },
  ),
  acceptedTypes: fc.array(fc.constantFrom(0, 1, 7), { maxLength: 3 }),
});

const series: fc.Arbitrary<ChunkedSeries> = fc.record({
  flat: fc.array(fc.tuple(text, text), { maxLength: 4 }).map((pairs) => pairs.flat()),
  chunks: fc.array(
    fc.record({
      minMs: time,
      maxMs: time,
      encoding: fc.constantFrom(...Object.values(ChunkEncoding)),
      data: fc.uint8Array({ maxLength: 60 }),
    }),
    { maxLength: 4 },
  ),
});

/** Whether `work` ends, or fails with an error of ours. */
function endsWell(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    return error instanceof TocsinError && error.code === 'TOCSIN_ERR_PARSE';
  }
}

function framed(message: Uint8Array): Uint8Array {
  return Buffer.concat([frameHead(message), message]);
}

/** Bytes in pieces of these lengths, over and over. */
function* cut(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let from = 0, i = 0; from < bytes.length; i++) {
    const length = lengths[i % lengths.length]!;
    yield bytes.subarray(from, from + length);
    from += length;
  }
}

describe('requests', () => {
  test('are read as they were written', () => {
    fc.assert(
      fc.property(request, (asked) => {
        expect(readReadRequest(snappyCompress(writeReadRequest(asked as never)))).toEqual(asked);
      }),
      { numRuns: 100 },
    );
  });

  test('that are arbitrary bytes are refused', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => endsWell(() => readReadRequest(bytes))));
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => endsWell(() => readReadRequest(snappyCompress(bytes)))),
    );
  });
});

describe('frames', () => {
  test('are found however they are cut', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), lengths, (messages, pieces) => {
        const reader = new FrameReader(300);
        const found: Uint8Array[] = [];
        for (const piece of cut(Buffer.concat(messages.map(framed)), pieces)) {
          reader.push(piece);
          for (let frame = reader.next(); frame !== undefined; frame = reader.next())
            found.push(frame.slice());
        }
        reader.end();
        expect(found.map((frame) => [...frame])).toEqual(messages.map((message) => [...message]));
      }),
      { numRuns: 60 },
    );
  });

  test('beyond the room that was there first', () => {
    const large = new Uint8Array(300_000).map((_, i) => i);
    const reader = new FrameReader(large.length);
    for (const piece of cut(Buffer.concat([framed(large), framed(large)]), [70_000, 1])) reader.push(piece);
    expect(Buffer.compare(reader.next()!, large)).toBe(0);
    expect(Buffer.compare(reader.next()!, large)).toBe(0);
    expect(reader.next()).toBeUndefined();
    reader.end();
  });

  test.each([
    ['too long', [framed(new Uint8Array(101))], 'a frame is longer than the limit of 100 bytes'],
    [
      'without an end of its length',
      [Buffer.alloc(9, 0xff)],
      'a frame is longer than the limit of 100 bytes',
    ],
    ['damaged', [Buffer.from([1, 0, 0, 0, 0, 7])], 'a frame is damaged: its checksum does not match'],
    ['that end', [framed(new Uint8Array(20)).subarray(0, 10)], 'it ends within a frame'],
  ])('%s are refused', (_, pieces, why) => {
    const reader = new FrameReader(100);
    for (const piece of pieces) reader.push(piece);
    expect(() => {
      while (reader.next() !== undefined);
      reader.end();
    }).toThrow(`the answer of a remote read cannot be read: ${why}`);
  });
});

describe('streamed series', () => {
  test('are read as they were written', () => {
    fc.assert(
      fc.property(series, fc.nat({ max: 3 }), (one, query) => {
        const out = new ProtoWriter();
        writeChunkedResponse(out, one, query);
        expect(readChunkedResponse(out.bytes)).toEqual([one]);
      }),
      { numRuns: 60 },
    );
  });

  test('with unknown encodings are refused', () => {
    const out = new ProtoWriter();
    const chunk = { minMs: 1, maxMs: 2, encoding: 9 as never, data: new Uint8Array(3) };
    writeChunkedResponse(out, { flat: ['a', 'b'], chunks: [chunk] }, 0);
    expect(() => readChunkedResponse(out.bytes)).toThrow('a chunk has the unknown encoding 9');
  });

  test('that are arbitrary bytes are refused', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => endsWell(() => readChunkedResponse(bytes))));
  });
});

describe('an answer', () => {
  test.each(['samples', 'chunks'] as const)('of %s that is arbitrary bytes is refused', async (form) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.boolean(), async (bytes, isWrapped) => {
        const collector = new AnswerCollector([], 1000);
        collector.begin(form);
        const wrapped = form === 'samples' ? snappyCompress(bytes) : framed(bytes);
        try {
          collector.push(isWrapped ? wrapped : bytes);
          await collector.finish(() => Promise.resolve());
        } catch (error) {
          expect(error).toBeInstanceOf(TocsinError);
        }
      }),
    );
  });

  test('of samples has one result', async () => {
    const collector = new AnswerCollector([], 1000);
    collector.begin('samples');
    collector.push(snappyCompress(Uint8Array.from([0x0a, 0, 0x0a, 0])));
    await expect(collector.finish(() => Promise.resolve())).rejects.toThrow(
      'it has 2 results, one was asked for',
    );
  });
});
