import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import type { LogFields, Logger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import type { Registry } from '../../../src/core/metrics.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import type { SampleStorage } from '../../../src/storage/seam.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';
import type { TsdbOptions } from '../../../src/storage/tsdb/index.ts';

const HOUR_MS = 3600_000;
const START = 1_700_000_000_000 - (1_700_000_000_000 % (2 * HOUR_MS));

class LogLines implements Logger {
  readonly lines: string[] = [];
  debug(): void {}
  info(): void {}
  warn(fields: LogFields, message: string): void {
    this.lines.push(`warn ${message} ${JSON.stringify(fields)}`);
  }
  error(fields: LogFields, message: string): void {
    this.lines.push(`error ${message} ${JSON.stringify(fields)}`);
  }
  child(): Logger {
    return this;
  }
}

/** A machine: its files stay while processes (each with its own id) come and go. */
class Machine {
  readonly files = new MemoryFileSystem();
  readonly clock = new VirtualClock(START);
  readonly log = new LogLines();
  registry: Registry = createRegistry();
  readonly alive = new Set<number>();
  #nextPid = 100;

  async start(options: Partial<TsdbOptions> = {}): Promise<Tsdb> {
    const pid = this.#nextPid++;
    this.alive.add(pid);
    this.registry = createRegistry();
    return Tsdb.open({
      files: this.files,
      path: '/data',
      clock: this.clock,
      logger: this.log,
      registry: this.registry,
      random: new SeededRandom(1),
      retention: { timeMs: 15 * 24 * HOUR_MS, sizeBytes: 0, percentage: 0 },
      lock: { pid, isAlive: (other) => this.alive.has(other) },
      ...options,
    });
  }

  /** What kill -9 does: nothing more runs, and what the system has taken stays. */
  kill(): void {
    this.alive.clear();
  }

  walPaths(): string[] {
    return this.files.paths().filter((path) => path.startsWith('/data/wal/'));
  }
}

async function add(storage: SampleStorage, pod: string, tMs: number, value: number): Promise<void> {
  const appender = storage.appender(tMs);
  appender.append(appender.series(Labels.fromObject({ __name__: 'm', pod })), tMs, value);
  await appender.commit();
}

async function dump(storage: SampleStorage): Promise<Record<string, [number, number][]>> {
  const querier = storage.querier(-Infinity, Infinity);
  const cursor = await querier.select([], { minMs: -Infinity, maxMs: Infinity, limit: 0 });
  const into = new SampleBuffer();
  const all: Record<string, [number, number][]> = {};
  while (cursor.next()) {
    cursor.read(-Infinity, Infinity, into);
    all[cursor.labels().get('pod')] = Array.from({ length: into.length }, (_, i) => [
      into.timestamps[i]!,
      into.values[i]!,
    ]);
  }
  querier.close();
  return all;
}

async function metric(registry: Registry, name: string): Promise<number> {
  const found = await registry.getSingleMetric(name)!.get();
  return found.values[0]!.value;
}

describe('a restart', () => {
  it('puts everything back, after a clean stop and after a kill, as often as one likes', async () => {
    const machine = new Machine();
    const expected: Record<string, [number, number][]> = {};
    for (let round = 0; round < 6; round++) {
      const tsdb = await machine.start();
      expect(await dump(tsdb)).toEqual(expected);
      for (let i = 0; i < 50; i++) {
        const tMs = START + round * 1_000_000 + i * 15_000;
        const pod = `p${(round + i) % 7}`;
        await add(tsdb, pod, tMs, i);
        (expected[pod] ??= []).push([tMs, i]);
      }
      if (round % 2 === 0) await tsdb.close();
      else machine.kill();
    }
  });

  it('after a torn write loses only what was not committed, and says what', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(20), fc.nat(400), async (commits, tornBytes) => {
        const machine = new Machine();
        const tsdb = await machine.start();
        for (let i = 0; i < commits; i++) await add(tsdb, `p${i % 3}`, START + i * 1000, i);
        const before = await dump(tsdb);
        machine.files.fault = ({ kind }) =>
          kind === 'append' || kind === 'truncate' ? { code: 'EIO', writtenBytes: tornBytes } : undefined;
        await expect(add(tsdb, 'late', START + 100_000, 1)).rejects.toThrow('kept in memory only');
        machine.kill();
        machine.files.fault = undefined;
        const again = await machine.start();
        const after = await dump(again);
        // Taken whole by the system before it failed: then it is there as well.
        delete after['late'];
        expect(after).toEqual(before);
        await again.close();
        const third = await machine.start();
        expect(third.replay.damagedSegments).toBe(0);
        await third.close();
      }),
      { numRuns: 40 },
    );
  });

  it('after a power cut has everything up to the last sync', async () => {
    const machine = new Machine();
    const tsdb = await machine.start({ syncIntervalMs: 5000 });
    await add(tsdb, 'a', START, 1);
    await machine.clock.advanceBy(5000);
    await add(tsdb, 'a', START + 1000, 2);
    machine.files.losePower();
    machine.kill();
    const again = await machine.start();
    expect(await dump(again)).toEqual({ a: [[START, 1]] });
    await again.close();
  });

  it('over a damaged log keeps the rest, keeps the damaged file and can be done again', async () => {
    const machine = new Machine();
    const tsdb = await machine.start();
    for (let i = 0; i < 20; i++) await add(tsdb, 'a', START + i * 1000, i);
    await tsdb.close();
    const path = machine.walPaths()[0]!;
    machine.files.corrupt(path, (bytes) => {
      bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
      return bytes;
    });
    const damaged = await machine.files.readFile(path);
    const again = await machine.start();
    const { a } = await dump(again);
    expect(a!.length).toBe(19);
    expect(machine.log.lines.join('\n')).toContain('damaged');
    expect(await machine.files.readFile(`${path}.damaged`)).toEqual(damaged);
    expect(await metric(machine.registry, 'prometheus_tsdb_wal_corruptions_total')).toBe(1);
    await again.close();
    const third = await machine.start();
    expect((await dump(third))['a']!.length).toBe(19);
    expect(await metric(machine.registry, 'prometheus_tsdb_wal_corruptions_total')).toBe(0);
    await third.close();
  });

  it('goes on while the disk is full, and logs again when it is not', async () => {
    const machine = new Machine();
    const tsdb = await machine.start();
    await add(tsdb, 'a', START, 1);
    machine.files.fault = ({ kind }) => (kind === 'append' ? { code: 'ENOSPC' } : undefined);
    await expect(add(tsdb, 'b', START + 1000, 2)).rejects.toThrow('kept in memory only');
    expect(Object.keys(await dump(tsdb))).toEqual(['a', 'b']);
    machine.files.fault = undefined;
    await add(tsdb, 'b', START + 2000, 3);
    machine.kill();
    const again = await machine.start();
    expect(await dump(again)).toEqual({ a: [[START, 1]], b: [[START + 2000, 3]] });
    await again.close();
  });
});

