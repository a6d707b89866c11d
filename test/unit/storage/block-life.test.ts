import { describe, expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import type { Registry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import type { SampleStorage } from '../../../src/storage/seam.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';
import { decodeMeta } from '../../../src/storage/tsdb/block/index.ts';
import { Backoff } from '../../../src/storage/tsdb/compact/failures.ts';

const HOUR_MS = 3600_000;
const DAY_MS = 24 * HOUR_MS;
const START = 1_700_006_400_000 - (1_700_006_400_000 % (54 * HOUR_MS));

class Machine {
  readonly files = new MemoryFileSystem();
  readonly clock = new VirtualClock(START);
  registry: Registry = createRegistry();

  open(): Promise<Tsdb> {
    this.registry = createRegistry();
    return Tsdb.open({
      files: this.files,
      path: '/data',
      clock: this.clock,
      logger: silentLogger,
      registry: this.registry,
      random: new SeededRandom(this.clock.nowMs()),
      retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
      maxBlockMs: 18 * HOUR_MS,
      lock: undefined,
    });
  }

  async count(name: string): Promise<number> {
    const { values } = (await this.registry.getSingleMetric(name)!.get()) as { values: { value: number }[] };
    return values[0]!.value;
  }

  blockFolders(): string[] {
    const names = this.files.paths().map((path) => path.split('/')[2]!);
    return [...new Set(names)].filter((name) => /^[0-9A-Z]{26}/.test(name));
  }
}

async function add(storage: SampleStorage, pod: string, tMs: number): Promise<void> {
  const appender = storage.appender(tMs);
  appender.append(appender.series(Labels.fromObject({ pod })), tMs, tMs - START);
  await appender.commit();
}

async function times(tsdb: Tsdb, pod: string): Promise<number[]> {
  const querier = tsdb.querier(0, 2 ** 50);
  const cursor = await querier.select([new Matcher('pod', '=', pod)], {
    minMs: 0,
    maxMs: 2 ** 50,
    limit: 0,
  });
  const into = new SampleBuffer();
  if (cursor.next()) cursor.read(0, 2 ** 50, into);
  querier.close();
  return Array.from(into.timestamps.subarray(0, into.length), (tMs) => (tMs - START) / HOUR_MS);
}

describe('a gap in time', () => {
  it('of 60 days is crossed in one step, and nothing is lost around it', async () => {
    const machine = new Machine();
    const tsdb = await machine.open();
    await add(tsdb, 'a', START);
    await add(tsdb, 'a', START + HOUR_MS);
    await add(tsdb, 'a', START + 60 * DAY_MS + HOUR_MS);
    await add(tsdb, 'b', START + 60 * DAY_MS + HOUR_MS / 2);
    await add(tsdb, 'a', START + 60 * DAY_MS + 5 * HOUR_MS);
    await tsdb.maintain();
    expect(await machine.count('prometheus_tsdb_head_truncations_total')).toBe(2);
    expect(tsdb.blocks.length).toBe(2);
    const inHours = 60 * 24;
    expect(await times(tsdb, 'a')).toEqual([0, 1, inHours + 1, inHours + 5]);
    expect(await times(tsdb, 'b')).toEqual([inHours + 0.5]);
    await tsdb.close();
  });
});

describe('a stop', () => {
  it('breaks off the work on blocks, which a start does again', async () => {
    const machine = new Machine();
    const tsdb = await machine.open();
    for (let hour = 0; hour < 6; hour++) {
      for (let pod = 0; pod < 300; pod++) await add(tsdb, String(pod), START + hour * HOUR_MS);
    }
    const maintained = tsdb.maintain();
    const closed = tsdb.close();
    await maintained;
    await closed;
    expect(await machine.count('prometheus_tsdb_compactions_failed_total')).toBe(0);
    expect(machine.blockFolders()).toEqual([]);
    const again = await machine.open();
    await again.maintain();
    expect(again.blocks.length).toBe(1);
    expect(await times(again, '7')).toEqual([0, 1, 2, 3, 4, 5]);
    await again.close();
  });
});

describe('a failure', () => {
  it('of opening the block that was just written leaves no pile of blocks', async () => {
    const machine = new Machine();
    const tsdb = await machine.open();
    for (let hour = 0; hour < 6; hour++) await add(tsdb, 'a', START + hour * HOUR_MS);
    machine.files.fault = ({ kind, path }) => {
      if (kind === 'rename' && path.endsWith('.tmp-for-creation')) {
        machine.files.corrupt(`${path}/index`, (bytes) => bytes.subarray(0, 10));
      }
      return undefined;
    };
    await expect(tsdb.maintain()).rejects.toThrow('index is damaged');
    expect(machine.blockFolders()).toEqual([]);
    expect(await machine.count('prometheus_tsdb_compactions_failed_total')).toBe(1);
    // It waits before the next attempt.
    await tsdb.maintain();
    machine.files.fault = undefined;
    await tsdb.maintain();
    expect(tsdb.blocks.length).toBe(0);
    await machine.clock.advanceBy(61_000);
    await tsdb.maintain();
    expect(tsdb.blocks.length).toBe(1);
    expect(await times(tsdb, 'a')).toEqual([0, 1, 2, 3, 4, 5]);
    await tsdb.close();
  });

  it('for lack of room is tried again ever more rarely, and no block is blamed', async () => {
    const machine = new Machine();
    const tsdb = await machine.open();
    for (let hour = 0; hour < 24; hour++) {
      await add(tsdb, 'a', START + hour * HOUR_MS);
      if (hour < 8) await tsdb.maintain();
    }
    machine.files.fault = ({ kind, path }) =>
      kind === 'append' && path.includes('.tmp-for-creation') ? { code: 'ENOSPC' } : undefined;
    const failed = (): Promise<number> => machine.count('prometheus_tsdb_compactions_failed_total');
    const before = await failed();
    await machine.clock.advanceBy(HOUR_MS);
    // Once each minute would be 60.
    expect((await failed()) - before).toBeLessThanOrEqual(7);
    expect((await failed()) - before).toBeGreaterThanOrEqual(5);
    expect(tsdb.blocks.some(({ meta }) => meta.compaction.failed)).toBe(false);
    machine.files.fault = undefined;
    await machine.clock.advanceBy(31 * 60_000);
    expect(Math.max(...tsdb.blocks.map(({ meta }) => meta.compaction.level))).toBeGreaterThanOrEqual(2);
    expect((await times(tsdb, 'a')).length).toBe(24);
    await tsdb.close();
  });

  it('to join blocks is written into them, as Prometheus does', async () => {
    const machine = new Machine();
    const tsdb = await machine.open();
    let damaged: string | undefined;
    const said: string[] = [];
    for (let hour = 0; hour < 14; hour++) {
      await add(tsdb, 'a', START + hour * HOUR_MS);
      await tsdb.maintain().catch((error: unknown) => said.push(String(error)));
      if (damaged !== undefined || tsdb.blocks.length === 0) continue;
      damaged = tsdb.blocks[0]!.name;
      machine.files.corrupt(`/data/${damaged}/chunks/000001`, (bytes) => {
        bytes[bytes.length - 6]! ^= 0xff;
        return bytes;
      });
    }
    expect(said.length).toBe(1);
    const path = `/data/${damaged}/meta.json`;
    expect(decodeMeta(await machine.files.readFile(path), path).compaction.failed).toBe(true);
    expect(tsdb.blocks.filter(({ meta }) => meta.compaction.failed).length).toBeGreaterThanOrEqual(2);
    await tsdb.close();
  });

  it('is followed by longer and longer waits', () => {
    const backoff = new Backoff();
    const minutes = Array.from({ length: 7 }, () => backoff.failed(0) / 60_000);
    expect(minutes).toEqual([1, 2, 4, 8, 16, 30, 30]);
    expect(backoff.isWaiting(30 * 60_000 - 1)).toBe(true);
    expect(backoff.isWaiting(30 * 60_000)).toBe(false);
    backoff.worked();
    expect(backoff.failed(0)).toBe(60_000);
  });
});
