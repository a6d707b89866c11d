import { TocsinError } from '../errors.ts';
import { dirname } from 'node:path';
import type { DiskSpace, FileHandle, FileStat, FileSystem, RandomAccessFile } from '../ports.ts';
import { MemoryFile } from './memory-file.ts';

/** What a {@link MemoryFileSystem} is about to do; a fault hook decides on it. */
export interface FileOperation {
  readonly kind:
    | 'read'
    | 'append'
    | 'sync'
    | 'truncate'
    | 'replace'
    | 'remove'
    | 'rename'
    | 'open'
    | 'makeFolder'
    | 'syncFolder';
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

/** A change of the names in a folder that is not on the disk yet. */
interface NameChange {
  readonly folder: string;
  readonly undo: () => void;
}

/**
 * Files in memory, for simulation. A killed process leaves everything that was written; {@link losePower} loses what was not synced,
 * page by page, and undoes creations, renames and removals in folders that were not. `fault` makes single operations fail or tear.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #files = new Map<string, MemoryFile>();
  readonly #folders = new Set<string>(['/']);
  readonly #watchers = new Set<{ path: string; onChange: () => void }>();
  readonly #nowMs: () => number;
  /** In order. */
  #unsynced: NameChange[] = [];
  /** What {@link diskSpace} tells. */
  space: DiskSpace = { totalBytes: 2 ** 40, freeBytes: 2 ** 39 };
  /** Asked before each operation. */
  fault: ((operation: FileOperation) => FileFault | undefined) | undefined;

  constructor(nowMs: () => number = () => 0) {
    this.#nowMs = nowMs;
  }

