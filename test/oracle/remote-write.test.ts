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
 * Remote write out of tocsin into Debian's VictoriaMetrics and Prometheus: everything that was scraped arrives, also over a
 * kill -9 and while a receiver is away.
 */

/** Samples by series and time: `name{labels} time` → value. */
type Samples = Map<string, string>;

interface Matrix {
  readonly data: {
    readonly result: readonly { metric: Record<string, string>; values: [number, string][] }[];
  };
}

async function samplesOf(base: string, window: string): Promise<Samples> {
  const query = `{job="models",__name__=~"requests_total|temperature|latency_seconds_.*"}[${window}]`;
  const response = await fetch(`${base}/api/v1/query?query=${encodeURIComponent(query)}`);
  const { data } = (await response.json()) as Matrix;
  const samples: Samples = new Map();
  for (const { metric, values } of data.result) {
    const { cluster: _, ...own } = metric;
    const series = JSON.stringify(Object.entries(own).sort(([a], [b]) => a.localeCompare(b)));
    for (const [seconds, value] of values) samples.set(`${series} ${seconds}`, value);
  }
  return samples;
}

const PROGRAMS = ['prometheus', 'victoria-metrics'];

describe.skipIf(!PROGRAMS.every(hasProgram))('remote write into other programs', () => {
  let folder: string;
  let target: Server;
  let requests = 0;
  const children: ChildProcess[] = [];
  let tocsin: TocsinProcess;
  let prometheus: { url: string; child: ChildProcess };
  let victoria: { url: string; child: ChildProcess };

  async function startPrometheus(port: number): Promise<{ url: string; child: ChildProcess }> {
    const config = join(folder, 'receiver.yml');
    writeFileSync(config, 'global: {}\n');
    const child = spawn(
      'prometheus',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, 'prometheus')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--web.enable-remote-write-receiver',
      ],
      { stdio: 'ignore' },
    );
    children.push(child);
    await waitForReady(`http://127.0.0.1:${port}/-/ready`, child);
    return { url: `http://127.0.0.1:${port}`, child };
  }

  async function startVictoria(): Promise<{ url: string; child: ChildProcess }> {
    const port = await freePort();
    const child = spawn(
      'victoria-metrics',
      [
        `-storageDataPath=${join(folder, 'victoria')}`,
        `-httpListenAddr=127.0.0.1:${port}`,
        '-retentionPeriod=100y',
        '-search.latencyOffset=0s',
      ],
      { stdio: 'ignore' },
    );
    children.push(child);
    await waitForReady(`http://127.0.0.1:${port}/health`, child);
    return { url: `http://127.0.0.1:${port}`, child };
  }

  function startTocsin(): TocsinProcess {
    return new TocsinProcess(
      ['serve', '--config.file=tocsin.yml', '--web.listen-address=127.0.0.1:0', '--storage.tsdb.path=data'],
      { folder },
    );
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-remote-write-'));
    target = createServer((_, response) => {
      requests += 3;
      response.setHeader('Content-Type', 'text/plain; version=0.0.4');
      response.end(
        [
          '# TYPE requests_total counter',
          `requests_total{model="a"} ${requests}`,
          `requests_total{model="b"} ${requests * 2}`,
          '# TYPE temperature gauge',
          `temperature{model="a"} ${requests % 7 === 0 ? 'NaN' : requests / 3}`,
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
    [prometheus, victoria] = await Promise.all([startPrometheus(await freePort()), startVictoria()]);
    writeFileSync(
      join(folder, 'tocsin.yml'),
      `
global: { scrape_interval: 200ms, scrape_timeout: 200ms, external_labels: { cluster: here } }
scrape_configs:
  - job_name: models
    static_configs: [{ targets: ['127.0.0.1:${port}'] }]
remote_write:
  - url: ${prometheus.url}/api/v1/write
    name: prometheus
    queue_config: { batch_send_deadline: 100ms, max_samples_per_send: 50 }
  - url: ${victoria.url}/api/v1/write
    name: victoria
    queue_config: { batch_send_deadline: 100ms }
    write_relabel_configs: [{ source_labels: [__name__], regex: 'scrape_.*', action: drop }]
`,
    );
    tocsin = startTocsin();
    await tocsin.ready();
  }, 60_000);

  afterAll(async () => {
    await stopProcess(tocsin.child);
    await Promise.all(children.map((child) => stopProcess(child)));
    await new Promise((resolve) => target.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  test('everything arrives, over kill -9 and while a receiver is away', { timeout: 90_000 }, async () => {
    const scrapes = (count: number): Promise<unknown> => {
      const wanted = requests + 3 * count;
      return waitFor(`${count} scrapes`, 30_000, async () => (requests >= wanted ? true : undefined));
    };
    await scrapes(8);
    await stopProcess(tocsin.child, 'SIGKILL');
    tocsin = startTocsin();
    await tocsin.ready();
    await scrapes(5);
    // The receiver goes away, and comes back on the same port.
    await stopProcess(prometheus.child, 'SIGKILL');
    await scrapes(10);
    prometheus = await startPrometheus(Number(new URL(prometheus.url).port));
    await scrapes(5);
    const url = await tocsin.ready();
    const ours = await samplesOf(url, '2m');
    expect(ours.size).toBeGreaterThan(28 * 7 * 0.8);
    for (const receiver of [prometheus, victoria]) {
      const missing = await waitFor('every sample at the receiver', 20_000, async () => {
        const theirs = await samplesOf(receiver.url, '2m');
        // VictoriaMetrics keeps no NaN.
        const left = [...ours].filter(
          ([key, value]) => theirs.get(key) !== value && !(receiver === victoria && value === 'NaN'),
        );
        return left.length === 0 ? left : undefined;
      });
      expect(missing).toEqual([]);
    }
  });

  test('external labels are added, relabelling drops', async () => {
    const read = async (base: string, query: string): Promise<Matrix> =>
      (await (await fetch(`${base}/api/v1/query?query=${encodeURIComponent(query)}`)).json()) as Matrix;
    const up = await read(prometheus.url, 'up{cluster="here"}');
    expect(up.data.result).toHaveLength(1);
    expect((await read(prometheus.url, 'count({__name__=~"scrape_.*"})')).data.result).toHaveLength(1);
    expect((await read(victoria.url, 'count({__name__=~"scrape_.*"})')).data.result).toHaveLength(0);
  });
});
