import { z } from 'zod';
import { errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { WalPosition } from '../../tsdb/wal/wal-position.ts';

const fileSchema = z.record(
  z.string(),
  z.object({ segment: z.number().int().nonnegative(), offset: z.number().int().nonnegative() }),
);

/**
 * Remembers for each endpoint up to where the log was sent, over restarts. Written at most every few seconds: what was sent
 * since is sent again, which receivers take for the same samples.
 */
export class PositionFile {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #logger: Logger;
  #positions = new Map<string, WalPosition>();
  #isChanged = false;

  constructor(files: FileSystem, path: string, logger: Logger) {
    this.#files = files;
    this.#path = path;
    this.#logger = logger;
  }

  /** Reads what an earlier run wrote. A file that is not understood counts as none; the log says so. */
  async load(): Promise<void> {
    if ((await this.#files.stat(this.#path)) === undefined) return;
    try {
      const text = new TextDecoder().decode(await this.#files.readFile(this.#path));
      this.#positions = new Map(Object.entries(fileSchema.parse(JSON.parse(text))));
    } catch (error) {
      const why = errorText(error);
      this.#logger.warn(
        { file: this.#path },
        `where remote write was is not known, it begins with what comes now: ${why}`,
      );
    }
  }

  get(endpoint: string): WalPosition | undefined {
    return this.#positions.get(endpoint);
  }

  set(endpoint: string, position: WalPosition): void {
    const known = this.#positions.get(endpoint);
    if (known?.segment === position.segment && known.offset === position.offset) return;
    this.#positions.set(endpoint, position);
    this.#isChanged = true;
  }

  /** Forgets endpoints that are not in use any more. */
  keepOnly(endpoints: ReadonlySet<string>): void {
    for (const endpoint of this.#positions.keys()) {
      if (endpoints.has(endpoint)) continue;
      this.#positions.delete(endpoint);
      this.#isChanged = true;
    }
  }

  /** Writes what has changed. Rejects with TOCSIN_ERR_STORAGE. */
  async save(): Promise<void> {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    try {
      const text = JSON.stringify(Object.fromEntries(this.#positions));
      await this.#files.replaceFile(this.#path, new TextEncoder().encode(text));
    } catch (error) {
      this.#isChanged = true;
      throw error;
    }
  }
}
