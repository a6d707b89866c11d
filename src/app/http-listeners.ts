import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RequestListener } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { TocsinError } from '../core/errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use; stop what listens there or choose another with --web.listen-address',
  EACCES: 'permission denied; ports below 1024 need privileges',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'no such host',
};

/** `host:port`, `:port`, `[v6]:port` in its parts. Throws TOCSIN_ERR_USAGE. */
export function parseListenAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[(?<six>[^\]]*)\]|(?<host>[^:]*)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  if (match === null || port > 65_535) {
    throw new TocsinError(
      'TOCSIN_ERR_USAGE',
      `--web.listen-address=${text} is not host:port; write for example 127.0.0.1:9090`,
    );
  }
  return { host: match.groups?.['six'] ?? match.groups?.['host'] ?? '', port };
}

/** Limits of a listener. */
export interface ListenerOptions {
  readonly readTimeoutMs: number;
  readonly maxConnections: number;
}

/** The sockets that the API is served on. */
export class HttpListeners {
  readonly #servers: Server[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts listening on every address; none is left open when one fails. Resolves to `host:port` of each. */
  async start(
    addresses: readonly string[],
    handler: RequestListener,
    options: ListenerOptions,
  ): Promise<string[]> {
    const bound: string[] = [];
    try {
      for (const address of addresses) bound.push(await this.#listen(address, handler, options));
    } catch (error) {
      await this.stop(0);
      throw error;
    }
    return bound;
  }

  /** Lets running requests end for up to `graceMs` (0 cuts them off), then closes everything. */
  async stop(graceMs: number): Promise<void> {
    const closing = this.#servers.splice(0).map((server) => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      server.closeIdleConnections();
      const timer = this.#clock.setTimer(this.#clock.nowMs() + graceMs, () => {
        server.closeAllConnections();
      });
      return closed.finally(() => {
        timer.cancel();
      });
    });
    await Promise.all(closing);
  }

  #listen(address: string, handler: RequestListener, options: ListenerOptions): Promise<string> {
    const { host, port } = parseListenAddress(address);
    const server = createServer(
      { requestTimeout: options.readTimeoutMs, keepAliveTimeout: options.readTimeoutMs },
      handler,
    );
    server.maxConnections = options.maxConnections;
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const reason = REASONS[error.code ?? ''] ?? error.message;
        reject(
          new TocsinError('TOCSIN_ERR_LISTEN', `cannot listen on ${address}: ${reason}`, { cause: error }),
        );
      });
      server.listen(port, host === '' ? undefined : host, () => {
        this.#servers.push(server);
        const { address: ip, port: bound, family } = server.address() as AddressInfo;
        resolve(`${family === 'IPv6' ? `[${ip}]` : ip}:${bound}`);
      });
    });
  }
}
