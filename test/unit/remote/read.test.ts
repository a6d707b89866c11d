import { beforeEach, describe, expect, test } from 'vitest';
import { snappyCompress } from '../../../src/core/compression/snappy.ts';
import { DEFAULT_HTTP_CLIENT_CONFIG } from '../../../src/core/http-config.ts';
import { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { Secret } from '../../../src/core/secret.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import {
  FanoutStorage,
  HeadStorage,
  RemoteReadClient,
  RemoteReadServer,
  SampleBuffer,
  staleMarker,
} from '../../../src/storage/index.ts';
import type { Querier, RemoteReadConfig, SelectHints } from '../../../src/storage/index.ts';
import { readReadRequest, writeReadRequest } from '../../../src/storage/remote/read/read-request.ts';
import type { ReadQuery } from '../../../src/storage/remote/read/read-request.ts';
import { seenInStorage } from '../storage/rich-samples.ts';

const MINUTE = 60_000;
const never = new AbortController().signal;
const HISTOGRAM = new FloatHistogram({
  schema: 1,
  count: 6,
  sum: 3.5,
  zeroThreshold: 0.001,
  zeroCount: 1,
  positiveSpans: Int32Array.from([0, 2, 1, 1]),
  positiveBuckets: Float64Array.from([2, 2, 1]),
});

let clock: VirtualClock;
let network: FakeNetwork;
let distant: HeadStorage;
let local: HeadStorage;
let registry: ReturnType<typeof createRegistry>;

/** `count` samples of a series, one a minute from `fromMinute` on. */
async function add(
  storage: HeadStorage,
  labels: Record<string, string>,
  fromMinute: number,
  count: number,
  value = (minute: number): number => minute,
): Promise<void> {
  const appender = storage.appender(Infinity);
  const ref = appender.series(Labels.fromObject(labels));
  for (let i = fromMinute; i < fromMinute + count; i++) appender.append(ref, i * MINUTE, value(i));
  await appender.commit();
}

beforeEach(() => {
  clock = new VirtualClock(0);
  network = new FakeNetwork();
  distant = new HeadStorage();
  local = new HeadStorage();
  registry = createRegistry();
});

interface ServerSettings {
  readonly external?: Record<string, string>;
  readonly maxSamples?: number;
  readonly maxConcurrent?: number;
  readonly maxFrameBytes?: number;
}

function server(settings: ServerSettings = {}): RemoteReadServer {
  const { external = {}, maxSamples = 1000, maxConcurrent = 10, maxFrameBytes = 300 } = settings;
  return new RemoteReadServer({
    // No threads here, so nobody leases.
    storage: Object.assign(distant, { leaseReader: (): never => expect.fail('there are no threads') }),
    clock,
    logger: silentLogger,
    registry: createRegistry(),
    externalLabels: () => Labels.fromObject(external),
    limits: { maxSamples, maxConcurrent, maxFrameBytes },
  });
}

function body(queries: Partial<ReadQuery>[], acceptedTypes: number[] = []): Uint8Array {
  const all = queries.map((query) => ({
    startMs: 0,
    endMs: 100 * MINUTE,
    matchers: [],
    hints: undefined,
    ...query,
  }));
  return snappyCompress(writeReadRequest({ queries: all, acceptedTypes }));
}

async function bytesOf(pieces: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces ?? []) all.push(piece);
  return Buffer.concat(all);
}

/** Has the network answer as a server of `distant` does, with chunks or samples. */
function serve(settings: ServerSettings & { readonly type?: 0 | 1 } = {}): ReadQuery[] {
  const reads = server(settings);
  const asked: ReadQuery[] = [];
  network.serve('far', async (request) => {
    expect(request.headers['X-Prometheus-Remote-Read-Version']).toBe('0.1.0');
    const { queries } = readReadRequest(request.body as Uint8Array);
    asked.push(...queries);
    const rewritten = snappyCompress(writeReadRequest({ queries, acceptedTypes: [settings.type ?? 1] }));
    const { status, headers, text, pieces } = await reads.read(rewritten, never);
    const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    return {
      status,
      headers: Object.fromEntries(lower) as Record<string, string>,
      body: text ?? (await bytesOf(pieces)),
    };
  });
  return asked;
}

