import type { Registry } from 'prom-client';
import type { Timer } from '../core/clock.ts';
import { assert, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { TaskScope } from '../core/task-scope.ts';
import { DiscoveryMetrics } from './metrics.ts';
import { makeProviderContext } from './provider.ts';
import type { DiscoveryConfig, DiscoveryPorts, Provider } from './provider.ts';
import { staticDiscovery } from './static-provider.ts';
import type { TargetGroup } from './target-group.ts';

/** All groups of every set (job), also of sets that have none now. */
export type TargetSets = ReadonlyMap<string, readonly TargetGroup[]>;

/** Options of a {@link DiscoveryManager}. */
export interface DiscoveryManagerOptions extends DiscoveryPorts {
  /** Whose discovery this is, for metrics: `scrape` or `notify`. */
  readonly name: string;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Called with everything known whenever something changed; at once after `apply`, then at most every five seconds. */
  readonly onUpdate: (sets: TargetSets) => void;
}

/** Updates that come together are sent together: this long after the first. */
const SETTLE_MS = 100;
/** Shortest time between two updates. */
const THROTTLE_MS = 5000;
/** A provider that failed with a bug of its own is started again after this. */
const RESTART_MS = 60_000;

interface RunningProvider {
  readonly config: DiscoveryConfig;
  readonly scope: TaskScope;
  readonly groups: Map<string, TargetGroup>;
  sets: ReadonlySet<string>;
}

/**
 * Runs the providers of all sets and tells of the groups they find. Equal configs share a provider; what a reload does
 * not change keeps running.
 *
 * @see prometheus discovery/manager.go
 */
export class DiscoveryManager {
  readonly #options: DiscoveryManagerOptions;
  readonly #metrics: DiscoveryMetrics;
  readonly #providers = new Map<string, RunningProvider>();
  #setNames: readonly string[] = [];
  #timer: Timer | undefined;
  #lastSentMs = -Infinity;
  #stopped = false;

  constructor(options: DiscoveryManagerOptions) {
    this.#options = options;
    this.#metrics = DiscoveryMetrics.in(options.registry);
  }

  /** Makes the providers be those of `configs` (by set). Resolves when the ones not needed any more have ended. */
  async apply(configs: ReadonlyMap<string, readonly DiscoveryConfig[]>): Promise<void> {
    assert(!this.#stopped, 'a stopped discovery manager must not be configured');
    const wanted = new Map<string, { config: DiscoveryConfig; sets: Set<string> }>();
    for (const [set, list] of configs) {
      // A set without any discovery is told about too: it has no targets.
      for (const config of list.length > 0 ? list : [staticDiscovery([])]) {
        const entry = wanted.get(config.key);
        if (entry === undefined) wanted.set(config.key, { config, sets: new Set([set]) });
        else entry.sets.add(set);
      }
    }
    const ended: Promise<void>[] = [];
    for (const [key, provider] of this.#providers) {
      if (wanted.has(key)) continue;
      this.#providers.delete(key);
      ended.push(provider.scope.stop());
    }
    for (const set of this.#setNames) if (!configs.has(set)) this.#forgetSet(set);
    this.#setNames = [...configs.keys()];
    for (const [key, { config, sets }] of wanted) {
      const running = this.#providers.get(key);
      if (running === undefined) this.#start(key, config, sets);
      else running.sets = sets;
    }
    this.#metrics.failedConfigs.set({ name: this.#options.name }, 0);
    this.#lastSentMs = -Infinity;
    this.#schedule();
    await Promise.all(ended);
  }

  /** Ends all providers. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await Promise.all([...this.#providers.values()].map((provider) => provider.scope.stop()));
    this.#providers.clear();
  }

  #start(key: string, config: DiscoveryConfig, sets: ReadonlySet<string>): void {
    const logger = this.#options.logger.child({ discovery: config.kind, config: [...sets].join(',') });
    const scope = new TaskScope((_, error) => {
      logger.error({ err: errorText(error) }, 'Discovery ended unexpectedly');
    });
    const running: RunningProvider = { config, scope, groups: new Map(), sets };
    this.#providers.set(key, running);
    const [setName = ''] = sets;
    const context = makeProviderContext(this.#options, { logger, metrics: this.#metrics, setName });
    const provider = config.createProvider(context);
    scope.spawn(key, (signal) => this.#run(provider, running, logger, signal));
  }

  async #run(
    provider: Provider,
    running: RunningProvider,
    logger: Logger,
    signal: AbortSignal,
  ): Promise<void> {
    for (;;) {
      try {
        await provider.run((groups) => {
          this.#receive(running, groups, signal);
        }, signal);
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        logger.error({ err: errorText(error) }, 'Discovery failed; its targets stay, it is started again');
        await this.#options.clock.sleep(RESTART_MS, signal);
      }
    }
  }

  #receive(running: RunningProvider, groups: readonly TargetGroup[], signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#metrics.receivedUpdates.inc({ name: this.#options.name });
    for (const group of groups) {
      if (group.targets.length > 0) running.groups.set(group.source, group);
      else running.groups.delete(group.source);
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    const atMs = Math.max(nowMs + SETTLE_MS, this.#lastSentMs + THROTTLE_MS);
    if (this.#timer !== undefined) {
      if (this.#timerMs <= atMs) return;
      this.#timer.cancel();
    }
    if (atMs > nowMs + SETTLE_MS) this.#metrics.delayedUpdates.inc({ name: this.#options.name });
    this.#timerMs = atMs;
    this.#timer = clock.setTimer(atMs, () => {
      this.#timer = undefined;
      this.#send();
    });
  }

  #timerMs = 0;

  #send(): void {
    const { clock, name, onUpdate } = this.#options;
    const nowMs = clock.nowMs();
    this.#lastSentMs = nowMs;
    const sets = new Map<string, TargetGroup[]>(this.#setNames.map((set) => [set, []]));
    for (const provider of this.#providers.values()) {
      for (const set of provider.sets) {
        const groups = sets.get(set);
        // Not push(...groups): an argument each would be too many where there are a hundred thousand.
        if (groups !== undefined) for (const group of provider.groups.values()) groups.push(group);
      }
    }
    for (const [set, groups] of sets) {
      const count = groups.reduce((sum, group) => sum + group.targets.length, 0);
      this.#metrics.discoveredTargets.set({ name, config: set }, count);
      this.#metrics.lastUpdate.set({ name, config: set }, nowMs / 1000);
    }
    this.#metrics.sentUpdates.inc({ name });
    onUpdate(sets);
  }

  #forgetSet(set: string): void {
    const { name } = this.#options;
    this.#metrics.discoveredTargets.remove({ name, config: set });
    this.#metrics.lastUpdate.remove({ name, config: set });
  }
}
