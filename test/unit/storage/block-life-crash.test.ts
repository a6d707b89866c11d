import { expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';

const HOUR_MS = 3600_000;
const START = 1_700_006_400_000 - (1_700_006_400_000 % (54 * HOUR_MS));
const STEP_MS = HOUR_MS / 2;
const STEPS = (3 * 24 * HOUR_MS) / STEP_MS;
const PODS = ['a', 'b'];

function open(files: MemoryFileSystem, nowMs: number): Promise<Tsdb> {
  return Tsdb.open({
    files,
    path: '/data',
    clock: new VirtualClock(nowMs),
    logger: silentLogger,
    registry: createRegistry(),
    random: new SeededRandom(nowMs),
    retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
    maxBlockMs: 18 * HOUR_MS,
    walSegmentBytes: 32 * 1024,
    lock: undefined,
  });
}

/** Everything there is: a list of `<step>=<value>` for each pod. */
async function dump(tsdb: Tsdb): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {};
  const [minMs, maxMs] = [START - 1, START + STEPS * STEP_MS];
  const querier = tsdb.querier(minMs, maxMs);
  const cursor = await querier.select([new Matcher('pod', '=~', '.+')], { minMs, maxMs, limit: 0 });
  const buffer = new SampleBuffer();
  while (cursor.next()) {
    cursor.read(minMs, maxMs, buffer);
    const steps = Array.from({ length: buffer.length }, (_, i) => (buffer.timestamps[i]! - START) / STEP_MS);
    all[cursor.labels().get('pod')] = steps.map((step, i) => `${step}=${buffer.values[i]!}`);
  }
  querier.close();
  return all;
}

interface Moment {
  readonly before: string;
  /** How many commits had resolved. */
  readonly committed: number;
  readonly files: Map<string, Uint8Array>;
}

/** Records what is on disk right before each operation that changes something. */
class Recorder {
  readonly moments: Moment[] = [];
  committed = 0;
  #isCopying = false;

  watch(files: MemoryFileSystem): void {
    files.fault = ({ kind, path }) => {
      const isHarmless = kind === 'read' || kind === 'sync' || kind === 'syncFolder' || kind === 'makeFolder';
      if (this.#isCopying || isHarmless) return undefined;
      this.#isCopying = true;
      const copies = files.paths().map((name): [string, Uint8Array] => {
        const file = files.openRandomAccess(name);
        const bytes = new Uint8Array(file.sizeBytes);
        file.readAt(bytes, 0, bytes.length, 0);
        return [name, bytes];
      });
      this.#isCopying = false;
      this.moments.push({ before: `${kind} ${path}`, committed: this.committed, files: new Map(copies) });
      return undefined;
    };
  }
}

it('a death before any file operation in three days of blocks loses no committed sample', async () => {
  const files = new MemoryFileSystem();
  const tsdb = await open(files, START);
  const recorder = new Recorder();
  for (let step = 0; step < STEPS; step++) {
    const appender = tsdb.appender(START + step * STEP_MS);
    for (const pod of PODS) {
      appender.append(appender.series(Labels.fromObject({ pod })), START + step * STEP_MS, step * 10);
    }
    await appender.commit();
    recorder.committed = step + 1;
    recorder.watch(files);
    await tsdb.maintain();
    files.fault = undefined;
  }
  const levels = tsdb.blocks.map(({ meta }) => meta.compaction.level);
  expect(Math.max(...levels)).toBeGreaterThanOrEqual(3);
  await tsdb.close();
  expect(recorder.moments.length).toBeGreaterThan(300);
  const lost: string[] = [];
  for (const [index, { before, committed, files: saved }] of recorder.moments.entries()) {
    const disk = new MemoryFileSystem();
    for (const [path, bytes] of saved) disk.put(path, bytes);
    const again = await open(disk, START + committed * STEP_MS);
    const expected = Array.from({ length: committed }, (_, step) => `${step}=${step * 10}`).join();
    const found = await dump(again);
    for (const pod of PODS) {
      const has = (found[pod] ?? []).join();
      if (has !== expected) lost.push(`${index} before ${before}: ${pod} has ${has}, not ${expected}`);
    }
    expect(disk.paths().filter((path) => path.includes('.tmp-for-'))).toEqual([]);
    await again.close();
  }
  expect(lost).toEqual([]);
});

it('a block with a damaged chunk does not keep other blocks from being joined', async () => {
  const files = new MemoryFileSystem();
  const tsdb = await open(files, START);
  let damaged: string | undefined;
  let failures = 0;
  for (let step = 0; step < STEPS; step++) {
    const appender = tsdb.appender(START + step * STEP_MS);
    appender.append(appender.series(Labels.fromObject({ pod: 'a' })), START + step * STEP_MS, step);
    await appender.commit();
    await tsdb.maintain().catch((error: unknown) => {
      failures++;
      expect(String(error)).toContain(`/data/${damaged}/chunks/000001 is damaged`);
    });
    if (damaged !== undefined || tsdb.blocks.length === 0) continue;
    damaged = tsdb.blocks[0]!.name;
    files.corrupt(`/data/${damaged}/chunks/000001`, (bytes) => {
      bytes[bytes.length - 6]! ^= 0xff;
      return bytes;
    });
  }
  expect(failures).toBe(1);
  expect(tsdb.blocks.some(({ name }) => name === damaged)).toBe(true);
  expect(Math.max(...tsdb.blocks.map(({ meta }) => meta.compaction.level))).toBeGreaterThanOrEqual(3);
  await tsdb.close();
});
