import { join } from 'node:path';
import { TocsinError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { FileSystem } from '../../core/ports.ts';

const LOCK_NAME = 'lock';

/** Which process id holds which lock through this file system: two users within one process have the same id. */
const heldHere = new WeakMap<FileSystem, Map<string, number>>();

/** Who is asking for a lock, and who is alive. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Whether a process with this id runs; asked about other processes only. */
  isAlive(pid: number): boolean;
}

/** Keeps other processes out of a data folder; see {@link lockFolder}. */
export interface FolderLock {
  /** A process that died left its lock, which was taken over. */
  readonly wasStale: boolean;
  release(): Promise<void>;
}

/**
 * Takes the lock of a data folder: a file `lock` to which everybody who wants it appends a line with the own process id.
 * The first line of a living process holds the lock; appending is atomic, so two that come at once agree on who it is.
 * Rejects with TOCSIN_ERR_DATA_FOLDER when somebody else holds it.
 */
export async function lockFolder(
  files: FileSystem,
  folder: string,
  self: ProcessIdentity,
  logger: Logger,
): Promise<FolderLock> {
  const path = join(folder, LOCK_NAME);
  const held = heldHere.get(files) ?? new Map<string, number>();
  heldHere.set(files, held);
  if (held.get(path) === self.pid) throw inUse(folder, self.pid);
  held.set(path, self.pid);
  try {
    const handle = await files.open(path, 'append');
    try {
      await handle.append(new TextEncoder().encode(`${self.pid}\n`));
      await handle.sync();
    } finally {
      await handle.close();
    }
    const others = await readPids(files, path);
    // A line with the own id that is not from this run is that of a process that died: ids are used again.
    const owner = others.find((pid) => pid === self.pid || self.isAlive(pid));
    if (owner !== self.pid) throw inUse(folder, owner ?? 0);
    const wasStale = others[0] !== self.pid || others.length > 1;
    if (wasStale) {
      logger.warn(
        { lock: path, pid: others[0] },
        'took over the lock of a process that is gone; it did not stop cleanly',
      );
    }
    return {
      wasStale,
      async release() {
        held.delete(path);
        await files.remove(path);
      },
    };
  } catch (error) {
    held.delete(path);
    throw error;
  }
}

async function readPids(files: FileSystem, path: string): Promise<number[]> {
  const text = new TextDecoder().decode(await files.readFile(path));
  return text
    .split('\n')
    .map((line) => Number(line.trim()))
    .filter((pid) => Number.isInteger(pid) && pid > 0);
}

function inUse(folder: string, pid: number): TocsinError {
  return new TocsinError(
    'TOCSIN_ERR_DATA_FOLDER',
    `the data folder ${folder} is in use by process ${pid}: stop that one, or give this one its own --storage.tsdb.path`,
  );
}
