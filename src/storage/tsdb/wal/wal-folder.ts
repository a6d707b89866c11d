import { join } from 'node:path';
import type { FileSystem } from '../../../core/ports.ts';
import { checkpointIndex, segmentIndex, segmentName } from './wal-format.ts';

/** What a log's folder holds. */
export interface WalFolder {
  /** Indices of segments, ascending. */
  readonly segments: readonly number[];
  /** Index of the newest checkpoint: it stands for all segments up to and including that one. */
  readonly checkpoint: number | undefined;
  readonly olderCheckpoints: readonly number[];
  /** Names of what an interrupted checkpoint or repair left; nothing refers to them. */
  readonly temporary: readonly string[];
}

/** Looks at a log's folder; segments from `before` on are left out. */
export async function listWal(files: FileSystem, folder: string, before = Infinity): Promise<WalFolder> {
  const names = await files.list(folder);
  const segments = names
    .map(segmentIndex)
    .filter((index) => index !== undefined)
    .filter((index) => index < before);
  const checkpoints = names.map(checkpointIndex).filter((index) => index !== undefined);
  segments.sort((a, b) => a - b);
  checkpoints.sort((a, b) => a - b);
  return {
    segments,
    checkpoint: checkpoints.at(-1),
    olderCheckpoints: checkpoints.slice(0, -1),
    temporary: names.filter((name) => name.endsWith('.tmp')),
  };
}

/** Path of a checkpoint's folder. */
export function checkpointPath(folder: string, index: number): string {
  return join(folder, `checkpoint.${segmentName(index)}`);
}

/** Paths of the files to read for everything the log holds, in order; segments come after the checkpoint. */
export async function walFiles(
  files: FileSystem,
  folder: string,
  found: WalFolder,
  upTo = Infinity,
): Promise<string[]> {
  const paths: string[] = [];
  if (found.checkpoint !== undefined) {
    const inside = checkpointPath(folder, found.checkpoint);
    const { segments } = await listWal(files, inside);
    paths.push(...segments.map((index) => join(inside, segmentName(index))));
  }
  for (const index of found.segments) {
    if (index > (found.checkpoint ?? -1) && index <= upTo) paths.push(join(folder, segmentName(index)));
  }
  return paths;
}
