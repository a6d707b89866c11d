import type { Registry } from 'prom-client';
import { AuthorizedHttp } from '../core/authorized-http.ts';
import type { AuthorizedHttpOptions } from '../core/authorized-http.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { assert, errorText } from '../core/errors.ts';
import type { Labels } from '../core/labels.ts';
import type { Logger } from '../core/log.ts';
import type { DnsClient, FileSystem, HttpClient, Programs, Random } from '../core/ports.ts';
import { TaskScope } from '../core/task-scope.ts';
import { DiscoveryManager } from '../discovery/index.ts';
import type { TargetSets } from '../discovery/index.ts';
import type { SampleStorage } from '../storage/index.ts';
import { BodyBuffers } from './body.ts';
import type { ScrapeConfig } from './config.ts';
import { FailureLogs } from './failure-logs.ts';
import { scrapeFeatures } from './features.ts';
import type { ScrapeFeatures } from './features.ts';
import { ScrapeMetrics } from './metrics.ts';
import type { MetadataSize } from './metrics.ts';
import { SampleColumnsPool } from './sample-columns.ts';
import type { MetricMetadata } from './scrape-cache.ts';
import type { ScrapeLoop, TargetState } from './scrape-loop.ts';
import { ScrapePool } from './scrape-pool.ts';
import { seedOf } from './target.ts';
import type { Seed } from './target.ts';
import type { Shard } from './shard.ts';

const NO_FEATURES = scrapeFeatures(new Set());

/** Options of a {@link ScrapeManager}. */
export interface ScrapeManagerOptions {
  readonly clock: Clock;
  readonly http: HttpClient;
  readonly dns: DnsClient;
  readonly programs: Programs;
  readonly files: FileSystem;
  readonly storage: SampleStorage;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly random: Random;
  /** Name of this machine: replicas with other names scrape at other moments. */
  readonly hostname: string;
  /** Header of every scrape. */
  readonly userAgent: string;
  /** Which part of the targets is scraped here; all when absent. */
  readonly shard?: Shard;
  /** What `--enable-feature` asks for; nothing when absent. */
  readonly features?: ScrapeFeatures;
  /** For `proxy_from_environment` and discovery's credentials; nothing when absent. */
  readonly environment?: NonNullable<AuthorizedHttpOptions['environment']>;
  /** A scrape URL as the outside world reaches it; the same when absent. */
  readonly globalUrl?: (scrapeUrl: string) => string;
}

/** What is to be scraped. */
export interface ScrapeManagerConfig {
  /** Job names are unique. */
  readonly scrapeConfigs: readonly ScrapeConfig[];
  /** `global.external_labels`; with the host name they spread replicas. */
  readonly externalLabels: Labels;
}

/** A target that is being scraped, for `/api/v1/targets`. */
export interface ActiveTarget {
  readonly discoveredLabels: Labels;
  readonly labels: Labels;
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  readonly globalUrl: string;
  readonly lastError: string;
  readonly lastScrapeMs: number | undefined;
  readonly lastScrapeDurationMs: number;
  readonly health: TargetState['health'];
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
}

/** A target that relabelling dropped. */
interface DroppedTarget {
  readonly discoveredLabels: Labels;
  readonly scrapePool: string;
}

/** Everything that discovery found; sorted by pool, then URL. */
export interface TargetsView {
  readonly active: readonly ActiveTarget[];
  /** At most `keep_dropped_targets` of each pool. */
  readonly dropped: readonly DroppedTarget[];
  /** All that were dropped, by pool. */
  readonly droppedCounts: Readonly<Record<string, number>>;
}

/** What a target says of its metrics, for `/api/v1/targets/metadata`. */
export interface TargetMetadata {
  readonly target: Labels;
  readonly scrapePool: string;
  readonly metrics: readonly MetricMetadata[];
}

/**
 * Scrapes: discovers the targets of all jobs, runs a loop for each, and writes what they say to the storage.
 *
 * @see prometheus scrape/manager.go
 */
export class ScrapeManager {
  readonly #options: ScrapeManagerOptions;
  readonly #metrics: ScrapeMetrics;
  readonly #discovery: DiscoveryManager;
  readonly #tasks: TaskScope;
  readonly #pools = new Map<string, ScrapePool>();
  /** Loops that ended and whose stale markers are still to be written. */
  readonly #staleTimers = new Set<Timer>();
  readonly #buffers = new BodyBuffers();
  readonly #columns = new SampleColumnsPool();
  readonly #failureLogs: FailureLogs;
  #seed: Seed;
  #stopped = false;

