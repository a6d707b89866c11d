import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { stopProcess } from '../support/processes.ts';
import { pause } from './support/fleet.ts';
import { ratio, readProcess } from './support/process-figures.ts';
import { serveFolder } from './support/served.ts';
import type { Program } from './support/served.ts';
import { appendFleet, openTsdb, SERIES_PER_TARGET } from './support/stored-fleet.ts';

const TARGETS = 1000;
const SCRAPES = 8;
/** After the start, for garbage of reading the log to be collected. */
const SETTLE_MS = 15_000;
const REQUIRED = 0.5;

interface Held {
  readonly residentBytes: number;
  readonly peakBytes: number;
}

async function hold(program: Program, folder: string, data: string): Promise<Held> {
  cpSync(data, join(folder, 'data'), { recursive: true });
  const { child, address } = await serveFolder(program, folder, { 'prometheus.yml': 'global: {}\n' });
  try {
    await pause(SETTLE_MS);
    const response = await fetch(`${address}/api/v1/status/tsdb`);
    const { data: status } = (await response.json()) as { data: { headStats: { numSeries: number } } };
    if (status.headStats.numSeries < TARGETS * SERIES_PER_TARGET)
      throw new Error(`${program} holds ${status.headStats.numSeries} series only`);
    return readProcess(child.pid!);
  } finally {
    await stopProcess(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A million active series with a few samples each, read from the same log: what is resident then, and what was at most. */
export async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-million-'));
  try {
    const stepMs = 15_000;
    const startMs = Math.floor(Date.now() / 60_000) * 60_000 - SCRAPES * stepMs;
    const tsdb = await openTsdb(join(folder, 'data'));
    await appendFleet(tsdb, { targets: TARGETS, startMs, stepMs, scrapes: SCRAPES });
    await tsdb.close();
    const programs: Program[] = hasProgram('prometheus') ? ['tocsin', 'prometheus'] : ['tocsin'];
    const found: Held[] = [];
    for (const program of programs) {
      const held = await hold(program, join(folder, program), join(folder, 'data'));
      found.push(held);
      const perSeries = held.residentBytes / (TARGETS * SERIES_PER_TARGET);
      console.log(
        `${program.padEnd(11)} ${Math.round(perSeries)} bytes a series resident, ` +
          `${(held.residentBytes / 2 ** 30).toFixed(2)} GiB, peak ${(held.peakBytes / 2 ** 30).toFixed(2)} GiB`,
      );
    }
    const [ours, theirs] = found;
    console.log(
      `tocsin / prometheus: ${ratio(ours!.residentBytes, theirs?.residentBytes)} (required <= ${REQUIRED})`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
