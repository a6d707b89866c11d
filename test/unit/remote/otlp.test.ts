import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import {
  LocalQueryEngine,
  LocalQueryService,
  QueryMonitor,
  engineFeatures,
  promqlFeatures,
} from '../../../src/promql/index.ts';
import { HeadStorage, OtlpReceiver } from '../../../src/storage/index.ts';
import type { SampleStorage, WriteAnswer } from '../../../src/storage/index.ts';
import { otlpSchema } from '../../../src/storage/remote/otlp/config.ts';
import { BASE_MS, OTLP_CASES } from '../../fixtures/otlp/cases.ts';
import type { OtlpCase } from '../../fixtures/otlp/cases.ts';

/** A series as the API shows it. */
interface ShownSeries {
  readonly metric: Record<string, string>;
  readonly values?: unknown;
  readonly histograms?: unknown;
}

const EXPECTED = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/otlp/prometheus-3.14.json'), 'utf8'),
) as Record<string, { readonly status: number; readonly result: readonly ShownSeries[] }>;

const HOUR_MS = 3_600_000;

function receiver(
  storage: Pick<SampleStorage, 'appender'>,
  { otlp = {}, features = [] }: Partial<OtlpCase>,
): OtlpReceiver {
  const config = otlpSchema.parse(otlp);
  return new OtlpReceiver({
    storage,
    clock: new VirtualClock(BASE_MS + HOUR_MS),
    logger: silentLogger,
    registry: createRegistry(),
    config: () => config,
    lookbackMs: 300_000,
    starts: 'ignored',
    typeAndUnitLabels: features.includes('type-and-unit-labels'),
    storeMetadata: false,
    allowDelta: features.includes('otlp-native-delta-ingestion'),
  });
}

function send(to: OtlpReceiver, body: unknown): Promise<WriteAnswer> {
  return to.receive({
    contentType: 'application/json',
    contentEncoding: undefined,
    body: Buffer.from(JSON.stringify(body)),
  });
}

/** All that a storage has, as the API answers. */
async function seriesOf(storage: SampleStorage): Promise<ShownSeries[]> {
  const clock = new VirtualClock(BASE_MS + HOUR_MS);
  const engine = new LocalQueryEngine({
    storage,
    clock,
    logger: silentLogger,
    lookbackMs: 300_000,
    ...engineFeatures(promqlFeatures(new Set())),
  });
  const service = new LocalQueryService(engine, new QueryMonitor({ clock }), clock);
  const request = {
    kind: 'instant' as const,
    query: '{__name__!=""}[2h]',
    startMs: BASE_MS + HOUR_MS,
    endMs: BASE_MS + HOUR_MS,
    stepMs: 0,
    limit: 0,
    perStepStats: false,
    origin: undefined,
  };
  const answer = await service.answer(request, new AbortController().signal);
  if (answer.text !== undefined) return JSON.parse(Buffer.from(answer.text).toString()) as ShownSeries[];
  const parts: Buffer[] = [];
  for await (const piece of answer.pieces) parts.push(Buffer.from(piece));
  return JSON.parse(Buffer.concat(parts).toString()) as ShownSeries[];
}

