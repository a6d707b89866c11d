import type { Clock } from '../../core/clock.ts';
import type { EngineMetrics } from '../metrics.ts';
import { QueryError, type QueryDescription, type QueryStats, type QueryWatcher } from '../query-engine.ts';
import type { QueryLog } from './query-log.ts';

/** A query that has not ended. */
export interface RunningQuery extends QueryDescription {
  /** Names it until it has ended; never used again in this process. */
  readonly id: number;
  readonly state: 'queued' | 'running';
  /** When it came, wall time. */
  readonly arrivedMs: number;
  readonly elapsedMs: number;
  /** Samples read from storage so far; brought up to date now and then. */
  readonly samplesRead: number;
}

/** Where queries are noted down. */
export interface QueryMonitorOptions {
  readonly clock: Clock;
  readonly metrics?: EngineMetrics | undefined;
  readonly log?: QueryLog | undefined;
}

/**
 * Knows every query that waits or runs, can end each of them, and tells metrics and the query log when one is over. One
 * for all engines of a program.
 */
export class QueryMonitor {
  readonly #options: QueryMonitorOptions;
  readonly #active = new Map<number, ActiveQuery>();
  #nextId = 1;

  constructor(options: QueryMonitorOptions) {
    this.#options = options;
  }

  /**
   * Notes a query that arrived, for as long as neither {@link ActiveQuery.ended} nor {@link ActiveQuery.dropped} was
   * called. Its signal is aborted when `signal` is, or by {@link kill}.
   */
  begin(query: QueryDescription, signal: AbortSignal | undefined): ActiveQuery {
    const { clock, metrics } = this.#options;
    const active = new ActiveQuery(this.#nextId++, query, clock, signal, (stats, error) => {
      this.#active.delete(active.id);
      metrics?.ended(stats);
      if (stats !== undefined) this.#options.log?.write(query, stats, error);
    });
    this.#active.set(active.id, active);
    metrics?.began();
    return active;
  }

  /** Queries that have not ended, oldest first. */
  list(): readonly RunningQuery[] {
    return Array.from(this.#active.values(), (active) => active.view());
  }

  /** Ends a query with an error of kind `canceled` that says `why`. False when there is none of that id. */
  kill(id: number, why: string): boolean {
    const active = this.#active.get(id);
    active?.kill(why);
    return active !== undefined;
  }
}

/** A query in the hands of a {@link QueryMonitor}. */
export class ActiveQuery implements QueryWatcher {
  readonly id: number;
  readonly #query: QueryDescription;
  readonly #clock: Clock;
  readonly #onEnd: (stats: QueryStats | undefined, error: unknown) => void;
  readonly #controller = new AbortController();
  readonly #arrivedMs: number;
  readonly #begunMs: number;
  readonly #parent: AbortSignal | undefined;
  readonly #onParentAbort = (): void => {
    this.#controller.abort(this.#parent?.reason);
  };
  #state: RunningQuery['state'] = 'queued';
  #samplesRead = 0;
  #over = false;

  constructor(
    id: number,
    query: QueryDescription,
    clock: Clock,
    parent: AbortSignal | undefined,
    onEnd: (stats: QueryStats | undefined, error: unknown) => void,
  ) {
    this.id = id;
    this.#query = query;
    this.#clock = clock;
    this.#parent = parent;
    this.#onEnd = onEnd;
    this.#arrivedMs = clock.nowMs();
    this.#begunMs = clock.monotonicMs();
    if (parent?.aborted === true) this.#onParentAbort();
    else parent?.addEventListener('abort', this.#onParentAbort, { once: true });
  }

  /** Aborted when the query is no longer wanted. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  started(): void {
    this.#state = 'running';
  }

  progressed(samplesRead: number): void {
    this.#samplesRead = samplesRead;
  }

  ended(stats: QueryStats, error?: unknown): void {
    this.#end(stats, error);
  }

  /** It never came to be evaluated: its text is wrong. */
  dropped(): void {
    this.#end(undefined, undefined);
  }

  kill(why: string): void {
    this.#controller.abort(new QueryError('canceled', why));
  }

  view(): RunningQuery {
    return {
      ...this.#query,
      id: this.id,
      state: this.#state,
      arrivedMs: this.#arrivedMs,
      elapsedMs: this.#clock.monotonicMs() - this.#begunMs,
      samplesRead: this.#samplesRead,
    };
  }

  #end(stats: QueryStats | undefined, error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#parent?.removeEventListener('abort', this.#onParentAbort);
    this.#onEnd(stats, error);
  }
}
