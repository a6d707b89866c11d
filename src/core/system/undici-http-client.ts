import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type * as undiciModule from 'undici';
import type { Dispatcher, buildConnector } from 'undici';
import { TocsinError } from '../errors.ts';
import type { HttpClient, HttpConnection, HttpObservation, HttpRequest, HttpResponse } from '../ports.ts';
import { networkError } from './network-error.ts';
import { ObservedRequest } from './observed-http.ts';
import { isPlainRequest, PlainHttp } from './plain-http.ts';

/** Some 12 MiB of memory and 50 ms of a start, which who only scrapes over plain HTTP never needs. */
const loadUndici = (): Promise<Undici> => import('undici');
type Undici = typeof undiciModule;

const MAX_REDIRECTS = 10;
/** How long an unused connection is kept, as Go's default transport does for scrapes every minute. */
const KEEP_ALIVE_MS = 5 * 60 * 1000;
const SENSITIVE_HEADERS = new Set(['authorization', 'cookie', 'proxy-authorization', 'www-authenticate']);

function plainHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return plain;
}

/** The next request of a redirect, as Go's net/http makes it; undefined when the answer is final. */
function redirectOf(
  request: HttpRequest,
  status: number,
  location: string | undefined,
): HttpRequest | undefined {
  if (!request.followRedirects || location === undefined) return undefined;
  if (![301, 302, 303, 307, 308].includes(status)) return undefined;
  const url = new URL(location, request.url);
  const keepBody = status === 307 || status === 308;
  const method = keepBody || request.method === 'HEAD' ? request.method : 'GET';
  const sameHost = url.host === new URL(request.url).host;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    const lower = name.toLowerCase();
    if (!sameHost && SENSITIVE_HEADERS.has(lower)) continue;
    if (!keepBody && (lower === 'content-type' || lower === 'content-length')) continue;
    headers[name] = value;
  }
  const { body, ...rest } = request;
  return keepBody && body !== undefined
    ? { ...rest, url: url.href, method, headers, body }
    : { ...rest, url: url.href, method, headers };
}

async function* guardBody(
  body: AsyncIterable<Uint8Array>,
  url: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw networkError(error, url);
  }
}

/**
 * HTTP over undici: one pool of kept connections per set of connection options. All of undici's own time limits are
 * off; the request's signal, which comes from the Clock, is what ends it. Plain requests whose bodies need not be kept
 * go by {@link PlainHttp}.
 */
export class UndiciHttpClient implements HttpClient {
  readonly #dispatchers = new Map<string, Dispatcher>();
  readonly #plain = new PlainHttp(KEEP_ALIVE_MS);

  async request(request: HttpRequest): Promise<HttpResponse> {
    let current = request;
    let observed: HttpObservation | undefined;
    for (let hops = 0; ; hops++) {
      const response = await this.#once(current);
      observed = sumOf(observed, response.observed);
      const next = redirectOf(current, response.status, response.headers['location']);
      if (next === undefined) return observed === undefined ? response : { ...response, observed };
      response.discard();
      if (hops === MAX_REDIRECTS) {
        throw new TocsinError('TOCSIN_ERR_HTTP', `${new URL(request.url).host}: stopped after 10 redirects`);
      }
      current = next;
    }
  }

  async close(): Promise<void> {
    const dispatchers = [...this.#dispatchers.values()];
    this.#dispatchers.clear();
    this.#plain.close();
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()));
  }

  async #once(request: HttpRequest): Promise<HttpResponse> {
    request.signal.throwIfAborted();
    if (isPlainRequest(request)) return await this.#plain.request(request);
    if (request.observes === true) return await this.#observe(request);
    let answer: Dispatcher.ResponseData;
    try {
      const undici = await loadUndici();
      answer = await undici.request(request.url, {
        dispatcher: this.#dispatcherFor(undici, request.connection),
        method: request.method as Dispatcher.HttpMethod,
        headers: request.headers,
        body: request.body ?? null,
        signal: request.signal,
      });
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason;
      throw networkError(error, request.url);
    }
    const { body } = answer;
    return {
      status: answer.statusCode,
      headers: plainHeaders(answer.headers),
      url: request.url,
      body: guardBody(body, request.url, request.signal),
      discard() {
        // A small rest is read so that the connection can be kept; undici gives up on a large one.
        body.dump().catch(() => undefined);
      },
    };
  }

  async #observe(request: HttpRequest): Promise<HttpResponse> {
    const undici = await loadUndici();
    const { connection } = request;
    const proxy = connection?.proxyUrl === undefined ? undefined : this.#dispatcherFor(undici, connection);
    const observed = new ObservedRequest(undici, connectOptions(connection ?? {}));
    const end = (): Promise<void> => (proxy === undefined ? observed.close() : Promise.resolve());
    let answer: Dispatcher.ResponseData;
    try {
      answer = await observed.send(request, proxy);
    } catch (error) {
      await end();
      if (request.signal.aborted) throw request.signal.reason;
      throw networkError(error, request.url);
    }
    return {
      status: answer.statusCode,
      headers: plainHeaders(answer.headers),
      url: request.url,
      body: withEnd(guardBody(answer.body, request.url, request.signal), end),
      observed: observed.observation(),
      discard() {
        answer.body.on('error', () => undefined);
        answer.body.destroy();
        void end();
      },
    };
  }

  #dispatcherFor(undici: Undici, connection: HttpConnection | undefined): Dispatcher {
    const key = JSON.stringify(connection ?? {});
    let dispatcher = this.#dispatchers.get(key);
    if (dispatcher === undefined) {
      dispatcher = makeDispatcher(undici, connection ?? {});
      this.#dispatchers.set(key, dispatcher);
    }
    return dispatcher;
  }
}

