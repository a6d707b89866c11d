import type { AlertSink } from '../alerts/index.ts';
import type { Clock } from '../core/clock.ts';
import { assert, errorText } from '../core/errors.ts';
import type { Labels } from '../core/labels.ts';
import { compareText } from '../core/labels.ts';
import type { Logger } from '../core/log.ts';
import type { Registry } from '../core/metrics.ts';
import { TaskScope } from '../core/task-scope.ts';
import type { QueryEngine } from '../promql/index.ts';
import type { ReadableStorage, SampleStorage } from '../storage/index.ts';
import { expandRuleTemplate } from '../template/index.ts';
import type { RuleGroupConfig } from './config.ts';
import { RuleGroup, groupKey } from './group.ts';
import type { RuleGroupView } from './group.ts';
import { RuleMetrics } from './metrics.ts';
import type { ExpandTemplate, RulePorts, RuleSettings } from './ports.ts';
import type { ActiveAlertView } from './rule.ts';

/** Rules that look at the program itself. */
export interface BuiltInRules {
  readonly groups: readonly RuleGroupConfig[];
  readonly engine: QueryEngine;
  readonly reads: ReadableStorage;
}

/** What {@link RuleManager} works with. */
export interface RuleManagerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly engine: QueryEngine;
  readonly storage: SampleStorage;
  /** Where expressions find their samples; {@link storage} when absent. */
  readonly reads?: ReadableStorage;
  readonly sink: AlertSink;
  readonly settings: RuleSettings;
  /** External labels, then alert_relabel_configs; undefined drops the alert. */
  readonly prepare: (labels: Labels) => Labels | undefined;
  /** {@link expandRuleTemplate} when absent. */
  readonly expandTemplate?: ExpandTemplate;
  /** Groups that are always there, besides those of {@link RuleManager.update}, and what evaluates them. */
  readonly builtIn?: BuiltInRules | undefined;
  /** Told of a group that ended by a bug; logs it when absent. */
  readonly onFailure?: (name: string, error: unknown) => void;
}

/**
 * All rule groups of the program. Groups run side by side, each on its own slots; nothing runs before {@link start}, so
 * that rules don't see a storage that is still loading.
 *
 * @see prometheus rules/manager.go
 */
export class RuleManager {
  readonly #ports: RulePorts;
  readonly #builtIn: ReadonlySet<RuleGroupConfig>;
  readonly #builtInPorts: RulePorts;
  readonly #scope: TaskScope;
  readonly #logger: Logger;
  #settings: RuleSettings;
  #groups: ReadonlyMap<string, RuleGroup> = new Map();
  #started = false;
  #stopped = false;
  /** True once a configuration was taken: groups of later ones have no former run to be restored from. */
  #loaded = false;
  #updating: Promise<void> = Promise.resolve();

  constructor(options: RuleManagerOptions) {
    const { clock, logger, registry, engine, storage, sink, prepare } = options;
    this.#settings = options.settings;
    this.#logger = logger;
    this.#ports = {
      clock,
      logger,
      engine,
      storage,
      reads: options.reads,
      sink,
      prepare,
      metrics: new RuleMetrics(registry),
      expandTemplate: options.expandTemplate ?? expandRuleTemplate,
      settings: () => this.#settings,
    };
    const { builtIn } = options;
    this.#builtIn = new Set(builtIn?.groups);
    this.#builtInPorts = { ...this.#ports, ...(builtIn && { engine: builtIn.engine, reads: builtIn.reads }) };
    const logFailure = (name: string, error: unknown): void => {
      logger.error({ task: name, err: errorText(error) }, 'a rule task ended by an error');
    };
    this.#scope = new TaskScope(options.onFailure ?? logFailure);
  }

  /**
   * Takes a new configuration. Equal groups go on as they are, changed ones take over the state of their rules, groups
   * that are gone end their series after two intervals. Resolves when the old groups have stopped. Updates run one
   * after another.
   */
  update(groups: readonly RuleGroupConfig[], settings: RuleSettings = this.#settings): Promise<void> {
    const run = this.#updating.then(() => this.#update(groups, settings));
    // The chain itself must go on after an update that failed; its caller hears of the failure.
    this.#updating = run.catch(() => undefined);
    return run;
  }

  async #update(configs: readonly RuleGroupConfig[], settings: RuleSettings): Promise<void> {
    if (this.#stopped) return;
    this.#settings = settings;
    const restore = !this.#loaded;
    this.#loaded = true;
    const old = new Map(this.#groups);
    const next = new Map<string, RuleGroup>();
    const fresh: RuleGroup[] = [];
    const stops: Promise<void>[] = [];
    for (const config of [...configs, ...this.#builtIn]) {
      const key = groupKey(config);
      const intervalMs = config.intervalMs ?? settings.evaluationIntervalMs;
      const former = old.get(key);
      old.delete(key);
      assert(!next.has(key), 'a rule group must come once in a configuration');
      if (former?.equals(config, intervalMs) === true) {
        next.set(key, former);
        continue;
      }
      const ports = this.#builtIn.has(config) ? this.#builtInPorts : this.#ports;
      const group = new RuleGroup(config, intervalMs, ports, restore);
      next.set(key, group);
      fresh.push(group);
      if (former !== undefined) stops.push(former.stop().then(() => group.copyStateFrom(former)));
    }
    for (const group of old.values()) stops.push(this.#retire(group));
    await Promise.all(stops);
    this.#groups = next;
    if (this.#started) for (const group of fresh) this.#run(group);
  }

  async #retire(group: RuleGroup): Promise<void> {
    const { clock, metrics } = this.#ports;
    const key = groupKey(group.config);
    await group.stop();
    metrics.removeGroup(key);
    if (!this.#started || this.#scope.signal.aborted) return;
    const stoppedAtMs = clock.nowMs();
    this.#scope.spawn(`stale markers of rule group ${key}`, async (signal) => {
      // Time for a group of another name to go on with the series.
      await clock.sleep(2 * group.intervalMs, signal);
      await group.endSeries(stoppedAtMs);
    });
  }

  #run(group: RuleGroup): void {
    if (this.#stopped) return;
    this.#scope.spawn(`rule group ${groupKey(group.config)}`, (signal) => group.run(signal));
  }

  /** Begins to evaluate. */
  start(): void {
    assert(!this.#started, 'a rule manager must be started once');
    this.#started = true;
    this.#logger.info({ groups: this.#groups.size }, 'starting rule manager');
    for (const group of this.#groups.values()) this.#run(group);
  }

  /** Ends running queries and resolves when every group has stopped. Nothing is marked stale. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#scope.stop();
    this.#logger.info({}, 'rule manager stopped');
  }

  /** Groups in order of file and name, for the API. */
  groups(): RuleGroupView[] {
    return this.#sorted().map((group) => group.view());
  }

  /** Every pending and firing alert, for the API. */
  activeAlerts(): ActiveAlertView[] {
    return this.#sorted().flatMap((group) => group.rules.flatMap((rule) => rule.activeAlerts()));
  }

  #sorted(): RuleGroup[] {
    return [...this.#groups.values()].sort(
      (a, b) => compareText(a.config.file, b.config.file) || compareText(a.config.name, b.config.name),
    );
  }
}
