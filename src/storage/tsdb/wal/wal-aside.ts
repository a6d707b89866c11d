import { basename, dirname, join } from 'node:path';
import type { FileSystem } from '../../../core/ports.ts';
import { checkpointIndex, segmentName } from './wal-format.ts';

/** Why a file of a log has a second name: its content is bad, or the disk did not give all of it. */
export type AsideKind = 'damaged' | 'unreadable';

/**
 * Gives a file of a log a second name, under which it stays for a person when its own is taken or removed; a file of a checkpoint one
 * beside the checkpoint, which goes as a whole. Resolves to that name; undefined when the file is gone. What could not be read
 * keeps the name it has. Rejects with TOCSIN_ERR_STORAGE.
 */
export async function keepAside(
  files: FileSystem,
  path: string,
  kind: AsideKind,
): Promise<string | undefined> {
  if ((await files.stat(path)) === undefined) return undefined;
  const target = asidePath(path, kind);
  let free = target;
  for (let i = 1; (await files.stat(free)) !== undefined; i++) {
    if (kind === 'unreadable') return free;
    free = `${target}-${i}`;
  }
  await files.link(path, free);
  return free;
}

/** Prometheus passes over files whose names are no numbers, unless they begin as those of checkpoints do. */
function asidePath(path: string, kind: AsideKind): string {
  const folder = dirname(path);
  const checkpoint = checkpointIndex(basename(folder));
  if (checkpoint === undefined) return `${path}.${kind}`;
  const name = `${basename(path)}.of-checkpoint-${segmentName(checkpoint)}.${kind}`;
  return join(dirname(folder), name);
}
