import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../../src/core/ports.ts';
import { UndiciHttpClient, anyOf } from '../../../src/core/system/undici-http-client.ts';

const servers: Server[] = [];
const client = new UndiciHttpClient();
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'GET',
    url,
    headers: {},
    signal: new AbortController().signal,
    followRedirects: true,
    ...more,
  };
}

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('UndiciHttpClient', () => {
  test('sends method, headers and body and gives status, headers and body back', async () => {
    const base = await serve((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        response.setHeader('x-seen', `${request.method} ${String(request.headers['x-a'])}`);
        response.writeHead(418).end(Buffer.concat(parts).toString().toUpperCase());
      });
    });
    const answer = await client.request(
      get(base, { method: 'POST', headers: { 'x-a': 'b' }, body: 'hello' }),
    );
    expect(answer.status).toBe(418);
    expect(answer.headers['x-seen']).toBe('POST b');
    expect(await text(answer.body)).toBe('HELLO');
  });

  test('follows redirects, drops credentials on another host, gives up after ten', async () => {
    const other = await serve((request, response) => {
      response.end(String(request.headers['authorization'] ?? 'none'));
    });
    const base = await serve((request, response) => {
      const location = request.url === '/loop' ? '/loop' : other;
      response.writeHead(302, { location }).end();
    });
    const answer = await client.request(get(`${base}/once`, { headers: { Authorization: 'secret' } }));
    expect(await text(answer.body)).toBe('none');
    await expect(client.request(get(`${base}/loop`))).rejects.toThrow(/stopped after 10 redirects/);
    const plain = await client.request(get(`${base}/once`, { followRedirects: false }));
    expect(plain.status).toBe(302);
    plain.discard();
  });

  test.each([
    [
      'refused',
      (): Promise<string> => Promise.resolve('http://127.0.0.1:1'),
      /^127\.0\.0\.1:1: connection refused$/,
    ],
    [
      'reset before the answer',
      (): Promise<string> =>
        serve((request) => {
          request.socket.destroy();
        }),
      /connection (closed|reset)/,
    ],
  ])('a connection %s is an error that names the host and no more', async (_, makeBase, message) => {
    const base = await makeBase();
    const failing = client.request(get(`${base}/secret-path`));
    await expect(failing).rejects.toMatchObject({ code: 'TOCSIN_ERR_HTTP' });
    await expect(client.request(get(`${base}/secret-path`))).rejects.toThrow(message);
    await expect(client.request(get(`${base}/secret-path`))).rejects.not.toThrow(/secret-path/);
  });

  test('a body that breaks off is an error', async () => {
    const base = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
      response.socket?.end();
    });
    const answer = await client.request(get(base));
    await expect(text(answer.body)).rejects.toMatchObject({ code: 'TOCSIN_ERR_HTTP' });
  });

  test('the signal ends a request and the reading of a body, with its own reason', async () => {
    const base = await serve((request, response) => {
      if (request.url === '/body') response.write('start');
    });
    for (const path of ['/never', '/body']) {
      const controller = new AbortController();
      const reason = new Error('enough');
      const reading = (async () =>
        text((await client.request(get(base + path, { signal: controller.signal }))).body))();
      setImmediate(() => {
        controller.abort(reason);
      });
      await expect(reading).rejects.toBe(reason);
    }
  });
});

describe('addresses of a host', () => {
  const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => ({ address, family: 4 }));
  const look = (all: boolean, found: typeof addresses, error: Error | null = null): Promise<unknown> =>
    new Promise((resolve, reject) => {
      anyOf((_hostname, _options, done) => done(error, found))('many', { all }, (failure, ...given) => {
        if (failure === null) resolve(given);
        else reject(failure);
      });
    });

  test('are all taken in the long run', async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const [one] = (await look(true, addresses)) as [typeof addresses];
      expect(one).toHaveLength(1);
      seen.add(one[0]!.address);
    }
    expect(seen.size).toBe(3);
    expect(await look(false, addresses.slice(0, 1))).toEqual(['10.0.0.1', 4]);
  });

  test('may be none', async () => {
    await expect(look(true, [])).rejects.toThrow('many has no address');
    await expect(look(false, addresses, new Error('no such host'))).rejects.toThrow('no such host');
  });

  test('are asked for where the connection says so', async () => {
    const url = await serve((_, response) => response.end('here'));
    const { body } = await client
      .request(get(url.replace('127.0.0.1', 'localhost'), { connection: { anyAddress: true } }))
      .catch(() => client.request(get(url, { connection: { anyAddress: true } })));
    expect(await text(body)).toBe('here');
  });
});
