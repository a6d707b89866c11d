import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../../src/core/seeded-random.ts';
import type { HttpRequest } from '../../../../src/core/ports.ts';
import { FakeDns } from '../../../../src/core/testing/fake-dns.ts';
import { FakePrograms } from '../../../../src/core/testing/fake-programs.ts';
import { UndiciHttpClient } from '../../../../src/core/system/undici-http-client.ts';
import { FakeNetwork } from '../../../../src/core/testing/fake-network.ts';
import { silentLogger } from '../../../../src/core/log.ts';
import { DiscoveryMetrics } from '../../../../src/discovery/metrics.ts';
import { makeProviderContext } from '../../../../src/discovery/provider.ts';
import { KubernetesServer } from '../../../support/kubernetes-server.ts';
import { until } from '../../../support/until.ts';
import { parseDiscovery, ProviderWorld } from '../provider-world.ts';

let server: KubernetesServer;
let world: ProviderWorld;

beforeEach(async () => {
  server = new KubernetesServer();
  await server.start();
  world = new ProviderWorld();
});

afterEach(async () => {
  await world.stop();
  await server.close();
});

const pod = (name: string, ip = '10.0.0.1', more: object = {}) => ({
  metadata: { name, namespace: 'models', ...more },
  spec: { nodeName: 'gpu-1', containers: [{ name: 'c', ports: [{ containerPort: 8000 }] }] },
  status: { podIP: ip },
});

function start(yaml = 'role: pod'): void {
  world.start(`kubernetes_sd_configs: [{ api_server: '${server.url}', ${yaml} }]`);
}

/** Starts and waits until the first list has come and a watch is open. */
async function started(yaml?: string, plural = 'pods'): Promise<void> {
  start(yaml);
  await until('a watch is open', () => server.openWatches(plural) > 0);
}

const failures = async () => (await world.metric('prometheus_sd_kubernetes_failures_total'))[''];
const events = async (role: string, event: string) =>
  (await world.metric('prometheus_sd_kubernetes_events_total'))[`role=${role},event=${event}`];
/** Lines of a level, in which something is said. */
const logs = (level: string) => world.lines.filter((line) => line.startsWith(`${level} `));
const sources = () => [...world.groups.keys()].sort();

describe('lists', () => {
  test('come in pages, and nothing is sent before the last', async () => {
    for (let i = 0; i < 600; i++) server.put('pods', pod(`p${i}`, `10.0.${i >> 8}.${i & 255}`));
    await started();
    await until('groups are sent', () => world.updates.length > 0);
    expect(world.updates[0]).toHaveLength(600);
    expect(world.updates).toHaveLength(1);
    const asked = server
      .asked('pods', 'list')
      .map(({ query }) => [query.get('limit'), query.get('continue')]);
    expect(asked).toEqual([
      ['250', null],
      ['250', '250'],
      ['250', '500'],
    ]);
    expect(await events('pod', 'add')).toBe(600);
  });

  test('whose next page is forgotten are asked for in one go', async () => {
    for (let i = 0; i < 300; i++) server.put('pods', pod(`p${i}`));
    server.override = ({ query }) =>
      query.has('continue')
        ? { status: 410, body: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } }
        : undefined;
    await started();
    await until('groups are sent', () => world.groups.size === 300);
    expect(server.asked('pods', 'list').map(({ query }) => query.get('limit'))).toEqual(['250', '250', null]);
    expect(await failures()).toBe(0);
  });

  test('are asked with selectors, for each namespace, and so are watches', async () => {
    server.put('pods', pod('a'));
    server.put('pods', { ...pod('b', '10.0.0.2'), metadata: { name: 'b', namespace: 'other' } });
    server.put('pods', { ...pod('c', '10.0.0.3'), metadata: { name: 'c', namespace: 'third' } });
    const selector = "{ role: pod, label: 'app in (a,b)', field: status.phase=Running }";
    start(`role: pod, namespaces: { names: [models, other, models] }, selectors: [${selector}]`);
    await until('both are watched', () => server.openWatches('pods') === 2);
    await until('groups are sent', () => world.groups.size === 2);
    expect(sources()).toEqual(['pod/models/a', 'pod/other/b']);
    for (const { path, query } of server.requests) {
      expect(path).toMatch(/^\/api\/v1\/namespaces\/(models|other)\/pods$/);
      expect(query.get('labelSelector')).toBe('app in (a,b)');
      expect(query.get('fieldSelector')).toBe('status.phase=Running');
    }
  });

  test('that fail are tried again, each time later', async () => {
    let refused = 0;
    server.override = () => {
      refused++;
      return refused <= 3 ? { status: 503, body: { message: 'not now' } } : undefined;
    };
    server.put('pods', pod('a'));
    start();
    for (let i = 1; i <= 3; i++) {
      await until(`it was refused ${i} times`, () => refused === i && logs('error').length === i);
      const dueMs = world.clock.nextTimerMs()! - world.clock.nowMs();
      const leastMs = 800 * 2 ** (i - 1);
      expect(dueMs).toBeGreaterThanOrEqual(leastMs);
      expect(dueMs).toBeLessThanOrEqual(2 * leastMs);
      await world.clock.advanceBy(dueMs);
    }
    await until('a group is sent', () => world.groups.size === 1);
    expect(await failures()).toBe(3);
    await until('it is watched', () => server.openWatches('pods') === 1);
    server.tell('ADDED', 'pods', pod('b', '10.0.0.2'));
    await until('the watch tells', () => world.groups.size === 2);
    const requests = await world.metric('prometheus_sd_kubernetes_http_request_total');
    expect(requests).toEqual({ 'status_code=503': 3, 'status_code=200': 2 });
    expect(logs('error')[0]).toMatch(/HTTP status 503: .*not now/);
  });
});

