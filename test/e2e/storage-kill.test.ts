import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { FloatHistogram } from '../../src/core/histogram/float-histogram.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Matcher } from '../../src/core/matcher.ts';
import { createRegistry } from '../../src/core/metrics.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { SampleBuffer } from '../../src/storage/seam.ts';
import { Tsdb } from '../../src/storage/tsdb/index.ts';
import { hasProgram } from '../support/programs.ts';
import { KILL_PHASES, killPhase } from '../support/kill-phase.ts';
import type { KillPhase } from '../support/kill-phase.ts';
import {
  HISTOGRAM,
  LATE,
  SERIES,
  STEP_MS,
  histogramAt,
  labelsOf,
  lateMs,
  valueAt,
} from '../support/written-samples.ts';

const isSoak = process.env['TOCSIN_SOAK'] === '1';
/** Kills of a folder. */
const KILLS = isSoak ? 21 : 10;
const FOLDERS = isSoak ? 10 : 2;
const SEED = Number(process.env['TOCSIN_CRASH_SEED'] ?? process.env['TOCSIN_SEED'] ?? 1);
const FIRST_MS = 1_700_000_000_000;

/** How many changes of files there are in a phase, about, before the writer's data are old. */
const OPERATIONS: Readonly<Record<KillPhase, number>> = {
  start: 8,
  commit: 200,
  block: 60,
  checkpoint: 30,
  compaction: 40,
};

/** How many kills fell in each phase. */
const phases = new Map<KillPhase, number>();

