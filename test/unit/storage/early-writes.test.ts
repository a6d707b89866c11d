import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { testText } from '../../../src/core/histogram/text.ts';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import type { Registry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import type { FileFault } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { AppendOutcome, SampleBuffer } from '../../../src/storage/seam.ts';
import type { Appender, SampleStorage } from '../../../src/storage/seam.ts';
import { isStale, staleMarker } from '../../../src/storage/stale.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';
import type { TsdbOptions } from '../../../src/storage/tsdb/index.ts';
import { listWal, walFiles } from '../../../src/storage/tsdb/wal/wal-folder.ts';
import { readSegment } from '../../../src/storage/tsdb/wal/wal-reader.ts';
import { readRecord } from '../../../src/storage/tsdb/wal/wal-records.ts';
import { holdFiles, isSegment } from '../../support/held-files.ts';
import type { HeldFiles } from '../../support/held-files.ts';

const HOUR_MS = 3600_000;
const START = 1_700_000_000_000 - (1_700_000_000_000 % (2 * HOUR_MS));

/** A folder that outlives the processes that use it. */
class Folder {
  readonly files = new MemoryFileSystem();
  readonly clock = new VirtualClock(START);
  registry: Registry = createRegistry();
  #held: HeldFiles | undefined;
  #runs = 0;

  options(more: Partial<TsdbOptions> = {}): TsdbOptions {
    this.registry = createRegistry();
    return {
      files: this.files,
      path: '/data',
      clock: this.clock,
      logger: silentLogger,
      registry: this.registry,
      random: new SeededRandom(++this.#runs),
      retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
      maxExemplars: 100,
      lock: undefined,
      ...more,
    };
  }

  /** An engine of a new process; the one before is dead, if it was not closed. */
  async open(more: Partial<TsdbOptions> = {}): Promise<Tsdb> {
    const { tsdb, held } = await this.begin(more);
    held.release();
    try {
      await tsdb.ready;
    } catch (error) {
      await tsdb.close();
      throw error;
    }
    return tsdb;
  }

  /** As {@link open}, but it cannot read its log before that is released. */
  async begin(more: Partial<TsdbOptions> = {}): Promise<{ readonly tsdb: Tsdb; readonly held: HeldFiles }> {
    this.#held?.kill();
    const held = holdFiles(this.files, isSegment);
    this.#held = held;
    return { tsdb: await Tsdb.begin(this.options({ files: held.files, ...more })), held };
  }

  async metric(name: string): Promise<number> {
    return (await this.registry.getSingleMetric(name)!.get()).values[0]!.value;
  }
}

const series = (pod: string): Labels => Labels.fromObject({ __name__: 'm', pod });

async function add(
  storage: SampleStorage,
  tMs: number,
  pods: Readonly<Record<string, number>>,
): Promise<void> {
  const appender = storage.appender(tMs);
  for (const [pod, value] of Object.entries(pods)) appender.append(appender.series(series(pod)), tMs, value);
  await appender.commit();
}

/** Everything lies in the zero bucket. */
function histogramOf(count: number): FloatHistogram {
  return new FloatHistogram({ zeroThreshold: 0.001, zeroCount: count, count, sum: count });
}

type Dump = Record<string, [number, number][]>;

async function dump(storage: SampleStorage): Promise<Dump> {
  const querier = storage.querier(-Infinity, Infinity);
  const cursor = await querier.select([], { minMs: -Infinity, maxMs: Infinity, limit: 0 });
  const into = new SampleBuffer();
  const all: Dump = {};
  while (cursor.next()) {
    cursor.read(-Infinity, Infinity, into);
    all[cursor.labels().get('pod')] = Array.from({ length: into.length }, (_, i) => [
      into.timestamps[i]! - START,
      into.values[i]!,
    ]);
  }
  querier.close();
  return all;
}

describe('while the log is read', () => {
  it('takes samples of known and new series, which are there afterwards and after the next start', async () => {
    const folder = new Folder();
    const before = await folder.open();
    await add(before, START, { a: 1, b: 2 });
    await before.close();
    const { tsdb, held } = await folder.begin();
    const appender = tsdb.appender(START + 1000);
    const refs = ['a', 'new'].map((pod) => appender.series(series(pod)));
    const outcomes = new Uint8Array(2);
    expect(
      appender.appendColumn(
        Uint32Array.from(refs),
        Float64Array.of(10, staleMarker),
        2,
        START + 1000,
        outcomes,
      ),
    ).toBe(0);
    await appender.commit();
    await add(tsdb, START + 2000, { new: 5 });
    expect((await dump(tsdb))['a']).toBeUndefined();
    expect(tsdb.replay.samples).toBe(0);
    held.release();
    await tsdb.ready;
    expect(tsdb.replay).toMatchObject({ samples: 2, damagedSegments: 0 });
    const all: Dump = {
      a: [
        [0, 1],
        [1000, 10],
      ],
      b: [[0, 2]],
      new: [
        [1000, NaN],
        [2000, 5],
      ],
    };
    expect(await dump(tsdb)).toEqual(all);
    // Whoever cached a ref goes on with it.
    const next = tsdb.appender(START + 3000);
    expect(refs.map((ref) => next.isLive(ref))).toEqual([true, true]);
    expect(next.append(refs[0]!, START + 3000, 11)).toBe(AppendOutcome.stored);
    await next.commit();
    all['a']!.push([3000, 11]);
    expect(await dump(tsdb)).toEqual(all);
    await tsdb.close();
    const again = await folder.open();
    expect(await dump(again)).toEqual(all);
    expect(again.replay.unknownSamples).toBe(0);
    const querier = again.querier(START, START + 1000);
    const cursor = await querier.select([new Matcher('pod', '=', 'new')], {
      minMs: START,
      maxMs: START + 1000,
      limit: 0,
    });
    const into = new SampleBuffer();
    cursor.next();
    cursor.read(START, START + 1000, into);
    expect(isStale(into.values[0]!)).toBe(true);
    querier.close();
    await again.close();
  });

  it('loses nothing that was committed when it is killed, again and again', async () => {
    const folder = new Folder();
    const first = await folder.open();
    await add(first, START, { a: 0 });
    for (let kill = 1; kill <= 4; kill++) {
      const { tsdb } = await folder.begin();
      await add(tsdb, START + kill * 1000, { a: kill, [`only${kill}`]: kill });
    }
    const again = await folder.open();
    expect(await dump(again)).toEqual({
      a: [0, 1, 2, 3, 4].map((i) => [i * 1000, i]),
      ...Object.fromEntries([1, 2, 3, 4].map((i) => [`only${i}`, [[i * 1000, i]]])),
    });
    expect(again.replay.unknownSamples).toBe(0);
    await again.close();
  });

  it('comes to an end however quickly commits follow one another', async () => {
    const folder = new Folder();
    await add(await folder.open(), START, { a: 0 });
    const { tsdb, held } = await folder.begin();
    let isRead = false;
    let tMs = START;
    const writing = (async () => {
      while (!isRead) await add(tsdb, (tMs += 1000), { a: 1 });
    })();
    held.release();
    await tsdb.ready;
    isRead = true;
    await writing;
    const { a } = await dump(tsdb);
    expect(a?.length).toBe((tMs - START) / 1000 + 1);
    const again = await folder.open();
    expect((await dump(again))['a']).toEqual(a);
  });

  it('takes histograms, starts, exemplars and metadata, in the order in which they come', async () => {
    const folder = new Folder();
    await add(await folder.open(), START, { a: 0 });
    const histogram = histogramOf(3);
    const run = async (appender: Appender, from: number): Promise<void> => {
      const ref = appender.series(series('a'));
      appender.updateMetadata?.(ref, { type: 'counter', unit: 's', help: `from ${from}` });
      appender.append(ref, START + from, 1);
      appender.appendRich(ref, START + from + 1, { value: 0, histogram, startMs: 0 });
      appender.append(ref, START + from + 2, 3);
      appender.appendRich(ref, START + from + 3, { value: 4, histogram: undefined, startMs: START });
      appender.appendRich(ref, START + from + 4, { value: 0, histogram, startMs: START });
      appender.appendExemplar?.(ref, {
        labels: Labels.fromObject({ trace: `t${from}`, empty: '' }),
        value: 1,
        timestampMs: START + from,
        hasTimestamp: true,
      });
      await appender.commit();
    };
    const { tsdb, held } = await folder.begin();
    await run(tsdb.appender(START + 10), 10);
    // Committed after the end, begun before it.
    const late = tsdb.appender(START + 20);
    late.series(series('a'));
    held.release();
    await tsdb.ready;
    await run(late, 20);
    const check = async (engine: Tsdb): Promise<void> => {
      const querier = engine.querier(START, START + 100);
      const cursor = await querier.select([], { minMs: START, maxMs: START + 100, limit: 0 });
      const into = new SampleBuffer();
      expect(cursor.next()).toBe(true);
      cursor.read(START, START + 100, into);
      expect([...into.timestamps.subarray(0, into.length)].map((tMs) => tMs - START)).toEqual([
        0, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24,
      ]);
      expect([...into.values.subarray(0, into.length)]).toEqual([0, 1, NaN, 3, 4, NaN, 1, NaN, 3, 4, NaN]);
      for (const at of [2, 5, 7, 10]) expect(into.histograms?.[at]?.count).toBe(3);
      expect([...into.starts!.subarray(0, into.length)].map((ms) => (ms === 0 ? 0 : 1))).toEqual([
        0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1,
      ]);
      querier.close();
      const [found] = engine.exemplars.select(START, START + 100, [[new Matcher('pod', '=', 'a')]]);
      expect(found?.exemplars.map(({ labels }) => labels.toObject())).toEqual([
        { trace: 't10' },
        { trace: 't20' },
      ]);
    };
    await check(tsdb);
    await tsdb.close();
    const again = await folder.open();
    await check(again);
    await again.close();
  });

  it('counts what the head then refuses, and leaves it out', async () => {
    const folder = new Folder();
    await add(await folder.open(), START + 10_000, { a: 1, b: 1 });
    const { tsdb, held } = await folder.begin();
    await add(tsdb, START + 5000, { a: 2 });
    await add(tsdb, START + 10_000, { b: 3 });
    const appender = tsdb.appender(START);
    const ref = appender.series(series('a'));
    expect(appender.append(ref, START + 601_000, 1)).toBe(AppendOutcome.tooFarAhead);
    expect(
      appender.appendRich(ref, START, {
        value: 0,
        histogram: histogramOf(-1),
        startMs: 0,
      }),
    ).toBe(AppendOutcome.malformed);
    appender.rollback();
    held.release();
    await tsdb.ready;
    expect(await dump(tsdb)).toEqual({ a: [[10_000, 1]], b: [[10_000, 1]] });
    expect(await folder.metric('prometheus_tsdb_out_of_order_samples_total')).toBe(1);
    expect(await folder.metric('tocsin_tsdb_duplicate_samples_total')).toBe(1);
    expect(await folder.metric('tocsin_tsdb_too_far_ahead_samples_total')).toBe(1);
    expect(await folder.metric('prometheus_tsdb_head_samples_appended_total')).toBe(0);
  });

  it('takes what is out of order when there is a window for it, into its log too', async () => {
    const folder = new Folder();
    await add(await folder.open(), START + 10_000, { a: 1 });
    const { tsdb, held } = await folder.begin();
    tsdb.setOutOfOrderWindow(HOUR_MS);
    await add(tsdb, START + 5000, { a: 2 });
    held.release();
    await tsdb.ready;
    const all: Dump = {
      a: [
        [5000, 2],
        [10_000, 1],
      ],
    };
    expect(await dump(tsdb)).toEqual(all);
    await tsdb.close();
    const again = await folder.open();
    expect(await dump(again)).toEqual(all);
    await again.close();
  });

  it.each([0, HOUR_MS])(
    'puts a zero where a counter began only before all else (window %d)',
    async (windowMs) => {
      const folder = new Folder();
      await add(await folder.open(), START + 10_000, { old: 1 });
      const { tsdb, held } = await folder.begin();
      tsdb.setOutOfOrderWindow(windowMs);
      for (const at of [20_000, 30_000]) {
        const appender = tsdb.appender(START + at);
        for (const pod of ['old', 'new']) {
          const ref = appender.series(series(pod));
          appender.appendStartZero(ref, START + 5000, START + at);
          appender.append(ref, START + at, at);
        }
        await appender.commit();
      }
      const late = tsdb.appender(START + 40_000);
      late.appendStartZero(late.series(series('late')), START + 35_000, START + 40_000);
      late.append(late.series(series('late')), START + 40_000, 40_000);
      held.release();
      await tsdb.ready;
      await late.commit();
      const all: Dump = {
        late: [
          [35_000, 0],
          [40_000, 40_000],
        ],
        new: [
          [5000, 0],
          [20_000, 20_000],
          [30_000, 30_000],
        ],
        old: [
          [10_000, 1],
          [20_000, 20_000],
          [30_000, 30_000],
        ],
      };
      expect(await dump(tsdb)).toEqual(all);
      expect(await folder.metric('prometheus_tsdb_out_of_order_samples_total')).toBe(0);
      await tsdb.close();
      const again = await folder.open();
      expect(await dump(again)).toEqual(all);
      await again.close();
    },
  );
});

describe('a start that does not end', () => {
  it('is broken off by a close, which loses nothing', async () => {
    const folder = new Folder();
    const before = await folder.open({ walSegmentBytes: 32 * 1024 });
    for (let i = 0; i < 400; i++) {
      const pods = Object.fromEntries(Array.from({ length: 40 }, (_, j) => [`p${j}`, Math.sin(i * 40 + j)]));
      await add(before, START + i * 1000, pods);
    }
    await before.close();
    const expected = await dump(await folder.open());
    const { tsdb, held } = await folder.begin();
    await add(tsdb, START + 500_000, { p1: 7 });
    const closed = tsdb.close();
    held.release();
    await closed;
    await expect(tsdb.ready).rejects.toThrow('interrupted');
    expect(held.asked.length).toBe(1);
    expected['p1']!.push([500_000, 7]);
    const again = await folder.open();
    expect(await dump(again)).toEqual(expected);
    await again.close();
  });

  it('with everything, because the disk does not give it, keeps what came meanwhile for the next one', async () => {
    const folder = new Folder();
    await add(await folder.open(), START, { a: 1 });
    const { tsdb, held } = await folder.begin();
    await add(tsdb, START + 1000, { a: 2 });
    folder.files.fault = ({ kind, path }) =>
      kind === 'read' && isSegment(path) ? { code: 'EIO' } : undefined;
    held.release();
    await tsdb.ready;
    await tsdb.close();
    const still = await folder.open();
    expect(await dump(still)).toEqual({});
    await still.close();
    folder.files.fault = undefined;
    const again = await folder.open();
    expect(await dump(again)).toEqual({
      a: [
        [0, 1],
        [1000, 2],
      ],
    });
    await again.close();
  });

  it('rejects commits while the disk is full, and goes on when it has room', async () => {
    const folder = new Folder();
    await add(await folder.open(), START, { a: 1 });
    const { tsdb, held } = await folder.begin();
    folder.files.fault = ({ kind }) => (kind === 'append' ? { code: 'ENOSPC', writtenBytes: 9 } : undefined);
    await expect(add(tsdb, START + 1000, { a: 2, b: 2 })).rejects.toThrow('ENOSPC');
    folder.files.fault = undefined;
    await add(tsdb, START + 2000, { a: 3, b: 3 });
    held.release();
    await tsdb.ready;
    const all: Dump = {
      a: [
        [0, 1],
        [2000, 3],
      ],
      b: [[2000, 3]],
    };
    expect(await dump(tsdb)).toEqual(all);
    const again = await folder.open();
    expect(await dump(again)).toEqual(all);
  });
});

/** Numbers by which a file of the log names series. */
async function numbersIn(files: MemoryFileSystem, paths: readonly string[]): Promise<Map<string, number[]>> {
  const numbers = new Map<string, number[]>();
  const nothing = (): void => undefined;
  for (const path of paths) {
    await readSegment(
      files,
      path,
      (record) => {
        readRecord(record, {
          series: (walId, flat) => {
            const pod = flat[flat.indexOf('pod') + 1]!;
            numbers.set(pod, [...(numbers.get(pod) ?? []), walId]);
          },
          sample: nothing,
          rich: nothing,
          exemplar: nothing,
          metadata: nothing,
          tombstone: nothing,
        });
      },
      async () => {},
    );
  }
  return numbers;
}

describe('what a start has left that did not end', () => {
  it('is read up to where it is torn, and that is said', async () => {
    const folder = new Folder();
    await add(await folder.open(), START, { a: 0 });
    const first = await folder.begin();
    await add(first.tsdb, START + 1000, { a: 1 });
    await add(first.tsdb, START + 2000, { a: 2 });
    folder.files.corrupt('/data/early/00000000', (bytes) => bytes.subarray(0, -3));
    const second = await folder.begin();
    await add(second.tsdb, START + 3000, { a: 3 });
    const lines: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, message: string) => void lines.push(message) };
    const again = await folder.open({ logger });
    expect(lines.join()).toContain('is left out: the segment ends within a record');
    expect(await dump(again)).toEqual({
      a: [
        [0, 0],
        [1000, 1],
        [3000, 3],
      ],
    });
    await again.close();
  });

  it('is taken again when it could not be removed, which changes nothing', async () => {
    const folder = new Folder();
    await add(await folder.open(), START, { a: 0 });
    const { tsdb } = await folder.begin();
    await add(tsdb, START + 1000, { a: 1, b: 1 });
    await add(tsdb, START + 2000, { a: 2 });
    const all: Dump = {
      a: [
        [0, 0],
        [1000, 1],
        [2000, 2],
      ],
      b: [[1000, 1]],
    };
    for (let start = 0; start < 3; start++) {
      folder.files.fault = ({ kind, path }) =>
        start < 2 && kind === 'remove' && path === '/data/early' ? { code: 'EIO' } : undefined;
      expect(await dump(await folder.open())).toEqual(all);
      expect(folder.files.paths().some((path) => path.startsWith('/data/early/'))).toBe(start < 2);
    }
  });
});

