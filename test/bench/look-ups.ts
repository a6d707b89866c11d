import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { stopProcess } from '../support/processes.ts';
import { ratio, readProcess } from './support/process-figures.ts';
import { serveFolder } from './support/served.ts';
import type { Program, Served } from './support/served.ts';
import { appendFleet, openTsdb, type FleetSpan } from './support/stored-fleet.ts';

/** 200,000 series of 200 targets. */
const TARGETS = 200;
/** CPU time that a call's repetitions take at least: /proc counts in ticks of 10 ms. */
const MEASURED_CPU_SECONDS = 0.6;
const MAX_REPEATS = 3000;
/** What comes before, so that what is compiled while it runs is compiled. */
const WARM_UP_CPU_SECONDS = 0.3;
const MAX_WARM_UPS = 3000;
/** Calls between two looks at the time. */
const BATCH = 5;
/** CPU time beside Prometheus' that a call may take. */
const REQUIRED = 1;

/** Calls, as paths below `/api/v1` with their selectors. */
const CALLS: readonly (readonly [name: string, path: string, ...selectors: string[]])[] = [
  ['names', '/labels'],
  ['names of a metric', '/labels', 'vllm_metric_5'],
  ['names of all series', '/labels', '{job="vllm"}'],
  ['metric names', '/label/__name__/values'],
  ['values, 2,000', '/label/pod/values'],
  ['values of a metric', '/label/pod/values', 'vllm_metric_5'],
  ['values, regex', '/label/instance/values', '{__name__=~"vllm_metric_[1-4]"}'],
  ['values, prefix', '/label/model/values', '{pod=~"pod-1.*"}'],
  ['values, negative', '/label/pod/values', '{__name__="vllm_metric_5",model!="model-3"}'],
  ['values of all series', '/label/le/values', '{job="vllm"}'],
  ['series, 10', '/series', 'vllm_metric_5{instance="10.0.0.7:8000"}'],
  ['series, 2,000', '/series', 'vllm_metric_5'],
  ['series, regex', '/series', 'vllm_metric_5{instance=~"10\\\\.0\\\\.0\\\\.1[0-5].*"}'],
  ['series, alternatives', '/series', '{__name__=~"vllm_metric_5|vllm_metric_6",le="3"}'],
  ['series, not equal', '/series', 'vllm_metric_5{model!="model-3"}'],
  ['series, not regex', '/series', 'vllm_metric_5{pod!~"pod-1.*"}'],
  ['series, prefix', '/series', '{__name__=~"vllm_metric_7.*",le="4"}'],
  ['series, prefix alone', '/series', '{__name__=~"vllm_metric_7.*"}'],
  ['series, two sets', '/series', 'vllm_metric_5', 'vllm_metric_6'],
];

async function ask({ address }: Served, path: string, selectors: readonly string[]): Promise<number> {
  const query = new URLSearchParams(selectors.map((selector) => ['match[]', selector]));
  const response = await fetch(`${address}/api/v1${path}?${query.toString()}`, {
    headers: { 'accept-encoding': 'identity' },
  });
  if (!response.ok) throw new Error(await response.text());
  return (await response.arrayBuffer()).byteLength;
}

/** What a call costs. */
interface Cost {
  readonly cpuMs: number;
  /** Length of its answer. */
  readonly bytes: number;
}

/** CPU milliseconds of a call, and the length of its answer. */
async function measure(served: Served, path: string, selectors: readonly string[]): Promise<Cost> {
  await repeat(served, path, selectors, WARM_UP_CPU_SECONDS, MAX_WARM_UPS);
  return repeat(served, path, selectors, MEASURED_CPU_SECONDS, MAX_REPEATS);
}

async function repeat(
  served: Served,
  path: string,
  selectors: readonly string[],
  cpuSeconds: number,
  most: number,
): Promise<Cost> {
  const pid = served.child.pid!;
  const before = readProcess(pid).cpuSeconds;
  let bytes = 0;
  let repeats = 0;
  let used = 0;
  while (used < cpuSeconds && repeats < most) {
    for (let i = 0; i < BATCH; i++) bytes = await ask(served, path, selectors);
    repeats += BATCH;
    used = readProcess(pid).cpuSeconds - before;
  }
  return { cpuMs: (used * 1000) / repeats, bytes };
}

async function compare(folder: string, where: string): Promise<void> {
  const programs: Program[] = hasProgram('prometheus') ? ['tocsin', 'prometheus'] : ['tocsin'];
  const served: Served[] = [];
  try {
    for (const program of programs) {
      cpSync(join(folder, 'data'), join(folder, program, 'data'), { recursive: true });
      served.push(await serveFolder(program, join(folder, program), { 'prometheus.yml': 'global: {}\n' }));
    }
    const [ours, theirs] = served;
    console.log(`${where}: CPU ms a call, HTTP and JSON included`);
    console.log('call                    tocsin  prometheus   ratio  required      answer');
    for (const [name, path, ...selectors] of CALLS) {
      const mine = await measure(ours!, path, selectors);
      const other = theirs && (await measure(theirs, path, selectors));
      if (other !== undefined && other.bytes !== mine.bytes)
        throw new Error(`${name}: answers of ${mine.bytes} and ${other.bytes} bytes`);
      const cells = [
        name.padEnd(22),
        mine.cpuMs.toFixed(2).padStart(7),
        (other?.cpuMs.toFixed(2) ?? '–').padStart(11),
        ratio(mine.cpuMs, other?.cpuMs).padStart(7),
        `<= ${REQUIRED}`.padStart(9),
        `${(mine.bytes / 1024).toFixed(1)} KiB`.padStart(11),
      ];
      console.log(cells.join(' '));
    }
  } finally {
    for (const { child } of served) await stopProcess(child);
    for (const program of programs) rmSync(join(folder, program), { recursive: true, force: true });
  }
}

async function store(path: string, span: FleetSpan): Promise<void> {
  const tsdb = await openTsdb(path);
  await appendFleet(tsdb, span);
  await tsdb.maintain();
  await tsdb.close();
}

/** Look-ups of labels and series over 200,000 series beside Prometheus, in memory and in a block. */
export async function run(): Promise<void> {
  const nowMs = Math.floor(Date.now() / 60_000) * 60_000;
  // The block needs samples that outlive it in memory, or nothing would make one.
  const spans = [
    ['in memory', { targets: TARGETS, startMs: nowMs - 120_000, stepMs: 15_000, scrapes: 4 }],
    ['in a block', { targets: TARGETS, startMs: nowMs - 8 * 3600_000, stepMs: 3600_000, scrapes: 5 }],
  ] as const;
  for (const [where, span] of spans) {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-look-ups-'));
    try {
      await store(join(folder, 'data'), span);
      await compare(folder, where);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
