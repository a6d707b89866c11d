import { type RequestListener, createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';

/** A server of a test. */
export interface TestServer {
  /** `127.0.0.1:port` */
  readonly address: string;
  close(): Promise<void>;
}

/** Serves on a free port of the loopback interface. */
export async function serveHttp(listener: RequestListener): Promise<TestServer> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A server that speaks HTTP/2 over TLS, and HTTP/1.1 to those who do not. */
export interface SecureTestServer extends TestServer {
  /** Sessions of HTTP/2 that are open. */
  readonly sessions: ReadonlySet<ServerHttp2Session>;
}

/** Serves HTTP/2 on a free port of the loopback interface. */
export async function serveHttp2(
  tls: { readonly key: string; readonly cert: string },
  listener: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Promise<SecureTestServer> {
  const server = createSecureServer({ ...tls, allowHTTP1: true }, listener);
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    sessions,
    async close() {
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
