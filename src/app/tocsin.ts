import { type LoadedConfig, diffConfig, loadConfig } from '../config/index.ts';
import { TocsinError, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { SqlDatabase } from '../core/ports.ts';
import { type Registry, createRegistry } from '../core/metrics.ts';
import { AlertmanagerClient } from '../notify/index.ts';
import { parseOptionsOf } from '../promql/index.ts';
import { RuleManager, type RuleSettings } from '../rules/index.ts';
import { ScrapeManager } from '../scrape/index.ts';
import {
  RemoteReadServer,
  RemoteWrite,
  type Retention,
  StateStore,
  Tsdb,
  type WalReplayStatus,
} from '../storage/index.ts';
import { checkRuleTemplate, expandRuleTemplate } from '../template/index.ts';
import { AlertRouter } from './alert-router.ts';
import { AlertSide } from './alert-side.ts';
import { AppMetrics } from './metrics.ts';
import { DEFAULT_REMOTE_READ, DEFAULT_RETENTION_MS, type TocsinOptions } from './options.ts';
import { builtInRules, memoryLimit } from './memory-limit.ts';
import { type TocsinPorts, prepareDataFolder } from './ports.ts';
import { QuerySide } from './query-side.ts';
import { type Receivers, createReceivers } from './receivers.ts';
import { VERSION } from './version.ts';

/** The rooms at work. Scraping is started first, then the others in this order; they are stopped in the reverse one. */
export interface Rooms {
  readonly state: StateStore;
  readonly storage: Tsdb;
  readonly queries: QuerySide;
  readonly alertSide: AlertSide | undefined;
  readonly outside: AlertmanagerClient;
  readonly router: AlertRouter;
  readonly rules: RuleManager;
  readonly remoteWrite: RemoteWrite;
  readonly receivers: Receivers;
  readonly remoteRead: RemoteReadServer;
  readonly scrape: ScrapeManager;
}

/** How the last reload ended. */
export interface ReloadState {
  readonly ok: boolean;
  readonly atMs: number;
}

/**
 * A whole tocsin on the given ports: loads the configuration, starts the rooms, reloads, stops. It knows nothing of HTTP;
 * `server.ts` puts the API on top. Simulations and tests run it as it is.
 */
export class Tocsin {
  readonly options: TocsinOptions;
  readonly ports: TocsinPorts;
  readonly registry: Registry;
  readonly startedAtMs: number;
  readonly externalUrl: string;
  readonly #logger: Logger;
  readonly #metrics: AppMetrics;
  #config: LoadedConfig;
  #rooms: Rooms | undefined;
  #reload: ReloadState;
  #walReplay: WalReplayStatus = { min: 0, max: 0, current: 0 };
  #changes: Promise<void> = Promise.resolve();
  readonly #ending = new AbortController();
  #starting: Promise<void> | undefined;

  private constructor(options: TocsinOptions, ports: TocsinPorts, config: LoadedConfig, externalUrl: string) {
    this.options = options;
    this.ports = ports;
    this.registry = createRegistry();
    this.startedAtMs = ports.clock.nowMs();
    this.externalUrl = externalUrl;
    this.#logger = ports.logger;
    this.#config = config;
    this.#metrics = new AppMetrics(this.registry, this.startedAtMs);
    this.#reload = { ok: true, atMs: this.startedAtMs };
    this.#metrics.reloaded(true, this.startedAtMs, config.fingerprint);
  }

  /**
   * Loads the configuration; nothing runs yet. `externalUrl` has no trailing slash. Throws ConfigError with everything
   * that is wrong.
   */
  static async load(options: TocsinOptions, ports: TocsinPorts, externalUrl: string): Promise<Tocsin> {
    const config = await readConfig(options, ports);
    const tocsin = new Tocsin(options, ports, config, externalUrl);
    for (const warning of config.warnings) ports.logger.warn({ component: 'config' }, warning);
    return tocsin;
  }

  get config(): LoadedConfig {
    return this.#config;
  }

  get lastReload(): ReloadState {
    return this.#reload;
  }

  /** Segments of the write-ahead log: first, last, and the one being read; zeros before any is. */
  get walReplay(): WalReplayStatus {
    return this.#walReplay;
  }

  /** The rooms; undefined before {@link start} resolved and after {@link stop}. */
  get rooms(): Rooms | undefined {
    return this.#rooms;
  }

  /**
   * How long, and how much, is kept: what the file says, else the flags; flags that say nothing (or 0) mean 15 days.
   *
   * @see prometheus cmd/prometheus/main.go
   */
  get retention(): Retention {
    const { retention } = this.#config.storage;
    if (retention !== undefined) return retention;
    const { retentionMs: timeMs = 0, retentionBytes: sizeBytes = 0 } = this.options;
    return {
      timeMs: timeMs === 0 && sizeBytes === 0 ? DEFAULT_RETENTION_MS : timeMs,
      sizeBytes,
      percentage: 0,
    };
  }

  /** How many exemplars are kept. */
  get #maxExemplars(): number {
    return this.options.exemplarStorage === true ? this.#config.storage.maxExemplars : 0;
  }

  /**
   * Opens the data folder and starts everything: scraping before the log was read, the rest after it. What was opened is closed
   * again when something fails. Rejects with TOCSIN_ERR_CANCELLED when {@link interrupt} or {@link stop} comes before the end.
   */
  start(): Promise<void> {
    this.#starting = this.#startNow();
    return this.#starting;
  }

  /** Breaks off a start that is under way. */
  interrupt(): void {
    this.#ending.abort(new TocsinError('TOCSIN_ERR_CANCELLED', 'tocsin was stopped while it was starting'));
  }

  async #startNow(): Promise<void> {
    const { clock, files } = this.ports;
    const { signal } = this.#ending;
    signal.throwIfAborted();
    const stateFolder = await prepareDataFolder(files, this.options.dataPath);
    // First of all the lock of the folder: another process may be at work on the state.
    const storage = await this.#beginStorage();
    let database: SqlDatabase | undefined;
    let rooms: Rooms | undefined;
    try {
      database = this.ports.openState(stateFolder);
      const state = await StateStore.open(database, clock.nowMs());
      rooms = this.#createRooms(state, storage, stateFolder);
      await rooms.scrape.openLogs(this.#config.scrapeConfigs);
      await rooms.scrape.apply(this.#scrapeSetup(this.#config));
      rooms.queries.prepare();
      await beforeAbort(storage.ready, signal);
      await this.#startRooms(rooms);
      this.#rooms = rooms;
    } catch (error) {
      if (rooms !== undefined) await stopWork(rooms);
      await storage.close();
      await database?.close();
      throw error;
    }
  }

  /**
   * Loads the configuration anew and puts it to work, all or nothing: when anything is wrong everything stays as it was
   * and the error is thrown. Reloads run one after the other.
   */
  reload(): Promise<void> {
    const done = this.#changes.then(() => this.#reloadNow());
    this.#changes = done.catch(() => undefined);
    return done;
  }

  /** Whether the files on disk are other ones than those at work; undefined when they cannot be read. */
  async filesChanged(): Promise<boolean | undefined> {
    try {
      const config = await readConfig(this.options, this.ports);
      return config.fingerprint !== this.#config.fingerprint;
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      return undefined;
    }
  }

  /** Stops everything in order: what was acknowledged is on disk when it resolves. Idempotent; also during a start. */
  async stop(): Promise<void> {
    this.interrupt();
    await Promise.allSettled([this.#starting]);
    await this.#changes;
    const rooms = this.#rooms;
    if (rooms === undefined) return;
    this.#rooms = undefined;
    await stopWork(rooms);
    await rooms.storage.close();
    await rooms.state.close();
  }

  #beginStorage(): Promise<Tsdb> {
    const { clock, files, logger, process } = this.ports;
    return Tsdb.begin({
      files,
      clock,
      logger: logger.child({ component: 'tsdb' }),
      registry: this.registry,
      path: this.options.dataPath,
      random: this.ports.random,
      threads: this.ports.threads,
      retention: this.retention,
      maxExemplars: this.#maxExemplars,
      memoryLimit: memoryLimit(this.options, this.ports),
      chunkRangeMs: this.options.minBlockMs,
      maxBlockMs: this.options.maxBlockMs,
      chunkSegmentBytes: this.options.chunkSegmentBytes,
      ...(this.options.walSegmentBytes !== undefined && { walSegmentBytes: this.options.walSegmentBytes }),
      ...(this.options.walCompression !== undefined && { walCompression: this.options.walCompression }),
      lock: this.options.lockDataFolder ? process : undefined,
      onReplay: (status) => {
        this.#walReplay = status;
      },
    });
  }

  #createRooms(state: StateStore, storage: Tsdb, stateFolder: string): Rooms {
    const { options, ports, registry } = this;
    const { clock, files, http, dns, programs, random, logger, environment } = ports;
    const config = this.#config;
    storage.setOutOfOrderWindow(config.storage.outOfOrderTimeWindowMs);
    storage.setFloatEncoding(floatEncoding(config, options));
    const onFailure = (name: string, error: unknown): void => {
      this.#logger.error({ task: name, err: error }, 'Background work failed');
    };
    const queries = new QuerySide({ ports, options, registry, storage, config: () => this.#config });
    const alertSide =
      config.alertmanager &&
      new AlertSide({
        ports,
        state,
        registry,
        flags: options.alerts,
        externalUrl: this.externalUrl,
        onFailure,
      });
    const outside = new AlertmanagerClient({
      http,
      dns,
      programs,
      files,
      clock,
      random,
      registry,
      environment,
      logger: logger.child({ component: 'notifier' }),
      ...options.outsideAlertmanagers,
    });
    const router = new AlertRouter(
      { embedded: alertSide?.plane.store, outside },
      config.global.externalLabels,
      config.alerting.alertRelabelConfigs,
    );
    const rules = new RuleManager({
      clock,
      registry,
      engine: queries.engine,
      storage,
      reads: queries.fanout,
      builtIn: builtInRules(options, ports, registry),
      sink: router,
      logger: logger.child({ component: 'rules' }),
      expandTemplate: expandRuleTemplate,
      prepare: (labels) => router.prepare(labels),
      settings: this.#ruleSettings(config),
      onFailure,
    });
    const scrape = this.#createScrape(storage);
    const remoteWrite = this.#createRemoteWrite(storage, scrape, stateFolder);
    const receivers = createReceivers(options, ports, registry, storage, () => this.#config.otlp);
    const remoteRead = new RemoteReadServer({
      storage,
      threads: ports.threads,
      clock,
      logger: logger.child({ component: 'web' }),
      registry,
      externalLabels: () => this.#config.global.externalLabels,
      limits: options.remoteRead ?? DEFAULT_REMOTE_READ,
    });
    const outgoing = { outside, router, remoteWrite };
    return { state, storage, queries, alertSide, ...outgoing, rules, receivers, remoteRead, scrape };
  }

  #createScrape(storage: Tsdb): ScrapeManager {
    const { options, registry } = this;
    const { clock, http, dns, programs, files, random, environment, hostname, logger } = this.ports;
    return new ScrapeManager({
      clock,
      http,
      dns,
      programs,
      files,
      storage,
      registry,
      random,
      environment,
      logger: logger.child({ component: 'scrape' }),
      hostname,
      userAgent: `tocsin/${VERSION}`,
      ...(options.scrape !== undefined && { features: options.scrape }),
      ...(options.shard !== undefined && { shard: options.shard }),
    });
  }

  #createRemoteWrite(storage: Tsdb, scrape: ScrapeManager, stateFolder: string): RemoteWrite {
    const { options, registry } = this;
    const { clock, files, http, random, logger, environment } = this.ports;
    return new RemoteWrite({
      http,
      files,
      clock,
      random,
      registry,
      environment,
      logger: logger.child({ component: 'remote' }),
      log: sentLog(storage),
      folder: stateFolder,
      userAgent: `tocsin/${VERSION}`,
      flushMs: options.remoteFlushMs,
      families: () =>
        [...scrape.metadata()].flatMap(([family, all]) => all.map((metadata) => ({ ...metadata, family }))),
    });
  }

  async #startRooms(rooms: Rooms): Promise<void> {
    const config = this.#config;
    const { alertmanager } = config;
    if (alertmanager !== undefined) {
      if (config.alerting.alertmanagers.length > 0) {
        this.#logger.info(
          {},
          'Alerts go to the embedded Alertmanager and to those of alerting.alertmanagers',
        );
      }
      await rooms.alertSide?.start(alertmanager, this.ports.clock.nowMs());
    }
    await rooms.queries.start(config);
    await rooms.remoteWrite.start();
    await rooms.remoteWrite.apply(config.remoteWrite, config.global.externalLabels);
    await rooms.outside.apply(config.alerting);
    await rooms.rules.update(config.ruleFiles.flatMap(({ groups }) => groups));
    rooms.rules.start();
  }

  /** The feature `extra-scrape-metrics` switches on for all jobs what `extra_scrape_metrics` does for one. */
  #scrapeSetup(config: LoadedConfig): Parameters<ScrapeManager['apply']>[0] {
    const { externalLabels } = config.global;
    if (!this.options.extraScrapeMetrics) return { scrapeConfigs: config.scrapeConfigs, externalLabels };
    const scrapeConfigs = config.scrapeConfigs.map((job) => ({ ...job, extraScrapeMetrics: true }));
    return { scrapeConfigs, externalLabels };
  }

  #ruleSettings(config: LoadedConfig): RuleSettings {
    const { evaluationIntervalMs, ruleQueryOffsetMs, externalLabels } = config.global;
    const { resendDelayMs, gracePeriodMs, outageToleranceMs } = this.options.rules;
    return {
      evaluationIntervalMs,
      externalLabels,
      resendDelayMs,
      outageToleranceMs,
      queryOffsetMs: ruleQueryOffsetMs,
      forGracePeriodMs: gracePeriodMs,
      externalUrl: this.externalUrl,
    };
  }

  async #reloadNow(): Promise<void> {
    const nowMs = this.ports.clock.nowMs();
    try {
      const rooms = this.#rooms;
      if (rooms === undefined) throw new TocsinError('TOCSIN_ERR_CANCELLED', 'tocsin is not running');
      const next = await readConfig(this.options, this.ports);
      const changed = diffConfig(this.#config, next);
      const reloadAlerts = await this.#prepareAlertReload(rooms, next);
      await rooms.scrape.openLogs(next.scrapeConfigs);
      await rooms.queries.use(next);
      // From here on nothing can fail for what the files say.
      this.#config = next;
      rooms.storage.setRetention(this.retention);
      rooms.storage.setOutOfOrderWindow(next.storage.outOfOrderTimeWindowMs);
      rooms.storage.setFloatEncoding(floatEncoding(next, this.options));
      rooms.storage.exemplars.resize(this.#maxExemplars);
      rooms.router.apply(next.global.externalLabels, next.alerting.alertRelabelConfigs);
      await reloadAlerts();
      if (changed.has('remoteWrite')) {
        await rooms.remoteWrite.apply(next.remoteWrite, next.global.externalLabels);
      }
      await rooms.outside.apply(next.alerting);
      await rooms.rules.update(
        next.ruleFiles.flatMap(({ groups }) => groups),
        this.#ruleSettings(next),
      );
      await rooms.scrape.apply(this.#scrapeSetup(next));
      this.#reload = { ok: true, atMs: nowMs };
      this.#metrics.reloaded(true, nowMs, next.fingerprint);
      for (const warning of next.warnings) this.#logger.warn({ component: 'config' }, warning);
      this.#logger.info({ changed: [...changed].join(',') }, 'Completed loading of configuration file');
    } catch (error) {
      this.#reload = { ok: false, atMs: this.#reload.atMs };
      this.#metrics.reloaded(false, nowMs, '');
      this.#logger.error({ err: errorText(error) }, 'Loading the configuration failed; the old one stays');
      throw error;
    }
  }

  async #prepareAlertReload(rooms: Rooms, next: LoadedConfig): Promise<() => Promise<void>> {
    const had = this.#config.alertmanager !== undefined;
    const has = next.alertmanager !== undefined;
    if (had !== has) {
      const message = `the embedded Alertmanager would be switched ${has ? 'on' : 'off'}; that needs a restart`;
      throw new TocsinError('TOCSIN_ERR_CONFIG', message);
    }
    if (next.alertmanager === undefined || rooms.alertSide === undefined) return () => Promise.resolve();
    return rooms.alertSide.prepareReload(next.alertmanager);
  }
}

