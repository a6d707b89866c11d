import { Counter, Gauge, Histogram, Summary, type Registry } from '../core/metrics.ts';
import type { QueryStats } from './query-engine.ts';

/** Parts of a query's time that are measured apart, as Prometheus names them. */
type QuerySlice = 'queue_time' | 'prepare_time' | 'inner_eval' | 'result_sort';

/** The engine's metrics, under Prometheus' own names. */
export class EngineMetrics {
  readonly #queries: Gauge;
  readonly #durations: Summary<'slice'>;
  readonly #durationHistogram: Histogram<'slice'>;
  readonly #samples: Counter;
  readonly #samplesRead: Counter;
  readonly #logEnabled: Gauge;
  readonly #logFailures: Counter;

  /** Registers the metrics; `maxConcurrency` is shown beside them. */
  constructor(registry: Registry, maxConcurrency: number) {
    const registers = [registry];
    this.#queries = new Gauge({
      name: 'prometheus_engine_queries',
      help: 'The current number of queries being executed or waiting.',
      registers,
    });
    new Gauge({
      name: 'prometheus_engine_queries_concurrent_max',
      help: 'The max number of concurrent queries.',
      registers,
    }).set(maxConcurrency);
    this.#samples = new Counter({
      name: 'prometheus_engine_query_samples_total',
      help: 'The total number of samples loaded by all queries (full window per step for range-vector).',
      registers,
    });
    this.#samplesRead = new Counter({
      name: 'prometheus_engine_query_samples_read_total',
      help: 'The total number of samples read by all queries from storage.',
      registers,
    });
    this.#logEnabled = new Gauge({
      name: 'prometheus_engine_query_log_enabled',
      help: 'State of the query log.',
      registers,
    });
    this.#logFailures = new Counter({
      name: 'prometheus_engine_query_log_failures_total',
      help: 'The number of query log failures.',
      registers,
    });
    this.#durations = new Summary({
      name: 'prometheus_engine_query_duration_seconds',
      help: 'Query timings',
      labelNames: ['slice'],
      percentiles: [0.5, 0.9, 0.99],
      registers,
    });
    this.#durationHistogram = new Histogram({
      name: 'prometheus_engine_query_duration_histogram_seconds',
      help: 'The duration of various parts of PromQL query execution.',
      labelNames: ['slice'],
      buckets: [0.01, 0.1, 1, 10],
      registers,
    });
  }

  /** A query arrived. */
  began(): void {
    this.#queries.inc();
  }

  /** A query ended, however it did; undefined when it never came to be evaluated. */
  ended(stats: QueryStats | undefined): void {
    this.#queries.dec();
    if (stats === undefined) return;
    const { execQueueMs, queryPreparationMs, innerEvalMs, resultSortMs } = stats.timings;
    this.#samples.inc(stats.totalSamples);
    this.#samplesRead.inc(stats.samplesRead);
    this.#observe('queue_time', execQueueMs);
    this.#observe('prepare_time', queryPreparationMs);
    this.#observe('inner_eval', innerEvalMs);
    if (resultSortMs > 0) this.#observe('result_sort', resultSortMs);
  }

  /** Whether there is a query log. */
  queryLog(isEnabled: boolean): void {
    this.#logEnabled.set(isEnabled ? 1 : 0);
  }

  /** Lines of the query log were lost. */
  queryLogFailed(lines: number): void {
    this.#logFailures.inc(lines);
  }

  #observe(slice: QuerySlice, durationMs: number): void {
    this.#durations.observe({ slice }, durationMs / 1000);
    this.#durationHistogram.observe({ slice }, durationMs / 1000);
  }
}

/** Why a query thread was lost. */
export type ThreadLoss = 'memory' | 'stuck' | 'failure';

/** Metrics of the threads that evaluate queries. */
export class ThreadMetrics {
  readonly #running: Gauge;
  readonly #lost: Counter<'reason'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#running = new Gauge({
      name: 'tocsin_query_threads',
      help: 'Threads that evaluate queries of the API.',
      registers,
    });
    this.#lost = new Counter({
      name: 'tocsin_query_threads_lost_total',
      help: 'Query threads that ended before their time: out of memory, with a query that would not end, or by a failure.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of ['memory', 'stuck', 'failure']) this.#lost.inc({ reason }, 0);
  }

  running(count: number): void {
    this.#running.set(count);
  }

  lost(reason: ThreadLoss): void {
    this.#lost.inc({ reason });
  }
}
