import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import type { FileSystem } from '../../../src/core/ports.ts';
import type { Thread, ThreadOptions, Threads } from '../../../src/core/threads.ts';
import { NodeFileSystem } from '../../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { WorkerThreads } from '../../../src/core/system/worker-threads.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import { BLOCKS_PER_SLAB, BLOCK_BYTES, BLOCK_DATA } from '../../../src/storage/tsdb/head/block-pool.ts';
import { ChunkHead } from '../../../src/storage/tsdb/head/chunk-store.ts';
import { ChunkKind, Row } from '../../../src/storage/tsdb/head/head-slabs.ts';
import { Head } from '../../../src/storage/tsdb/head/head.ts';
import { storedSample } from '../../../src/storage/tsdb/stored-sample.ts';
import { ownCounters } from '../../../src/storage/tsdb/wal/wal-counters.ts';
import { WalWriter } from '../../../src/storage/tsdb/wal/wal-writer.ts';
import { readSegment } from '../../../src/storage/tsdb/wal/wal-reader.ts';
import { RecordWriter, RichRecords, readRecord } from '../../../src/storage/tsdb/wal/wal-records.ts';
import { replayWal } from '../../../src/storage/tsdb/wal/wal-replay.ts';
import type { ReplayOptions } from '../../../src/storage/tsdb/wal/wal-replay.ts';
import { readXorChunk } from '../../../src/storage/tsdb/xor-chunk.ts';
import { richSamples } from './rich-samples.ts';
import { Lines } from './small-log.ts';

/**
 * A start takes the log series by series. Here the head that it makes is compared with one that took record by record, sample
 * by sample.
 */

const HOUR_MS = 3_600_000;
const RANGE_MS = 2 * HOUR_MS;
const START = 1_700_000_000_000;
const MIN_VALID_MS = START - 50;

type Step =
  | { readonly kind: 'series'; readonly walId: number; readonly flat: readonly string[] }
  | {
      readonly kind: 'samples';
      readonly times: number;
      readonly stepMs: number;
      readonly ids: readonly number[];
      readonly bits: readonly (readonly [low: number, high: number])[];
    }
  | { readonly kind: 'jump'; readonly byMs: number }
  | {
      readonly kind: 'rich';
      readonly ids: readonly number[];
      readonly samples: readonly ReturnType<typeof storedSample>[];
    }
  | { readonly kind: 'extras'; readonly walId: number }
  | { readonly kind: 'cut'; readonly bytes: number };

const walId = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant(2 ** 33 + 5));
const label = (name: string): readonly string[] => ['__name__', name];
const flat = fc.constantFrom<readonly string[]>(
  label('a'),
  label('b'),
  ['__name__', 'b', 'pod', 'x'],
  // The same series in other words.
  ['pod', 'x', '__name__', 'b'],
  ['__name__', 'b', 'none', ''],
  ['__name__', 'a', '__name__', 'c'],
  ['__name__', 'a', 'é', 'ü', 'z', 'ü'],
  [],
);
const bits = fc.oneof(
  fc.constantFrom<readonly [number, number]>(
    [0, 0],
    [0, 0x8000_0000],
    [0, 0x3ff0_0000],
    // The stale marker, and other NaNs.
    [2, 0x7ff0_0000],
    [1, 0x7ff8_0000],
    [0xdead_beef, 0xfff4_1234],
    [0, 0x7ff0_0000],
  ),
  fc.nat(100).map((n): readonly [number, number] => [0, 0x4000_0000 + n * 0x400]),
  fc.tuple(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff)),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('series' as const), walId, flat }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('samples' as const),
      times: fc.integer({ min: 1, max: 80 }),
      stepMs: fc.constantFrom(1000, 15_000, 1, 0, -500),
      ids: fc.array(walId, { minLength: 1, maxLength: 8 }),
      bits: fc.array(bits, { minLength: 1, maxLength: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('jump' as const),
      byMs: fc.constantFrom(-20_000, HOUR_MS, RANGE_MS, -RANGE_MS, 40 * 86_400_000, -4 * START, 2 ** 45),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('rich' as const),
      ids: fc.array(walId, { minLength: 1, maxLength: 3 }),
      samples: richSamples.map((all) => all.slice(0, 4).map((sample) => storedSample(sample))),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('extras' as const), walId }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('cut' as const), bytes: fc.integer({ min: 1, max: 9 }) }),
  },
);

