import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PostedAlert } from '../../../src/alerts/index.ts';
import { Labels } from '../../../src/core/labels.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { makeRelabelConfig } from '../../../src/core/relabel.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { FakeDns } from '../../../src/core/testing/fake-dns.ts';
import { FakePrograms } from '../../../src/core/testing/fake-programs.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { UndiciHttpClient } from '../../../src/core/system/undici-http-client.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import type { FakeServer } from '../../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { requireYaml, validateYaml } from '../../../src/core/validate-yaml.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import { AlertmanagerClient, alertingSchema, relabelAlerts } from '../../../src/notify/index.ts';
import type { AlertingConfig } from '../../../src/notify/index.ts';
import { RecordingLogger, START_MS } from './helpers.ts';
import { RecordingServer } from './servers.ts';

function configOf(yaml: string): AlertingConfig {
  return requireYaml(parseYaml(yaml, 'prometheus.yml'), alertingSchema);
}

function posted(name: string, fields: Partial<PostedAlert> = {}): PostedAlert {
  return {
    labels: Labels.fromObject({ alertname: name }),
    annotations: Labels.EMPTY,
    startsAtMs: START_MS,
    endsAtMs: START_MS + 240_000,
    generatorUrl: 'http://tocsin/graph',
    ...fields,
  };
}

class Bench {
  readonly clock = new VirtualClock(START_MS);
  readonly network = new FakeNetwork();
  readonly dns = new FakeDns();
  readonly files = new MemoryFileSystem();
  readonly logger = new RecordingLogger();
  readonly registry = createRegistry();
  readonly client: AlertmanagerClient;
  /** `host path: names` of each request. */
  readonly requests: string[] = [];

  constructor(options: { readonly queueCapacity?: number; readonly drainOnShutdown?: boolean } = {}) {
    this.client = new AlertmanagerClient({
      http: this.network,
      files: this.files,
      clock: this.clock,
      logger: this.logger,
      registry: this.registry,
      dns: this.dns,
      programs: new FakePrograms(),
      random: new SeededRandom(1),
      environment: {},
      queueCapacity: options.queueCapacity ?? 10_000,
      maxBatchSize: 256,
      drainOnShutdown: options.drainOnShutdown ?? true,
    });
  }

  serve(host: string, answer: FakeServer = () => ({ status: 200 })): void {
    this.network.serve(host, (request) => {
      const alerts = JSON.parse(String(request.body)) as { labels: { alertname: string } }[];
      const names = alerts.map(({ labels }) => labels.alertname).join(' ');
      this.requests.push(`${host}${new URL(request.url).pathname}: ${names}`);
      return answer(request);
    });
  }

  async apply(yaml: string): Promise<void> {
    await this.client.apply(configOf(yaml));
    await this.clock.advanceBy(6000);
  }

  async metric(name: string): Promise<Record<string, number>> {
    const { values } = await this.registry.getSingleMetric(`prometheus_notifications_${name}`)!.get();
    return Object.fromEntries(
      values.map(({ labels, value }) => [String(labels['alertmanager' as never] ?? ''), value]),
    );
  }
}

const TWO = 'alertmanagers: [{static_configs: [{targets: ["a:9093", "b:9093"]}]}]';