/** Series by their labels, in order. */
function byLabels(series: readonly ShownSeries[]): Record<string, Omit<ShownSeries, 'metric'>> {
  const entries = series.map(({ metric, ...samples }) => {
    const labels = Object.entries(metric).sort(([a], [b]) => (a < b ? -1 : 1));
    return [JSON.stringify(labels), samples] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Where Prometheus 3.14 is wrong: what merging makes of the buckets. */
const DIFFERENT: Readonly<Record<string, unknown>> = {
  'fine scales with gaps': [
    [0, '1', '1.0027112750502025', '10'],
    [0, '1.0054299011128027', '1.0081558981184175', '7'],
  ],
};

describe('OTLP requests become the series that Prometheus 3.14 makes of them', () => {
  test.each(OTLP_CASES.filter(({ name }) => !(name in DIFFERENT)))('$name', async (one) => {
    const storage = new HeadStorage({ chunkRangeMs: 24 * HOUR_MS });
    const answer = await send(receiver(storage, one), one.body);
    const expected = EXPECTED[one.name]!;
    expect(answer).toEqual({ status: expected.status, headers: {}, text: '' });
    expect(byLabels(await seriesOf(storage))).toEqual(byLabels(expected.result));
  });

  test.each(Object.entries(DIFFERENT))('but for %s', async (name, buckets) => {
    const one = OTLP_CASES.find((other) => other.name === name)!;
    const storage = new HeadStorage({ chunkRangeMs: 24 * HOUR_MS });
    await send(receiver(storage, one), one.body);
    const series = await seriesOf(storage);
    const [[, histogram]] = series.find(({ histograms }) => histograms !== undefined)!.histograms as [
      [number, { buckets: unknown }],
    ];
    expect(histogram.buckets).toEqual(buckets);
    expect(byLabels(series)).not.toEqual(byLabels(EXPECTED[name]!.result));
  });
});

const POINT = { timeUnixNano: `${BASE_MS}000000`, asInt: 1 };
const GOOD = { name: 'good', gauge: { dataPoints: [POINT] } };

function request(...metrics: readonly unknown[]): unknown {
  return { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] };
}

describe('an OTLP request', () => {
  test.each<[what: string, metric: unknown, text: string]>([
    [
      'a delta',
      { name: 'd', sum: { aggregationTemporality: 1, dataPoints: [POINT] } },
      'invalid temporality and type combination for metric "d"',
    ],
    [
      'no temporality',
      { name: 'd', histogram: { dataPoints: [{ ...POINT, count: 0 }] } },
      'invalid temporality and type combination for metric "d"',
    ],
    ['no name', { gauge: { dataPoints: [POINT] } }, 'normalization for metric "" resulted in empty name'],
    ['a name of nothing', { ...GOOD, name: '-' }, 'normalization for metric "-" resulted in empty name'],
    [
      'no data',
      { name: 'e' },
      'could not get aggregation temporality for e as it has unsupported metric type Empty',
    ],
    [
      'an empty attribute name',
      { name: 'e', gauge: { dataPoints: [{ ...POINT, attributes: [{ key: '', value: { intValue: 1 } }] }] } },
      'label name is empty',
    ],
    [
      'a coarse scale',
      {
        name: 'e',
        exponentialHistogram: { aggregationTemporality: 2, dataPoints: [{ ...POINT, count: 0, scale: -5 }] },
      },
      'cannot convert exponential to native histogram. Scale must be >= -4, was -5',
    ],
    [
      'counts that do not add up',
      {
        name: 'e',
        exponentialHistogram: { aggregationTemporality: 2, dataPoints: [{ ...POINT, count: 5 }] },
      },
      '0 observations found in buckets, but the Count field is 5',
    ],
    [
      'two values at one time',
      { name: 'good', gauge: { dataPoints: [{ ...POINT, asInt: 2 }] } },
      'duplicate sample for timestamp for series good',
    ],
    [
      'a time far ahead',
      { name: 'e', gauge: { dataPoints: [{ ...POINT, timeUnixNano: `${BASE_MS + 2 * HOUR_MS}000000` }] } },
      'out of bounds: timestamp is too far in the future for series e',
    ],
  ])('with %s is answered with why, and the rest is taken', async (_what, metric, text) => {
    const storage = new HeadStorage({ chunkRangeMs: 24 * HOUR_MS });
    const answer = await send(receiver(storage, {}), request(GOOD, metric));
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(text);
    expect(await seriesOf(storage)).toEqual([
      { metric: { __name__: 'good' }, values: [[BASE_MS / 1000, '1']] },
    ]);
  });

  test.each<
    [
      what: string,
      contentType: string | undefined,
      contentEncoding: string | undefined,
      body: Uint8Array,
      text: string,
    ]
  >([
    ['text', 'text/plain', undefined, Buffer.from('x'), 'unsupported content type: text/plain'],
    ['no type', undefined, undefined, Buffer.from('x'), 'unsupported content type: '],
    ['zstd', 'application/json', 'zstd', Buffer.from('x'), 'unsupported compression: zstd'],
    ['no gzip', 'application/json', 'gzip', Buffer.from('x'), 'gzip: '],
    ['too much', 'application/json', 'gzip', gzipSync(Buffer.alloc(33 * 1024 * 1024)), 'gzip: '],
    ['no JSON', 'application/json', undefined, Buffer.from('{'), 'not JSON: '],
    ['a list', 'application/json', undefined, Buffer.from('[]'), 'the request is not an object'],
    [
      'no protobuf',
      'application/x-protobuf',
      undefined,
      Buffer.from([8]),
      'a protocol buffer cannot be read',
    ],
  ])('that is %s is answered with 400', async (_what, contentType, contentEncoding, body, text) => {
    const answer = await receiver(new HeadStorage(), {}).receive({ contentType, contentEncoding, body });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(text);
  });

  test('may be compressed', async () => {
    const storage = new HeadStorage({ chunkRangeMs: 24 * HOUR_MS });
    const body = gzipSync(JSON.stringify(request(GOOD)));
    const call = { contentType: 'application/json', contentEncoding: 'gzip', body };
    expect((await receiver(storage, {}).receive(call)).status).toBe(200);
    expect(await seriesOf(storage)).toHaveLength(1);
  });

  test('is tried again by its sender when it could not be stored', async () => {
    const storage = new HeadStorage({ chunkRangeMs: 24 * HOUR_MS });
    const failing = {
      appender: (nowMs: number) =>
        Object.assign(Object.create(storage.appender(nowMs)) as ReturnType<SampleStorage['appender']>, {
          commit: () => Promise.reject(new TocsinError('TOCSIN_ERR_STORAGE', 'the disk is full')),
        }),
    };
    const answer = await send(receiver(failing, {}), { resourceMetrics: [] });
    expect(answer).toEqual({ status: 503, headers: {}, text: 'the disk is full' });
  });
});
