import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { freePort, stopProcess, waitForReady } from '../support/processes.ts';
import { ratio, readProcess } from './support/process-figures.ts';

const TARGETS = 200;
const SERIES_PER_TARGET = 1000;
const WARM_UP_MS = 20_000;
const MEASURE_MS = 60_000;

/** A body of {@link SERIES_PER_TARGET} series whose values move from scrape to scrape: histograms, counters, gauges. */
function makeBody(target: number, scrape: number): string {
  const lines: string[] = ['# TYPE request_seconds histogram'];
  for (let i = 0; i < SERIES_PER_TARGET / 2; i++) {
    const labels = `handler="h${i >> 4}",method="GET",le="${(i & 15) / 10}"`;
    lines.push(`request_seconds_bucket{${labels}} ${scrape * ((i & 15) + 1) + target}`);
  }
  lines.push('# TYPE requests_total counter');
  for (let i = 0; i < SERIES_PER_TARGET / 4; i++) {
    lines.push(`requests_total{handler="h${i}",code="200",method="POST"} ${scrape * (i + 3)}`);
  }
  lines.push('# TYPE queue_depth gauge');
  for (let i = 0; i < SERIES_PER_TARGET / 4; i++) {
    lines.push(`queue_depth{queue="q${i}",tenant="t${i % 7}"} ${((scrape * 7919 + i * 104_729) % 1000) / 8}`);
  }
  return `${lines.join('\n')}\n`;
}

interface Contestant {
  readonly name: string;
  readonly start: (folder: string, config: string, port: number) => ChildProcess;
}

const CONTESTANTS: readonly Contestant[] = [
  {
    name: 'tocsin',
    start: (folder, config, port) =>
      spawn(
        process.execPath,
        [
          join(import.meta.dirname, '../../dist/cli.js'),
          'serve',
          `--config.file=${config}`,
          `--storage.tsdb.path=${join(folder, 'tocsin')}`,
          `--web.listen-address=127.0.0.1:${port}`,
          '--log.level=warn',
        ],
        { stdio: ['ignore', 'inherit', 'inherit'] },
      ),
  },
  {
    name: 'prometheus',
    start: (folder, config, port) =>
      spawn(
        'prometheus',
        [
          `--config.file=${config}`,
          `--storage.tsdb.path=${join(folder, 'prometheus')}`,
          `--web.listen-address=127.0.0.1:${port}`,
          '--log.level=warn',
        ],
        { stdio: ['ignore', 'inherit', 'inherit'] },
      ),
  },
];

interface Figures {
  readonly cpuPerMillion: number;
  readonly bytesPerSeries: number;
  readonly samples: number;
}

async function query(port: number, expr: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`);
  const answer = (await response.json()) as {
    error?: string;
    data?: { result: { value: [number, string] }[] };
  };
  if (answer.data === undefined) throw new Error(`${expr}: ${answer.error ?? 'no answer'}`);
  return Number(answer.data.result[0]?.value[1] ?? 0);
}

const pause = (durationMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, durationMs));

async function measure(contestant: Contestant, folder: string, config: string): Promise<Figures> {
  const port = await freePort();
  const child = contestant.start(folder, config, port);
  try {
    await waitForReady(`http://127.0.0.1:${port}/-/ready`, child);
    await pause(WARM_UP_MS);
    const before = readProcess(child.pid!);
    await pause(MEASURE_MS);
    const after = readProcess(child.pid!);
    const seconds = MEASURE_MS / 1000;
    const samples = await query(
      port,
      `sum(count_over_time({__name__=~"request_seconds_bucket|requests_total|queue_depth",job="bench"}[${seconds}s]))`,
    );
    const series = await query(port, 'count({job="bench"})');
    return {
      cpuPerMillion: ((after.cpuSeconds - before.cpuSeconds) / samples) * 1e6,
      bytesPerSeries: after.residentBytes / series,
      samples,
    };
  } finally {
    await stopProcess(child);
  }
}

/**
 * 200 targets of 1,000 series every second, for a minute each, the same bodies to both programs one after the other:
 * CPU seconds per million samples and resident bytes per series.
 */
export async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-'));
  const bodies = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const target = Number(request.url?.slice(1) ?? 0);
    const key = `${target} ${Math.floor(Date.now() / 1000) % 8}`;
    let body = bodies.get(key);
    if (body === undefined) {
      body = Buffer.from(makeBody(target, Math.floor(Date.now() / 1000) % 8));
      bodies.set(key, body);
    }
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = join(folder, 'prometheus.yml');
  const groups = Array.from({ length: TARGETS }, (_, i) => ({
    targets: [address],
    labels: { __metrics_path__: `/${i}`, instance: `target-${i}` },
  }));
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: [{ job_name: 'bench', static_configs: groups }],
    }),
  );
  try {
    const results = new Map<string, Figures>();
    for (const contestant of CONTESTANTS) {
      if (contestant.name !== 'tocsin' && !hasProgram(contestant.name)) continue;
      console.log(`measuring ${contestant.name} for ${(WARM_UP_MS + MEASURE_MS) / 1000} s …`);
      const figures = await measure(contestant, folder, config);
      results.set(contestant.name, figures);
      console.log(
        `${contestant.name}: ${figures.cpuPerMillion.toFixed(2)} CPU s per million samples, ` +
          `${figures.bytesPerSeries.toFixed(0)} resident bytes per series, ${figures.samples} samples`,
      );
    }
    const ours = results.get('tocsin')!;
    const theirs = results.get('prometheus');
    console.log(
      `tocsin / prometheus: CPU ${ratio(ours.cpuPerMillion, theirs?.cpuPerMillion)}, ` +
        `memory ${ratio(ours.bytesPerSeries, theirs?.bytesPerSeries)}`,
    );
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
