import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Labels } from '../../../../src/core/labels.ts';
import { type LogFields, silentLogger, type Logger } from '../../../../src/core/log.ts';
import { createRegistry } from '../../../../src/core/metrics.ts';
import { SystemClock } from '../../../../src/core/system/system-clock.ts';
import { WorkerThreads } from '../../../../src/core/system/worker-threads.ts';
import {
  LocalQueryEngine,
  LocalQueryService,
  type QueryAnswer,
  QueryError,
  QueryMonitor,
  type QueryRequest,
  type QueryService,
  ThreadMetrics,
  ThreadedQueryService,
  promqlFeatures,
} from '../../../../src/promql/index.ts';
import { HeadStorage } from '../../../../src/storage/index.ts';

const START_MS = 1_700_000_000_000;
const SERIES = 400;
const MINUTES = 60;
/** Would go on for a minute: sorts an hour of values at every second of half a day, twice. */
const LONG =
  'sum_over_time(quantile_over_time(0.5, quantile_over_time(0.5, (sum(m) or vector(time()))[1h:1s])[1h:1s])[12h:1s])';

const clock = new SystemClock();

async function fill(): Promise<HeadStorage> {
  const storage = new HeadStorage();
  for (let minute = 0; minute < MINUTES; minute++) {
    const appender = storage.appender(START_MS + minute * 60_000);
    for (let i = 0; i < SERIES; i++) {
      const labels = Labels.fromObject({ __name__: 'm', i: String(i), half: String(i % 2) });
      appender.append(appender.series(labels), START_MS + minute * 60_000, minute * i);
    }
    await appender.commit();
  }
  return storage;
}

const END_MS = START_MS + (MINUTES - 1) * 60_000;

function instant(query: string, more: Partial<QueryRequest> = {}): QueryRequest {
  return {
    kind: 'instant',
    query,
    startMs: END_MS,
    endMs: END_MS,
    stepMs: 0,
    limit: 0,
    perStepStats: false,
    origin: undefined,
    ...more,
  };
}

function range(query: string, more: Partial<QueryRequest> = {}): QueryRequest {
  return instant(query, { kind: 'range', startMs: START_MS, stepMs: 15_000, ...more });
}

const never = new AbortController().signal;

async function textOf(answer: QueryAnswer): Promise<string> {
  if (answer.text !== undefined) return Buffer.from(answer.text).toString();
  const parts: Uint8Array[] = [];
  for await (const piece of answer.pieces) parts.push(Uint8Array.from(piece));
  return Buffer.concat(parts).toString();
}

async function failureOf(work: Promise<unknown>): Promise<{ kind: string; message: string }> {
  try {
    await work;
  } catch (error) {
    if (error instanceof QueryError) return { kind: error.kind, message: error.message };
    throw error;
  }
  throw new Error('it did not fail');
}

/** Resolves once a query is at work. */
async function untilRunning(service: QueryService): Promise<number> {
  for (;;) {
    const found = service.list().find(({ state, samplesRead }) => state === 'running' && samplesRead > 0);
    if (found !== undefined) return found.id;
    if (service.list().length === 0) throw new Error('the query has ended');
    await clock.yieldTurn();
  }
}

let storage: HeadStorage;
let service: ThreadedQueryService;
let monitor: QueryMonitor;
const lines: LogFields[] = [];
const logger: Logger = { ...silentLogger, error: (fields) => void lines.push(fields) };

function start(more: { maxThreads?: number; maxHeapMiB?: number; maxConcurrency?: number } = {}): void {
  monitor = new QueryMonitor({ clock });
  service = new ThreadedQueryService({
    threads: new WorkerThreads(),
    storage: {
      leaseReader: (tell, queriers) => {
        const lease = storage.leaseReader(tell, queriers);
        return {
          data: { head: lease.data, deleted: new Float64Array(), path: '/', blocks: [] },
          release: () => {
            lease.release();
          },
        };
      },
    },
    clock,
    logger,
    monitor,
    metrics: new ThreadMetrics(createRegistry()),
    maxThreads: 2,
    maxHeapMiB: 256,
    lookbackMs: 300_000,
    timeoutMs: 60_000,
    maxSamples: 50_000_000,
    maxConcurrency: 20,
    subqueryStepMs: () => 60_000,
    features: promqlFeatures(new Set()),
    ...more,
  });
}

