import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiServer, ProviderWorld, parseDiscovery } from './provider-world.ts';
import type { ApiAnswer } from './provider-world.ts';

let world: ProviderWorld;
let server: ApiServer;
let lists: Record<string, unknown>;
let override: ((path: string) => ApiAnswer | undefined) | undefined;
let apiVersion: string | undefined;

const NETWORK = {
  Id: 'n1',
  Name: 'models',
  Scope: 'local',
  Internal: true,
  Ingress: false,
  Labels: { 'a.b': 'c' },
};

/** A container in one network, with changes. */
function container(id: string, ip: string, more: object = {}): object {
  return {
    Id: id,
    Names: [`/${id}`],
    Image: 'vllm:1',
    ImageID: 'sha256:1',
    Labels: { 'com.example/model': 'llama' },
    Ports: [],
    HostConfig: { NetworkMode: 'models' },
    NetworkSettings: { Networks: { models: { NetworkID: 'n1', IPAddress: ip, GlobalIPv6Address: '' } } },
    ...more,
  };
}

/** What {@link container} has in all its targets. */
const containerLabels = (id: string, ip: string) => ({
  __meta_docker_container_id: id,
  __meta_docker_container_image: 'vllm:1',
  __meta_docker_container_image_id: 'sha256:1',
  __meta_docker_container_label_com_example_model: 'llama',
  __meta_docker_container_name: `/${id}`,
  __meta_docker_container_network_mode: 'models',
  __meta_docker_network_id: 'n1',
  __meta_docker_network_ingress: 'false',
  __meta_docker_network_internal: 'true',
  __meta_docker_network_ip: ip,
  __meta_docker_network_label_a_b: 'c',
  __meta_docker_network_name: 'models',
  __meta_docker_network_scope: 'local',
});