describe('AlertmanagerClient', () => {
  it('sends every alert to every Alertmanager', async () => {
    const b = new Bench();
    b.serve('a:9093');
    b.serve('b:9093');
    await b.apply(TWO);
    expect(b.client.active()).toEqual(['http://a:9093/api/v2/alerts', 'http://b:9093/api/v2/alerts']);
    b.client.send([posted('X'), posted('Y')]);
    await b.clock.settle();
    expect(b.requests.sort()).toEqual(['a:9093/api/v2/alerts: X Y', 'b:9093/api/v2/alerts: X Y']);
    expect(await b.metric('sent_total')).toEqual({
      'http://a:9093/api/v2/alerts': 2,
      'http://b:9093/api/v2/alerts': 2,
    });
    expect(await b.metric('alertmanagers_discovered')).toEqual({ '': 2 });
    expect(await b.metric('queue_capacity')).toEqual({ '': 10_000 });
  });

  it.each([
    ['', '/api/v2/alerts'],
    ['/', '/api/v2/alerts'],
    ['am', '/am/api/v2/alerts'],
    ['/am/', '/am/api/v2/alerts'],
  ])('path_prefix %j', async (prefix, path) => {
    const b = new Bench();
    await b.apply(
      `alertmanagers: [{path_prefix: "${prefix}", scheme: https, static_configs: [{targets: ["a:1"]}]}]`,
    );
    expect(b.client.active()).toEqual([`https://a:1${path}`]);
  });

  it('relabels targets, which can change everything and drop them', async () => {
    const b = new Bench();
    await b.apply(`alertmanagers:
      - static_configs: [{targets: [a:1, b:1], labels: {zone: z1}}]
        relabel_configs:
          - {source_labels: [__address__], regex: 'b:1', action: drop}
          - {target_label: __alerts_path__, replacement: '/own'}
          - {source_labels: [zone], target_label: __scheme__, regex: z1, replacement: https}`);
    expect(b.client.active()).toEqual(['https://a:1/own']);
    expect(b.client.dropped()).toEqual(['http://b:1/api/v2/alerts']);
  });

  it('follows file discovery', async () => {
    const b = new Bench();
    b.files.put('/sd/am.json', '[{"targets": ["a:1"]}]');
    await b.apply('alertmanagers: [{file_sd_configs: [{files: [/sd/*.json], refresh_interval: 10s}]}]');
    expect(b.client.active()).toEqual(['http://a:1/api/v2/alerts']);
    b.files.put('/sd/am.json', '[{"targets": ["b:1"]}]');
    await b.clock.advanceBy(30_000);
    expect(b.client.active()).toEqual(['http://b:1/api/v2/alerts']);
    await b.client.stop();
  });

  it('follows the other kinds of discovery, too', async () => {
    const b = new Bench();
    let found = 'a:1';
    b.network.serve('sd', ({ headers }) => ({
      status: headers['Authorization'] === 'Bearer tok' ? 200 : 401,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ targets: [found] }]),
    }));
    b.dns.answer = () => ({ known: true, records: [{ value: '192.0.2.1' }] });
    await b.apply(`alertmanagers:
      - http_sd_configs: [{url: "http://sd/am", refresh_interval: 10s, bearer_token: tok}]
      - dns_sd_configs: [{names: [am.example.org], type: A, port: 9093}]`);
    const byDns = 'http://192.0.2.1:9093/api/v2/alerts';
    expect(b.client.active()).toEqual(['http://a:1/api/v2/alerts', byDns]);
    found = 'b:1';
    await b.clock.advanceBy(15_000);
    expect(b.client.active()).toEqual(['http://b:1/api/v2/alerts', byDns]);
    b.network.remove('sd');
    await b.clock.advanceBy(15_000);
    expect(b.client.active()).toEqual(['http://b:1/api/v2/alerts', byDns]);
    await b.client.stop();
  });

  it('a slow one does not hold up another; batches have 256 alerts', async () => {
    const b = new Bench();
    b.serve('a:9093', async () => {
      await b.clock.sleep(5000);
      return { status: 200 };
    });
    b.serve('b:9093');
    await b.apply(TWO);
    b.client.send(Array.from({ length: 600 }, (_, i) => posted(`n${i}`)));
    await b.clock.settle();
    const sizes = (host: string): number[] =>
      b.requests.filter((line) => line.startsWith(host)).map((line) => line.split(' ').length - 1);
    expect(sizes('b')).toEqual([256, 256, 88]);
    expect(sizes('a')).toEqual([256]);
    await b.clock.advanceBy(20_000);
    expect(sizes('a')).toEqual([256, 256, 88]);
  });

  it('the oldest make place when the queue is full', async () => {
    const b = new Bench({ queueCapacity: 2 });
    b.serve('a:9093', async () => {
      await b.clock.sleep(5000);
      return { status: 200 };
    });
    await b.apply('alertmanagers: [{static_configs: [{targets: ["a:9093"]}]}]');
    b.client.send([posted('first')]);
    await b.clock.settle();
    b.client.send([posted('1'), posted('2'), posted('3')]);
    await b.clock.advanceBy(10_000);
    expect(b.requests).toEqual(['a:9093/api/v2/alerts: first', 'a:9093/api/v2/alerts: 2 3']);
    expect(await b.metric('dropped_total')).toEqual({ 'http://a:9093/api/v2/alerts': 1 });
  });

  it.each([
    ['an error status', (): { status: number } => ({ status: 500 }), 'bad response status 500'],
    ['no answer in time', () => new Promise<never>(() => {}), 'no answer within 10s'],
  ])('%s drops the batch, counted and logged', async (_, answer, text) => {
    const b = new Bench();
    b.serve('a:9093', answer);
    await b.apply('alertmanagers: [{static_configs: [{targets: ["a:9093"]}]}]');
    b.client.send([posted('X')]);
    await b.clock.advanceBy(11_000);
    expect(await b.metric('errors_total')).toEqual({ 'http://a:9093/api/v2/alerts': 1 });
    expect(await b.metric('dropped_total')).toEqual({ 'http://a:9093/api/v2/alerts': 1 });
    expect(b.logger.lines.join('\n')).toContain(text);
    b.serve('a:9093');
    b.client.send([posted('Y')]);
    await b.clock.settle();
    expect(b.requests.at(-1)).toBe('a:9093/api/v2/alerts: Y');
  });

  it('its own alert_relabel_configs hold for its Alertmanagers only', async () => {
    const b = new Bench();
    b.serve('a:9093');
    b.serve('b:9093');
    await b.apply(`alertmanagers:
      - static_configs: [{targets: ["a:9093"]}]
        alert_relabel_configs: [{source_labels: [alertname], regex: X, action: drop}]
      - static_configs: [{targets: ["b:9093"]}]`);
    b.client.send([posted('X'), posted('Y')]);
    await b.clock.settle();
    expect(b.requests.sort()).toEqual(['a:9093/api/v2/alerts: Y', 'b:9093/api/v2/alerts: X Y']);
  });

  it('a reload keeps the queue of one that stays and ends that of one that goes', async () => {
    const b = new Bench();
    b.serve('a:9093', async () => {
      await b.clock.sleep(20_000);
      return { status: 200 };
    });
    await b.apply(TWO.replace('static', 'timeout: 1m, static'));
    b.client.send([posted('X')]);
    await b.clock.settle();
    b.client.send([posted('Y')]);
    await b.apply('alertmanagers: [{timeout: 1m, static_configs: [{targets: ["a:9093"]}]}]');
    expect(b.client.active()).toEqual(['http://a:9093/api/v2/alerts']);
    await b.clock.advanceBy(60_000);
    expect(b.requests).toEqual(['a:9093/api/v2/alerts: X', 'a:9093/api/v2/alerts: Y']);
    await b.client.apply(configOf('{}'));
    await b.clock.settle();
    expect(b.client.active()).toEqual([]);
  });

  it.each([
    [true, ['a:9093/api/v2/alerts: X', 'a:9093/api/v2/alerts: Y']],
    [false, ['a:9093/api/v2/alerts: X']],
  ])('at shutdown the queue is drained: %s', async (drainOnShutdown, requests) => {
    const b = new Bench({ drainOnShutdown });
    b.serve('a:9093', async () => {
      await b.clock.sleep(1000);
      return { status: 200 };
    });
    await b.apply('alertmanagers: [{static_configs: [{targets: ["a:9093"]}]}]');
    b.client.send([posted('X')]);
    await b.clock.settle();
    b.client.send([posted('Y')]);
    const stopped = b.client.stop();
    await b.clock.advanceBy(5000);
    await stopped;
    b.client.send([posted('late')]);
    await b.clock.settle();
    expect(b.requests).toEqual(requests);
  });
});

