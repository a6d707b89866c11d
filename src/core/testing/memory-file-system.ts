import { TocsinError } from '../errors.ts';
import type { DiskSpace, FileHandle, FileStat, FileSystem, RandomAccessFile } from '../ports.ts';

/** What a {@link MemoryFileSystem} is about to do; a fault hook decides on it. */
export interface FileOperation {
  readonly kind: 'read' | 'append' | 'sync' | 'truncate' | 'replace' | 'remove' | 'rename' | 'open';
  readonly path: string;
  /** For `append` and `read`: how many bytes. */
  readonly sizeBytes: number;
  /** For `read`: where they begin; 0 otherwise. */
  readonly position: number;
}

/** What a fault hook wants: an error with a code, after `writtenBytes` of an append got through (a torn write). */
export interface FileFault {
  readonly code: 'ENOSPC' | 'EIO' | 'EROFS' | 'EACCES';
  readonly writtenBytes?: number;
}

interface StoredFile {
  bytes: Uint8Array;
  length: number;
  syncedLength: number;
  modifiedMs: number;
}

/**
 * Files in memory, for simulation: folders exist as prefixes; `crash` loses what was not synced (a power cut) or
 * nothing (a killed process); `fault` makes single operations fail or tear.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #files = new Map<string, StoredFile>();
  readonly #folders = new Set<string>(['/']);
  readonly #watchers = new Set<{ path: string; onChange: () => void }>();
  readonly #nowMs: () => number;
  /** What {@link diskSpace} tells. */
  space: DiskSpace = { totalBytes: 2 ** 40, freeBytes: 2 ** 39 };
  /** Asked before each operation. */
  fault: ((operation: FileOperation) => FileFault | undefined) | undefined;

  constructor(nowMs: () => number = () => 0) {
    this.#nowMs = nowMs;
  }

  /** Forgets everything that was not synced: what is on disk after a power cut. */
  losePower(): void {
    for (const file of this.#files.values()) file.length = file.syncedLength;
  }

  /** Every file's path, sorted. */
  paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  /** Flips or cuts bytes under the program's feet. */
  corrupt(path: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const file = this.#require(path, 'read');
    const bytes = change(file.bytes.slice(0, file.length));
    file.bytes = bytes;
    file.length = bytes.length;
    file.syncedLength = bytes.length;
  }

  /** Writes a file as an outside program would; watchers are told. */
  put(path: string, content: string | Uint8Array): void {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    this.#addFolders(path);
    this.#files.set(path, {
      bytes: bytes.slice(),
      length: bytes.length,
      syncedLength: bytes.length,
      modifiedMs: this.#nowMs(),
    });
    this.#notify(path);
  }

  async readFile(path: string): Promise<Uint8Array> {
    this.#check({ kind: 'read', path, sizeBytes: 0 });
    const file = this.#require(path, 'read');
    return file.bytes.slice(0, file.length);
  }

  async replaceFile(path: string, bytes: Uint8Array): Promise<void> {
    this.#check({ kind: 'replace', path, sizeBytes: bytes.length });
    this.#requireFolderOf(path);
    this.put(path, bytes);
  }

  async open(path: string, mode: 'read' | 'append'): Promise<FileHandle> {
    this.#check({ kind: 'open', path, sizeBytes: 0 });
    if (mode === 'read') return this.#handle(path, this.#require(path, 'open'));
    this.#requireFolderOf(path);
    let file = this.#files.get(path);
    if (file === undefined) {
      file = { bytes: new Uint8Array(1024), length: 0, syncedLength: 0, modifiedMs: this.#nowMs() };
      this.#files.set(path, file);
      this.#notify(path);
    }
    return this.#handle(path, file);
  }

  openRandomAccess(path: string): RandomAccessFile {
    this.#check({ kind: 'open', path, sizeBytes: 0 });
    const file = this.#require(path, 'open');
    return {
      sizeBytes: file.length,
      readAt: (into, offset, length, position) => {
        this.#check({ kind: 'read', path, sizeBytes: length, position });
        const count = Math.max(0, Math.min(length, file.length - position));
        into.set(file.bytes.subarray(position, position + count), offset);
        return count;
      },
      close() {},
    };
  }

  async list(path: string): Promise<string[]> {
    const prefix = path.endsWith('/') ? path : `${path}/`;
    if (!this.#folders.has(path)) throw failure('list', path, 'ENOENT');
    const names = new Set<string>();
    for (const known of [...this.#files.keys(), ...this.#folders]) {
      if (known.startsWith(prefix) && known !== prefix) names.add(known.slice(prefix.length).split('/')[0]!);
    }
    return [...names].sort();
  }

  async stat(path: string): Promise<FileStat | undefined> {
    const file = this.#files.get(path);
    if (file !== undefined) {
      return { sizeBytes: file.length, modifiedMs: file.modifiedMs, isDirectory: false };
    }
    return this.#folders.has(path) ? { sizeBytes: 0, modifiedMs: 0, isDirectory: true } : undefined;
  }

  async makeFolder(path: string): Promise<void> {
    this.#addFolders(`${path}/x`);
  }

  async remove(path: string): Promise<void> {
    this.#check({ kind: 'remove', path, sizeBytes: 0 });
    for (const known of this.#files.keys()) {
      if (known === path || known.startsWith(`${path}/`)) this.#files.delete(known);
    }
    for (const known of this.#folders) {
      if (known === path || known.startsWith(`${path}/`)) this.#folders.delete(known);
    }
    this.#notify(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#check({ kind: 'rename', path: from, sizeBytes: 0 });
    const moved = [...this.#files].filter(([path]) => path === from || path.startsWith(`${from}/`));
    if (moved.length === 0 && !this.#folders.has(from)) throw failure('rename', from, 'ENOENT');
    this.#requireFolderOf(to);
    for (const [path, file] of moved) {
      this.#files.delete(path);
      this.#files.set(to + path.slice(from.length), file);
    }
    const folders = [...this.#folders].filter((folder) => folder === from || folder.startsWith(`${from}/`));
    for (const folder of folders) {
      this.#folders.delete(folder);
      this.#folders.add(to + folder.slice(from.length));
    }
    this.#notify(from);
    this.#notify(to);
  }

  async link(existing: string, path: string): Promise<void> {
    this.#check({ kind: 'open', path, sizeBytes: 0 });
    const file = this.#require(existing, 'link');
    this.#requireFolderOf(path);
    if (this.#files.has(path)) throw failure('link', path, 'EEXIST');
    this.#files.set(path, file);
    this.#notify(path);
  }

  async diskSpace(): Promise<DiskSpace> {
    return this.space;
  }

  async syncFolder(): Promise<void> {}

  watch(path: string, onChange: () => void): { close(): void } {
    const watcher = { path, onChange };
    this.#watchers.add(watcher);
    return {
      close: () => {
        this.#watchers.delete(watcher);
      },
    };
  }

  #handle(path: string, file: StoredFile): FileHandle {
    return {
      read: async (into, offset, length, position) => {
        this.#check({ kind: 'read', path, sizeBytes: length, position });
        const count = Math.max(0, Math.min(length, file.length - position));
        into.set(file.bytes.subarray(position, position + count), offset);
        return count;
      },
      append: async (bytes) => {
        const fault = this.fault?.({ kind: 'append', path, sizeBytes: bytes.length, position: 0 });
        appendTo(file, fault === undefined ? bytes : bytes.subarray(0, fault.writtenBytes ?? 0));
        file.modifiedMs = this.#nowMs();
        if (fault !== undefined) throw failure('write', path, fault.code);
        this.#notify(path);
      },
      sync: async () => {
        this.#check({ kind: 'sync', path, sizeBytes: 0 });
        file.syncedLength = file.length;
      },
      truncate: async (sizeBytes) => {
        this.#check({ kind: 'truncate', path, sizeBytes });
        file.length = Math.min(file.length, sizeBytes);
        file.syncedLength = Math.min(file.syncedLength, file.length);
      },
      close: async () => {},
    };
  }

  #check(operation: Omit<FileOperation, 'position'> & { readonly position?: number }): void {
    const fault = this.fault?.({ position: 0, ...operation });
    if (fault !== undefined) throw failure(operation.kind, operation.path, fault.code);
  }

  #require(path: string, operation: string): StoredFile {
    const file = this.#files.get(path);
    if (file === undefined) throw failure(operation, path, 'ENOENT');
    return file;
  }

  #requireFolderOf(path: string): void {
    const folder = path.slice(0, Math.max(1, path.lastIndexOf('/')));
    if (path.includes('/') && !this.#folders.has(folder)) throw failure('open', path, 'ENOENT');
  }

  #addFolders(path: string): void {
    for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {
      this.#folders.add(path.slice(0, at));
    }
  }

  #notify(path: string): void {
    for (const watcher of this.#watchers) if (path.startsWith(watcher.path)) watcher.onChange();
  }
}

function appendTo(file: StoredFile, bytes: Uint8Array): void {
  const needed = file.length + bytes.length;
  if (needed > file.bytes.length) {
    const grown = new Uint8Array(Math.max(needed, file.bytes.length * 2));
    grown.set(file.bytes.subarray(0, file.length));
    file.bytes = grown;
  }
  file.bytes.set(bytes, file.length);
  file.length = needed;
}

function failure(operation: string, path: string, code: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_STORAGE', `${operation} ${path}: ${code}`, {
    cause: Object.assign(new Error(code), { code }),
  });
}
