import { errorText } from '../../core/errors.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { Labels } from '../../core/labels.ts';
import type { Logger } from '../../core/log.ts';
import type { Summary } from '../../core/metrics.ts';
import type { Secret } from '../../core/secret.ts';
import { TaskScope } from '../../core/task-scope.ts';
import { mapPaced } from '../paced.ts';
import type { Provider, ProviderContext, SendGroups } from '../provider.ts';
import { ConsulApi } from './consul-api.ts';
import type { Indexed } from './consul-api.ts';
import { instanceLabels } from './instance-labels.ts';

/** What an entry of `consul_sd_configs` says. */
export interface ConsulDiscoveryOptions {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly token: Secret | undefined;
  /** '' = that of the agent. */
  readonly datacenter: string;
  readonly namespace: string;
  readonly partition: string;
  readonly tagSeparator: string;
  readonly allowStale: boolean;
  /** Least time from one question to the next. */
  readonly refreshIntervalMs: number;
  /** All when empty. */
  readonly services: readonly string[];
  /** Instances must have all of them. */
  readonly tags: readonly string[];
  readonly nodeMeta: Readonly<Record<string, string>>;
  /** Of the catalog. */
  readonly filter: string;
  /** Of instances. */
  readonly healthFilter: string;
  readonly http: HttpClientConfig;
}

const RETRY_MS = 15_000;

/**
 * `consul_sd_configs`: watches the catalog for services, and each of them for its instances, with questions that Consul
 * keeps open until something changes. One group a service.
 *
 * @see prometheus discovery/consul/consul.go
 */
export class ConsulProvider implements Provider {
  readonly #options: ConsulDiscoveryOptions;
  readonly #context: ProviderContext;
  readonly #api: ConsulApi;
  readonly #countFailure: () => void;
  readonly #duration: Summary<'endpoint' | 'call'>;
  #logger: Logger;