/** What was seen of a request and of the one that a redirect made of it. */
function sumOf(
  before: HttpObservation | undefined,
  last: HttpObservation | undefined,
): HttpObservation | undefined {
  if (before === undefined || last === undefined) return last;
  return {
    ...last,
    redirects: before.redirects + 1,
    resolveMs: before.resolveMs + last.resolveMs,
    connectMs: before.connectMs + last.connectMs,
    tlsMs: before.tlsMs + last.tlsMs,
    processingMs: before.processingMs + last.processingMs,
  };
}

async function* withEnd(
  body: AsyncIterable<Uint8Array>,
  end: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } finally {
    await end();
  }
}

const TLS_VERSIONS: Readonly<Record<string, 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'>> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
};

function tlsOptions(tls: NonNullable<HttpConnection['tls']>): Record<string, unknown> {
  const minVersion = TLS_VERSIONS[tls.minVersion ?? 'TLS12'];
  const maxVersion = tls.maxVersion === undefined ? undefined : TLS_VERSIONS[tls.maxVersion];
  return {
    ...(tls.ca !== undefined && { ca: tls.ca }),
    ...(tls.cert !== undefined && { cert: tls.cert }),
    ...(tls.key !== undefined && { key: tls.key }),
    ...(tls.serverName !== undefined && { servername: tls.serverName }),
    ...(minVersion !== undefined && { minVersion }),
    ...(maxVersion !== undefined && { maxVersion }),
    rejectUnauthorized: tls.insecureSkipVerify !== true,
  };
}

function makeDispatcher({ Agent, ProxyAgent }: Undici, connection: HttpConnection): Dispatcher {
  const tls = connection.tls === undefined ? {} : tlsOptions(connection.tls);
  const common = {
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    allowH2: connection.http2 === true,
  };
  if (connection.proxyUrl !== undefined) {
    return new ProxyAgent({
      ...common,
      uri: connection.proxyUrl,
      requestTls: { ...tls, timeout: 0 },
      ...(connection.proxyHeaders !== undefined && { headers: connection.proxyHeaders }),
    });
  }
  return new Agent({ ...common, connect: connectOptions(connection) });
}

/** How undici connects, but through a proxy. */
function connectOptions(connection: HttpConnection): buildConnector.BuildOptions {
  const tls = connection.tls === undefined ? {} : tlsOptions(connection.tls);
  const address = connection.anyAddress === true ? { lookup: anyOf(lookup) } : {};
  const socket = connection.socketPath === undefined ? {} : { socketPath: connection.socketPath };
  return { ...tls, ...address, ...socket, allowH2: connection.http2 === true, timeout: 0 };
}

/** Looks up all addresses of a host. */
type LookUpAll = (
  hostname: string,
  options: { readonly all: true },
  done: (
    error: NodeJS.ErrnoException | null,
    addresses: { readonly address: string; readonly family: number }[],
  ) => void,
) => void;

/**
 * A look-up that gives one of a host's addresses, each as often as the others.
 *
 * @see prometheus storage/remote/dial_context.go
 */
export function anyOf(lookUpAll: LookUpAll): LookupFunction {
  return (hostname, options, done) => {
    lookUpAll(hostname, { ...options, all: true }, (error, addresses) => {
      const chosen = addresses?.[Math.floor(Math.random() * addresses.length)];
      if (error !== null || chosen === undefined) {
        const none = Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' });
        done(error ?? none, '', 0);
      } else if (options.all === true) done(null, [chosen]);
      else done(null, chosen.address, chosen.family);
    });
  };
}
