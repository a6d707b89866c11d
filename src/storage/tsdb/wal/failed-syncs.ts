import { basename, join } from 'node:path';
import { TocsinError, errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { FileSystem } from '../../../core/ports.ts';
import { segmentName } from './wal-format.ts';
import { readSegment } from './wal-reader.ts';

const COPY_BYTES = 1 << 20;

/**
 * Segments whose sync failed. Linux tells of a failure once and then takes what it could not write for written: another sync of the
 * same file says nothing, and a power cut loses it. So such a segment is written once more, from what the system still has of it in
 * memory, to a new file that takes its place when it is synced.
 *
 * @see https://wiki.postgresql.org/wiki/Fsync_Errors
 */
export class FailedSyncs {
  readonly #files: FileSystem;
  readonly #folder: string;
  readonly #logger: Logger;
  readonly #segments = new Set<number>();

  constructor(files: FileSystem, folder: string, logger: Logger) {
    this.#files = files;
    this.#folder = folder;
    this.#logger = logger;
  }

  has(segment: number): boolean {
    return this.#segments.has(segment);
  }

  /** Notes that a segment's sync failed. */
  add(segment: number, cause: unknown): void {
    this.#segments.add(segment);
    const path = join(this.#folder, segmentName(segment));
    this.#logger.error(
      { segment: path, err: cause },
      `a segment of the log could not be synced, it is written again; until then a power cut may lose it: ${errorText(cause)}`,
    );
  }

  /** Forgets a segment that is begun anew. */
  delete(segment: number): void {
    this.#segments.delete(segment);
  }

  /**
   * Writes segments again that nobody appends to any more: those before `live`. Rejects with TOCSIN_ERR_STORAGE when that fails; may be
   * called again.
   */
  async secure(live: number): Promise<void> {
    for (const segment of this.#segments) {
      if (segment >= live) continue;
      await this.#secure(join(this.#folder, segmentName(segment)));
      this.#segments.delete(segment);
    }
  }

  async #secure(path: string): Promise<void> {
    const files = this.#files;
    // A checkpoint has taken its place: it was read for that.
    if ((await files.stat(path)) === undefined) return;
    const temporary = `${path}.synced.tmp`;
    try {
      await files.remove(temporary);
      await this.#copy(path, temporary);
      const { damage } = await readSegment(files, temporary, () => undefined, noPause);
      const [bad] = damage;
      if (bad !== undefined && !bad.isTornTail) {
        this.#logger.error(
          { segment: path, fromByte: bad.fromByte, toByte: bad.toByte },
          'the system has lost a part of a segment of the log that it could not sync: what was there is in memory only until it is in a block',
        );
      }
      await files.rename(temporary, path);
      await files.syncFolder(this.#folder);
    } catch (error) {
      await files.remove(temporary).catch(() => undefined);
      throw new TocsinError(
        'TOCSIN_ERR_STORAGE',
        `segment ${basename(path)} of the log is not safe from a power cut: ${errorText(error)}`,
        { cause: error },
      );
    }
    this.#logger.warn({ segment: path }, 'a segment of the log that could not be synced was written again');
  }

  async #copy(from: string, to: string): Promise<void> {
    const source = await this.#files.open(from, 'read');
    try {
      const target = await this.#files.open(to, 'append');
      try {
        const buffer = new Uint8Array(COPY_BYTES);
        for (let position = 0; ;) {
          const length = await source.read(buffer, 0, buffer.length, position);
          if (length === 0) break;
          await target.append(buffer.subarray(0, length));
          position += length;
        }
        await target.sync();
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  }
}

const noPause = (): Promise<void> => Promise.resolve();
