import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_HTTP_CLIENT_CONFIG } from '../../src/core/http-config.ts';
import { Labels } from '../../src/core/labels.ts';
import { silentLogger } from '../../src/core/log.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { UndiciHttpClient } from '../../src/core/system/undici-http-client.ts';
import {
  LocalQueryEngine,
  QueryMonitor,
  RemoteApi,
  RemoteQueryEngine,
  RemoteReadableStorage,
  type QueryEngine,
} from '../../src/promql/index.ts';
import { difference, fromEngine, type Answer } from '../fuzz/promql/answers.ts';
import type { FuzzSeries } from '../fuzz/promql/data.ts';
import { fill } from '../fuzz/promql/data.ts';
import { remoteWrite } from '../fuzz/promql/remote-write.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { freePort, stopProcess, waitFor, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { REMOTE_QUERIES } from './remote-queries.ts';

/**
 * Queries and the rules that we ship, evaluated by Debian's VictoriaMetrics and Prometheus through `remote_storage`, and by us, over the
 * same samples. What may differ is in a table, and each row of it must be needed.
 */
const MINUTE_MS = 60_000;
const DATA_START_MS = Date.UTC(2026, 0, 10);
const END_MS = DATA_START_MS + 30 * MINUTE_MS;

function makeData(): FuzzSeries[] {
  const series: FuzzSeries[] = [];
  const add = (labels: Record<string, string>, value: (i: number) => number): void => {
    const samples = [];
    for (let i = 0; i * 15_000 < 30 * MINUTE_MS; i++) {
      const tMs = DATA_START_MS + i * 15_000 + 1000;
      samples.push({ tMs, value: value(i), stale: false, histogram: undefined });
    }
    series.push({ labels: Labels.fromObject(labels), samples });
  };
  for (const [m, model] of ['chat', 'vision', 'fraud'].entries()) {
    add({ __name__: 'model_info', model, owner: `team-${m}` }, () => 1);
    for (const replica of ['0', '1']) {
      const shift = m * 3 + Number(replica);
      add({ __name__: 'queue_length', model, replica }, (i) => ((i * 7 + shift * 5) % 23) + shift);
      add({ __name__: 'memory_bytes', model, replica }, (i) => 1e9 + ((i + shift) % 11) * 1e6);
      for (const code of ['200', '500']) {
        add(
          { __name__: 'requests_total', model, replica, code },
          (i) => i * (shift + 2) * (code === '200' ? 9 : 1),
        );
      }
    }
    for (const [rank, le] of ['0.1', '0.5', '1', '+Inf'].entries()) {
      add({ __name__: 'latency_seconds_bucket', model, le }, (i) => i * (rank + 1) * (m + 1));
    }
    add({ __name__: 'latency_seconds_sum', model }, (i) => i * 0.7 * (m + 1));
    add({ __name__: 'latency_seconds_count', model }, (i) => i * 4 * (m + 1));
  }
  return series;
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly { readonly expr: string | number }[] }[];
}

/** Expressions of the rules that come with tocsin. */
function shippedRules(): string[] {
  const folder = join(import.meta.dirname, '../../alert-rules');
  return readdirSync(folder).flatMap((name) => {
    const { groups } = parse(readFileSync(join(folder, name), 'utf8')) as RuleFile;
    return groups.flatMap(({ rules }) => rules.map(({ expr }) => String(expr)));
  });
}

interface Difference {
  readonly why: string;
  readonly applies: (query: string, found: string) => boolean;
}