describe('the log after a start', () => {
  it('names each series once, as Prometheus needs it, and has what came meanwhile', async () => {
    const folder = new Folder();
    const pods = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`p${i}`, i]));
    await add(await folder.open(), START, pods);
    for (let kill = 1; kill <= 3; kill++) {
      const { tsdb } = await folder.begin();
      await add(tsdb, START + kill * 1000, { ...pods, [`new${kill}`]: 1 });
    }
    const isEarly = (path: string): boolean => path.startsWith('/data/early/');
    expect(folder.files.paths().filter(isEarly).length).toBe(3);
    const { tsdb, held } = await folder.begin();
    await add(tsdb, START + 4000, { ...pods, new4: 1 });
    held.release();
    await tsdb.ready;
    await add(tsdb, START + 5000, { ...pods, new4: 2, new5: 1 });
    expect(folder.files.paths().filter(isEarly)).toEqual([]);
    const found = await listWal(folder.files, '/data/wal');
    const numbers = await numbersIn(folder.files, await walFiles(folder.files, '/data/wal', found));
    expect(numbers.size).toBe(25);
    for (const [pod, list] of numbers) expect([pod, list.length]).toEqual([pod, 1]);
    expect(new Set([...numbers.values()].flat()).size).toBe(25);
    const again = await folder.open();
    const all = await dump(again);
    expect(all).toEqual(await dump(tsdb));
    expect(all['p7']).toEqual([0, 1, 2, 3, 4, 5].map((i) => [i * 1000, 7]));
    expect(all['new2']).toEqual([[2000, 1]]);
    expect(again.replay.samples).toBe(20 * 6 + 6);
  });
});

