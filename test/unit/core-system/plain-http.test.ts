import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../../src/core/ports.ts';
import { isPlainRequest, PlainHttp } from '../../../src/core/system/plain-http.ts';

const servers: { server: Server; sockets: Set<Socket> }[] = [];
const clients: PlainHttp[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Served {
  readonly url: string;
  /** Heads of requests, by connection. */
  readonly asked: string[][];
  readonly sockets: Set<Socket>;
}

/** A server that hears whole heads of requests; `answer` says what it does about the n-th of a connection. */
async function serve(answer: (socket: Socket, request: string, n: number) => void): Promise<Served> {
  const sockets = new Set<Socket>();
  const asked: string[][] = [];
  const server = createServer((socket) => {
    const mine: string[] = [];
    asked.push(mine);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const request = text.slice(0, end);
        text = text.slice(end + 4);
        mine.push(request);
        answer(socket, request, mine.length);
      }
    });
  });
  servers.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics?a=b`, asked, sockets };
}

function makeClient(): PlainHttp {
  const client = new PlainHttp(60_000);
  clients.push(client);
  return client;
}

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'GET',
    url,
    headers: {},
    signal: new AbortController().signal,
    followRedirects: true,
    transientBody: true,
    ...more,
  };
}

const reply = (body: string, more = ''): string =>
  `HTTP/1.1 200 OK\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of body) text += Buffer.from(chunk).toString('latin1');
  return text;
}