function answer({ url }: { url: string }): ApiAnswer {
  const path = new URL(url, 'http://docker').pathname.replace(/^\/v[\d.]+\//, '/');
  const other = override?.(path);
  if (other !== undefined) return other;
  if (path === '/_ping') {
    return {
      headers: { 'Content-Type': 'text/plain', ...(apiVersion && { 'Api-Version': apiVersion }) },
      body: 'OK',
    };
  }
  return path in lists ? { body: lists[path] } : { status: 404, body: { message: 'page not found' } };
}

beforeEach(async () => {
  world = new ProviderWorld();
  override = undefined;
  apiVersion = '1.44';
  lists = { '/containers/json': [container('a', '10.0.0.1')], '/networks': [NETWORK] };
  server = await ApiServer.start(answer);
});

afterEach(async () => {
  await world.stop();
  await server.stop();
});

const start = (more = '', kind = 'docker') =>
  world.start(`${kind}_sd_configs: [{host: "${server.url}", refresh_interval: 30s${more}}]`);

describe('docker discovery', () => {
  test('a target for each TCP port, else one at the port of the config', async () => {
    const Ports = [
      { IP: '0.0.0.0', PrivatePort: 8000, PublicPort: 80, Type: 'tcp' },
      { PrivatePort: 9000, Type: 'tcp' },
      { PrivatePort: 53, Type: 'udp' },
    ];
    lists['/containers/json'] = [container('a', '10.0.0.1', { Ports }), container('b', '10.0.0.2')];
    start(', port: 8080');
    await world.sent(1);
    expect([...world.groups.keys()]).toEqual(['Docker']);
    expect(world.targets()).toEqual([
      {
        __address__: '10.0.0.1:8000',
        ...containerLabels('a', '10.0.0.1'),
        __meta_docker_port_private: '8000',
        __meta_docker_port_public: '80',
        __meta_docker_port_public_ip: '0.0.0.0',
      },
      {
        __address__: '10.0.0.1:9000',
        ...containerLabels('a', '10.0.0.1'),
        __meta_docker_port_private: '9000',
      },
      { __address__: '10.0.0.2:8080', ...containerLabels('b', '10.0.0.2') },
    ]);
  });

  test('asks in the version of the daemon, at most in the newest known, with filters and credentials', async () => {
    start(
      ', filters: [{name: label, values: [b, a=1]}, {name: status, values: [running]}], bearer_token: sesame',
    );
    await world.sent(1);
    const filters = encodeURIComponent('{"label":{"a=1":true,"b":true},"status":{"running":true}}');
    expect(server.requests.map(({ url }) => url)).toEqual([
      '/_ping',
      `/v1.44/containers/json?filters=${filters}`,
      '/v1.44/networks',
    ]);
    for (const { headers } of server.requests) expect(headers.authorization).toBe('Bearer sesame');
    for (const [said, used] of [
      ['1.99', 'v1.51'],
      ['2.0', 'v1.51'],
      [undefined, 'v1.24'],
    ] as const) {
      apiVersion = said;
      const before = world.updates.length;
      await world.pass(30_000);
      await world.sent(before + 1);
      expect(server.requests.at(-1)!.url).toBe(`/${used}/networks`);
    }
  });

  test('of several networks the first by name, or all', async () => {
    const Networks = {
      z: { NetworkID: 'n1', IPAddress: '10.0.0.9' },
      b: { NetworkID: 'n2', IPAddress: '', GlobalIPv6Address: 'fd00::1' },
      a: null,
    };
    lists['/containers/json'] = [container('a', '', { NetworkSettings: { Networks } })];
    start();
    await world.sent(1);
    expect(world.addresses()).toEqual(['[fd00::1]:80']);
    await world.stop();
    world = new ProviderWorld();
    start(', match_first_network: false');
    await world.sent(1);
    expect(world.addresses()).toEqual(['10.0.0.9:80', '[fd00::1]:80']);
  });

  test('containers in the network of their host, of another container, and of each other', async () => {
    const none = { NetworkSettings: { Networks: {} } };
    lists['/containers/json'] = [
      container('host', '', {
        HostConfig: { NetworkMode: 'host' },
        NetworkSettings: { Networks: { host: { NetworkID: 'h', IPAddress: '' } } },
      }),
      container('owner', '10.0.0.1', { Ports: [{ PrivatePort: 1, Type: 'tcp' }] }),
      container('guest', '', { ...none, HostConfig: { NetworkMode: 'container:owner' } }),
      container('lost', '', { ...none, HostConfig: { NetworkMode: 'container:nobody' } }),
      container('ring', '', { ...none, HostConfig: { NetworkMode: 'container:ring' } }),
      { Id: 'nameless', Names: [] },
    ];
    start(', host_networking_host: 192.0.2.1');
    await world.sent(1);
    expect(world.addresses()).toEqual(['10.0.0.1:1', '10.0.0.1:80', '192.0.2.1']);
    expect(world.targets()[1]).toMatchObject({ __meta_docker_container_name: '/guest' });
  });

  test('a change; containers that are gone', async () => {
    start();
    await world.sent(1);
    lists['/containers/json'] = [container('a', '10.0.0.5')];
    await world.pass(30_000);
    await world.sent(2);
    expect(world.addresses()).toEqual(['10.0.0.5:80']);
    lists['/containers/json'] = null;
    await world.pass(30_000);
    await world.sent(3);
    expect(world.addresses()).toEqual([]);
  });

  test.each([
    ['/_ping', { status: 503 }, '/_ping: server returned HTTP status 503'],
    ['/containers/json', { status: 500, body: 'no sesame' }, 'server returned HTTP status 500: no <secret>'],
    ['/networks', { body: [{ Id: 5 }] }, '/networks: the answer is not as expected: [0].Id'],
  ])('a failure of %s keeps the last good targets', async (path, failure, message) => {
    start(', basic_auth: {username: u, password: sesame}');
    await world.sent(1);
    override = (asked) => (asked === path ? failure : undefined);
    await world.pass(30_000);
    expect(await world.logged('Unable to refresh target groups')).toContain(message);
    expect(world.addresses()).toEqual(['10.0.0.1:80']);
    expect(await world.metric('prometheus_sd_refresh_failures_total')).toEqual({
      'mechanism=docker,config=j': 1,
    });
    expect(world.lines.join('\n')).not.toContain('sesame');
  });

  test('a daemon that does not answer in an interval is a failure', async () => {
    server.answer = () => new Promise(() => undefined);
    start();
    await world.pass(30_000);
    expect(await world.logged('Unable to refresh')).toContain('no answer within 30000 ms');
  });

  test('a Unix socket; without the credentials, which are for http', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-docker-'));
    const socket = join(folder, 'docker.sock');
    const local = await ApiServer.start(answer, socket);
    world.start(`docker_sd_configs: [{host: "unix://${socket}", bearer_token: sesame}]`);
    await world.sent(1);
    expect(world.addresses()).toEqual(['10.0.0.1:80']);
    expect(local.requests[0]!.headers.authorization).toBeUndefined();
    await local.stop();
    await world.pass(60_000);
    expect(await world.logged('Unable to refresh')).toContain(socket);
    expect(world.addresses()).toEqual(['10.0.0.1:80']);
    rmSync(folder, { recursive: true });
  });

  test('tcp is http without the HTTP client block', async () => {
    world.start(`docker_sd_configs: [{host: "tcp://${server.address}", bearer_token: sesame}]`);
    await world.sent(1);
    expect(server.requests[1]).toMatchObject({ url: '/v1.44/containers/json' });
    expect(server.requests[1]!.headers.authorization).toBeUndefined();
  });
});

