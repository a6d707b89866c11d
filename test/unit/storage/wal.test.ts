import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { CounterResetHint, FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { areStaleBits, staleMarker } from '../../../src/storage/stale.ts';
import { crc32c } from '../../../src/storage/tsdb/crc32c.ts';
import { storedSample } from '../../../src/storage/tsdb/stored-sample.ts';
import type { StoredSample } from '../../../src/storage/tsdb/stored-sample.ts';
import { PAGE_BYTES, segmentName } from '../../../src/storage/tsdb/wal/wal-format.ts';
import { SegmentScanner, readSegment } from '../../../src/storage/tsdb/wal/wal-reader.ts';
import {
  RecordWriter,
  RichRecords,
  readRecord,
  recordTypeOf,
} from '../../../src/storage/tsdb/wal/wal-records.ts';
import type { WalCompression } from '../../../src/storage/tsdb/wal/record-compression.ts';
import type { RecordSink } from '../../../src/storage/tsdb/wal/wal-records.ts';
import { ownCounters } from '../../../src/storage/tsdb/wal/wal-counters.ts';
import { WalWriter } from '../../../src/storage/tsdb/wal/wal-writer.ts';
import { histogramText as showHistogram, histograms } from './rich-samples.ts';

const counters = ownCounters();
const noSink: RecordSink = {
  series() {},
  sample() {},
  rich() {},
  exemplar() {},
  metadata() {},
  tombstone() {},
};
const noPause = async (): Promise<void> => {};

function makeWriter(
  files: MemoryFileSystem,
  segmentBytes = 8 * PAGE_BYTES,
  compression: WalCompression = 'none',
): WalWriter {
  return new WalWriter({
    files,
    folder: '/wal',
    segment: 0,
    counters,
    monotonicMs: () => 0,
    segmentBytes,
    compression,
  });
}

const compressions = fc.constantFrom<WalCompression>('none', 'snappy', 'zstd');

async function newFolder(): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  await files.makeFolder('/wal');
  return files;
}

/** A record that can be told from others and whose content is known from its number and size. Every other one can be compressed. */
function makeRecord(number: number, size: number): Uint8Array {
  let seed = number;
  return Uint8Array.from({ length: size }, (_, i) => {
    if (i < 2) return (number >> (8 * i)) & 0xff;
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return number % 2 === 0 ? (number + i) % 251 : seed >>> 24;
  });
}

/** Records as short texts: comparing long arrays element by element is slow. */
function digest(records: readonly Uint8Array[]): string[] {
  return records.map((record) => `${record[0]} ${record.length} ${crc32c(record)}`);
}

function segments(files: MemoryFileSystem): string[] {
  return files.paths().filter((path) => /^\/wal\/\d{8}$/.test(path));
}

async function readAll(files: MemoryFileSystem): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  for (const path of segments(files)) {
    await readSegment(files, path, (record) => records.push(record.slice()), noPause);
  }
  return records;
}

function scan(bytes: Uint8Array): { records: Uint8Array[]; report: ReturnType<SegmentScanner['finish']> } {
  const records: Uint8Array[] = [];
  const scanner = new SegmentScanner((record) => records.push(record.slice()));
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) scanner.page(bytes.subarray(at, at + PAGE_BYTES));
  return { records, report: scanner.finish() };
}

const sizes = fc.array(
  fc.oneof(
    fc.integer({ min: 2, max: 300 }),
    fc.integer({ min: PAGE_BYTES - 20, max: PAGE_BYTES + 20 }),
    fc.integer({ min: 2, max: 4 * PAGE_BYTES }),
  ),
  { minLength: 1, maxLength: 12 },
);

describe('CRC32C', () => {
  it.each([
    ['', 0],
    ['a', 0xc1d04330],
    ['123456789', 0xe3069283],
    ['The quick brown fox jumps over the lazy dog', 0x22620404],
  ])('of %j', (text, sum) => {
    expect(crc32c(new TextEncoder().encode(text))).toBe(sum);
  });
});

