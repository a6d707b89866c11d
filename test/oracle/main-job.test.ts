import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, stopProcess, waitFor, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';

/**
 * The main job, from a scraped page to a delivered notification, done by tocsin and by Debian's Prometheus and
 * Alertmanager at the same time on the same targets, files and receiver.
 */

interface Told {
  readonly from: string;
  readonly status: string;
  readonly receiver: string;
  readonly groupLabels: Record<string, string>;
  readonly commonLabels: Record<string, string>;
  readonly commonAnnotations: Record<string, string>;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Record<string, string>;
    readonly annotations: Record<string, string>;
    readonly fingerprint: string;
  }[];
}

const RULES = `
groups:
  - name: models
    rules:
      - record: model:errors:ratio
        expr: sum by (model) (rate(errors_total[5s])) / sum by (model) (rate(requests_total[5s]))
      - record: model:latency:p90
        expr: histogram_quantile(0.9, sum by (model, le) (rate(latency_seconds_bucket[5s])))
      - alert: ErrorRatioHigh
        expr: model:errors:ratio > 0.2
        for: 2s
        labels: { severity: critical }
        annotations:
          summary: 'model {{ $labels.model }} of {{ $externalLabels.cluster }} fails'
          over: '{{ if gt $value 0.2 }}yes{{ else }}no{{ end }}'
      - alert: ErrorRatioNoticeable
        expr: model:errors:ratio > 0.1
        labels: { severity: warning }
        annotations: { summary: '{{ $labels.model | toUpper }} has errors' }
      - alert: TargetDown
        expr: up == 0
        for: 1s
        labels: { severity: critical }
        annotations: { summary: '{{ $labels.job }} target is down' }
`;

const routing = (receiver: string): string => `
route:
  receiver: default
  group_by: [alertname, model]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
  routes:
    - matchers: [alertname="TargetDown"]
      receiver: infrastructure
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: [severity="warning"]
    equal: [model]
receivers:
  - name: default
    webhook_configs: [{ url: '${receiver}/default' }]
  - name: infrastructure
    webhook_configs: [{ url: '${receiver}/infrastructure', send_resolved: false }]
`;

/** Traffic of one simulated model; counters grow with real time, so both scrapers see the same rates. */
class Target {
  #requests = 0;
  #errors = 0;
  #lastMs = performance.now();
  errorRatio = 0;

