import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import { LineFile } from '../../core/line-file.ts';
import type { Logger } from '../../core/log.ts';
import type { FileSystem } from '../../core/ports.ts';
import type { EngineMetrics } from '../metrics.ts';
import { QueryError, type QueryDescription, type QueryOrigin, type QueryStats } from '../query-engine.ts';
import { queryStatsView } from './query-stats-json.ts';

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
  readonly #file: LineFile;

  constructor(options: QueryLogOptions) {
    this.#options = options;
    const { files, clock, logger, metrics } = options;
    this.#file = new LineFile({
      files,
      clock,
      logger,
      name: 'the query log',
      onLost: (lines) => metrics?.queryLogFailed(lines),
    });
  }

  /**
   * Opens the file anew, also when its name is the same: it may have been moved away. '' ends the log. Rejects with
   * TOCSIN_ERR_STORAGE when it cannot be opened; then the old one stays.
   */
  async use(path: string): Promise<void> {
    await this.#file.use(path, () => this.#options.metrics?.queryLog(path !== ''));
  }

  /** Adds a line; returns at once. */
  write(query: QueryDescription, stats: QueryStats, error: unknown): void {
    if (this.#file.isOpen) this.#file.write(queryLogLine(this.#options.clock.nowMs(), query, stats, error));
  }

  /** Writes what waits and closes the file. */
  async close(): Promise<void> {
    await this.use('');
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
