import { readFileSync } from 'node:fs';
import { createServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import type { HttpRequest, HttpResponse } from '../../../src/core/ports.ts';
import { UndiciHttpClient } from '../../../src/core/system/undici-http-client.ts';

const fixture = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../../fixtures/tls', name));
const tls = { key: fixture('localhost-key.pem'), cert: fixture('localhost-cert.pem') };
const ca = tls.cert.toString();
const expiryMs = Date.parse(new X509Certificate(tls.cert).validTo);
const client = new UndiciHttpClient();
const servers: Server[] = [];
let connections = 0;

async function listen(server: Server, scheme: string): Promise<string> {
  servers.push(server);
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `${scheme}://localhost:${(server.address() as AddressInfo).port}`;
}

afterAll(async () => {
  await client.close();
  for (const server of servers) {
    (server as HttpServer).closeAllConnections?.();
    await new Promise((resolve) => server.close(resolve));
  }
});

const hello: RequestListener = (request, response) => {
  if (request.url === '/moved') response.writeHead(302, { location: '/' }).end();
  else response.writeHead(200, { 'content-type': 'text/plain' }).end('hello');
};

function observe(url: string, more: Partial<HttpRequest> = {}): Promise<HttpResponse> {
  const { signal } = new AbortController();
  return client.request({
    method: 'GET',
    url,
    headers: {},
    signal,
    followRedirects: true,
    observes: true,
    ...more,
  });
}

async function read({ body }: HttpResponse): Promise<string> {
  let text = '';
  for await (const chunk of body) text += Buffer.from(chunk).toString();
  return text;
}

test('every request has a connection of its own, whose steps are timed; redirects add up', async () => {
  const base = await listen(createServer(hello), 'http');
  connections = 0;
  const first = await observe(base);
  expect(await read(first)).toBe('hello');
  const { observed } = await observe(`${base}/moved`).then(
    async (response) => (await read(response), response),
  );
  expect(connections).toBe(3);
  expect(observed).toMatchObject({ redirects: 1, httpVersion: 1.1, tlsMs: expect.any(Number) as number });
  expect(observed!.tls).toBeUndefined();
  expect(observed!.processingMs).toBeGreaterThan(first.observed!.processingMs / 100);
  for (const ms of [observed!.resolveMs, observed!.connectMs, observed!.processingMs])
    expect(ms).toBeGreaterThan(0);
  const thrownAway = await observe(base);
  thrownAway.discard();
});

test('of TLS it sees the version and when the certificate ends', async () => {
  const base = await listen(createTlsServer(tls, hello), 'https');
  const answer = await observe(base, { connection: { tls: { ca } } });
  expect(await read(answer)).toBe('hello');
  expect(answer.observed).toMatchObject({
    httpVersion: 1.1,
    tls: { version: 'TLS 1.3', earliestExpiryMs: expiryMs },
  });
  expect(answer.observed!.tlsMs).toBeGreaterThan(0);
  const older = await observe(base, { connection: { tls: { ca, maxVersion: 'TLS12' } } });
  older.discard();
  expect(older.observed!.tls!.version).toBe('TLS 1.2');
  await expect(observe(base)).rejects.toThrow(/self-signed certificate/);
});

test('HTTP/2 is seen', async () => {
  const server = createSecureServer({ ...tls, allowHTTP1: true }, (_, response) => {
    response.end('two');
  });
  const base = await listen(server, 'https');
  const answer = await observe(base, { connection: { tls: { ca }, http2: true } });
  expect(await read(answer)).toBe('two');
  expect(answer.observed!.httpVersion).toBe(2);
});

test('refused connections and broken-off waits reject as ever', async () => {
  const base = await listen(
    createServer(() => undefined),
    'http',
  );
  const controller = new AbortController();
  const waiting = observe(base, { signal: controller.signal });
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(observe('http://127.0.0.1:1')).rejects.toThrow('127.0.0.1:1');
});
