import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiServer, ProviderWorld, parseDiscovery } from './provider-world.ts';
import type { ApiAnswer } from './provider-world.ts';

let world: ProviderWorld;
let server: ApiServer;
let services: Record<string, object[]>;
let override: ((path: string) => ApiAnswer | undefined) | undefined;

const instance = (name: string, port: number, more: object = {}) => ({
  ID: `_nomad-${name}-${port}`,
  ServiceName: name,
  Namespace: 'default',
  NodeID: 'node-1',
  Datacenter: 'dc1',
  JobID: 'job',
  Address: '10.0.0.1',
  Port: port,
  Tags: null,
  ...more,
});

beforeEach(async () => {
  world = new ProviderWorld();
  override = undefined;
  services = { vllm: [instance('vllm', 8000, { Tags: ['gpu', 'prod'] })], web: [instance('web', 80)] };
  server = await ApiServer.start(({ url }) => {
    const { pathname } = new URL(url, 'http://nomad');
    const other = override?.(pathname);
    if (other !== undefined) return other;
    if (pathname === '/v1/services') {
      const names = Object.keys(services).map((ServiceName) => ({ ServiceName, Tags: [] }));
      return { body: names.length === 0 ? [] : [{ Namespace: 'default', Services: names }] };
    }
    return { body: services[pathname.replace('/v1/service/', '')] ?? [] };
  });
});

afterEach(async () => {
  await world.stop();
  await server.stop();
});

const start = (more = '') =>
  world.start(`nomad_sd_configs: [{server: "${server.url}/", refresh_interval: 30s${more}}]`);

describe('nomad discovery', () => {
  test('finds the instances of all services, with their labels', async () => {
    start(', authorization: {credentials: sesame}');
    await world.sent(1);
    expect([...world.groups.keys()]).toEqual(['Nomad']);
    expect(world.targets()).toEqual([
      {
        __address__: '10.0.0.1:80',
        __meta_nomad_address: '10.0.0.1',
        __meta_nomad_dc: 'dc1',
        __meta_nomad_namespace: 'default',
        __meta_nomad_node_id: 'node-1',
        __meta_nomad_service: 'web',
        __meta_nomad_service_address: '10.0.0.1',
        __meta_nomad_service_id: '_nomad-web-80',
        __meta_nomad_service_port: '80',
      },
      {
        __address__: '10.0.0.1:8000',
        __meta_nomad_address: '10.0.0.1',
        __meta_nomad_dc: 'dc1',
        __meta_nomad_namespace: 'default',
        __meta_nomad_node_id: 'node-1',
        __meta_nomad_service: 'vllm',
        __meta_nomad_service_address: '10.0.0.1',
        __meta_nomad_service_id: '_nomad-vllm-8000',
        __meta_nomad_service_port: '8000',
        __meta_nomad_tags: ',gpu,prod,',
      },
    ]);
    expect(server.requests.map(({ url }) => url)).toEqual([
      '/v1/services?region=global&namespace=default&stale=',
      '/v1/service/vllm?region=global&namespace=default&stale=',
      '/v1/service/web?region=global&namespace=default&stale=',
    ]);
    expect(server.requests[0]!.headers).toMatchObject({
      authorization: 'Bearer sesame',
      'user-agent': 'tocsin/test',
    });
  });

  test('asks as the config says', async () => {
    start(', allow_stale: false, region: eu, namespace: "*", tag_separator: "|"');
    await world.sent(1);
    expect(server.requests[0]!.url).toBe('/v1/services?region=eu&namespace=*');
    expect(world.targets()[1]!['__meta_nomad_tags']).toBe('|gpu|prod|');
  });

  test('changes and services that are gone', async () => {
    start();
    await world.sent(1);
    services = { web: [instance('web', 81)] };
    await world.pass(30_000);
    await world.sent(2);
    expect(world.addresses()).toEqual(['10.0.0.1:81']);
    services = {};
    await world.pass(30_000);
    await world.sent(3);
    expect(world.addresses()).toEqual([]);
  });

  test.each([
    ['/v1/services', { status: 403, body: 'ACL token sesame not found' }, 'ACL token <secret> not found'],
    ['/v1/service/web', { status: 500 }, '/v1/service/web: server returned HTTP status 500'],
    ['/v1/service/web', { body: { no: 'list' } }, 'not as expected'],
  ])('a failure of %s keeps all targets', async (path, answer, message) => {
    start(', authorization: {credentials: sesame}');
    await world.sent(1);
    override = (asked) => (asked === path ? answer : undefined);
    services['vllm'] = [];
    await world.pass(30_000);
    expect(await world.logged('Unable to refresh target groups')).toContain(message);
    expect(world.addresses()).toEqual(['10.0.0.1:80', '10.0.0.1:8000']);
    expect(await world.metric('prometheus_sd_nomad_failures_total')).toEqual({ '': 1 });
    expect(world.lines.join('\n')).not.toContain('sesame');
  });
});

test.each([
  [
    '{server: ""}',
    '3:31: scrape_configs[0].nomad_sd_configs[0].server: nomad SD configuration requires a server address',
  ],
  ['{server: "localhost:4646"}', 'is not the URL of a Nomad server'],
  ['{allow_stale: 2}', 'must be true or false, not 2'],
  ['{refresh_interval: 0s}', 'must be greater than 0'],
  [
    '{namespaces: [a]}',
    'unknown key "namespaces" in scrape_configs[0].nomad_sd_configs[0]; did you mean "namespace"?',
  ],
])('%s is refused', (entry, message) => {
  const { issues } = parseDiscovery(`nomad_sd_configs: [${entry}]`);
  expect(issues.join('\n')).toContain(message);
  expect(issues[0]).toMatch(/^prometheus\.yml:3:\d+: /);
});
