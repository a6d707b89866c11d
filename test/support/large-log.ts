import { join } from 'node:path';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { RecordWriter } from '../../src/storage/tsdb/wal/wal-records.ts';
import { ownCounters } from '../../src/storage/tsdb/wal/wal-counters.ts';
import { WalWriter } from '../../src/storage/tsdb/wal/wal-writer.ts';

const STEP_MS = 15_000;

/** Writes a data folder whose log has this many series, `old{series="0"}` and so on, with so many samples each, the last ones at `endMs`. */
export async function writeLargeLog(
  path: string,
  seriesCount: number,
  samplesEach: number,
  endMs: number,
): Promise<void> {
  const files = new NodeFileSystem();
  const folder = join(path, 'wal');
  await files.makeFolder(folder);
  const counters = ownCounters();
  const wal = new WalWriter({
    files,
    folder,
    segment: 0,
    counters,
    monotonicMs: () => 0,
    segmentBytes: 16 * 1024 * 1024,
  });
  const record = new RecordWriter();
  record.beginSeries();
  for (let i = 0; i < seriesCount; i++) record.series(i + 1, ['__name__', 'old', 'series', String(i)]);
  wal.log(record.bytes, true);
  for (let sample = 1; sample <= samplesEach; sample++) {
    const tMs = endMs - (samplesEach - sample) * STEP_MS;
    for (let from = 0; from < seriesCount; from += 10_000) {
      record.beginSamples();
      for (let i = from; i < Math.min(seriesCount, from + 10_000); i++)
        record.sample(i + 1, tMs, i, 0x40000000);
      wal.log(record.bytes, false);
    }
    await wal.flush();
  }
  await wal.close();
}