const NODE = {
  ID: 'node1',
  Spec: { Role: 'manager', Availability: 'active', Labels: { gpu: 'h100' } },
  Description: {
    Hostname: 'oven',
    Platform: { Architecture: 'x86_64', OS: 'linux' },
    Engine: { EngineVersion: '29.0' },
  },
  Status: { State: 'ready', Addr: '10.1.0.1' },
  ManagerStatus: { Leader: true, Reachability: 'reachable', Addr: '10.1.0.1:2377' },
};

const NODE_LABELS = {
  __meta_dockerswarm_node_address: '10.1.0.1',
  __meta_dockerswarm_node_availability: 'active',
  __meta_dockerswarm_node_hostname: 'oven',
  __meta_dockerswarm_node_id: 'node1',
  __meta_dockerswarm_node_label_gpu: 'h100',
  __meta_dockerswarm_node_platform_architecture: 'x86_64',
  __meta_dockerswarm_node_platform_os: 'linux',
  __meta_dockerswarm_node_role: 'manager',
  __meta_dockerswarm_node_status: 'ready',
};

const SERVICE = {
  ID: 'service1',
  Spec: {
    Name: 'vllm',
    Labels: { team: 'nlp' },
    Mode: { Replicated: { Replicas: 2 } },
    TaskTemplate: { ContainerSpec: { Image: 'vllm:1', Hostname: 'h' } },
  },
  UpdateStatus: { State: 'completed' },
  Endpoint: {
    Ports: [
      { Name: 'api', Protocol: 'tcp', TargetPort: 8000, PublishedPort: 80, PublishMode: 'ingress' },
      { Protocol: 'udp', TargetPort: 1, PublishedPort: 1, PublishMode: 'host' },
    ],
    VirtualIPs: [{ NetworkID: 'n1', Addr: '10.0.0.3/24' }],
  },
};

const SERVICE_LABELS = {
  __meta_dockerswarm_service_id: 'service1',
  __meta_dockerswarm_service_label_team: 'nlp',
  __meta_dockerswarm_service_mode: 'replicated',
  __meta_dockerswarm_service_name: 'vllm',
};