/** Ends what the rooms do, those that were not yet started too; what they work on stays open. */
async function stopWork(rooms: Rooms): Promise<void> {
  await rooms.scrape.stop();
  rooms.queries.stopReading();
  await rooms.rules.stop();
  await rooms.queries.stop();
  await rooms.remoteRead.close();
  // What scrapes and rules wrote last goes out too.
  await rooms.remoteWrite.stop();
  await rooms.outside.stop();
  await rooms.alertSide?.stop();
}

function sentLog(storage: Tsdb): ConstructorParameters<typeof RemoteWrite>[0]['log'] {
  const { folder, start } = storage.wal;
  return { folder, start, progress: storage.wal, hold: (segment) => storage.holdWal(segment) };
}

/** Waits for work, but no longer than until the signal: then it rejects with its reason, and the work goes on. */
async function beforeAbort(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(signal.reason as Error);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** What the file says, else the flags. */
function floatEncoding({ storage }: LoadedConfig, options: TocsinOptions): 'xor' | 'xor2' {
  return storage.floatEncoding ?? options.floatEncoding ?? 'xor';
}

async function readConfig(options: TocsinOptions, ports: TocsinPorts): Promise<LoadedConfig> {
  const { configFile, alertmanagerConfigFile } = options;
  const config = await loadConfig(ports.files, {
    ...(configFile !== undefined && { configFile }),
    ...(alertmanagerConfigFile !== undefined && { alertmanagerConfigFile }),
    environment: ports.environment,
    rules: { checkTemplate: checkRuleTemplate, promql: parseOptionsOf(options.promql) },
  });
  if (options.storesStarts === true && floatEncoding(config, options) === 'xor') {
    const message =
      'float chunk encoding "xor" is incompatible with start-timestamp storage (--enable-feature=st-storage): XOR chunks do not store start timestamps; set storage.tsdb.chunk_encoding.floats to "xor2"';
    throw new TocsinError('TOCSIN_ERR_CONFIG', `${config.fileName}: ${message}`);
  }
  return config;
}
