import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { Labels } from '../../src/core/labels.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Matcher } from '../../src/core/matcher.ts';
import { createRegistry } from '../../src/core/metrics.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { SampleBuffer } from '../../src/storage/seam.ts';
import { Tsdb } from '../../src/storage/tsdb/index.ts';

const TARGETS = 200;
const SERIES_PER_TARGET = 1000;
const SCRAPES = 60;
const STEP_MS = 15_000;
const START_MS = 1_700_000_000_000;

function open(path: string): Promise<Tsdb> {
  return Tsdb.open({
    files: new NodeFileSystem(),
    path,
    clock: new SystemClock(),
    logger: silentLogger,
    registry: createRegistry(),
    random: new SeededRandom(1),
    retention: { timeMs: 15 * 24 * 3600_000, sizeBytes: 0, percentage: 0 },
    lock: undefined,
  });
}

/** Resident bytes after a collection, when node was started with --expose-gc. */
function residentBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage.rss();
}

function labelsOf(target: number, series: number): Labels {
  return Labels.fromObject({
    __name__: `vllm_metric_${series % 100}`,
    instance: `10.0.${target >> 8}.${target & 255}:8000`,
    job: 'vllm',
    model: `model-${target % 20}`,
    le: String(Math.floor(series / 100)),
    namespace: 'serving',
  });
}

/** One target's refs, looked up once as a scrape cache does. */
function makeRefs(tsdb: Tsdb, target: number): Uint32Array {
  const appender = tsdb.appender(START_MS);
  const refs = Uint32Array.from({ length: SERIES_PER_TARGET }, (_, i) =>
    appender.series(labelsOf(target, i)),
  );
  appender.rollback();
  return refs;
}

/** Counters, gauges and constants in the mixture that exporters have; deterministic. */
function fillValues(values: Float64Array, scrape: number): void {
  for (let i = 0; i < values.length; i++) {
    const kind = i % 10;
    if (kind < 5) values[i] = i;
    else if (kind < 8) values[i] = scrape * (i % 50);
    else values[i] = Math.sin(scrape + i) * 1000;
  }
}

async function appendAll(tsdb: Tsdb, refs: readonly Uint32Array[]): Promise<number> {
  const values = new Float64Array(SERIES_PER_TARGET);
  const outcomes = new Uint8Array(SERIES_PER_TARGET);
  let syncMs = 0;
  for (let scrape = 0; scrape < SCRAPES; scrape++) {
    const tMs = START_MS + scrape * STEP_MS;
    fillValues(values, scrape);
    for (const target of refs) {
      const from = performance.now();
      const appender = tsdb.appender(tMs);
      appender.appendColumn(target, values, SERIES_PER_TARGET, tMs, outcomes);
      const done = appender.commit();
      syncMs += performance.now() - from;
      await done;
    }
  }
  return syncMs;
}

async function timeSelect(
  tsdb: Tsdb,
  matchers: readonly Matcher[],
  reads: boolean,
): Promise<[number, number]> {
  const from = performance.now();
  const querier = tsdb.querier(0, Infinity);
  const cursor = await querier.select(matchers, { minMs: 0, maxMs: Infinity, limit: 0 });
  const into = new SampleBuffer();
  let samples = 0;
  if (reads) while (cursor.next()) samples += cursor.read(0, Infinity, into);
  querier.close();
  return [performance.now() - from, reads ? samples : cursor.count];
}

async function printSelects(tsdb: Tsdb): Promise<void> {
  const name = new Matcher('__name__', '=', 'vllm_metric_5');
  const cases: [string, Matcher[], boolean][] = [
    ['one metric of one target', [name, new Matcher('instance', '=', '10.0.0.7:8000')], false],
    ['one metric (2,000 series)', [name], false],
    ['one metric, regex on instance', [name, new Matcher('instance', '=~', '10\\.0\\.0\\.1.*')], false],
    ['one metric, model!="model-3"', [name, new Matcher('model', '!=', 'model-3')], false],
    ['one metric, samples read', [name], true],
    ['all series, sorted', [], false],
    ['all samples read', [], true],
  ];
  for (const [what, matchers, reads] of cases) {
    await timeSelect(tsdb, matchers, reads);
    const [ms, count] = await timeSelect(tsdb, matchers, reads);
    console.log(`  select ${what}: ${ms.toFixed(2)} ms, ${count} ${reads ? 'samples' : 'series'}`);
  }
}

/** Appends 200 targets × 1,000 series × 60 scrapes through the real log, then selects, then starts again from the log. */
export async function run(): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'tocsin-bench-storage-'));
  try {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const before = residentBytes();
    const tsdb = await open(path);
    const making = performance.now();
    const refs = Array.from({ length: TARGETS }, (_, target) => makeRefs(tsdb, target));
    const series = TARGETS * SERIES_PER_TARGET;
    console.log(`storage: ${series} series, ${SCRAPES} scrapes`);
    console.log(`  new series: ${(((performance.now() - making) * 1000) / series).toFixed(2)} µs each`);
    delay.enable();
    const cpu = process.cpuUsage();
    const from = performance.now();
    const syncMs = await appendAll(tsdb, refs);
    const elapsedMs = performance.now() - from;
    const used = process.cpuUsage(cpu);
    delay.disable();
    const samples = series * SCRAPES;
    console.log(`  append + commit: ${((syncMs * 1e6) / samples).toFixed(0)} ns/sample on the main thread`);
    console.log(`  throughput: ${Math.round((samples / elapsedMs) * 1000)} samples/s with the log written`);
    console.log(`  CPU: ${((used.user + used.system) / samples).toFixed(3)} s per million samples`);
    console.log(
      `  loop delay: max ${(delay.max / 1e6).toFixed(1)} ms, p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms`,
    );
    console.log(`  resident: ${Math.round((residentBytes() - before) / series)} bytes/series`);
    const stats = tsdb.stats();
    console.log(`  slabs: ${Math.round(stats.bytes / series)} bytes/series`);
    await printSelects(tsdb);
    await tsdb.close();
    const replaying = performance.now();
    const again = await open(path);
    const replayMs = performance.now() - replaying;
    console.log(
      `  replay: ${Math.round((samples / replayMs) * 1000)} samples/s (${Math.round(replayMs)} ms)`,
    );
    await again.close();
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}
