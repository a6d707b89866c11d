import type { Clock } from '../../core/clock.ts';
import { assert, errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { ThreadEnd, Threads } from '../../core/threads.ts';
import type { RemoteReadPort } from '../../storage/index.ts';
import type { PromqlFeatures } from '../features.ts';
import type { ThreadMetrics } from '../metrics.ts';
import { NO_STATS, QueryError, type QueryStats } from '../query-engine.ts';
import { QueryGate } from '../query-gate.ts';
import type { QueryMonitor, RunningQuery } from './query-monitor.ts';
import type { PrintForm, QueryAnswer, QueryRequest, QueryService } from './query-service.ts';
import {
  type LeasableStorage,
  type PendingQuery,
  type QueryOutcome,
  QueryThreadHandle,
} from './query-thread-handle.ts';

/** How a {@link ThreadedQueryService} works. */
export interface ThreadedQueryServiceOptions {
  readonly threads: Threads;
  readonly storage: LeasableStorage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly monitor: QueryMonitor;
  readonly metrics: ThreadMetrics;
  /** Most threads at a time. */
  readonly maxThreads: number;
  /** Most memory of one thread for JavaScript's own values, in MiB; samples are counted by `maxSamples`. */
  readonly maxHeapMiB: number;
  readonly lookbackMs: number;
  /** Longest time of a query, waiting included. */
  readonly timeoutMs: number;
  readonly maxSamples: number;
  /** Most queries at a time, over all threads. */
  readonly maxConcurrency: number;
  /** Resolution of subqueries that give none, asked at each query. */
  readonly subqueryStepMs: () => number;
  readonly features: PromqlFeatures;
  /** The endpoints of `remote_read`; none when absent. */
  readonly remoteRead?: RemoteReadPort;
}

/**
 * Evaluates in threads of their own that read the memory in which the main thread writes. A thread runs several queries
 * in turns; a further thread is started when each has something to do. The main thread only hands bytes on.
 */
export class ThreadedQueryService implements QueryService {
  readonly #options: ThreadedQueryServiceOptions;
  readonly #gate: QueryGate;
  readonly #threads = new Set<QueryThreadHandle>();
  #closed = false;

  constructor(options: ThreadedQueryServiceOptions) {
    this.#options = options;
    this.#gate = new QueryGate(options.clock, options.maxConcurrency);
  }

  /** Starts the first thread, so that the first query needs not wait for it. */
  start(): void {
    this.#pick();
  }

  async answer(request: QueryRequest, signal: AbortSignal): Promise<QueryAnswer> {
    const { clock, monitor, subqueryStepMs, remoteRead } = this.#options;
    const { kind, query, startMs, endMs, stepMs, origin } = request;
    const longestMs = this.#options.timeoutMs;
    const timeoutMs = Math.min(longestMs, request.timeoutMs ?? longestMs);
    const arrivedMs = clock.monotonicMs();
    const active = monitor.begin({ kind, query, startMs, endMs, stepMs, origin }, signal);
    try {
      await this.#gate.enter(timeoutMs, active.signal);
    } catch (error) {
      active.ended(withQueue(NO_STATS, clock.monotonicMs() - arrivedMs), error);
      throw error;
    }
    const queueMs = clock.monotonicMs() - arrivedMs;
    active.started();
    const pending = {
      request,
      active,
      deadlineMs: arrivedMs + timeoutMs,
      subqueryStepMs: subqueryStepMs(),
      remote: remoteRead?.view,
    };
    const outcome = await this.#run(pending).finally(() => {
      this.#gate.leave();
    });
    if (outcome.kind === 'answer') {
      const { answer } = outcome;
      const stats = withQueue(answer.stats, queueMs);
      active.ended(stats);
      return { ...answer, stats };
    }
    const { error, stats } = outcome;
    const isUnread = error instanceof QueryError && error.kind === 'bad_data' && stats === undefined;
    if (isUnread) active.dropped();
    else active.ended(withQueue(stats ?? NO_STATS, queueMs), error);
    throw error;
  }

  /** Waits for no place: reading an expression is short, as a rule, and evaluating may take minutes. */
  async print(query: string, form: PrintForm, signal: AbortSignal): Promise<Uint8Array> {
    const { clock, monitor, timeoutMs } = this.#options;
    const times = { startMs: 0, endMs: 0, stepMs: 0 };
    const active = monitor.begin({ kind: 'instant', query, ...times, origin: undefined }, signal);
    active.started();
    const outcome = await this.#run({
      request: { query, form },
      active,
      deadlineMs: clock.monotonicMs() + timeoutMs,
      subqueryStepMs: 0,
      remote: undefined,
    });
    // It was not evaluated, so neither log nor metrics hear of it.
    active.dropped();
    if (outcome.kind === 'failed') throw outcome.error;
    const { text } = outcome.answer;
    assert(text !== undefined, 'what is printed comes in one piece');
    return text;
  }

  list(): readonly RunningQuery[] {
    return this.#options.monitor.list();
  }

  kill(id: number, why: string): boolean {
    return this.#options.monitor.kill(id, why);
  }

  /** Ends the threads; what they were at is canceled. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(Array.from(this.#threads, (thread) => thread.close()));
  }

  async #run(query: PendingQuery): Promise<Exclude<QueryOutcome, { kind: 'lost' }>> {
    for (let attempt = 1; attempt <= 2; attempt++) {
      const thread = this.#pick();
      if (thread === undefined) break;
      const outcome = await thread.run(query);
      if (outcome.kind !== 'lost') return outcome;
    }
    const message = this.#closed
      ? 'query was canceled: tocsin is stopping'
      : 'query was canceled: its thread was ended because of another query; try again';
    return { kind: 'failed', error: new QueryError('canceled', message), stats: undefined };
  }

  /** The thread with the least to do; undefined when there will be none any more. */
  #pick(): QueryThreadHandle | undefined {
    if (this.#closed) return undefined;
    let best: QueryThreadHandle | undefined;
    for (const thread of this.#threads) {
      if (thread.isOpen && (best === undefined || thread.load < best.load)) best = thread;
    }
    const canStart = best === undefined || this.#threads.size < this.#options.maxThreads;
    if (best !== undefined && (best.load === 0 || !canStart)) return best;
    return this.#startThread();
  }

  #startThread(): QueryThreadHandle {
    const { threads, storage, clock, maxHeapMiB, lookbackMs, maxSamples, features, metrics, remoteRead } =
      this.#options;
    const thread = new QueryThreadHandle({
      threads,
      storage,
      clock,
      maxHeapMiB,
      remoteRead,
      data: { lookbackMs, maxSamples, features },
      onEnd: (end, isForced) => {
        this.#threads.delete(thread);
        metrics.running(this.#threads.size);
        this.#noteEnd(end, isForced);
      },
    });
    this.#threads.add(thread);
    metrics.running(this.#threads.size);
    return thread;
  }

  #noteEnd(end: ThreadEnd, isForced: boolean): void {
    if (this.#closed) return;
    const { logger, metrics } = this.#options;
    const reason = isForced ? 'stuck' : end.kind === 'outOfMemory' ? 'memory' : 'failure';
    metrics.lost(reason);
    const err = end.kind === 'failed' ? errorText(end.error) : '';
    logger.error({ reason, ...(err !== '' && { err }) }, 'a query thread was lost');
  }
}

function withQueue(stats: QueryStats, queueMs: number): QueryStats {
  const { timings } = stats;
  return {
    ...stats,
    timings: { ...timings, execQueueMs: queueMs, execTotalMs: queueMs + timings.execTotalMs },
  };
}