const NETWORK_LABELS = {
  __meta_dockerswarm_network_id: 'n1',
  __meta_dockerswarm_network_ingress: 'false',
  __meta_dockerswarm_network_internal: 'true',
  __meta_dockerswarm_network_label_a_b: 'c',
  __meta_dockerswarm_network_name: 'models',
  __meta_dockerswarm_network_scope: 'local',
};

const TASK = {
  ID: 'task1',
  ServiceID: 'service1',
  NodeID: 'node1',
  Slot: 3,
  DesiredState: 'running',
  Status: {
    State: 'starting',
    ContainerStatus: { ContainerID: 'c1' },
    PortStatus: { Ports: [{ Protocol: 'tcp', TargetPort: 8000, PublishedPort: 8080, PublishMode: 'host' }] },
  },
  Spec: { ContainerSpec: { Image: 'vllm:1', Labels: { tier: 'a' } } },
  NetworksAttachments: [{ Network: { ID: 'n1' }, Addresses: ['10.0.0.7/24'] }],
};

const TASK_LABELS = {
  __meta_dockerswarm_container_label_tier: 'a',
  __meta_dockerswarm_task_container_id: 'c1',
  __meta_dockerswarm_task_desired_state: 'running',
  __meta_dockerswarm_task_id: 'task1',
  __meta_dockerswarm_task_slot: '3',
  __meta_dockerswarm_task_state: 'starting',
};

describe('docker swarm discovery', () => {
  beforeEach(() => {
    lists = { '/services': [SERVICE], '/nodes': [NODE], '/tasks': [TASK], '/networks': [NETWORK] };
  });

  test('services', async () => {
    const other = {
      ID: 'service2',
      Spec: { Name: 'x', Mode: { Global: {} } },
      Endpoint: { VirtualIPs: [{ NetworkID: 'n9', Addr: '10.0.0.4/24' }] },
    };
    lists['/services'] = [SERVICE, other];
    start(', role: services, port: 9100, filters: [{name: name, values: [x]}]', 'dockerswarm');
    await world.sent(1);
    expect([...world.groups.keys()]).toEqual(['DockerSwarm']);
    expect(world.targets()).toEqual([
      {
        __address__: '10.0.0.3:80',
        ...SERVICE_LABELS,
        ...NETWORK_LABELS,
        __meta_dockerswarm_service_endpoint_port_name: 'api',
        __meta_dockerswarm_service_endpoint_port_publish_mode: 'ingress',
        __meta_dockerswarm_service_task_container_hostname: 'h',
        __meta_dockerswarm_service_task_container_image: 'vllm:1',
        __meta_dockerswarm_service_updating_status: 'completed',
      },
      {
        __address__: '10.0.0.4:9100',
        __meta_dockerswarm_service_id: 'service2',
        __meta_dockerswarm_service_mode: 'global',
        __meta_dockerswarm_service_name: 'x',
      },
    ]);
    const filters = encodeURIComponent('{"name":{"x":true}}');
    expect(server.requests.map(({ url }) => url)).toEqual([
      '/_ping',
      `/v1.44/services?filters=${filters}`,
      '/v1.44/networks',
    ]);
  });

  test('tasks: their own ports, and each address with the ports of the service', async () => {
    start(', role: tasks, filters: [{name: service, values: [vllm]}]', 'dockerswarm');
    await world.sent(1);
    expect(world.targets()).toEqual([
      {
        __address__: '10.0.0.7:80',
        ...TASK_LABELS,
        ...SERVICE_LABELS,
        ...NODE_LABELS,
        ...NETWORK_LABELS,
        __meta_dockerswarm_task_port_publish_mode: 'ingress',
      },
      {
        __address__: '10.1.0.1:8080',
        ...TASK_LABELS,
        ...SERVICE_LABELS,
        ...NODE_LABELS,
        __meta_dockerswarm_task_port_publish_mode: 'host',
      },
    ]);
    expect(
      server.requests.filter(({ url }) => url.includes('filters')).map(({ url }) => url.split('?')[0]),
    ).toEqual(['/v1.44/tasks']);
  });

  test('tasks of a service without ports are at the port of the config', async () => {
    lists['/services'] = [{ ...SERVICE, Endpoint: {} }];
    lists['/tasks'] = [{ ...TASK, Status: { State: 'running' } }];
    start(', role: tasks, port: 9100', 'dockerswarm');
    await world.sent(1);
    expect(world.addresses()).toEqual(['10.0.0.7:9100']);
  });

  test('nodes', async () => {
    lists['/nodes'] = [
      NODE,
      { ...NODE, ID: 'node2', Status: { State: 'down', Addr: '10.1.0.2' }, ManagerStatus: null },
    ];
    start(', role: nodes', 'dockerswarm');
    await world.sent(1);
    expect(world.targets()).toEqual([
      {
        __address__: '10.1.0.1:80',
        ...NODE_LABELS,
        __meta_dockerswarm_node_engine_version: '29.0',
        __meta_dockerswarm_node_manager_address: '10.1.0.1:2377',
        __meta_dockerswarm_node_manager_leader: 'true',
        __meta_dockerswarm_node_manager_reachability: 'reachable',
      },
      {
        __address__: '10.1.0.2:80',
        ...NODE_LABELS,
        __meta_dockerswarm_node_address: '10.1.0.2',
        __meta_dockerswarm_node_engine_version: '29.0',
        __meta_dockerswarm_node_id: 'node2',
        __meta_dockerswarm_node_status: 'down',
      },
    ]);
  });

  test('a change, and failures, of which one is an address that is none', async () => {
    start(', role: services', 'dockerswarm');
    await world.sent(1);
    const Endpoint = { VirtualIPs: [{ NetworkID: 'n1', Addr: '10.0.0.4' }] };
    lists['/services'] = [{ ...SERVICE, Endpoint }];
    await world.pass(30_000);
    expect(await world.logged('Unable to refresh')).toContain('error while parsing address');
    override = (path) => (path === '/networks' ? { status: 500 } : undefined);
    await world.pass(30_000);
    await world.logged('HTTP status 500');
    expect(world.addresses()).toEqual(['10.0.0.3:80']);
    override = undefined;
    lists['/services'] = [];
    await world.pass(30_000);
    await world.sent(2);
    expect(world.addresses()).toEqual([]);
  });
});