/** Where VictoriaMetrics gives another answer. */
const VICTORIA_DIFFERENCES: readonly Difference[] = [
  {
    why: 'rates and differences take in the sample before the window and are not extrapolated to its edges',
    applies: (query) => /\b(rate|increase|irate|delta|deriv|resets|changes|predict_linear)\(/.test(query),
  },
  {
    why: 'an expression of numbers alone is a vector',
    applies: (_query, found) => found === 'a scalar, theirs a vector',
  },
  {
    why: 'functions that do not change what a metric means keep its name',
    applies: (query, found) =>
      /_over_time|ceil|floor|round|clamp/.test(query) && found.startsWith('we lack queue_length{'),
  },
];

/** Where Prometheus 2.42 gives another answer than 3.x. */
const PROMETHEUS_DIFFERENCES: readonly Difference[] = [
  {
    why: 'until 3.0 the left edge of a window was counted in',
    applies: (query) => query.includes('[5m:1m]'),
  },
];

interface Program {
  readonly url: string;
  readonly child: ChildProcess;
}

describe.skipIf(!['prometheus', 'victoria-metrics'].every(hasProgram))('remote storage', () => {
  const clock = new SystemClock();
  const http = new UndiciHttpClient();
  const data = makeData();
  const local = new MemoryStorage();
  const engine = new LocalQueryEngine({ storage: local, clock, logger: silentLogger });
  let folder: string;
  let prometheus: Program;
  let victoria: Program;

  function apiOf(url: string): RemoteApi {
    const config = {
      url,
      timeoutMs: 30_000,
      maxAnswerBytes: 2 ** 24,
      // VictoriaMetrics keeps answers and would give them again.
      params: { nocache: '1' },
      http: DEFAULT_HTTP_CLIENT_CONFIG,
    };
    return new RemoteApi({ config, http, files: new NodeFileSystem(), clock, random: new SeededRandom(1) });
  }

  async function start(name: string, args: readonly string[], ready: string): Promise<Program> {
    const port = await freePort();
    const child = spawn(
      name,
      args.map((arg) => arg.replace('ADDRESS', `127.0.0.1:${port}`)),
      { stdio: 'ignore' },
    );
    const url = `http://127.0.0.1:${port}`;
    await waitForReady(url + ready, child);
    return { url, child };
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-remote-storage-'));
    writeFileSync(join(folder, 'prometheus.yml'), 'global: {}\n');
    prometheus = await start(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'prometheus')}`,
        '--storage.tsdb.retention.time=100y',
        '--web.enable-remote-write-receiver',
        '--web.listen-address=ADDRESS',
      ],
      '/-/ready',
    );
    victoria = await start(
      'victoria-metrics',
      [
        `-storageDataPath=${join(folder, 'victoria')}`,
        '-httpListenAddr=ADDRESS',
        '-retentionPeriod=100y',
        '-search.latencyOffset=0s',
      ],
      '/health',
    );
    await fill(local, data);
    for (const { url } of [prometheus, victoria]) await remoteWrite(url, data);
    // VictoriaMetrics shows samples a moment after it has taken them.
    await waitFor('samples', 20_000, async () => {
      await fetch(`${victoria.url}/internal/force_flush`);
      const found = await ask(remoteEngine(victoria.url), 'count(requests_total)', END_MS - MINUTE_MS);
      return 'error' in found || found.series.size === 0 ? undefined : true;
    });
  }, 60_000);

  afterAll(async () => {
    await Promise.all([prometheus, victoria].map(({ child }) => stopProcess(child)));
    await http.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function remoteEngine(url: string): QueryEngine {
    return new RemoteQueryEngine({ api: apiOf(url), monitor: new QueryMonitor({ clock }), clock });
  }

  async function ask(on: QueryEngine, query: string, atMs: number, stepMs = 0): Promise<Answer> {
    try {
      const result =
        stepMs === 0 ? await on.instant(query, atMs) : await on.range(query, atMs, atMs + 5 * stepMs, stepMs);
      return fromEngine(result);
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }

  async function compare(url: string, table: readonly Difference[]): Promise<void> {
    const remote = remoteEngine(url);
    const different: string[] = [];
    const needed = new Set<string>();
    const atMs = DATA_START_MS + 20 * MINUTE_MS;
    for (const query of [...REMOTE_QUERIES, ...shippedRules()]) {
      for (const stepMs of [0, MINUTE_MS]) {
        const [mine, theirs] = await Promise.all([
          ask(engine, query, atMs, stepMs),
          ask(remote, query, atMs, stepMs),
        ]);
        const found = difference(mine, theirs, false);
        if (found === undefined) continue;
        const known = table.find(({ applies }) => applies(query, found));
        if (known === undefined) different.push(`${query}${stepMs === 0 ? '' : ' [range]'}: ${found}`);
        else needed.add(known.why);
      }
    }
    expect(different).toEqual([]);
    expect([...needed].sort()).toEqual(table.map(({ why }) => why).sort());
  }

  test('100 queries are listed', () => {
    expect(REMOTE_QUERIES).toHaveLength(100);
    expect(new Set(REMOTE_QUERIES).size).toBe(REMOTE_QUERIES.length);
  });

  test('Prometheus answers the same', { timeout: 30_000 }, () =>
    compare(prometheus.url, PROMETHEUS_DIFFERENCES),
  );

  test('VictoriaMetrics answers the same, but for a table', { timeout: 30_000 }, () =>
    compare(victoria.url, VICTORIA_DIFFERENCES),
  );

  test.each(['prometheus', 'victoria'] as const)('series and labels of %s', async (name) => {
    const { url } = name === 'prometheus' ? prometheus : victoria;
    const querier = new RemoteReadableStorage(apiOf(url)).querier(DATA_START_MS, END_MS);
    expect(await querier.labelNames([], 0)).toEqual(['__name__', 'code', 'le', 'model', 'owner', 'replica']);
    expect(await querier.labelValues('model', [], 0)).toEqual(['chat', 'fraud', 'vision']);
    querier.close();
  });
});