describe('watches', () => {
  test('begin where the list ended, ask for bookmarks, and tell what is added, changed and deleted', async () => {
    server.put('pods', pod('a'));
    await started();
    const { query } = server.asked('pods', 'watch')[0]!;
    expect(query.get('resourceVersion')).toBe('101');
    expect(query.get('allowWatchBookmarks')).toBe('true');
    expect(Number(query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
    expect(Number(query.get('timeoutSeconds'))).toBeLessThan(600);

    server.tell('ADDED', 'pods', pod('b', '10.0.0.2'));
    await until('b is there', () => sources().join() === 'pod/models/a,pod/models/b');
    server.tell('MODIFIED', 'pods', pod('b', '10.0.0.3'));
    await until('b has another address', () => world.addresses().includes('10.0.0.3:8000'));
    server.tell('DELETED', 'pods', pod('a'));
    await until('a is gone', () => sources().join() === 'pod/models/b');
    expect(server.asked('pods', 'list')).toHaveLength(1);
    expect(await Promise.all(['add', 'update', 'delete'].map((event) => events('pod', event)))).toEqual([
      2, 1, 1,
    ]);
    expect(await failures()).toBe(0);
  });

  test('say nothing when nothing that shows has changed', async () => {
    server.put('pods', pod('a'));
    await started();
    await until('a is there', () => world.groups.size === 1);
    server.tell('MODIFIED', 'pods', { ...pod('a'), unknown: 1 });
    server.tell('ADDED', 'pods', pod('b', '10.0.0.2'));
    await until('b is there', () => world.groups.size === 2);
    expect(world.updates.map((groups) => groups.map(({ source }) => source))).toEqual([
      ['pod/models/a'],
      ['pod/models/b'],
    ]);
  });

  test('that end are taken up after the last thing told, bookmarks too, without listing', async () => {
    server.put('pods', pod('a'));
    await started();
    server.sendEvent('pods', { type: 'BOOKMARK', object: { metadata: { resourceVersion: '777' } } });
    server.endWatches('pods', 'end');
    await until('it is watched again', () => server.asked('pods', 'watch').length === 2);
    expect(server.asked('pods', 'watch')[1]!.query.get('resourceVersion')).toBe('777');
    await until('the watch is open', () => server.openWatches('pods') === 1);
    server.tell('ADDED', 'pods', pod('b', '10.0.0.2'));
    await until('b is there', () => world.groups.size === 2);
    server.endWatches('pods', 'end');
    await until('it is watched again', () => server.asked('pods', 'watch').length === 3);
    expect(server.asked('pods', 'watch')[2]!.query.get('resourceVersion')).toBe('102');
    expect(server.asked('pods', 'list')).toHaveLength(1);
    expect(await failures()).toBe(0);
  });

  test('that are cut in the middle of a line are taken up after a while; the half line is told again', async () => {
    server.put('pods', pod('a'));
    await started();
    await until('a is there', () => world.groups.size === 1);
    const line = JSON.stringify({ type: 'ADDED', object: server.put('pods', pod('b', '10.0.0.2')) });
    server.sendText('pods', line.slice(0, 40));
    server.endWatches('pods', 'cut');
    await until('the cut is noticed', () => logs('error').length === 1);
    expect(world.clock.nextTimerMs()! - world.clock.nowMs()).toBeGreaterThanOrEqual(800);
    await world.clock.advanceTo(world.clock.nextTimerMs()!);
    await until('it is watched again', () => server.openWatches('pods') === 1);
    expect(server.asked('pods', 'watch')[1]!.query.get('resourceVersion')).toBe('101');
    server.sendText('pods', `${line}\n`);
    await until('b is there', () => world.groups.size === 2);
    expect(server.asked('pods', 'list')).toHaveLength(1);
    expect(await failures()).toBe(1);
  });

  test('come in pieces that are cut anywhere', async () => {
    await started();
    const line = `${JSON.stringify({ type: 'ADDED', object: pod('ü-🦙', '10.0.0.2') })}\n`;
    for (const byte of Buffer.from(line)) server.sendText('pods', Uint8Array.of(byte));
    await until('it is there', () => sources().join() === 'pod/models/ü-🦙');
  });

  test('with an endless line are given up, and the last good targets stay', async () => {
    server.put('pods', pod('a'));
    await started();
    await until('a is there', () => world.groups.size === 1);
    const piece = Buffer.alloc(1024 * 1024, 97);
    for (let i = 0; i < 17; i++) server.sendText('pods', piece);
    await until('it is noticed', () => logs('error').length === 1);
    expect(logs('error')[0]).toContain('a line of more than 16777216 bytes');
    await until('the watch is closed', () => server.openWatches('pods') === 0);
    expect(sources()).toEqual(['pod/models/a']);
  });

  test('that end at once without a word are failures, so they do not come again and again', async () => {
    await started();
    server.endWatches('pods', 'end');
    await until('it is noticed', () => logs('error').length === 1);
    expect(logs('error')[0]).toContain('the watch ended at once');
    expect(server.asked('pods', 'watch')).toHaveLength(1);
  });

  test('that the server forgets to end are ended', async () => {
    await started();
    const timeoutS = Number(server.asked('pods', 'watch')[0]!.query.get('timeoutSeconds'));
    await world.clock.advanceBy(timeoutS * 1000 + 29_000);
    expect(server.openWatches('pods')).toBe(1);
    await world.clock.advanceBy(1000);
    await until('the watch is closed', () => server.openWatches('pods') === 0);
    await until('it is noticed', () => logs('error').length === 1);
    expect(logs('error')[0]).toContain('the server did not end the watch in time');
  });

  test('that fail three times in a row make everything be listed again', async () => {
    server.put('pods', pod('a'));
    server.override = ({ query }) =>
      query.has('watch') ? { status: 504, body: { message: 'Too large resource version' } } : undefined;
    start();
    for (let i = 1; i <= 3; i++) {
      await until(`${i} watches failed`, () => logs('error').length === i);
      await world.clock.advanceTo(world.clock.nextTimerMs()!);
    }
    await until('it is listed again', () => server.asked('pods', 'list').length === 2);
    expect(server.asked('pods', 'watch')).toHaveLength(3);
    expect(sources()).toEqual(['pod/models/a']);
  });

  test('that cannot be understood change nothing', async () => {
    server.put('pods', pod('a'));
    await started();
    await until('a is there', () => world.groups.size === 1);
    server.sendEvent('pods', { type: 'DELETED', object: { metadata: { name: 7 } } });
    await until('it is noticed', () => logs('error').length === 1);
    expect(logs('error')[0]).toContain('an object of pods is not as expected: metadata.name');
    expect(sources()).toEqual(['pod/models/a']);
  });
});

describe('410 Gone', () => {
  const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };

  /** Changes the objects behind the back of a watch, has it told that it is too late, and sees that it lists again. */
  async function listsAgain(tellGone: () => void): Promise<void> {
    server.put('pods', pod('a'));
    server.put('pods', pod('b', '10.0.0.2'));
    await started();
    await until('both are there', () => world.groups.size === 2);
    server.drop('pods', pod('a'));
    server.put('pods', pod('b', '10.0.0.4'));
    server.put('pods', pod('c', '10.0.0.3'));
    tellGone();
    await until('the wait has begun', () => logs('debug').some((line) => line.includes('Listing again')));
    expect(sources()).toEqual(['pod/models/a', 'pod/models/b']);
    server.override = undefined;
    await world.clock.advanceTo(world.clock.nextTimerMs()!);
    await until('it is listed again', () => sources().join() === 'pod/models/b,pod/models/c');
    expect(world.addresses()).toEqual(['10.0.0.3:8000', '10.0.0.4:8000']);
    await until('it is watched again', () => server.openWatches('pods') === 1);
    expect(server.asked('pods', 'watch').at(-1)!.query.get('resourceVersion')).toBe('104');
    expect(await failures()).toBe(0);
  }

  test('as an event has everything listed again; only what differs is told', async () => {
    await listsAgain(() => {
      server.sendEvent('pods', { type: 'ERROR', object: gone });
    });
  });

  test('as an answer to a watch does so too', async () => {
    await listsAgain(() => {
      server.override = ({ query }) => (query.has('watch') ? { status: 410, body: gone } : undefined);
      server.sendEvent('pods', { type: 'BOOKMARK', object: { metadata: { resourceVersion: '102' } } });
      server.endWatches('pods', 'end');
    });
  });
});

describe('credentials', () => {
  /** Runs a provider that is to end by itself. */
  const runs = async (yaml: string): Promise<void> => {
    const { clock, files, registry } = world;
    const random = new SeededRandom(1);
    const http = new FakeNetwork();
    const context = makeProviderContext(
      {
        clock,
        files,
        http,
        dns: new FakeDns(),
        programs: new FakePrograms(),
        random,
        environment: {},
        userAgent: 'tocsin/test',
      },
      { logger: silentLogger, metrics: DiscoveryMetrics.in(registry), setName: 'j' },
    );
    const [config] = parseDiscovery(`kubernetes_sd_configs: [${yaml}]`).configs;
    await config!.createProvider(context).run(() => undefined, new AbortController().signal);
  };

  test('in a file are read again for each request, so a replaced token works', async () => {
    server.token = 'one';
    world.files.put('/token', 'one\n');
    server.put('pods', pod('a'));
    await started('role: pod, authorization: { credentials_file: /token }');
    await until('a is there', () => world.groups.size === 1);

    server.token = 'two';
    server.sendEvent('pods', { type: 'BOOKMARK', object: { metadata: { resourceVersion: '150' } } });
    server.endWatches('pods', 'end');
    await until('the old one is refused', () => logs('error').length === 1);
    expect(logs('error')[0]).toContain('the server answered 401: Unauthorized');
    expect(sources()).toEqual(['pod/models/a']);
    world.files.put('/token', 'two\n');
    await world.clock.advanceTo(world.clock.nextTimerMs()!);
    await until('it is watched again', () => server.openWatches('pods') === 1);
    expect(server.requests.at(-1)!.authorization).toBe('Bearer two');
    expect(server.requests.at(-1)!.query.get('resourceVersion')).toBe('150');
  });

  test('of a kubeconfig are those of its current context', async () => {
    server.token = 'from-file';
    server.put('pods', pod('a'));
    world.files.put('/etc/kube/token', 'from-file');
    world.files.put(
      '/etc/kube/config',
      `apiVersion: v1
kind: Config
preferences: {}
current-context: prod
contexts:
  - { name: dev, context: { cluster: d, user: d } }
  - { name: prod, context: { cluster: c, user: u, namespace: x } }
clusters: [{ name: c, cluster: { server: '${server.url}/' } }]
users: [{ name: u, user: { tokenFile: token } }]
`,
    );
    world.start('kubernetes_sd_configs: [{ role: pod, kubeconfig_file: /etc/kube/config }]');
    await until('a is there', () => world.groups.size === 1);
    expect(server.requests[0]!.path).toBe('/api/v1/pods');
  });

  test.each([
    ['current-context: a', 'there is no context "a"'],
    [
      'current-context: a\ncontexts: [{ name: a, context: { cluster: b, user: c } }]',
      'there is no cluster "b"',
    ],
    [
      `current-context: a
contexts: [{ name: a, context: { cluster: b, user: c } }]
clusters: [{ name: b, cluster: { server: 'https://x' } }]
users: [{ name: c, user: { auth-provider: { name: gcp } } }]`,
      'user "c": auth-provider is no more; use exec',
    ],
  ])('of a kubeconfig that leads nowhere: %s', async (config, message) => {
    world.files.put('/config', config);
    await expect(runs('{ role: pod, kubeconfig_file: /config }')).rejects.toThrow(message);
  });

  test('of the cluster that the program runs in are its service account, and so may be the namespace', async () => {
    const network = new FakeNetwork();
    const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    const inside = new ProviderWorld({ http: network, environment });
    const requests: HttpRequest[] = [];
    network.serve('[fd00::1]', (request) => {
      requests.push(request);
      return { status: 500 };
    });
    const account = '/var/run/secrets/kubernetes.io/serviceaccount';
    inside.files.put(`${account}/token`, 'account-token');
    inside.files.put(`${account}/ca.crt`, 'CERTIFICATE');
    inside.files.put(`${account}/namespace`, 'own');
    inside.start('kubernetes_sd_configs: [{ role: pod, namespaces: { own_namespace: true, names: [x] } }]');
    await until('both namespaces are asked for', () => requests.length === 2);
    await inside.stop();
    expect(requests.map(({ url }) => new URL(url).pathname)).toEqual([
      '/api/v1/namespaces/x/pods',
      '/api/v1/namespaces/own/pods',
    ]);
    const [{ headers, connection }] = requests as [HttpRequest];
    expect(headers['Authorization']).toBe('Bearer account-token');
    expect(headers['User-Agent']).toBe('tocsin/test');
    expect(connection?.tls).toMatchObject({ ca: 'CERTIFICATE', insecureSkipVerify: false });
  });

  test('of the cluster that the program runs in are needed where no others are given', async () => {
    await expect(runs('{ role: pod }')).rejects.toThrow(
      'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined',
    );
  });
});

test('a provider that runs again takes back what is gone, once it knows', async () => {
  server.put('pods', pod('a'));
  server.put('pods', pod('b', '10.0.0.2'));
  const [config] = parseDiscovery(
    `kubernetes_sd_configs: [{ api_server: '${server.url}', role: pod }]`,
  ).configs;
  const { clock, files, registry } = world;
  const http = new UndiciHttpClient();
  const ports = { clock, files, http, dns: new FakeDns(), programs: new FakePrograms(), environment: {} };
  const provider = config!.createProvider(
    makeProviderContext(
      { ...ports, random: new SeededRandom(1), userAgent: 'tocsin/test' },
      { logger: silentLogger, metrics: DiscoveryMetrics.in(registry), setName: 'j' },
    ),
  );
  const sent: string[] = [];
  const run = (): (() => Promise<void>) => {
    const stop = new AbortController();
    const ended = provider.run((groups) => {
      sent.push(groups.map(({ source, targets }) => `${source} ${targets.length}`).join(', '));
    }, stop.signal);
    return async () => {
      stop.abort(new Error('stopping'));
      await ended;
    };
  };
  const stop = run();
  await until('both are there', () => sent.length === 1);
  await stop();
  server.drop('pods', pod('a'));
  let isRefused = true;
  server.override = () => (isRefused ? { status: 503, body: {} } : undefined);
  const stopAgain = run();
  await until('it is refused', () => server.asked('pods', 'list').length === 2);
  isRefused = false;
  await clock.advanceBy(2000);
  await until('it is watched', () => server.openWatches('pods') === 1);
  await until('a is taken back', () => sent.length === 2);
  await stopAgain();
  await http.close();
  expect(sent).toEqual(['pod/models/a 1, pod/models/b 1', 'pod/models/a 0']);
});

test('over HTTP/2 and TLS all watches share a connection, and are taken up when it is lost', async () => {
  const fixture = (name: string) =>
    readFileSync(new URL(`../../../fixtures/tls/localhost-${name}.pem`, import.meta.url), 'utf8');
  const secure = new KubernetesServer();
  const { sessions } = await secure.startSecure({ key: fixture('key'), cert: fixture('cert') });
  world.files.put('/ca.pem', fixture('cert'));
  const endpoints = (ip: string) => ({
    metadata: { name: 'llama', namespace: 'models' },
    subsets: [{ addresses: [{ ip }], ports: [{ port: 8000, protocol: 'TCP' }] }],
  });
  secure.put('endpoints', endpoints('10.0.0.1'));
  const tls = 'tls_config: { ca_file: /ca.pem }';
  world.start(`kubernetes_sd_configs: [{ role: endpoints, api_server: '${secure.url}', ${tls} }]`);
  const isWatched = () =>
    ['endpoints', 'services', 'pods'].every((plural) => secure.openWatches(plural) === 1);
  await until('all are watched', isWatched);
  expect(sessions.size).toBe(1);
  secure.tell('MODIFIED', 'endpoints', endpoints('10.0.0.2'));
  await until('the change is there', () => world.addresses()[0] === '10.0.0.2:8000');
  for (const session of sessions) session.destroy();
  await until('all see the loss', () => logs('error').length === 3);
  await world.clock.advanceBy(1600);
  await until('all are watched', isWatched);
  expect(secure.asked('endpoints', 'list')).toHaveLength(1);
  secure.tell('MODIFIED', 'endpoints', endpoints('10.0.0.3'));
  await until('the change is there', () => world.addresses()[0] === '10.0.0.3:8000');
  await world.stop();
  await secure.close();
});

describe('objects that others show', () => {
  const endpoints = {
    metadata: { name: 'llama', namespace: 'models' },
    subsets: [
      {
        addresses: [
          { ip: '10.0.0.1', nodeName: 'gpu-1', targetRef: { kind: 'Pod', namespace: 'models', name: 'a' } },
        ],
        ports: [{ name: 'http', port: 8000, protocol: 'TCP' }],
      },
    ],
  };
  const label = (name: string) => world.targets()[0]?.[`__meta_kubernetes_${name}`];

  test('have their groups made anew when they change, but for pods that go', async () => {
    server.put('endpoints', endpoints);
    server.put('services', { metadata: { name: 'llama', namespace: 'models', labels: { v: '1' } } });
    server.put('pods', pod('a'));
    server.put('nodes', { metadata: { name: 'gpu-1', labels: { zone: 'a' } } });
    server.put('namespaces', { metadata: { name: 'models', labels: { team: 'ml' } } });
    start('role: endpoints, attach_metadata: { node: true, namespace: true }');
    for (const plural of ['endpoints', 'services', 'pods', 'nodes', 'namespaces']) {
      await until(`${plural} are watched`, () => server.openWatches(plural) === 1);
    }
    await until('it is there', () => world.groups.size === 1);
    const seen = () => ['service_label_v', 'node_label_zone', 'namespace_label_team', 'pod_name'].map(label);
    expect(seen()).toEqual(['1', 'a', 'ml', 'a']);

    server.tell('MODIFIED', 'services', {
      metadata: { name: 'llama', namespace: 'models', labels: { v: '2' } },
    });
    await until('the service shows', () => label('service_label_v') === '2');
    server.tell('MODIFIED', 'nodes', { metadata: { name: 'gpu-1', labels: { zone: 'b' } } });
    await until('the node shows', () => label('node_label_zone') === 'b');
    server.tell('MODIFIED', 'namespaces', { metadata: { name: 'models', labels: { team: 'nlp' } } });
    await until('the namespace shows', () => label('namespace_label_team') === 'nlp');
    server.tell('MODIFIED', 'pods', { ...pod('a'), status: { podIP: '10.0.0.1', phase: 'Running' } });
    await until('the pod shows', () => label('pod_phase') === 'Running');
    const count = world.updates.length;
    server.tell('DELETED', 'pods', pod('a'));
    server.tell('DELETED', 'services', { metadata: { name: 'llama', namespace: 'models' } });
    await until('the service is gone', () => label('service_label_v') === undefined);
    // Made anew for the service, it does not show the pod any more either.
    expect(world.updates).toHaveLength(count + 1);
    expect(label('pod_name')).toBeUndefined();
    server.tell('DELETED', 'endpoints', endpoints);
    await until('they are gone', () => world.groups.size === 0);
  });

  test('are waited for before anything is sent', async () => {
    server.put('endpoints', endpoints);
    server.put('pods', pod('a'));
    let isRefused = true;
    server.override = ({ path }) =>
      isRefused && path.endsWith('/pods')
        ? { status: 403, body: { message: 'pods is forbidden' } }
        : undefined;
    start('role: endpoints');
    await until('the others are watched', () =>
      ['endpoints', 'services'].every((plural) => server.openWatches(plural) === 1),
    );
    await until('it is noticed', () => logs('error').length === 1);
    expect(world.updates).toEqual([]);
    isRefused = false;
    await world.clock.advanceBy(2000);
    await until('it is there', () => world.groups.size === 1);
    expect(label('pod_name')).toBe('a');
  });

  test.each([
    ['node', 'nodes', '/api/v1/nodes'],
    ['service', 'services', '/api/v1/services'],
    ['pod', 'pods', '/api/v1/pods'],
    ['endpoints', 'endpoints', '/api/v1/endpoints'],
    ['endpointslice', 'endpointslices', '/apis/discovery.k8s.io/v1/endpointslices'],
    ['ingress', 'ingresses', '/apis/networking.k8s.io/v1/ingresses'],
  ])('are one list and one watch each: %s', async (role, plural, path) => {
    const attach = '{ node: true, namespace: true, deployment: true, job: true, cronjob: true }';
    await started(`role: ${role}, attach_metadata: ${attach}`, plural);
    const expected: Record<string, string[]> = {
      node: [],
      service: ['/api/v1/namespaces'],
      ingress: ['/api/v1/namespaces'],
    };
    const ofPods = [
      '/api/v1/nodes',
      '/api/v1/namespaces',
      '/apis/apps/v1/replicasets',
      '/apis/batch/v1/jobs',
    ];
    const around = role === 'pod' ? [] : ['/api/v1/pods', '/api/v1/services'];
    const paths = [path, ...(expected[role] ?? [...ofPods, ...around])].sort();
    await until('all are watched', () => server.requests.length === 2 * paths.length);
    expect(server.requests.map((request) => request.path).sort()).toEqual([...paths, ...paths].sort());
  });

  test('that own pods show in their labels when they come later', async () => {
    const ownedBy = (kind: string, name: string) => ({ ownerReferences: [{ kind, name, controller: true }] });
    server.put('pods', pod('a', '10.0.0.1', ownedBy('ReplicaSet', 'llama-1')));
    await started('role: pod, attach_metadata: { deployment: true }', 'replicasets');
    await until('a is there', () => world.groups.size === 1);
    expect(label('pod_deployment_name')).toBeUndefined();
    server.tell('ADDED', 'replicasets', {
      metadata: { name: 'llama-1', namespace: 'models', ...ownedBy('Deployment', 'llama') },
    });
    await until('the deployment shows', () => label('pod_deployment_name') === 'llama');
  });

  test('on nodes that the selector leaves out are no targets', async () => {
    server.put('pods', pod('a'));
    await started('role: pod, attach_metadata: { node: true }, selectors: [{ role: node, label: gpu=yes }]');
    await until('nodes are watched', () => server.openWatches('nodes') === 1);
    expect(server.asked('nodes', 'list')[0]!.query.get('labelSelector')).toBe('gpu=yes');
    expect(world.groups.size).toBe(0);
    server.tell('ADDED', 'nodes', { metadata: { name: 'gpu-1' } });
    await until('the pod is there', () => world.groups.size === 1);
    server.tell('DELETED', 'nodes', { metadata: { name: 'gpu-1' } });
    await until('the pod is gone', () => world.groups.size === 0);
  });
});
