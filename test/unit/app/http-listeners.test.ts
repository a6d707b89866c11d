import { once } from 'node:events';
import { type IncomingMessage, type RequestListener, type ServerResponse, get } from 'node:http';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { HttpListeners, parseListenAddress } from '../../../src/app/http-listeners.ts';
import { TocsinError } from '../../../src/core/errors.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';

describe('parseListenAddress', () => {
  test.each([
    ['0.0.0.0:9090', '0.0.0.0', 9090],
    [':9090', '', 9090],
    ['localhost:0', 'localhost', 0],
    ['[::1]:65535', '::1', 65_535],
    ['[]:1', '', 1],
  ])('%s', (text, host, port) => {
    expect(parseListenAddress(text)).toEqual({ host, port });
  });

  test.each(['', '9090', 'a:', 'a:b', 'a:65536', 'a:999999', '::1:9090', 'a:-1', '[::1]', 'a:1 '])(
    '%j is refused',
    (text) => {
      expect(() => parseListenAddress(text)).toThrow(`--web.listen-address=${text} is not host:port`);
    },
  );

  test('throws nothing but its own error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const { port } = parseListenAddress(text);
          expect(port).toBeLessThanOrEqual(65_535);
        } catch (error) {
          expect(error).toBeInstanceOf(TocsinError);
        }
      }),
    );
  });
});

describe('listeners', () => {
  const limits = { readTimeoutMs: 60_000, maxConnections: 100 };
  const listeners: HttpListeners[] = [];
  const make = (): HttpListeners => {
    const made = new HttpListeners(new SystemClock());
    listeners.push(made);
    return made;
  };
  const answer: RequestListener = (_request, response) => {
    response.end('here');
  };
  const ask = async (address: string): Promise<string> => {
    const request = get(`http://${address}/`, { agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    for await (const part of response) text += String(part);
    return text;
  };

  afterEach(async () => {
    await Promise.all(listeners.splice(0).map((each) => each.stop(0)));
  });

  test('serve every address and say where', async () => {
    const bound = await make().start(['127.0.0.1:0', 'localhost:0'], answer, limits);
    expect(bound).toHaveLength(2);
    for (const address of bound) expect(await ask(address)).toBe('here');
  });

  test('a port in use is said in one line, and none is left open', async () => {
    const [taken] = await make().start(['127.0.0.1:0'], answer, limits);
    const other = make();
    const free = await make().start(['127.0.0.1:0'], answer, limits);
    await listeners.pop()!.stop(0);
    await expect(other.start([free[0]!, taken!], answer, limits)).rejects.toMatchObject({
      code: 'TOCSIN_ERR_LISTEN',
      message: `cannot listen on ${taken}: address already in use; stop what listens there or choose another with --web.listen-address`,
    });
    await expect(ask(free[0]!)).rejects.toThrow('ECONNREFUSED');
  });

  test('an address that this machine does not have', async () => {
    await expect(make().start(['192.0.2.1:0'], answer, limits)).rejects.toMatchObject({
      code: 'TOCSIN_ERR_LISTEN',
    });
  });

  test('a stop lets a running request end', async () => {
    const arrived = Promise.withResolvers<ServerResponse>();
    const server = make();
    const [address] = await server.start(
      ['127.0.0.1:0'],
      (_request, response) => arrived.resolve(response),
      limits,
    );
    const asked = ask(address!);
    const response = await arrived.promise;
    const stopping = server.stop(20_000);
    response.end('late');
    expect(await asked).toBe('late');
    await stopping;
    await expect(ask(address!)).rejects.toThrow('ECONNREFUSED');
  });

  test('a stop without grace cuts it off', async () => {
    const arrived = Promise.withResolvers<undefined>();
    const server = make();
    const [address] = await server.start(['127.0.0.1:0'], () => arrived.resolve(undefined), limits);
    const asked = ask(address!).catch((error: unknown) => error);
    await arrived.promise;
    await server.stop(0);
    expect(await asked).toMatchObject({ code: 'ECONNRESET' });
  });
});
