import { closeSync, fstatSync, openSync, readSync, watch as watchFolder } from 'node:fs';
import {
  copyFile,
  link,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  statfs,
  type FileHandle as NodeHandle,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TocsinError } from '../errors.ts';
import type { DiskSpace, FileHandle, FileStat, FileSystem, RandomAccessFile } from '../ports.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ENOSPC: 'no space left on device',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EEXIST: 'file exists',
  EMFILE: 'too many open files',
  EIO: 'input/output error',
};

/** How file systems say that they have no hard links, or none between these two places. */
const NO_LINKS: ReadonlySet<string> = new Set([
  'EXDEV',
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
]);

/** Runs a file operation; its failure becomes a TocsinError that names the operation, the path and the reason. */
async function guard<T>(operation: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failed(operation, path, error);
  }
}

/** {@link guard} for what is done at once. */
function guardSync<T>(operation: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw failed(operation, path, error);
  }
}

function failed(operation: string, path: string, error: unknown): TocsinError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const reason = REASONS[code] ?? (error as Error).message;
  return new TocsinError('TOCSIN_ERR_STORAGE', `${operation} ${path}: ${reason}`, { cause: error });
}

class NodeFileHandle implements FileHandle {
  readonly #path: string;
  readonly #handle: NodeHandle;

  constructor(path: string, handle: NodeHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  read(into: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return guard('read', this.#path, async () => {
      const { bytesRead } = await this.#handle.read(into, offset, length, position);
      return bytesRead;
    });
  }

  append(bytes: Uint8Array): Promise<void> {
    return guard('write', this.#path, async () => {
      let at = 0;
      while (at < bytes.length) {
        const { bytesWritten } = await this.#handle.write(bytes, at, bytes.length - at);
        at += bytesWritten;
      }
    });
  }

  sync(): Promise<void> {
    return guard('sync', this.#path, () => this.#handle.datasync());
  }

  truncate(sizeBytes: number): Promise<void> {
    return guard('truncate', this.#path, () => this.#handle.truncate(sizeBytes));
  }

  close(): Promise<void> {
    return guard('close', this.#path, () => this.#handle.close());
  }
}

class NodeRandomAccessFile implements RandomAccessFile {
  readonly sizeBytes: number;
  readonly #path: string;
  readonly #descriptor: number;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = guardSync('open', path, () => openSync(path, 'r'));
    this.sizeBytes = guardSync('stat', path, () => fstatSync(this.#descriptor).size);
  }

  readAt(into: Uint8Array, offset: number, length: number, position: number): number {
    return guardSync('read', this.#path, () => {
      let done = 0;
      while (done < length) {
        const count = readSync(this.#descriptor, into, offset + done, length - done, position + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  close(): void {
    guardSync('close', this.#path, () => {
      closeSync(this.#descriptor);
    });
  }
}

/** The machine's files. */
export class NodeFileSystem implements FileSystem {
  readFile(path: string): Promise<Uint8Array> {
    return guard('read', path, () => readFile(path));
  }

  async replaceFile(path: string, bytes: Uint8Array): Promise<void> {
    const temporary = join(dirname(path), `.${basename(path)}.tmp`);
    await guard('write', temporary, async () => {
      const handle = await open(temporary, 'w');
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
    await this.rename(temporary, path);
    await this.syncFolder(dirname(path));
  }

  open(path: string, mode: 'read' | 'append'): Promise<FileHandle> {
    return guard('open', path, async () => {
      return new NodeFileHandle(path, await open(path, mode === 'read' ? 'r' : 'a+'));
    });
  }

  openRandomAccess(path: string): RandomAccessFile {
    return new NodeRandomAccessFile(path);
  }

  list(path: string): Promise<string[]> {
    return guard('list', path, async () => (await readdir(path)).sort());
  }

  stat(path: string): Promise<FileStat | undefined> {
    return guard('stat', path, async () => {
      try {
        const found = await stat(path);
        return { sizeBytes: found.size, modifiedMs: found.mtimeMs, isDirectory: found.isDirectory() };
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
        throw error;
      }
    });
  }

  makeFolder(path: string): Promise<void> {
    return guard('create folder', path, async () => {
      const first = await mkdir(path, { recursive: true });
      if (first === undefined) return;
      for (let made = resolve(path); ; made = dirname(made)) {
        await this.syncFolder(dirname(made));
        if (made === resolve(first)) return;
      }
    });
  }

  remove(path: string): Promise<void> {
    return guard('remove', path, () => rm(path, { recursive: true, force: true }));
  }

  rename(from: string, to: string): Promise<void> {
    return guard('rename', from, () => rename(from, to));
  }

  link(existing: string, path: string): Promise<void> {
    return guard('link', path, async () => {
      try {
        await link(existing, path);
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        if (!NO_LINKS.has(code)) throw error;
        await copyFile(existing, path);
      }
    });
  }

  diskSpace(path: string): Promise<DiskSpace> {
    return guard('measure', path, async () => {
      const { bsize, blocks, bavail } = await statfs(path);
      return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
    });
  }

  syncFolder(path: string): Promise<void> {
    return guard('sync folder', path, async () => {
      // Windows cannot open folders; its renames are durable without.
      if (process.platform === 'win32') return;
      const handle = await open(path, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  watch(path: string, onChange: () => void): { close(): void } {
    try {
      const watcher = watchFolder(path, { persistent: false }, onChange);
      // A folder that vanishes or a full inotify table ends the watching; users poll as well.
      watcher.on('error', () => {
        watcher.close();
      });
      return watcher;
    } catch {
      // Nothing to watch (missing folder, no watches left): allowed by the port's contract.
      return { close() {} };
    }
  }
}
