import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, METRIC_NAME } from '../../src/core/labels.ts';
import { silentLogger } from '../../src/core/log.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { LocalQueryEngine } from '../../src/promql/index.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { freePort, stopProcess, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { ratio, readProcess } from './process-figures.ts';

/** 1,000 instances with a histogram of 10 buckets: 10,000 series, an hour at 15 s. */
const INSTANCES = 1000;
const BUCKETS = ['0.005', '0.01', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '+Inf'];
const SAMPLES = 240;
const SPACING_MS = 15_000;
const START_MS = 1_700_000_000_000;
const END_MS = START_MS + SAMPLES * SPACING_MS;
const STEP_MS = 15_000;
const REPEATS = 5;

const QUERIES: readonly { readonly name: string; readonly expr: string; readonly instant?: boolean }[] = [
  { name: 'sum by rate', expr: 'sum by (zone) (rate(lat_bucket[5m]))' },
  { name: 'p99', expr: 'histogram_quantile(0.99, sum by (le, zone) (rate(lat_bucket[5m])))' },
  { name: 'topk', expr: 'topk(5, rate(lat_bucket{le="+Inf"}[5m]))' },
  { name: 'regex selector', expr: 'sum(lat_bucket{instance=~"host-[0-4].*"})' },
  { name: '4,000 raw rates', expr: 'rate(lat_bucket{le=~"0.005|0.01|0.05|0.1"}[5m])' },
  { name: 'quantile_over_time', expr: 'sum(quantile_over_time(0.9, lat_bucket{le="1"}[5m]))' },
  { name: 'subquery', expr: 'max(max_over_time(sum by (zone) (rate(lat_bucket{le="1"}[5m]))[10m:1m]))' },
  {
    name: 'join',
    expr: 'lat_bucket{le!="+Inf"} / on (instance, zone) group_left lat_bucket{le="+Inf"}',
  },
  { name: 'instant sum by rate', expr: 'sum by (zone) (rate(lat_bucket[5m]))', instant: true },
  { name: 'instant p99', expr: 'histogram_quantile(0.99, rate(lat_bucket[5m]))', instant: true },
];

function* series(): Generator<{ readonly labels: Labels; readonly value: (k: number) => number }> {
  for (let instance = 0; instance < INSTANCES; instance++) {
    for (const [b, le] of BUCKETS.entries()) {
      const labels = Labels.fromObject({
        [METRIC_NAME]: 'lat_bucket',
        instance: `host-${instance}`,
        zone: `z${instance % 10}`,
        le,
      });
      yield { labels, value: (k) => (b + 1) * k * ((instance % 7) + 1) };
    }
  }
}

async function loadOurs(): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  const appender = storage.appender();
  for (const { labels, value } of series()) {
    const ref = appender.series(labels);
    for (let k = 0; k < SAMPLES; k++) appender.append(ref, START_MS + k * SPACING_MS, value(k));
  }
  await appender.commit();
  return storage;
}

function writeOpenMetrics(path: string): void {
  const file = openSync(path, 'w');
  writeSync(file, '# TYPE lat_bucket unknown\n');
  for (const { labels, value } of series()) {
    // OpenMetrics allows no blank between labels, and none of these values holds one.
    const name = labels.toString().replaceAll(', ', ',');
    const lines = Array.from(
      { length: SAMPLES },
      (_, k) => `${name} ${value(k)} ${(START_MS + k * SPACING_MS) / 1000}\n`,
    );
    writeSync(file, lines.join(''));
  }
  writeSync(file, '# EOF\n');
  closeSync(file);
}

interface Reference {
  readonly child: ChildProcess;
  readonly address: string;
}

async function startPrometheus(folder: string): Promise<Reference | undefined> {
  if (!hasProgram('prometheus') || !hasProgram('promtool')) return undefined;
  writeOpenMetrics(join(folder, 'data.om'));
  writeFileSync(join(folder, 'prometheus.yml'), 'global: {}\n');
  const args = ['tsdb', 'create-blocks-from', 'openmetrics', 'data.om', 'data'];
  execFileSync('promtool', args, { cwd: folder, stdio: 'ignore' });
  const port = await freePort();
  const child = spawn(
    'prometheus',
    [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      '--storage.tsdb.retention.time=100y',
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { cwd: folder, stdio: 'ignore' },
  );
  const address = `http://127.0.0.1:${port}`;
  await waitForReady(`${address}/-/ready`, child);
  return { child, address };
}

/** CPU milliseconds of one query by Prometheus, its JSON included. */
async function cpuOfPrometheus(
  { child, address }: Reference,
  expr: string,
  instant: boolean,
): Promise<number> {
  const times = instant
    ? { time: String(END_MS / 1000) }
    : { start: String(START_MS / 1000), end: String(END_MS / 1000), step: String(STEP_MS / 1000) };
  const ask = async (): Promise<void> => {
    const body = new URLSearchParams({ query: expr, ...times });
    const response = await fetch(`${address}/api/v1/query${instant ? '' : '_range'}`, {
      method: 'POST',
      body,
    });
    if (!response.ok) throw new Error(await response.text());
    await response.arrayBuffer();
  };
  await ask();
  const before = readProcess(child.pid!).cpuSeconds;
  // /proc counts in ticks of 10 ms: short queries need many repetitions.
  const repeats = instant ? REPEATS * 10 : REPEATS;
  for (let i = 0; i < repeats; i++) await ask();
  return ((readProcess(child.pid!).cpuSeconds - before) * 1000) / repeats;
}

async function cpuOfOurs(engine: LocalQueryEngine, expr: string, instant: boolean): Promise<number> {
  const ask = (): Promise<unknown> =>
    instant ? engine.instant(expr, END_MS) : engine.range(expr, START_MS, END_MS, STEP_MS);
  await ask();
  await ask();
  const before = process.cpuUsage();
  const repeats = instant ? REPEATS * 10 : REPEATS;
  for (let i = 0; i < repeats; i++) await ask();
  const used = process.cpuUsage(before);
  return (used.user + used.system) / 1000 / repeats;
}

/** CPU time of typical queries over 10,000 series, beside Prometheus' where it is installed. */
export async function run(): Promise<void> {
  const engine = new LocalQueryEngine({
    storage: await loadOurs(),
    clock: new SystemClock(),
    logger: silentLogger,
  });
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-query-'));
  const reference = await startPrometheus(folder);
  try {
    console.log('query                    tocsin   prometheus   ratio   (CPU ms a query; theirs with JSON)');
    for (const { name, expr, instant = false } of QUERIES) {
      const ours = await cpuOfOurs(engine, expr, instant);
      const theirs = reference && (await cpuOfPrometheus(reference, expr, instant));
      const cells = [
        name.padEnd(22),
        ours.toFixed(1).padStart(8),
        (theirs?.toFixed(1) ?? '–').padStart(12),
        ratio(ours, theirs).padStart(7),
      ];
      console.log(cells.join(' '));
    }
  } finally {
    if (reference !== undefined) await stopProcess(reference.child);
    rmSync(folder, { recursive: true, force: true });
  }
}
