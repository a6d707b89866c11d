import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { Labels, compareText } from '../../../src/core/labels.ts';
import { Matcher, matchesAll } from '../../../src/core/matcher.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import type { Querier } from '../../../src/storage/seam.ts';
import {
  BlockReader,
  BlockWriter,
  Tombstones,
  writeTombstones,
} from '../../../src/storage/tsdb/block/index.ts';
import { encodeSamples } from '../../../src/storage/tsdb/chunk/encode-samples.ts';
import type { EncodedChunk } from '../../../src/storage/tsdb/chunk/encoding.ts';
import { mergeQueriers } from '../../../src/storage/tsdb/merge/merge-queriers.ts';

type Sample = readonly [tMs: number, value: number];
interface Series {
  readonly labels: Labels;
  readonly samples: readonly Sample[];
}

const FOLDER = '/data/block';
const MAX_MS = 1_000_000;

const text = fc.constantFrom('a', 'b', 'ab', 'ü', '😀', '\ufeffx', '', 'long'.repeat(50));
const labels = fc
  .dictionary(fc.constantFrom('__name__', 'x', 'y', 'z'), text, { minKeys: 1 })
  .map((object) => Labels.fromObject(object))
  .filter(({ size }) => size > 0);
const samples = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 0, max: MAX_MS }), fc.double()), {
    selector: ([tMs]) => tMs,
    minLength: 1,
    maxLength: 300,
  })
  .map((list) => list.toSorted((a, b) => a[0] - b[0]));
const database = fc
  .uniqueArray(fc.record({ labels, samples }), { selector: (series) => series.labels.key, maxLength: 40 })
  .map((list) => list.toSorted((a, b) => a.labels.compare(b.labels)));
const matcher = fc
  .tuple(
    fc.constantFrom('__name__', 'x', 'y', 'none'),
    fc.constantFrom('=', '!=', '=~', '!~'),
    fc.constantFrom('', 'a', 'a|b', '.*', '.+', 'a.*', '|a', '[^b]*', 'ü'),
  )
  .map(([name, op, value]) => new Matcher(name, op as '=', value));

function encode(list: readonly Sample[]): EncodedChunk[] {
  const buffer = new SampleBuffer();
  buffer.reserve(list.length);
  for (const [tMs, value] of list) {
    buffer.timestamps[buffer.length] = tMs;
    buffer.values[buffer.length++] = value;
  }
  const chunks: EncodedChunk[] = [];
  encodeSamples(buffer, (chunk) => chunks.push(chunk));
  return chunks;
}

async function write(files: MemoryFileSystem, list: readonly Series[], folder = FOLDER): Promise<void> {
  const symbols = [...new Set(list.flatMap((series) => series.labels.flat))].sort(compareText);
  const writer = await BlockWriter.create({ files, folder, symbols, segmentBytes: 4096 });
  for (const series of list) await writer.addSeries(series.labels, encode(series.samples));
  const meta = await writer.finish({
    ulid: '01HF0000000000000000000000',
    minTime: 0,
    maxTime: MAX_MS + 1,
    compaction: { level: 1, sources: [], parents: [], hints: [], deletable: false, failed: false },
  });
  expect(meta.stats.numSeries).toBe(list.length);
  expect(meta.stats.numSamples).toBe(list.reduce((sum, series) => sum + series.samples.length, 0));
}

async function readAll(
  querier: Querier,
  matchers: readonly Matcher[],
  minMs = 0,
  maxMs = MAX_MS,
): Promise<[string, Sample[]][]> {
  const cursor = await querier.select(matchers, { minMs, maxMs, limit: 0 });
  const out: [string, Sample[]][] = [];
  const buffer = new SampleBuffer(1);
  while (cursor.next()) {
    cursor.read(minMs, maxMs, buffer);
    const list = Array.from({ length: buffer.length }, (_, i): Sample => [
      buffer.timestamps[i]!,
      buffer.values[i]!,
    ]);
    out.push([cursor.labels().toString(), list]);
  }
  return out;
}

const plain = (list: readonly Series[]): [string, Sample[]][] =>
  list.map((series) => [series.labels.toString(), [...series.samples]]);