describe('segments of the log', () => {
  it('give back what was written, over pages, segments and flushes', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(fc.boolean()), compressions, async (list, flushes, compression) => {
        const files = await newFolder();
        const writer = makeWriter(files, 8 * PAGE_BYTES, compression);
        await writer.start();
        const records = list.map((size, i) => makeRecord(i, size));
        for (const [i, record] of records.entries()) {
          writer.log(record, false);
          if (flushes[i] === true) await writer.flush();
        }
        await writer.close();
        expect(digest(await readAll(files))).toEqual(digest(records));
        for (const path of segments(files)) {
          expect((await files.stat(path))!.sizeBytes).toBeLessThanOrEqual(8 * PAGE_BYTES);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('torn at any byte give the records before it, and say so', async () => {
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.double({ min: 0, max: 1, noNaN: true }),
        compressions,
        async (list, where, compression) => {
          const files = await newFolder();
          const writer = makeWriter(files, 256 * PAGE_BYTES, compression);
          await writer.start();
          const ends: number[] = [];
          for (const [i, size] of list.entries()) {
            writer.log(makeRecord(i, size), false);
            await writer.flush();
            ends.push((await files.stat('/wal/00000000'))!.sizeBytes);
          }
          const whole = await files.readFile('/wal/00000000');
          const cut = Math.floor(where * whole.length);
          const { records, report } = scan(whole.subarray(0, cut));
          // The padding of a page belongs to the record before it, which is whole without.
          const complete = ends.filter((end) => end <= cut).length;
          expect(records.length).toBeGreaterThanOrEqual(complete);
          expect(records.length).toBeLessThanOrEqual(complete + 1);
          expect(digest(records)).toEqual(digest(records.map((_, i) => makeRecord(i, list[i]!))));
          for (const damage of report.damage) expect(damage.isTornTail).toBe(true);
          expect(report.damage.length).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('with one flipped byte lose only records that it touches', async () => {
    const flip = fc.record({ where: fc.double({ min: 0, max: 0.999, noNaN: true }), bit: fc.nat(7) });
    await fc.assert(
      fc.asyncProperty(sizes, flip, compressions, async (drawn, { where, bit }, compression) => {
        // What a log never holds: a record of three bytes that could as well be a block of snappy's.
        const list = drawn.map((size) => Math.max(size, 20));
        const files = await newFolder();
        const writer = makeWriter(files, 256 * PAGE_BYTES, compression);
        await writer.start();
        const starts: number[] = [];
        for (const [i, size] of list.entries()) {
          starts.push((await files.stat('/wal/00000000'))!.sizeBytes);
          writer.log(makeRecord(i, size), false);
          await writer.flush();
        }
        const bytes = await files.readFile('/wal/00000000');
        const at = Math.floor(where * bytes.length);
        bytes[at]! ^= 1 << bit;
        const { records } = scan(bytes);
        const got = new Set(records.map((record) => record[0]! | (record[1]! << 8)));
        for (const [i, start] of starts.entries()) {
          const end = starts[i + 1] ?? bytes.length;
          if (at < start || at >= end) expect(got.has(i)).toBe(true);
        }
        for (const record of records) {
          const number = record[0]! | (record[1]! << 8);
          expect(digest([record])).toEqual(digest([makeRecord(number, list[number]!)]));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('never fail on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const { records } = scan(bytes);
        expect(records.length).toBeLessThanOrEqual(bytes.length / 7);
      }),
      { numRuns: 300 },
    );
  });

  it('after a failed write: the next one goes into a new segment, with the series of the failed one first', async () => {
    const files = await newFolder();
    const writer = makeWriter(files);
    await writer.start();
    writer.log(makeRecord(1, 50), true);
    await writer.flush();
    files.fault = ({ kind }) => (kind === 'append' ? { code: 'ENOSPC', writtenBytes: 33 } : undefined);
    writer.log(makeRecord(2, 50), true);
    writer.log(makeRecord(3, 50), false);
    await expect(writer.flush()).rejects.toThrow('ENOSPC');
    writer.log(makeRecord(4, 50), true);
    await expect(writer.flush()).rejects.toThrow('ENOSPC');
    files.fault = undefined;
    writer.log(makeRecord(5, 50), false);
    await writer.flush();
    await writer.close();
    expect((await readAll(files)).map((record) => record[0])).toEqual([1, 2, 4, 5]);
    expect(segments(files).length).toBeGreaterThan(1);
  });

  it('are synced when they end', async () => {
    const files = await newFolder();
    const writer = makeWriter(files, PAGE_BYTES);
    await writer.start();
    writer.log(makeRecord(1, PAGE_BYTES - 100), false);
    writer.log(makeRecord(2, 500), false);
    await writer.flush();
    files.losePower();
    expect((await readAll(files)).map((record) => record[0])).toEqual([1]);
    expect(segments(files)).toEqual([`/wal/${segmentName(0)}`, `/wal/${segmentName(1)}`]);
  });
});

interface PlainSample {
  readonly walId: number;
  readonly tMs: number;
  readonly bits: bigint;
}

function plainVarint(value: bigint): number[] {
  let rest = value >= 0n ? value * 2n : -value * 2n - 1n;
  const out: number[] = [];
  while (rest >= 128n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...out, Number(rest)];
}

function plain64(value: bigint): number[] {
  const unsigned = BigInt.asUintN(64, value);
  return Array.from({ length: 8 }, (_, i) => Number((unsigned >> BigInt(56 - 8 * i)) & 255n));
}

function plainSamples(samples: readonly PlainSample[]): number[] {
  const first = samples[0]!;
  return [
    2,
    ...plain64(BigInt(first.walId)),
    ...plain64(BigInt(first.tMs)),
    ...samples.flatMap(({ walId, tMs, bits }) => [
      ...plainVarint(BigInt(walId - first.walId)),
      ...plainVarint(BigInt(tMs - first.tMs)),
      ...plain64(bits),
    ]),
  ];
}

describe('records', () => {
  const sample = fc.record({
    walId: fc.oneof(fc.nat(300), fc.integer({ min: 1, max: 2 ** 50 })),
    tMs: fc.oneof(fc.integer({ min: 1e12, max: 1e12 + 1000 }), fc.integer({ min: -(2 ** 51), max: 2 ** 51 })),
    bits: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  });

  it('of samples have the bytes of the plain version, and read back', () => {
    const writer = new RecordWriter();
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 50 }), (samples) => {
        writer.beginSamples();
        for (const { walId, tMs, bits } of samples) {
          writer.sample(walId, tMs, Number(bits & 0xffffffffn), Number(bits >> 32n));
        }
        expect([...writer.bytes]).toEqual(plainSamples(samples));
        const got: PlainSample[] = [];
        readRecord(writer.bytes, {
          ...noSink,
          sample(walId, tMs, low, high) {
            got.push({ walId, tMs, bits: (BigInt(high) << 32n) | BigInt(low) });
          },
        });
        expect(got).toEqual(samples);
      }),
    );
  });

  it('of series read back', () => {
    const writer = new RecordWriter();
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    const series = fc.record({
      walId: fc.integer({ min: 1, max: 2 ** 50 }),
      labels: fc.array(fc.tuple(text, text)),
    });
    fc.assert(
      fc.property(fc.array(series, { maxLength: 5 }), (list) => {
        writer.beginSeries();
        for (const { walId, labels } of list) writer.series(walId, labels.flat());
        const got: [number, readonly string[]][] = [];
        readRecord(writer.bytes, {
          ...noSink,
          series: (walId, flat) => got.push([walId, flat]),
        });
        expect(JSON.stringify(got)).toBe(
          JSON.stringify(list.map(({ walId, labels }) => [walId, labels.flat()])),
        );
      }),
    );
  });

  it('of exemplars, metadata and deletions read back', () => {
    const writer = new RecordWriter();
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const walId = fc.integer({ min: 1, max: 2 ** 50 });
    const time = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
    const value = fc.double({ noNaN: true });
    const flat = fc.array(fc.tuple(text, text), { maxLength: 4 }).map((pairs) => pairs.flat());
    const read = (): unknown[] => {
      const got: unknown[] = [];
      readRecord(writer.bytes, {
        ...noSink,
        exemplar: (...entry) => got.push(entry),
        metadata: (...entry) => got.push(entry),
        tombstone: (...entry) => got.push(entry),
      });
      return got;
    };
    fc.assert(
      fc.property(fc.array(fc.tuple(walId, time, value, flat), { maxLength: 5 }), (list) => {
        writer.beginExemplars();
        for (const entry of list) writer.exemplar(...entry);
        expect(read()).toEqual(list);
      }),
    );
    const type = fc.constantFrom('counter', 'gaugehistogram', 'unknown', 'stateset');
    fc.assert(
      fc.property(fc.array(fc.tuple(walId, type, text, text), { maxLength: 5 }), (list) => {
        writer.beginMetadata();
        for (const entry of list) writer.metadata(...entry);
        expect(read()).toEqual(list);
      }),
    );
    const end = fc.oneof(time, fc.constantFrom(Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER));
    fc.assert(
      fc.property(fc.array(fc.tuple(walId, end, end), { maxLength: 5 }), (list) => {
        writer.beginTombstones();
        for (const entry of list) writer.tombstone(...entry);
        expect(read()).toEqual(list);
      }),
    );
  });

  it('of metadata with more fields, and of deletions without bounds, are understood', () => {
    const got: unknown[] = [];
    const sink: RecordSink = {
      ...noSink,
      metadata: (...entry) => got.push(entry),
      tombstone: (...entry) => got.push(entry),
    };
    const word = (text: string): number[] => [text.length, ...Buffer.from(text)];
    const fields = [
      ...word('UNIT'),
      ...word('s'),
      ...word('NEW'),
      ...word('x'),
      ...word('HELP'),
      ...word('h'),
    ];
    readRecord(Uint8Array.of(6, 9, 99, 3, ...fields), sink);
    const least = plainVarint(-(1n << 63n));
    const most = plainVarint((1n << 63n) - 1n);
    readRecord(Uint8Array.of(3, ...plain64(9n), ...least, ...most), sink);
    readRecord(Uint8Array.of(5, ...plain64(9n), ...plain64(9n)), sink);
    const { MAX_SAFE_INTEGER } = Number;
    expect(got).toEqual([
      [9, 'unknown', 's', 'h'],
      [9, -MAX_SAFE_INTEGER, MAX_SAFE_INTEGER],
    ]);
  });

  it('of histograms and starts read back', () => {
    const records = new RichRecords();
    const rich = fc.record({
      walId: fc.oneof(fc.nat(300), fc.integer({ min: 1, max: 2 ** 50 })),
      tMs: fc.oneof(
        fc.integer({ min: 1e12, max: 1e12 + 1000 }),
        fc.integer({ min: -(2 ** 51), max: 2 ** 51 }),
      ),
      startMs: fc.oneof(fc.constantFrom(0, 1e12, 1e12 + 1), fc.integer({ min: -(2 ** 51), max: 2 ** 51 })),
      histogram: fc.option(histograms, { nil: undefined }),
      value: fc.oneof(fc.double(), fc.constant(staleMarker)),
    });
    fc.assert(
      fc.property(fc.array(rich, { minLength: 1, maxLength: 20 }), (list) => {
        // A float without a start goes into an ordinary record.
        const samples = list.map(({ walId, tMs, startMs, ...sample }) => ({
          walId,
          tMs,
          sample: storedSample({
            ...sample,
            startMs: sample.histogram === undefined ? startMs || 1 : startMs,
          }),
        }));
        for (const { walId, tMs, sample: stored } of samples) records.add(walId, tMs, stored);
        const got: string[] = [];
        const show = (walId: number, tMs: number, { low, high, histogram, startMs }: StoredSample): string =>
          [walId, tMs, startMs, histogram ? showHistogram(histogram) : `${high} ${low}`].join(' ');
        records.end((record) => {
          readRecord(record, {
            ...noSink,
            rich: (...args) => got.push(show(...args)),
          });
        });
        // Sorted into records by their type; the order within one stays.
        const byType = (type: number): typeof samples =>
          samples.filter(({ sample: stored }) => recordTypeOf(stored) === type);
        const types = [...new Set(samples.map(({ sample: stored }) => recordTypeOf(stored)))];
        const wanted = types.flatMap((type) => byType(type).map((s) => show(s.walId, s.tMs, s.sample)));
        expect(got.toSorted()).toEqual(wanted.toSorted());
        for (const type of types) {
          const ofType = byType(type).map((s) => show(s.walId, s.tMs, s.sample));
          expect(got.filter((text) => ofType.includes(text))).toEqual(ofType);
        }
        expect(records.isEmpty).toBe(true);
      }),
    );
  });

  it('of histograms have the bytes that Prometheus writes, and those of whole numbers are read', () => {
    const float = (value: number): number[] => [
      ...new Uint8Array(new Float64Array([value]).buffer).reverse(),
    ];
    const spans = [2, ...plainVarint(-1n), 2, ...plainVarint(3n), 1];
    const head = [3, ...plainVarint(-2n), ...float(0.5)];
    const histogram = new FloatHistogram({
      schema: -2,
      zeroThreshold: 0.5,
      zeroCount: 4,
      count: 11,
      sum: -1.5,
      positiveSpans: Int32Array.of(-1, 2, 3, 1),
      positiveBuckets: Float64Array.of(1, 4, 2),
      counterResetHint: CounterResetHint.gauge,
    });
    const sample = storedSample({ value: 0, histogram, startMs: 0 });
    const base = [...plain64(7n), ...plain64(1000n), 0, 0];
    const counts = [3, ...float(1), ...float(4), ...float(2), 0];
    const floats = [8, ...base, ...head, ...float(4), ...float(11), ...float(-1.5), ...spans, 0, ...counts];
    const records = new RichRecords();
    records.add(7, 1000, sample);
    let written: number[] = [];
    records.end((record) => {
      written = [...record];
    });
    expect(written).toEqual(floats);
    const deltas = [3, ...plainVarint(1n), ...plainVarint(3n), ...plainVarint(-2n), 0];
    const integers = [...head, 4, 11, ...float(-1.5), ...spans, 0, ...deltas];
    const withStart = [...plainVarint(7n), ...plainVarint(1000n), ...plainVarint(900n)];
    const records2 = [
      { bytes: floats, startMs: 0 },
      { bytes: [7, ...base, ...integers], startMs: 0 },
      { bytes: [12, ...withStart, ...integers], startMs: 900 },
    ];
    for (const { bytes, startMs } of records2) {
      const got: unknown[] = [];
      readRecord(Uint8Array.from(bytes), {
        ...noSink,
        rich: (walId, tMs, stored) =>
          got.push([walId, tMs, stored.startMs, showHistogram(stored.histogram!)]),
      });
      expect(got).toEqual([[7, 1000, startMs, showHistogram(histogram)]]);
    }
  });

  it('that end a series by a histogram with a stale sum give the stale marker; unknown schemas are left out', () => {
    const stale = [0x7f, 0xf0, 0, 0, 0, 0, 0, 2];
    const zeros = Array.from({ length: 8 }, () => 0);
    const empty = (schema: bigint, sum: number[]): number[] => [
      0,
      ...plainVarint(schema),
      ...zeros,
      0,
      0,
      ...sum,
      0,
      0,
      0,
      0,
    ];
    const record = [
      7,
      ...plain64(3n),
      ...plain64(50n),
      0,
      0,
      ...empty(0n, stale),
      0,
      ...plainVarint(1n),
      ...empty(99n, zeros),
      0,
      ...plainVarint(2n),
      ...empty(1n, zeros),
      0,
      ...plainVarint(3n),
      ...empty(20n, zeros),
    ];
    const got: unknown[] = [];
    readRecord(Uint8Array.from(record), {
      ...noSink,
      sample: (walId, tMs, low, high) => got.push([walId, tMs, areStaleBits(low, high)]),
      rich: (walId, tMs, { histogram }) => got.push([walId, tMs, histogram?.schema]),
    });
    expect(got).toEqual([
      [3, 50, true],
      [3, 52, 1],
      [3, 53, 8],
    ]);
  });

  it('never fail otherwise than by their own error on arbitrary bytes', () => {
    const bytes = fc
      .tuple(
        fc.constantFrom(1, 2, 3, 4, 5, 6, 0, 255, 7, 8, 9, 10, 11, 12, 13),
        fc.uint8Array({ maxLength: 100 }),
      )
      .map(([type, rest]) => Uint8Array.of(type, ...rest));
    fc.assert(
      fc.property(bytes, (record) => {
        try {
          readRecord(record, noSink);
        } catch (error) {
          expect(error).toBeInstanceOf(TocsinError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('what need not be written at once', () => {
  async function makeGathering(): Promise<{
    readonly files: MemoryFileSystem;
    readonly clock: VirtualClock;
    readonly writer: WalWriter;
    readonly counts: ReturnType<typeof ownCounters>;
  }> {
    const files = await newFolder();
    const clock = new VirtualClock(0);
    const counts = ownCounters();
    const monotonicMs = (): number => clock.monotonicMs();
    const options = { files, folder: '/wal', segment: 0, counters: counts, monotonicMs, gathers: clock };
    return { files, clock, counts, writer: new WalWriter(options) };
  }

  it('is written together after 20 ms', async () => {
    const { files, clock, writer, counts } = await makeGathering();
    const records = [1, 2, 3].map((number) => makeRecord(number, 100));
    const done: number[] = [];
    for (const [i, record] of records.entries()) {
      writer.log(record, false);
      void writer.flush('soon').then(() => done.push(i));
      await clock.advanceTo(i * 5);
    }
    await clock.advanceTo(19);
    expect(done).toEqual([]);
    await clock.advanceTo(20);
    expect(done).toEqual([0, 1, 2]);
    expect(counts.pageFlushes).toBe(1);
    expect(digest(await readAll(files))).toEqual(digest(records));
    await writer.close();
  });

  it('goes along with what must be, and does not wait for more than is large enough', async () => {
    const { files, clock, writer, counts } = await makeGathering();
    const records = [makeRecord(2, 100), makeRecord(4, 100), makeRecord(1, 200_000), makeRecord(6, 9)];
    writer.log(records[0]!, false);
    const first = writer.flush('soon');
    writer.log(records[1]!, false);
    await writer.flush();
    await first;
    expect(counts.pageFlushes).toBe(1);
    writer.log(records[2]!, false);
    await writer.flush('soon');
    expect(clock.nowMs()).toBe(0);
    writer.log(records[3]!, false);
    const last = writer.flush('soon');
    await writer.close();
    await last;
    expect(digest(await readAll(files))).toEqual(digest(records));
    expect(clock.nowMs()).toBe(0);
  });
});
