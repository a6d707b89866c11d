import { formatDuration } from '../core/duration.ts';
import type { Labels } from '../core/labels.ts';
import { Pacer } from '../core/pacer.ts';
import type { Random } from '../core/ports.ts';
import type { TargetGroup } from '../discovery/index.ts';
import type { ScrapeConfig } from './config.ts';
import { configKey } from '../core/config-key.ts';
import type { SendRequest } from './fetch-body.ts';
import { shardOf } from './shard.ts';
import type { Shard } from './shard.ts';
import { ScrapeCache } from './scrape-cache.ts';
import { ScrapeLoop } from './scrape-loop.ts';
import type { ScrapeSurroundings, TargetState } from './scrape-loop.ts';
import { targetsOfGroup } from './target.ts';
import type { Target } from './target.ts';

/** What a {@link ScrapePool} works with. */
export interface ScrapePoolOptions extends ScrapeSurroundings {
  readonly random: Random;
  /** All targets when undefined. */
  readonly shard: Shard | undefined;
  /** Makes the request function of a config. */
  readonly makeSend: (config: ScrapeConfig) => SendRequest;
  /** Takes a loop that ended for good and has stale markers to write later. */
  readonly onEnded: (loop: ScrapeLoop) => void;
}

/** A target that is being scraped. */
export interface PoolTarget {
  readonly target: Target;
  readonly discoveredLabels: Labels;
  readonly state: TargetState;
  readonly cache: ScrapeCache;
}

/** Work on the targets of a job lets others have a turn after so long. */
const TURN_MS = 8;

interface Entry {
  readonly loop: ScrapeLoop;
  readonly config: ScrapeConfig;
  /** Newest of the equal targets found. */
  discoveredLabels: Labels;
}

/** What of a config decides how lines become series: while it stays, what is known of a target's lines stays too. */
function cacheKeyOf(config: ScrapeConfig): string {
  return configKey({
    honorLabels: config.honorLabels,
    honorTimestamps: config.honorTimestamps,
    trackTimestampsStaleness: config.trackTimestampsStaleness,
    labelLimit: config.labelLimit,
    labelNameLengthLimit: config.labelNameLengthLimit,
    labelValueLengthLimit: config.labelValueLengthLimit,
    validation: config.metricNameValidationScheme,
    fallback: config.fallbackScrapeProtocol,
    metricRelabelConfigs: config.metricRelabelConfigs,
  });
}

/**
 * The targets of one job and their loops. Groups and configs may change at any time; the pool makes its loops be those
 * of the newest, keeping what did not change.
 *
 * @see prometheus scrape/scrape.go scrapePool
 */
export class ScrapePool {
  readonly #options: ScrapePoolOptions;
  #config: ScrapeConfig;
  #configKey: string;
  #cacheKey: string;
  #send: SendRequest;
  #groups: readonly TargetGroup[] | undefined;
  #version = 0;
  #syncing = false;
  #stopped = false;
  readonly #entries = new Map<string, Entry>();
  /** Loops that are no longer among the entries and have not been told to end. */
  readonly #ending = new Set<ScrapeLoop>();
  #dropped: Labels[] = [];
  #droppedCount = 0;

  constructor(config: ScrapeConfig, options: ScrapePoolOptions) {
    this.#options = options;
    this.#config = config;
    this.#configKey = configKey(config);
    this.#cacheKey = cacheKeyOf(config);
    this.#send = options.makeSend(config);
    options.metrics.pools.inc();
    this.#setLimitMetric();
  }

  get jobName(): string {
    return this.#config.jobName;
  }

