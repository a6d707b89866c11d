import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, stopProcess, waitFor, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { TocsinProcess } from '../support/tocsin.ts';

/**
 * Remote write into tocsin from Debian's Prometheus, from vmagent and from another tocsin (2.0): everything they scraped
 * arrives, also over a kill -9.
 */

/** Samples by series and time: `name{labels} time` → value. */
type Samples = Map<string, string>;

interface Matrix {
  readonly data: {
    readonly result: readonly { metric: Record<string, string>; values: [number, string][] }[];
  };
}

async function samplesOf(base: string, selector: string): Promise<Samples> {
  const query = `${selector}[5m]`;
  const response = await fetch(`${base}/api/v1/query?query=${encodeURIComponent(query)}`);
  const { data } = (await response.json()) as Matrix;
  const samples: Samples = new Map();
  for (const { metric, values } of data.result) {
    const { sender: _, ...own } = metric;
    const series = JSON.stringify(Object.entries(own).sort(([a], [b]) => a.localeCompare(b)));
    for (const [seconds, value] of values) samples.set(`${series} ${seconds}`, value);
  }
  return samples;
}

const NAMES = '__name__=~"requests_total|temperature|latency_seconds_.*|up"';
const HAS_PROMETHEUS = hasProgram('prometheus');
const HAS_VMAGENT = hasProgram('vmagent');

describe.skipIf(!HAS_PROMETHEUS)('remote write into tocsin', () => {
  let folder: string;
  let target: Server;
  let requests = 0;
  const children: ChildProcess[] = [];
  let receiver: TocsinProcess;
  let receiverPort: number;
  let prometheusUrl: string;
  let sender: TocsinProcess;

  function startReceiver(): TocsinProcess {
    return new TocsinProcess(
      [
        'serve',
        '--config.file=receiver.yml',
        `--web.listen-address=127.0.0.1:${receiverPort}`,
        '--storage.tsdb.path=received',
        '--web.enable-remote-write-receiver',
      ],
      { folder },
    );
  }

  function config(name: string, target: number, more = ''): void {
    writeFileSync(
      join(folder, `${name}.yml`),
      `
global: { scrape_interval: 200ms, scrape_timeout: 200ms, external_labels: { sender: ${name} } }
scrape_configs:
  - job_name: models
    static_configs: [{ targets: ['127.0.0.1:${target}'] }]
${more}`,
    );
  }

  function remoteWrite(message: string): string {
    return `
remote_write:
  - url: http://127.0.0.1:${receiverPort}/api/v1/write
    ${message}
    queue_config: { batch_send_deadline: 100ms, min_backoff: 30ms, max_backoff: 200ms }
`;
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-remote-receive-'));
    target = createServer((_, response) => {
      requests += 3;
      response.setHeader('Content-Type', 'text/plain; version=0.0.4');
      response.end(
        [
          '# TYPE requests_total counter',
          `requests_total{model="a"} ${requests}`,
          `requests_total{model="b"} ${requests * 2}`,
          '# TYPE temperature gauge',
          `temperature{model="ä\\"\\n"} ${requests % 7 === 0 ? 'NaN' : requests / 3}`,
          ...(requests % 2 === 0 ? [`temperature{model="now and then"} ${requests}`] : []),
          '# TYPE latency_seconds histogram',
          `latency_seconds_bucket{le="0.5"} ${requests}`,
          `latency_seconds_bucket{le="+Inf"} ${requests + 1}`,
          `latency_seconds_sum ${requests / 10}`,
          `latency_seconds_count ${requests + 1}`,
          '',
        ].join('\n'),
      );
    });
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    const { port } = target.address() as AddressInfo;
    receiverPort = await freePort();
    writeFileSync(join(folder, 'receiver.yml'), 'global: {}\n');
    receiver = startReceiver();
    await receiver.ready();
    config('prometheus', port, remoteWrite(''));
    config('tocsin', port, remoteWrite('protobuf_message: io.prometheus.write.v2.Request'));
    config('vmagent', port);
    const prometheusPort = await freePort();
    prometheusUrl = `http://127.0.0.1:${prometheusPort}`;
    const prometheus = spawn(
      'prometheus',
      [
        '--config.file=prometheus.yml',
        '--storage.tsdb.path=prometheus',
        `--web.listen-address=127.0.0.1:${prometheusPort}`,
      ],
      { cwd: folder, stdio: 'ignore' },
    );
    children.push(prometheus);
    sender = new TocsinProcess(
      ['serve', '--config.file=tocsin.yml', '--web.listen-address=127.0.0.1:0', '--storage.tsdb.path=sent'],
      { folder },
    );
    if (HAS_VMAGENT) {
      const vmagent = spawn(
        'vmagent',
        [
          '-promscrape.config=vmagent.yml',
          `-httpListenAddr=127.0.0.1:${await freePort()}`,
          `-remoteWrite.url=http://127.0.0.1:${receiverPort}/api/v1/write`,
          '-remoteWrite.tmpDataPath=vmagent',
          '-remoteWrite.flushInterval=200ms',
        ],
        { cwd: folder, stdio: 'ignore' },
      );
      children.push(vmagent);
    }
    await Promise.all([waitForReady(`${prometheusUrl}/-/ready`, prometheus), sender.ready()]);
  }, 60_000);

  afterAll(async () => {
    await Promise.all(children.map((child) => stopProcess(child)));
    await sender.stop();
    await receiver.stop();
    await new Promise((resolve) => target.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  test('everything arrives, also over kill -9', { timeout: 90_000 }, async () => {
    const scrapes = (count: number): Promise<unknown> => {
      const wanted = requests + 3 * count;
      return waitFor(`${count} scrapes`, 30_000, async () => (requests >= wanted ? true : undefined));
    };
    await scrapes(75);
    await receiver.kill();
    await scrapes(30);
    receiver = startReceiver();
    const url = await receiver.ready();
    await scrapes(30);
    const senders = [
      ['prometheus', prometheusUrl],
      ['tocsin', await sender.ready()],
    ] as const;
    for (const [name, from] of senders) {
      const sent = await samplesOf(from, `{job="models",${NAMES}}`);
      expect(sent.size).toBeGreaterThan(20 * 8);
      const left = await waitFor(`every sample of ${name}`, 20_000, async () => {
        const received = await samplesOf(url, `{job="models",sender="${name}",${NAMES}}`);
        const missing = [...sent].filter(([key, value]) => received.get(key) !== value);
        return missing.length === 0 ? missing : undefined;
      });
      expect(left).toEqual([]);
    }
  });

  test.skipIf(!HAS_VMAGENT)('what vmagent sends arrives', { timeout: 30_000 }, async () => {
    const url = await receiver.ready();
    const received = await waitFor('samples of vmagent', 20_000, async () => {
      const samples = await samplesOf(url, '{sender="vmagent",__name__="requests_total",model="a"}');
      return samples.size > 10 ? samples : undefined;
    });
    for (const value of received.values()) expect(Number(value) % 3).toBe(0);
    const up = await samplesOf(url, 'up{sender="vmagent"}');
    expect(new Set(up.values())).toEqual(new Set(['1']));
  });
});