async function writeLog(files: FileSystem, folder: string, steps: readonly Step[]): Promise<void> {
  await files.makeFolder(folder);
  const wal = new WalWriter({
    files,
    folder,
    segment: 0,
    counters: ownCounters(),
    monotonicMs: () => 0,
    segmentBytes: 1 << 16,
    compression: 'snappy',
  });
  await wal.start();
  let tMs = START;
  let cutBytes = 0;
  const log = (record: Uint8Array): void => {
    wal.log(record.subarray(0, record.length - cutBytes), false);
    cutBytes = 0;
  };
  for (const one of steps) {
    const writer = new RecordWriter();
    if (one.kind === 'cut') cutBytes = one.bytes;
    else if (one.kind === 'jump') tMs += one.byMs;
    else if (one.kind === 'series') {
      writer.beginSeries();
      writer.series(one.walId, one.flat);
      writer.series(one.walId + 10, [...one.flat, 'zz', 'second']);
      log(writer.bytes);
    } else if (one.kind === 'samples') {
      for (let i = 0; i < one.times; i++) {
        tMs += one.stepMs;
        writer.beginSamples();
        for (const [n, id] of one.ids.entries()) {
          const [low, high] = one.bits[(i + n) % one.bits.length]!;
          writer.sample(id, tMs, low, high);
        }
        log(writer.bytes);
      }
    } else if (one.kind === 'rich') {
      for (const sample of one.samples) {
        const records = new RichRecords();
        tMs += 1000;
        for (const id of new Set(one.ids)) records.add(id, tMs, sample);
        records.end(log);
      }
    } else {
      writer.beginExemplars();
      writer.exemplar(one.walId, tMs, 1, ['trace', 'x']);
      log(writer.bytes);
      writer.beginMetadata();
      writer.metadata(one.walId, 'counter', 'bytes', `at ${tMs}`);
      log(writer.bytes);
      writer.beginTombstones();
      writer.tombstone(one.walId, tMs - 5, tMs);
      log(writer.bytes);
    }
  }
  await wal.close();
}

/** What became of a log: the series, and what else it told. */
class Outcome {
  readonly head = new Head(RANGE_MS);
  readonly told: string[] = [];
  readonly target: NonNullable<ReplayOptions['target']> = {
    exemplar: (ref, ...what) => this.#tell('exemplar', ref, what),
    metadata: (ref, ...what) => this.#tell('metadata', ref, what),
    tombstone: (ref, ...what) => this.#tell('tombstone', ref, what),
  };

  #tell(kind: string, ref: number, what: readonly unknown[]): void {
    this.told.push(`${kind} ${seriesText(this.head, ref)} ${JSON.stringify(what)}`);
  }
}

function seriesText(head: Head, ref: number): string {
  const row = head.slabs.rowOf(ref);
  return head.labels.labels(head.rowWords(row)[head.rowStart(row) + Row.labels]!).toString();
}

/** As it is defined: each record after the one before, each sample newer than its series' last. */
async function plainly(
  files: FileSystem,
  folder: string,
): Promise<Outcome & { samples: number; unknown: number; taken: Map<string, string[]> }> {
  const outcome = Object.assign(new Outcome(), {
    samples: 0,
    unknown: 0,
    taken: new Map<string, string[]>(),
  });
  const { head, target } = outcome;
  const refs = new Map<number, number>();
  const ifTaken = (id: number, tMs: number, take: (words: Uint32Array, row: number) => void): void => {
    const ref = refs.get(id);
    if (ref === undefined) {
      outcome.unknown++;
      return;
    }
    const row = head.slabs.rowOf(ref);
    const lastMs = head.rowFloats(row)[(head.rowStart(row) >>> 1) + Row.lastTimeFloat]!;
    if (tMs < MIN_VALID_MS || tMs <= lastMs) return;
    outcome.samples++;
    take(head.rowWords(row), row);
    head.noteTimes(tMs, tMs);
  };
  const about = (id: number, tell: (ref: number) => void): void => {
    const ref = refs.get(id);
    if (ref !== undefined) tell(ref);
  };
  for (const name of await files.list(folder)) {
    await readSegment(
      files,
      join(folder, name),
      (record) => {
        try {
          readRecord(record, {
            series(id, texts) {
              const entries: [string, string][] = [];
              for (let i = 0; i < texts.length; i += 2) entries.push([texts[i]!, texts[i + 1]!]);
              const labels = Labels.fromEntries(entries);
              head.reserveWalIds(id + 1);
              if (labels.size > 0) refs.set(id, head.series(labels, id));
            },
            sample(id, tMs, low, high) {
              ifTaken(id, tMs, (words, row) => {
                head.chunks.append(words, head.rowFloats(row), head.rowStart(row), tMs, low, high);
                const key = seriesText(head, refs.get(id)!);
                const list = outcome.taken.get(key) ?? [];
                outcome.taken.set(key, list);
                list.push(`${tMs} ${high.toString(16)}:${low.toString(16)}`);
              });
            },
            rich(id, tMs, sample) {
              ifTaken(id, tMs, (words, row) => {
                head.chunks.appendRich(words, head.rowFloats(row), head.rowStart(row), tMs, sample);
              });
            },
            exemplar: (id, ...what) => about(id, (ref) => target.exemplar(ref, ...what)),
            metadata: (id, ...what) => about(id, (ref) => target.metadata(ref, ...what)),
            tombstone: (id, ...what) => about(id, (ref) => target.tombstone(ref, ...what)),
          });
        } catch {
          // What came before the fault counts.
        }
      },
      () => Promise.resolve(),
    );
  }
  return outcome;
}

