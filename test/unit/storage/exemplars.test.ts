import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { ExemplarOutcome } from '../../../src/storage/seam.ts';
import type { Exemplar, SeriesExemplars } from '../../../src/storage/seam.ts';
import { ExemplarStore } from '../../../src/storage/tsdb/head/exemplar-store.ts';
import { MetadataStore } from '../../../src/storage/tsdb/head/metadata-store.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';

const NOW = 1_700_006_400_000;
const EVERYTHING = [[new Matcher('__name__', '=~', '.+')]];

function exemplar(timestampMs: number, value = 1, trace = 'a', hasTimestamp = true): Exemplar {
  return { labels: Labels.fromObject({ trace_id: trace }), value, timestampMs, hasTimestamp };
}

function seriesOf(ref: number): Labels {
  return Labels.fromObject({ __name__: 'm', n: String(ref) });
}

function add(store: ExemplarStore, ref: number, given: Exemplar): ExemplarOutcome {
  return store.add(ref, () => seriesOf(ref), given);
}

function times(found: readonly SeriesExemplars[]): (readonly [string, readonly number[]])[] {
  return found.map(({ labels, exemplars }) => [
    labels.get('n'),
    exemplars.map(({ timestampMs }) => timestampMs),
  ]);
}

function all(store: ExemplarStore): (readonly [string, readonly number[]])[] {
  return times(store.select(-Infinity, Infinity, EVERYTHING));
}

describe('the store of exemplars', () => {
  it('takes the place of the oldest arrival when it is full', () => {
    const store = new ExemplarStore(3);
    for (const [ref, tMs] of [
      [1, 10],
      [2, 5],
      [1, 20],
      [1, 30],
    ] as const)
      expect(add(store, ref, exemplar(tMs))).toBe(ExemplarOutcome.stored);
    expect(all(store)).toEqual([
      ['1', [20, 30]],
      ['2', [5]],
    ]);
    add(store, 1, exemplar(40));
    expect(all(store)).toEqual([['1', [20, 30, 40]]]);
    expect(store.figures).toMatchObject({ appended: 5, stored: 3, series: 1, capacity: 3, lastMs: 20 });
  });

  it.each([
    ['the same again', exemplar(10, 5, 'b'), ExemplarOutcome.stored, 1],
    ['the same without a time', exemplar(99, 5, 'b', false), ExemplarOutcome.outOfOrder, 2],
    ['an older one', exemplar(9, 7, 'b'), ExemplarOutcome.outOfOrder, 1],
    ['a lower value at the same time', exemplar(10, 4, 'b'), ExemplarOutcome.outOfOrder, 1],
    ['a higher value at the same time', exemplar(10, 6, 'b'), ExemplarOutcome.stored, 2],
    ['other labels before at the same time', exemplar(10, 5, 'a'), ExemplarOutcome.outOfOrder, 1],
    ['other labels after at the same time', exemplar(10, 5, 'c'), ExemplarOutcome.stored, 2],
    ['labels that are too long', exemplar(11, 5, 'x'.repeat(121)), ExemplarOutcome.refused, 1],
    ['labels that just fit', exemplar(11, 5, '\u{1F600}'.repeat(120)), ExemplarOutcome.stored, 2],
  ])('judges %s', (_name, given, outcome, kept) => {
    const store = new ExemplarStore(10);
    add(store, 1, exemplar(10, 5, 'b'));
    const isUntimed = !given.hasTimestamp;
    expect(add(store, 1, given)).toBe(isUntimed ? ExemplarOutcome.stored : outcome);
    expect(store.figures.stored).toBe(kept);
  });

  it('does not tell two exemplars without a time of their own apart by time', () => {
    const store = new ExemplarStore(10);
    add(store, 1, exemplar(10, 5, 'b', false));
    add(store, 1, exemplar(25, 5, 'b', false));
    expect(all(store)).toEqual([['1', [10]]]);
  });

  it('takes late ones within the window, in their place', () => {
    const store = new ExemplarStore(10);
    store.outOfOrderWindowMs = 50;
    for (const tMs of [100, 80, 90, 80]) expect(add(store, 1, exemplar(tMs))).toBe(ExemplarOutcome.stored);
    expect(add(store, 1, exemplar(50))).toBe(ExemplarOutcome.outOfOrder);
    expect(all(store)).toEqual([['1', [80, 90, 100]]]);
  });

  it('has as many as arrived last, each series in order of time, whatever comes and however it is resized', () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 60 })) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 8 }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 0, max: 40 }), (steps, windowMs) => {
        const store = new ExemplarStore(5);
        store.outOfOrderWindowMs = windowMs;
        let capacity = 5;
        let kept: { readonly ref: number; readonly tMs: number }[] = [];
        for (const step of steps) {
          if (typeof step === 'number') store.resize((capacity = step));
          else {
            const [ref, tMs] = step;
            const before = store.figures.appended;
            add(store, ref, exemplar(tMs));
            if (store.figures.appended > before) kept.push({ ref, tMs });
          }
          kept = capacity === 0 ? [] : kept.slice(-capacity);
          const expected = [1, 2, 3, 4]
            .map((ref) => [
              String(ref),
              kept
                .filter((one) => one.ref === ref)
                .map(({ tMs }) => tMs)
                .sort((a, b) => a - b),
            ])
            .filter(([, found]) => found!.length > 0);
          expect(all(store)).toEqual(expected);
          expect(store.figures).toMatchObject({ stored: kept.length, series: expected.length });
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the store of metadata', () => {
  it('keeps each description once and forgets those that nobody has', () => {
    const store = new MetadataStore();
    const counter = { type: 'counter', unit: '', help: 'h' };
    store.set(0, 1, counter);
    store.set(5000, 2, counter);
    expect(store.size).toBe(1);
    expect(store.isNew(0, 1, counter)).toBe(false);
    expect(store.get(0, 9)).toBeUndefined();
    store.set(0, 9, { ...counter, help: 'other' });
    store.set(5000, 2, { ...counter, help: 'other' });
    expect(store.size).toBe(1);
    expect(store.get(5000, 2)?.help).toBe('other');
  });
});