test.each([
  ['docker_sd_configs: [{}]', '3:23: key "host" is missing in scrape_configs[0].docker_sd_configs[0]'],
  ['docker_sd_configs: [{host: ""}]', 'host missing'],
  [
    'docker_sd_configs: [{host: "ssh://me@there"}]',
    'is not where Docker listens: write unix:///var/run/docker.sock',
  ],
  ['docker_sd_configs: [{host: "unix://docker.sock"}]', 'is not where Docker listens'],
  ['docker_sd_configs: [{host: "tcp://x", port: 70000}]', 'port'],
  ['docker_sd_configs: [{host: "tcp://x", filters: [{name: a, value: b}]}]', 'unknown key "value"'],
  ['docker_sd_configs: [{host: "tcp://x", role: nodes}]', 'unknown key "role"'],
  ['docker_sd_configs: [{host: "tcp://x", match_first_network: 1}]', 'must be true or false, not 1'],
  ['dockerswarm_sd_configs: [{host: "tcp://x"}]', 'key "role" is missing'],
  [
    'dockerswarm_sd_configs: [{host: "tcp://x", role: pods}]',
    'must be one of services, tasks, nodes, not "pods"',
  ],
  [
    'dockerswarm_sd_configs: [{host: "tcp://x", role: nodes, match_first_network: true}]',
    'unknown key "match_first_network"',
  ],
])('%s is refused', (yaml, message) => {
  const { issues } = parseDiscovery(yaml);
  expect(issues.join('\n')).toContain(message);
  expect(issues[0]).toMatch(/^prometheus\.yml:3:\d+: /);
});
