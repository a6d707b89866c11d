import { readFileSync, readdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeDemoFiles } from '../../src/app/demo-files.ts';
import { collectProcessMetrics } from '../../src/app/metrics.ts';
import { Tocsin } from '../../src/app/tocsin.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { FakeDns } from '../../src/core/testing/fake-dns.ts';
import { FakePrograms } from '../../src/core/testing/fake-programs.ts';
import { silentLogger } from '../../src/core/log.ts';
import { SqliteDatabase } from '../../src/core/system/sqlite-database.ts';
import { FakeNetwork } from '../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { DEFAULT_SCENARIO, createFleet } from '../../src/demo/index.ts';
import { TEST_OPTIONS } from './options.ts';

const ROOT = join(import.meta.dirname, '../..');
const START_MS = Date.UTC(2026, 0, 5, 8, 0, 0);

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(readFileSync(join(ROOT, 'grafana/dashboards/models.json'), 'utf8')) as {
  panels: Panel[];
};
const queries = dashboard.panels.flatMap(({ title, targets }) =>
  (targets ?? []).map(({ expr }) => ({ title, expr })),
);

/** The demo as `tocsin demo` makes it, on a virtual clock and a network in memory. */
async function startDemo(): Promise<{ clock: VirtualClock; tocsin: Tocsin; printed: () => string }> {
  const clock = new VirtualClock(START_MS);
  const files = new MemoryFileSystem(() => clock.nowMs());
  for (const name of readdirSync(join(ROOT, 'alert-rules'))) {
    const path = join(ROOT, 'alert-rules', name);
    files.put(path, readFileSync(path));
  }
  const network = new FakeNetwork();
  const fleet = createFleet(new SeededRandom(1), DEFAULT_SCENARIO, START_MS).map((server, i) => {
    const address = `model-${i}:8000`;
    network.serve(address, async () => ({
      status: 200,
      headers: { 'content-type': server.registry.contentType },
      body: await server.render(clock.nowMs()),
    }));
    return { server, address };
  });
  await files.makeFolder('/demo');
  const configFile = await writeDemoFiles(files, '/demo', fleet, { address: 'tocsin:9090', routePrefix: '' });
  let printed = '';
  const tocsin = await Tocsin.load(
    { ...TEST_OPTIONS, configFile, dataPath: '/demo' },
    {
      clock,
      files,
      http: network,
      dns: new FakeDns(),
      programs: new FakePrograms(),
      random: new SeededRandom(2),
      mailer: { send: () => Promise.reject(new Error('nobody mails here')) },
      logger: silentLogger,
      console: {
        write(text) {
          printed += text;
        },
      },
      openState: () => SqliteDatabase.over(new DatabaseSync(':memory:')),
      environment: {},
      hostname: 'demo',
      process: { pid: 1, isAlive: () => true },
    },
    'http://localhost:9090',
  );
  collectProcessMetrics(tocsin.registry);
  network.serve('tocsin:9090', async () => ({
    status: 200,
    headers: { 'content-type': tocsin.registry.contentType },
    body: await tocsin.registry.metrics(),
  }));
  const starting = tocsin.start();
  await clock.settle();
  await starting;
  return { clock, tocsin, printed: () => printed };
}

describe('the demo', () => {
  let printed = '';
  let firstMinutes = '';
  let tocsin: Tocsin;
  let clock: VirtualClock;

  beforeAll(async () => {
    const demo = await startDemo();
    ({ clock, tocsin } = demo);
    await clock.advanceTo(START_MS + 90_000);
    firstMinutes = demo.printed();
    await clock.advanceTo(START_MS + 239_000);
    printed = demo.printed();
  });

  test('within 90 seconds tells of an incident with model, value and cause, and of its end', () => {
    expect(firstMinutes).toMatch(
      /\[FIRING critical\] ModelErrorRatioHigh model=fraud-detector\n {2}value: +\d/,
    );
    expect(firstMinutes).toContain('cause:    most frequent reason: feature_store_timeout');
    expect(firstMinutes).toContain('[RESOLVED] ModelErrorRatioHigh model=fraud-detector');
  });

  test('goes on to slow tokens and drift', () => {
    expect(printed).toMatch(
      /\[FIRING critical\] LlmFirstTokenSlow model=support-chat\n(.*\n)* {2}cause: +\d+ requests are waiting, the KV cache is/,
    );
    expect(printed).toContain('[RESOLVED] LlmFirstTokenSlow model=support-chat');
    expect(printed).toMatch(/\[FIRING warning\] ModelFeatureDrift model=fraud-detector\n {2}value: +PSI \d/);
    expect(printed).toMatch(/cause: +the share of bin 500\.\.\+inf grew by/);
  });

  test('tells of nothing else', () => {
    const told = [...printed.matchAll(/^\[(FIRING|RESOLVED)[^\]]*\] (\S+)/gm)].map((match) => match[2]!);
    expect([...new Set(told)].sort()).toEqual([
      'LlmCachePressure',
      'LlmFirstTokenSlow',
      'ModelErrorRatioHigh',
      'ModelFeatureDrift',
    ]);
  });

  test('keeps the servers’ own model labels under the names of the contract', async () => {
    const { value } = await tocsin.rooms!.queries.engine.instant(
      'group by (model, served_model, owner, model_version) ({model!="", __name__=~"vllm:num_requests_running|nv_inference_count|model_predictions_total"})',
      clock.nowMs(),
    );
    expect(value.type === 'vector' && value.samples.map(({ labels }) => labels.toObject())).toEqual([
      { model: 'fraud-detector', model_version: '2.3.1', owner: 'risk-ml' },
      { model: 'product-vision', model_version: '3', owner: 'search-ml', served_model: 'resnet50' },
      { model: 'support-chat', owner: 'assistants', served_model: 'meta-llama/Llama-3.1-8B-Instruct' },
    ]);
    const exported = await tocsin.rooms!.queries.engine.instant('{exported_model!=""}', clock.nowMs());
    expect(exported.value).toMatchObject({ samples: [] });
  });

  test.each(queries)('dashboard panel "$title" has data: $expr', async ({ expr }) => {
    const { value } = await tocsin.rooms!.queries.engine.instant(expr, clock.nowMs());
    expect(value.type === 'vector' && value.samples.length).toBeGreaterThan(0);
  });

  test('started a second time does the same again', async () => {
    const again = await startDemo();
    await again.clock.advanceTo(START_MS + 239_000);
    expect(again.printed()).toBe(printed);
  });
});
