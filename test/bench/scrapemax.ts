import { hasProgram } from '../support/programs.ts';
import { freePort, stopProcess, waitForReady } from '../support/processes.ts';
import {
  CONTESTANTS,
  SERIES_PER_TARGET,
  VICTORIA_METRICS,
  pause,
  queryNumber,
  withFleet,
} from './support/fleet.ts';
import type { Contestant } from './support/fleet.ts';
import { readProcess } from './support/process-figures.ts';

/** Making the series of all targets takes its time. */
const WARM_UP_MS = 25_000;
const MEASURE_S = 20;
/** Samples come to be seen a little later. */
const BEHIND_MS = 5000;
/** Targets that are tried, one number after the other, as long as a program keeps up. */
const STEPS: readonly number[] = [500, 700, 900, 1100, 1300, 1500, 1700, 2000];
/** Share of scrapes that a program which keeps up may miss: one target in a thousand. */
const MOST_MISSED = 0.001;

interface Step {
  readonly missed: number;
  readonly wanted: number;
  /** Of the scrapes, as the program says itself. */
  readonly samples: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

async function measure(contestant: Contestant, targets: number): Promise<Step> {
  let step: Step | undefined;
  await withFleet({ targets }, async ({ folder, config, missed }) => {
    const port = await freePort();
    const child = contestant.start(folder, config, port);
    try {
      if (contestant === VICTORIA_METRICS) await waitForReady(`http://127.0.0.1:${port}/health`, child);
      else await waitForReady(`http://127.0.0.1:${port}/-/ready`, child);
      await pause(WARM_UP_MS);
      await missed();
      const before = readProcess(child.pid!);
      await pause(MEASURE_S * 1000);
      const after = readProcess(child.pid!);
      const atMs = Date.now();
      const leftOut = await missed();
      await pause(BEHIND_MS);
      const window = `${MEASURE_S * 1000 - 1}ms`;
      const failed = await queryNumber(port, `sum(sum_over_time((1 - up{job="bench"})[${window}:1s]))`, atMs);
      const samples = await queryNumber(
        port,
        `sum(sum_over_time(scrape_samples_post_metric_relabeling{job="bench"}[${window}]))`,
        atMs,
      );
      step = {
        missed: leftOut + failed,
        wanted: targets * MEASURE_S,
        samples,
        cpuSeconds: after.cpuSeconds - before.cpuSeconds,
        residentBytes: after.residentBytes,
      };
    } finally {
      await stopProcess(child);
    }
  });
  return step!;
}

async function findMost(contestant: Contestant): Promise<number> {
  let most = 0;
  for (const targets of STEPS) {
    const { missed, wanted, samples, cpuSeconds, residentBytes } = await measure(contestant, targets);
    const rate = (targets * SERIES_PER_TARGET) / 1e6;
    console.log(
      `${contestant.name}: ${rate.toFixed(1)} M samples/s wanted, ${missed} of ${wanted} scrapes missed, ` +
        `${(samples / MEASURE_S / 1e6).toFixed(2)} M stored, ` +
        `${(cpuSeconds / MEASURE_S).toFixed(2)} cores, ${(residentBytes / 2 ** 30).toFixed(2)} GiB`,
    );
    if (missed / wanted > MOST_MISSED) break;
    most = rate;
  }
  return most;
}

/**
 * How many samples a second a program can scrape: more and more targets of 1,000 series every second, until more than one
 * scrape in a thousand is missed or fails. The process that serves the targets takes part of the machine.
 */
export async function run(): Promise<void> {
  const found: string[] = [];
  for (const contestant of [...CONTESTANTS, VICTORIA_METRICS]) {
    if (contestant.name !== 'tocsin' && !hasProgram(contestant.name)) continue;
    found.push(`${contestant.name} ${(await findMost(contestant)).toFixed(1)}`);
  }
  console.log(`million samples a second kept up with: ${found.join(', ')}`);
}