  render(): string {
    const nowMs = performance.now();
    const grown = ((nowMs - this.#lastMs) / 1000) * 100;
    this.#lastMs = nowMs;
    this.#requests += grown;
    this.#errors += grown * this.errorRatio;
    return [
      '# TYPE requests_total counter',
      `requests_total{model="fraud"} ${this.#requests}`,
      '# TYPE errors_total counter',
      `errors_total{model="fraud"} ${this.#errors}`,
      '# TYPE latency_seconds histogram',
      `latency_seconds_bucket{model="fraud",le="0.1"} ${this.#requests * 0.5}`,
      `latency_seconds_bucket{model="fraud",le="1"} ${this.#requests}`,
      `latency_seconds_bucket{model="fraud",le="+Inf"} ${this.#requests}`,
      `latency_seconds_sum{model="fraud"} ${this.#requests * 0.2}`,
      `latency_seconds_count{model="fraud"} ${this.#requests}`,
      '',
    ].join('\n');
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** What was told, without what must differ: times, addresses, order within a notification. */
function essence(told: Told): unknown {
  const alerts = told.alerts
    .map(({ status, labels, annotations, fingerprint }) => ({ status, labels, annotations, fingerprint }))
    .sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
  const { status, receiver, groupLabels, commonLabels, commonAnnotations } = told;
  return { status, receiver, groupLabels, commonLabels, commonAnnotations, alerts };
}

const programs = ['prometheus', 'prometheus-alertmanager'].every(hasProgram);

describe.skipIf(!programs)('the main job, beside Prometheus and Alertmanager', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-main-job-'));
  const children: ChildProcess[] = [];
  const servers: Server[] = [];
  const told: Told[] = [];
  const target = new Target();
  let ours = '';
  let theirs = '';

  const start = (program: string, args: readonly string[]): ChildProcess => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.on('data', (data: Buffer) => {
      if (/level=(error|ERROR)/.test(data.toString())) console.error(`${program}: ${data.toString()}`);
    });
    children.push(child);
    return child;
  };

  const recorder = async (from: string): Promise<string> => {
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        told.push({ from, ...(JSON.parse(Buffer.concat(parts).toString()) as Omit<Told, 'from'>) });
        response.end('ok');
      });
    });
    servers.push(server);
    return `http://127.0.0.1:${await listen(server)}`;
  };

  const prometheusConfig = (targetPort: number, deadPort: number, more: object): string =>
    JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s', external_labels: { cluster: 'test' } },
      rule_files: [join(folder, 'rules.yml')],
      scrape_configs: [
        {
          job_name: 'model',
          static_configs: [{ targets: [`127.0.0.1:${targetPort}`], labels: { owner: 'ml' } }],
        },
        { job_name: 'dead', static_configs: [{ targets: [`127.0.0.1:${deadPort}`] }] },
      ],
      ...more,
    });

  beforeAll(async () => {
    const page = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(target.render());
    });
    servers.push(page);
    const targetPort = await listen(page);
    const deadPort = await freePort();
    const [ourPort, theirPort, alertmanagerPort] = [await freePort(), await freePort(), await freePort()];
    ours = `http://127.0.0.1:${ourPort}`;
    theirs = `http://127.0.0.1:${theirPort}`;
    writeFileSync(join(folder, 'rules.yml'), RULES);
    writeFileSync(join(folder, 'tocsin.prometheus.yml'), prometheusConfig(targetPort, deadPort, {}));
    writeFileSync(join(folder, 'tocsin.alertmanager.yml'), routing(await recorder('ours')));
    writeFileSync(join(folder, 'alertmanager.yml'), routing(await recorder('theirs')));
    writeFileSync(
      join(folder, 'prometheus.yml'),
      prometheusConfig(targetPort, deadPort, {
        alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanagerPort}`] }] }] },
      }),
    );
    const alertmanager = start('prometheus-alertmanager', [
      `--config.file=${join(folder, 'alertmanager.yml')}`,
      `--storage.path=${join(folder, 'alertmanager')}`,
      `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
      '--cluster.listen-address=',
    ]);
    await waitForReady(`http://127.0.0.1:${alertmanagerPort}/-/ready`, alertmanager);
    const prometheus = start('prometheus', [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${theirPort}`,
    ]);
    const tocsin = start(process.execPath, [
      join(import.meta.dirname, '../../dist/cli.js'),
      'serve',
      `--config.file=${join(folder, 'tocsin.prometheus.yml')}`,
      `--alertmanager.config.file=${join(folder, 'tocsin.alertmanager.yml')}`,
      `--storage.tsdb.path=${join(folder, 'tocsin')}`,
      `--web.listen-address=127.0.0.1:${ourPort}`,
    ]);
    await Promise.all([
      waitForReady(`${theirs}/-/ready`, prometheus),
      waitForReady(`${ours}/-/ready`, tocsin),
    ]);
  });

  afterAll(async () => {
    await Promise.all(children.map((child) => stopProcess(child)));
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(folder, { recursive: true, force: true });
  });

  const query = async (base: string, expr: string): Promise<Map<string, number>> => {
    const response = await fetch(`${base}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const answer = (await response.json()) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return new Map(
      answer.data.result.map(({ metric, value }) => [
        JSON.stringify(metric, Object.keys(metric).sort()),
        Number(value[1]),
      ]),
    );
  };

  const settled = (what: string, ready: (from: string) => boolean): Promise<boolean> =>
    waitFor(what, 40_000, () => Promise.resolve(ready('ours') && ready('theirs') ? true : undefined));

  const has = (from: string, alertname: string, status: string): boolean =>
    told.some(
      (each) => each.from === from && each.status === status && each.groupLabels['alertname'] === alertname,
    );

  test('same up and same rule results while all is well', async () => {
    await settled('TargetDown', (from) => has(from, 'TargetDown', 'firing'));
    await waitFor('the recorded series', 20_000, async () => {
      const [a, b] = await Promise.all([
        query(ours, 'model:latency:p90'),
        query(theirs, 'model:latency:p90'),
      ]);
      return a.size === 1 && b.size === 1 ? true : undefined;
    });
    const [ourUp, theirUp] = await Promise.all([query(ours, 'up'), query(theirs, 'up')]);
    expect(ourUp).toEqual(theirUp);
    expect([...ourUp.values()].sort((a, b) => a - b)).toEqual([0, 1]);
    for (const expr of ['model:errors:ratio', 'model:latency:p90']) {
      const [a, b] = await Promise.all([query(ours, expr), query(theirs, expr)]);
      expect([...a.keys()]).toEqual([...b.keys()]);
      for (const [key, value] of a) expect(value).toBeCloseTo(b.get(key)!, 6);
    }
  });

  test('same notifications for an incident and its end', { timeout: 90_000 }, async () => {
    target.errorRatio = 0.5;
    await settled('the firing notification', (from) => has(from, 'ErrorRatioHigh', 'firing'));
    const [ourAlerts, theirAlerts] = await Promise.all([query(ours, 'ALERTS'), query(theirs, 'ALERTS')]);
    expect([...ourAlerts.keys()].sort()).toEqual([...theirAlerts.keys()].sort());
    target.errorRatio = 0;
    await settled('the resolved notification', (from) => has(from, 'ErrorRatioHigh', 'resolved'));
    const sequence = (from: string, alertname: string): unknown[] =>
      told.filter((each) => each.from === from && each.groupLabels['alertname'] === alertname).map(essence);
    expect(sequence('ours', 'ErrorRatioHigh')).toEqual(sequence('theirs', 'ErrorRatioHigh'));
    expect(sequence('ours', 'TargetDown')).toEqual(sequence('theirs', 'TargetDown'));
    expect(sequence('ours', 'ErrorRatioHigh')).toHaveLength(2);
    expect(sequence('ours', 'TargetDown')).toHaveLength(1);
  });
});
