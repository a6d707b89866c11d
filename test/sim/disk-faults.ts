import type { SeededRandom } from '../../src/core/seeded-random.ts';
import type {
  FileFault,
  FileOperation,
  MemoryFileSystem,
} from '../../src/core/testing/memory-file-system.ts';

/** How a disk misbehaves for a while. */
export const DISK_SPELLS = ['full', 'readOnly', 'badWrites', 'badSyncs', 'badReads'] as const;
export type DiskSpell = (typeof DISK_SPELLS)[number];

/** Spells with which a start must cope; one whose writes fail for no reason may be refused. */
export const SPELLS_AT_START = ['full', 'readOnly', 'badSyncs', 'badReads'] as const;

const CHANGES: ReadonlySet<FileOperation['kind']> = new Set([
  'append',
  'truncate',
  'replace',
  'remove',
  'rename',
  'makeFolder',
]);

/** Makes operations below a folder fail, by a seed. */
export class DiskFaults {
  readonly #files: MemoryFileSystem;
  readonly #random: SeededRandom;
  readonly #folder: string;
  /** How many operations failed, by spell. */
  readonly counts = new Map<string, number>();

  constructor(files: MemoryFileSystem, random: SeededRandom, folder: string) {
    this.#files = files;
    this.#random = random;
    this.#folder = folder;
  }

  begin(spell: DiskSpell): void {
    this.#files.fault = (operation) => {
      // The small state has a disk of its own in this world.
      if (!operation.path.startsWith(this.#folder) || operation.path.includes('/tocsin/')) return undefined;
      const fault = this.#faultOf(spell, operation);
      if (fault !== undefined) this.counts.set(spell, (this.counts.get(spell) ?? 0) + 1);
      return fault;
    };
  }

  end(): void {
    this.#files.fault = undefined;
  }

  /** Flips some bits of a file whose path fits; returns which, undefined when there is none. */
  flipBits(fits: (path: string) => boolean): string | undefined {
    const paths = this.#files.paths().filter(fits);
    const path = paths[Math.floor(this.#random.next() * paths.length)];
    if (path === undefined) return undefined;
    this.#files.corrupt(path, (bytes) => {
      const flips = 1 + Math.floor(this.#random.next() * 3);
      for (let i = 0; i < flips && bytes.length > 0; i++) {
        bytes[Math.floor(this.#random.next() * bytes.length)]! ^= 1 << Math.floor(this.#random.next() * 8);
      }
      return bytes;
    });
    return path;
  }

  #faultOf(spell: DiskSpell, { kind, sizeBytes }: FileOperation): FileFault | undefined {
    const hits = (share: number): boolean => this.#random.next() < share;
    const torn = (): number => Math.floor(this.#random.next() * sizeBytes);
    switch (spell) {
      case 'full':
        if (kind === 'append') return { code: 'ENOSPC', writtenBytes: torn() };
        return kind === 'replace' || kind === 'makeFolder' ? { code: 'ENOSPC' } : undefined;
      case 'readOnly':
        return CHANGES.has(kind) ? { code: 'EROFS' } : undefined;
      case 'badWrites':
        if (kind === 'append' && hits(0.3)) return { code: 'EIO', writtenBytes: torn() };
        return CHANGES.has(kind) && hits(0.2) ? { code: 'EIO' } : undefined;
      case 'badSyncs':
        return (kind === 'sync' || kind === 'syncFolder') && hits(0.5) ? { code: 'EIO' } : undefined;
      case 'badReads':
        return kind === 'read' && hits(0.2) ? { code: 'EIO' } : undefined;
    }
  }
}
