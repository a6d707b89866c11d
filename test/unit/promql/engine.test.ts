import { describe, expect, test } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import {
  LocalQueryEngine,
  limitAnnotations,
  QueryError,
  type LocalQueryEngineOptions,
} from '../../../src/promql/index.ts';
import type { Querier, SeriesCursor } from '../../../src/storage/index.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';

/** A storage that counts selections, holds them back, or fails them. */
class WatchedStorage extends MemoryStorage {
  readonly selections: { readonly minMs: number; readonly maxMs: number }[] = [];
  gate: Promise<void> | undefined;
  failure: Error | undefined;
  closed = 0;

  override querier(minMs: number, maxMs: number): Querier {
    const inner = super.querier(minMs, maxMs);
    return {
      select: async (matchers, hints): Promise<SeriesCursor> => {
        this.selections.push({ minMs: hints.minMs, maxMs: hints.maxMs });
        await this.gate;
        if (this.failure !== undefined) throw this.failure;
        return await inner.select(matchers, hints);
      },
      labelNames: (matchers, limit) => inner.labelNames(matchers, limit),
      labelValues: (name, matchers, limit) => inner.labelValues(name, matchers, limit),
      close: () => {
        this.closed++;
        inner.close();
      },
    };
  }
}

async function makeStorage(series = 3, samples = 100): Promise<WatchedStorage> {
  const storage = new WatchedStorage();
  const appender = storage.appender();
  for (let s = 0; s < series; s++) {
    const ref = appender.series(Labels.fromObject({ __name__: 'x_total', s: String(s) }));
    for (let k = 0; k < samples; k++) appender.append(ref, k * 1000, k);
  }
  await appender.commit();
  return storage;
}

function makeEngine(
  storage: MemoryStorage,
  options: Partial<LocalQueryEngineOptions> = {},
): LocalQueryEngine {
  return new LocalQueryEngine({ storage, clock: new VirtualClock(0), logger: silentLogger, ...options });
}

async function refusal(query: Promise<unknown>): Promise<{ kind: string; message: string }> {
  const error: unknown = await query.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(QueryError);
  const { kind, message } = error as QueryError;
  return { kind, message };
}

/** A virtual clock whose monotonic time moves by `stepMs` whenever somebody looks. */
class RushingClock extends VirtualClock {
  turns = 0;
  #monotonicMs = 0;
  readonly #stepMs: number;

  constructor(stepMs: number) {
    super(0);
    this.#stepMs = stepMs;
  }

  override monotonicMs(): number {
    this.#monotonicMs += this.#stepMs;
    return this.#monotonicMs;
  }

  override yieldTurn(): Promise<void> {
    this.turns++;
    return Promise.resolve();
  }
}

describe('answers', () => {
  test('an instant query gives what its expression is', async () => {
    const engine = makeEngine(await makeStorage(1));
    expect((await engine.instant('1 + 1', 5000)).value).toEqual({ type: 'scalar', tMs: 5000, value: 2 });
    expect((await engine.instant('"text"', 5000)).value).toEqual({
      type: 'string',
      tMs: 5000,
      value: 'text',
    });
    const vector = (await engine.instant('x_total', 5000)).value;
    expect(vector).toMatchObject({ type: 'vector', samples: [{ tMs: 5000, value: 5 }] });
    const matrix = (await engine.instant('x_total[2s]', 5000)).value;
    expect(matrix).toMatchObject({ type: 'matrix' });
    if (matrix.type !== 'matrix') return;
    expect([...matrix.series[0]!.timestamps]).toEqual([4000, 5000]);
    expect([...matrix.series[0]!.values]).toEqual([4, 5]);
  });

  test('a range query gives a matrix, of scalars too, and nothing when it ends before it begins', async () => {
    const engine = makeEngine(await makeStorage(1));
    const scalar = (await engine.range('time()', 0, 2500, 1000)).value;
    expect(scalar.type === 'matrix' && [...scalar.series[0]!.values]).toEqual([0, 1, 2]);
    expect((await engine.range('x_total', 2000, 1000, 1000)).value).toEqual({ type: 'matrix', series: [] });
    expect((await engine.range('time() + 1', 2000, 1000, 1000)).value).toEqual({
      type: 'matrix',
      series: [],
    });
  });

  test('says what it took', async () => {
    const storage = await makeStorage(3);
    const { stats } = await makeEngine(storage).instant('sum(rate(x_total[10s]))', 50_000);
    expect(stats).toMatchObject({ samplesRead: 30, seriesRead: 3 });
    expect(stats.peakSamples).toBeGreaterThan(0);
    expect(storage.closed).toBe(1);
  });

  test('the lookback may be chosen with the query', async () => {
    const engine = makeEngine(await makeStorage(1, 10));
    const at = async (lookbackMs: number): Promise<number> => {
      const { value } = await engine.instant('count(x_total) or vector(0)', 20_000, { lookbackMs });
      return value.type === 'vector' ? value.samples[0]!.value : NaN;
    };
    expect(await at(11_000)).toBe(0);
    expect(await at(11_001)).toBe(1);
  });
});