/** Turns of the event loop, until something is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

describe('plain HTTP', () => {
  test('asks as it is told and keeps the connection', async () => {
    const served = await serve((socket, _, n) => socket.write(reply(`answer ${n}`)));
    const client = makeClient();
    for (let i = 1; i <= 3; i++) {
      const response = await client.request(get(served.url, { headers: { Accept: 'a', 'X-B': 'ü' } }));
      expect(response).toMatchObject({ status: 200, url: served.url });
      expect(await textOf(response.body)).toBe(`answer ${i}`);
    }
    const { host } = new URL(served.url);
    expect(served.asked).toEqual([
      Array.from(
        { length: 3 },
        () => `GET /metrics?a=b HTTP/1.1\r\nAccept: a\r\nX-B: ü\r\nHost: ${host}\r\nConnection: keep-alive`,
      ),
    ]);
  });

  test('has a connection for each request at a time', async () => {
    const waiting: Socket[] = [];
    const served = await serve((socket) => waiting.push(socket));
    const client = makeClient();
    const both = [client.request(get(served.url)), client.request(get(served.url))];
    await until(() => waiting.length === 2);
    waiting[1]!.write(reply('second'));
    waiting[0]!.write(reply('first'));
    const texts = await Promise.all(both.map(async (one) => textOf((await one).body)));
    expect(texts.toSorted()).toEqual(['first', 'second']);
    expect(served.asked).toHaveLength(2);
  });

  test('asks again when a kept connection was closed meanwhile', async () => {
    const served = await serve((socket, _, n) => {
      if (n === 1) socket.write(reply('once'));
      else socket.destroy();
    });
    const client = makeClient();
    for (let i = 0; i < 3; i++) {
      expect(await textOf((await client.request(get(served.url))).body)).toBe('once');
    }
    expect(served.asked.map((requests) => requests.length)).toEqual([2, 2, 1]);
  });

  test('does not ask again when a new connection is closed', async () => {
    const served = await serve((socket) => socket.destroy());
    const { host } = new URL(served.url);
    await expect(makeClient().request(get(served.url))).rejects.toMatchObject({
      code: 'TOCSIN_ERR_HTTP',
      message: expect.stringMatching(new RegExp(`^${host}: connection (closed|reset)`)) as string,
    });
    expect(served.asked).toHaveLength(1);
  });

  test.each([
    ['its server says so', reply('x', 'Connection: close\r\n')],
    ['its server would close it at once', reply('x', 'Keep-Alive: timeout=1\r\n')],
    ['more came than the answer', `${reply('x')}more`],
  ])('a connection is not kept when %s', async (_, answer) => {
    const served = await serve((socket) => socket.write(answer));
    const client = makeClient();
    for (let i = 0; i < 2; i++) expect(await textOf((await client.request(get(served.url))).body)).toBe('x');
    expect(served.asked.map((requests) => requests.length)).toEqual([1, 1]);
  });

  test('a connection on which something comes unasked is not used', async () => {
    const served = await serve((socket) => socket.write(reply('x')));
    const client = makeClient();
    expect(await textOf((await client.request(get(served.url))).body)).toBe('x');
    const [socket] = served.sockets;
    socket!.write(reply('forged'));
    await until(() => served.sockets.size === 0);
    expect(await textOf((await client.request(get(served.url))).body)).toBe('x');
    expect(served.asked).toHaveLength(2);
  });

  test('a large body comes whole, and no faster than it is read', async () => {
    const line = Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => 32 + ((i * 7) % 90)));
    const pieces = 40;
    let written = 0;
    const served = await serve((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${pieces * line.length}\r\n\r\n`);
      const more = (): void => {
        while (written < pieces) {
          written++;
          if (!socket.write(line)) return;
        }
      };
      socket.on('drain', more);
      more();
    });
    const response = await makeClient().request(get(served.url));
    // Turns enough for all of it to come, if nothing held it back.
    for (let i = 0; i < 2000; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBeLessThan(pieces);
    let length = 0;
    for await (const chunk of response.body) {
      for (let i = 0; i < chunk.length; i += 997) {
        expect(chunk[i]).toBe(line[(length + i) % line.length]);
      }
      length += chunk.length;
    }
    expect(length).toBe(pieces * line.length);
  });

  test('a body that breaks off is an error that names the host and no more', async () => {
    const served = await serve((socket) => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
    });
    const response = await makeClient().request(get(served.url));
    const { host } = new URL(served.url);
    await expect(textOf(response.body)).rejects.toThrow(
      new RegExp(`^${host}: connection closed before the response was complete$`),
    );
  });

  test('a body without a length ends with the connection', async () => {
    const served = await serve((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'));
    expect(await textOf((await makeClient().request(get(served.url))).body)).toBe('all of it');
  });

  test('what is no HTTP is an error', async () => {
    const served = await serve((socket) => socket.write('SSH-2.0-x\r\n\r\n'));
    await expect(makeClient().request(get(served.url))).rejects.toThrow(/: malformed HTTP response$/);
  });

  test('a refused connection is an error', async () => {
    await expect(makeClient().request(get('http://127.0.0.1:1/x'))).rejects.toThrow(
      /^127\.0\.0\.1:1: connection refused$/,
    );
  });

  test('a header cannot bring another one in', async () => {
    const served = await serve((socket) => socket.write(reply('x')));
    const client = makeClient();
    for (const headers of [{ A: 'b\r\nC: d' }, { 'A\r\nC': 'd' }, { A: 'β' }]) {
      await expect(client.request(get(served.url, { headers }))).rejects.toThrow(/characters that headers/);
    }
    expect(served.asked).toEqual([]);
  });

  test('the signal ends a request and the reading of a body, with its own reason', async () => {
    const served = await serve((socket, request) => {
      if (request.startsWith('GET /body')) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
      }
    });
    const client = makeClient();
    for (const path of ['/never', '/body']) {
      const controller = new AbortController();
      const url = new URL(path, served.url).href;
      const reason = new Error('enough');
      const reading = (async () =>
        textOf((await client.request(get(url, { signal: controller.signal }))).body))();
      setImmediate(() => {
        controller.abort(reason);
      });
      await expect(reading).rejects.toBe(reason);
    }
    await until(() => served.sockets.size === 0);
    await expect(client.request(get(served.url, { signal: AbortSignal.abort('before') }))).rejects.toBe(
      'before',
    );
  });

  test('who leaves a body leaves the connection', async () => {
    const served = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'));
    const client = makeClient();
    for await (const chunk of (await client.request(get(served.url))).body) {
      expect(chunk).toHaveLength(4);
      break;
    }
    await until(() => served.sockets.size === 0);
  });

  test('a discarded body is read to its end when that is near', async () => {
    const endless = Buffer.alloc(64 * 1024, 'x');
    const served = await serve((socket, request) => {
      if (request.startsWith('GET /short')) socket.write(reply('short'));
      else {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        const more = (): void => {
          while (!socket.destroyed && socket.write(endless));
        };
        socket.on('drain', more);
        more();
      }
    });
    const client = makeClient();
    for (let i = 0; i < 2; i++) (await client.request(get(new URL('/short', served.url).href))).discard();
    await until(() => served.asked.flat().length === 2);
    expect(served.sockets.size).toBe(1);
    (await client.request(get(new URL('/endless', served.url).href))).discard();
    await until(() => served.sockets.size === 0);
  });

  test('ends all connections', async () => {
    const served = await serve((socket, _, n) => {
      if (n === 1) socket.write(reply('x'));
    });
    const client = makeClient();
    await textOf((await client.request(get(served.url))).body);
    expect(served.sockets.size).toBe(1);
    client.close();
    await until(() => served.sockets.size === 0);
  });
});

test('only plain requests are taken', () => {
  const url = 'http://host/';
  expect(isPlainRequest(get(url))).toBe(true);
  expect(isPlainRequest(get(url, { method: 'HEAD' }))).toBe(true);
  const others: Partial<HttpRequest>[] = [
    { url: 'https://host/' },
    { method: 'POST' },
    { body: 'x' },
    { transientBody: false },
    { connection: { proxyUrl: 'http://proxy' } },
    { connection: { anyAddress: true } },
  ];
  for (const other of others) expect(isPlainRequest(get(url, other))).toBe(false);
});
