import { join } from 'node:path';
import type { HeadStorage } from './head/head-storage.ts';
import { OooLog } from './ooo/ooo-log.ts';
import type { TsdbOptions } from './tsdb-options.ts';
import { IdMap } from './wal/id-map.ts';
import { replayStatusOf } from './wal/replay-status.ts';
import { SEGMENT_BYTES } from './wal/wal-format.ts';
import { replayWal } from './wal/wal-replay.ts';
import type { ReplayReport } from './wal/wal-replay.ts';

/**
 * Puts what `wal/` and then `wbl/` hold into an empty head; samples of the first before `minValidMs` are in blocks. Rejects
 * with TOCSIN_ERR_STORAGE.
 */
export async function readLogs(
  options: TsdbOptions,
  storage: HeadStorage,
  minValidMs: number,
): Promise<{ readonly replay: ReplayReport; readonly oooLog: OooLog }> {
  const { files, path, clock, logger } = options;
  const folder = join(path, 'wal');
  const rows = new IdMap();
  const statusOf = await replayStatusOf(files, folder);
  const replay = await replayWal({
    files,
    folder,
    head: storage.head,
    clock,
    logger,
    minValidMs,
    rows,
    target: {
      ...storage.extras.replayTarget(minValidMs),
      tombstone: (ref, minMs, maxMs) => storage.deletions.replay(ref, minMs, maxMs),
    },
    onProgress: (done, total) => options.onReplay?.(statusOf(done, total)),
  });
  const oooLog = await OooLog.open({
    files,
    path,
    head: storage.head,
    rows,
    clock,
    logger,
    segmentBytes: options.walSegmentBytes ?? SEGMENT_BYTES,
    compression: options.walCompression ?? 'snappy',
  });
  storage.deletions.endReplay();
  return { replay, oooLog };
}
