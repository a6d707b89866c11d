import type { FileSystem } from '../../../core/ports.ts';
import { listWal } from './wal-folder.ts';

/** How far reading the log has come: indices of its first and last segment, and of the one that is read. */
export interface WalReplayStatus {
  readonly min: number;
  readonly max: number;
  readonly current: number;
}

/**
 * Looks which segments a replay of this folder will read. The answer turns what `replayWal` tells of its progress (files done, of
 * how many) into a status; while the checkpoint is read, the first segment counts as being read.
 *
 * @see prometheus tsdb/head.go Head.Init, WALReplayStatus
 */
export async function replayStatusOf(
  files: FileSystem,
  folder: string,
  before?: number,
): Promise<(done: number, total: number) => WalReplayStatus> {
  const { segments, checkpoint = -1 } = await listWal(files, folder, before);
  const read = segments.filter((index) => index > checkpoint);
  const min = read[0] ?? checkpoint + 1;
  const max = read.at(-1) ?? min;
  return (done, total) => ({ min, max, current: Math.min(max, Math.max(min, max + 1 - (total - done))) });
}
