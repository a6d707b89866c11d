import { join } from 'node:path';
import type { EarlyReport } from './early/early-writes.ts';
import type { TsdbParts } from './open-tsdb.ts';
import { replayOutOfOrder } from './ooo/ooo-log.ts';
import { IdMap } from './wal/id-map.ts';
import type { OtherNumbers } from './wal/log-keeper.ts';
import { replayStatusOf } from './wal/replay-status.ts';
import { replayWal } from './wal/wal-replay.ts';
import type { ReplayReport } from './wal/wal-replay.ts';

/** What reading the logs at a start came to. */
export interface LogsRead {
  readonly replay: ReplayReport;
  readonly early: EarlyReport;
  readonly otherNumbers: OtherNumbers;
}

/**
 * Puts what `wal/` and then `wbl/` hold into an empty head, then what came meanwhile. Rejects with TOCSIN_ERR_STORAGE, or with the
 * signal's reason.
 */
export async function readLogs(parts: TsdbParts, signal: AbortSignal): Promise<LogsRead> {
  const { options, storage, minValidMs, early, segment } = parts;
  const { files, path, clock, logger } = options;
  const { head } = storage;
  const folder = join(path, 'wal');
  const rows = new IdMap();
  const walIds: number[] = [];
  const refs: number[] = [];
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
    numbersFrom: early.firstNumber,
    onOtherNumber: (walId, ref) => {
      walIds.push(walId);
      refs.push(ref);
    },
    target: {
      ...storage.extras.replayTarget(minValidMs),
      tombstone: (ref, minMs, maxMs) => storage.deletions.replay(ref, minMs, maxMs),
    },
    onProgress: (done, total) => options.onReplay?.(statusOf(done, total)),
    signal,
  });
  await replayOutOfOrder({ files, path, head, rows, clock, logger, signal }, false);
  storage.deletions.endReplay();
  const newestMs = Number.isNaN(head.maxTimeMs) ? -Infinity : head.maxTimeMs;
  // A number that was given to another series since is that one's own.
  const isOther = (_: number, i: number): boolean => head.walIdOf(rows.get(walIds[i]!) - 1) !== walIds[i];
  const otherNumbers = {
    walIds: walIds.filter(isOther),
    refs: refs.filter(isOther),
    segment: segment - 1,
    newestMs,
    hasOutOfOrder: (ref: number) => head.outOfOrder.has(ref),
  };
  return { replay, otherNumbers, early: await early.finish(rows, signal) };
}
