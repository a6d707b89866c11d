import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { WorkerThreads } from '../../src/core/system/worker-threads.ts';
import type { Tsdb } from '../../src/storage/index.ts';
import { pause } from './support/fleet.ts';
import { ratio } from './support/process-figures.ts';
import { appendFleet, makeRefs, openTsdb, SERIES_PER_TARGET, valueOf } from './support/stored-fleet.ts';

const TARGETS = 200;
const HOUR_MS = 3600_000;
const STEP_MS = 240_000;
/** Four blocks' time and what memory keeps: enough for three to be joined. */
const SCRAPES = (9.75 * HOUR_MS) / STEP_MS;
/** One scrape every so often: 200,000 samples a second. */
const SCRAPE_EVERY_MS = 5;
const CONTROL_MS = 10_000;

interface Stalls {
  readonly maxDelayMs: number;
  readonly p99DelayMs: number;
  readonly maxScrapeMs: number;
  readonly scrapes: number;
  readonly seconds: number;
}

/** Scrapes one target after the other while `work` goes on, each with a time of its own. */
class Scraper {
  readonly #tsdb: Tsdb;
  readonly #refs: readonly Uint32Array[];
  readonly #values = Float64Array.from({ length: SERIES_PER_TARGET }, (_, i) => valueOf(i, 3));
  readonly #outcomes = new Uint8Array(SERIES_PER_TARGET);
  #tMs: number;
  #next = 0;

  constructor(tsdb: Tsdb, startMs: number) {
    this.#tsdb = tsdb;
    this.#tMs = startMs;
    this.#refs = Array.from({ length: TARGETS }, (_, target) => makeRefs(tsdb, target, startMs));
  }

  async during(work: Promise<unknown>): Promise<Stalls> {
    let isOver = false;
    const ended = work.finally(() => {
      isOver = true;
    });
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const fromMs = performance.now();
    let maxScrapeMs = 0;
    let scrapes = 0;
    while (!isOver) {
      const began = performance.now();
      await this.#scrape();
      maxScrapeMs = Math.max(maxScrapeMs, performance.now() - began);
      scrapes++;
      await pause(Math.max(0, fromMs + scrapes * SCRAPE_EVERY_MS - performance.now()));
    }
    delay.disable();
    await ended;
    const seconds = (performance.now() - fromMs) / 1000;
    const [maxDelayMs, p99DelayMs] = [delay.max / 1e6, delay.percentile(99) / 1e6];
    return { maxDelayMs, p99DelayMs, maxScrapeMs, scrapes, seconds };
  }

  async #scrape(): Promise<void> {
    const target = this.#next++ % TARGETS;
    if (target === 0) this.#tMs += 1000;
    const appender = this.#tsdb.appender(this.#tMs);
    appender.appendColumn(this.#refs[target]!, this.#values, SERIES_PER_TARGET, this.#tMs, this.#outcomes);
    await appender.commit();
  }
}

/** How many blocks are made of others. */
function joinedCount(path: string): number {
  const names = readdirSync(path).filter((name) => /^[0-9A-Z]{26}$/.test(name));
  return names.filter((name) => {
    const text = readFileSync(join(path, name, 'meta.json'), 'utf8');
    return (JSON.parse(text) as { compaction: { level: number } }).compaction.level > 1;
  }).length;
}

/**
 * How long the main thread, and a scrape, are held up while blocks of 200,000 series are written, joined and removed in a thread,
 * beside the same scrapes without that work.
 */
export async function run(): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'tocsin-bench-stalls-'));
  const tsdb = await openTsdb(path, { threads: { starter: new WorkerThreads(), maxHeapMiB: 1024 } });
  try {
    await tsdb.ready;
    const startMs = Math.floor((Date.now() - 10 * HOUR_MS) / (6 * HOUR_MS)) * 6 * HOUR_MS;
    await appendFleet(tsdb, { targets: TARGETS, startMs, stepMs: STEP_MS, scrapes: SCRAPES });
    const scraper = new Scraper(tsdb, startMs + SCRAPES * STEP_MS);
    const show = (what: string, stalls: Stalls): void => {
      console.log(
        `${what}: ${stalls.seconds.toFixed(1)} s, ${stalls.scrapes} scrapes of 1,000; loop delay max ` +
          `${stalls.maxDelayMs.toFixed(1)} ms, p99 ${stalls.p99DelayMs.toFixed(1)} ms; longest scrape ${stalls.maxScrapeMs.toFixed(1)} ms`,
      );
    };
    await scraper.during(pause(CONTROL_MS / 4));
    const control = await scraper.during(pause(CONTROL_MS));
    show('nothing else', control);
    const written = await scraper.during(tsdb.maintain());
    show('blocks written and joined', written);
    if (joinedCount(path) === 0) throw new Error('no blocks were joined');
    tsdb.setRetention({ timeMs: HOUR_MS, sizeBytes: 0, percentage: 0 });
    const removed = await scraper.during(tsdb.maintain());
    show('blocks removed', removed);
    await tsdb.maintain();
    if (joinedCount(path) > 0) throw new Error('no blocks were removed');
    console.log(
      `with work / without: loop delay ${ratio(Math.max(written.maxDelayMs, removed.maxDelayMs), control.maxDelayMs)}, ` +
        `longest scrape ${ratio(Math.max(written.maxScrapeMs, removed.maxScrapeMs), control.maxScrapeMs)}`,
    );
  } finally {
    await tsdb.close();
    rmSync(path, { recursive: true, force: true });
  }
}
