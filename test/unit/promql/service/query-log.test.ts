import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger, type LogFields, type Logger } from '../../../../src/core/log.ts';
import { createRegistry } from '../../../../src/core/metrics.ts';
import { MemoryFileSystem } from '../../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../../src/core/virtual-clock.ts';
import { EngineMetrics, NO_STATS, QueryError, QueryLog } from '../../../../src/promql/index.ts';
import type { QueryOrigin } from '../../../../src/promql/index.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 10, 0, 0, 250);
const PATH = '/logs/queries.log';
const STATS = {
  ...NO_STATS,
  totalSamples: 12,
  samplesRead: 9,
  peakSamples: 5,
  timings: { ...NO_STATS.timings, execTotalMs: 1500 },
};

let files: MemoryFileSystem;
let log: QueryLog;
let registry = createRegistry();
const errors: LogFields[] = [];
const logger: Logger = { ...silentLogger, error: (fields) => void errors.push(fields) };

beforeEach(async () => {
  errors.length = 0;
  files = new MemoryFileSystem();
  await files.makeFolder('/logs');
  registry = createRegistry();
  const metrics = new EngineMetrics(registry, 20);
  log = new QueryLog({ files, clock: new VirtualClock(NOW_MS), logger, metrics });
});

function query(text: string, origin?: QueryOrigin) {
  return { kind: 'range', query: text, startMs: 1500, endMs: 61_500, stepMs: 15_500, origin } as const;
}

async function lines(path = PATH): Promise<unknown[]> {
  const text = new TextDecoder().decode(await files.readFile(path));
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line): unknown => JSON.parse(line));
}

describe('the query log', () => {
  test('has lines as Prometheus writes them', async () => {
    await log.use(PATH);
    log.write(
      query('up', { kind: 'http', clientIp: '10.0.0.7', method: 'GET', path: '/api/v1/query' }),
      STATS,
      undefined,
    );
    log.write(
      query('rate(x[5m])', { kind: 'rule', file: 'r.yml', group: 'g', rule: 'x:rate' }),
      STATS,
      new QueryError('timeout', 'query timed out in expression evaluation'),
    );
    await log.close();
    const stats = {
      timings: {
        evalTotalTime: 0,
        resultSortTime: 0,
        queryPreparationTime: 0,
        innerEvalTime: 0,
        execQueueTime: 0,
        execTotalTime: 1.5,
      },
      samples: { totalQueryableSamples: 12, samplesRead: 9, peakSamples: 5 },
    };
    const common = { time: '2026-11-23T10:00:00.250Z', level: 'INFO', msg: 'promql query logged' };
    const params = { end: '1970-01-01T00:01:01.500Z', start: '1970-01-01T00:00:01.500Z', step: 15 };
    expect(await lines()).toEqual([
      {
        ...common,
        params: { ...params, query: 'up' },
        stats,
        httpRequest: { clientIP: '10.0.0.7', method: 'GET', path: '/api/v1/query' },
      },
      {
        ...common,
        params: { ...params, query: 'rate(x[5m])' },
        error: 'query timed out in expression evaluation',
        stats,
        ruleGroup: { file: 'r.yml', name: 'g' },
      },
    ]);
  });

  test('goes on in a new file when the old one was moved away, and ends when it is configured away', async () => {
    await log.use(PATH);
    log.write(query('first'), STATS, undefined);
    await files.rename(PATH, `${PATH}.1`);
    await log.use(PATH);
    log.write(query('second'), STATS, undefined);
    await log.use('');
    log.write(query('third'), STATS, undefined);
    await log.close();
    expect(await lines(`${PATH}.1`)).toMatchObject([{ params: { query: 'first' } }]);
    expect(await lines()).toMatchObject([{ params: { query: 'second' } }]);
    expect(await registry.metrics()).toContain('prometheus_engine_query_log_enabled 0\n');
  });

  test('that cannot be opened leaves the old one at work', async () => {
    await log.use(PATH);
    await expect(log.use('/nowhere/queries.log')).rejects.toMatchObject({ code: 'TOCSIN_ERR_STORAGE' });
    log.write(query('still'), STATS, undefined);
    await log.close();
    expect(await lines()).toMatchObject([{ params: { query: 'still' } }]);
  });
});
