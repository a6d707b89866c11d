import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, stopProcess, waitFor, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { TocsinProcess } from '../support/tocsin.ts';
import { ApiServer } from '../unit/discovery/provider-world.ts';

/**
 * One configuration, one service of each kind, asked by Debian's Prometheus 2.42 and by the built tocsin: the same
 * targets with the same labels before relabelling and the same URLs after it. (Debian builds it without Consul and Nomad, and
 * the DNS of a machine is not ours to change.)
 */

const CONTAINERS = [
  {
    Id: 'c1',
    Names: ['/vllm'],
    Image: 'vllm:1',
    ImageID: 'sha256:1',
    Labels: { 'com.example/model': 'llama', empty: '' },
    Ports: [
      { IP: '0.0.0.0', PrivatePort: 8000, PublicPort: 80, Type: 'tcp' },
      { PrivatePort: 9000, Type: 'tcp' },
      { PrivatePort: 53, Type: 'udp' },
    ],
    HostConfig: { NetworkMode: 'models' },
    NetworkSettings: { Networks: { models: { NetworkID: 'n1', IPAddress: '10.0.0.1' } } },
  },
  {
    Id: 'c2',
    Names: ['/host'],
    Image: 'x',
    ImageID: 'sha256:2',
    Labels: {},
    Ports: [],
    HostConfig: { NetworkMode: 'host' },
    NetworkSettings: { Networks: { host: { NetworkID: 'n2', IPAddress: '' } } },
  },
];
const NETWORKS = [
  { Id: 'n1', Name: 'models', Scope: 'local', Internal: false, Ingress: true, Labels: { 'a-b': 'c' } },
  { Id: 'n2', Name: 'host', Scope: 'local', Internal: true, Ingress: false, Labels: {} },
];
const NODES = [
  {
    ID: 'node1',
    Spec: { Role: 'manager', Availability: 'active', Labels: { gpu: 'h100' } },
    Description: {
      Hostname: 'oven',
      Platform: { Architecture: 'x86_64', OS: 'linux' },
      Engine: { EngineVersion: '29.0' },
    },
    Status: { State: 'ready', Addr: '10.1.0.1' },
    ManagerStatus: { Leader: true, Reachability: 'reachable', Addr: '10.1.0.1:2377' },
  },
];
const SERVICES = [
  {
    ID: 's1',
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
  },
  {
    ID: 's2',
    Spec: { Name: 'bare', Mode: { Global: {} }, TaskTemplate: { ContainerSpec: { Image: 'x' } } },
    Endpoint: { VirtualIPs: [{ NetworkID: 'n9', Addr: '10.0.0.4/24' }] },
  },
];
const TASKS = [
  {
    ID: 't1',
    ServiceID: 's1',
    NodeID: 'node1',
    Slot: 3,
    DesiredState: 'running',
    Status: {
      State: 'starting',
      ContainerStatus: { ContainerID: 'c1' },
      PortStatus: {
        Ports: [{ Protocol: 'tcp', TargetPort: 8000, PublishedPort: 8080, PublishMode: 'host' }],
      },
    },
    Spec: { ContainerSpec: { Image: 'vllm:1', Labels: { tier: 'a' } } },
    NetworksAttachments: [{ Network: { ID: 'n1' }, Addresses: ['10.0.0.7/24'] }],
  },
];

const LISTS: Record<string, unknown> = {
  '/sd': [{ targets: ['10.9.0.1:80', '10.9.0.2:80'], labels: { env: 'prod' } }, { targets: ['10.9.0.3:80'] }],
  '/containers/json': CONTAINERS,
  '/networks': NETWORKS,
  '/nodes': NODES,
  '/services': SERVICES,
  '/tasks': TASKS,
};

/** Labels that 2.42 does not have. */
const LATER = /histograms|container_image/;

interface Found {
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  readonly discoveredLabels: Record<string, string>;
}

describe.skipIf(!hasProgram('prometheus'))('discovery as Prometheus does it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-discovery-'));
  let server: ApiServer;
  let child: ChildProcess;
  let tocsin: TocsinProcess;
  let prometheusUrl = '';
  let tocsinUrl = '';

  beforeAll(async () => {
    server = await ApiServer.start(({ url }) => {
      const { pathname } = new URL(url, 'http://x');
      if (pathname === '/_ping') return { headers: { 'Api-Version': '1.41' }, body: 'OK' };
      const body = LISTS[pathname.replace(/^\/v1\.\d+\//, '/')];
      return body === undefined ? { status: 404 } : { body };
    });
    const { url } = server;
    const config = `
scrape_configs:
- {job_name: http, http_sd_configs: [{url: "${url}/sd"}]}
- {job_name: docker, docker_sd_configs: [{host: "${url}", port: 8080, host_networking_host: "10.2.0.1:1"}]}
- {job_name: swarm-services, dockerswarm_sd_configs: [{host: "${url}", role: services, port: 9100}]}
- {job_name: swarm-tasks, dockerswarm_sd_configs: [{host: "${url}", role: tasks}]}
- {job_name: swarm-nodes, dockerswarm_sd_configs: [{host: "${url}", role: nodes, port: 9323}]}
`;
    const configFile = join(folder, 'prometheus.yml');
    writeFileSync(configFile, config);
    const port = await freePort();
    prometheusUrl = `http://127.0.0.1:${port}`;
    child = spawn(
      'prometheus',
      [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
      ],
      { stdio: 'ignore' },
    );
    tocsin = new TocsinProcess(
      ['serve', `--config.file=${configFile}`, '--storage.tsdb.path=own', '--web.listen-address=127.0.0.1:0'],
      { folder },
    );
    await waitForReady(`${prometheusUrl}/-/ready`, child);
    tocsinUrl = await tocsin.ready();
  }, 60_000);

  afterAll(async () => {
    await tocsin.kill();
    await stopProcess(child);
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function targetsOf(base: string): Promise<Found[]> {
    const answer = await fetch(`${base}/api/v1/targets?state=active`);
    const { data } = (await answer.json()) as { data: { activeTargets: Found[] } };
    return data.activeTargets;
  }

  /** Lines to compare; a label without a value is no label, and {@link LATER} are others. */
  function linesOf(found: readonly Found[], job: string): string[] {
    return found
      .filter(({ scrapePool }) => scrapePool === job)
      .map(({ scrapeUrl, discoveredLabels }) => {
        const labels = Object.entries(discoveredLabels).filter(
          ([name, value]) => value !== '' && !LATER.test(name),
        );
        return `${scrapeUrl} ${labels
          .map(([name, value]) => `${name}=${value}`)
          .toSorted()
          .join(' ')}`;
      })
      .toSorted();
  }

  const COUNTS = {
    http: 3,
    docker: 3,
    'swarm-services': 2,
    'swarm-tasks': 2,
    'swarm-nodes': 1,
  };

  test.each(Object.entries(COUNTS))('%s', async (job, count) => {
    const lines = async (base: string): Promise<string[]> =>
      waitFor(`${count} targets of ${job} at ${base}`, 20_000, async () => {
        const found = linesOf(await targetsOf(base), job);
        return found.length === count ? found : undefined;
      });
    expect(await lines(tocsinUrl)).toEqual(await lines(prometheusUrl));
  });
});
