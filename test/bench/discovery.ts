import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Labels } from '../../src/core/labels.ts';
import { silentLogger } from '../../src/core/log.ts';
import { createRegistry } from '../../src/core/metrics.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { UndiciHttpClient } from '../../src/core/system/undici-http-client.ts';
import { FakeDns } from '../../src/core/testing/fake-dns.ts';
import { FakePrograms } from '../../src/core/testing/fake-programs.ts';
import { ScrapeManager } from '../../src/scrape/index.ts';
import { DiscoveryMetrics } from '../../src/discovery/metrics.ts';
import { makeProviderContext } from '../../src/discovery/provider.ts';
import { ScrapeStorage } from '../unit/scrape/scrape-storage.ts';
import { parseJobs } from '../unit/scrape/scrape-world.ts';
import { LongestPiece } from './support/longest-piece.ts';
import { parseDiscovery } from '../unit/discovery/provider-world.ts';

const TARGETS = 5000;
const ROUNDS = 20;
const WARM_ROUNDS = 5;

/** One answer of each kind; every target is another one in odd rounds than in even ones. */
const ANSWERS: Readonly<Record<string, (round: number) => unknown>> = {
  /** As services list models: a group each, with labels. */
  'http, a group each': (round) =>
    numbers(round, (i, ip) => ({
      targets: [`${ip}:8000`],
      labels: {
        model: `llama-${i}`,
        owner: 'nlp',
        zone: `z${i % 3}`,
        __meta_gpu: 'h100',
        replica: String(i),
      },
    })),
  'http, one group': (round) => [{ targets: numbers(round, (_, ip) => `${ip}:8000`), labels: { a: 'b' } }],
  docker: (round) =>
    numbers(round, (i, ip) => ({
      Id: `${i}`.padStart(64, 'c'),
      Names: [`/vllm-${i}`],
      Image: 'vllm/vllm-openai:v0.20.1',
      ImageID: `sha256:${'0'.repeat(64)}`,
      Command: 'python3 -m vllm.entrypoints.openai.api_server --model llama',
      Labels: Object.fromEntries(
        Array.from({ length: 10 }, (_, n) => [`com.example.label-${n}`, `value ${n}`]),
      ),
      Ports: [{ IP: '0.0.0.0', PrivatePort: 8000, PublicPort: 8000, Type: 'tcp' }],
      HostConfig: { NetworkMode: 'models' },
      NetworkSettings: { Networks: { models: { NetworkID: 'n1', IPAddress: ip, Gateway: '10.0.0.1' } } },
      Mounts: [{ Type: 'bind', Source: '/models', Destination: '/models', Mode: '', RW: false }],
    })),
};

function numbers<T>(round: number, make: (i: number, ip: string) => T): T[] {
  return Array.from({ length: TARGETS }, (_, i) => make(i, `10.${round % 2}.${i >> 8}.${i & 255}`));
}

