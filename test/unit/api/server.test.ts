import { gunzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApi, type ApiOptions } from '../../../src/api/index.ts';
import { chooseEncoding } from '../../../src/api/compression.ts';
import { Fakes } from './fakes.ts';

let fakes: Fakes;
let api: FastifyInstance;

beforeEach(() => {
  fakes = new Fakes();
});
afterEach(async () => {
  await api.close();
});

function open(options: Partial<ApiOptions> = {}, hasPrometheus = true): FastifyInstance {
  api = createApi(fakes.deps(options, hasPrometheus));
  return api;
}

describe('health and readiness', () => {
  it.each(['starting', 'ready', 'stopping'] as const)('while %s', async (readiness) => {
    open();
    fakes.readiness = readiness;
    const health = await api.inject('/-/healthy');
    const ready = await api.inject('/-/ready');
    expect([health.statusCode, health.body]).toEqual([200, 'tocsin is Healthy.\n']);
    if (readiness === 'ready') {
      expect([ready.statusCode, ready.body]).toEqual([200, 'tocsin is Ready.\n']);
      return;
    }
    expect([ready.statusCode, ready.body]).toEqual([503, 'Service Unavailable']);
    expect(ready.headers['x-prometheus-stopping']).toBe(String(readiness === 'stopping'));
  });

  it('tells how far the log was read while nothing else is answered', async () => {
    open();
    fakes.readiness = 'starting';
    const status = await api.inject('/api/v1/status/walreplay');
    expect([status.statusCode, status.json()]).toEqual([
      200,
      { status: 'success', data: { min: 0, max: 3, current: 2 } },
    ]);
    const query = await api.inject('/api/v1/query?query=up');
    expect([query.statusCode, query.body]).toEqual([503, 'Service Unavailable']);
  });

  it('answers HEAD', async () => {
    open();
    expect((await api.inject({ method: 'HEAD', url: '/-/ready' })).statusCode).toBe(200);
    expect((await api.inject({ method: 'HEAD', url: '/-/healthy' })).statusCode).toBe(200);
  });

  it('Alertmanager alone is always ready', async () => {
    open({}, false);
    fakes.readiness = 'starting';
    expect((await api.inject('/-/ready')).body).toBe('OK');
    expect((await api.inject('/-/healthy')).body).toBe('OK');
  });
});

describe('lifecycle', () => {
  it.each(['/-/reload', '/-/quit'])('%s is forbidden unless enabled', async (url) => {
    open();
    for (const method of ['POST', 'PUT'] as const) {
      const response = await api.inject({ method, url });
      expect([response.statusCode, response.body]).toEqual([403, 'Lifecycle API is not enabled.']);
    }
    const response = await api.inject(url);
    expect([response.statusCode, response.body]).toEqual([405, 'Only POST or PUT requests allowed']);
    expect(fakes.calls).toEqual([]);
  });

  it('reloads', async () => {
    open({ enableLifecycle: true });
    expect((await api.inject({ method: 'POST', url: '/-/reload' })).statusCode).toBe(200);
    fakes.reloadError = new Error('tocsin.yml:1:1: no');
    const failed = await api.inject({ method: 'PUT', url: '/-/reload' });
    expect([failed.statusCode, failed.body]).toEqual([500, 'failed to reload config: tocsin.yml:1:1: no\n']);
    expect(fakes.calls).toEqual(['reload', 'reload']);
  });

  it('quits once', async () => {
    open({ enableLifecycle: true });
    const first = await api.inject({ method: 'POST', url: '/-/quit' });
    const second = await api.inject({ method: 'POST', url: '/-/quit' });
    expect([first.body, second.body]).toEqual([
      'Requesting termination... Goodbye!',
      'Termination already in progress.',
    ]);
  });
});

