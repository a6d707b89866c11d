import type { LoadedConfig } from '../config/index.ts';
import type { Registry } from '../core/metrics.ts';
import {
  EngineMetrics,
  LocalQueryEngine,
  LocalQueryService,
  type QueryEngine,
  QueryLog,
  QueryMonitor,
  type QueryAnswerer,
  type QueryService,
  RemoteApi,
  RemoteQueryEngine,
  RemoteQueryService,
  RemoteReadableStorage,
  ThreadMetrics,
  ThreadedQueryService,
  engineFeatures,
  parseOptionsOf,
} from '../promql/index.ts';
import { FanoutStorage, type ReadableStorage, RemoteReadClient, type Tsdb } from '../storage/index.ts';
import { Pacer } from '../core/pacer.ts';
import { VERSION } from './version.ts';
import type { TocsinOptions } from './options.ts';
import type { TocsinPorts } from './ports.ts';

/** Length of blocks when nobody says. */
const DEFAULT_BLOCK_MS = 2 * 60 * 60 * 1000;
/** Longest stretch of putting together what others gave without giving other work a turn. */
const STRETCH_MS = 5;

/** What a {@link QuerySide} is made of. */
export interface QuerySideOptions {
  readonly ports: TocsinPorts;
  readonly options: Pick<TocsinOptions, 'query' | 'promql' | 'minBlockMs'>;
  readonly registry: Registry;
  readonly storage: Tsdb;
  /** The configuration at work. */
  readonly config: () => LoadedConfig;
}

/** Who answers at present. */
interface Answering {
  readonly engine: QueryEngine;
  readonly service: QueryAnswerer;
  readonly readable: ReadableStorage;
  /** For `/federate`: what `remote_read` has is not in it. */
  readonly federated: ReadableStorage;
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
    print: (query, form, signal) => this.#printer.print(query, form, signal),
    list: () => this.#monitor.list(),
    kill: (id, why) => this.#monitor.kill(id, why),
  };
  /** Series, labels and samples for the API. */
  readonly readable: ReadableStorage = {
    querier: (minMs, maxMs) => this.#answering.readable.querier(minMs, maxMs),
  };
  /** Samples for `/federate`. */
  readonly federated: ReadableStorage = {
    querier: (minMs, maxMs) => this.#answering.federated.querier(minMs, maxMs),
  };
  /** What is here, and what `remote_read` has. */
  readonly fanout: ReadableStorage;
  readonly #remoteRead: RemoteReadClient;
  readonly #ports: TocsinPorts;
  readonly #monitor: QueryMonitor;
  readonly #log: QueryLog;
  readonly #threaded: ThreadedQueryService | undefined;
  readonly #local: Answering;
  /** Reads expressions, whoever evaluates them. */
  readonly #printer: QueryService;
  #answering: Answering;
  #remoteFingerprint = '';
  #readFingerprint = '';

  constructor({ ports, options, registry, storage, config }: QuerySideOptions) {
    const { clock, files, threads } = ports;
    const logger = ports.logger.child({ component: 'query' });
    const metrics = new EngineMetrics(registry, options.query.maxConcurrency);
    this.#log = new QueryLog({ files, clock, logger, metrics });
    const monitor = new QueryMonitor({ clock, metrics, log: this.#log });
    this.#remoteRead = new RemoteReadClient({
      http: ports.http,
      files,
      clock,
      random: ports.random,
      logger: ports.logger.child({ component: 'remote' }),
      registry,
      environment: ports.environment,
      userAgent: `tocsin/${VERSION}`,
      localStartMs: () => localStartMs(storage, options.minBlockMs ?? DEFAULT_BLOCK_MS),
    });
    const pacer = new Pacer(clock, STRETCH_MS);
    this.fanout = new FanoutStorage({
      local: storage,
      view: () => this.#remoteRead.view,
      transport: this.#remoteRead,
      pause: () => pacer.pause(),
    });
    const readable = this.fanout;
    const common = {
      ...options.query,
      clock,
      logger,
      monitor,
      subqueryStepMs: () => config().global.evaluationIntervalMs,
    };
    const createEngine = (): LocalQueryEngine =>
      new LocalQueryEngine({ ...common, storage: readable, ...engineFeatures(options.promql) });
    const engine = createEngine();
    this.#ports = ports;
    this.#monitor = monitor;
    if (threads === undefined) {
      const service = new LocalQueryService(createEngine(), monitor, clock, parseOptionsOf(options.promql));
      this.#printer = service;
      this.#answering = this.#local = { engine, service, readable, federated: storage };
      return;
    }
    const threadMetrics = new ThreadMetrics(registry);
    const { starter, maxThreads, maxHeapMiB } = threads;
    this.#threaded = new ThreadedQueryService({
      ...common,
      storage,
      remoteRead: this.#remoteRead,
      threads: starter,
      metrics: threadMetrics,
      maxThreads,
      maxHeapMiB,
      features: options.promql,
    });
    this.#printer = this.#threaded;
    this.#answering = this.#local = { engine, service: this.#threaded, readable, federated: storage };
  }

  /** Has a thread ready for the first query, while what it will read is still being prepared. */
  prepare(): void {
    this.#threaded?.start();
  }

  /** Opens the query log. Rejects when it cannot be written. */
  start(config: LoadedConfig): Promise<void> {
    return this.use(config);
  }

  /**
   * Opens the query log of a configuration, also when it is the same as before, and takes on its `remote_read` and `remote_storage`. Queries
   * under way end where they began. Rejects when the log cannot be written; nothing has changed then.
   */
  async use(config: LoadedConfig): Promise<void> {
    await this.#log.use(config.global.queryLogFile);
    if (config.fingerprints.remoteRead !== this.#readFingerprint) {
      this.#readFingerprint = config.fingerprints.remoteRead;
      this.#remoteRead.apply(config.remoteRead, config.global.externalLabels);
    }
    const fingerprint = config.fingerprints.remoteStorage;
    if (fingerprint === this.#remoteFingerprint) return;
    this.#remoteFingerprint = fingerprint;
    this.#answering = config.remoteStorage === undefined ? this.#local : this.#remote(config.remoteStorage);
  }

  #remote(config: NonNullable<LoadedConfig['remoteStorage']>): Answering {
    const { clock, files, http, random, environment } = this.#ports;
    const api = new RemoteApi({ config, http, files, clock, random, environment });
    return {
      engine: new RemoteQueryEngine({ api, monitor: this.#monitor, clock }),
      service: new RemoteQueryService(api, this.#monitor, clock),
      readable: new RemoteReadableStorage(api),
      federated: new RemoteReadableStorage(api),
    };
  }

  /** Ends what is being read elsewhere: rules that wait for it would hold up a stop. */
  stopReading(): void {
    this.#remoteRead.stop();
  }

  /** Ends what is being evaluated for the API; rules have stopped. */
  async stop(): Promise<void> {
    await this.#threaded?.close();
    await this.#log.close();
  }
}

/**
 * From when on everything is here: some time after the oldest sample, for a start takes a while.
 *
 * @see prometheus cmd/prometheus/main.go readyStorage.StartTime
 */
function localStartMs(storage: Tsdb, blockMs: number): number {
  const oldestMs = storage.blocks[0]?.meta.minTime ?? storage.stats().minTimeMs;
  return oldestMs === undefined ? Infinity : oldestMs + 2 * blockMs;
}
