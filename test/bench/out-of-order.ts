import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SampleBuffer, type Querier } from '../../src/storage/seam.ts';
import { ratio } from './support/process-figures.ts';
import { appendScrapes, labelsOf, makeRefs, openTsdb, SERIES_PER_TARGET } from './support/stored-fleet.ts';

const TARGETS = 200;
const STEP_MS = 15_000;
const WINDOW_MS = 3600_000;
/** Scrapes with and without a window, in turn. */
const ROUNDS = 30;
/** Late samples of each of so many series. */
const LATE_SAMPLES = 1000;
const LATE_SERIES = 200;

async function readAll(querier: Querier, minMs: number, maxMs: number): Promise<number> {
  const into = new SampleBuffer();
  const cursor = await querier.select([], { minMs, maxMs, limit: 0 });
  let samples = 0;
  while (cursor.next()) samples += cursor.read(minMs, maxMs, into);
  querier.close();
  return samples;
}

/**
 * What an out-of-order window costs samples that come in order: scrapes of 200,000 series with and without it in turn, in one
 * storage. Then what late samples cost, and reading them.
 */
export async function run(): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'tocsin-bench-out-of-order-'));
  const tsdb = await openTsdb(path);
  try {
    let tMs = Math.floor(Date.now() / WINDOW_MS) * WINDOW_MS - 2 * WINDOW_MS;
    const cpuUs = [0, 0];
    const refs = Array.from({ length: TARGETS }, (_, target) => makeRefs(tsdb, target, tMs));
    for (let round = 0; round < 2 * ROUNDS + 2; round++) {
      const isSet = round % 2;
      tsdb.setOutOfOrderWindow(isSet === 1 ? WINDOW_MS : 0);
      const before = process.cpuUsage();
      await appendScrapes(tsdb, refs, { startMs: tMs, stepMs: STEP_MS, scrapes: 1 });
      const { user, system } = process.cpuUsage(before);
      // The first ones begin the chunks.
      if (round > 1) cpuUs[isSet]! += user + system;
      tMs += STEP_MS;
    }
    const samples = ROUNDS * TARGETS * SERIES_PER_TARGET;
    const [without, within] = cpuUs.map((us) => us / samples);
    console.log(`in order, no window:  ${without!.toFixed(3)} CPU s per million`);
    console.log(
      `in order, window 1 h: ${within!.toFixed(3)} CPU s per million; ratio ${ratio(within!, without)}`,
    );
    const startMs = tMs - WINDOW_MS / 2;
    const before = process.cpuUsage();
    for (let k = 0; k < LATE_SAMPLES; k++) {
      const appender = tsdb.appender(tMs);
      // In an order that is far from that of time.
      const lateMs = startMs + ((k * 389) % LATE_SAMPLES) * 1000 + 1;
      for (let i = 0; i < LATE_SERIES; i++) appender.append(appender.series(labelsOf(0, i)), lateMs, k);
      await appender.commit();
    }
    const late = process.cpuUsage(before);
    console.log(
      `late samples:         ${((late.user + late.system) / (LATE_SAMPLES * LATE_SERIES)).toFixed(3)} CPU s per million`,
    );
    const from = performance.now();
    const read = await readAll(tsdb.querier(startMs, tMs), startMs, tMs);
    console.log(
      `reading ${read} samples, ${LATE_SAMPLES * LATE_SERIES} of them late: ${Math.round(performance.now() - from)} ms`,
    );
  } finally {
    await tsdb.close();
    rmSync(path, { recursive: true, force: true });
  }
}