  /** Targets being scraped, sorted by URL. */
  activeTargets(): PoolTarget[] {
    const targets = [...this.#entries.values()].map(({ loop, discoveredLabels }) => ({
      target: loop.target,
      discoveredLabels,
      state: loop.state,
      cache: loop.cache,
    }));
    return targets.sort((a, b) => (a.target.url < b.target.url ? -1 : a.target.url > b.target.url ? 1 : 0));
  }

  /** Discovered labels of targets that relabelling dropped, as many as `keep_dropped_targets` keeps. */
  get dropped(): readonly Labels[] {
    return this.#dropped;
  }

  /** How many targets relabelling dropped. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /** Takes the newest target groups. */
  sync(groups: readonly TargetGroup[]): void {
    this.#groups = groups;
    this.#version++;
    this.#startSync();
  }

  /** Takes a new config; nothing happens when it means the same as the present one. */
  reload(config: ScrapeConfig): void {
    const key = configKey(config);
    if (key === this.#configKey) return;
    this.#configKey = key;
    this.#config = config;
    this.#send = this.#options.makeSend(config);
    this.#options.metrics.poolReloads.inc();
    this.#setLimitMetric();
    this.#version++;
    this.#startSync();
  }

  /** Ends all loops; their stale markers follow only when `retire` says that the job is gone for good. */
  async stop(retire: boolean): Promise<void> {
    this.#stopped = true;
    const loops = [...this.#ending, ...[...this.#entries.values()].map((entry) => entry.loop)];
    this.#entries.clear();
    this.#ending.clear();
    await Promise.all(loops.map((loop) => loop.stop()));
    if (retire) loops.forEach(this.#options.onEnded);
    this.#options.metrics.forgetJob(this.jobName);
  }

  #setLimitMetric(): void {
    this.#options.metrics.poolTargetLimit.set({ scrape_job: this.jobName }, this.#config.targetLimit);
  }

  #startSync(): void {
    if (this.#syncing || this.#stopped) return;
    this.#syncing = true;
    this.#options.spawn(`sync ${this.jobName}`, (signal) => this.#syncUntilNewest(signal));
  }

  async #syncUntilNewest(signal: AbortSignal): Promise<void> {
    try {
      for (let done = -1; done !== this.#version && !this.#stopped && !signal.aborted;) {
        done = this.#version;
        await this.#syncOnce();
      }
    } finally {
      this.#syncing = false;
    }
  }

  async #syncOnce(): Promise<void> {
    const { clock, metrics, logger } = this.#options;
    const config = this.#config;
    const groups = this.#groups;
    if (groups === undefined) return;
    const version = this.#version;
    const startMs = clock.monotonicMs();
    let turnStartMs = startMs;
    const targets = new Map<string, Target>();
    const dropped: Labels[] = [];
    let droppedCount = 0;
    let othersCount = 0;
    for (const group of groups) {
      for (const result of targetsOfGroup(group, config)) {
        if (result.kind === 'active') {
          // Equal targets are one.
          if (this.#isOurs(result.target)) targets.set(result.target.key, result.target);
          else othersCount++;
        } else if (result.kind === 'dropped') {
          const keep = config.keepDroppedTargets;
          if (keep === 0 || dropped.length < keep) dropped.push(result.discoveredLabels);
          droppedCount++;
        } else {
          metrics.syncFailed.inc({ scrape_job: config.jobName });
          const address = result.discoveredLabels.get('__address__');
          logger.error({ err: result.reason, group: group.source, address }, 'Creating target failed');
        }
        if (clock.monotonicMs() - turnStartMs > TURN_MS) {
          await clock.yieldTurn();
          turnStartMs = clock.monotonicMs();
          if (this.#version !== version || this.#stopped) return;
        }
      }
    }
    this.#dropped = dropped;
    this.#droppedCount = droppedCount;
    if (this.#options.shard !== undefined)
      metrics.poolTargetsOfOthers.set({ scrape_job: config.jobName }, othersCount);
    await this.#replaceLoops(targets, config);
    if (this.#stopped) return;
    const seconds = (clock.monotonicMs() - startMs) / 1000;
    const job = { scrape_job: config.jobName };
    metrics.syncLength.observe(job, seconds);
    metrics.syncLengthHistogram.observe(job, seconds);
    metrics.syncs.inc(job);
    metrics.reloadLength.observe({ interval: formatDuration(config.scrapeIntervalMs) }, seconds);
  }

  #isOurs(target: Target): boolean {
    const { shard } = this.#options;
    return shard === undefined || shardOf(target.identity, shard.count) === shard.index;
  }

  /** Makes the loops be those of `targets` under `config`; in stretches, and not to its end when the pool is stopped. */
  async #replaceLoops(targets: ReadonlyMap<string, Target>, config: ScrapeConfig): Promise<void> {
    const cacheKey = cacheKeyOf(config);
    const keepsCaches = cacheKey === this.#cacheKey;
    this.#cacheKey = cacheKey;
    /** Loops that end, by the identity of their targets: a new loop of the same target goes on where one ended. */
    const ending = new Map<string, ScrapeLoop[]>();
    for (const [key, entry] of this.#entries) {
      const target = targets.get(key);
      if (target !== undefined && entry.config === config) {
        entry.discoveredLabels = target.discoveredLabels;
        continue;
      }
      this.#entries.delete(key);
      this.#ending.add(entry.loop);
      const { identity } = entry.loop.target;
      ending.set(identity, [...(ending.get(identity) ?? []), entry.loop]);
    }
    const limitError = this.#targetLimitError(targets.size, config);
    for (const { loop } of this.#entries.values()) loop.setForcedError(limitError);
    const pacer = new Pacer(this.#options.clock, TURN_MS);
    for (const [key, target] of targets) {
      if (this.#entries.has(key)) continue;
      const former = ending.get(target.identity)?.shift();
      if (former !== undefined) this.#ending.delete(former);
      this.#begin(target, config, former, { keepsCaches, limitError });
      if (pacer.isDue) await pacer.pause();
      if (this.#stopped) return;
    }
    for (const loop of this.#ending) {
      this.#ending.delete(loop);
      this.#end(loop);
      if (pacer.isDue) await pacer.pause();
    }
    if (this.#stopped) return;
    this.#options.metrics.poolTargets.set({ scrape_job: config.jobName }, this.#entries.size);
  }

  /** Starts the loop of a target, after the loop it replaces has come to rest. */
  #begin(
    target: Target,
    config: ScrapeConfig,
    former: ScrapeLoop | undefined,
    { keepsCaches, limitError }: { readonly keepsCaches: boolean; readonly limitError: string | undefined },
  ): void {
    const { logger, random, spawn } = this.#options;
    const goesOn = former !== undefined && keepsCaches;
    const loop = new ScrapeLoop({
      ...this.#options,
      config,
      target,
      logger: logger.child({ target: target.url }),
      send: this.#send,
      cache: goesOn ? former.cache : new ScrapeCache(Math.floor(random.next() * 2 ** 32)),
      ...(former === undefined ? {} : { state: former.state }),
    });
    loop.setForcedError(limitError);
    this.#entries.set(target.key, { loop, config, discoveredLabels: target.discoveredLabels });
    if (former === undefined) {
      loop.start();
      return;
    }
    spawn(`replace ${target.url}`, async () => {
      await former.stop();
      if (!goesOn) this.#options.onEnded(former);
      loop.start();
    });
  }

  #end(loop: ScrapeLoop): void {
    this.#options.spawn(`end ${loop.target.url}`, async () => {
      await loop.stop();
      this.#options.onEnded(loop);
    });
  }

  /** What every scrape fails with while there are `count` targets; undefined when that is not too many. */
  #targetLimitError(count: number, { targetLimit }: ScrapeConfig): string | undefined {
    if (targetLimit === 0 || count <= targetLimit) return undefined;
    this.#options.metrics.targetLimitExceeded.inc();
    return `target_limit exceeded (number of targets: ${count}, limit: ${targetLimit})`;
  }
}
