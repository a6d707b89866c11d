import { join } from 'node:path';
import { TocsinError, errorText, hasSystemCode } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { FileSystem } from '../../core/ports.ts';

const LOCK_NAME = 'lock';
const NEWLINE = 10;
/** What a disk says that takes or gives nothing: who starts on it is better off without a lock than not at all. */
const BAD_DISK: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);
/** Makes a number that it follows none. */
const TORN = '~';

/** Which process id holds which lock through this file system: two users within one process have the same id. */
const heldHere = new WeakMap<FileSystem, Map<string, number>>();

/** Who is asking for a lock, and who is alive. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Whether a process with this id runs; asked about other processes only. */
  isAlive(pid: number): boolean;
  /**
   * Something that tells two processes with the same id apart (when it was born); '' when the machine doesn't say. Without
   * it a dead owner whose id has been given to another process would look alive.
   */
  birthMark?(pid: number): string;
}

/** Keeps other processes out of a data folder; see {@link lockFolder}. */
export interface FolderLock {
  /** A process that died left its lock, which was taken over. */
  readonly wasStale: boolean;
  release(): Promise<void>;
}

/**
 * Takes the lock of a data folder: a file `lock` to which everybody who wants it appends a line with the own process id
 * and when that process was born.
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
    let isWritten = true;
    let claims: readonly Claim[] = [];
    const unlocked = (error: unknown): void => {
      if (!hasSystemCode(error, BAD_DISK)) throw error;
      isWritten = false;
      logger.error(
        { lock: path, err: error },
        `the data folder could not be locked, take care that no other program uses it: ${errorText(error)}`,
      );
    };
    await claim(files, path, self).catch(unlocked);
    claims = await readClaims(files, path).catch((error: unknown) => {
      if (isWritten) unlocked(error);
      return [];
    });
    // A line with the own id that is not from this run is that of a process that died: ids are used again.
    const owner = claims.find((line) => line.pid === self.pid || isHeld(line, self));
    if (owner?.pid !== self.pid && (owner !== undefined || isWritten)) throw inUse(folder, owner?.pid ?? 0);
    const wasStale = claims.length > 0 && (claims[0]?.pid !== self.pid || claims.length > 1);
    if (wasStale) {
      logger.warn(
        { lock: path, pid: claims[0]?.pid },
        'took over the lock of a process that is gone; it did not stop cleanly',
      );
    }
    return {
      wasStale,
      async release() {
        held.delete(path);
        if (isWritten) await files.remove(path);
      },
    };
  } catch (error) {
    held.delete(path);
    throw error;
  }
}

async function claim(files: FileSystem, path: string, self: ProcessIdentity): Promise<void> {
  const line = `${self.pid} ${self.birthMark?.(self.pid) ?? ''}`.trim() + '\n';
  // Half a line, as a full disk leaves, must not be taken for one of a process that lives.
  const before = await files.readFile(path).catch(() => new Uint8Array());
  const isTorn = before.length > 0 && before.at(-1) !== NEWLINE;
  const handle = await files.open(path, 'append');
  try {
    await handle.append(new TextEncoder().encode(isTorn ? `${TORN}\n${line}` : line));
  } finally {
    await handle.close();
  }
}

/** One line of the lock file. */
interface Claim {
  readonly pid: number;
  /** '' when the process that wrote it could not tell. */
  readonly birthMark: string;
}

async function readClaims(files: FileSystem, path: string): Promise<Claim[]> {
  const text = new TextDecoder().decode(await files.readFile(path));
  return text
    .split('\n')
    .map((line) => {
      const [pid = '', birthMark = ''] = line.trim().split(' ');
      return { pid: Number(pid), birthMark };
    })
    .filter(({ pid }) => Number.isInteger(pid) && pid > 0);
}

/** Whether the process that wrote a claim still runs, as far as the machine can tell. */
function isHeld({ pid, birthMark }: Claim, self: ProcessIdentity): boolean {
  if (!self.isAlive(pid)) return false;
  const present = self.birthMark?.(pid) ?? '';
  return birthMark === '' || present === '' || birthMark === present;
}

function inUse(folder: string, pid: number): TocsinError {
  return new TocsinError(
    'TOCSIN_ERR_DATA_FOLDER',
    `the data folder ${folder} is in use by process ${pid}: stop that one, or give this one its own --storage.tsdb.path`,
  );
}