describe('over a real socket', () => {
  let server: RecordingServer;
  const http = new UndiciHttpClient();
  beforeAll(async () => {
    server = await RecordingServer.start();
  });
  beforeEach(() => {
    server.requests.length = 0;
  });
  afterEach(() => {
    server.answer = () => ({});
  });
  afterAll(async () => {
    await http.close();
    await server.stop();
  });

  it('posts what POST /api/v2/alerts takes, with the credentials', async () => {
    const arrived = Promise.withResolvers<void>();
    server.answer = () => {
      arrived.resolve();
      return {};
    };
    const client = new AlertmanagerClient({
      http,
      files: new MemoryFileSystem(),
      clock: new SystemClock(),
      logger: new RecordingLogger(),
      registry: createRegistry(),
      dns: new FakeDns(),
      programs: new FakePrograms(),
      random: new SeededRandom(1),
      environment: {},
      queueCapacity: 10,
      maxBatchSize: 10,
      drainOnShutdown: true,
    });
    const address = server.url.slice('http://'.length);
    await client.apply(
      configOf(
        `alertmanagers: [{authorization: {credentials: tok}, static_configs: [{targets: ["${address}"]}]}]`,
      ),
    );
    const clock = new SystemClock();
    while (client.active().length === 0) await clock.sleep(20);
    client.send([posted('X', { annotations: Labels.fromObject({ summary: 's' }) })]);
    await arrived.promise;
    await client.stop();
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      path: '/api/v2/alerts',
      headers: { 'content-type': 'application/json', authorization: 'Bearer tok' },
    });
    expect(server.json()).toEqual([
      {
        labels: { alertname: 'X' },
        annotations: { summary: 's' },
        startsAt: '2026-11-23T12:00:00.000Z',
        endsAt: '2026-11-23T12:04:00.000Z',
        generatorURL: 'http://tocsin/graph',
      },
    ]);
  });
});