describe('a disk that fails while the log is read', () => {
  const commit = fc.record({
    pods: fc.uniqueArray(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 60 }),
    fault: fc.option(
      fc.record({
        kind: fc.constantFrom('append', 'truncate', 'open', 'sync'),
        code: fc.constantFrom<FileFault['code']>('ENOSPC', 'EIO'),
        writtenBytes: fc.nat(1000),
        after: fc.nat(1),
      }),
      { nil: undefined, freq: 2 },
    ),
    /** What becomes of the process then. */
    outcome: fc.constantFrom(
      'goes on',
      'goes on',
      'is killed',
      'has read the log',
      'has read the log and could not write',
    ),
  });

  it('keeps everything that a commit resolved for, and nothing that nobody committed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(commit, { minLength: 3, maxLength: 15 }), async (commits) => {
        const folder = new Folder();
        const small = { walSegmentBytes: 32 * 1024 };
        const acknowledged: string[] = [];
        const tried = new Set<string>(['first -1000']);
        // So that there is something to read.
        await add(await folder.open(small), START - 1000, { first: 1 });
        let { tsdb, held } = await folder.begin(small);
        for (const [tick, { pods, fault, outcome }] of commits.entries()) {
          let asked = 0;
          folder.files.fault = ({ kind, path }) =>
            kind === fault?.kind && /\/(wal|early)\/\d+$/.test(path) && asked++ >= fault.after
              ? fault
              : undefined;
          const keys = pods.map((pod) => `p${pod} ${tick * 1000}`);
          for (const key of keys) tried.add(key);
          const isLogged = await add(
            tsdb,
            START + tick * 1000,
            Object.fromEntries(pods.map((pod) => [`p${pod}`, pod])),
          ).then(
            () => true,
            () => false,
          );
          if (isLogged) acknowledged.push(...keys);
          folder.files.fault = undefined;
          if (outcome === 'is killed') ({ tsdb, held } = await folder.begin(small));
          else if (outcome !== 'goes on') {
            folder.files.fault = ({ kind, path }) =>
              outcome === 'has read the log and could not write' && kind === 'append' && isSegment(path)
                ? { code: 'ENOSPC' }
                : undefined;
            held.release();
            await tsdb.ready;
            folder.files.fault = undefined;
          }
        }
        const last = await folder.open();
        const found = new Set(
          Object.entries(await dump(last)).flatMap(([pod, samples]) =>
            samples.map(([tMs]) => `${pod} ${tMs}`),
          ),
        );
        expect(acknowledged.filter((key) => !found.has(key))).toEqual([]);
        expect([...found].filter((key) => !tried.has(key))).toEqual([]);
        expect(last.replay.unknownSamples).toBe(0);
        await last.close();
      }),
      { numRuns: 100 },
    );
  });
});

