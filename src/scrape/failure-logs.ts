import type { Clock } from '../core/clock.ts';
import { LineFile } from '../core/line-file.ts';
import type { Logger } from '../core/log.ts';
import type { FileSystem } from '../core/ports.ts';

/** What {@link FailureLogs} work with. */
export interface FailureLogsOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The files of `scrape_failure_log_file`, of `global` and of jobs: one line of JSON for each scrape that failed, in Prometheus' format.
 * Jobs that name the same file share it. Unlike Prometheus' they also have scrapes whose answer could not be read or
 * was over a limit.
 *
 * @see prometheus scrape/manager.go ApplyConfig, util/logging/file.go
 */
export class FailureLogs {
  readonly #options: FailureLogsOptions;
  #logs = new Map<string, LineFile>();

  constructor(options: FailureLogsOptions) {
    this.#options = options;
  }

  /**
   * Makes the files be those of `paths` ('' is none) and opens all of them anew: they may have been moved away. Rejects with
   * TOCSIN_ERR_STORAGE when one cannot be opened; the files are those of before then.
   */
  async use(paths: ReadonlySet<string>): Promise<void> {
    const logs = new Map<string, LineFile>();
    try {
      for (const path of paths) {
        if (path === '') continue;
        const log = new LineFile({ ...this.#options, name: 'the log of failed scrapes' });
        await log.use(path);
        logs.set(path, log);
      }
    } catch (error) {
      for (const log of logs.values()) await log.close();
      throw error;
    }
    const before = this.#logs;
    this.#logs = logs;
    for (const log of before.values()) await log.close();
  }

  /** Adds a line about a scrape to a file; nothing happens when the file is not in use. Returns at once. */
  write(
    path: string,
    failure: { readonly job: string; readonly target: string; readonly error: string },
  ): void {
    if (path === '') return;
    const line = {
      time: new Date(this.#options.clock.nowMs()).toISOString(),
      level: 'ERROR',
      msg: failure.error,
      job_name: failure.job,
      target: failure.target,
    };
    this.#logs.get(path)?.write(`${JSON.stringify(line)}\n`);
  }

  /** Writes what waits and closes the files. */
  async close(): Promise<void> {
    await this.use(new Set());
  }
}
