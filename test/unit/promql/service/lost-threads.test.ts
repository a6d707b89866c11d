import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../../src/core/log.ts';
import { createRegistry } from '../../../../src/core/metrics.ts';
import type { Thread, ThreadEnd, ThreadOptions, Threads } from '../../../../src/core/threads.ts';
import { VirtualClock } from '../../../../src/core/virtual-clock.ts';
import {
  NO_STATS,
  QueryError,
  QueryMonitor,
  type QueryRequest,
  ThreadMetrics,
  ThreadedQueryService,
  promqlFeatures,
} from '../../../../src/promql/index.ts';
import type { FromQueryThread, ToQueryThread } from '../../../../src/promql/service/thread-protocol.ts';

const never = new AbortController().signal;

/** A thread that does what the test says. */
class FakeThread implements Thread {
  readonly received: ToQueryThread[] = [];
  readonly #options: ThreadOptions;
  #over = false;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  post(message: unknown): void {
    this.received.push(message as ToQueryThread);
  }

  postAside(): void {}

  say(message: FromQueryThread): void {
    this.#options.onMessage(message);
  }

  /** Gives a query the answer 1. */
  answer(id: number): void {
    const head = { resultType: 'scalar', isTruncated: false, warnings: [], infos: [] } as const;
    const bytes = new TextEncoder().encode('[0,"1"]');
    this.say({ type: 'answer', id, head, stats: NO_STATS, bytes, isLast: true });
  }

  die(end: ThreadEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.onEnd(end);
  }

  end(): Promise<void> {
    this.die({ kind: 'ended' });
    return Promise.resolve();
  }
}

let clock: VirtualClock;
let started: FakeThread[];
let leases: number;
let service: ThreadedQueryService;
let registry = createRegistry();

beforeEach(() => {
  clock = new VirtualClock(0);
  registry = createRegistry();
  started = [];
  leases = 0;
  const threads: Threads = {
    start: (options) => {
      const thread = new FakeThread(options);
      started.push(thread);
      return thread;
    },
  };
  service = new ThreadedQueryService({
    threads,
    storage: {
      leaseReader: () => {
        leases++;
        const head = { descriptor: {} as never, slots: [] };
        return {
          data: { head, deleted: new Float64Array(), path: '/', blocks: [] },
          release: () => void leases--,
        };
      },
    },
    clock,
    logger: silentLogger,
    monitor: new QueryMonitor({ clock }),
    metrics: new ThreadMetrics(registry),
    maxThreads: 1,
    maxHeapMiB: 100,
    lookbackMs: 300_000,
    timeoutMs: 60_000,
    maxSamples: 1000,
    maxConcurrency: 20,
    subqueryStepMs: () => 60_000,
    features: promqlFeatures(new Set()),
  });
});

function ask(query: string): Promise<string> {
  const times = { startMs: 0, endMs: 0, stepMs: 0 };
  const request: QueryRequest = {
    kind: 'instant',
    query,
    ...times,
    limit: 0,
    perStepStats: false,
    origin: undefined,
  };
  return service.answer(request, never).then(
    ({ text }) => Buffer.from(text ?? new Uint8Array()).toString(),
    (error: unknown) => {
      if (!(error instanceof QueryError)) throw error;
      return `${error.kind}: ${error.message}`;
    },
  );
}

/** Ids of the queries that a thread was told to begin. */
function begun(thread: FakeThread | undefined): number[] {
  return (thread?.received ?? []).flatMap((message) => (message.type === 'start' ? [message.id] : []));
}

describe('a thread', () => {
  test('that runs out of memory fails its queries; the next has a new one', async () => {
    const first = ask('a');
    const second = ask('b');
    await clock.advanceTo(10);
    started[0]!.die({ kind: 'outOfMemory' });
    const text =
      'execution: query needs more memory than the 100 MiB that a query thread may have, or another query beside it needed too much: ask for fewer series or a shorter time';
    expect([await first, await second]).toEqual([text, text]);
    expect(leases).toBe(0);
    const third = ask('c');
    await clock.advanceTo(20);
    started[1]!.answer(3);
    expect(await third).toBe('[0,"1"]');
    expect(await registry.metrics()).toContain('tocsin_query_threads_lost_total{reason="memory"} 1\n');
  });

  test('that fails for reasons of its own says so', async () => {
    const answer = ask('a');
    await clock.advanceTo(10);
    started[0]!.die({ kind: 'failed', error: new Error('no such module') });
    expect(await answer).toBe('internal: the thread that evaluated the query failed; see the log');
  });

  test('that goes on after the time of a query is ended; other queries begin anew in another', async () => {
    const other = ask('other');
    await clock.advanceTo(20_000);
    const stuck = ask('stuck');
    await clock.advanceTo(30_000);
    expect(begun(started[0])).toEqual([1, 2]);
    // A minute is over for the first one, and five seconds more.
    await clock.advanceTo(65_001);
    expect(await other).toBe('timeout: query timed out in expression evaluation');
    expect(started).toHaveLength(2);
    expect(begun(started[1])).toEqual([2]);
    started[1]!.answer(2);
    expect(await stuck).toBe('[0,"1"]');
    expect(leases).toBe(1);
    expect(await registry.metrics()).toContain('tocsin_query_threads_lost_total{reason="stuck"} 1\n');
  });

  test('that goes on with a query that was ended is ended after five seconds', async () => {
    const answer = ask('a');
    await clock.advanceTo(1000);
    service.kill(1, 'enough');
    expect(started[0]!.received.at(-1)).toEqual({ type: 'cancel', id: 1, why: 'enough' });
    await clock.advanceTo(5999);
    expect(service.list()).toHaveLength(1);
    await clock.advanceTo(6001);
    expect(await answer).toBe('canceled: query was canceled in expression evaluation: enough');
    expect(service.list()).toEqual([]);
  });

  test('that has answered in time is left alone', async () => {
    const answer = ask('a');
    await clock.advanceTo(1000);
    started[0]!.answer(1);
    expect(await answer).toBe('[0,"1"]');
    await clock.advanceTo(200_000);
    expect(started).toHaveLength(1);
    expect(leases).toBe(1);
  });
});
