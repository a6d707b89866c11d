/**
 * The spike behind docs/decisions/001-threads.md: one writer appends 200 targets × 1,000 series once a second, or as
 * fast as it can, while worker threads read the same memory. Run: `node test/spikes/threads.ts`.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { MessageChannel, Worker } from 'node:worker_threads';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { Labels } from '../../src/core/labels.ts';
import { HeadStorage } from '../../src/storage/tsdb/index.ts';
import type { ReaderData, ReaderResult } from './threads-reader.ts';

const SERIES = 1000;
const START_MS = 1_700_000_000_000;

/** What is measured. */
export interface SpikeOptions {
  readonly readers: number;
  /** Each has 1,000 series. */
  readonly targets: number;
  /** Write each series once a second; otherwise as many as go. */
  readonly paced: boolean;
  /** Cut windows every 20 s of data and drop all but the last three, so that memory is given up and used again. */
  readonly truncating: boolean;
  readonly durationMs: number;
}

/** What came out. */
export interface SpikeResult {
  readonly queries: number;
  readonly wrong: number;
  readonly text: string;
}

class Writer {
  readonly storage: HeadStorage;
  readonly #refs: Uint32Array[] = [];
  readonly #values = new Float64Array(SERIES);
  readonly #outcomes = new Uint8Array(SERIES);
  tick = 0;
  samples = 0;
  busyMs = 0;

  constructor(targets: number, chunkRangeMs: number) {
    this.storage = new HeadStorage({ chunkRangeMs });
    const appender = this.storage.appender(START_MS);
    for (let target = 0; target < targets; target++) {
      const refs = new Uint32Array(SERIES);
      for (let i = 0; i < SERIES; i++) {
        refs[i] = appender.series(
          Labels.fromObject({
            __name__: `metric_${i % 100}`,
            instance: `host-${target}:8000`,
            job: 'vllm',
            part: String(i),
          }),
        );
      }
      this.#refs.push(refs);
    }
    appender.rollback();
  }

  /** One scrape of one target; a churning series comes new with each. */
  async scrape(target: number): Promise<void> {
    const from = performance.now();
    const tMs = START_MS + this.tick * 1000;
    this.#values.fill(tMs / 1000);
    const appender = this.storage.appender(tMs);
    appender.appendColumn(this.#refs[target]!, this.#values, SERIES, tMs, this.#outcomes);
    const pod = Labels.fromObject({ __name__: 'metric_0', job: 'vllm', pod: `pod-${this.tick}-${target}` });
    appender.append(appender.series(pod), tMs, tMs / 1000);
    const done = appender.commit();
    this.busyMs += performance.now() - from;
    await done;
    this.samples += SERIES + 1;
  }
}

function startReader(writer: Writer, slot: number, durationMs: number): Promise<ReaderResult> {
  const { port1, port2 } = new MessageChannel();
  const descriptor = writer.storage.head.slabs.describe();
  const stop = writer.storage.head.slabs.subscribe((slab) => {
    port1.postMessage(slab);
  });
  const data: ReaderData = { descriptor, announcements: port2, slot, durationMs };
  const worker = new Worker(new URL('threads-reader.ts', import.meta.url), {
    workerData: data,
    transferList: [port2],
  });
  return new Promise((resolve, reject) => {
    worker.once('message', (result: ReaderResult) => {
      stop();
      port1.close();
      resolve(result);
    });
    worker.once('error', reject);
  });
}

async function writeFor(
  writer: Writer,
  { targets, paced, truncating, durationMs }: SpikeOptions,
): Promise<void> {
  const clock = new SystemClock();
  const started = performance.now();
  const end = started + durationMs + 200;
  for (let n = 0; performance.now() < end; n++) {
    const target = n % targets;
    if (target === 0) {
      writer.tick++;
      const { chunks } = writer.storage.head;
      const keepMs = chunks.windowOf(START_MS + (writer.tick - 60) * 1000);
      if (truncating && writer.tick % 20 === 0) await writer.storage.head.truncate(keepMs, clock);
    }
    const dueMs = started + n * (1000 / targets);
    if (paced && dueMs > performance.now()) {
      await new Promise<void>((resolve) => setTimeout(resolve, dueMs - performance.now()));
    } else await new Promise<void>((resolve) => setImmediate(resolve));
    await writer.scrape(target);
  }
}

/** Writes and reads at the same time. `wrong` must be 0: a reader saw something that was never written. */
export async function measure(options: SpikeOptions): Promise<SpikeResult> {
  const { readers, targets, paced, truncating, durationMs } = options;
  const writer = new Writer(targets, truncating ? 20_000 : 2 * 3600_000);
  for (; writer.tick < 60; writer.tick++) {
    for (let target = 0; target < targets; target++) await writer.scrape(target);
  }
  writer.samples = 0;
  writer.busyMs = 0;
  const running = Array.from({ length: readers }, (_, slot) => startReader(writer, slot, durationMs));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const from = performance.now();
  await writeFor(writer, options);
  const elapsedMs = performance.now() - from;
  delay.disable();
  const results = await Promise.all(running);
  const read = results.reduce((sum, { samples, elapsedMs: ms }) => sum + (samples / ms) * 1000, 0);
  const queries = results.reduce((sum, result) => sum + result.queries, 0);
  const wrong = results.reduce((sum, result) => sum + result.wrong, 0);
  const text = [
    `${paced ? 'once a second' : 'unpaced'}${truncating ? ', truncating' : ''}`,
    `${readers} readers`,
    `writer ${Math.round((writer.samples / elapsedMs) * 1000)} samples/s`,
    `${((writer.busyMs * 1e6) / writer.samples).toFixed(0)} ns/sample`,
    `readers ${(read / 1e6).toFixed(1)} M samples/s`,
    `${queries} queries`,
    `${wrong} wrong`,
    `loop delay p99 ${(delay.percentile(99) / 1e6).toFixed(1)} max ${(delay.max / 1e6).toFixed(1)} ms`,
  ].join(', ');
  return { queries, wrong, text };
}

if (import.meta.main) {
  const durationMs = 10_000;
  const targets = 200;
  for (const paced of [true, false]) {
    for (const readers of [0, 1, 2]) {
      console.log((await measure({ readers, targets, paced, truncating: false, durationMs })).text);
    }
  }
  console.log((await measure({ readers: 2, targets, paced: false, truncating: true, durationMs })).text);
}
