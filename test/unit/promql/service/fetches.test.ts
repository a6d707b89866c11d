import { beforeEach, describe, expect, test } from 'vitest';
import { TocsinError } from '../../../../src/core/errors.ts';
import { VirtualClock } from '../../../../src/core/virtual-clock.ts';
import { QueryFetches } from '../../../../src/promql/service/query-fetches.ts';
import { ThreadFetches } from '../../../../src/promql/service/thread-fetches.ts';
import type { FetchNews, FromQueryThread } from '../../../../src/promql/service/thread-protocol.ts';
import type { ReadAsk, ReadSink, ReadTransport } from '../../../../src/storage/index.ts';

const ASK: ReadAsk = { version: 1, endpoint: 0, body: Uint8Array.from([1]) };

/** An endpoint that does what the test says. */
class FakeTransport implements ReadTransport {
  readonly asked: { ask: ReadAsk; sink: ReadSink; signal: AbortSignal; end: (error?: Error) => void }[] = [];

  read(ask: ReadAsk, sink: ReadSink, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (error?: Error): void => (error === undefined ? resolve() : reject(error));
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      this.asked.push({ ask, sink, signal, end });
    });
  }
}

/** Takes down what it is given. */
class Notes implements ReadSink {
  readonly seen: unknown[] = [];

  begin(form: string): void {
    this.seen.push(form);
  }

  push(bytes: Uint8Array): void {
    if (bytes[0] === 0) throw new TocsinError('TOCSIN_ERR_PARSE', 'this is no answer');
    this.seen.push([...bytes]);
  }
}

let clock: VirtualClock;
let transport: FakeTransport;
let query: AbortController;
let fetches: ThreadFetches;
let main: QueryFetches;

beforeEach(() => {
  clock = new VirtualClock(0);
  transport = new FakeTransport();
  query = new AbortController();
  // The two halves without a thread between them.
  const toMain = (message: FromQueryThread): void => {
    if (message.type === 'fetch') void main.start(message.fetch, message.ask);
    if (message.type === 'endFetch') main.end(message.fetch);
  };
  fetches = new ThreadFetches(7, toMain);
  main = new QueryFetches(
    transport,
    clock,
    { deadlineMs: clock.monotonicMs() + 5000, signal: query.signal },
    (fetch: number, news: FetchNews) => fetches.receive(fetch, news),
  );
});

const never = new AbortController().signal;

describe('what a thread has fetched', () => {
  test('arrives as it came, in memory of its own', async () => {
    const notes = new Notes();
    const done = fetches.read(ASK, notes, never);
    const [{ ask, sink, end }] = transport.asked as [(typeof transport.asked)[0]];
    expect(ask).toBe(ASK);
    const memory = Uint8Array.from([9, 1, 2, 9]);
    sink.begin('chunks');
    sink.push(memory.subarray(1, 3));
    memory.fill(0);
    sink.push(Uint8Array.from([3]));
    end();
    await done;
    expect(notes.seen).toEqual(['chunks', [1, 2], [3]]);
  });

  test('fails with what is wrong', async () => {
    const done = fetches.read(ASK, new Notes(), never);
    transport.asked[0]!.end(new TocsinError('TOCSIN_ERR_HTTP', 'far: connection refused'));
    await expect(done).rejects.toThrow('far: connection refused');
  });

  test('ends when it cannot be understood', async () => {
    const done = fetches.read(ASK, new Notes(), never);
    transport.asked[0]!.sink.begin('samples');
    transport.asked[0]!.sink.push(new Uint8Array(1));
    await expect(done).rejects.toThrow('this is no answer');
    expect(transport.asked[0]!.signal.aborted).toBe(true);
  });

  test('ends with the querier that wanted it', async () => {
    const closed = new AbortController();
    const done = fetches.read(ASK, new Notes(), closed.signal);
    const other = fetches.read(ASK, new Notes(), never);
    closed.abort(new Error('the query is over'));
    await expect(done).rejects.toThrow('the query is over');
    expect(transport.asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    transport.asked[1]!.end();
    await other;
    await expect(fetches.read(ASK, new Notes(), closed.signal)).rejects.toThrow('the query is over');
  });

  test('ends no later than the query may go on', async () => {
    const done = fetches.read(ASK, new Notes(), never);
    const failed = expect(done).rejects.toThrow('query timed out while it read elsewhere');
    await clock.advanceTo(5001);
    await failed;
  });

  test('ends when the query is killed, or its thread is gone', async () => {
    const first = expect(fetches.read(ASK, new Notes(), never)).rejects.toThrow('killed');
    query.abort(new Error('killed'));
    await first;
    expect(transport.asked[0]!.signal.aborted).toBe(true);
    main.endAll();
  });
});
