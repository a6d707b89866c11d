import { connect, type Socket } from 'node:net';
import type { HttpRequest, HttpResponse } from '../ports.ts';
import { TocsinError, errorText } from '../errors.ts';
import { BodyMemory, BodyQueue } from './body-queue.ts';
import { HttpFormatError, ResponseParser } from './http-response-parser.ts';
import { networkError } from './network-error.ts';

/** What all connections read into, one after the other: what came is copied on before the next one reads. */
const READ_BYTES = 64 * 1024;
/** Most unused connections to one server. */
const MAX_IDLE = 8;
/** A body that nobody wants is read so far, in order to keep its connection. */
const MAX_DISCARDED_BYTES = 128 * 1024;
/** A connection is not used any more so long before its server would close it. */
const KEEP_ALIVE_MARGIN_MS = 1000;

const FORBIDDEN_IN_HEADER = /[^\t\x20-\x7e\x80-\xff]/;

/** Whether {@link PlainHttp} takes a request. */
export function isPlainRequest({ method, url, body, connection, transientBody }: HttpRequest): boolean {
  return (
    transientBody === true &&
    (method === 'GET' || method === 'HEAD') &&
    body === undefined &&
    url.startsWith('http://') &&
    connection?.proxyUrl === undefined &&
    connection?.anyAddress !== true &&
    connection?.socketPath === undefined
  );
}

/** A kept connection was closed before anything of the answer came: a new one may do. */
class StaleConnectionError extends Error {}

/** A request under way on a connection, and then its body. */
interface Exchange {
  readonly request: HttpRequest;
  readonly parser: ResponseParser;
  readonly queue: BodyQueue;
  /** Of the body, how much came after it was discarded; undefined while it is wanted. */
  discardedBytes: number | undefined;
  /** Ends listening to the signal. */
  readonly release: () => void;
  /** Settles the request; nothing happens once it is answered. */
  readonly reject: (error: unknown) => void;
}

/** What all connections of a {@link PlainHttp} have in common. */
interface Shared {
  readonly reads: Buffer;
  readonly memory: BodyMemory;
  readonly keepAliveMs: number;
}

/** One connection, which answers one request after another. */
class PlainConnection {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #reads: Buffer;
  readonly #memory: BodyMemory;
  readonly #keepAliveMs: number;
  #exchange: Exchange | undefined;
  #used = 0;
  /** On the monotonic clock; when it should not be used any more. */
  expiresMs = Infinity;

  constructor(url: URL, { reads, memory, keepAliveMs }: Shared, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#reads = reads;
    this.#memory = memory;
    this.#keepAliveMs = keepAliveMs;
    this.#socket = connect({
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? 80 : Number(url.port),
      noDelay: true,
      onread: {
        buffer: reads,
        callback: (length) => this.#read(length),
      },
    });
    this.#socket.setTimeout(0);
    this.#socket.on('timeout', () => this.#socket.destroy());
    this.#socket.on('error', (error) => {
      this.#fail(error);
    });
    this.#socket.on('end', () => {
      this.#ended();
    });
    this.#socket.on('close', () => {
      this.#ended();
      this.#owner.gone(this);
    });
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  /** Sends a request, whose `text` is what goes out; there must be none under way. Rejects with StaleConnectionError when another connection may do. */
  async ask(request: HttpRequest, text: string): Promise<HttpResponse> {
    this.#socket.ref();
    this.#socket.setTimeout(0);
    this.#used++;
    return await new Promise<HttpResponse>((resolve, reject) => {
      const queue = new BodyQueue(
        {
          pause: () => this.#socket.pause(),
          resume: () => this.#socket.resume(),
          abandon: () => this.#socket.destroy(),
        },
        this.#memory,
      );
      const onAbort = (): void => {
        this.#finish(request.signal.reason);
        this.#socket.destroy();
      };
      request.signal.addEventListener('abort', onAbort, { once: true });
      const exchange: Exchange = {
        request,
        queue,
        discardedBytes: undefined,
        parser: new ResponseParser(request.method, {
          head: (status, headers) => {
            const discard = (): void => {
              this.#discard(exchange);
            };
            resolve({ status, headers, url: request.url, body: queue, discard });
          },
          data: (bytes, from, to) => {
            if (exchange.discardedBytes === undefined) queue.push(bytes, from, to);
            else exchange.discardedBytes += to - from;
          },
        }),
        release: () => {
          request.signal.removeEventListener('abort', onAbort);
        },
        reject,
      };
      this.#exchange = exchange;
      this.#socket.write(text, 'latin1');
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Takes what was read. Returns whether reading goes on. */
  #read(length: number): boolean {
    const exchange = this.#exchange;
    if (exchange === undefined) {
      // Nothing was asked: whatever this is, it would be taken for the next answer.
      this.#socket.destroy();
      return false;
    }
    const { parser, queue } = exchange;
    try {
      const taken = parser.push(this.#reads, length);
      if (parser.isComplete) this.#complete(exchange, taken === length);
      else if ((exchange.discardedBytes ?? 0) > MAX_DISCARDED_BYTES) this.#socket.destroy();
    } catch (error) {
      if (!(error instanceof HttpFormatError)) throw error;
      this.#fail(error);
      this.#socket.destroy();
      return false;
    }
    return !queue.isFull;
  }

  #complete(exchange: Exchange, isAll: boolean): void {
    const { parser, queue, release } = exchange;
    this.#exchange = undefined;
    release();
    queue.end();
    if (!isAll || !parser.keepsConnection || this.#socket.destroyed) {
      this.#socket.destroy();
      return;
    }
    const saidMs = parser.keepAliveSeconds === undefined ? Infinity : parser.keepAliveSeconds * 1000;
    const idleMs = Math.min(this.#keepAliveMs, saidMs - KEEP_ALIVE_MARGIN_MS);
    if (idleMs <= 0) {
      this.#socket.destroy();
      return;
    }
    this.expiresMs = performance.now() + idleMs;
    this.#socket.setTimeout(idleMs);
    this.#socket.unref();
    this.#owner.idle(this);
  }

  #discard(exchange: Exchange): void {
    if (exchange !== this.#exchange) return;
    exchange.discardedBytes ??= 0;
    exchange.queue.end();
    void exchange.queue.return();
    this.#socket.resume();
  }

  /** The server closed the connection. */
  #ended(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    if (exchange.parser.close()) this.#complete(exchange, false);
    else this.#fail(Object.assign(new Error('closed'), { code: 'UND_ERR_SOCKET' }));
  }

  #fail(error: Error): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    const isStale = this.#used > 1 && !exchange.parser.hasBegun && !(error instanceof HttpFormatError);
    this.#finish(isStale ? new StaleConnectionError() : networkError(error, exchange.request.url));
  }

  #finish(error: unknown): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#exchange = undefined;
    exchange.release();
    exchange.reject(error);
    exchange.queue.fail(error);
  }
}

