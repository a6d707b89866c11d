import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveHttp } from './http-server.ts';
import { stopProcess, waitFor, waitForReady } from './processes.ts';

const PROGRAM = join(import.meta.dirname, 'isolation-program.ts');
const INTERVAL_MS = 200;
const TARGETS = 5;
/** Would go on for minutes; its timeout ends it. */
const LONG_QUERY =
  'sum_over_time(quantile_over_time(0.5, quantile_over_time(0.5, vector(time())[1h:1s])[1h:1s])[48h:1s])';

/** How a program fared while a query ran. */
export interface Isolation {
  /** How much later than at its interval each scrape began, milliseconds. */
  readonly lateMs: readonly number[];
  /** Slots of rule groups at which nothing was evaluated. */
  readonly missedTicks: number;
  readonly ticks: number;
  /** The query's status. */
  readonly status: number;
  readonly queryMs: number;
}

/**
 * Runs a tocsin that scrapes and evaluates rules five times a second, and asks it for what takes `queryMs`. Times are
 * taken where the scrapes arrive.
 */
export async function measureIsolation(mode: 'threads' | 'main', queryMs: number): Promise<Isolation> {
  const arrivals: number[][] = Array.from({ length: TARGETS }, () => []);
  const target = await serveHttp((request, response) => {
    arrivals[Number(request.url?.slice(1))]?.push(performance.now());
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end('requests_total 1\n');
  });
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-isolation-'));
  await writeFile(join(folder, 'tocsin.yml'), configText(target.address));
  await writeFile(join(folder, 'rules.yml'), RULES);
  const child = spawn(process.execPath, [PROGRAM, mode, join(folder, 'tocsin.yml'), join(folder, 'data')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  try {
    const url = await waitFor('a line that tells the address', 20_000, () => {
      const address = /msg="Listening on" component=web address=(\S+)/.exec(log)?.[1];
      if (address === undefined && child.exitCode !== null) throw new Error(log);
      return Promise.resolve(address === undefined ? undefined : `http://${address}`);
    });
    await waitForReady(`${url}/-/ready`, child);
    // The first scrapes and evaluations find code that has yet to be compiled.
    await waitFor('scrapes', 20_000, () =>
      Promise.resolve(arrivals.every((times) => times.length >= 10) ? true : undefined),
    );
    const before = await readTicks(url);
    const startMs = performance.now();
    const form = new URLSearchParams({ query: LONG_QUERY, timeout: `${queryMs}ms` });
    const { status } = await fetch(`${url}/api/v1/query`, { method: 'POST', body: form });
    const endMs = performance.now();
    // Those that the query held up come now.
    const counts = arrivals.map((times) => times.length);
    await waitFor('scrapes after the query', 20_000, () =>
      Promise.resolve(arrivals.every((times, i) => times.length >= counts[i]! + 3) ? true : undefined),
    );
    const after = await readTicks(url);
    return {
      lateMs: arrivals.flatMap((times) => lateness(times, startMs, endMs)),
      missedTicks: after.missed - before.missed,
      ticks: after.all - before.all,
      status,
      queryMs: endMs - startMs,
    };
  } finally {
    await stopProcess(child);
    await target.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function configText(address: string): string {
  const jobs = Array.from(
    { length: TARGETS },
    (_, i) => `  - job_name: job${i}
    metrics_path: /${i}
    static_configs:
      - targets: [${JSON.stringify(address)}]
`,
  );
  return `global:
  scrape_interval: ${INTERVAL_MS}ms
  scrape_timeout: ${INTERVAL_MS}ms
  evaluation_interval: ${INTERVAL_MS}ms
rule_files: [rules.yml]
scrape_configs:
${jobs.join('')}`;
}

const RULES = `groups:
  - name: first
    rules:
      - record: job:requests:rate
        expr: sum by (job) (rate(requests_total[1m]))
  - name: second
    rules:
      - alert: Down
        expr: up == 0
`;

/**
 * How late the requests between two moments came. A target's slots are an interval apart; where they lie is told by the
 * earliest of its requests.
 */
function lateness(times: readonly number[], startMs: number, endMs: number): number[] {
  const phases = times.slice(5).map((time) => time % INTERVAL_MS);
  // Seen from the phase of most: an early one may lie just before the turn of the interval.
  const middle = phases.toSorted((a, b) => a - b)[phases.length >> 1]!;
  const offsets = phases.map(
    (phase) => ((phase - middle + 1.5 * INTERVAL_MS) % INTERVAL_MS) - INTERVAL_MS / 2,
  );
  const slotMs = middle + offsets.toSorted((a, b) => a - b)[Math.floor(offsets.length / 10)]!;
  const late: number[] = [];
  const from = Math.ceil((startMs - slotMs) / INTERVAL_MS);
  for (let slot = from; slot * INTERVAL_MS + slotMs < endMs; slot++) {
    const dueMs = slot * INTERVAL_MS + slotMs;
    const begun = times.find((time) => time >= dueMs - INTERVAL_MS / 4);
    if (begun !== undefined) late.push(Math.max(0, begun - dueMs));
  }
  return late;
}

async function readTicks(url: string): Promise<{ readonly all: number; readonly missed: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const sum = (name: string): number => {
    const lines = text.matchAll(new RegExp(String.raw`^${name}\{.*\} (\S+)$`, 'gm'));
    return Array.from(lines, ([, value]) => Number(value)).reduce((total, value) => total + value, 0);
  };
  return {
    all: sum('prometheus_rule_group_iterations_total'),
    missed: sum('prometheus_rule_group_iterations_missed_total'),
  };
}