/** The service runs in a process of its own, so that its work is not in the figures. */
function serve(): void {
  let round = 0;
  const bodies = Object.values(ANSWERS).map((make) => [0, 1].map((r) => JSON.stringify(make(r))));
  const server = createServer(({ url = '' }, response) => {
    const [, kind] = /^\/(\d)\//.exec(url) ?? [];
    const path = url.replace(/^\/\d/, '');
    response.setHeader('Content-Type', 'application/json');
    response.setHeader('Api-Version', '1.51');
    if (path === '/_ping') response.end('OK');
    else if (path.endsWith('/networks')) response.end('[]');
    else response.end(bodies[Number(kind)]![round++ % 2]);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

/** Runs a provider: some rounds for what they cost, then some for the longest piece. */
async function measure(kind: string, yaml: string): Promise<void> {
  const clock = new SystemClock();
  const http = new UndiciHttpClient();
  const context = makeProviderContext(
    {
      clock,
      http,
      files: new NodeFileSystem(),
      dns: new FakeDns(),
      programs: new FakePrograms(),
      random: new SeededRandom(1),
      environment: {},
      userAgent: 'bench',
    },
    { logger: silentLogger, metrics: DiscoveryMetrics.in(createRegistry()), setName: 'j' },
  );
  const { configs, issues } = parseDiscovery(yaml);
  if (configs.length !== 1) throw new Error(issues.join('\n'));
  const stop = new AbortController();
  const done = Promise.withResolvers<void>();
  let piece: LongestPiece | undefined;
  let rounds = 0;
  let cpu = process.cpuUsage();
  let cpuMs = 0;
  const running = configs[0]!.createProvider(context).run((groups) => {
    const count = groups.reduce((sum, { targets }) => sum + targets.length, 0);
    if (count !== TARGETS) throw new Error(`${count} targets instead of ${TARGETS}`);
    rounds++;
    // What is compiled in the first rounds is not to be measured.
    if (rounds === WARM_ROUNDS) cpu = process.cpuUsage();
    if (rounds === WARM_ROUNDS + ROUNDS) {
      const { user, system } = process.cpuUsage(cpu);
      cpuMs = (user + system) / 1000 / ROUNDS;
      piece = LongestPiece.watch();
    }
    if (rounds === WARM_ROUNDS + 2 * ROUNDS) done.resolve();
  }, stop.signal);
  await Promise.race([done.promise, running]);
  piece?.stop();
  stop.abort(new Error('done'));
  await running.catch(() => undefined);
  await http.close();
  const longest = piece?.take().toFixed(1) ?? '?';
  console.log(
    `${kind.padEnd(20)} ${TARGETS} targets: ${cpuMs.toFixed(1)} ms CPU a refresh, longest piece ${longest} ms`,
  );
}

/** All the way to the loops of targets: every five seconds all of them are other ones. */
async function measureLoops(url: string): Promise<void> {
  const clock = new SystemClock();
  const http = new UndiciHttpClient();
  const manager = new ScrapeManager({
    clock,
    http,
    dns: new FakeDns(),
    programs: new FakePrograms(),
    files: new NodeFileSystem(),
    storage: new ScrapeStorage(),
    logger: silentLogger,
    registry: createRegistry(),
    random: new SeededRandom(1),
    hostname: 'bench',
    userAgent: 'bench',
  });
  // Nothing is scraped: that has a benchmark of its own.
  const yaml = `scrape_configs: [{job_name: a, scrape_interval: 1000d, http_sd_configs: [{url: "${url}", refresh_interval: 4s}]}]`;
  await manager.apply({ scrapeConfigs: parseJobs(yaml), externalLabels: Labels.EMPTY });
  await clock.sleep(10_000);
  const cpu = process.cpuUsage();
  await clock.sleep(15_000);
  const { user, system } = process.cpuUsage(cpu);
  const piece = LongestPiece.watch();
  await clock.sleep(15_000);
  piece.stop();
  const count = manager.targets().active.length;
  if (count !== TARGETS) throw new Error(`${count} targets instead of ${TARGETS}`);
  await manager.stop();
  await http.close();
  const cpuMs = (user + system) / 1000 / 3;
  console.log(
    `${'to the loops'.padEnd(20)} ${TARGETS} targets: ${cpuMs.toFixed(1)} ms CPU a change, longest piece ${piece.take().toFixed(1)} ms`,
  );
}

/** What a refresh of 5,000 targets costs, all of which are other ones each time. */
export async function run(): Promise<void> {
  const child: ChildProcess = fork(import.meta.filename, ['serve']);
  const port = await new Promise<number>((resolve) => {
    child.once('message', (message) => resolve(message as number));
  });
  const url = `http://127.0.0.1:${port}`;
  const kinds = Object.keys(ANSWERS);
  await measure(kinds[0]!, `http_sd_configs: [{url: "${url}/0/", refresh_interval: 300ms}]`);
  await measure(kinds[1]!, `http_sd_configs: [{url: "${url}/1/", refresh_interval: 300ms}]`);
  await measure(kinds[2]!, `docker_sd_configs: [{host: "${url}/2", refresh_interval: 300ms}]`);
  await measureLoops(`${url}/0/`);
  child.kill();
}

if (process.argv[2] === 'serve') serve();