/** Hears of connections. */
interface ConnectionOwner {
  idle(connection: PlainConnection): void;
  gone(connection: PlainConnection): void;
}

/**
 * HTTP/1.1 without TLS, proxies and bodies of requests: what nearly all scrapes are. Reads into one buffer for all
 * connections and hands bodies on in memory that is used again, so that thousands of scrapes leave no garbage: with a
 * buffer for each read, collecting it took a fifth of what scraping costs.
 *
 * Connections are kept; a request that finds its kept connection closed is sent again on a new one, as Go does. Nothing
 * here has a time limit but the request's signal. Rejects with TOCSIN_ERR_HTTP or the signal's reason.
 */
export class PlainHttp {
  readonly #shared: Shared;
  readonly #idle = new Map<string, PlainConnection[]>();
  readonly #open = new Set<PlainConnection>();

  /** `keepAliveMs` is how long an unused connection is kept. */
  constructor(keepAliveMs: number) {
    this.#shared = { reads: Buffer.allocUnsafeSlow(READ_BYTES), memory: new BodyMemory(), keepAliveMs };
  }

  /** See {@link isPlainRequest} for what it takes. */
  async request(request: HttpRequest): Promise<HttpResponse> {
    const url = new URL(request.url);
    const text = requestText(request, url);
    for (;;) {
      request.signal.throwIfAborted();
      const connection = this.#take(url.host) ?? this.#connect(url);
      try {
        return await connection.ask(request, text);
      } catch (error) {
        if (!(error instanceof StaleConnectionError)) throw error;
      }
    }
  }

  /** Ends all connections. */
  close(): void {
    for (const connection of this.#open) connection.destroy();
  }

  #take(host: string): PlainConnection | undefined {
    const idle = this.#idle.get(host) ?? [];
    const nowMs = performance.now();
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (connection.isOpen && connection.expiresMs > nowMs) return connection;
      connection.destroy();
    }
    return undefined;
  }

  #connect(url: URL): PlainConnection {
    const { host } = url;
    const connection = new PlainConnection(url, this.#shared, {
      idle: (one) => {
        const idle = this.#idle.get(host) ?? [];
        if (idle.length >= MAX_IDLE) {
          one.destroy();
          return;
        }
        idle.push(one);
        this.#idle.set(host, idle);
      },
      gone: (one) => {
        this.#open.delete(one);
        const left = this.#idle.get(host)?.filter((other) => other !== one) ?? [];
        if (left.length === 0) this.#idle.delete(host);
        else this.#idle.set(host, left);
      },
    });
    this.#open.add(connection);
    return connection;
  }
}

function requestText({ method, url, headers }: HttpRequest, { host, pathname, search }: URL): string {
  let text = `${method} ${pathname}${search} HTTP/1.1\r\n`;
  let hasHost = false;
  for (const [name, value] of Object.entries(headers)) {
    if (FORBIDDEN_IN_HEADER.test(name) || FORBIDDEN_IN_HEADER.test(value) || name.includes(':')) {
      const error = new Error(`header ${JSON.stringify(name)} holds characters that headers cannot have`);
      throw new TocsinError('TOCSIN_ERR_HTTP', `${new URL(url).host}: ${errorText(error)}`);
    }
    hasHost ||= name.toLowerCase() === 'host';
    text += `${name}: ${value}\r\n`;
  }
  if (!hasHost) text += `Host: ${host}\r\n`;
  return `${text}Connection: keep-alive\r\n\r\n`;
}