describe('selections', () => {
  test('equal selectors near each other are read once', async () => {
    const storage = await makeStorage();
    const engine = makeEngine(storage);
    const { value, stats } = await engine.range(
      'x_total / on (s) x_total{} + on (s) rate(x_total[20s] offset 10s)',
      50_000,
      60_000,
      1000,
    );
    expect(storage.selections).toEqual([{ minMs: 50_000 - 300_000 + 1, maxMs: 60_000 }]);
    expect(stats.seriesRead).toBe(3);
    expect(value.type === 'matrix' && value.series.map(({ values }) => values[0])).toEqual([2, 2, 2]);
  });

  test('equal selectors far apart are not, as what lies between would be read too', async () => {
    const storage = await makeStorage();
    await makeEngine(storage).instant('x_total - x_total offset 1d', 60_000);
    expect(storage.selections).toHaveLength(2);
  });

  test('reads no further than it needs', async () => {
    const storage = await makeStorage();
    await makeEngine(storage).range('rate(x_total[10s] @ 30)', 50_000, 60_000, 1000);
    expect(storage.selections).toEqual([{ minMs: 20_001, maxMs: 30_000 }]);
  });
});

describe('errors', () => {
  test.each([
    ['sum(', { kind: 'bad_data', message: '1:5: parse error: unclosed left parenthesis' }],
    ['rate(x[step()])', { kind: 'bad_data', message: '7:13: duration must be greater than 0' }],
    ['topk(NaN, x_total)', { kind: 'execution', message: 'Parameter value is NaN' }],
  ])('%s', async (query, expected) => {
    expect(await refusal(makeEngine(await makeStorage()).instant(query, 0))).toEqual(expected);
  });

  test('a range query must be of scalars or vectors', async () => {
    const engine = makeEngine(await makeStorage());
    expect(await refusal(engine.range('x_total[5m]', 0, 1000, 1000))).toEqual({
      kind: 'bad_data',
      message: 'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    });
    expect(await refusal(engine.range('"a"', 0, 1000, 1000))).toEqual({
      kind: 'bad_data',
      message: 'invalid expression type "string" for range query, must be Scalar or instant Vector',
    });
  });

  test.each([
    'x_total',
    'rate(x_total[1m])',
    'max_over_time(x_total[1m:1s])',
    'x_total[1m]',
    'x_total * x_total',
  ])('too many samples in memory: %s', async (query) => {
    const engine = makeEngine(await makeStorage(), { maxSamples: 50 });
    expect(await refusal(engine.instant(query, 60_000))).toEqual({
      kind: 'execution',
      message: 'query processing would load too many samples into memory in query execution',
    });
  });

  test('what streams by does not count', async () => {
    const engine = makeEngine(await makeStorage(20), { maxSamples: 130 });
    const { value } = await engine.instant('sum(rate(x_total[1m]))', 60_000);
    expect(value).toMatchObject({ samples: [{ value: 20 }] });
  });

  test('a storage that fails', async () => {
    const storage = await makeStorage();
    storage.failure = new TocsinError('TOCSIN_ERR_STORAGE', 'chunk 7 is broken');
    expect(await refusal(makeEngine(storage).instant('x_total', 0))).toEqual({
      kind: 'execution',
      message: 'expanding series: chunk 7 is broken',
    });
    expect(storage.closed).toBe(1);
  });

  test('an aborted query', async () => {
    const storage = await makeStorage();
    const controller = new AbortController();
    let open = (): void => {};
    storage.gate = new Promise((resolve) => (open = resolve));
    const query = makeEngine(storage).instant('x_total', 0, { signal: controller.signal });
    controller.abort();
    open();
    expect(await refusal(query)).toEqual({
      kind: 'canceled',
      message: 'query was canceled in expression evaluation',
    });
  });

  test('a query that takes too long ends while it works', async () => {
    const clock = new RushingClock(100);
    const engine = makeEngine(await makeStorage(50), { clock, timeoutMs: 2000, sliceMs: Infinity });
    const query = engine.range('quantile_over_time(0.5, x_total[1m])', 0, 100_000, 100);
    expect(await refusal(query)).toEqual({
      kind: 'timeout',
      message: 'query timed out in expression evaluation',
    });
  });

  test('a query may shorten its time but not lengthen it', async () => {
    const clock = new RushingClock(100);
    const engine = makeEngine(await makeStorage(50), { clock, timeoutMs: 2000, sliceMs: Infinity });
    const query = engine.range('quantile_over_time(0.5, x_total[1m])', 0, 100_000, 100, { timeoutMs: 1e9 });
    expect((await refusal(query)).kind).toBe('timeout');
  });
});

describe('many queries', () => {
  test('run up to a number at a time, the others in order', async () => {
    const storage = await makeStorage();
    const engine = makeEngine(storage, { maxConcurrency: 2 });
    let open = (): void => {};
    storage.gate = new Promise((resolve) => (open = resolve));
    const ended: number[] = [];
    const queries = [0, 1, 2, 3].map(async (i) => {
      await engine.instant(`x_total + ${i}`, 0);
      ended.push(i);
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(storage.selections).toHaveLength(2);
    open();
    await Promise.all(queries);
    expect(ended).toEqual([0, 1, 2, 3]);
  });

  test('time in the queue counts', async () => {
    const storage = await makeStorage();
    const clock = new VirtualClock(0);
    const engine = makeEngine(storage, { clock, maxConcurrency: 1, timeoutMs: 1000 });
    let open = (): void => {};
    storage.gate = new Promise((resolve) => (open = resolve));
    const first = refusal(engine.instant('x_total', 0));
    const second = refusal(engine.instant('x_total', 0));
    await clock.advanceBy(1000);
    expect(await second).toEqual({ kind: 'timeout', message: 'query timed out in query queue' });
    open();
    expect((await first).kind).toBe('timeout');
    storage.gate = undefined;
    expect((await engine.instant('x_total', 0)).value.type).toBe('vector');
  });

  test('one that is no longer wanted leaves the queue', async () => {
    const storage = await makeStorage();
    const engine = makeEngine(storage, { maxConcurrency: 1 });
    let open = (): void => {};
    storage.gate = new Promise((resolve) => (open = resolve));
    const controller = new AbortController();
    const first = engine.instant('x_total', 0);
    const second = refusal(engine.instant('x_total', 0, { signal: controller.signal }));
    controller.abort();
    expect((await second).kind).toBe('canceled');
    open();
    expect((await first).value.type).toBe('vector');
  });

  test('long work gives other work its turn', async () => {
    const clock = new RushingClock(3);
    const engine = makeEngine(await makeStorage(50), { clock: clock satisfies Clock });
    const { value } = await engine.range('sum(quantile_over_time(0.5, x_total[1m]))', 0, 100_000, 100);
    expect(value.type === 'matrix' && value.series).toHaveLength(1);
    expect(clock.turns).toBeGreaterThan(10);
  });
});

test("metrics have Prometheus' names", async () => {
  const registry = createRegistry();
  const engine = makeEngine(await makeStorage(), { registry, maxConcurrency: 7 });
  await engine.instant('x_total', 50_000);
  await engine.instant('topk(NaN, x_total)', 50_000).catch(() => undefined);
  const text = await registry.metrics();
  expect(text).toContain('prometheus_engine_queries 0\n');
  expect(text).toContain('prometheus_engine_queries_concurrent_max 7\n');
  expect(text).toContain('prometheus_engine_query_samples_total 3\n');
  expect(text).toContain('prometheus_engine_query_samples_read_total 3\n');
  expect(text).toContain('prometheus_engine_query_duration_seconds_count{slice="inner_eval"} 2\n');
  expect(text).toContain('prometheus_engine_query_duration_histogram_seconds_count{slice="queue_time"} 2\n');
});

test('of many annotations the API shows ten', () => {
  const texts = Array.from({ length: 12 }, (_, i) => `w${i}`);
  expect(limitAnnotations(texts.slice(0, 10), 'warning')).toHaveLength(10);
  expect(limitAnnotations(texts, 'warning').at(-1)).toBe('2 more warning annotations omitted');
});
