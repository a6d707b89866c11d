import { errorText } from '../../core/errors.ts';
import type { Clock } from '../../core/clock.ts';
import { startDeadline } from '../../core/clock.ts';
import type { ReadAsk, ReadTransport } from '../../storage/index.ts';
import type { FetchNews } from './thread-protocol.ts';
import { QueryError } from '../query-engine.ts';

/** What one query of a thread reads elsewhere, in the main thread: it ends with the query, and no later than it may go on. */
export class QueryFetches {
  readonly #transport: ReadTransport;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #signal: AbortSignal;
  readonly #tell: (fetch: number, news: FetchNews, transfer?: readonly ArrayBuffer[]) => void;
  readonly #running = new Map<number, AbortController>();

  /** `deadlineMs` is on the monotonic clock; `signal` is the query's. */
  constructor(
    transport: ReadTransport,
    clock: Clock,
    query: { readonly deadlineMs: number; readonly signal: AbortSignal },
    tell: (fetch: number, news: FetchNews, transfer?: readonly ArrayBuffer[]) => void,
  ) {
    this.#transport = transport;
    this.#clock = clock;
    this.#deadlineMs = query.deadlineMs;
    this.#signal = query.signal;
    this.#tell = tell;
  }

  /** Begins one; what comes of it is told. */
  async start(fetch: number, ask: ReadAsk): Promise<void> {
    const controller = new AbortController();
    this.#running.set(fetch, controller);
    const leftMs = Math.max(0, this.#deadlineMs - this.#clock.monotonicMs());
    const timedOut = (): Error => new QueryError('timeout', 'query timed out while it read elsewhere');
    const signal = AbortSignal.any([controller.signal, this.#signal]);
    const deadline = startDeadline(this.#clock, leftMs, timedOut, signal);
    const sink = {
      begin: (form: 'samples' | 'chunks'): void => this.#tell(fetch, { kind: 'begin', form }),
      push: (chunk: Uint8Array): void => {
        // Its own memory: what it came in may hold more, and is used again.
        const bytes = new Uint8Array(chunk);
        this.#tell(fetch, { kind: 'bytes', bytes }, [bytes.buffer]);
      },
    };
    try {
      await this.#transport.read(ask, sink, deadline.signal);
      this.#tell(fetch, { kind: 'end' });
    } catch (error) {
      this.#tell(fetch, { kind: 'failed', message: errorText(error) });
    } finally {
      deadline.dispose();
      this.#running.delete(fetch);
    }
  }

  /** Ends one. */
  end(fetch: number): void {
    this.#running.get(fetch)?.abort(new QueryError('canceled', 'nobody needs it any more'));
  }

  /** Ends all: the query is over. */
  endAll(): void {
    for (const fetch of this.#running.keys()) this.end(fetch);
  }
}
