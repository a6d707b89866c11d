import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Targets that are scraped by the programs that are compared, and the programs. */

export const TARGETS = 200;
export const SERIES_PER_TARGET = 1000;
/** Different bodies of one target, one after the other. */
const BODIES = 8;

/**
 * A body of {@link SERIES_PER_TARGET} series whose values move from scrape to scrape: histograms, counters, gauges. Of
 * `churn` series in a hundred the labels change with every scrape.
 */
function makeBody(target: number, scrape: number, churn: number): string {
  const lines: string[] = ['# TYPE request_seconds histogram'];
  const pod = (i: number): string => (i % 100 < churn ? `,pod="p${scrape}-${i}"` : '');
  for (let i = 0; i < SERIES_PER_TARGET / 2; i++) {
    const labels = `handler="h${i >> 4}",method="GET",le="${(i & 15) / 10}"${pod(i)}`;
    lines.push(`request_seconds_bucket{${labels}} ${(scrape % BODIES) * ((i & 15) + 1) + target}`);
  }
  lines.push('# TYPE requests_total counter');
  for (let i = 0; i < SERIES_PER_TARGET / 4; i++) {
    lines.push(
      `requests_total{handler="h${i}",code="200",method="POST"${pod(i)}} ${(scrape % BODIES) * (i + 3)}`,
    );
  }
  lines.push('# TYPE queue_depth gauge');
  for (let i = 0; i < SERIES_PER_TARGET / 4; i++) {
    lines.push(
      `queue_depth{queue="q${i}",tenant="t${i % 7}"${pod(i)}} ${(((scrape % BODIES) * 7919 + i * 104_729) % 1000) / 8}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** A program that takes part. */
export interface Contestant {
  readonly name: string;
  readonly start: (folder: string, config: string, port: number) => ChildProcess;
}

/** Tocsin, and the Prometheus that is installed. */
export const CONTESTANTS: readonly Contestant[] = [
  {
    name: 'tocsin',
    start: (folder, config, port) =>
      spawn(
        process.execPath,
        [
          join(import.meta.dirname, '../../../dist/cli.js'),
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

/** Asks for one number, as of a time; 0 when the answer is empty. */
export async function queryNumber(port: number, expr: string, atMs = Date.now()): Promise<number> {
  const parameters = new URLSearchParams({ query: expr, time: String(atMs / 1000) });
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?${parameters.toString()}`);
  const answer = (await response.json()) as {
    error?: string;
    data?: { result: { value: [number, string] }[] };
  };
  if (answer.data === undefined) throw new Error(`${expr}: ${answer.error ?? 'no answer'}`);
  return Number(answer.data.result[0]?.value[1] ?? 0);
}

/** Waits; benches run in real time. */
export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** What {@link withFleet} gives. */
export interface Fleet {
  /** For data of the programs; removed in the end. */
  readonly folder: string;
  /** A configuration that scrapes all targets every second. */
  readonly config: string;
  /** One that scrapes nothing. */
  readonly idleConfig: string;
}

/** Serves {@link TARGETS} targets while `use` runs. */
export async function withFleet(churn: number, use: (fleet: Fleet) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-'));
  const bodies = new Map<number, { readonly second: number; readonly body: Buffer }>();
  const server = createServer((request, response) => {
    const target = Number(request.url?.slice(1) ?? 0);
    const second = Math.floor(Date.now() / 1000);
    const scrape = churn === 0 ? second % BODIES : second;
    const key = churn === 0 ? target * BODIES + scrape : target;
    let made = bodies.get(key);
    if (made?.second !== scrape) {
      made = { second: scrape, body: Buffer.from(makeBody(target, scrape, churn)) };
      bodies.set(key, made);
    }
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(made.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = join(folder, 'prometheus.yml');
  const idleConfig = join(folder, 'idle.yml');
  const groups = Array.from({ length: TARGETS }, (_, i) => ({
    targets: [address],
    labels: { __metrics_path__: `/${i}`, instance: `target-${i}` },
  }));
  const global = { scrape_interval: '1s', scrape_timeout: '1s' };
  writeFileSync(
    config,
    JSON.stringify({ global, scrape_configs: [{ job_name: 'bench', static_configs: groups }] }),
  );
  writeFileSync(idleConfig, JSON.stringify({ global }));
  try {
    await use({ folder, config, idleConfig });
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
