import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Labels } from '../../src/core/labels.ts';
import { silentLogger } from '../../src/core/log.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { LocalQueryEngine, QueryError, type QueryResult } from '../../src/promql/index.ts';
import { freePort, stopProcess, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { DATA_START_MS, makeData, toOpenMetrics, toStorage } from './promql-data.ts';
import { QueryGenerator } from './promql-queries.ts';

/**
 * The same random queries over the same data by Prometheus 2.42 and by us. What differs between 2.42 and the 3.x that
 * we follow is kept out of the queries (see promql-queries.ts) or named here.
 */
const DIFFERENCES: readonly {
  readonly why: string;
  readonly applies: (query: string, found: string) => boolean;
}[] = [
  {
    why: 'since 3.0 label_replace, label_join and unary minus merge equal series that share no step',
    applies: (query, found) =>
      /label_|-\(/.test(query) &&
      found.startsWith('only they fail') &&
      found.includes('vector cannot contain metrics with the same labelset'),
  },
  {
    why: 'since 3.0 a match must be unique even if the comparison then drops it',
    applies: (query, found) => /[<>=]=?/.test(query) && found.startsWith('only we fail: multiple matches'),
  },
  { why: 'since 3.0 atan2 with a scalar drops the name', applies: (query) => query.includes('atan2') },
  {
    why: '2.42 lost the samples of predict_linear under @ after the first step',
    applies: (query) => query.includes('predict_linear') && query.includes('@'),
  },
  {
    why: 'since 2.54 a first value that is not finite makes the deviation of a group NaN',
    applies: (query, found) => /std(dev|var)/.test(query) && found.endsWith('NaN, theirs 0'),
  },
  {
    why: 'since 3.0 an infinite compensated sum stays infinite rather than becoming NaN',
    applies: (_query, found) => /-?Infinity, theirs NaN$/.test(found),
  },
];

const SEED = 20231114;
const QUERIES = 600;
const START_MS = DATA_START_MS + 30 * 60_000 + 3000;
const END_MS = DATA_START_MS + 100 * 60_000 + 3000;
const STEP_MS = 420_000;

type Series = Map<string, Map<number, number>>;
type Answer = { readonly error: string } | { readonly series: Series };

interface ApiAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly {
      readonly metric: Record<string, string>;
      readonly values: readonly (readonly [number, string])[];
    }[];
  };
}

function close(a: number, b: number): boolean {
  if (Object.is(a, b) || (a !== a && b !== b) || a === b) return true;
  return Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b)) + 1e-9;
}

function difference(ours: Answer, theirs: Answer): string | undefined {
  if ('error' in ours || 'error' in theirs) {
    if ('error' in ours && 'error' in theirs) return undefined;
    return 'error' in ours
      ? `only we fail: ${ours.error}`
      : `only they fail: ${(theirs as { error: string }).error}`;
  }
  for (const [key, values] of theirs.series) {
    const mine = ours.series.get(key);
    if (mine === undefined) return `we lack ${key}`;
    for (const [t, value] of values) {
      const own = mine.get(t);
      if (own === undefined) return `we lack ${key} at ${t}`;
      if (!close(own, value)) return `${key} at ${t}: ${own}, theirs ${value}`;
    }
    if (mine.size !== values.size) return `we have ${mine.size - values.size} steps too many of ${key}`;
  }
  for (const key of ours.series.keys()) if (!theirs.series.has(key)) return `they lack ${key}`;
  return undefined;
}

const installed = hasProgram('prometheus') && hasProgram('promtool');

describe.skipIf(!installed)('PromQL as Prometheus 2.42 evaluates it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-promql-'));
  let server: ChildProcess;
  let address: string;
  let engine: LocalQueryEngine;

  beforeAll(async () => {
    const data = makeData(SEED);
    writeFileSync(join(folder, 'data.om'), toOpenMetrics(data));
    writeFileSync(join(folder, 'prometheus.yml'), 'global: {}\n');
    execFileSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', 'data.om', 'data'], {
      cwd: folder,
      stdio: 'ignore',
    });
    const port = await freePort();
    address = `http://127.0.0.1:${port}`;
    server = spawn(
      'prometheus',
      [
        '--config.file=prometheus.yml',
        '--storage.tsdb.path=data',
        '--storage.tsdb.retention.time=100y',
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { cwd: folder, stdio: 'ignore' },
    );
    await waitForReady(`${address}/-/ready`, server);
    engine = new LocalQueryEngine({
      storage: await toStorage(data),
      clock: new SystemClock(),
      logger: silentLogger,
    });
  });

  afterAll(async () => {
    await stopProcess(server);
    rmSync(folder, { recursive: true, force: true });
  });

  async function theirs(query: string): Promise<Answer> {
    const body = new URLSearchParams({
      query,
      start: String(START_MS / 1000),
      end: String(END_MS / 1000),
      step: String(STEP_MS / 1000),
    });
    const response = await fetch(`${address}/api/v1/query_range`, { method: 'POST', body });
    const answer = (await response.json()) as ApiAnswer;
    if (answer.data === undefined) return { error: answer.error ?? answer.status };
    const series: Series = new Map();
    for (const { metric, values } of answer.data.result) {
      const points = values.map(
        ([t, value]) => [t * 1000, Number(value.replace('Inf', 'Infinity'))] as const,
      );
      series.set(Labels.fromObject(metric).toString(), new Map(points));
    }
    return { series };
  }

  async function ours(query: string): Promise<Answer> {
    let result: QueryResult;
    try {
      result = await engine.range(query, START_MS, END_MS, STEP_MS);
    } catch (error) {
      if (error instanceof QueryError) return { error: error.message };
      throw error;
    }
    const series: Series = new Map();
    if (result.value.type !== 'matrix') throw new Error(`a range query gave a ${result.value.type}`);
    for (const { labels, timestamps, values } of result.value.series) {
      series.set(labels.toString(), new Map([...values].map((value, i) => [timestamps[i]!, value])));
    }
    return { series };
  }

  test(`${QUERIES} random queries give the same`, { timeout: 60_000 }, async () => {
    const generator = new QueryGenerator(new SeededRandom(SEED));
    const different: string[] = [];
    let failing = 0;
    for (let i = 0; i < QUERIES; i++) {
      const query = generator.vector(1 + (i % 3));
      const [mine, reference] = await Promise.all([ours(query), theirs(query)]);
      if ('error' in reference) failing++;
      const found = difference(mine, reference);
      if (found !== undefined && !DIFFERENCES.some(({ applies }) => applies(query, found))) {
        different.push(`${query}: ${found}`);
      }
    }
    expect(different).toEqual([]);
    // Most queries must have an answer, or nothing is compared.
    expect(failing).toBeLessThan(QUERIES / 2);
  });
});
