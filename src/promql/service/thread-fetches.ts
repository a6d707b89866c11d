import { TocsinError } from '../../core/errors.ts';
import type { ReadAsk, ReadSink, ReadTransport } from '../../storage/index.ts';
import type { FetchNews, FromQueryThread } from './thread-protocol.ts';

interface Fetch {
  readonly sink: ReadSink;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Asks the main thread to read elsewhere, for one query of a query thread. */
export class ThreadFetches implements ReadTransport {
  readonly #id: number;
  readonly #send: (message: FromQueryThread) => void;
  readonly #running = new Map<number, Fetch>();
  #next = 1;

  /** `id` is the query's. */
  constructor(id: number, send: (message: FromQueryThread) => void) {
    this.#id = id;
    this.#send = send;
  }

  async read(ask: ReadAsk, sink: ReadSink, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const fetch = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      this.#send({ type: 'endFetch', id: this.#id, fetch });
      reject(signal.reason);
    };
    this.#running.set(fetch, { sink, resolve, reject });
    signal.addEventListener('abort', onAbort, { once: true });
    this.#send({ type: 'fetch', id: this.#id, fetch, ask });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#running.delete(fetch);
    }
  }

  /** Takes what the main thread says of a fetch. */
  receive(fetch: number, news: FetchNews): void {
    const running = this.#running.get(fetch);
    if (running === undefined) return;
    switch (news.kind) {
      case 'begin':
        running.sink.begin(news.form);
        return;
      case 'bytes':
        try {
          running.sink.push(news.bytes);
        } catch (error) {
          this.#send({ type: 'endFetch', id: this.#id, fetch });
          running.reject(error);
        }
        return;
      case 'end':
        running.resolve();
        return;
      case 'failed':
        running.reject(new TocsinError('TOCSIN_ERR_HTTP', news.message));
    }
  }
}