describe('a block', () => {
  it('gives back what was written, to all matchers', async () => {
    await fc.assert(
      fc.asyncProperty(database, fc.array(matcher, { maxLength: 3 }), async (list, matchers) => {
        const files = new MemoryFileSystem();
        await write(files, list);
        const reader = BlockReader.open(files, FOLDER);
        const querier = reader.querier(0, MAX_MS);
        const wanted = list.filter((series) => matchesAll(matchers, series.labels));
        expect(await readAll(querier, matchers)).toEqual(plain(wanted));
        const names = [...new Set(wanted.flatMap((series) => series.labels.names()))].sort(compareText);
        expect(await querier.labelNames(matchers, 0)).toEqual(names);
        const values = new Set(
          wanted.map((series) => series.labels.get('x')).filter((value) => value !== ''),
        );
        expect(await querier.labelValues('x', matchers, 0)).toEqual([...values].sort(compareText));
        querier.close();
        reader.close();
      }),
      { numRuns: 60 },
    );
  });

  it('leaves out what is deleted and what is outside of the span', async () => {
    const span = fc.tuple(fc.integer({ min: 0, max: MAX_MS }), fc.integer({ min: 0, max: MAX_MS / 2 }));
    await fc.assert(
      fc.asyncProperty(database, fc.array(span, { maxLength: 4 }), span, async (list, spans, asked) => {
        const files = new MemoryFileSystem();
        await write(files, list);
        const first = BlockReader.open(files, FOLDER);
        const stones = new Tombstones();
        const walk = first.eachSeries();
        while (walk.next()) {
          for (const [minMs, length] of spans) stones.add(walk.ref(), { minMs, maxMs: minMs + length });
        }
        await writeTombstones(files, `${FOLDER}/tombstones`, stones);
        const reader = BlockReader.open(files, FOLDER);
        const [minMs, length] = asked;
        const maxMs = minMs + length;
        const isLeft = ([tMs]: Sample): boolean =>
          tMs >= minMs && tMs <= maxMs && !spans.some(([from, size]) => tMs >= from && tMs <= from + size);
        const wanted = list.map((series) => ({ ...series, samples: series.samples.filter(isLeft) }));
        const got = await readAll(reader.querier(minMs, maxMs), [], minMs, maxMs);
        expect(got.filter(([, found]) => found.length > 0)).toEqual(
          plain(wanted.filter((series) => series.samples.length > 0)),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('throws nothing but its own error whatever bytes are changed', async () => {
    await fc.assert(
      fc.asyncProperty(
        database,
        fc.constantFrom('index', 'chunks/000001', 'meta.json', 'tombstones'),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat()),
        async (list, name, changes, cut) => {
          const files = new MemoryFileSystem();
          await write(files, list);
          const path = `${FOLDER}/${name}`;
          if (!files.paths().includes(path)) return;
          files.corrupt(path, (bytes) => {
            for (const [at, value] of changes) bytes[at % bytes.length] = value;
            return cut === null ? bytes : bytes.slice(0, cut % bytes.length);
          });
          try {
            const reader = BlockReader.open(files, FOLDER);
            await readAll(reader.querier(0, MAX_MS), [new Matcher('x', '=~', 'a.*')]);
            await readAll(reader.querier(0, MAX_MS), []);
            const walk = reader.eachSeries();
            while (walk.next()) walk.chunks();
          } catch (error) {
            expect(error).toBeInstanceOf(TocsinError);
            expect((error as TocsinError).code).toBe('TOCSIN_ERR_STORAGE');
            expect((error as TocsinError).message).toContain(FOLDER);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

it('merges queriers as a plain merge does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(database, { maxLength: 4 }), async (lists) => {
      const files = new MemoryFileSystem();
      const merged = new Map<string, { labels: Labels; samples: Map<number, number> }>();
      const queriers: Querier[] = [];
      for (const [i, list] of lists.entries()) {
        await write(files, list, `${FOLDER}${i}`);
        queriers.push(BlockReader.open(files, `${FOLDER}${i}`).querier(0, MAX_MS));
        for (const series of list) {
          const entry = merged.get(series.labels.key) ?? { labels: series.labels, samples: new Map() };
          merged.set(series.labels.key, entry);
          for (const [tMs, value] of series.samples)
            if (!entry.samples.has(tMs)) entry.samples.set(tMs, value);
        }
      }
      const wanted = [...merged.values()]
        .sort((a, b) => a.labels.compare(b.labels))
        .map((entry) => ({ ...entry, samples: [...entry.samples].sort((a, b) => a[0] - b[0]) }));
      const querier = mergeQueriers(queriers);
      expect(await readAll(querier, [])).toEqual(plain(wanted));
      const names = [...new Set(wanted.flatMap((series) => series.labels.names()))].sort(compareText);
      expect(await querier.labelNames([], 0)).toEqual(names);
      expect(await querier.labelNames([], 2)).toEqual(names.slice(0, 2));
      for (const name of names) {
        const values = new Set(wanted.map((series) => series.labels.get(name)).filter((text) => text !== ''));
        expect(await querier.labelValues(name, [], 0)).toEqual([...values].sort(compareText));
      }
      querier.close();
    }),
    { numRuns: 40 },
  );
});