  constructor(options: ScrapeManagerOptions) {
    this.#options = options;
    this.#seed = seedOf(options.hostname);
    this.#metrics = new ScrapeMetrics(options.registry, () => this.#metadataSizes());
    this.#tasks = new TaskScope((name, error) => {
      options.logger.error({ task: name, err: errorText(error) }, 'Scraping task failed');
    });
    const { clock, files, http, dns, programs, random, userAgent, logger, registry } = options;
    this.#failureLogs = new FailureLogs({ files, clock, logger });
    this.#discovery = new DiscoveryManager({
      name: 'scrape',
      clock,
      files,
      http,
      dns,
      programs,
      random,
      userAgent,
      environment: options.environment ?? {},
      logger,
      registry,
      onUpdate: (sets) => {
        this.#sync(sets);
      },
    });
  }

  /**
   * Makes scraping follow a config. Jobs that did not change are not touched; where a changed job's targets stay the
   * same, their series go on without a gap. Resolves when discovery follows it; loops that end finish their scrape.
   */
  async apply(config: ScrapeManagerConfig): Promise<void> {
    assert(!this.#stopped, 'a stopped scrape manager must not be configured');
    this.#seed = seedOf(this.#options.hostname + config.externalLabels.toString());
    const jobs = new Map(config.scrapeConfigs.map((job) => [job.jobName, job]));
    assert(jobs.size === config.scrapeConfigs.length, 'job names must be unique');
    for (const [name, pool] of this.#pools) {
      const job = jobs.get(name);
      if (job !== undefined) {
        pool.reload(job);
        continue;
      }
      this.#pools.delete(name);
      this.#tasks.spawn(`retire ${name}`, () => pool.stop(true));
    }
    for (const [name, job] of jobs) if (!this.#pools.has(name)) this.#pools.set(name, this.#makePool(job));
    await this.#discovery.apply(new Map([...jobs].map(([name, job]) => [name, job.discovery])));
  }

  /**
   * Opens the logs of failed scrapes that a config names, before {@link apply}. Rejects with TOCSIN_ERR_STORAGE, with nothing changed, when
   * one cannot be opened.
   */
  openLogs(scrapeConfigs: readonly ScrapeConfig[]): Promise<void> {
    return this.#failureLogs.use(new Set(scrapeConfigs.map((job) => job.scrapeFailureLogFile)));
  }

  /** Ends everything at once: scrapes under way are broken off and not recorded, no stale markers are written. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const timer of this.#staleTimers) timer.cancel();
    this.#staleTimers.clear();
    const ended = this.#tasks.stop();
    await Promise.all([...this.#pools.values()].map((pool) => pool.stop(false)));
    await Promise.all([ended, this.#discovery.stop()]);
    await this.#failureLogs.close();
    this.#pools.clear();
  }

  /** Names of the jobs, sorted. */
  scrapePools(): string[] {
    return [...this.#pools.keys()].sort();
  }

  /** Targets, as the API shows them. */
  targets(): TargetsView {
    const active: ActiveTarget[] = [];
    const dropped: DroppedTarget[] = [];
    const droppedCounts: Record<string, number> = {};
    const globalUrl = this.#options.globalUrl ?? ((url: string) => url);
    for (const scrapePool of this.scrapePools()) {
      const pool = this.#pools.get(scrapePool)!;
      for (const { target, discoveredLabels, state } of pool.activeTargets()) {
        active.push({
          discoveredLabels,
          labels: target.labels,
          scrapePool,
          scrapeUrl: target.url,
          globalUrl: globalUrl(target.url),
          ...state,
          scrapeIntervalMs: target.intervalMs,
          scrapeTimeoutMs: target.timeoutMs,
        });
      }
      for (const discoveredLabels of pool.dropped) dropped.push({ discoveredLabels, scrapePool });
      droppedCounts[scrapePool] = pool.droppedCount;
    }
    return { active, dropped, droppedCounts };
  }

  /** What each target last said of its metrics. */
  targetMetadata(): TargetMetadata[] {
    return this.scrapePools().flatMap((scrapePool) =>
      this.#pools
        .get(scrapePool)!
        .activeTargets()
        .map(({ target, cache }) => ({ target: target.labels, scrapePool, metrics: cache.metadata() })),
    );
  }

  /** Descriptions by metric family, each different one once. */
  metadata(): Map<string, MetricMetadata[]> {
    const families = new Map<string, Map<string, MetricMetadata>>();
    for (const { metrics } of this.targetMetadata()) {
      for (const metadata of metrics) {
        let different = families.get(metadata.family);
        if (different === undefined) families.set(metadata.family, (different = new Map()));
        different.set(JSON.stringify([metadata.type, metadata.unit, metadata.help]), metadata);
      }
    }
    return new Map([...families].map(([family, different]) => [family, [...different.values()]]));
  }

  #makePool(config: ScrapeConfig): ScrapePool {
    const { clock, storage, random, userAgent, http, files, environment, logger } = this.#options;
    return new ScrapePool(config, {
      clock,
      storage,
      random,
      userAgent,
      features: this.#options.features ?? NO_FEATURES,
      metrics: this.#metrics,
      seed: this.#seed,
      shard: this.#options.shard,
      buffers: this.#buffers,
      columns: this.#columns,
      failureLogs: this.#failureLogs,
      logger: logger.child({ scrape_pool: config.jobName }),
      spawn: (name, task) => {
        if (!this.#stopped) this.#tasks.spawn(name, task);
      },
      makeSend: (job) => {
        const authorized = new AuthorizedHttp({
          http,
          files,
          clock,
          random,
          config: job.http,
          ...(environment === undefined ? {} : { environment }),
        });
        return (request) => authorized.request(request);
      },
      onEnded: (loop) => {
        this.#scheduleStaleMarkers(loop);
      },
    });
  }

  #scheduleStaleMarkers(loop: ScrapeLoop): void {
    if (this.#stopped) return;
    const timer = this.#options.clock.setTimer(loop.staleMarkersDueMs, () => {
      this.#staleTimers.delete(timer);
      this.#tasks.spawn(`stale markers of ${loop.target.url}`, () => loop.writeStaleMarkers());
    });
    this.#staleTimers.add(timer);
  }

  #sync(sets: TargetSets): void {
    for (const [job, groups] of sets) this.#pools.get(job)?.sync(groups);
  }

  #metadataSizes(): MetadataSize[] {
    return [...this.#pools].map(([job, pool]) => {
      let count = 0;
      let bytes = 0;
      for (const { cache } of pool.activeTargets()) {
        const size = cache.metadataSize();
        count += size.count;
        bytes += size.bytes;
      }
      return { job, count, bytes };
    });
  }
}