const CONFIG: RemoteReadConfig = {
  url: 'http://far/read',
  name: 'far',
  timeoutMs: 10_000,
  maxFrameBytes: 1e6,
  headers: {},
  readRecent: true,
  requiredMatchers: {},
  filterExternalLabels: true,
  http: DEFAULT_HTTP_CLIENT_CONFIG,
};

function client(
  changes: Partial<RemoteReadConfig> = {},
  { external = {}, localStartMs = 0 }: { external?: Record<string, string>; localStartMs?: number } = {},
): RemoteReadClient {
  const made = new RemoteReadClient({
    http: network,
    files: new MemoryFileSystem(),
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
    registry,
    userAgent: 'test',
    localStartMs: () => localStartMs,
  });
  made.apply([{ ...CONFIG, ...changes }], Labels.fromObject(external));
  return made;
}

function fanout(read: RemoteReadClient): FanoutStorage {
  return new FanoutStorage({
    local,
    view: () => read.view,
    transport: read,
    pause: () => Promise.resolve(),
  });
}

async function select(
  querier: Querier,
  matchers: readonly Matcher[] = [],
  hints: Partial<SelectHints> = {},
): Promise<Record<string, number[]>> {
  const span = { minMs: 0, maxMs: 100 * MINUTE, limit: 0, ...hints };
  const cursor = await querier.select(matchers, span);
  const found: Record<string, number[]> = {};
  const buffer = new SampleBuffer();
  while (cursor.next()) {
    cursor.read(span.minMs, span.maxMs, buffer);
    const times = buffer.timestamps.subarray(0, buffer.length);
    found[cursor.labels().toString()] = Array.from(times, (tMs) => tMs / MINUTE);
  }
  return found;
}

describe('a server', () => {
  test('says what is wrong', async () => {
    const reads = server({ maxSamples: 3 });
    await add(distant, { __name__: 'a' }, 0, 4);
    const status = async (asked: Uint8Array): Promise<unknown> => {
      const { status: code, text } = await reads.read(asked, never);
      return [code, text];
    };
    expect(await status(Uint8Array.from([1, 2, 3]))).toEqual([400, expect.stringContaining('snappy block')]);
    expect(await status(body([], [3, 9]))).toEqual([
      400,
      'server does not support any of the requested response types: 3 9; supported: SAMPLES STREAMED_XOR_CHUNKS',
    ]);
    expect(await status(body([{ matchers: [{ op: '=~', name: 'a', value: '(' }] }], [1]))).toEqual([
      400,
      expect.stringContaining('missing'),
    ]);
    expect(await status(body([{ matchers: [{ op: undefined, name: 'a', value: '' }] }]))).toEqual([
      400,
      'invalid matcher type',
    ]);
    expect(await status(body([{}]))).toEqual([400, 'exceeded sample limit (3)']);
    // The limit is one of samples: chunks are streamed.
    expect(await status(body([{}], [1]))).toEqual([200, undefined]);
    expect(await status(body([{}, {}], [0]))).toEqual([400, 'exceeded sample limit (3)']);
    expect(await status(new Uint8Array(33 * 1024 * 1024))).toEqual([413, expect.any(String)]);
  });

  test('answers no more reads at a time than it may; those given up make room', async () => {
    const reads = server({ maxConcurrent: 1 });
    await add(distant, { __name__: 'a' }, 0, 4);
    const first = await reads.read(body([{}]), never);
    const gone = new AbortController();
    const second = reads.read(body([{}]), gone.signal);
    const third = reads.read(body([{}]), never);
    gone.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    await first.pieces!.return!();
    expect((await third).status).toBe(200);
  });

  test('ends what waits when it is closed', async () => {
    const reads = server({ maxConcurrent: 1 });
    await reads.read(body([{}]), never);
    const waiting = reads.read(body([{}]), never);
    await reads.close();
    await expect(waiting).rejects.toThrow('tocsin is stopping');
  });
});

