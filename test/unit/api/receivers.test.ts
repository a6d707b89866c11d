import { describe, expect, test } from 'vitest';
import { createApi } from '../../../src/api/index.ts';
import type { ApiDeps } from '../../../src/api/index.ts';
import type { ReceiverPorts } from '../../../src/api/ports.ts';
import type { WriteCall } from '../../../src/storage/index.ts';
import { Fakes } from './fakes.ts';

const PATHS = {
  '/api/v1/write': ['remoteWrite', '--web.enable-remote-write-receiver', 'remote write receiver'],
  '/api/v1/otlp/v1/metrics': ['otlp', '--web.enable-otlp-receiver', 'otlp write receiver'],
} as const;

function apiWith(receivers: ReceiverPorts, fakes = new Fakes()): ReturnType<typeof createApi> {
  const deps: ApiDeps = fakes.deps();
  return createApi({
    ...deps,
    prometheus: () => {
      const ports = deps.prometheus();
      return ports && { ...ports, receivers };
    },
  });
}

describe.each(Object.entries(PATHS))('%s', (url, [key, flag, name]) => {
  test('hands headers and bytes on, and answers what it is told', async () => {
    const calls: WriteCall[] = [];
    const api = apiWith({
      [key]: {
        receive: (call: WriteCall) => {
          calls.push(call);
          return Promise.resolve({ status: 503, headers: { 'Retry-After': '30' }, text: 'later' });
        },
      },
    });
    const body = Buffer.from([0, 255, 10]);
    const headers = { 'content-type': 'application/x-protobuf;proto=a', 'content-encoding': 'snappy' };
    const response = await api.inject({ method: 'POST', url, headers, body });
    expect(calls.map((call) => ({ ...call, body: Buffer.from(call.body) }))).toEqual([
      { contentType: 'application/x-protobuf;proto=a', contentEncoding: 'snappy', body },
    ]);
    expect([response.statusCode, response.body, response.headers['retry-after']]).toEqual([
      503,
      'later\n',
      '30',
    ]);
    expect(response.headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  test('may have neither body nor headers', async () => {
    const bodies: number[] = [];
    const api = apiWith({
      [key]: {
        receive: ({ body, contentType }: WriteCall) => {
          bodies.push(body.length, contentType === undefined ? 0 : 1);
          return Promise.resolve({ status: 204, headers: {}, text: '' });
        },
      },
    });
    const response = await api.inject({ method: 'POST', url });
    expect([response.statusCode, response.body]).toEqual([204, '']);
    expect(bodies).toEqual([0, 0]);
  });

  test('is not there unless it is switched on', async () => {
    const response = await apiWith({}).inject({ method: 'POST', url, body: 'x' });
    expect([response.statusCode, response.body]).toEqual([404, `${name} needs to be enabled with ${flag}\n`]);
  });

  test('is unavailable while starting', async () => {
    const fakes = new Fakes();
    fakes.readiness = 'starting';
    const response = await apiWith({}, fakes).inject({ method: 'POST', url, body: 'x' });
    expect(response.statusCode).toBe(503);
  });

  test('says nothing of bugs, but in the log', async () => {
    const fakes = new Fakes();
    const api = apiWith({ [key]: { receive: () => Promise.reject(new Error('secret')) } }, fakes);
    const response = await api.inject({ method: 'POST', url, body: 'x' });
    expect([response.statusCode, response.body]).toEqual([500, 'internal error; see the log\n']);
    expect(fakes.failures).toHaveLength(1);
  });
});