/** Runs a writer to its death; resolves to the times it acknowledged. */
function writeAndDie(
  path: string,
  fromMs: number,
  compression: string,
  kill: number,
  random: SeededRandom,
): Promise<number[]> {
  // Half of them die at a change of the folder, in one phase after the other, the rest at any moment.
  const killIn = KILL_PHASES[(kill >>> 1) % KILL_PHASES.length]!;
  const killAt = kill % 2 === 0 ? 1 + Math.floor(random.next() * OPERATIONS[killIn]) : 0;
  const commits = Math.floor(random.next() * 150);
  const script = join(import.meta.dirname, '../support/storage-writer.ts');
  const child = spawn(process.execPath, [script, path, String(fromMs), compression, String(killAt), killIn], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (part: string) => {
    text += part;
    if (killAt === 0 && text.split('\n').length > commits) child.kill('SIGKILL');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the writer ended by itself with ${code}`));
      const lines = text.split('\n').slice(0, -1);
      resolve(
        readdir(path, { recursive: true }).then((left) => {
          const phase = killPhase(lines, left);
          phases.set(phase, (phases.get(phase) ?? 0) + 1);
          return lines.filter((line) => /^\d+$/.test(line)).map(Number);
        }),
      );
    });
  });
}

/** Opens the folder, compares everything with what was acknowledged; resolves to the newest time there is. */
async function check(path: string, acknowledged: ReadonlySet<number>): Promise<number> {
  const tsdb = await Tsdb.begin({
    files: new NodeFileSystem(),
    path,
    clock: new SystemClock(),
    logger: silentLogger,
    registry: createRegistry(),
    random: new SeededRandom(SEED),
    retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
    chunkRangeMs: 20 * STEP_MS,
    lock: { pid: process.pid, isAlive: () => false },
  });
  // As a program does before the log is read: what came late while the killed one started is taken now.
  tsdb.setOutOfOrderWindow(3600_000);
  try {
    await tsdb.ready;
    expect(tsdb.damagedBlocks).toEqual([]);
    expect(tsdb.replay.damagedSegments).toBe(0);
    const found = new Map<string, BigUint64Array>();
    const times = new Map<string, Float64Array>();
    let histograms: readonly (FloatHistogram | undefined)[] = [];
    const querier = tsdb.querier(0, Infinity);
    const cursor = await querier.select([new Matcher('pod', '!=', '')], {
      minMs: 0,
      maxMs: Infinity,
      limit: 0,
    });
    const into = new SampleBuffer();
    while (cursor.next()) {
      cursor.read(0, Infinity, into);
      const pod = cursor.labels().get('pod');
      if (pod === HISTOGRAM) histograms = into.histograms?.slice(0, into.length) ?? [];
      times.set(pod, into.timestamps.slice(0, into.length));
      found.set(pod, new BigUint64Array(into.values.slice(0, into.length).buffer));
    }
    querier.close();
    let newestMs = FIRST_MS - STEP_MS;
    const missing = new Set<string>();
    for (const tMs of acknowledged) {
      missing.add(`${HISTOGRAM} ${tMs}`).add(`${LATE} ${tMs}`);
      const earlierMs = lateMs(tMs);
      if (earlierMs !== undefined) missing.add(`${LATE} ${earlierMs}`);
      for (let series = 0; series < SERIES; series++) missing.add(`${labelsOf(series, tMs)['pod']} ${tMs}`);
    }
    const wrong: string[] = [];
    const bits = new DataView(new ArrayBuffer(8));
    for (const [pod, list] of times) {
      const series = pod.startsWith('new-') ? 0 : Number(pod);
      for (const [i, tMs] of list.entries()) {
        newestMs = Math.max(newestMs, tMs);
        bits.setFloat64(0, pod === LATE ? tMs : valueAt(series, tMs));
        const isRight =
          pod === HISTOGRAM
            ? histograms[i]?.sum === tMs &&
              String(histograms[i].positiveBuckets) === String(histogramAt(tMs).positiveBuckets)
            : found.get(pod)![i] === bits.getBigUint64(0);
        if (!isRight) wrong.push(`${pod} ${tMs}`);
        missing.delete(`${pod} ${tMs}`);
      }
    }
    expect([...missing].slice(0, 5)).toEqual([]);
    expect(wrong.slice(0, 5)).toEqual([]);
    return newestMs;
  } finally {
    await tsdb.close();
  }
}

const FOLDER_CASES = Array.from({ length: FOLDERS }, (_, i) => ({
  seed: SEED * 100 + i,
  compression: i % 2 === 0 ? 'snappy' : 'zstd',
}));

test.each(FOLDER_CASES)(
  `killed ${KILLS} times at moments of seed $seed, log with $compression: every acknowledged sample is there`,
  { timeout: 600_000 },
  async ({ seed, compression }) => {
    const random = new SeededRandom(seed);
    const path = await mkdtemp(join(tmpdir(), 'tocsin-storage-kill-'));
    try {
      const acknowledged = new Set<number>();
      let fromMs = FIRST_MS;
      for (let kill = 0; kill < KILLS; kill++) {
        for (const tMs of await writeAndDie(path, fromMs, compression, kill, random)) acknowledged.add(tMs);
        fromMs = (await check(path, acknowledged)) + STEP_MS;
      }
      expect(acknowledged.size).toBeGreaterThan(100);
      const names = await readdir(path);
      expect(names.some((name) => name.length === 26)).toBe(true);
      if (compression !== 'snappy' || !hasProgram('promtool')) return;
      for (const command of ['list', 'analyze', 'dump']) {
        const { stdout } = await promisify(execFile)('promtool', ['tsdb', command, path], {
          maxBuffer: 2 ** 28,
        });
        expect(stdout.length).toBeGreaterThan(0);
        if (command !== 'dump') continue;
        const lines = stdout.split('\n').filter((line) => line.includes('written'));
        expect(lines.length).toBeGreaterThanOrEqual(acknowledged.size * SERIES);
      }
    } finally {
      await rm(path, { recursive: true, force: true });
    }
  },
);

test('kills fell in every phase of the program', () => {
  console.log(`kills by phase: ${JSON.stringify(Object.fromEntries(phases))}`);
  expect(KILL_PHASES.filter((phase) => !phases.has(phase))).toEqual([]);
});
