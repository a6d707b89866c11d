import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { FileHandle, FileSystem } from '../../core/ports.ts';
import type { EngineMetrics } from '../metrics.ts';
import { QueryError, type QueryDescription, type QueryOrigin, type QueryStats } from '../query-engine.ts';
import { queryStatsView } from './query-stats-json.ts';

/** Text that may wait for a slow disk; lines beyond it are left out and counted. */
const MAX_WAITING_LENGTH = 8 * 1024 * 1024;

/** What a {@link QueryLog} works with. */
export interface QueryLogOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: EngineMetrics | undefined;
}

/**
 * `global.query_log_file`: one line of JSON for each query that was evaluated, in Prometheus' format (without the place
 * in its source and the ids of traces). Queries never wait for it: lines that cannot be written are counted.
 *
 * @see prometheus promql/engine.go Engine.exec, util/logging/file.go
 */
export class QueryLog {
  readonly #options: QueryLogOptions;
  #path = '';
  #handle: FileHandle | undefined;
  #waiting: string[] = [];
  #waitingLength = 0;
  #work: Promise<void> = Promise.resolve();
  #isScheduled = false;
  #isFailing = false;

  constructor(options: QueryLogOptions) {
    this.#options = options;
  }

  /**
   * Opens the file anew, also when its name is the same: it may have been moved away. '' ends the log. Rejects with
   * TOCSIN_ERR_STORAGE when it cannot be opened; then the old one stays.
   */
  async use(path: string): Promise<void> {
    const opened = path === '' ? undefined : await this.#options.files.open(path, 'append');
    await this.#then(async () => {
      const old = this.#handle;
      await this.#flush();
      this.#handle = opened;
      this.#path = path;
      this.#isFailing = false;
      this.#options.metrics?.queryLog(opened !== undefined);
      await old?.close();
    });
  }

  /** Adds a line; returns at once. */
  write(query: QueryDescription, stats: QueryStats, error: unknown): void {
    if (this.#handle === undefined) return;
    if (this.#waitingLength > MAX_WAITING_LENGTH) {
      this.#options.metrics?.queryLogFailed(1);
      return;
    }
    const line = queryLogLine(this.#options.clock.nowMs(), query, stats, error);
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

  /** Failures are told once, until a write succeeds. */
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
      const { metrics, logger } = this.#options;
      metrics?.queryLogFailed(lines.length);
      if (!this.#isFailing) {
        logger.error({ path: this.#path, err: errorText(error) }, 'the query log cannot be written');
      }
      this.#isFailing = true;
    }
  }
}

/** One line with its end. Times are RFC 3339, the step is in whole seconds. */
export function queryLogLine(
  nowMs: number,
  query: QueryDescription,
  stats: QueryStats,
  error: unknown,
): string {
  const { startMs, endMs, stepMs, origin } = query;
  const line = {
    time: new Date(nowMs).toISOString(),
    level: 'INFO',
    msg: 'promql query logged',
    params: {
      end: timeText(endMs),
      query: query.query,
      start: timeText(startMs),
      step: Math.trunc(stepMs / 1000),
    },
    ...(error !== undefined && { error: error instanceof QueryError ? error.message : errorText(error) }),
    stats: queryStatsView(stats),
    ...(origin && originFields(origin)),
  };
  return `${JSON.stringify(line)}\n`;
}

function originFields(origin: QueryOrigin): Record<string, Record<string, string>> {
  if (origin.kind === 'rule') return { ruleGroup: { file: origin.file, name: origin.group } };
  const { clientIp, method, path } = origin;
  return { httpRequest: { clientIP: clientIp, method, path } };
}

/** Milliseconds always; times that no calendar has are clamped. */
function timeText(timeMs: number): string {
  const MAX_DATE_MS = 8.64e15;
  return new Date(Math.max(-MAX_DATE_MS, Math.min(MAX_DATE_MS, timeMs))).toISOString();
}