describe('any sequence of starts, kills and commits', () => {
  const commit = fc.record({
    kind: fc.constant('commit' as const),
    pods: fc.uniqueArray(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 6 }),
    isKept: fc.boolean(),
  });
  const step = fc.oneof(
    { weight: 6, arbitrary: commit },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('begin' as const) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('finish' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('hours' as const) }) },
  );

  it('gives what a plain map has', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 40 }), async (steps) => {
        const folder = new Folder();
        const expected: Dump = {};
        let { tsdb, held } = await folder.begin({ walSegmentBytes: 32 * 1024 });
        /** Committed when the log was perhaps read. */
        let open: { appender: Appender; pods: number[]; tMs: number } | undefined;
        let tMs = START;
        const note = (pods: readonly number[], atMs: number): void => {
          for (const pod of pods) (expected[`p${pod}`] ??= []).push([atMs - START, pod]);
        };
        const begin = async (): Promise<void> => {
          open = undefined;
          ({ tsdb, held } = await folder.begin({ walSegmentBytes: 32 * 1024 }));
        };
        for (const each of steps) {
          if (each.kind === 'begin') await begin();
          else if (each.kind === 'finish') {
            held.release();
            await tsdb.ready;
            expect(await dump(tsdb)).toEqual(expected);
          } else if (each.kind === 'close') {
            open?.appender.rollback();
            held.release();
            await tsdb.close();
            await begin();
          } else if (each.kind === 'hours') {
            tMs += 4 * HOUR_MS;
            if (tsdb.replay.nextSegment > 0 && open === undefined) await tsdb.maintain();
          } else {
            tMs += 1000;
            if (open !== undefined) {
              await open.appender.commit();
              note(open.pods, open.tMs);
              open = undefined;
            }
            const appender = tsdb.appender(tMs);
            for (const pod of each.pods) appender.append(appender.series(series(`p${pod}`)), tMs, pod);
            if (each.isKept) open = { appender, pods: each.pods, tMs };
            else {
              await appender.commit();
              note(each.pods, tMs);
            }
          }
        }
        const last = await folder.open();
        expect(await dump(last)).toEqual(expected);
        expect(last.replay.unknownSamples).toBe(0);
        await last.close();
      }),
      { numRuns: 150 },
    );
  });
});