describe('the web app', () => {
  it('is served with its base and title, on every page', async () => {
    open({ externalUrl: 'http://proxy/a"b/' });
    for (const url of ['/', '/alerts', '/silences/new', '/query?g0.expr=up']) {
      const response = await api.inject(url);
      expect(response.statusCode).toBe(200);
      expect(response.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(response.body).toBe('<html><base href="/a%22b/" /><title>tocsin &lt;1&gt;</title></html>');
    }
  });

  it('redirects the graph’s links', async () => {
    open({ externalUrl: 'http://proxy/x' });
    const response = await api.inject('/graph?g0.expr=up&g0.tab=1');
    expect([response.statusCode, response.headers['location']]).toEqual([
      302,
      '/x/query?g0.expr=up&g0.tab=1',
    ]);
  });

  it('serves assets to be kept', async () => {
    open();
    const response = await api.inject('/assets/main-1a2b.js');
    expect(response.body).toBe('console.log(1)');
    expect(response.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    });
  });

  it.each([
    '/assets/nope.js',
    '/assets/../index.html',
    '/assets/..%2findex.html',
    '/assets/%00',
    '/favicon.svg',
    '/nope',
  ])('has no %s', async (url) => {
    open();
    expect((await api.inject(url)).statusCode).toBe(404);
  });

  it('says how to build it', async () => {
    open();
    fakes.uiFiles = {};
    const response = await api.inject('/');
    expect([response.statusCode, response.body]).toEqual([
      503,
      'The web app is not built. Run "npm run build", then reload this page.\n',
    ]);
  });
});

describe('the route prefix', () => {
  it('stands before everything', async () => {
    open({ routePrefix: '/mon', externalUrl: 'http://proxy/out/mon' });
    for (const url of [
      '/mon/-/healthy',
      '/mon/api/v1/alerts',
      '/mon/api/v2/alerts',
      '/mon/metrics',
      '/mon/',
      '/mon/alerts',
    ]) {
      expect([url, (await api.inject(url)).statusCode]).toEqual([url, 200]);
    }
    expect((await api.inject('/api/v1/alerts')).statusCode).toBe(404);
    const root = await api.inject('/');
    expect([root.statusCode, root.headers['location']]).toEqual([302, '/out/mon/']);
    expect((await api.inject('/mon/')).body).toContain('<base href="/out/mon/"');
  });
});

describe('metrics', () => {
  it('counts requests by handler', async () => {
    open({ routePrefix: '/p', externalUrl: 'http://x/p' });
    await api.inject('/p/api/v1/label/job/values');
    await api.inject('/p/api/v1/query?query=up&time=x');
    await api.inject('/p/nope');
    const { body, headers } = await api.inject('/p/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(body).toContain(
      'prometheus_http_requests_total{handler="/api/v1/label/:name/values",code="200"} 1',
    );
    expect(body).toContain('prometheus_http_requests_total{handler="/api/v1/query",code="400"} 1');
    expect(body).toContain('prometheus_http_request_duration_seconds_count{handler="/api/v1/query"} 1');
    expect(body).toContain(
      'prometheus_http_response_size_bytes_count{handler="/api/v1/label/:name/values"} 1',
    );
    expect(body).toContain('prometheus_ready 1');
  });
});

describe('compression', () => {
  it.each([
    [undefined, undefined],
    ['gzip', 'gzip'],
    ['br, deflate;q=0.5, gzip', 'deflate'],
    ['gzip;q=0, deflate; q=0.0', undefined],
    ['GZIP', 'gzip'],
    ['*', undefined],
  ])('of %s is %s', (header, encoding) => {
    open();
    expect(chooseEncoding(header)).toBe(encoding);
  });

  it('leaves short answers alone', async () => {
    open();
    const response = await api.inject({ url: '/api/v1/alerts', headers: { 'accept-encoding': 'gzip' } });
    expect(response.headers['content-encoding']).toBeUndefined();
    expect(response.headers['vary']).toBe('Origin, Accept-Encoding');
  });

  it('packs long texts', async () => {
    open();
    fakes.uiFiles['assets/long.js'] = 'x'.repeat(5000);
    const response = await api.inject({ url: '/assets/long.js', headers: { 'accept-encoding': 'gzip' } });
    expect(response.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(response.rawPayload).toString()).toBe('x'.repeat(5000));
  });
});

it('/version', async () => {
  open();
  expect((await api.inject('/version')).json()).toMatchObject({ version: '0.1.0' });
});
