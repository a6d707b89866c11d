import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { ProtoReader } from '../../../src/core/protobuf/proto-reader.ts';
import { ProtoWriter } from '../../../src/core/protobuf/proto-writer.ts';
import { WriteRequestCursor } from '../../../src/storage/remote/proto/write-request.ts';
import { WriteRequestV2Cursor } from '../../../src/storage/remote/proto/write-request-v2.ts';
import { BytesTable } from '../../../src/storage/remote/receive/bytes-table.ts';
import { WRITE_REQUEST, WRITE_REQUEST_V2, encode } from './encode.ts';

function onlyOurError(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(TocsinError);
  }
}

function readerOf(write: (out: ProtoWriter) => void): ProtoReader {
  const out = new ProtoWriter();
  write(out);
  const reader = new ProtoReader(out.bytes.slice());
  expect(reader.next()).toBe(true);
  return reader;
}

describe('a reader of protocol buffers', () => {
  test('gives back what was written', () => {
    const field = fc.integer({ min: 1, max: 2 ** 29 - 1 });
    const whole = fc.maxSafeInteger();
    fc.assert(
      fc.property(
        field,
        whole,
        fc.double(),
        fc.string({ unit: 'grapheme' }),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        (number, n, d, text, big) => {
          expect(readerOf((out) => out.uint(number, Math.abs(n))).uint()).toBe(Math.abs(n));
          expect(readerOf((out) => out.int(number, n)).int()).toBe(n);
          expect(readerOf((out) => out.sint(number, Math.trunc(n / 4))).sint()).toBe(Math.trunc(n / 4) + 0);
          expect(readerOf((out) => out.double(number, d)).double()).toBe(d);
          expect(readerOf((out) => out.text(number, text)).text()).toBe(text);
          expect(readerOf((out) => out.doubles(number, Float64Array.of(d, 1))).field).toBe(number);
          const exact = new ProtoReader(encode({ value: [number, 'int'] }, { value: big }));
          exact.next();
          expect(exact.bigInt()).toBe(big);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('turns nanoseconds into milliseconds exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (nanos) => {
        const reader = new ProtoReader(encode({ at: [1, 'fixed64'] }, { at: nanos }));
        reader.next();
        expect(reader.fixedNanos()).toBe(Number(nanos / 1_000_000n));
      }),
      { numRuns: 500 },
    );
  });

  test('passes over groups, however deep, and over what it does not know', () => {
    const groups = [...new Array<number>(5000).fill(0x0b), ...new Array<number>(5000).fill(0x0c)];
    const reader = new ProtoReader(Uint8Array.from([...groups, 0x15, 1, 2, 3, 4, 0x10, 5]));
    const seen: number[] = [];
    while (reader.next()) {
      seen.push(reader.field);
      reader.skip();
    }
    expect(seen).toEqual([1, 2, 2]);
  });

  test.each<[what: string, bytes: number[], message: string]>([
    ['a number that does not end', [0x08, 0x80], 'ends within a number'],
    ['a number of 65 bits', [0x08, ...new Array<number>(10).fill(0xff)], 'more than 64 bits'],
    ['a text beyond the end', [0x0a, 2, 65], 'ends within a field'],
    ['field 0', [0x00, 1], 'field number is out of range'],
    ['an end without a group', [0x0c], 'wire type 4'],
    ['wire type 7', [0x0f], 'wire type 7'],
    ['a group without an end', [0x0b], 'a group does not end'],
  ])('refuses %s', (_what, bytes, message) => {
    const read = (): void => {
      const reader = new ProtoReader(Uint8Array.from(bytes));
      while (reader.next()) reader.skip();
    };
    expect(read).toThrow(message);
    expect(read).toThrow(TocsinError);
  });

  test('refuses texts that are not UTF-8, unless any will do', () => {
    const bytes = Uint8Array.from([0x0a, 1, 0xff]);
    const reader = new ProtoReader(bytes);
    reader.next();
    expect(() => reader.text()).toThrow('not valid UTF-8');
    reader.reset(bytes);
    reader.next();
    expect(reader.anyText().isWellFormed()).toBe(false);
  });
});

const label = fc.record({ name: fc.string({ maxLength: 200 }), value: fc.string({ maxLength: 60 }) });
const timestamp = fc.integer({ min: -(2 ** 52), max: 2 ** 52 });
const sample = fc.record({ value: fc.double(), timestamp });
const histogram = fc.record(
  {
    countFloat: fc.double(),
    sum: fc.double(),
    schema: fc.integer({ min: -60, max: 60 }),
    positiveSpans: fc.array(fc.record({ offset: fc.integer(), length: fc.nat() }), { maxLength: 3 }),
    positiveCounts: fc.array(fc.double(), { maxLength: 4 }),
    customValues: fc.array(fc.double(), { maxLength: 4 }),
    timestamp,
    startTimestamp: timestamp,
  },
  { requiredKeys: ['countFloat'] },
);

interface Sent {
  readonly labels: readonly { readonly name: string; readonly value: string }[];
  readonly samples: readonly { readonly value: number; readonly timestamp: number }[];
  readonly exemplars?: readonly {
    readonly labels: readonly { readonly name: string; readonly value: string }[];
    readonly value: number;
    readonly timestamp: number;
  }[];
  readonly histograms?: readonly { readonly timestamp?: number; readonly countFloat: number }[];
  readonly moreLabels?: readonly { readonly name: string; readonly value: string }[];
  readonly unknown?: string;
}

const series: fc.Arbitrary<Sent> = fc.record(
  {
    labels: fc.array(label, { maxLength: 4 }),
    samples: fc.array(sample, { maxLength: 3 }),
    exemplars: fc.array(
      fc.record({ labels: fc.array(label, { maxLength: 2 }), value: fc.double(), timestamp }),
      {
        maxLength: 2,
      },
    ),
    histograms: fc.array(histogram, { maxLength: 2 }),
    // Labels behind the samples: they do not lie together then.
    moreLabels: fc.array(label, { maxLength: 2 }),
    unknown: fc.string(),
  },
  { requiredKeys: ['labels', 'samples'] },
);

function flat(labels: Sent['labels']): string[] {
  return labels.flatMap(({ name, value }) => [name, value]);
}

describe('requests of remote write 1.0', () => {
  test('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(series, { maxLength: 4 }), (timeseries) => {
        const cursor = new WriteRequestCursor();
        const metadata = [{ type: 1, metricFamilyName: 'a', help: 'b', unit: 'c' }];
        cursor.reset(encode(WRITE_REQUEST, { metadata, timeseries }));
        for (const one of timeseries) {
          expect(cursor.next()).toBe(true);
          const { data } = cursor;
          expect(cursor.labels()).toEqual([...flat(one.labels), ...flat(one.moreLabels ?? [])]);
          expect([...data.times.subarray(0, data.samples)]).toEqual(
            one.samples.map((each) => each.timestamp),
          );
          expect([...data.values.subarray(0, data.samples)]).toEqual(one.samples.map((each) => each.value));
          expect(data.exemplars).toEqual(
            (one.exemplars ?? []).map((each) => ({
              flat: flat(each.labels),
              value: each.value,
              tMs: each.timestamp,
            })),
          );
          expect(data.histograms.map(({ tMs, histogram: { count } }) => [tMs, count])).toEqual(
            (one.histograms ?? []).map((each) => [each.timestamp ?? 0, each.countFloat]),
          );
        }
        expect(cursor.next()).toBe(false);
      }),
      { numRuns: 150 },
    );
  });

  test('keep the bits of values', () => {
    const out = new ProtoWriter();
    out.message(1, () => {
      out.message(2, () => {
        out.doubleBits(1, 2, 0x7ff00000);
        out.int(2, 1_790_000_000_000);
      });
    });
    const cursor = new WriteRequestCursor();
    cursor.reset(out.bytes);
    cursor.next();
    expect([...new Uint32Array(cursor.data.values.buffer, 0, 2)]).toEqual([2, 0x7ff00000]);
  });

  test('that are damaged throw only our error', () => {
    const timeseries = [
      {
        labels: [{ name: '__name__', value: 'a' }],
        samples: [{ value: 1, timestamp: 1_790_000_000_000 }],
        exemplars: [{ labels: [], value: 1, timestamp: 1 }],
        histograms: [{ countInt: 3, positiveSpans: [{ offset: 1, length: 1 }], positiveDeltas: [3] }],
      },
    ];
    const v2 = encode(WRITE_REQUEST_V2, {
      symbols: ['', '__name__', 'a'],
      timeseries: [{ labelsRefs: [1, 2], samples: [{ value: 1, timestamp: 5 }], metadata: { type: 1 } }],
    });
    const cursors = [new WriteRequestCursor(), new WriteRequestV2Cursor()];
    for (const whole of [encode(WRITE_REQUEST, { timeseries }), v2]) {
      const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 3 });
      fc.assert(
        fc.property(changes, fc.nat(whole.length), (all, length) => {
          const bytes = whole.slice(0, length);
          for (const [at, byte] of all) if (at < length) bytes[at] = byte;
          for (const cursor of cursors) {
            onlyOurError(() => {
              cursor.reset(bytes);
              while (cursor.next());
            });
          }
        }),
        { numRuns: 300 },
      );
    }
  });

  test('of arbitrary bytes throw only our error', () => {
    const cursors = [new WriteRequestCursor(), new WriteRequestV2Cursor()];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const cursor of cursors) {
          onlyOurError(() => {
            cursor.reset(bytes);
            while (cursor.next());
          });
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('histograms of remote write', () => {
  function first(sent: unknown): ReturnType<typeof read> {
    return read(encode(WRITE_REQUEST, { timeseries: [{ labels: [], histograms: [sent] }] }));
  }

  function read(bytes: Uint8Array): WriteRequestCursor['data']['histograms'][number] {
    const cursor = new WriteRequestCursor();
    cursor.reset(bytes);
    cursor.next();
    return cursor.data.histograms[0]!;
  }

  test('of whole numbers have their counts from the differences', () => {
    const {
      histogram: found,
      isWhole,
      tMs,
      startMs,
    } = first({
      countInt: 21,
      sum: -4.5,
      schema: -1,
      zeroThreshold: 0.25,
      zeroCountInt: 2,
      zeroCountFloat: 99,
      negativeSpans: [{ offset: -3, length: 2 }],
      negativeDeltas: [4, -1],
      negativeCounts: [7, 7],
      positiveSpans: [
        { offset: 0, length: 1 },
        { offset: 2, length: 2 },
      ],
      positiveDeltas: [5, -4, 5],
      resetHint: 2,
      timestamp: 123,
      startTimestamp: 45,
    });
    expect({ isWhole, tMs, startMs }).toEqual({ isWhole: true, tMs: 123, startMs: 45 });
    expect(found).toMatchObject({
      count: 21,
      sum: -4.5,
      schema: -1,
      zeroThreshold: 0.25,
      zeroCount: 2,
      negativeSpans: Int32Array.of(-3, 2),
      negativeBuckets: Float64Array.of(4, 3),
      positiveSpans: Int32Array.of(0, 1, 2, 2),
      positiveBuckets: Float64Array.of(5, 1, 6),
      counterResetHint: 2,
    });
  });

  test('of floats have absolute counts', () => {
    const { histogram: found, isWhole } = first({
      countFloat: 2.5,
      zeroCountInt: 9,
      zeroCountFloat: 0.5,
      schema: -53,
      positiveSpans: [{ offset: 0, length: 1 }],
      positiveDeltas: [9],
      positiveCounts: [2],
      customValues: [1, 2],
      resetHint: 77,
    });
    expect(isWhole).toBe(false);
    expect(found).toMatchObject({
      count: 2.5,
      zeroCount: 0.5,
      positiveBuckets: Float64Array.of(2),
      customValues: Float64Array.of(1, 2),
      counterResetHint: 0,
    });
  });

  test('with spans that cannot be are refused', () => {
    expect(() => first({ countInt: 1, positiveSpans: [{ offset: 0, length: 2 ** 32 - 1 }] })).toThrow(
      'has a span of',
    );
  });
});

describe('a table of bytes', () => {
  /** Keys in any order, often the same and often one after the other. */
  const keys = fc.array(fc.oneof(fc.nat(40), fc.nat(4000)), { maxLength: 300 });

  function keyOf(number: number): Uint8Array {
    return new TextEncoder().encode(
      `some bytes ${number % 7} before the number ${number}`.slice(0, 20 + (number % 30)) + number,
    );
  }

  test('knows what was put in, or nothing', () => {
    fc.assert(
      fc.property(keys, fc.boolean(), (numbers, isSmall) => {
        const table = new BytesTable(isSmall ? 96 * 1024 : 1 << 24);
        const model = new Map<number, number>();
        numbers.forEach((number, i) => {
          // The key lies somewhere in a larger array.
          const key = keyOf(number);
          const bytes = new Uint8Array(key.length + 9);
          bytes.set(key, i % 9);
          const view = new DataView(bytes.buffer);
          const from = i % 9;
          const found = table.get(bytes, view, from, from + key.length);
          if (isSmall) expect([0, model.get(number) ?? 0]).toContain(found);
          else expect(found).toBe(model.get(number) ?? 0);
          if (found === 0 || i % 5 === 0) {
            const value = i % 11 === 0 ? 0 : i + 1;
            table.set(bytes, view, from, from + key.length, value);
            model.set(number, value);
          }
        });
      }),
      { numRuns: 100 },
    );
  });

  test('forgets what was not asked for lately, and stays within its memory', () => {
    const maxBytes = 512 * 1024;
    const table = new BytesTable(maxBytes);
    const at = (number: number): [Uint8Array, DataView, number, number] => {
      const key = new TextEncoder().encode(`${number} ${'x'.repeat(100)}`);
      return [key, new DataView(key.buffer), 0, key.length];
    };
    for (let i = 1; i <= 20_000; i++) {
      table.set(...at(i), i);
      if (i % 10 === 0) expect(table.get(...at(1))).toBe(1);
      expect(table.bytes).toBeLessThanOrEqual(maxBytes);
    }
    expect(table.get(...at(2))).toBe(0);
    table.age();
    expect(table.get(...at(19_999))).toBe(19_999);
    table.age();
    expect(table.get(...at(19_998))).toBe(0);
    expect(table.get(...at(19_999))).toBe(19_999);
    table.set(...at(20_000), 20_000);
    expect(table.get(...at(20_000))).toBe(20_000);
  });
});