  /**
   * A power cut. Of what was not synced each page survives when `survives` says so, and of the changes of names in a folder that was
   * not synced those before the first for which it does not: nothing of either when it is not given.
   */
  losePower(survives: () => boolean = () => false): void {
    const undone = new Set<string>();
    const lost = this.#unsynced.filter(({ folder }) => {
      if (!undone.has(folder) && !survives()) undone.add(folder);
      return undone.has(folder);
    });
    this.#unsynced = [];
    for (const { undo } of lost.toReversed()) undo();
    for (const file of new Set(this.#files.values())) file.losePower(survives);
  }

  /** Every file's path, sorted. */
  paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  /** Flips or cuts bytes under the program's feet. */
  corrupt(path: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const file = this.#require(path, 'read');
    file.set(change(file.bytes.slice()));
  }

  /** Writes a file as an outside program would, and syncs it; watchers are told. */
  put(path: string, content: string | Uint8Array): void {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    this.#addFolders(path);
    this.#files.set(path, new MemoryFile(bytes, this.#nowMs()));
    this.#notify(path);
  }

  async readFile(path: string): Promise<Uint8Array> {
    this.#check({ kind: 'read', path, sizeBytes: 0 });
    const file = this.#require(path, 'read');
    return file.bytes.slice();
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
      file = new MemoryFile(new Uint8Array(), this.#nowMs());
      this.#add(path, file);
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
    if (this.#folders.has(path)) return;
    this.#check({ kind: 'makeFolder', path, sizeBytes: 0 });
    this.#addFolders(`${path}/x`);
  }

  async remove(path: string): Promise<void> {
    this.#check({ kind: 'remove', path, sizeBytes: 0 });
    const files = this.#filesAt(path);
    const folders = this.#foldersAt(path);
    for (const [known] of files) this.#files.delete(known);
    for (const known of folders) this.#folders.delete(known);
    this.#note(path, () => {
      for (const known of folders) this.#folders.add(known);
      for (const [known, file] of files) if (!this.#files.has(known)) this.#files.set(known, file);
    });
    this.#notify(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#check({ kind: 'rename', path: from, sizeBytes: 0 });
    if (this.#filesAt(from).length === 0 && !this.#folders.has(from)) throw failure('rename', from, 'ENOENT');
    this.#requireFolderOf(to);
    const replaced = this.#files.get(to);
    this.#move(from, to);
    this.#note(to, () => {
      this.#move(to, from);
      if (replaced !== undefined) this.#files.set(to, replaced);
    });
    this.#notify(from);
    this.#notify(to);
  }

  async link(existing: string, path: string): Promise<void> {
    this.#check({ kind: 'open', path, sizeBytes: 0 });
    const file = this.#require(existing, 'link');
    this.#requireFolderOf(path);
    if (this.#files.has(path)) throw failure('link', path, 'EEXIST');
    this.#add(path, file);
    this.#notify(path);
  }

  async diskSpace(): Promise<DiskSpace> {
    return this.space;
  }

  async syncFolder(path: string): Promise<void> {
    this.#check({ kind: 'syncFolder', path, sizeBytes: 0 });
    if (!this.#folders.has(path)) throw failure('sync folder', path, 'ENOENT');
    this.#unsynced = this.#unsynced.filter(({ folder }) => folder !== path);
  }

  watch(path: string, onChange: () => void): { close(): void } {
    const watcher = { path, onChange };
    this.#watchers.add(watcher);
    return {
      close: () => {
        this.#watchers.delete(watcher);
      },
    };
  }

  #handle(path: string, file: MemoryFile): FileHandle {
    return {
      read: async (into, offset, length, position) => {
        this.#check({ kind: 'read', path, sizeBytes: length, position });
        const count = Math.max(0, Math.min(length, file.length - position));
        into.set(file.bytes.subarray(position, position + count), offset);
        return count;
      },
      append: async (bytes) => {
        const fault = this.fault?.({ kind: 'append', path, sizeBytes: bytes.length, position: 0 });
        file.append(fault === undefined ? bytes : bytes.subarray(0, fault.writtenBytes ?? 0));
        file.modifiedMs = this.#nowMs();
        if (fault !== undefined) throw failure('write', path, fault.code);
        this.#notify(path);
      },
      sync: async () => {
        try {
          this.#check({ kind: 'sync', path, sizeBytes: 0 });
        } catch (error) {
          file.failSync();
          throw error;
        }
        file.sync();
      },
      truncate: async (sizeBytes) => {
        this.#check({ kind: 'truncate', path, sizeBytes });
        file.truncate(sizeBytes);
      },
      close: async () => {},
    };
  }

  /** Gives a file a name that is on the disk when its folder was synced. */
  #add(path: string, file: MemoryFile): void {
    this.#files.set(path, file);
    this.#note(path, () => {
      if (this.#files.get(path) === file) this.#files.delete(path);
    });
  }

  #note(path: string, undo: () => void): void {
    this.#unsynced.push({ folder: dirname(path), undo });
  }

  #filesAt(path: string): [string, MemoryFile][] {
    return [...this.#files].filter(([known]) => known === path || known.startsWith(`${path}/`));
  }

  #foldersAt(path: string): string[] {
    return [...this.#folders].filter((folder) => folder === path || folder.startsWith(`${path}/`));
  }

  #move(from: string, to: string): void {
    for (const [path, file] of this.#filesAt(from)) {
      this.#files.delete(path);
      this.#files.set(to + path.slice(from.length), file);
    }
    for (const folder of this.#foldersAt(from)) {
      this.#folders.delete(folder);
      this.#folders.add(to + folder.slice(from.length));
    }
  }

  #check(operation: Omit<FileOperation, 'position'> & { readonly position?: number }): void {
    const fault = this.fault?.({ position: 0, ...operation });
    if (fault !== undefined) throw failure(operation.kind, operation.path, fault.code);
  }

  #require(path: string, operation: string): MemoryFile {
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

function failure(operation: string, path: string, code: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_STORAGE', `${operation} ${path}: ${code}`, {
    cause: Object.assign(new Error(code), { code }),
  });
}
