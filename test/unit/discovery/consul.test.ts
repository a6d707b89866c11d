import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { ApiServer, ProviderWorld, parseDiscovery } from './provider-world.ts';
import type { ApiAnswer, ApiRequest } from './provider-world.ts';

interface Instance {
  readonly Node: object;
  readonly Service: object;
  readonly Checks: readonly object[];
}

/** Consul's HTTP API as far as discovery asks it, with questions that stay open until something changes. */
class FakeConsul {
  readonly services = new Map<string, { tags: string[]; instances: Instance[] }>();
  server!: ApiServer;
  override: ((request: ApiRequest, path: string) => ApiAnswer | undefined) | undefined;
  #index = 10;
  #changed = Promise.withResolvers<void>();

  async start(): Promise<void> {
    this.server = await ApiServer.start((request) => this.#answer(request));
  }

  /** Applies a change and lets open questions be answered. */
  change(apply: () => void): void {
    apply();
    this.#index++;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Answers open questions with the state that they know already, as when their time is over. */
  timeOut(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Questions asked so far whose path is `path`. */
  asked(path: string): URLSearchParams[] {
    return this.server.requests
      .map(({ url }) => new URL(url, 'http://consul'))
      .filter(({ pathname }) => pathname === path)
      .map(({ searchParams }) => searchParams);
  }

  async #answer(request: ApiRequest): Promise<ApiAnswer> {
    const { pathname, searchParams } = new URL(request.url, 'http://consul');
    const other = this.override?.(request, pathname);
    if (other !== undefined) return other;
    if (pathname === '/v1/agent/self') return { body: { Config: { Datacenter: 'dc7' }, Member: {} } };
    if (searchParams.get('index') === String(this.#index)) await this.#changed.promise;
    const headers = { 'X-Consul-Index': String(this.#index) };
    if (pathname === '/v1/catalog/services') {
      return {
        headers,
        body: Object.fromEntries([...this.services].map(([name, { tags }]) => [name, tags])),
      };
    }
    const service = this.services.get(pathname.replace('/v1/health/service/', ''));
    return { headers, body: service?.instances ?? [] };
  }
}

function instance(port: number, more: { node?: object; service?: object; checks?: object[] } = {}): Instance {
  return {
    Node: { ID: 'x', Node: 'n1', Address: '10.0.0.1', Datacenter: 'dc7', ...more.node },
    Service: { ID: `s-${port}`, Service: 's', Tags: null, Address: '', Port: port, ...more.service },
    Checks: more.checks ?? [{ CheckID: 'serfHealth', Status: 'passing' }],
  };
}

let consul: FakeConsul;
let world: ProviderWorld;

beforeEach(async () => {
  consul = new FakeConsul();
  await consul.start();
  world = new ProviderWorld();
  consul.services.set('vllm', { tags: ['gpu', 'prod'], instances: [instance(8000)] });
  consul.services.set('web', { tags: [], instances: [instance(80)] });
});

afterEach(async () => {
  await world.stop();
  await consul.server.stop();
});

const start = (more = '') =>
  world.start(`consul_sd_configs: [{server: "${consul.server.address}", refresh_interval: 5s${more}}]`);

/** Waits until `count` questions for a path came. */
const asked = (path: string, count: number) =>
  until(`${path} was asked ${count} times`, () => consul.asked(path).length >= count);

describe('consul discovery', () => {
  test('finds the instances of all services, with their labels', async () => {
    consul.services.set('vllm', {
      tags: [],
      instances: [
        instance(8000, {
          node: { Meta: { 'rack-id': 'r1' }, TaggedAddresses: { lan: '10.0.0.1', 'wan ipv4': '1.2.3.4' } },
          service: {
            Address: '2001:db8::1',
            Tags: ['gpu', 'prod'],
            Meta: { 'model/name': 'llama' },
            Namespace: 'team',
            Partition: 'eu',
          },
        }),
      ],
    });
    start();
    await world.sent(2);
    expect(world.targets()).toEqual([
      {
        __address__: '10.0.0.1:80',
        __meta_consul_address: '10.0.0.1',
        __meta_consul_dc: 'dc7',
        __meta_consul_health: 'passing',
        __meta_consul_node: 'n1',
        __meta_consul_service: 'web',
        __meta_consul_service_id: 's-80',
        __meta_consul_service_port: '80',
        __meta_consul_tags: ',,',
      },
      {
        __address__: '[2001:db8::1]:8000',
        __meta_consul_address: '10.0.0.1',
        __meta_consul_dc: 'dc7',
        __meta_consul_health: 'passing',
        __meta_consul_metadata_rack_id: 'r1',
        __meta_consul_namespace: 'team',
        __meta_consul_node: 'n1',
        __meta_consul_partition: 'eu',
        __meta_consul_service: 'vllm',
        __meta_consul_service_address: '2001:db8::1',
        __meta_consul_service_id: 's-8000',
        __meta_consul_service_metadata_model_name: 'llama',
        __meta_consul_service_port: '8000',
        __meta_consul_tagged_address_lan: '10.0.0.1',
        __meta_consul_tagged_address_wan_ipv4: '1.2.3.4',
        __meta_consul_tags: ',gpu,prod,',
      },
    ]);
    expect([...world.groups.keys()].sort()).toEqual(['vllm', 'web']);
  });

  test.each([
    [['passing', 'warning'], 'warning'],
    [['critical', 'warning'], 'critical'],
    [[], 'passing'],
    [['passing', 'odd'], ''],
  ])('checks %j are %j together', async (statuses, health) => {
    const checks = statuses.map((Status) => ({ CheckID: 'c', Status }));
    consul.services.set('web', { tags: [], instances: [instance(80, { checks })] });
    start(', services: [web]');
    await world.sent(1);
    expect(world.targets()[0]!['__meta_consul_health'] ?? '').toBe(health);
  });

  test('maintenance outweighs all other checks', async () => {
    const checks = [
      { CheckID: '_service_maintenance:web', Status: 'critical' },
      { CheckID: 'c', Status: 'critical' },
    ];
    consul.services.set('web', { tags: [], instances: [instance(80, { checks })] });
    start(', services: [web]');
    await world.sent(1);
    expect(world.targets()[0]!['__meta_consul_health']).toBe('maintenance');
  });

  test('keeps each question open until something changes, and asks no more often than it should', async () => {
    start();
    await world.sent(2);
    await world.pass(5000);
    await asked('/v1/health/service/web', 2);
    expect(consul.asked('/v1/health/service/web').map((query) => query.get('index'))).toEqual([null, '10']);
    consul.change(() => consul.services.get('web')!.instances.push(instance(81)));
    await world.sent(4);
    expect(world.addresses()).toEqual(['10.0.0.1:80', '10.0.0.1:8000', '10.0.0.1:81']);
    const before = consul.server.requests.length;
    await world.pass(4999);
    expect(consul.server.requests).toHaveLength(before);
    await world.pass(1);
    await asked('/v1/health/service/web', 3);
    expect(consul.asked('/v1/health/service/web').at(-1)!.get('index')).toBe('11');
  });

  test('an answer with the index that is known changes nothing', async () => {
    start(', services: [web]');
    await world.sent(1);
    await world.pass(5000);
    await asked('/v1/health/service/web', 2);
    consul.services.get('web')!.instances.push(instance(81));
    consul.timeOut();
    await until('it was answered', () => consul.asked('/v1/health/service/web').length >= 2);
    await world.pass(5000);
    await asked('/v1/health/service/web', 3);
    expect(world.updates).toHaveLength(1);
  });

  test('a new service is watched; one that is gone loses its targets and its watch', async () => {
    start();
    await world.sent(2);
    await world.pass(5000);
    await asked('/v1/catalog/services', 2);
    consul.change(() => consul.services.set('late', { tags: [], instances: [instance(90)] }));
    await until('the new one is there', () => world.addresses().includes('10.0.0.1:90'));
    await world.pass(5000);
    await asked('/v1/catalog/services', 3);
    consul.change(() => consul.services.delete('web'));
    await until('the old one is gone', () => !world.addresses().includes('10.0.0.1:80'));
    const before = consul.asked('/v1/health/service/web').length;
    await world.pass(60_000);
    expect(consul.asked('/v1/health/service/web')).toHaveLength(before);
    expect(world.addresses()).toEqual(['10.0.0.1:8000', '10.0.0.1:90']);
  });

  test('asks only for what is wanted, with all that the config says', async () => {
    start(
      ', services: [vllm, web], tags: [gpu, prod], node_meta: {rack: a}, filter: "X == y", health_filter: "H == z",' +
        ' datacenter: dc1, namespace: ns1, partition: p1, allow_stale: false, path_prefix: proxy/, tag_separator: "|",' +
        ' token: sesame',
    );
    consul.override = (_, path) =>
      path.startsWith('/proxy/')
        ? { headers: { 'X-Consul-Index': '5' }, body: prefixed(path) }
        : { status: 404 };
    const prefixed = (path: string) =>
      path === '/proxy/v1/catalog/services'
        ? { vllm: ['prod', 'gpu'], web: ['prod'] }
        : [instance(8000, { service: { Tags: ['a', 'b'] } })];
    await world.sent(1);
    expect(world.targets()[0]).toMatchObject({ __meta_consul_dc: 'dc1', __meta_consul_tags: '|a|b|' });
    expect(consul.server.requests.map(({ url }) => url)).toEqual([
      '/proxy/v1/catalog/services?dc=dc1&ns=ns1&partition=p1&wait=120000ms&node-meta=rack%3Aa&filter=X+%3D%3D+y',
      '/proxy/v1/health/service/vllm?dc=dc1&ns=ns1&partition=p1&wait=120000ms&node-meta=rack%3Aa&filter=H+%3D%3D+z&tag=gpu&tag=prod',
    ]);
    expect(consul.server.requests[0]!.headers).toMatchObject({
      'x-consul-token': 'sesame',
      'user-agent': 'tocsin/test',
    });
  });

  test('services that are named are asked for at once; stale answers will do', async () => {
    start(', services: [web, none]');
    await world.sent(2);
    expect(consul.asked('/v1/catalog/services')).toEqual([]);
    expect(consul.asked('/v1/health/service/web')[0]!.get('stale')).toBe('');
    expect(world.addresses()).toEqual(['10.0.0.1:80']);
  });

  test.each([
    [
      'a status',
      { status: 500, body: 'No cluster leader, token sesame' },
      'No cluster leader, token <secret>',
    ],
    ['not JSON', { body: 'x', headers: { 'X-Consul-Index': '99' } }, 'not valid JSON'],
    ['another shape', { body: { a: 1 }, headers: { 'X-Consul-Index': '99' } }, 'not as expected'],
    ['an odd index', { body: [], headers: { 'X-Consul-Index': 'x' } }, 'X-Consul-Index is not a number'],
  ])('%s keeps the last good targets and is tried again after 15 s', async (_, answer, message) => {
    start(', services: [web], token: sesame');
    await world.sent(1);
    consul.override = () => answer;
    await world.pass(5000);
    expect(await world.logged('Error refreshing service')).toContain(message);
    expect(world.addresses()).toEqual(['10.0.0.1:80']);
    expect(await world.metric('prometheus_sd_consul_rpc_failures_total')).toEqual({ '': 1 });
    const before = consul.server.requests.length;
    consul.override = undefined;
    consul.change(() => consul.services.get('web')!.instances.push(instance(81)));
    await world.pass(14_999);
    expect(consul.server.requests).toHaveLength(before);
    await world.pass(1);
    await world.sent(2);
    expect(world.addresses()).toEqual(['10.0.0.1:80', '10.0.0.1:81']);
    expect(world.lines.join('\n')).not.toContain('sesame');
  });

  test('an agent that does not answer is asked until it does', async () => {
    consul.override = (_, path) => (path === '/v1/agent/self' ? { status: 503 } : undefined);
    start(', services: [web]');
    await world.logged('Error retrieving datacenter name');
    consul.override = undefined;
    await world.pass(15_000);
    await world.sent(1);
    expect(world.targets()[0]).toMatchObject({ __meta_consul_dc: 'dc7' });
  });

  test('durations by call', async () => {
    start();
    await world.sent(2);
    const durations = await world.registry.getSingleMetricAsString(
      'prometheus_sd_consul_rpc_duration_seconds',
    );
    for (const [call, count] of [
      ['services', 1],
      ['service', 2],
    ] as const) {
      expect(durations).toContain(`_count{endpoint="catalog",call="${call}"} ${count}`);
    }
  });
});

describe('the config of consul discovery', () => {
  test.each([
    [
      '{server: " "}',
      '3:32: scrape_configs[0].consul_sd_configs[0].server: consul SD configuration requires a server',
    ],
    ['{server: "a b"}', '"a b" is not the address of a Consul server'],
    ['{scheme: gopher}', 'is not the address of a Consul server'],
    [
      '{username: u, basic_auth: {username: v}}',
      'at most one of consul SD configuration username and password',
    ],
    ['{password: p, authorization: {credentials: c}}', 'at most one of basic_auth, oauth2 & authorization'],
    [
      '{token: t, authorization: {credentials: c}}',
      'at most one of consul SD token, authorization, or oauth2',
    ],
    ['{services: web}', 'must be a list, not "web"'],
    ['{node_meta: [a]}', 'must be a map, not a list'],
    ['{allow_stale: perhaps}', 'must be true or false, not "perhaps"'],
    ['{servr: x}', 'unknown key "servr" in scrape_configs[0].consul_sd_configs[0]; did you mean "server"?'],
  ])('%s is refused', (entry, message) => {
    const { issues } = parseDiscovery(`consul_sd_configs: [${entry}]`);
    expect(issues.join('\n')).toContain(message);
    expect(issues[0]).toMatch(/^prometheus\.yml:3:\d+: /);
  });

  test('user and password are sent as basic authentication', async () => {
    start(', services: [web], username: u, password: p');
    await world.sent(1);
    expect(consul.server.requests[0]!.headers.authorization).toBe(`Basic ${btoa('u:p')}`);
  });
});
