import { expect, it } from 'vitest';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { writeCheckpoint } from '../../../src/storage/tsdb/wal/checkpoint.ts';
import type { CheckpointPlan, CheckpointPorts } from '../../../src/storage/tsdb/wal/checkpoint.ts';
import { readSegment } from '../../../src/storage/tsdb/wal/wal-reader.ts';
import { RecordWriter, readRecord } from '../../../src/storage/tsdb/wal/wal-records.ts';
import { ownCounters } from '../../../src/storage/tsdb/wal/wal-counters.ts';
import { WalWriter } from '../../../src/storage/tsdb/wal/wal-writer.ts';

/** Four segments, each with all kinds of records at its number as time, of series 1 (dropped) and 2 (kept). */
async function writeLog(files: MemoryFileSystem): Promise<void> {
  await files.makeFolder('/wal');
  const options = { files, folder: '/wal', segment: 0, counters: ownCounters(), monotonicMs: () => 0 };
  const wal = new WalWriter(options);
  await wal.start();
  const record = new RecordWriter();
  const log = (): void => {
    wal.log(record.bytes, false);
  };
  for (let tMs = 0; tMs < 4; tMs++) {
    record.beginSeries();
    for (const id of [1, 2]) record.series(id, ['s', String(id)]);
    log();
    record.beginSamples();
    for (const id of [1, 2]) record.sample(id, tMs, 0, tMs);
    log();
    record.beginExemplars();
    for (const id of [1, 2]) record.exemplar(id, tMs, tMs, ['t', 'x']);
    log();
    record.beginMetadata();
    for (const id of [1, 2]) record.metadata(id, 'gauge', '', `help ${tMs}`);
    log();
    record.beginTombstones();
    for (const id of [1, 2]) record.tombstone(id, 0, tMs);
    log();
    wal.log(Uint8Array.of(99, tMs), false);
    await wal.flush();
    wal.rotate();
  }
  await wal.close();
}

async function read(files: MemoryFileSystem, path: string): Promise<unknown[]> {
  const got: unknown[] = [];
  const take =
    (kind: string) =>
    (...entry: unknown[]): void =>
      void got.push([kind, ...entry]);
  await readSegment(
    files,
    path,
    (bytes) => {
      const type = readRecord(bytes, {
        series: take('series'),
        sample: take('sample'),
        rich: take('rich'),
        exemplar: take('exemplar'),
        metadata: take('metadata'),
        tombstone: take('tombstone'),
      });
      if (type === 99) got.push(['unknown', bytes[1]]);
    },
    async () => {},
  );
  return got;
}

function portsOf(files: MemoryFileSystem): CheckpointPorts {
  return { files, pause: async () => {}, counters: ownCounters(), monotonicMs: () => 0 };
}

const plan: CheckpointPlan = {
  folder: '/wal',
  upTo: 2,
  droppedIds: Float64Array.of(1),
  minMs: 2,
  compression: 'snappy',
};

it('a checkpoint keeps what is needed of every kind', async () => {
  const files = new MemoryFileSystem();
  await writeLog(files);
  const report = await writeCheckpoint(plan, portsOf(files));
  expect(report).toMatchObject({
    index: 2,
    segmentsRemoved: 3,
    seriesKept: 3,
    samplesKept: 1,
    keptAside: [],
  });
  expect(await files.list('/wal')).toEqual(['00000003', 'checkpoint.00000002']);
  const kept = await read(files, '/wal/checkpoint.00000002/00000000');
  expect(kept.filter((entry) => JSON.stringify(entry).startsWith('["series"'))).toHaveLength(3);
  expect(kept.filter((entry) => !JSON.stringify(entry).startsWith('["series"'))).toEqual([
    ['unknown', 0],
    ['unknown', 1],
    ['sample', 2, 2, 0, 2],
    ['exemplar', 2, 2, 2, ['t', 'x']],
    ['tombstone', 2, 0, 2],
    ['unknown', 2],
    ['metadata', 2, 'gauge', '', 'help 2'],
  ]);
});