describe('relabelAlerts', () => {
  it('external labels fill in, relabelling follows, dropped alerts are gone', () => {
    const external = Labels.fromObject({ cluster: 'c1', alertname: 'not taken' });
    const configs = [
      makeRelabelConfig({ source_labels: ['alertname'], regex: 'Y', action: 'drop' }),
      makeRelabelConfig({
        source_labels: ['cluster'],
        target_label: 'region',
        regex: 'c(.)',
        replacement: 'r$1',
      }),
    ];
    const result = relabelAlerts([posted('X'), posted('Y')], external, configs);
    expect(result.map(({ labels }) => labels.toObject())).toEqual([
      { alertname: 'X', cluster: 'c1', region: 'r1' },
    ]);
  });

  it('alerts that nothing changes stay the same values', () => {
    const alerts = [posted('X')];
    expect(relabelAlerts(alerts, Labels.EMPTY, [])).toBe(alerts);
    expect(relabelAlerts(alerts, Labels.fromObject({ alertname: 'Z' }), [])[0]).toBe(alerts[0]);
  });
});

describe('alerting', () => {
  it.each([
    [
      'another API version',
      'alertmanagers: [{api_version: v1}]',
      'expected Alertmanager api version to be one of [v2] but got v1',
    ],
    [
      'a URL as target',
      'alertmanagers: [{static_configs: [{targets: ["http://a"]}]}]',
      '"http://a" is not a valid hostname',
    ],
    ['sigv4', 'alertmanagers: [{sigv4: {}}]', 'not in this version'],
    ['another discovery', 'alertmanagers: [{eureka_sd_configs: []}]', 'not in this version'],
    ['another scheme', 'alertmanagers: [{scheme: ftp}]', 'scheme'],
  ])('%s is refused', (_, yaml, message) => {
    const result = validateYaml(parseYaml(yaml, 'p.yml'), alertingSchema);
    expect(result.ok ? '' : result.issues.map((issue) => issue.message).join()).toContain(message);
  });
});