  constructor(options: ConsulDiscoveryOptions, context: ProviderContext) {
    this.#options = options;
    this.#context = context;
    const { metrics, clock, userAgent } = context;
    this.#logger = context.logger;
    this.#api = new ConsulApi({ ...options, clock, userAgent, http: context.httpFor(options.http) });
    const failures = metrics.counter(
      'prometheus_sd_consul_rpc_failures_total',
      'The number of Consul RPC call failures.',
    );
    this.#countFailure = () => {
      failures.inc();
    };
    this.#duration = metrics.summary(
      'prometheus_sd_consul_rpc_duration_seconds',
      'The duration of a Consul RPC call in seconds.',
      ['endpoint', 'call'],
    );
  }

  async run(send: SendGroups, signal: AbortSignal): Promise<void> {
    const datacenter = await this.#datacenter(signal);
    const watches = new ServiceWatches((service, own) => this.#watchService(service, datacenter, send, own));
    const { services, tags, filter } = this.#options;
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    try {
      if (services.length > 0 && tags.length === 0 && filter === '') {
        for (const service of services) watches.add(service);
        await Promise.race([watches.failed, untilAborted(both)]);
      } else await Promise.race([watches.failed, this.#watchCatalog(watches, send, both)]);
    } finally {
      ended.abort(new Error('stopping'));
      await watches.stop();
    }
  }

  /** The name of the datacenter for the label; asked for until there is an answer. */
  async #datacenter(signal: AbortSignal): Promise<string> {
    if (this.#options.datacenter !== '') return this.#options.datacenter;
    for (;;) {
      try {
        const datacenter = await this.#api.ownDatacenter(signal);
        this.#logger = this.#logger.child({ datacenter });
        return datacenter;
      } catch (error) {
        if (signal.aborted) throw error;
        this.#countFailure();
        this.#logger.error({ err: errorText(error) }, 'Error retrieving datacenter name');
        await this.#context.clock.sleep(RETRY_MS, signal);
      }
    }
  }

  async #watchCatalog(watches: ServiceWatches, send: SendGroups, signal: AbortSignal): Promise<void> {
    const { services: wanted, tags, filter } = this.#options;
    await this.#follow(
      {
        call: 'services',
        ask: (index) => this.#api.services(filter, index, signal),
        onFailure: (err) => {
          this.#logger.error({ err }, 'Error refreshing service list');
        },
        onChange: async (services) => {
          for (const [name, has] of Object.entries(services)) {
            if (wanted.length > 0 && !wanted.includes(name)) continue;
            if (tags.every((tag) => has.includes(tag))) watches.add(name);
          }
          for (const name of watches.names()) {
            if (Object.hasOwn(services, name)) continue;
            await watches.remove(name);
            send([{ source: name, targets: [], labels: Labels.EMPTY }]);
          }
          if (watches.names().length === 0) send([]);
        },
      },
      signal,
    );
  }

  async #watchService(
    service: string,
    datacenter: string,
    send: SendGroups,
    signal: AbortSignal,
  ): Promise<void> {
    const { tags, healthFilter: filter, tagSeparator } = this.#options;
    const labels = Labels.fromObject({ __meta_consul_service: service, __meta_consul_dc: datacenter });
    await this.#follow(
      {
        call: 'service',
        ask: (index) => this.#api.instances(service, { filter, index, tags }, signal),
        onFailure: (err) => {
          this.#logger.error({ service, tags: tags.join(','), err }, 'Error refreshing service');
        },
        onChange: async (instances) => {
          const targets = await mapPaced(this.#context.clock, instances, (instance) =>
            instanceLabels(instance, tagSeparator),
          );
          signal.throwIfAborted();
          send([{ source: service, targets, labels }]);
        },
      },
      signal,
    );
  }

  /** Asks again and again; not more often than the refresh interval says, and later after a failure. */
  async #follow<T>(question: Question<T>, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    let index = '';
    for (;;) {
      const startMs = clock.monotonicMs();
      let answer: Indexed<T> | undefined;
      try {
        answer = await question.ask(index);
      } catch (error) {
        if (signal.aborted) throw error;
        this.#countFailure();
        question.onFailure(errorText(error));
      }
      const seconds = (clock.monotonicMs() - startMs) / 1000;
      this.#duration.observe({ endpoint: 'catalog', call: question.call }, seconds);
      signal.throwIfAborted();
      if (answer === undefined) await clock.sleep(RETRY_MS, signal);
      // The same index: the time to wait was over and nothing has changed.
      else if (answer.index === '' || answer.index !== index) {
        index = answer.index;
        await question.onChange(answer.value);
      }
      const dueMs = startMs + this.#options.refreshIntervalMs;
      await clock.sleep(Math.max(0, dueMs - clock.monotonicMs()), signal);
    }
  }
}

interface Question<T> {
  /** Label of the metric. */
  readonly call: string;
  readonly ask: (index: string) => Promise<Indexed<T>>;
  readonly onFailure: (err: string) => void;
  readonly onChange: (value: T) => Promise<void>;
}

/** A watch for each service, which ends when the service is gone. */
class ServiceWatches {
  readonly #watch: (service: string, signal: AbortSignal) => Promise<void>;
  readonly #scopes = new Map<string, TaskScope>();
  readonly #failure = Promise.withResolvers<never>();

  constructor(watch: (service: string, signal: AbortSignal) => Promise<void>) {
    this.#watch = watch;
    this.#failure.promise.catch(() => undefined);
  }

  /** Rejects when a watch ends with what it should not. */
  get failed(): Promise<never> {
    return this.#failure.promise;
  }

  names(): string[] {
    return [...this.#scopes.keys()];
  }

  add(service: string): void {
    if (this.#scopes.has(service)) return;
    const scope = new TaskScope((_, error) => {
      this.#failure.reject(error);
    });
    this.#scopes.set(service, scope);
    scope.spawn(service, (signal) => this.#watch(service, signal));
  }

  async remove(service: string): Promise<void> {
    const scope = this.#scopes.get(service);
    this.#scopes.delete(service);
    await scope?.stop();
  }

  async stop(): Promise<void> {
    await Promise.all(this.names().map((service) => this.remove(service)));
  }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
