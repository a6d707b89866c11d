import { beforeEach, describe, expect, test } from 'vitest';
import { snappyCompress } from '../../../src/core/compression/snappy.ts';
import { TocsinError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import {
  ExemplarOutcome,
  HeadStorage,
  SampleBuffer,
  WRITE_MESSAGES,
  WriteReceiver,
  staleMarker,
} from '../../../src/storage/index.ts';
import type {
  Appender,
  Exemplar,
  SampleStorage,
  SeriesMetadata,
  StartTimes,
  WriteAnswer,
  WriteMessage,
} from '../../../src/storage/index.ts';
import { seenInStorage } from '../storage/rich-samples.ts';
import { WRITE_REQUEST, WRITE_REQUEST_V2, encode } from './encode.ts';

const NOW = 1_790_000_000_000;
const V2 = 'application/x-protobuf;proto=io.prometheus.write.v2.Request';

let storage: HeadStorage;
let clock: VirtualClock;
let registry: ReturnType<typeof createRegistry>;
let receiver: WriteReceiver;

interface Settings {
  readonly messages?: readonly WriteMessage[];
  readonly starts?: StartTimes;
  readonly typeAndUnitLabels?: boolean;
  readonly storeMetadata?: boolean;
  readonly into?: Pick<SampleStorage, 'appender'>;
}

function make({ into = storage, ...settings }: Settings = {}): WriteReceiver {
  registry = createRegistry();
  return new WriteReceiver({
    storage: into,
    clock,
    registry,
    logger: silentLogger,
    messages: WRITE_MESSAGES,
    starts: 'ignored',
    typeAndUnitLabels: false,
    storeMetadata: false,
    ...settings,
  });
}

beforeEach(() => {
  storage = new HeadStorage();
  clock = new VirtualClock(NOW);
  receiver = make();
});

/** What the storage has: `time value` by series; times from {@link NOW} on. */
async function stored(): Promise<Record<string, string[]>> {
  const seen = await seenInStorage(storage, new SampleBuffer());
  return Object.fromEntries(
    Object.entries(seen).map(([series, samples]) => [
      series,
      samples.map(
        ({ tMs, value, startMs }) => `${tMs - NOW} ${value}${startMs === 0 ? '' : ` since ${startMs - NOW}`}`,
      ),
    ]),
  );
}

async function counted(name: string): Promise<number | undefined> {
  const metric = await registry.getSingleMetric(name)?.get();
  return metric?.values[0]?.value;
}

function labelsOf(object: Readonly<Record<string, string>>): { name: string; value: string }[] {
  return Object.entries(object).map(([name, value]) => ({ name, value }));
}

/** A series of 1.0 with samples `[time from NOW, value]`. */
function series(
  labels: Readonly<Record<string, string>>,
  samples: readonly (readonly [number, number])[],
  more: Readonly<Record<string, unknown>> = {},
): unknown {
  return {
    labels: labelsOf(labels),
    samples: samples.map(([at, value]) => ({ value, timestamp: NOW + at })),
    ...more,
  };
}

function send(timeseries: readonly unknown[], to: WriteReceiver = receiver): Promise<WriteAnswer> {
  return post(encode(WRITE_REQUEST, { timeseries }), undefined, to);
}

function post(
  message: Uint8Array,
  contentType: string | undefined,
  to: WriteReceiver = receiver,
): Promise<WriteAnswer> {
  return to.receive({ contentType, contentEncoding: 'snappy', body: snappyCompress(message) });
}

/** A request of 2.0 whose texts are symbols. */
class RequestV2 {
  readonly #symbols = new Map<string, number>([['', 0]]);
  readonly timeseries: unknown[] = [];

  symbol(text: string): number {
    const ref = this.#symbols.get(text) ?? this.#symbols.size;
    this.#symbols.set(text, ref);
    return ref;
  }

  refs(labels: Readonly<Record<string, string>>): number[] {
    return Object.entries(labels)
      .flat()
      .map((text) => this.symbol(text));
  }

  add(
    labels: Readonly<Record<string, string>>,
    samples: readonly (readonly number[])[],
    more: Readonly<Record<string, unknown>> = {},
  ): this {
    this.timeseries.push({
      labelsRefs: this.refs(labels),
      samples: samples.map(([at = 0, value, start]) => ({
        value,
        timestamp: NOW + at,
        ...(start !== undefined && { startTimestamp: NOW + start }),
      })),
      ...more,
    });
    return this;
  }

  send(to: WriteReceiver = receiver): Promise<WriteAnswer> {
    const message = { symbols: [...this.#symbols.keys()], timeseries: this.timeseries };
    return post(encode(WRITE_REQUEST_V2, message), V2, to);
  }
}

function written(samples: number, histograms: number, exemplars: number): Record<string, string> {
  return {
    'X-Prometheus-Remote-Write-Samples-Written': String(samples),
    'X-Prometheus-Remote-Write-Histograms-Written': String(histograms),
    'X-Prometheus-Remote-Write-Exemplars-Written': String(exemplars),
  };
}

const OK: WriteAnswer = { status: 204, headers: {}, text: '' };
const HISTOGRAM = {
  countInt: 5,
  sum: 2.5,
  schema: 0,
  positiveSpans: [{ offset: 0, length: 2 }],
  positiveDeltas: [2, 1],
  timestamp: NOW,
};
const HISTOGRAM_TEXT = '0 schema 0 zero 0:0 count 5 sum 2.5; + 0,2: 2,3; - : ; bounds ';

describe('what is not accepted', () => {
  test.each<
    [contentType: string | undefined, contentEncoding: string | undefined, status: number, text: string]
  >([
    [
      undefined,
      'gzip',
      415,
      'gzip encoding (compression) is not accepted by this server; only snappy is acceptable',
    ],
    [
      'text/plain',
      'snappy',
      415,
      'expected application/x-protobuf as the first (media) part, got text/plain content-type',
    ],
    [
      'application/x-protobuf;proto',
      'snappy',
      415,
      'to be key-values, got proto in application/x-protobuf;proto',
    ],
    [
      'application/x-protobuf;proto=x',
      'snappy',
      415,
      'unknown type for remote write protobuf message x, supported:',
    ],
    [
      V2,
      'snappy',
      415,
      'io.prometheus.write.v2.Request protobuf message is not accepted by this server; only accepts prometheus.WriteRequest',
    ],
  ])('type %s, encoding %s', async (contentType, contentEncoding, status, text) => {
    const only = make({ messages: ['prometheus.WriteRequest'] });
    const answer = await only.receive({
      contentType,
      contentEncoding,
      body: snappyCompress(new Uint8Array(0)),
    });
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(text);
  });

  test.each([
    undefined,
    '',
    'application/x-protobuf',
    'application/x-protobuf;a=b',
    'application/x-protobuf;proto=prometheus.WriteRequest',
  ])('but type %s is 1.0, and no encoding is snappy', async (contentType) => {
    const body = snappyCompress(encode(WRITE_REQUEST, { timeseries: [series({ __name__: 'a' }, [[0, 1]])] }));
    expect(await receiver.receive({ contentType, contentEncoding: undefined, body })).toEqual(OK);
    expect(await stored()).toEqual({ a: ['0 1'] });
  });

  test('bodies that are too large, packed or plain, or no snappy, or no message', async () => {
    const call = { contentType: undefined, contentEncoding: 'snappy' };
    const large = await receiver.receive({ ...call, body: new Uint8Array(32 * 1024 * 1024 + 1) });
    expect(large).toMatchObject({ status: 413, text: 'request body exceeds the 33554432 bytes limit' });
    const bomb = await post(new Uint8Array(32 * 1024 * 1024 + 1), undefined);
    expect(bomb).toMatchObject({ status: 400, text: 'decoded size exceeds the 33554432 bytes limit' });
    const noise = await receiver.receive({ ...call, body: new Uint8Array([5, 1]) });
    expect(noise).toMatchObject({ status: 400, text: expect.stringContaining('snappy') as string });
    const broken = await post(Uint8Array.from([0x0a, 9]), undefined);
    expect(broken).toMatchObject({ status: 400, text: expect.stringContaining('protocol buffer') as string });
  });

  test('nothing of a message that breaks off is kept', async () => {
    const message = encode(WRITE_REQUEST, { timeseries: [series({ __name__: 'a' }, [[0, 1]])] });
    const answer = await post(Uint8Array.from([...message, 0x0a, 9]), undefined);
    expect(answer.status).toBe(400);
    expect(await stored()).toEqual({});
  });
});

describe('remote write 1.0', () => {
  test('stores floats of old and new series; the same again is fine', async () => {
    const first = [
      series({ job: 'x', __name__: 'a' }, [
        [0, 1],
        [5, 2],
      ]),
      series({ __name__: 'b', job: '' }, [[0, staleMarker]]),
    ];
    expect(await send(first)).toEqual(OK);
    expect(
      await send([
        series({ job: 'x', __name__: 'a' }, [
          [5, 2],
          [9, -0],
        ]),
      ]),
    ).toEqual(OK);
    expect(await stored()).toEqual({ 'a{job="x"}': ['0 1', '5 2', '9 -0'], b: ['0 stale'] });
    expect(await counted('prometheus_api_remote_write_without_metadata_appended_samples_total')).toBe(5);
  });

  test('knows a series by its labels in any order', async () => {
    await send([series({ __name__: 'a', b: '1', c: '2' }, [[0, 1]])]);
    await send([series({ c: '2', __name__: 'a', b: '1' }, [[1, 2]])]);
    await send([series({ c: '2', __name__: 'a' }, [[2, 3]], { moreLabels: labelsOf({ b: '1' }) })]);
    expect(await stored()).toEqual({ 'a{b="1", c="2"}': ['0 1', '1 2', '2 3'] });
  });

  test('makes a series anew that went away meanwhile', async () => {
    const gone = new Set<number>();
    const to = make({
      into: changed((inner) => ({ isLive: (ref) => !gone.has(ref) && inner.isLive(ref) })),
    });
    await send([series({ __name__: 'a' }, [[0, 1]])], to);
    for (let ref = 0; ref < 10; ref++) gone.add(ref);
    // The old storage is full of rows that are gone; the new series has another ref.
    storage = new HeadStorage();
    expect(await send([series({ __name__: 'a' }, [[1, 2]])], to)).toEqual(OK);
    expect(await stored()).toEqual({ a: ['1 2'] });
  });

  test('keeps what can be kept, and says what cannot', async () => {
    await send([series({ __name__: 'a' }, [[10, 1]])]);
    const answer = await send([
      series({ __name__: 'a' }, [[10, 2]]),
      series({ __name__: 'a' }, [[5, 2]]),
      series({ __name__: 'b' }, [[700_000, 1]]),
      series({ __name__: 'c' }, [[0, 1]]),
    ]);
    expect(answer).toEqual({
      status: 400,
      headers: {},
      text: [
        'duplicate sample for timestamp for series a',
        'out of order sample for series a',
        'out of bounds: timestamp is too far in the future for series b',
      ].join('\n'),
    });
    expect(await stored()).toEqual({ a: ['10 1'], c: ['0 1'] });
  });

  test('lists some reasons of many', async () => {
    const late = Array.from({ length: 30 }, (_, i) => series({ __name__: `a${i}` }, [[700_000, 1]]));
    const lines = (await send(late)).text.split('\n');
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe('and 10 more');
  });

  test.each<[what: string, labels: unknown[]]>([
    ['no name', labelsOf({ job: 'x' })],
    ['an empty name', labelsOf({ __name__: '' })],
    ['an empty label name', labelsOf({ __name__: 'a', '': 'x' })],
    ['a label twice', [...labelsOf({ __name__: 'a', b: '1' }), ...labelsOf({ b: '2' })]],
    [
      'bytes that are no text',
      [...labelsOf({ __name__: 'a' }), { nameBytes: Uint8Array.of(255), value: 'x' }],
    ],
  ])('passes over a series with %s, and counts it', async (_what, labels) => {
    const answer = await send([
      { labels, samples: [{ value: 1, timestamp: NOW }] },
      series({ __name__: 'ok' }, [[0, 1]]),
    ]);
    expect(answer).toEqual(OK);
    expect(await stored()).toEqual({ ok: ['0 1'] });
    expect(await counted('prometheus_api_remote_write_invalid_labels_samples_total')).toBe(1);
  });

  test('stores histograms of whole numbers, of floats, with custom buckets, and their ends', async () => {
    const answer = await send([
      series({ __name__: 'whole' }, [], { histograms: [HISTOGRAM] }),
      series({ __name__: 'float' }, [], {
        histograms: [
          {
            countFloat: 1.5,
            sum: 1,
            schema: 2,
            zeroThreshold: 0.5,
            zeroCountFloat: 0.5,
            negativeSpans: [{ offset: -2, length: 1 }],
            negativeCounts: [1],
            timestamp: NOW,
          },
        ],
      }),
      series({ __name__: 'custom' }, [], {
        histograms: [
          {
            countInt: 1,
            sum: 1,
            schema: -53,
            customValues: [1, 2],
            positiveSpans: [{ offset: 1, length: 1 }],
            positiveDeltas: [1],
            timestamp: NOW,
          },
          { countInt: 0, sum: staleMarker, schema: -53, timestamp: NOW + 1 },
        ],
      }),
    ]);
    expect(answer).toEqual(OK);
    expect(await stored()).toEqual({
      whole: [HISTOGRAM_TEXT],
      float: ['0 schema 2 zero 0.5:0.5 count 1.5 sum 1; + : ; - -2,1: 1; bounds '],
      custom: ['0 schema -53 zero 0:0 count 1 sum 1; + 1,1: 1; - : ; bounds 1,2', '1 stale'],
    });
  });

  test('merges buckets that are finer than can be stored', async () => {
    await send([
      series({ __name__: 'fine' }, [], {
        histograms: [
          {
            countInt: 6,
            sum: 1,
            schema: 9,
            positiveSpans: [{ offset: 1, length: 3 }],
            positiveDeltas: [1, 1, 1],
            timestamp: NOW,
          },
        ],
      }),
    ]);
    expect(await stored()).toEqual({
      fine: ['0 schema 8 zero 0:0 count 6 sum 1; + 1,2: 3,3; - : ; bounds '],
    });
  });

  test.each<[what: string, more: Readonly<Record<string, unknown>>, reason: string]>([
    [
      'counts that do not add up',
      { countInt: 6 },
      '5 observations found in buckets, but the Count field is 6',
    ],
    ['too few buckets', { positiveDeltas: [5] }, 'spans need 2 buckets, have 1 buckets'],
    ['a schema that is none', { schema: 70 }, 'invalid schema'],
    [
      'too few buckets, and fine ones',
      { schema: 20, positiveDeltas: [5] },
      'spans need 2 buckets, have 1 buckets',
    ],
  ])('refuses a histogram with %s', async (_what, more, reason) => {
    const answer = await send([
      series({ __name__: 'a' }, [], { histograms: [{ ...HISTOGRAM, ...more }] }),
      series({ __name__: 'ok' }, [[0, 1]]),
    ]);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(reason);
    expect(await stored()).toEqual({ ok: ['0 1'] });
  });

  test('takes long requests in slices', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => series({ __name__: 'many', i: String(i) }, [[0, i]]));
    let turns = 0;
    const slow = new (class extends VirtualClock {
      #ms = 0;
      override monotonicMs(): number {
        return (this.#ms += 5);
      }
      override yieldTurn(): Promise<void> {
        turns++;
        return Promise.resolve();
      }
    })(NOW);
    clock = slow;
    expect(await send(many, make())).toEqual(OK);
    expect(turns).toBeGreaterThan(5);
    expect(Object.keys(await stored())).toHaveLength(3000);
  });
});

describe('remote write 2.0', () => {
  test('stores samples and says how many', async () => {
    const request = new RequestV2()
      .add({ __name__: 'a', job: 'x' }, [
        [0, 1],
        [5, 2],
      ])
      .add({ __name__: 'h' }, [], { histograms: [HISTOGRAM] });
    expect(await request.send()).toEqual({ ...OK, headers: written(2, 1, 0) });
    // Other symbols for the same texts, in another order.
    const again = new RequestV2();
    again.symbol('x');
    again.symbol('job');
    expect(await again.add({ job: 'x', __name__: 'a' }, [[9, 3]]).send()).toEqual({
      ...OK,
      headers: written(1, 0, 0),
    });
    expect(await stored()).toEqual({ 'a{job="x"}': ['0 1', '5 2', '9 3'], h: [HISTOGRAM_TEXT] });
  });

  test('keeps what can be kept, says what cannot and how much was kept', async () => {
    const request = new RequestV2()
      .add({ __name__: 'a' }, [
        [5, 1],
        [3, 2],
        [5, 7],
      ])
      .add({ job: 'x' }, [[0, 1]])
      .add({ __name__: 'none' }, [])
      .add({ __name__: 'ok' }, [[0, 1]])
      .add({ __name__: 'h' }, [], { histograms: [{ ...HISTOGRAM, countInt: 7 }] });
    request.timeseries.push(
      { labelsRefs: [1], samples: [{ value: 1, timestamp: NOW }] },
      { labelsRefs: [1, 99], samples: [{ value: 1, timestamp: NOW }] },
      { labelsRefs: [1, 2], samples: [{ value: 1, timestamp: NOW }], metadata: { unitRef: 98 } },
    );
    const answer = await request.send();
    expect(answer.status).toBe(400);
    expect(answer.headers).toEqual(written(2, 0, 0));
    const size = new Set(['', '__name__', 'a', 'job', 'x', 'none', 'ok', 'h']).size;
    expect(answer.text.split('\n')).toEqual([
      'out of order sample for series a',
      'duplicate sample for timestamp for series a',
      'invalid metric name or labels, got {job="x"}',
      'TimeSeries must contain at least one sample or histogram for series none',
      '5 observations found in buckets, but the Count field is 7: ' +
        "histogram's observation count should equal the number of observations found in the buckets (in absence of NaN) for series h",
      'parsing labels for series [1]: invalid labelRefs length 1',
      `parsing labels for series [1 99]: labelRefs 1 (name) = 99 (value) outside of symbols table (size ${size})`,
      `parsing metadata for series [1 2]: metadata unit_ref 98 outside of symbols table (size ${size})`,
    ]);
    expect(await stored()).toEqual({ a: ['5 1'], ok: ['0 1'] });
    expect(await counted('prometheus_api_remote_write_invalid_labels_samples_total')).toBe(3);
  });

  test('of a sender that mistakes the version has nothing', async () => {
    const v1 = encode(WRITE_REQUEST, { timeseries: [series({ __name__: 'a' }, [[0, 1]])] });
    expect(await post(v1, V2)).toEqual({ ...OK, headers: written(0, 0, 0) });
  });

  test.each<[starts: StartTimes, expected: string[]]>([
    ['ignored', ['0 1', '10 2']],
    ['zeroes', ['-5 0', '0 1', '10 2']],
    ['stored', ['0 1 since -5', '10 2 since -5']],
  ])('has start timestamps %s', async (starts, expected) => {
    const to = make({ starts });
    await new RequestV2()
      .add({ __name__: 'a' }, [
        [0, 1, -5],
        [10, 2, -5],
      ])
      .send(to);
    expect(await stored()).toEqual({ a: expected });
  });

  test('makes labels of type and unit', async () => {
    const to = make({ typeAndUnitLabels: true });
    const request = new RequestV2();
    const metadata = { type: 1, unitRef: request.symbol('seconds') };
    request.add({ __name__: 'a', __type__: 'mine', __unit__: 'mine' }, [[0, 1]], { metadata });
    request.add({ __name__: 'a' }, [[1, 2]], { metadata });
    request.add({ __name__: 'a' }, [[0, 1]]);
    expect((await request.send(to)).status).toBe(204);
    expect(await stored()).toEqual({
      a: ['0 1'],
      'a{__type__="counter", __unit__="seconds"}': ['0 1', '1 2'],
    });
  });
});

/** A storage whose appenders are changed. */
function changed(change: (appender: Appender) => Partial<Appender>): Pick<SampleStorage, 'appender'> {
  return {
    appender: (nowMs) => {
      const inner = storage.appender(nowMs);
      return {
        series: (labels) => inner.series(labels),
        isLive: (ref) => inner.isLive(ref),
        append: (...sample) => inner.append(...sample),
        appendRich: (...sample) => inner.appendRich(...sample),
        appendStartZero: (...sample) => inner.appendStartZero(...sample),
        appendColumn: (...column) => inner.appendColumn(...column),
        commit: () => inner.commit(),
        rollback: () => inner.rollback(),
        ...change(inner),
      };
    },
  };
}

describe('what the storage does with it', () => {
  test('exemplars and metadata are handed on', async () => {
    const exemplars: Exemplar[] = [];
    const metadata: SeriesMetadata[] = [];
    const to = make({
      storeMetadata: true,
      into: changed(() => ({
        appendExemplar: (_ref, exemplar) =>
          exemplars.push(exemplar) === 3 ? ExemplarOutcome.outOfOrder : ExemplarOutcome.stored,
        updateMetadata: (_ref, one) => void metadata.push(one),
      })),
    });
    await send(
      [
        series({ __name__: 'a' }, [[0, 1]], {
          exemplars: [{ labels: labelsOf({ trace_id: 'x' }), value: 3, timestamp: NOW }],
        }),
      ],
      to,
    );
    const request = new RequestV2();
    const refs = request.refs({ trace_id: 'y' });
    const types = { type: 2, unitRef: request.symbol('bytes'), helpRef: request.symbol('What it is.') };
    request.add({ __name__: 'b' }, [[0, 1]], {
      exemplars: [
        { labelsRefs: refs, value: 4, timestamp: NOW },
        { labelsRefs: refs, value: 5, timestamp: NOW - 1 },
        { labelsRefs: [1], value: 5 },
      ],
      metadata: types,
    });
    const answer = await request.send(to);
    expect(answer).toEqual({
      status: 400,
      headers: written(1, 0, 1),
      text: 'out of order exemplar for series b\nparsing exemplar for series b: invalid labelRefs length 1',
    });
    expect(
      exemplars.map(({ labels, value, timestampMs }) => [labels.toString(), value, timestampMs - NOW]),
    ).toEqual([
      ['{trace_id="x"}', 3, 0],
      ['{trace_id="y"}', 4, 0],
      ['{trace_id="y"}', 5, -1],
    ]);
    expect(metadata).toEqual([{ type: 'gauge', unit: 'bytes', help: 'What it is.' }]);
  });

  test('new series that there is no memory for are to be sent again; the others are stored', async () => {
    let isFull = false;
    const to = make({
      into: changed((inner) => ({ series: (labels) => (isFull ? 0 : inner.series(labels)) })),
    });
    await send([series({ __name__: 'old' }, [[0, 1]])], to);
    isFull = true;
    const both = [series({ __name__: 'new' }, [[1, 1]]), series({ __name__: 'old' }, [[1, 2]])];
    expect(await send(both, to)).toEqual({
      status: 503,
      headers: { 'Retry-After': '30' },
      text: 'there is no memory for 1 new series: try again, or send fewer',
    });
    expect(await stored()).toEqual({ old: ['0 1', '1 2'] });
    expect(await counted('tocsin_remote_write_refused_series_total')).toBe(1);
    isFull = false;
    expect(await send(both, to)).toEqual(OK);
    expect(await stored()).toEqual({ new: ['1 1'], old: ['0 1', '1 2'] });
  });

  test('a disk that fails is told, so that the sender tries again', async () => {
    const failing = changed(() => ({
      commit: () => Promise.reject(new TocsinError('TOCSIN_ERR_STORAGE', 'the disk is full')),
    }));
    expect(await send([series({ __name__: 'a' }, [[0, 1]])], make({ into: failing }))).toEqual({
      status: 500,
      headers: {},
      text: 'the disk is full',
    });
    expect(await new RequestV2().add({ __name__: 'a' }, [[0, 1]]).send(make({ into: failing }))).toEqual({
      status: 500,
      headers: written(0, 0, 0),
      text: 'the disk is full',
    });
  });

  test('an answer comes after the log has it', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const to = make({ into: changed((inner) => ({ commit: () => held.then(() => inner.commit()) })) });
    let isAnswered = false;
    const answer = send([series({ __name__: 'a' }, [[0, 1]])], to).then((one) => {
      isAnswered = true;
      return one;
    });
    await clock.yieldTurn();
    expect(isAnswered).toBe(false);
    release();
    expect(await answer).toEqual(OK);
  });
});
