import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { NodeFileSystem } from '../../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';

const ROUNDS = 5;
/** Milliseconds; the first sample's time. */
const FIRST = 1_000_000;

/** Runs a writer until it has acknowledged some commits, kills it, and returns the last one it acknowledged. */
function writeAndKill(path: string, from: number, commits: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const script = join(import.meta.dirname, 'writing-child.ts');
    const child = spawn(process.execPath, [script, path, String(from)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (part: string) => {
      text += part;
      if (text.split('\n').length > commits) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the writer ended by itself with ${code}`));
      const whole = text.slice(0, text.lastIndexOf('\n')).split('\n');
      resolve(Number(whole.at(-1)));
    });
  });
}

it('kill -9 while writing loses nothing that a commit resolved for', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tocsin-kill-'));
  try {
    let acknowledged = FIRST - 1;
    let from = FIRST;
    for (let round = 0; round < ROUNDS; round++) {
      acknowledged = await writeAndKill(path, from, 20 + round * 37);
      const tsdb = await Tsdb.open({
        files: new NodeFileSystem(),
        path,
        clock: new SystemClock(),
        logger: silentLogger,
        registry: createRegistry(),
        random: new SeededRandom(1),
        retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
        lock: { pid: process.pid, isAlive: () => false },
      });
      const querier = tsdb.querier(0, Infinity);
      const hints = { minMs: 0, maxMs: Infinity, limit: 0 };
      const into = new SampleBuffer();
      const pods = await querier.select([new Matcher('pod', '!=', '')], hints);
      expect(pods.count).toBe(39);
      while (pods.next()) {
        pods.read(0, Infinity, into);
        expect(into.timestamps[into.length - 1]).toBeGreaterThanOrEqual(acknowledged);
        expect(into.length).toBe(into.timestamps[into.length - 1]! - FIRST + 1);
      }
      const rich = await querier.select([new Matcher('rich', '!=', '')], hints);
      expect(rich.count).toBe(2);
      while (rich.next()) {
        rich.read(0, Infinity, into);
        const lastMs = into.timestamps[into.length - 1]!;
        expect(lastMs).toBeGreaterThanOrEqual(acknowledged);
        expect(into.length).toBe(lastMs - FIRST + 1);
        for (let i = 0; i < into.length; i++) {
          const tMs = FIRST + i;
          const isHistogram = rich.labels().get('rich') === 'histogram';
          if (isHistogram) expect([...into.histograms![i]!.positiveBuckets]).toEqual([tMs, 7]);
          else expect([into.values[i], into.starts![i]]).toEqual([tMs, tMs - 3]);
        }
      }
      const single = await querier.select([new Matcher('n', '!=', '')], hints);
      expect(single.count).toBeGreaterThanOrEqual(acknowledged - FIRST + 1);
      from = (tsdb.stats().maxTimeMs ?? 0) + 1;
      querier.close();
      await tsdb.close();
    }
  } finally {
    await rm(path, { recursive: true, force: true });
  }
});
