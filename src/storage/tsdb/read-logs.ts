import { join } from 'node:path';
import type { EarlyReport } from './early/early-writes.ts';
import type { TsdbParts } from './open-tsdb.ts';
import { replayOutOfOrder } from './ooo/ooo-log.ts';
import { IdMap } from './wal/id-map.ts';
import { replayStatusOf } from './wal/replay-status.ts';
import { replayWal } from './wal/wal-replay.ts';
import type { ReplayReport } from './wal/wal-replay.ts';

/**
 * Puts what `wal/` and then `wbl/` hold into an empty head, then what came meanwhile. Rejects with TOCSIN_ERR_STORAGE, or with the
 * signal's reason.
 */
export async function readLogs(
  parts: TsdbParts,
  signal: AbortSignal,
): Promise<{ readonly replay: ReplayReport; readonly early: EarlyReport }> {
  const { options, storage, metrics, minValidMs, early, segment } = parts;
  const { files, path, clock, logger } = options;
  const { head } = storage;
  const folder = join(path, 'wal');
  const rows = new IdMap();
  const statusOf = await replayStatusOf(files, folder, segment);
  const replay = await replayWal({
    files,
    folder,
    head,
    clock,
    logger,
    minValidMs,
    rows,
    before: segment,
    target: {
      ...storage.extras.replayTarget(minValidMs),
      tombstone: (ref, minMs, maxMs) => storage.deletions.replay(ref, minMs, maxMs),
    },
    threads: options.threads?.starter,
    onProgress: (done, total) => options.onReplay?.(statusOf(done, total)),
    signal,
  });
  metrics.corruptions.inc(replay.damagedSegments);
  metrics.corruptions.inc(await replayOutOfOrder({ files, path, head, rows, clock, logger, signal }, false));
  storage.deletions.endReplay();
  head.endReplay();
  return { replay, early: await early.finish(signal) };
}
