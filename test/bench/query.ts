import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, METRIC_NAME } from '../../src/core/labels.ts';
import { stopProcess } from '../support/processes.ts';
import { ratio, readProcess } from './support/process-figures.ts';
import {
  startPrometheus,
  startTocsin,
  type BenchData,
  type BenchSeries,
  type Served,
} from './support/served.ts';

/** 1,000 instances with a histogram of 10 buckets: 10,000 series, an hour at 15 s. */
const INSTANCES = 1000;
const BUCKETS = ['0.005', '0.01', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '+Inf'];
const SAMPLES = 240;
const SPACING_MS = 15_000;
/** Ends a little before now, on a whole minute, so that both programs keep it. */
const END_MS = Math.floor(Date.now() / 60_000) * 60_000 - 60_000;
const START_MS = END_MS - SAMPLES * SPACING_MS;
const STEP_MS = 15_000;
/** CPU time that a query's repetitions take at least: /proc counts in ticks of 10 ms. */
const MEASURED_CPU_SECONDS = 1.5;
const MAX_REPEATS = 400;
const WARM_UPS = 5;

interface BenchQuery {
  readonly name: string;
  readonly expr: string;
  /** Most that it may cost beside Prometheus. */
  readonly required: number;
  readonly instant?: boolean;
}

const QUERIES: readonly BenchQuery[] = [
  { name: 'sum by rate', expr: 'sum by (zone) (rate(lat_bucket[5m]))', required: 0.5 },
  { name: 'p99', expr: 'histogram_quantile(0.99, sum by (le, zone) (rate(lat_bucket[5m])))', required: 0.5 },
  { name: 'topk', expr: 'topk(5, rate(lat_bucket{le="+Inf"}[5m]))', required: 0.5 },
  { name: 'regex selector', expr: 'sum(lat_bucket{instance=~"host-[0-4].*"})', required: 0.5 },
  { name: '4,000 raw rates', expr: 'rate(lat_bucket{le=~"0.005|0.01|0.05|0.1"}[5m])', required: 0.8 },
  { name: 'rate over all', expr: 'rate(lat_bucket[5m])', required: 0.8 },
  { name: 'quantile_over_time', expr: 'sum(quantile_over_time(0.9, lat_bucket{le="1"}[5m]))', required: 0.5 },
  {
    name: 'subquery',
    expr: 'max(max_over_time(sum by (zone) (rate(lat_bucket{le="1"}[5m]))[10m:1m]))',
    required: 0.5,
  },
  {
    name: 'join',
    expr: 'lat_bucket{le!="+Inf"} / on (instance, zone) group_left lat_bucket{le="+Inf"}',
    required: 0.8,
  },
  {
    name: 'join, summed',
    expr: 'sum by (le) (lat_bucket{le!="+Inf"} / on (instance, zone) group_left lat_bucket{le="+Inf"})',
    required: 0.5,
  },
  { name: 'instant selector', expr: 'lat_bucket{le="1"}', required: 1, instant: true },
  { name: 'instant sum by rate', expr: 'sum by (zone) (rate(lat_bucket[5m]))', required: 1, instant: true },
  { name: 'instant p99', expr: 'histogram_quantile(0.99, rate(lat_bucket[5m]))', required: 1, instant: true },
];

function* series(): Generator<BenchSeries> {
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

const DATA: BenchData = { series, startMs: START_MS, spacingMs: SPACING_MS, samples: SAMPLES };
const CONFIG = { 'prometheus.yml': 'global: {evaluation_interval: 15s}\n' };

async function ask({ address }: Served, { expr, instant = false }: BenchQuery): Promise<number> {
  const times = instant
    ? { time: String(END_MS / 1000) }
    : { start: String(START_MS / 1000), end: String(END_MS / 1000), step: String(STEP_MS / 1000) };
  const response = await fetch(`${address}/api/v1/query${instant ? '' : '_range'}`, {
    method: 'POST',
    body: new URLSearchParams({ query: expr, ...times }),
    headers: { 'accept-encoding': 'identity' },
  });
  if (!response.ok) throw new Error(await response.text());
  return (await response.arrayBuffer()).byteLength;
}

interface Cost {
  readonly cpuMs: number;
  readonly answerBytes: number;
}

/** CPU milliseconds of one query, from the request's first byte to the answer's last. */
async function measure(served: Served, query: BenchQuery): Promise<Cost> {
  let answerBytes = 0;
  for (let i = 0; i < WARM_UPS; i++) answerBytes = await ask(served, query);
  const pid = served.child.pid!;
  const before = readProcess(pid).cpuSeconds;
  let repeats = 0;
  let used = 0;
  while (used < MEASURED_CPU_SECONDS && repeats < MAX_REPEATS) {
    for (let i = 0; i < 5; i++) await ask(served, query);
    repeats += 5;
    used = readProcess(pid).cpuSeconds - before;
  }
  return { cpuMs: (used * 1000) / repeats, answerBytes };
}

function peak(served: Served | undefined): number | undefined {
  return served && readProcess(served.child.pid!).peakBytes / 2 ** 20;
}

/** CPU time of typical queries over 10,000 series beside Prometheus': both started as programs, asked over HTTP. */
export async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-query-'));
  const ours = await startTocsin(join(folder, 'tocsin'), DATA, CONFIG);
  const theirs = await startPrometheus(join(folder, 'prometheus'), DATA, CONFIG);
  try {
    console.log('CPU ms a query, HTTP and JSON included; peak resident MiB so far');
    console.log(
      'query                    tocsin  prometheus   ratio  required      peak  prometheus   answer',
    );
    for (const query of QUERIES) {
      const mine = await measure(ours, query);
      const other = theirs && (await measure(theirs, query));
      const cells = [
        query.name.padEnd(22),
        mine.cpuMs.toFixed(1).padStart(8),
        (other?.cpuMs.toFixed(1) ?? '–').padStart(11),
        ratio(mine.cpuMs, other?.cpuMs).padStart(7),
        `<= ${query.required}`.padStart(9),
        (peak(ours)?.toFixed(0) ?? '–').padStart(9),
        (peak(theirs)?.toFixed(0) ?? '–').padStart(11),
        `${(mine.answerBytes / 2 ** 20).toFixed(2)} MiB`.padStart(11),
      ];
      console.log(cells.join(' '));
    }
  } finally {
    for (const served of [ours, theirs]) if (served !== undefined) await stopProcess(served.child);
    rmSync(folder, { recursive: true, force: true });
  }
}
