import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FleetOptions } from './fleet-server.ts';

/** Targets that are scraped by the programs that are compared, and the programs. */

export { SERIES_PER_TARGET } from './fleet-server.ts';

/** Targets of a fleet unless told. */
export const TARGETS = 200;

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

/** VictoriaMetrics, for what it is compared in. */
export const VICTORIA_METRICS: Contestant = {
  name: 'victoria-metrics',
  start: (folder, config, port) =>
    spawn(
      'victoria-metrics',
      [
        `-promscrape.config=${config}`,
        `-storageDataPath=${join(folder, 'victoria-metrics')}`,
        `-httpListenAddr=127.0.0.1:${port}`,
        '-search.latencyOffset=1ms',
        '-loggerLevel=ERROR',
      ],
      { stdio: 'ignore' },
    ),
};

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
  /** How many scrapes the targets have missed since this was asked last. */
  readonly missed: () => Promise<number>;
  /** One that scrapes nothing. */
  readonly idleConfig: string;
}

/** Starts the process that serves the targets; resolves to its port. */
async function startServer(options: FleetOptions): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(join(import.meta.dirname, 'fleet-server.ts'), [JSON.stringify(options)]);
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => {
      resolve(message as number);
    });
    child.once('exit', (code) => {
      reject(new Error(`the server of the targets ended with ${code}`));
    });
  });
  return { child, port };
}

async function askMissed(child: ChildProcess): Promise<number> {
  const answer = new Promise<number>((resolve) => {
    child.once('message', (message) => {
      resolve(message as number);
    });
  });
  child.send('missed');
  return answer;
}

/** Serves targets while `use` runs, {@link TARGETS} of them unless told. */
export async function withFleet(
  options: Partial<FleetOptions> & { readonly targets?: number },
  use: (fleet: Fleet) => Promise<void>,
): Promise<void> {
  const { churn = 0, gzip = false, targets = TARGETS } = options;
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-'));
  const server = await startServer({ churn, gzip });
  const config = join(folder, 'prometheus.yml');
  const idleConfig = join(folder, 'idle.yml');
  const groups = Array.from({ length: targets }, (_, i) => ({
    targets: [`127.0.0.1:${server.port}`],
    labels: { __metrics_path__: `/${i}`, instance: `target-${i}` },
  }));
  const global = { scrape_interval: '1s', scrape_timeout: '1s' };
  writeFileSync(
    config,
    JSON.stringify({ global, scrape_configs: [{ job_name: 'bench', static_configs: groups }] }),
  );
  writeFileSync(idleConfig, JSON.stringify({ global }));
  try {
    await use({ folder, config, idleConfig, missed: () => askMissed(server.child) });
  } finally {
    server.child.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}