/** The bits of a chunk; those after its last are whatever they are. */
function bitsText(bytes: Uint8Array, bits: number): string {
  const copy = bytes.slice(0, Math.ceil(bits / 8));
  if (bits % 8 !== 0) copy[copy.length - 1]! &= 0xff << (8 - (bits % 8));
  return Buffer.from(copy).toString('hex');
}

/** A chunk's samples as texts; nothing of chunks that have others than floats. */
function decoded(bytes: Uint8Array, count: number, kind: number): string[] {
  if (kind !== ChunkKind.xor) return [];
  const into = new SampleBuffer(1);
  const padded = new Uint8Array(bytes.length + 8);
  padded.set(bytes);
  readXorChunk(padded, 0, bytes.length, count, -Infinity, Infinity, into);
  const words = new Uint32Array(into.values.buffer, into.values.byteOffset);
  return Array.from(
    { length: into.length },
    (_, i) => `${into.timestamps[i]!} ${words[2 * i + 1]!.toString(16)}:${words[2 * i]!.toString(16)}`,
  );
}

/** All that a head holds, by series: state of the row, chunks bit by bit, and the floats in them. */
function dump(head: Head): Map<string, { readonly state: string[]; readonly floats: string[] }> {
  const all = new Map<string, { readonly state: string[]; readonly floats: string[] }>();
  for (const ref of head.labels.allSeries()) {
    const row = head.slabs.rowOf(ref);
    const words = head.rowWords(row);
    const at = head.rowStart(row);
    const floats = head.rowFloats(row);
    const state: string[] = [];
    const chunks: string[][] = [];
    for (let chunk = words[at + Row.closed]!; chunk !== 0;) {
      const closed = head.slabs.closed.words(chunk >>> 16);
      const start = chunk & 0xffff;
      const sizes = closed[start + ChunkHead.sizes]!;
      const length = sizes >>> ChunkHead.bytesShift;
      const from = (start + ChunkHead.words) * 4;
      const data = head.slabs.closed.bytes(chunk >>> 16).slice(from, from + length);
      const kind = (sizes >>> ChunkHead.kindShift) & 1;
      const floatsOf = decoded(data, sizes & 0xff, kind);
      chunks.unshift(floatsOf);
      state.unshift(
        `${head.chunks.windowOfChunk(chunk)} ${closed[start + ChunkHead.minOffset]!} ` +
          `${closed[start + ChunkHead.maxOffset]!} ${sizes} ${Buffer.from(data).toString('hex')}`,
      );
      chunk = closed[start + ChunkHead.previous]!;
    }
    const position = words[at + Row.position]!;
    const count = words[at + Row.count]!;
    state.push(`last ${floats[at >>> 1]!} ${words[at + Row.lastLow]!} ${words[at + Row.lastHigh]!}`);
    if (words[at + Row.openFirst] !== 0) {
      const data: number[] = [];
      for (let block = words[at + Row.openFirst]!; block !== 0;) {
        const slab = (block / BLOCKS_PER_SLAB) | 0;
        const from = (block & (BLOCKS_PER_SLAB - 1)) * BLOCK_BYTES;
        data.push(...head.slabs.open.bytes(slab).subarray(from, from + BLOCK_DATA));
        block = head.slabs.open.words(slab)[(from + BLOCK_DATA) / 4]!;
      }
      const bitCount = (position >>> 16) * BLOCK_DATA * 8 + (position & 0xffff);
      const kind = words[at + Row.kind]!;
      const fields = [Row.tDelta, Row.window, Row.position, Row.cutAfter, Row.kind, Row.version];
      state.push(
        `open ${count} ${floats[(at >>> 1) + Row.chunkStartFloat]!} ${fields.map((field) => words[at + field]!).join(' ')} ` +
          bitsText(Uint8Array.from(data), bitCount),
      );
      chunks.push(decoded(Uint8Array.from(data), count, kind));
    }
    all.set(seriesText(head, ref), { state, floats: chunks.flat() });
  }
  return all;
}

