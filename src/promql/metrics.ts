import { Counter, Gauge, Histogram, Summary, type Registry } from '../core/metrics.ts';

/** Parts of a query's time that are measured apart, as Prometheus names them. */
export type QuerySlice = 'queue_time' | 'prepare_time' | 'inner_eval' | 'result_sort';

/** The engine's metrics, under Prometheus' own names. */
export class EngineMetrics {
  readonly #queries: Gauge;
  readonly #durations: Summary<'slice'>;
  readonly #durationHistogram: Histogram<'slice'>;
  readonly #samples: Counter;

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
      help: 'The total number of samples loaded by all queries.',
      registers,
    });
    this.#durations = new Summary({
      name: 'prometheus_engine_query_duration_seconds',
      help: 'Query timings',
      labelNames: ['slice'],
      percentiles: [0.5, 0.9, 0.99],
      maxAgeSeconds: 600,
      ageBuckets: 5,
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

  /** A query ended, however it did. */
  ended(samplesRead: number): void {
    this.#queries.dec();
    this.#samples.inc(samplesRead);
  }

  /** How long a part of a query took. */
  observe(slice: QuerySlice, durationMs: number): void {
    this.#durations.observe({ slice }, durationMs / 1000);
    this.#durationHistogram.observe({ slice }, durationMs / 1000);
  }
}