beforeEach(async () => {
  lines.length = 0;
  storage = await fill();
});

afterEach(async () => {
  await service.close();
});

describe('queries in threads', () => {
  it('give the same text as in place, short and long', async () => {
    start();
    const local = new QueryMonitor({ clock });
    const engine = new LocalQueryEngine({ storage, clock, logger: silentLogger, monitor: local });
    const inPlace = new LocalQueryService(engine, local, clock);
    const requests = [
      instant('sum(m)'),
      instant('1 + 1'),
      instant('"text"'),
      instant('m[5m]'),
      instant('sort_desc(m)', { limit: 3 }),
      range('sum by (half) (rate(m[5m]))'),
      range('m * 1.000001'),
      range('rate(m[5m])', { limit: 7 }),
      instant('nothing_here'),
      instant('histogram_quantile(2, m)'),
    ];
    for (const request of requests) {
      const [theirs, ours] = await Promise.all([
        service.answer(request, never),
        inPlace.answer(request, never),
      ]);
      const { resultType, isTruncated, warnings, infos } = ours;
      expect(theirs).toMatchObject({ resultType, isTruncated, warnings, infos });
      expect(theirs.stats.samplesRead).toBe(ours.stats.samplesRead);
      expect(await textOf(theirs)).toBe(await textOf(ours));
    }
    expect(service.list()).toEqual([]);
  });

  it('print expressions as in place, also while all places are taken, and keep the main thread free', async () => {
    start({ maxConcurrency: 1, maxThreads: 1 });
    const ending = new AbortController();
    const busy = failureOf(service.answer(instant(LONG), ending.signal));
    await untilRunning(service);
    const inPlace = new LocalQueryService(
      new LocalQueryEngine({ storage, clock, logger: silentLogger, monitor }),
      monitor,
      clock,
    );
    for (const query of ['sum by(a)(rate(m[5m]))+1', 'm{a=~"b|c"} offset 5m']) {
      for (const form of ['text', 'tree'] as const) {
        expect(await service.print(query, form, never)).toEqual(await inPlace.print(query, form));
      }
    }
    expect(await failureOf(service.print('sum(m', 'text', never))).toEqual({
      kind: 'bad_data',
      message: expect.stringContaining('unclosed left parenthesis') as string,
    });
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    // Some hundred milliseconds of work.
    const large = `m{${Array.from({ length: 20 }, () => `a=~"(?:${'[a-z]{1000}'.repeat(50)})+"`).join(',')}}`;
    await service.print(large, 'text', never).catch(() => undefined);
    clearInterval(counting);
    expect(turns).toBeGreaterThan(5);
    ending.abort();
    await busy;
    expect(service.list()).toEqual([]);
  });

  it('see what was written after the thread began, in memory that came later', async () => {
    start();
    expect(await textOf(await service.answer(instant('count(late)'), never))).toBe('[]');
    const appender = storage.appender(END_MS);
    for (let i = 0; i < 5000; i++) {
      const labels = Labels.fromObject({ __name__: 'late', i: `${i}`, padding: 'x'.repeat(100) + String(i) });
      appender.append(appender.series(labels), END_MS, i);
    }
    await appender.commit();
    const text = await textOf(await service.answer(instant('count(late)'), never));
    expect(text).toContain('"5000"');
  });

  it('say what is wrong with a query', async () => {
    start();
    expect(await failureOf(service.answer(instant('sum('), never))).toMatchObject({ kind: 'bad_data' });
    const matrix = service.answer(range('m[5m]'), never);
    expect(await failureOf(matrix)).toEqual({
      kind: 'bad_data',
      message: 'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    });
    const timedOut = service.answer(instant(LONG, { timeoutMs: 150 }), never);
    expect(await failureOf(timedOut)).toEqual({
      kind: 'timeout',
      message: 'query timed out in expression evaluation',
    });
    expect(service.list()).toEqual([]);
  });

  it('run side by side in one thread', async () => {
    start({ maxThreads: 1 });
    const gone = new AbortController();
    const long = failureOf(service.answer(instant(LONG), gone.signal));
    await untilRunning(service);
    expect(await textOf(await service.answer(instant('count(m)'), never))).toContain(`"${SERIES}"`);
    gone.abort();
    expect(await long).toEqual({
      kind: 'canceled',
      message: 'query was canceled in expression evaluation',
    });
  });

  it('end when somebody ends them, and say so', async () => {
    start();
    const long = failureOf(service.answer(instant(LONG), never));
    const id = await untilRunning(service);
    expect(service.list()).toMatchObject([{ id, kind: 'instant', query: LONG, state: 'running' }]);
    expect(service.kill(id, 'ended by an operator')).toBe(true);
    expect(await long).toEqual({
      kind: 'canceled',
      message: 'query was canceled in expression evaluation: ended by an operator',
    });
    expect(service.kill(id, 'again')).toBe(false);
  });

  it('wait for a place, and can be ended while they do', async () => {
    start({ maxConcurrency: 1 });
    const gone = new AbortController();
    const long = failureOf(service.answer(instant(LONG), gone.signal));
    await untilRunning(service);
    const waiting = failureOf(service.answer(instant('sum(m)'), never));
    const tooLong = failureOf(service.answer(instant('sum(m)', { timeoutMs: 50 }), never));
    expect(service.list().map(({ state }) => state)).toEqual(['running', 'queued', 'queued']);
    service.kill(service.list()[1]!.id, 'not now');
    expect(await waiting).toEqual({
      kind: 'canceled',
      message: 'query was canceled in query queue: not now',
    });
    expect(await tooLong).toEqual({ kind: 'timeout', message: 'query timed out in query queue' });
    gone.abort();
    await long;
    expect(await textOf(await service.answer(instant('count(m)'), never))).toContain(`"${SERIES}"`);
  });

  it('give up an answer that nobody reads to the end', async () => {
    start({ maxThreads: 1 });
    const answer = await service.answer(range('m * 1.000001'), never);
    expect(answer.text).toBeUndefined();
    const iterator = answer.pieces[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();
    expect(await iterator.next()).toMatchObject({ done: true });
    expect(await textOf(await service.answer(instant('count(m)'), never))).toContain(`"${SERIES}"`);
  });

  it('kill a thread that needs too much memory, and only that', async () => {
    start({ maxHeapMiB: 24 });
    const appender = storage.appender(END_MS);
    for (let i = 0; i < 60_000; i++) {
      const labels = Labels.fromObject({ __name__: 'wide', a: `value ${i}`, b: `other ${i}` });
      appender.append(appender.series(labels), END_MS, i);
    }
    await appender.commit();
    const greedy =
      'label_join(label_replace(wide, "c", "$1$1$1$1$1$1$1$1", "a", "(.*)"), "d", "-", "a", "b", "c")';
    const { kind, message } = await failureOf(service.answer(instant(greedy), never));
    expect(kind).toBe('execution');
    expect(message).toMatch(/^query needs more memory than the 24 MiB that a query thread may have/);
    expect(lines).toMatchObject([{ reason: 'memory' }]);
    expect(await textOf(await service.answer(instant('count(m)'), never))).toContain(`"${SERIES}"`);
  });

  it('are canceled when the program stops', async () => {
    start();
    const long = failureOf(service.answer(instant(LONG), never));
    await untilRunning(service);
    await service.close();
    expect(await long).toMatchObject({ kind: 'canceled' });
    expect(await failureOf(service.answer(instant('1'), never))).toEqual({
      kind: 'canceled',
      message: 'query was canceled: tocsin is stopping',
    });
  });
});