describe.each([
  ['chunks', 1],
  ['samples', 0],
] as const)('with answers of %s', (_, type) => {
  test('all kinds of samples come over as they are', async () => {
    const odd = [NaN, staleMarker, -0, Infinity, 1e-300, 7];
    for (let i = 0; i < 7; i++) await add(distant, { __name__: 'many', i: String(i) }, i, 500 - i);
    await add(distant, { __name__: 'odd' }, 490, 6, (i) => odd[i - 490]!);
    const appender = distant.appender(Infinity);
    const ref = appender.series(Labels.fromObject({ __name__: 'rich' }));
    for (let i = 0; i < 300; i++) {
      const histogram = i % 50 > 40 ? undefined : HISTOGRAM.with({ sum: i, count: 6 + (i % 3) / 2 });
      appender.appendRich(ref, (450 + i) * MINUTE, { value: i, histogram, startMs: 0 });
    }
    await appender.commit();
    serve({ type, maxSamples: 0 });
    const buffer = new SampleBuffer();
    const far = await seenInStorage(fanout(client()), buffer);
    expect(far).toEqual(await seenInStorage(distant, buffer));
    expect(Object.keys(far)).toHaveLength(9);
  });

  test('equal series become one, in order of time', async () => {
    await add(distant, { __name__: 'a', x: '1' }, 0, 10);
    await add(distant, { __name__: 'b' }, 0, 1);
    await add(local, { __name__: 'a', x: '1' }, 5, 10);
    await add(local, { __name__: 'c' }, 3, 2);
    serve({ type });
    const querier = fanout(client()).querier(0, 100 * MINUTE);
    expect(await select(querier)).toEqual({
      'a{x="1"}': Array.from({ length: 15 }, (_, i) => i),
      b: [0],
      c: [3, 4],
    });
    expect(querier.warnings).toEqual([]);
    expect(await querier.labelNames([], 0)).toEqual(['__name__', 'x']);
    querier.close();
  });

  test('external labels of the server are added, ours are asked for and taken away', async () => {
    await add(distant, { __name__: 'a', zone: 'own' }, 0, 1);
    await add(distant, { __name__: 'b' }, 0, 1);
    const asked = serve({ type, external: { cluster: 'far', zone: 'x' } });
    const read = client({}, { external: { cluster: 'far', other: '' } });
    const byName = [new Matcher('__name__', '=~', 'a|b')];
    expect(await select(fanout(read).querier(0, MINUTE), byName)).toEqual({
      'a{zone="own"}': [0],
      'b{zone="x"}': [0],
    });
    expect(asked[0]!.matchers).toEqual([
      { op: '=~', name: '__name__', value: 'a|b' },
      { op: '=', name: 'cluster', value: 'far' },
    ]);
    // Who asks for such a label gets it.
    const byCluster = [new Matcher('cluster', '=~', 'f.*')];
    expect(await select(fanout(read).querier(0, MINUTE), byCluster)).toEqual({});
    registry = createRegistry();
    const without = client({ filterExternalLabels: false }, { external: { cluster: 'elsewhere' } });
    expect(await select(fanout(without).querier(0, MINUTE), byName)).toEqual({
      'a{cluster="far", zone="own"}': [0],
      'b{cluster="far", zone="x"}': [0],
    });
  });
});

