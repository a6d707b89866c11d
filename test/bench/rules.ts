import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, METRIC_NAME } from '../../src/core/labels.ts';
import { stopProcess, waitFor } from '../support/processes.ts';
import { ratio, readProcess } from './support/process-figures.ts';
import {
  startPrometheus,
  startTocsin,
  type BenchData,
  type BenchSeries,
  type Served,
} from './support/served.ts';

/** 100 metrics of 100 instances: 10,000 series, an hour at 15 s. */
const METRICS = 100;
const INSTANCES = 100;
const SAMPLES = 240;
const SPACING_MS = 15_000;
/** Rules look this far back, so that their windows stay full while the bench runs. */
const QUERY_OFFSET_MS = 15 * 60_000;
const END_MS = Math.floor(Date.now() / 60_000) * 60_000;
const START_MS = END_MS - SAMPLES * SPACING_MS;
const GROUPS = 20;
const RULES_PER_METRIC = 20;
const INTERVAL_MS = 3000;
const ROUNDS = 10;

function* series(): Generator<BenchSeries> {
  for (let metric = 0; metric < METRICS; metric++) {
    for (let instance = 0; instance < INSTANCES; instance++) {
      const labels = Labels.fromObject({
        [METRIC_NAME]: `m${metric}_total`,
        instance: `host-${instance}`,
        job: `job-${instance % 5}`,
        zone: `z${instance % 10}`,
      });
      yield { labels, value: (k) => k * ((instance % 7) + 1) + metric };
    }
  }
}

/** Twenty ways to watch one counter; none of the limits is reached. */
function expressions(metric: string): string[] {
  const found: string[] = [];
  for (let limit = 0; limit < RULES_PER_METRIC / 5; limit++) {
    const far = 1000 * (limit + 1);
    found.push(
      `rate(${metric}[5m]) > ${far}`,
      `sum by (job) (rate(${metric}[5m])) > ${far * 100}`,
      `max by (zone) (${metric}) < -${far}`,
      `avg_over_time(${metric}[5m]) > ${far * 1e6}`,
      `increase(${metric}[${5 + limit}m]) / ${metric} > ${far}`,
    );
  }
  return found;
}

function ruleFile(): string {
  const groups = Array.from({ length: GROUPS }, (_, group) => {
    const perGroup = METRICS / GROUPS;
    const rules = Array.from({ length: perGroup }, (_m, i) => {
      const metric = `m${group * perGroup + i}_total`;
      return expressions(metric).map((expr, n) => ({
        alert: `Rule_${metric}_${n}`,
        expr,
        for: '1m',
        labels: { severity: 'page' },
        annotations: { summary: '{{ $labels.instance }} is at {{ $value }}' },
      }));
    }).flat();
    return {
      name: `group-${group}`,
      interval: `${INTERVAL_MS / 1000}s`,
      query_offset: `${QUERY_OFFSET_MS / 1000}s`,
      rules,
    };
  });
  return JSON.stringify({ groups });
}

/** Prometheus 2.42 knows no query_offset: there each selector looks back by itself. */
function withoutQueryOffset(text: string): string {
  const offset = ` offset ${QUERY_OFFSET_MS / 60_000}m`;
  return text
    .replaceAll(/,"query_offset":"[^"]*"/g, '')
    .replaceAll(
      /(m[0-9]+_total)(\[[^\]]*\])?(?=[ )])/g,
      (_, name: string, range: string | undefined) => `${name}${range ?? ''}${offset}`,
    );
}

const DATA: BenchData = { series, startMs: START_MS, spacingMs: SPACING_MS, samples: SAMPLES };

function config(rules: string): Record<string, string> {
  return {
    'prometheus.yml': 'global: {evaluation_interval: 15s}\nrule_files: [rules.yml]\n',
    'rules.yml': rules,
  };
}

async function iterations({ address }: Served): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  let sum = 0;
  for (const [, count] of text.matchAll(/^prometheus_rule_group_iterations_total\{[^}]*\} (\S+)$/gm))
    sum += Number(count);
  return sum;
}

async function failures({ address }: Served): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  let sum = 0;
  for (const [, count] of text.matchAll(/^prometheus_rule_evaluation_failures_total\{[^}]*\} (\S+)$/gm))
    sum += Number(count);
  return sum;
}

/** Waits until `count` more group evaluations were done. */
async function afterIterations(served: Served, count: number): Promise<number> {
  const from = await iterations(served);
  return await waitFor(`${count} evaluations of groups`, 120_000, async () => {
    const now = await iterations(served);
    return now - from >= count ? now - from : undefined;
  });
}

interface Cost {
  /** One evaluation of all 2,000 rules. */
  readonly cpuMs: number;
  readonly residentMib: number;
}

async function measure(served: Served): Promise<Cost> {
  await afterIterations(served, 3 * GROUPS);
  const pid = served.child.pid!;
  const before = readProcess(pid).cpuSeconds;
  const groups = await afterIterations(served, ROUNDS * GROUPS);
  const { cpuSeconds, residentBytes } = readProcess(pid);
  const failed = await failures(served);
  if (failed > 0) throw new Error(`${served.name}: ${failed} evaluations failed`);
  return { cpuMs: ((cpuSeconds - before) * 1000 * GROUPS) / groups, residentMib: residentBytes / 2 ** 20 };
}

/** CPU time of a round of 2,000 alerting rules over 10,000 series, beside Prometheus. */
export async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-rules-'));
  const rules = ruleFile();
  const programs = [
    () => startTocsin(join(folder, 'tocsin'), DATA, config(rules)),
    () => startPrometheus(join(folder, 'prometheus'), DATA, config(withoutQueryOffset(rules))),
  ];
  const costs: (Cost | undefined)[] = [];
  try {
    for (const start of programs) {
      const served = await start();
      try {
        costs.push(served && (await measure(served)));
      } finally {
        if (served !== undefined) await stopProcess(served.child);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const [ours, theirs] = costs;
  console.log(
    `${METRICS * RULES_PER_METRIC} alerting rules over ${METRICS * INSTANCES} series, CPU ms a round (required <= 0.4, aim 0.1)`,
  );
  console.log(
    `tocsin     ${ours!.cpuMs.toFixed(0).padStart(6)} ms, ${ours!.residentMib.toFixed(0)} MiB resident`,
  );
  if (theirs === undefined) return;
  console.log(
    `prometheus ${theirs.cpuMs.toFixed(0).padStart(6)} ms, ${theirs.residentMib.toFixed(0)} MiB resident`,
  );
  console.log(`ratio      ${ratio(ours!.cpuMs, theirs.cpuMs).padStart(6)}`);
}
