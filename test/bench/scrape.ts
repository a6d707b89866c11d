import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { freePort, stopProcess, waitForReady } from '../support/processes.ts';
import { CONTESTANTS, pause, queryNumber, withFleet } from './support/fleet.ts';
import type { Contestant, Fleet } from './support/fleet.ts';
import type { FleetOptions } from './support/fleet-server.ts';
import { ratio, readProcess } from './support/process-figures.ts';

const WARM_UP_MS = 20_000;
const MEASURE_MS = 60_000;

interface Figures {
  readonly cpuPerMillion: number;
  readonly bytesPerSeries: number;
  readonly walBytesPerSample: number;
  readonly samples: number;
}

function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    bytes += entry.isDirectory() ? folderBytes(path) : statSync(path).size;
  }
  return bytes;
}

async function measure(contestant: Contestant, { folder, config }: Fleet): Promise<Figures> {
  const port = await freePort();
  const child = contestant.start(folder, config, port);
  try {
    await waitForReady(`http://127.0.0.1:${port}/-/ready`, child);
    await pause(WARM_UP_MS);
    const before = readProcess(child.pid!);
    await pause(MEASURE_MS);
    const after = readProcess(child.pid!);
    // Queries take time, in which scraping goes on: all figures are of this moment.
    const atMs = Date.now();
    const wal = folderBytes(join(folder, contestant.name, 'wal'));
    const names = '__name__=~"request_seconds_bucket|requests_total|queue_depth",job="bench"';
    const samples = await queryNumber(port, `sum(count_over_time({${names}}[${MEASURE_MS / 1000}s]))`, atMs);
    const all = await queryNumber(port, `sum(count_over_time({${names}}[10m]))`, atMs);
    const series = await queryNumber(port, 'count({job="bench"})', atMs);
    return {
      cpuPerMillion: ((after.cpuSeconds - before.cpuSeconds) / samples) * 1e6,
      bytesPerSeries: after.residentBytes / series,
      walBytesPerSample: wal / all,
      samples,
    };
  } finally {
    await stopProcess(child);
  }
}

/** Has both programs scrape the same fleet, one after the other, and prints what it cost. */
export async function compareScraping(options: Partial<FleetOptions>): Promise<void> {
  await withFleet(options, async (fleet) => {
    const results = new Map<string, Figures>();
    for (const contestant of CONTESTANTS) {
      if (contestant.name !== 'tocsin' && !hasProgram(contestant.name)) continue;
      console.log(`measuring ${contestant.name} for ${(WARM_UP_MS + MEASURE_MS) / 1000} s …`);
      const figures = await measure(contestant, fleet);
      results.set(contestant.name, figures);
      console.log(
        `${contestant.name}: ${figures.cpuPerMillion.toFixed(2)} CPU s per million samples, ` +
          `${figures.bytesPerSeries.toFixed(0)} resident bytes per series, ` +
          `${figures.walBytesPerSample.toFixed(2)} bytes of log per sample, ${figures.samples} samples`,
      );
    }
    const ours = results.get('tocsin')!;
    const theirs = results.get('prometheus');
    console.log(
      `tocsin / prometheus: CPU ${ratio(ours.cpuPerMillion, theirs?.cpuPerMillion)}, ` +
        `memory ${ratio(ours.bytesPerSeries, theirs?.bytesPerSeries)}, ` +
        `log ${ratio(ours.walBytesPerSample, theirs?.walBytesPerSample)}`,
    );
  });
}

/**
 * 200 targets of 1,000 series every second, for a minute each, the same bodies to both programs one after the other:
 * CPU seconds per million samples, resident bytes per series and bytes of the log per sample. With plain and with compressed answers.
 */
export async function run(): Promise<void> {
  for (const gzip of [false, true]) {
    console.log(gzip ? 'compressed answers' : 'plain answers');
    await compareScraping({ gzip });
  }
}
