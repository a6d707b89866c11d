import type { Clock } from '../../core/clock.ts';
import { NO_STATS, QueryError } from '../query-engine.ts';
import type {
  QueryDescription,
  QueryEngine,
  QueryOptions,
  QueryResult,
  QueryStats,
} from '../query-engine.ts';
import type { QueryMonitor } from '../service/query-monitor.ts';
import { readValue } from './read-value.ts';
import { queryParams } from './query-params.ts';
import type { RemoteAnswer, RemoteApi } from './remote-api.ts';
import { resultTypeOf } from './query-params.ts';

/** What a {@link RemoteQueryEngine} is made of. */
export interface RemoteQueryEngineOptions {
  readonly api: RemoteApi;
  readonly monitor: QueryMonitor;
  readonly clock: Clock;
}

/** Has PromQL evaluated by another engine, over its HTTP API; for rules. Native histograms do not come back. */
export class RemoteQueryEngine implements QueryEngine {
  readonly #api: RemoteApi;
  readonly #monitor: QueryMonitor;
  readonly #clock: Clock;

  constructor({ api, monitor, clock }: RemoteQueryEngineOptions) {
    this.#api = api;
    this.#monitor = monitor;
    this.#clock = clock;
  }

  instant(query: string, timeMs: number, options: QueryOptions = {}): Promise<QueryResult> {
    return this.#ask({ kind: 'instant', query, startMs: timeMs, endMs: timeMs, stepMs: 0 }, options);
  }

  range(
    query: string,
    startMs: number,
    endMs: number,
    stepMs: number,
    options: QueryOptions = {},
  ): Promise<QueryResult> {
    return this.#ask({ kind: 'range', query, startMs, endMs, stepMs }, options);
  }

  async #ask(asked: Omit<QueryDescription, 'origin'>, options: QueryOptions): Promise<QueryResult> {
    const active = this.#monitor.begin({ ...asked, origin: options.origin }, options.signal);
    const begunMs = this.#clock.monotonicMs();
    active.started();
    try {
      const answer = await this.#api.ask({
        ...queryParams(asked, options.lookbackMs),
        signal: active.signal,
        timeoutMs: options.timeoutMs,
        limit: 0,
      });
      const value = readValue(resultTypeOf(answer), parsed(answer));
      const stats = remoteStats(this.#clock.monotonicMs() - begunMs);
      active.ended(stats);
      return { value, warnings: answer.warnings, infos: answer.infos, stats };
    } catch (error) {
      active.ended(remoteStats(this.#clock.monotonicMs() - begunMs), error);
      throw error;
    }
  }
}

/** Figures of a query that was evaluated elsewhere: only how long it took. */
export function remoteStats(tookMs: number): QueryStats {
  return { ...NO_STATS, timings: { ...NO_STATS.timings, execTotalMs: tookMs } };
}

function parsed({ result }: RemoteAnswer): unknown {
  try {
    return JSON.parse(Buffer.concat(result).toString('utf8')) as unknown;
  } catch (error) {
    throw new QueryError('execution', 'the result of the remote storage is no JSON', { cause: error });
  }
}