it('a checkpoint that cannot be written leaves the log as it was', async () => {
  const files = new MemoryFileSystem();
  await writeLog(files);
  const before = await files.list('/wal');
  files.fault = ({ kind, path }) =>
    kind === 'append' && path.includes('checkpoint') ? { code: 'ENOSPC', writtenBytes: 10 } : undefined;
  await expect(writeCheckpoint(plan, portsOf(files))).rejects.toThrow('ENOSPC');
  expect(await files.list('/wal')).toEqual(before);
});

it('a checkpoint keeps aside what it could not read, and takes the rest', async () => {
  const files = new MemoryFileSystem();
  await writeLog(files);
  const segments = ['00000000', '00000001', '00000002'].map((name) => `/wal/${name}`);
  const [damaged, unreadable] = segments as [string, string];
  files.corrupt(damaged, (bytes) => {
    bytes[10]! ^= 1;
    return bytes;
  });
  const whole = await Promise.all(segments.map((path) => files.readFile(path)));
  files.fault = ({ kind, path }) => (kind === 'read' && path === unreadable ? { code: 'EIO' } : undefined);
  const report = await writeCheckpoint(plan, portsOf(files));
  files.fault = undefined;
  expect(report.keptAside).toMatchObject([
    { segment: damaged, path: `${damaged}.damaged`, reason: 'a checksum is wrong' },
    { segment: unreadable, path: `${unreadable}.unreadable`, reason: expect.stringContaining('EIO') },
  ]);
  expect(await files.list('/wal')).toEqual([
    '00000000.damaged',
    '00000001.unreadable',
    '00000003',
    'checkpoint.00000002',
  ]);
  expect(await files.readFile(`${damaged}.damaged`)).toEqual(whole[0]);
  expect(await files.readFile(`${unreadable}.unreadable`)).toEqual(whole[1]);
  const kept = await read(files, '/wal/checkpoint.00000002/00000000');
  expect(kept).toContainEqual(['sample', 2, 2, 0, 2]);
  expect(kept.filter((entry) => JSON.stringify(entry).startsWith('["unknown"'))).toHaveLength(2);
});

it('damage within a checkpoint is kept beside the next one', async () => {
  const files = new MemoryFileSystem();
  await writeLog(files);
  await writeCheckpoint({ ...plan, upTo: 1 }, portsOf(files));
  const path = '/wal/checkpoint.00000001/00000000';
  files.corrupt(path, (bytes) => {
    bytes[10]! ^= 1;
    return bytes;
  });
  const whole = await files.readFile(path);
  const report = await writeCheckpoint(plan, portsOf(files));
  const keptAs = '/wal/00000000.of-checkpoint-00000001.damaged';
  expect(report.keptAside).toMatchObject([{ path: keptAs }]);
  expect(await files.readFile(keptAs)).toEqual(whole);
  expect(await files.list('/wal')).not.toContain('checkpoint.00000001');
});

it('a record that is not understood costs itself and is kept aside, and the next checkpoint has none', async () => {
  const files = new MemoryFileSystem();
  await writeLog(files);
  const wal = new WalWriter({
    files,
    folder: '/wal',
    segment: 4,
    counters: ownCounters(),
    monotonicMs: () => 0,
  });
  await wal.start();
  const record = new RecordWriter();
  record.beginSamples();
  record.sample(2, 4, 0, 44);
  record.sample(2, 5, 0, 55);
  // Written like this: the second sample ends within its value.
  wal.log(record.bytes.slice(0, -3), false);
  record.clear();
  record.beginSamples();
  record.sample(2, 6, 0, 66);
  wal.log(record.bytes, false);
  await wal.close();
  const report = await writeCheckpoint({ ...plan, upTo: 4 }, portsOf(files));
  expect(report.keptAside).toMatchObject([
    { path: '/wal/00000004.damaged', reason: expect.stringContaining('not understood') },
  ]);
  const kept = await read(files, '/wal/checkpoint.00000004/00000000');
  expect(kept).toContainEqual(['sample', 2, 4, 0, 44]);
  expect(kept).toContainEqual(['sample', 2, 6, 0, 66]);
  files.put('/wal/00000005', '');
  const next = await writeCheckpoint({ ...plan, upTo: 5 }, portsOf(files));
  expect(next.keptAside).toEqual([]);
});
