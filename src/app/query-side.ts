import type { LoadedConfig } from '../config/index.ts';
import type { Registry } from '../core/metrics.ts';
import {
  EngineMetrics,
  LocalQueryEngine,
  LocalQueryService,
  type QueryEngine,
  QueryLog,
  QueryMonitor,
  type QueryService,
  RemoteApi,
  RemoteQueryEngine,
  RemoteQueryService,
  RemoteReadableStorage,
  ThreadMetrics,
  ThreadedQueryService,
  engineFeatures,
} from '../promql/index.ts';
import type { ReadableStorage, Tsdb } from '../storage/index.ts';
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

/** Who answers at present. */
interface Answering {
  readonly engine: QueryEngine;
  readonly service: QueryService;
  readonly readable: ReadableStorage;
}

/**
 * Everything that evaluates: an engine in the main thread for rules, which never wait for anybody's query, and threads
 * for the API's. Without threads (in simulation) the API's queries are evaluated in the main thread too, by an engine of
 * their own. With `remote_storage:` another engine evaluates both.
 */
export class QuerySide {
  /** For rules. */
  readonly engine: QueryEngine = {
    instant: (...asked) => this.#answering.engine.instant(...asked),
    range: (...asked) => this.#answering.engine.range(...asked),
  };
  /** For the API. */
  readonly service: QueryService = {
    answer: (request, signal) => this.#answering.service.answer(request, signal),
    list: () => this.#monitor.list(),
    kill: (id, why) => this.#monitor.kill(id, why),
  };
  /** Series, labels and samples for the API. */
  readonly readable: ReadableStorage = {
    querier: (minMs, maxMs) => this.#answering.readable.querier(minMs, maxMs),
  };
  readonly #ports: TocsinPorts;
  readonly #monitor: QueryMonitor;
  readonly #log: QueryLog;
  readonly #threaded: ThreadedQueryService | undefined;
  readonly #local: Answering;
  #answering: Answering;
  #remoteFingerprint = '';

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
    const engine = createEngine();
    this.#ports = ports;
    this.#monitor = monitor;
    if (threads === undefined) {
      const service = new LocalQueryService(createEngine(), monitor, clock);
      this.#answering = this.#local = { engine, service, readable: storage };
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
    this.#answering = this.#local = { engine, service: this.#threaded, readable: storage };
  }

  /** Opens the query log and starts what there is to start. Rejects when the log cannot be written. */
  async start(config: LoadedConfig): Promise<void> {
    await this.use(config);
    this.#threaded?.start();
  }

  /**
   * Opens the query log of a configuration, also when it is the same as before, and takes on its `remote_storage`. Queries
   * under way end where they began. Rejects when the log cannot be written; nothing has changed then.
   */
  async use(config: LoadedConfig): Promise<void> {
    await this.#log.use(config.global.queryLogFile);
    const fingerprint = config.fingerprints.remoteStorage;
    if (fingerprint === this.#remoteFingerprint) return;
    this.#remoteFingerprint = fingerprint;
    this.#answering = config.remoteStorage === undefined ? this.#local : this.#remote(config.remoteStorage);
  }

  #remote(config: NonNullable<LoadedConfig['remoteStorage']>): Answering {
    const { clock, files, http, environment } = this.#ports;
    const api = new RemoteApi({ config, http, files, clock, environment });
    return {
      engine: new RemoteQueryEngine({ api, monitor: this.#monitor, clock }),
      service: new RemoteQueryService(api, this.#monitor, clock),
      readable: new RemoteReadableStorage(api),
    };
  }

  /** Ends what is being evaluated for the API; rules have stopped. */
  async stop(): Promise<void> {
    await this.#threaded?.close();
    await this.#log.close();
  }
}