describe('exemplars and metadata of the engine', () => {
  const opened: Tsdb[] = [];
  afterEach(async () => {
    for (const tsdb of opened.splice(0)) await tsdb.close();
  });

  async function open(files: MemoryFileSystem): Promise<Tsdb> {
    const tsdb = await Tsdb.open({
      files,
      path: '/data',
      clock: new VirtualClock(NOW),
      logger: silentLogger,
      registry: createRegistry(),
      random: new SeededRandom(1),
      retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
      maxExemplars: 10,
      lock: undefined,
    });
    opened.push(tsdb);
    return tsdb;
  }

  it('shows exemplars after the commit, none after a rollback, and the same after a start', async () => {
    const files = new MemoryFileSystem();
    const tsdb = await open(files);
    for (const isKept of [true, false]) {
      const appender = tsdb.appender(NOW);
      const ref = appender.series(seriesOf(isKept ? 1 : 2));
      appender.append(ref, NOW, 1);
      appender.appendExemplar?.(ref, exemplar(NOW - 5, 2.5, 'trace'));
      expect(tsdb.exemplars.select(0, NOW, EVERYTHING)).toHaveLength(isKept ? 0 : 1);
      if (isKept) await appender.commit();
      else appender.rollback();
    }
    const found = tsdb.exemplars.select(0, NOW, EVERYTHING);
    expect(found).toEqual([{ labels: seriesOf(1), exemplars: [exemplar(NOW - 5, 2.5, 'trace')] }]);
    await tsdb.close();
    opened.length = 0;
    const again = await open(files);
    // The log does not say whether its source gave the time.
    const replayed = [{ labels: seriesOf(1), exemplars: [exemplar(NOW - 5, 2.5, 'trace', false)] }];
    expect(again.exemplars.select(0, NOW, EVERYTHING)).toEqual(replayed);
    expect(again.exemplars.select(0, NOW - 6, EVERYTHING)).toEqual([]);
    again.exemplars.resize(0);
    expect(again.exemplars.select(0, NOW, EVERYTHING)).toEqual([]);
  });

  it('keeps all exemplars of the log, and takes none again that had no time of its own', async () => {
    const files = new MemoryFileSystem();
    const tsdb = await open(files);
    const appender = tsdb.appender(NOW);
    const timed = appender.series(seriesOf(1));
    const untimed = appender.series(seriesOf(2));
    for (const tMs of [NOW - 5, NOW - 4]) appender.appendExemplar?.(timed, exemplar(tMs));
    appender.appendExemplar?.(untimed, exemplar(NOW - 3, 1, 'a', false));
    await appender.commit();
    await tsdb.close();
    opened.length = 0;
    const again = await open(files);
    const next = again.appender(NOW);
    next.appendExemplar?.(next.series(seriesOf(2)), exemplar(NOW, 1, 'a', false));
    next.appendExemplar?.(next.series(seriesOf(1)), exemplar(NOW));
    await next.commit();
    expect(times(again.exemplars.select(0, NOW, EVERYTHING))).toEqual([
      ['1', [NOW - 5, NOW - 4, NOW]],
      ['2', [NOW - 3]],
    ]);
  });

  it('knows metadata after checkpoints and starts: what is said again is not logged again', async () => {
    const files = new MemoryFileSystem();
    const metadata = { type: 'counter', unit: 'seconds', help: 'Time spent.' };
    const HOUR_MS = 3600_000;
    let tsdb = await open(files);
    for (let hour = -9; hour <= 0; hour++) {
      const appender = tsdb.appender(NOW);
      const ref = appender.series(seriesOf(1));
      appender.append(ref, NOW + hour * HOUR_MS, hour);
      if (hour === -9) appender.updateMetadata?.(ref, metadata);
      await appender.commit();
      // Each start begins a segment.
      await tsdb.close();
      opened.length = 0;
      tsdb = await open(files);
    }
    await tsdb.maintain();
    expect(files.paths().some((path) => path.includes('/wal/checkpoint.'))).toBe(true);
    expect(files.paths()).not.toContain('/data/wal/00000000');
    await tsdb.close();
    opened.length = 0;
    const again = await open(files);
    const logged = async (help: string): Promise<number> => {
      const from = again.wal.position.offset;
      const appender = again.appender(NOW);
      appender.updateMetadata?.(appender.series(seriesOf(1)), { ...metadata, help });
      await appender.commit();
      return again.wal.position.offset - from;
    };
    expect(await logged(metadata.help)).toBe(0);
    expect(await logged('Other help.')).toBeGreaterThan(0);
  });
});