describe('an endpoint', () => {
  test('is not asked for times that are here, unless recent ones are wanted', async () => {
    const asked = serve();
    const spans = async (read: RemoteReadClient): Promise<number[][]> => {
      asked.length = 0;
      const storage = fanout(read);
      await select(storage.querier(0, 100 * MINUTE), [], { minMs: 51 * MINUTE });
      await select(storage.querier(0, 100 * MINUTE), [], { minMs: 50 * MINUTE });
      await select(storage.querier(10 * MINUTE, 20 * MINUTE), []);
      return asked.map(({ startMs, endMs }) => [startMs / MINUTE, endMs / MINUTE]);
    };
    const localStartMs = 50 * MINUTE;
    expect(await spans(client({ readRecent: false }, { localStartMs }))).toEqual([
      [50, 50],
      [10, 20],
    ]);
    registry = createRegistry();
    expect(await spans(client({}, { localStartMs }))).toEqual([
      [51, 100],
      [50, 100],
      [10, 20],
    ]);
  });

  test('is asked only by selectors that have its required matchers', async () => {
    const asked = serve();
    const storage = fanout(client({ requiredMatchers: { a: '1', b: '2' } }));
    const one = new Matcher('a', '=', '1');
    for (const matchers of [
      [one],
      [one, new Matcher('b', '=~', '2')],
      [new Matcher('b', '=', '2'), one, new Matcher('c', '!=', '')],
    ]) {
      await select(storage.querier(0, MINUTE), matchers);
    }
    expect(asked.map(({ matchers }) => matchers.length)).toEqual([3]);
  });

  test('is told what it is for', async () => {
    const asked = serve();
    const storage = fanout(client());
    await select(storage.querier(0, MINUTE), [], { stepMs: 15_000 });
    await select(storage.querier(0, MINUTE), [], { labelsOnly: true });
    const purpose = { func: 'sum', grouping: ['a', 'b'], by: true, rangeMs: 0 };
    await select(storage.querier(0, MINUTE), [], { purpose });
    const span = { startMs: 0, endMs: MINUTE };
    const nothing = { ...span, stepMs: 0, rangeMs: 0, func: '', grouping: [], by: false };
    expect(asked.map(({ hints }) => hints)).toEqual([
      { ...nothing, stepMs: 15_000 },
      { ...nothing, func: 'series' },
      { ...nothing, ...purpose },
    ]);
  });

  test('is asked at once for all that is expected, and once for each', async () => {
    await add(distant, { __name__: 'a' }, 0, 3);
    const asked = serve();
    const querier = fanout(client()).querier(0, 3 * MINUTE);
    const expected = [0, 1, 2].map((minute) => ({
      matchers: [],
      hints: { minMs: minute * MINUTE, maxMs: minute * MINUTE, limit: 0 },
    }));
    querier.expect!(expected);
    expect(querier.warnings).toEqual([]);
    const counts = [];
    for (const { matchers, hints } of expected) counts.push((await querier.select(matchers, hints)).count);
    expect([counts, asked.length]).toEqual([[1, 1, 1], 3]);
    querier.close();
  });

  test('that fails is a warning, and all of it is missing', async () => {
    await add(distant, { __name__: 'a' }, 0, 1);
    await add(local, { __name__: 'b' }, 0, 1);
    serve();
    const storage = fanout(client());
    const querier = storage.querier(0, MINUTE);
    const first = await querier.select([], { minMs: 0, maxMs: MINUTE, limit: 0 });
    network.serve('far', () => ({ status: 503, body: 'not now\n' }));
    const second = await querier.select([], { minMs: 0, maxMs: MINUTE, limit: 0 });
    const names = [first, second].map((cursor) => {
      const found: string[] = [];
      while (cursor.next()) found.push(cursor.labels().metricName);
      return found;
    });
    expect(names).toEqual([['b'], ['b']]);
    expect(querier.warnings).toEqual(['remote_read far: http://far/read answered HTTP 503: not now']);
    querier.close();
  });

  const broken: [name: string, answer: Parameters<FakeNetwork['serve']>[1], warning: string][] = [
    ['refuses', () => Promise.reject(new Error('connection reset')), 'connection reset'],
    [
      'is none',
      () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' }),
      'unsupported content type: text/html; check url of remote_read',
    ],
    [
      'ends too early',
      () => ({
        status: 200,
        headers: { 'content-type': 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse' },
        body: Uint8Array.from([5, 1]),
      }),
      'the answer of a remote read cannot be read: it ends within a frame',
    ],
    [
      'tells secrets',
      () => ({ status: 401, body: 'the password hunter2 is wrong' }),
      'http://far/read answered HTTP 401: the password <secret> is wrong',
    ],
  ];
  test.each(broken)('that %s', async (_, answer, warning) => {
    network.serve('far', answer);
    const basicAuth = {
      username: 'me',
      usernameFile: undefined,
      password: new Secret('hunter2'),
      passwordFile: undefined,
    };
    const http = { ...DEFAULT_HTTP_CLIENT_CONFIG, basicAuth };
    const querier = fanout(client({ http, url: 'http://me:hunter2@far/read' })).querier(0, MINUTE);
    expect(await select(querier)).toEqual({});
    expect(querier.warnings).toEqual([`remote_read far: ${warning}`]);
  });

  test('that does not answer is given up after its time, or with the query', async () => {
    network.serve('far', () => new Promise<never>(() => undefined));
    const storage = fanout(client());
    const querier = storage.querier(0, MINUTE);
    const found = select(querier);
    await clock.advanceTo(10_000);
    expect(await found).toEqual({});
    expect(querier.warnings).toEqual(['remote_read far: no answer within 10s']);
    const other = storage.querier(0, MINUTE);
    const ended = select(other);
    other.close();
    expect(await ended).toEqual({});
    expect(other.warnings).toEqual(['remote_read far: the query is over']);
  });

  test('that does not answer holds up neither who gives up, nor a reload, nor a stop', async () => {
    network.serve('far', () => new Promise<never>(() => undefined));
    const read = client();
    const storage = fanout(read);
    const after = async (end: (querier: Querier) => void): Promise<readonly string[]> => {
      const querier = storage.querier(0, MINUTE);
      const found = select(querier);
      await clock.advanceTo(clock.nowMs() + 1);
      end(querier);
      expect(await found).toEqual({});
      return querier.warnings ?? [];
    };
    expect(await after((querier) => querier.cancel?.())).toEqual(['remote_read far: the query is over']);
    expect(await after(() => read.apply([CONFIG], Labels.EMPTY))).toEqual([
      'remote_read far: the configuration has changed meanwhile, ask again',
    ]);
    expect(await after(() => read.stop())).toEqual(['remote_read far: tocsin is stopping']);
    expect(await after(() => undefined)).toEqual(['remote_read far: tocsin is stopping']);
  });

  test('is forgotten in metrics when it goes, and queries of before are refused', async () => {
    serve();
    const read = client();
    const storage = fanout(read);
    await select(storage.querier(0, MINUTE));
    const shown = async (): Promise<string[]> =>
      (await registry.metrics())
        .split('\n')
        .filter((line) => line.startsWith('prometheus_remote_read_client_queries'));
    expect(await shown()).toEqual([
      'prometheus_remote_read_client_queries_total{remote_name="far",url="http://far/read",response_type="chunked",code="200"} 1',
      'prometheus_remote_read_client_queries{remote_name="far",url="http://far/read"} 0',
    ]);
    const before = storage.querier(0, MINUTE);
    read.apply([{ ...CONFIG, name: 'other' }], Labels.EMPTY);
    await select(before);
    expect(before.warnings).toEqual(['remote_read far: the configuration has changed meanwhile, ask again']);
    expect(await shown()).toEqual([]);
    read.apply([], Labels.EMPTY);
    expect(read.view).toBeUndefined();
  });
});