describe('retention', () => {
  it('follows a change while it runs', async () => {
    const machine = new Machine();
    const tsdb = await machine.start({ retention: { timeMs: 0, sizeBytes: 0, percentage: 0 } });
    for (let hour = 0; hour < 24; hour++) {
      await machine.clock.advanceTo(START + hour * HOUR_MS);
      await add(tsdb, 'a', START + hour * HOUR_MS, hour);
    }
    await tsdb.maintain();
    expect((await dump(tsdb))['a']).toHaveLength(24);
    tsdb.setRetention({ timeMs: 10 * HOUR_MS, sizeBytes: 0, percentage: 0 });
    await tsdb.maintain();
    const [oldest] = (await dump(tsdb))['a']![0]!;
    // By whole blocks, the oldest of which may be six hours long.
    expect(oldest).toBeGreaterThanOrEqual(START + 6 * HOUR_MS);
    expect(oldest).toBeLessThanOrEqual(START + 14 * HOUR_MS);
    await tsdb.close();
  });

  it('makes blocks, drops the old ones, series and log, and a restart agrees', async () => {
    const machine = new Machine();
    const options = {
      retention: { timeMs: 12 * HOUR_MS, sizeBytes: 0, percentage: 0 },
      walSegmentBytes: 32 * 1024,
    };
    const tsdb = await machine.start(options);
    const stepMs = 60_000;
    let newestMs = START;
    for (let i = 0; i < 48 * 60; i++) {
      newestMs = START + i * stepMs;
      const appender = tsdb.appender(newestMs);
      for (let pod = 0; pod < 10; pod++) {
        const name = pod === 0 ? `hour${Math.floor(i / 60)}` : `p${pod}`;
        appender.append(appender.series(Labels.fromObject({ pod: name })), newestMs, i);
      }
      await appender.commit();
      await machine.clock.advanceTo(newestMs);
    }
    await tsdb.maintain();
    const kept = await dump(tsdb);
    const times = kept['p1']!.map(([tMs]) => tMs);
    expect(times[0]).toBeGreaterThanOrEqual(START + 30 * HOUR_MS);
    expect(times[0]).toBeLessThanOrEqual(newestMs - 12 * HOUR_MS);
    expect(times.length).toBe((newestMs - times[0]!) / stepMs + 1);
    expect(Object.keys(kept).filter((pod) => pod.startsWith('hour')).length).toBe(times.length / 60);
    expect(tsdb.blocks.length).toBeGreaterThan(0);
    expect(tsdb.stats().seriesCount).toBeLessThanOrEqual(9 + 5);
    expect(machine.walPaths().some((path) => path.includes('checkpoint.'))).toBe(true);
    const walBytes = await Promise.all(
      machine.walPaths().map(async (path) => (await machine.files.stat(path))!.sizeBytes),
    );
    expect(walBytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(10 * 24 * 60 * 12);
    await tsdb.close();
    const again = await machine.start(options);
    await again.maintain();
    expect(await dump(again)).toEqual(kept);
    expect(again.replay.unknownSamples).toBe(0);
    await again.close();
  });

  it('by size drops the oldest blocks', async () => {
    const machine = new Machine();
    const tsdb = await machine.start({ retention: { timeMs: 0, sizeBytes: 1, percentage: 0 } });
    for (let i = 0; i < 5; i++) {
      await machine.clock.advanceTo(START + i * 2 * HOUR_MS);
      await add(tsdb, 'a', START + i * 2 * HOUR_MS, i);
    }
    await tsdb.maintain();
    expect((await dump(tsdb))['a']!.map(([, value]) => value)).toEqual([3, 4]);
    expect(tsdb.blocks).toEqual([]);
    await tsdb.close();
  });
});

describe('the data folder', () => {
  it('is refused to a second user and taken over from a dead one', async () => {
    const machine = new Machine();
    const first = await machine.start();
    await expect(machine.start()).rejects.toThrow('is in use by process 100');
    machine.kill();
    const third = await machine.start();
    expect(machine.log.lines.join('\n')).toContain('took over the lock');
    expect(await metric(machine.registry, 'prometheus_tsdb_clean_start')).toBe(0);
    await third.close();
    expect(await machine.files.stat('/data/lock')).toBeUndefined();
    expect(first.stats().seriesCount).toBe(0);
  });

  it('with a damaged block is opened without it, and says so', async () => {
    const machine = new Machine();
    machine.files.put('/data/01HF0000000000000000000000/meta.json', '{}');
    const tsdb = await machine.start();
    expect(tsdb.damagedBlocks.map(({ name }) => name)).toEqual(['01HF0000000000000000000000']);
    expect(machine.log.lines.join('\n')).toContain('a block is damaged and left out');
    await add(tsdb, 'a', START, 1);
    expect(await dump(tsdb)).toEqual({ a: [[START, 1]] });
    await tsdb.close();
    expect(await machine.files.stat('/data/01HF0000000000000000000000/meta.json')).toBeDefined();
  });

  it('that cannot be made is one clear error', async () => {
    const machine = new Machine();
    const files = new MemoryFileSystem();
    files.makeFolder = () => Promise.reject(new Error('read-only file system'));
    await expect(machine.start({ files })).rejects.toMatchObject({ code: 'TOCSIN_ERR_DATA_FOLDER' });
  });
});

describe('metrics', () => {
  it('have the names that Prometheus has', async () => {
    const machine = new Machine();
    const tsdb = await machine.start({ logger: silentLogger });
    await add(tsdb, 'a', START, 1);
    expect(await metric(machine.registry, 'prometheus_tsdb_head_series')).toBe(1);
    expect(await metric(machine.registry, 'prometheus_tsdb_head_max_time')).toBe(START);
    const text = await machine.registry.metrics();
    expect(text).toContain('prometheus_tsdb_head_samples_appended_total{type="float"} 1');
    expect(text).toContain('prometheus_tsdb_head_samples_appended_total{type="histogram"} 0');
    await tsdb.close();
  });
});
