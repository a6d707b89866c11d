import { performance } from 'node:perf_hooks';
import { hasProgram } from '../support/programs.ts';
import { freePort, stopProcess, waitForReady } from '../support/processes.ts';
import { CONTESTANTS, pause, queryNumber, withFleet } from './support/fleet.ts';
import type { Contestant, Fleet } from './support/fleet.ts';
import { ratio, readProcess } from './support/process-figures.ts';

const SCRAPE_MS = 90_000;
const PATIENCE_MS = 120_000;

interface Figures {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly samples: number;
}

async function measure(contestant: Contestant, { folder, config, idleConfig }: Fleet): Promise<Figures> {
  const port = await freePort();
  const writing = contestant.start(folder, config, port);
  await waitForReady(`http://127.0.0.1:${port}/-/ready`, writing);
  await pause(SCRAPE_MS);
  await stopProcess(writing, 'SIGKILL');
  const fromMs = performance.now();
  const child = contestant.start(folder, idleConfig, port);
  try {
    for (;;) {
      if (performance.now() - fromMs > PATIENCE_MS) throw new Error('no answer came');
      const up = await queryNumber(port, 'count(count_over_time(up{job="bench"}[1h]))').catch(() => 0);
      if (up > 0) break;
      await pause(20);
    }
    const seconds = (performance.now() - fromMs) / 1000;
    const { cpuSeconds } = readProcess(child.pid!);
    const samples = await queryNumber(
      port,
      'sum(count_over_time({__name__=~"request_seconds_bucket|requests_total|queue_depth",job="bench"}[1h]))',
    );
    return { seconds, cpuSeconds, samples };
  } finally {
    await stopProcess(child);
  }
}

/**
 * 90 seconds of 200,000 samples a second, then `kill -9`: time from the start of the program to the first right answer to a
 * query over all that was scraped, and CPU seconds until then.
 */
export async function run(): Promise<void> {
  await withFleet({}, async (fleet) => {
    const results = new Map<string, Figures>();
    for (const contestant of CONTESTANTS) {
      if (contestant.name !== 'tocsin' && !hasProgram(contestant.name)) continue;
      console.log(`${contestant.name} scrapes for ${SCRAPE_MS / 1000} s …`);
      const figures = await measure(contestant, fleet);
      results.set(contestant.name, figures);
      console.log(
        `${contestant.name}: ${figures.seconds.toFixed(2)} s to the first answer, ` +
          `${figures.cpuSeconds.toFixed(2)} CPU s, ${figures.samples} samples`,
      );
    }
    const ours = results.get('tocsin')!;
    const theirs = results.get('prometheus');
    console.log(
      `tocsin / prometheus: time ${ratio(ours.seconds, theirs?.seconds)}, CPU ${ratio(ours.cpuSeconds, theirs?.cpuSeconds)}`,
    );
  });
}
