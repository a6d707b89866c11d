import type { PostedAlert } from '../alerts/index.ts';
import { AuthorizedHttp, secretsOf } from '../core/authorized-http.ts';
import type { Clock } from '../core/clock.ts';
import { Labels } from '../core/labels.ts';
import { LabelsBuilder } from '../core/labels-builder.ts';
import type { Logger } from '../core/log.ts';
import type { Registry } from '../core/metrics.ts';
import type { DnsClient, FileSystem, HttpClient, Programs, Random } from '../core/ports.ts';
import { relabelBuilder } from '../core/relabel.ts';
import type { RelabelConfig } from '../core/relabel.ts';
import { DiscoveryManager } from '../discovery/index.ts';
import type { TargetGroup, TargetSets } from '../discovery/index.ts';
import type { AlertingConfig, AlertmanagerConfig } from './alerting-config.ts';
import { AlertmanagerMetrics } from './alertmanager-metrics.ts';
import { AlertmanagerQueue } from './alertmanager-queue.ts';
import type { AlertmanagerEndpoint } from './alertmanager-queue.ts';
import { USER_AGENT } from './http.ts';

/** What an {@link AlertmanagerClient} works with. */
export interface AlertmanagerClientOptions {
  readonly http: HttpClient;
  readonly dns: DnsClient;
  readonly programs: Programs;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly random: Random;
  /** For `proxy_from_environment` and discovery's credentials. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `--alertmanager.notification-queue-capacity`. */
  readonly queueCapacity: number;
  /** `--alertmanager.notification-batch-size`. */
  readonly maxBatchSize: number;
  /** `--alertmanager.drain-notification-queue-on-shutdown`. */
  readonly drainOnShutdown: boolean;
}

interface AlertmanagerSet {
  config: AlertmanagerConfig;
  endpoint: AlertmanagerEndpoint;
  readonly queues: Map<string, AlertmanagerQueue>;
  groups: readonly TargetGroup[];
  dropped: readonly string[];
}

const ALERTS_PATH = '__alerts_path__';
const SCHEME = '__scheme__';
const ADDRESS = '__address__';

/**
 * Sends alerts to the outside Alertmanagers of `alerting.alertmanagers`, found by discovery; each has its own queue, so
 * that a slow one does not hold up another. A reload keeps the queues of those that stay.
 *
 * @see prometheus/prometheus notifier/manager.go
 */
export class AlertmanagerClient {
  readonly #options: AlertmanagerClientOptions;
  readonly #discovery: DiscoveryManager;
  readonly #metrics: AlertmanagerMetrics;
  readonly #sets = new Map<string, AlertmanagerSet>();
  readonly #stopping = new Set<Promise<void>>();

