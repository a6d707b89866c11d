import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { NodeFileSystem } from '../../../src/core/system/node-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';
import { RecordWriter } from '../../../src/storage/tsdb/wal/wal-records.ts';
import { ownCounters } from '../../../src/storage/tsdb/wal/wal-counters.ts';
import { WalWriter } from '../../../src/storage/tsdb/wal/wal-writer.ts';

const HOUR_MS = 3600_000;
const START = 1_700_000_000_000 - (1_700_000_000_000 % (2 * HOUR_MS));

function hasPromtool(): boolean {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

it.skipIf(!hasPromtool())('Prometheus reads our log, checkpoints included', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tocsin-promtool-'));
  const clock = new VirtualClock(START);
  const open = (): Promise<Tsdb> =>
    Tsdb.open({
      files: new NodeFileSystem(),
      path,
      clock,
      logger: silentLogger,
      registry: createRegistry(),
      random: new SeededRandom(1),
      retention: { timeMs: 2 * HOUR_MS, sizeBytes: 0, percentage: 0 },
      walSegmentBytes: 64 * 1024,
      lock: undefined,
    });
  try {
    const expected = new Set<string>();
    for (let part = 0; part < 3; part++) {
      const tsdb = await open();
      for (let i = 0; i < 120; i++) {
        const tMs = START + part * 2 * HOUR_MS + i * 60_000;
        const appender = tsdb.appender(tMs);
        for (let s = 0; s < 30; s++) {
          const labels = Labels.fromObject({ __name__: 'm', s: s === 0 ? `new${i}` : String(s), u: 'ü😀' });
          appender.append(appender.series(labels), tMs, s * 1000 + i);
          // The first window is behind the retention in the end.
          if (part > 0)
            expected.add(`{__name__="m", s="${labels.get('s')}", u="ü😀"} ${s * 1000 + i} ${tMs}`);
        }
        await appender.commit();
      }
      if (part === 2) await tsdb.maintain();
      await tsdb.close();
    }
    const { stdout } = await promisify(execFile)('promtool', ['tsdb', 'dump', path], {
      maxBuffer: 64 * 1024 * 1024,
    });
    const dumped = new Set(stdout.trim().split('\n'));
    expect([...expected].filter((line) => !dumped.has(line))).toEqual([]);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
});

it.skipIf(!hasPromtool())('Prometheus reads every kind of record that it knows from our log', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tocsin-promtool-'));
  try {
    const files = new NodeFileSystem();
    const folder = join(path, 'wal');
    await files.makeFolder(folder);
    const counters = ownCounters();
    const wal = new WalWriter({ files, folder, segment: 0, counters, monotonicMs: () => 0 });
    await wal.start();
    const record = new RecordWriter();
    const log = (): void => {
      wal.log(record.bytes, false);
    };
    record.beginSeries();
    for (let id = 1; id <= 200; id++) record.series(id, ['__name__', 'm', 's', String(id)]);
    log();
    record.beginMetadata();
    for (let id = 1; id <= 200; id++) record.metadata(id, 'counter', 'seconds', `What ${id} counts.`);
    log();
    for (let i = 0; i < 3; i++) {
      record.beginSamples();
      for (let id = 1; id < 200; id++) record.sample(id, START + i, 0, 0x3ff00000 + i * id);
      log();
    }
    record.beginExemplars();
    for (let id = 1; id <= 50; id++) record.exemplar(id, START + id, id / 3, ['trace_id', `t${id}`]);
    log();
    record.beginTombstones();
    record.tombstone(7, START, START + 1);
    record.tombstone(8, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    log();
    await wal.close();
    expect(counters.savedBytes).toBeGreaterThan(0);
    const { stdout, stderr } = await promisify(execFile)('promtool', ['tsdb', 'dump', path]);
    expect(stderr).not.toMatch(/error|corrupt|unknown/i);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(199 * 3 - 2 - 3);
    expect(lines.filter((line) => line.includes('s="7"'))).toHaveLength(1);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
});
