import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { LogFields, Logger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import type { HttpClient } from '../../../src/core/ports.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { UndiciHttpClient } from '../../../src/core/system/undici-http-client.ts';
import { FakeDns } from '../../../src/core/testing/fake-dns.ts';
import { FakePrograms } from '../../../src/core/testing/fake-programs.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { validateYaml } from '../../../src/core/validate-yaml.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import { DiscoveryMetrics } from '../../../src/discovery/metrics.ts';
import { makeProviderContext } from '../../../src/discovery/provider.ts';
import type { DiscoveryConfig, DiscoveryPorts } from '../../../src/discovery/provider.ts';
import type { TargetGroup } from '../../../src/discovery/index.ts';
import { scrapeConfigSchema } from '../../../src/scrape/config.ts';
import { z } from 'zod';
import { discoveryConfigs } from '../../../src/discovery/index.ts';
import { until } from '../../support/until.ts';

const jobsSchema = z.strictObject({ scrape_configs: z.array(scrapeConfigSchema) });

/** The discovery configs of a job whose keys are `yaml` (indented by nothing), or `line:col: message` of each issue. */
export function parseDiscovery(yaml: string): {
  readonly configs: DiscoveryConfig[];
  readonly issues: string[];
} {
  const lines = yaml.trim().split('\n');
  const text = `scrape_configs:\n- job_name: j\n${lines.map((line) => `  ${line}\n`).join('')}`;
  const result = validateYaml(parseYaml(text, 'prometheus.yml'), jobsSchema, '/etc/prometheus');
  if (!result.ok) {
    const issues = result.issues.map(
      ({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`,
    );
    return { configs: [], issues };
  }
  return { configs: result.value.scrape_configs.flatMap((job) => discoveryConfigs(job)), issues: [] };
}

/** A logger that keeps lines: message and fields. */
class KeepingLogger implements Logger {
  readonly lines: string[];

  constructor(lines: string[]) {
    this.lines = lines;
  }

  debug(fields: LogFields, message: string): void {
    this.#write('debug', fields, message);
  }
  info(fields: LogFields, message: string): void {
    this.#write('info', fields, message);
  }
  warn(fields: LogFields, message: string): void {
    this.#write('warn', fields, message);
  }
  error(fields: LogFields, message: string): void {
    this.#write('error', fields, message);
  }
  child(): Logger {
    return this;
  }

  #write(level: string, fields: LogFields, message: string): void {
    this.lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  }
}

/**
 * One provider on a virtual clock, over a real network or a fake one. Nothing passes by itself: `pass` moves the clock,
 * `sent` and `logged` turn the event loop until something has come over the network.
 */
export class ProviderWorld {
  readonly clock = new VirtualClock(Date.UTC(2026, 0, 1));
  readonly files = new MemoryFileSystem(() => this.clock.nowMs());
  readonly registry = createRegistry();
  readonly lines: string[] = [];
  /** What was sent, in order. */
  readonly updates: (readonly TargetGroup[])[] = [];
  /** What is known now, by source. */
  readonly groups = new Map<string, TargetGroup>();
  readonly #ports: DiscoveryPorts;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(ports: Partial<DiscoveryPorts> & { readonly http?: HttpClient } = {}) {
    const { clock, files } = this;
    const http = ports.http ?? new UndiciHttpClient();
    const own = {
      clock,
      files,
      http,
      dns: new FakeDns(),
      programs: new FakePrograms(),
      random: new SeededRandom(7),
      environment: {},
      userAgent: 'tocsin/test',
    };
    this.#ports = { ...own, ...ports };
  }

  /** Starts the only discovery of a job whose keys are `yaml`. */
  start(yaml: string): void {
    const { configs, issues } = parseDiscovery(yaml);
    if (configs.length !== 1) throw new Error(`one discovery wanted: ${issues.join('\n')}`);
    this.run(configs[0]!);
  }

  run(config: DiscoveryConfig): void {
    const metrics = DiscoveryMetrics.in(this.registry);
    const logger = new KeepingLogger(this.lines);
    const provider = config.createProvider(
      makeProviderContext(this.#ports, { logger, metrics, setName: 'j' }),
    );
    this.#running = provider
      .run((groups) => {
        this.updates.push(groups);
        for (const group of groups) {
          if (group.targets.length > 0) this.groups.set(group.source, group);
          else this.groups.delete(group.source);
        }
      }, this.#stop.signal)
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) throw error;
      });
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advanceBy(ms);
  }

  /** Waits until `count` updates were sent since the start. */
  async sent(count: number): Promise<void> {
    await until(`${count} updates; log: ${this.lines.join('\n')}`, () => this.updates.length >= count);
  }

  /** Waits for a log line that has `text` in it, and returns it. */
  async logged(text: string): Promise<string> {
    await until(`a line with ${text}`, () => this.lines.some((line) => line.includes(text)));
    return this.lines.findLast((line) => line.includes(text))!;
  }

  /** Addresses known now, sorted. */
  addresses(): string[] {
    return [...this.groups.values()]
      .flatMap((group) => group.targets.map((target) => target.get('__address__')))
      .sort();
  }

  /** All labels of each target known now, the group's included, by address. */
  targets(): Record<string, string>[] {
    return [...this.groups.values()]
      .flatMap((group) => group.targets.map((target) => group.labels.merge(target).toObject()))
      .sort((a, b) => (a['__address__']! < b['__address__']! ? -1 : 1));
  }

  /** Values of a metric by its labels, written `a=1,b=2`. */
  async metric(name: string): Promise<Record<string, number>> {
    const metric = await this.registry.getSingleMetric(name)?.get();
    return Object.fromEntries(
      (metric?.values ?? []).map(({ labels, value }) => [
        Object.entries(labels)
          .map(([label, text]) => `${label}=${text}`)
          .join(','),
        value,
      ]),
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopping'));
    await this.#running;
    await this.#ports.http.close();
  }
}

/** A request as an {@link ApiServer} got it. */
export interface ApiRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What an {@link ApiServer} answers; JSON unless `body` is text. */
export interface ApiAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A real HTTP server on 127.0.0.1, or on a Unix socket, that keeps what it was asked. */
export class ApiServer {
  readonly requests: ApiRequest[] = [];
  /** An answer that is a promise keeps the asker waiting. */
  answer: (request: ApiRequest) => ApiAnswer | Promise<ApiAnswer>;
  readonly #server: Server;

  private constructor(answer: ApiServer['answer']) {
    this.answer = answer;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const asked = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
        this.requests.push(asked);
        void Promise.resolve(this.answer(asked)).then(({ status = 200, headers: more, body }) => {
          response.writeHead(status, { 'Content-Type': 'application/json', ...more });
          response.end(typeof body === 'string' ? body : JSON.stringify(body ?? null));
        });
      });
    });
  }

  static async start(answer: ApiServer['answer'], socketPath?: string): Promise<ApiServer> {
    const server = new ApiServer(answer);
    await new Promise<void>((resolve) => {
      if (socketPath === undefined) server.#server.listen(0, '127.0.0.1', resolve);
      else server.#server.listen(socketPath, resolve);
    });
    return server;
  }

  /** `127.0.0.1:port`. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.address}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