describe('a histogram whose start is told while the log is read', () => {
  it.each([false, true])('begins with an empty one (late %s)', async (isLate) => {
    const folder = new Folder();
    const { tsdb, held } = await folder.begin();
    const histogram = new FloatHistogram({
      count: 3,
      schema: 2,
      zeroThreshold: 0.5,
      positiveSpans: Int32Array.of(1, 1),
      positiveBuckets: Float64Array.of(3),
    });
    const appender = tsdb.appender(START + 20_000);
    const ref = appender.series(series('new'));
    appender.appendStartZero(ref, START + 5000, START + 20_000, histogram);
    appender.appendRich(ref, START + 20_000, { value: 0, histogram, startMs: 0 });
    if (!isLate) await appender.commit();
    held.release();
    await tsdb.ready;
    if (isLate) await appender.commit();
    const expected = [
      [5000, '{{schema:2 z_bucket_w:0.5}}'],
      [20_000, expect.stringContaining('{{schema:2 count:3 z_bucket_w:0.5')],
    ];
    const shown = async (storage: SampleStorage): Promise<unknown[]> => {
      const querier = storage.querier(-Infinity, Infinity);
      const cursor = await querier.select([], { minMs: -Infinity, maxMs: Infinity, limit: 0 });
      const into = new SampleBuffer();
      expect(cursor.next()).toBe(true);
      cursor.read(-Infinity, Infinity, into);
      querier.close();
      return Array.from({ length: into.length }, (_, i) => [
        into.timestamps[i]! - START,
        testText(into.histograms![i]!),
      ]);
    };
    expect(await shown(tsdb)).toEqual(expected);
    await tsdb.close();
    const again = await folder.open();
    expect(await shown(again)).toEqual(expected);
    await again.close();
  });
});