async function expectSame(
  files: FileSystem,
  folder: string,
  more: Partial<ReplayOptions>,
): Promise<{ plain: number; chunks: number }> {
  const plain = await plainly(files, folder);
  const outcome = new Outcome();
  const { head, target } = outcome;
  const report = await replayWal({
    files,
    folder,
    head,
    clock: new VirtualClock(START),
    logger: new Lines(),
    minValidMs: MIN_VALID_MS,
    target,
    ...more,
  });
  const held = dump(head);
  expect(held).toEqual(dump(plain.head));
  for (const [series, floats] of plain.taken) expect(held.get(series)!.floats).toEqual(floats);
  // What was told of different kinds is independent of each other.
  expect(outcome.told.filter((line) => line.startsWith('exemplar'))).toEqual(
    plain.told.filter((line) => line.startsWith('exemplar')),
  );
  expect(outcome.told.toSorted()).toEqual(plain.told.toSorted());
  expect(report).toMatchObject({ samples: plain.samples, unknownSamples: plain.unknown });
  expect([head.minTimeMs, head.maxTimeMs]).toEqual([plain.head.minTimeMs, plain.head.maxTimeMs]);
  expect(head.chunks.openSamples).toBe(plain.head.chunks.openSamples);
  expect(head.chunks.closedSamples).toBe(plain.head.chunks.closedSamples);
  return { plain: plain.samples, chunks: plain.head.chunks.closedChunks };
}

describe('a log that is taken series by series', () => {
  it('gives the head that its records give one by one, whatever the size of batches', async () => {
    let chunks = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 30 }),
        fc.constantFrom(1, 7, 100, 4096),
        async (steps, batchSamples) => {
          const files = new MemoryFileSystem();
          await writeLog(files, '/wal', steps);
          const seen = await expectSame(files, '/wal', { batchSamples });
          chunks = Math.max(chunks, seen.chunks);
        },
      ),
      { numRuns: 250, seed: 7 },
    );
    expect(chunks).toBeGreaterThan(5);
  });

  it('gives the same when a thread reads it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tocsin-replay-'));
    try {
      const steps = fc.sample(step, { numRuns: 600, seed: 3 });
      const wal = join(folder, 'wal');
      const files = new NodeFileSystem();
      await writeLog(files, wal, [
        { kind: 'series', walId: 1, flat: label('a') },
        { kind: 'series', walId: 2, flat: label('b') },
        ...steps,
      ]);
      const threads = new WorkerThreads();
      for (const batchSamples of [50, 5000]) {
        const seen = await expectSame(files, wal, {
          clock: new SystemClock(),
          threads,
          threadBytes: 0,
          batchSamples,
        });
        expect(seen.plain).toBeGreaterThan(1000);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  /** Starts a thread that only does what `work` makes it do. */
  function threadsThat(work: (options: ThreadOptions) => void): {
    threads: Threads;
    ended: () => boolean;
  } {
    let isEnded = false;
    const start = (options: ThreadOptions): Thread => {
      work(options);
      return {
        post() {},
        postAside() {},
        async end() {
          isEnded = true;
        },
      };
    };
    return { threads: { start }, ended: () => isEnded };
  }

  async function replayWith(threads: Threads, signal?: AbortSignal): Promise<unknown> {
    const files = new MemoryFileSystem();
    await writeLog(files, '/wal', [{ kind: 'series', walId: 1, flat: label('a') }]);
    return replayWal({
      files,
      folder: '/wal',
      head: new Head(RANGE_MS),
      clock: new VirtualClock(START),
      logger: new Lines(),
      threads,
      threadBytes: 0,
      ...(signal && { signal }),
    });
  }

  it('fails when its thread does, and says why', async () => {
    const { threads, ended } = threadsThat(({ onEnd }) => onEnd({ kind: 'outOfMemory' }));
    await expect(replayWith(threads)).rejects.toThrow('its thread needed too much memory');
    expect(ended()).toBe(true);
    const said = threadsThat(({ onMessage }) => onMessage({ kind: 'failed', message: 'no luck' }));
    await expect(replayWith(said.threads)).rejects.toThrow('the write-ahead log could not be read: no luck');
  });

  it('ends its thread when it is broken off', async () => {
    const ending = new AbortController();
    const { threads, ended } = threadsThat(() => {
      queueMicrotask(() => ending.abort(new Error('stopped')));
    });
    await expect(replayWith(threads, ending.signal)).rejects.toThrow('stopped');
    expect(ended()).toBe(true);
  });
});