  constructor(options: AlertmanagerClientOptions) {
    this.#options = options;
    this.#metrics = new AlertmanagerMetrics(options.registry, () => this.active().length);
    this.#metrics.queueCapacity.set(options.queueCapacity);
    this.#discovery = new DiscoveryManager({
      name: 'notify',
      clock: options.clock,
      files: options.files,
      http: options.http,
      dns: options.dns,
      programs: options.programs,
      random: options.random,
      environment: options.environment,
      userAgent: USER_AGENT,
      logger: options.logger,
      registry: options.registry,
      onUpdate: (sets) => {
        this.#update(sets);
      },
    });
  }

  /** Takes on a configuration, at start and at reload. */
  async apply(config: AlertingConfig): Promise<void> {
    const { http, files, clock, random, environment } = this.#options;
    const names = config.alertmanagers.map((_, i) => `config-${i}`);
    for (const [name, set] of this.#sets) {
      if (names.includes(name)) continue;
      this.#sets.delete(name);
      for (const queue of set.queues.values()) this.#stopQueue(queue);
    }
    for (const [i, alertmanager] of config.alertmanagers.entries()) {
      const authorized = new AuthorizedHttp({
        http,
        files,
        clock,
        random,
        environment,
        config: alertmanager.http,
      });
      const { timeoutMs } = alertmanager;
      const endpoint = { http: authorized, timeoutMs, secrets: secretsOf(alertmanager.http) };
      const set = this.#sets.get(names[i]!);
      if (set === undefined) {
        const fresh = { config: alertmanager, endpoint, queues: new Map(), groups: [], dropped: [] };
        this.#sets.set(names[i]!, fresh);
        continue;
      }
      set.config = alertmanager;
      set.endpoint = endpoint;
      this.#sync(set);
    }
    const discovery = config.alertmanagers.map((item, i) => [names[i]!, item.discovery] as const);
    await this.#discovery.apply(new Map(discovery));
  }

  /** Queues alerts that already have the external labels and `alerting.alert_relabel_configs` in them. */
  send(alerts: readonly PostedAlert[]): void {
    for (const { config, queues } of this.#sets.values()) {
      if (queues.size === 0) continue;
      const own = relabelAlerts(alerts, Labels.EMPTY, config.alertRelabelConfigs);
      if (own.length > 0) for (const queue of queues.values()) queue.add(own);
    }
  }

  /** URLs of the Alertmanagers in use. */
  active(): string[] {
    return [...this.#sets.values()].flatMap(({ queues }) => [...queues.keys()]);
  }

  /** URLs of those that relabelling dropped. */
  dropped(): string[] {
    return [...this.#sets.values()].flatMap(({ dropped }) => dropped);
  }

  /** Ends discovery, then sends or drops what is queued. Idempotent. */
  async stop(): Promise<void> {
    await this.#discovery.stop();
    for (const set of this.#sets.values()) for (const queue of set.queues.values()) this.#stopQueue(queue);
    await Promise.all(this.#stopping);
  }

  #update(sets: TargetSets): void {
    for (const [name, groups] of sets) {
      const set = this.#sets.get(name);
      if (set === undefined) continue;
      set.groups = groups;
      this.#sync(set);
    }
  }

  #sync(set: AlertmanagerSet): void {
    const { clock, logger, queueCapacity, maxBatchSize, drainOnShutdown } = this.#options;
    const found = alertmanagerUrls(set.groups, set.config, logger);
    set.dropped = found.dropped;
    for (const [url, queue] of set.queues) {
      if (found.active.has(url)) continue;
      set.queues.delete(url);
      this.#stopQueue(queue);
    }
    for (const url of found.active) {
      const queue = set.queues.get(url);
      if (queue !== undefined) {
        queue.endpoint = set.endpoint;
        continue;
      }
      const fresh = new AlertmanagerQueue({
        url,
        endpoint: set.endpoint,
        clock,
        logger: logger.child({ alertmanager: url }),
        metrics: this.#metrics,
        capacity: queueCapacity,
        maxBatchSize,
        drainOnShutdown,
      });
      set.queues.set(url, fresh);
    }
  }

  #stopQueue(queue: AlertmanagerQueue): void {
    const stopping = queue.stop();
    this.#stopping.add(stopping);
    void stopping.finally(() => this.#stopping.delete(stopping));
  }
}

function alertmanagerUrls(
  groups: readonly TargetGroup[],
  config: AlertmanagerConfig,
  logger: Logger,
): { readonly active: ReadonlySet<string>; readonly dropped: readonly string[] } {
  const active = new Set<string>();
  const dropped: string[] = [];
  for (const group of groups) {
    for (const target of group.targets) {
      const builder = new LabelsBuilder(
        group.labels.merge(target).merge([
          [SCHEME, config.scheme],
          [ALERTS_PATH, alertsPath(config.pathPrefix)],
        ]),
      );
      const before = urlOf(builder.labels());
      if (!relabelBuilder(builder, config.relabelConfigs)) {
        dropped.push(before);
        continue;
      }
      const labels = builder.labels();
      const address = labels.get(ADDRESS);
      if (address === '' || address.includes('/')) {
        const err = `${JSON.stringify(address)} is not a valid hostname`;
        logger.error({ err }, 'Creating discovered Alertmanagers failed');
      } else active.add(urlOf(labels));
    }
  }
  return { active, dropped };
}

function urlOf(labels: Labels): string {
  return `${labels.get(SCHEME)}://${labels.get(ADDRESS)}${labels.get(ALERTS_PATH)}`;
}

/** `/prefix/api/v2/alerts` with the slashes put right. */
function alertsPath(prefix: string): string {
  return `/${prefix}/api/v2/alerts`.replaceAll(/\/{2,}/g, '/');
}

/**
 * Alerts with external labels put where they have none of that name, then relabelled; those that a rule drops are gone.
 *
 * @see prometheus/prometheus notifier/alert.go relabelAlerts
 */
export function relabelAlerts(
  alerts: readonly PostedAlert[],
  externalLabels: Labels,
  configs: readonly RelabelConfig[],
): readonly PostedAlert[] {
  if (externalLabels.size === 0 && configs.length === 0) return alerts;
  return alerts.flatMap((alert) => {
    const builder = new LabelsBuilder(alert.labels);
    for (const [name, value] of externalLabels) if (!alert.labels.has(name)) builder.set(name, value);
    if (!relabelBuilder(builder, configs)) return [];
    const labels = builder.labels();
    return [labels.equals(alert.labels) ? alert : { ...alert, labels }];
  });
}
