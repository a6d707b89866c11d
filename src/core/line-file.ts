import type { Clock } from './clock.ts';
import { errorText } from './errors.ts';
import type { Logger } from './log.ts';
import type { FileHandle, FileSystem } from './ports.ts';

/** Text that may wait for a slow disk; lines beyond it are left out and counted. */
const MAX_WAITING_LENGTH = 8 * 1024 * 1024;

/** What a {@link LineFile} works with. */
export interface LineFileOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What it is, for messages: `the query log`. */
  readonly name: string;
  /** Told how many lines were lost. */
  readonly onLost?: (lines: number) => void;
}

/**
 * A file that lines are added to, for people and their tools to read. Nobody waits for it: lines that cannot be written are lost,
 * counted, and said once until a write succeeds again.
 */
export class LineFile {
  readonly #options: LineFileOptions;
  #path = '';
  #handle: FileHandle | undefined;
  #waiting: string[] = [];
  #waitingLength = 0;
  #work: Promise<void> = Promise.resolve();
  #isScheduled = false;
  #isFailing = false;

  constructor(options: LineFileOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#handle !== undefined;
  }

  /**
   * Opens the file anew, also when its name is the same: it may have been moved away. '' ends it. Rejects with
   * TOCSIN_ERR_STORAGE when it cannot be opened; then the old one stays. `onOpen` is called when what waited is in the old one.
   */
  async use(path: string, onOpen?: () => void): Promise<void> {
    const opened = path === '' ? undefined : await this.#options.files.open(path, 'append');
    await this.#then(async () => {
      const old = this.#handle;
      await this.#flush();
      this.#handle = opened;
      this.#path = path;
      this.#isFailing = false;
      onOpen?.();
      await old?.close();
    });
  }

  /** Adds a line, which has its end; returns at once. Nothing happens while there is no file. */
  write(line: string): void {
    if (this.#handle === undefined) return;
    if (this.#waitingLength > MAX_WAITING_LENGTH) {
      this.#options.onLost?.(1);
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void this.#then(() => this.#flush());
  }

  /** Writes what waits and closes the file. */
  async close(): Promise<void> {
    await this.use('');
  }

  #then(step: () => Promise<void>): Promise<void> {
    const { clock } = this.#options;
    const next = this.#work.then(step);
    this.#work = next.catch(() => undefined);
    return clock.track(next);
  }

  async #flush(): Promise<void> {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#waitingLength = 0;
    this.#isScheduled = false;
    if (lines.length === 0 || this.#handle === undefined) return;
    try {
      await this.#handle.append(new TextEncoder().encode(lines.join('')));
      this.#isFailing = false;
    } catch (error) {
      const { logger, name, onLost } = this.#options;
      onLost?.(lines.length);
      if (!this.#isFailing)
        logger.error({ path: this.#path, err: errorText(error) }, `${name} cannot be written`);
      this.#isFailing = true;
    }
  }
}
