import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Matcher } from '../../src/core/matcher.ts';
import { SampleBuffer } from '../../src/storage/seam.ts';
import type { Tsdb } from '../../src/storage/tsdb/index.ts';
import { appendScrapes, makeRefs, openTsdb, SERIES_PER_TARGET } from './support/stored-fleet.ts';
import { run as runBlockBytes } from './block-bytes.ts';
import { run as runLookUps } from './look-ups.ts';
import { run as runMillionSeries } from './million-series.ts';
import { run as runStalls } from './storage-stalls.ts';

const TARGETS = 200;
const SCRAPES = 60;
const STEP_MS = 15_000;
const START_MS = 1_700_000_000_000;

/** Resident bytes after a collection, when node was started with --expose-gc. */
function residentBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage.rss();
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
async function runEngine(): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'tocsin-bench-storage-'));
  try {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const before = residentBytes();
    const tsdb = await openTsdb(path);
    const making = performance.now();
    const refs = Array.from({ length: TARGETS }, (_, target) => makeRefs(tsdb, target, START_MS));
    const series = TARGETS * SERIES_PER_TARGET;
    console.log(`storage: ${series} series, ${SCRAPES} scrapes`);
    console.log(`  new series: ${(((performance.now() - making) * 1000) / series).toFixed(2)} µs each`);
    delay.enable();
    const cpu = process.cpuUsage();
    const from = performance.now();
    let syncMs = 0;
    const span = { startMs: START_MS, stepMs: STEP_MS, scrapes: SCRAPES };
    await appendScrapes(tsdb, refs, span, (ms) => {
      syncMs += ms;
    });
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
    const again = await openTsdb(path);
    const replayMs = performance.now() - replaying;
    console.log(
      `  replay: ${Math.round((samples / replayMs) * 1000)} samples/s (${Math.round(replayMs)} ms)`,
    );
    await again.close();
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/** The engine alone, then what is compared with Prometheus: each can be run by its own name, too. */
export async function run(): Promise<void> {
  await runEngine();
  await runBlockBytes();
  await runLookUps();
  await runMillionSeries();
  await runStalls();
}
