import type { LoadedConfig } from '../config/index.ts';
import type { Registry } from '../core/metrics.ts';
import {
  EngineMetrics,
  LocalQueryEngine,
  LocalQueryService,
  QueryLog,
  QueryMonitor,
  type QueryService,
  ThreadMetrics,
  ThreadedQueryService,
  engineFeatures,
} from '../promql/index.ts';
import type { Tsdb } from '../storage/index.ts';
import type { TocsinOptions } from './options.ts';
import type { TocsinPorts } from './ports.ts';

/** What a {@link QuerySide} is made of. */
export interface QuerySideOptions {
  readonly ports: TocsinPorts;
  readonly options: Pick<TocsinOptions, 'query' | 'promql'>;
  readonly registry: Registry;
  readonly storage: Tsdb;
  /** The configuration at work. */
  readonly config: () => LoadedConfig;
}

/**
 * Everything that evaluates: an engine in the main thread for rules, which never wait for anybody's query, and threads
 * for the API's. Without threads (in simulation) the API's queries are evaluated in the main thread too, by an engine of
 * their own.
 */
export class QuerySide {
  /** For rules. */
  readonly engine: LocalQueryEngine;
  /** For the API. */
  readonly service: QueryService;
  readonly #log: QueryLog;
  readonly #threaded: ThreadedQueryService | undefined;

  constructor({ ports, options, registry, storage, config }: QuerySideOptions) {
    const { clock, files, threads } = ports;
    const logger = ports.logger.child({ component: 'query' });
    const metrics = new EngineMetrics(registry, options.query.maxConcurrency);
    this.#log = new QueryLog({ files, clock, logger, metrics });
    const monitor = new QueryMonitor({ clock, metrics, log: this.#log });
    const common = {
      ...options.query,
      storage,
      clock,
      logger,
      monitor,
      subqueryStepMs: () => config().global.evaluationIntervalMs,
    };
    const createEngine = (): LocalQueryEngine =>
      new LocalQueryEngine({ ...common, ...engineFeatures(options.promql) });
    this.engine = createEngine();
    if (threads === undefined) {
      this.service = new LocalQueryService(createEngine(), monitor, clock);
      return;
    }
    const threadMetrics = new ThreadMetrics(registry);
    const { starter, maxThreads, maxHeapMiB } = threads;
    this.#threaded = new ThreadedQueryService({
      ...common,
      threads: starter,
      metrics: threadMetrics,
      maxThreads,
      maxHeapMiB,
      features: options.promql,
    });
    this.service = this.#threaded;
  }

  /** Opens the query log and starts what there is to start. Rejects when the log cannot be written. */
  async start(config: LoadedConfig): Promise<void> {
    await this.useLog(config);
    this.#threaded?.start();
  }

  /** Opens the query log of a configuration, also when it is the same as before. */
  async useLog(config: LoadedConfig): Promise<void> {
    await this.#log.use(config.global.queryLogFile);
  }

  /** Ends what is being evaluated for the API; rules have stopped. */
  async stop(): Promise<void> {
    await this.#threaded?.close();
    await this.#log.close();
  }
}
