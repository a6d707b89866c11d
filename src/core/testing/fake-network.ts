import { TocsinError } from '../errors.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../ports.ts';

/** What a fake server answers. `body` parts arrive in order. */
export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

/** A fake server: gets the request, answers or rejects (with any error, as a broken connection). */
export type FakeServer = (request: HttpRequest) => Promise<FakeAnswer> | FakeAnswer;

/** HTTP without a network, for simulation: servers are functions by `host:port`. Unknown hosts refuse connections. */
export class FakeNetwork implements HttpClient {
  readonly #servers = new Map<string, FakeServer>();

  /** Adds or replaces a server. */
  serve(host: string, server: FakeServer): void {
    this.#servers.set(host, server);
  }

  /** Takes a server away: connections to it are refused. */
  remove(host: string): void {
    this.#servers.delete(host);
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    request.signal.throwIfAborted();
    const { host } = new URL(request.url);
    const server = this.#servers.get(host);
    if (server === undefined) throw new TocsinError('TOCSIN_ERR_HTTP', `${host}: connection refused`);
    const aborted = rejectOnAbort(request.signal);
    const answer = await Promise.race([Promise.resolve(server(request)), aborted.promise]).finally(
      aborted.dispose,
    );
    return {
      status: answer.status,
      headers: answer.headers ?? {},
      url: request.url,
      body: toIterable(answer.body ?? '', request.signal),
      discard() {},
    };
  }

  async close(): Promise<void> {}
}

function rejectOnAbort(signal: AbortSignal): { promise: Promise<never>; dispose: () => void } {
  let onAbort = (): void => {};
  const promise = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  promise.catch(() => undefined);
  return {
    promise,
    dispose: () => {
      signal.removeEventListener('abort', onAbort);
    },
  };
}

async function* toIterable(
  body: string | Uint8Array | AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (typeof body === 'string') {
    if (body !== '') yield new TextEncoder().encode(body);
    return;
  }
  if (body instanceof Uint8Array) {
    yield body;
    return;
  }
  const iterator = body[Symbol.asyncIterator]();
  const aborted = rejectOnAbort(signal);
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted.promise]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    aborted.dispose();
  }
}
