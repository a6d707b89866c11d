import { lookup } from 'node:dns';
import type { LookupFunction, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { DetailedPeerCertificate } from 'node:tls';
import type * as undiciModule from 'undici';
import type { Dispatcher, buildConnector } from 'undici';
import type { HttpObservation, HttpRequest } from '../ports.ts';

type Undici = typeof undiciModule;

/** A request over a connection of its own, and what is seen of it. Use once. */
export class ObservedRequest {
  readonly #undici: Undici;
  readonly #options: buildConnector.BuildOptions;
  #dispatcher: Dispatcher | undefined;
  #resolveMs = 0;
  #connectMs = 0;
  #tlsMs = 0;
  #processingMs = 0;
  #readyMs = 0;
  #httpVersion = 1.1;
  #tls: HttpObservation['tls'];

  /** `options` say how to connect. */
  constructor(undici: Undici, options: buildConnector.BuildOptions) {
    this.#undici = undici;
    this.#options = options;
  }

  /** Rejects with what undici does. The body must be read or `close` called. */
  async send(request: HttpRequest, viaProxy: Dispatcher | undefined): Promise<Dispatcher.ResponseData> {
    const startMs = performance.now();
    this.#dispatcher = viaProxy ?? this.#makeAgent();
    const answer = await this.#undici.request(request.url, {
      dispatcher: this.#dispatcher,
      method: request.method as Dispatcher.HttpMethod,
      headers: request.headers,
      body: request.body ?? null,
      signal: request.signal,
      reset: true,
    });
    this.#processingMs = performance.now() - (viaProxy === undefined ? this.#readyMs : startMs);
    return answer;
  }

  /** Ends the connection. Not to be called for a proxy's, which others use. */
  async close(): Promise<void> {
    await this.#dispatcher?.destroy();
  }

  /** What was seen so far. */
  observation(): HttpObservation {
    return {
      redirects: 0,
      resolveMs: this.#resolveMs,
      connectMs: this.#connectMs,
      tlsMs: this.#tlsMs,
      processingMs: this.#processingMs,
      httpVersion: this.#httpVersion,
      ...(this.#tls !== undefined && { tls: this.#tls }),
    };
  }

  /** What is to be seen of a socket has to be taken down before it ends. */
  #look(socket: Socket | TLSSocket | null): void {
    if (!(socket instanceof TLSSocket)) return;
    this.#tls = tlsOf(socket);
    if (socket.alpnProtocol === 'h2') this.#httpVersion = 2;
  }

  #makeAgent(): Dispatcher {
    const { Agent, buildConnector: build } = this.#undici;
    const timedLookup: LookupFunction = (hostname, options, done) => {
      const startMs = performance.now();
      lookup(hostname, options, (error, address, family) => {
        this.#resolveMs = performance.now() - startMs;
        done(error, address as string, family);
      });
    };
    const connector = build({ ...this.#options, lookup: timedLookup } as buildConnector.BuildOptions);
    return new Agent({
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: this.#options.allowH2 === true,
      connect: (options, callback) => {
        const startMs = performance.now();
        let connectedMs = startMs;
        const socket = connector(options, (...result: Parameters<buildConnector.Callback>) => {
          this.#readyMs = performance.now();
          this.#look(result[1]);
          this.#connectMs = Math.max(0, connectedMs - startMs - this.#resolveMs);
          this.#tlsMs = this.#readyMs - connectedMs;
          callback(...result);
        }) as unknown as NodeJS.EventEmitter | undefined;
        socket?.prependListener('connect', () => {
          connectedMs = performance.now();
        });
      },
    });
  }
}

function tlsOf(socket: TLSSocket): NonNullable<HttpObservation['tls']> {
  let earliestMs = Infinity;
  const seen = new Set<string>();
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // The last one is its own issuer.
  while (certificate?.valid_to !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    earliestMs = Math.min(earliestMs, Date.parse(certificate.valid_to));
    certificate = certificate.issuerCertificate as DetailedPeerCertificate | undefined;
  }
  const version = (socket.getProtocol() ?? '').replace(
    /^TLSv1(?:\.(\d))?$/,
    (_, minor?: string) => `TLS 1.${minor ?? 0}`,
  );
  return { version, earliestExpiryMs: earliestMs };
}
