import { waitFor } from '../../core/clock.ts';
import { assert, errorText } from '../../core/errors.ts';
import { Labels } from '../../core/labels.ts';
import { TaskScope } from '../../core/task-scope.ts';
import { discoveryConfig } from '../provider.ts';
import type { DiscoveryConfig, Provider, ProviderContext, SendGroups } from '../provider.ts';
import type { TargetGroup } from '../target-group.ts';
import { endpointSliceRole } from './endpoint-slice-role.ts';
import { endpointsRole } from './endpoints-role.ts';
import { ingressRole } from './ingress-role.ts';
import { openKubernetesApi, readOwnNamespace } from './kubernetes-api.ts';
import type { KubernetesAccess, KubernetesApi } from './kubernetes-api.ts';
import type { Node, PlainObject, Pod, Service } from './objects.ts';
import { kubernetesMetrics } from './kubernetes-metrics.ts';
import type { KubernetesMetrics } from './kubernetes-metrics.ts';
import { nodeRole } from './node-role.ts';
import { podRole } from './pod-role.ts';
import { ReferenceIndex } from './reference-index.ts';
import { ResourceWatch } from './resource-watch.ts';
import type { ObjectChange } from './resource-watch.ts';
import { RESOURCES } from './resources.ts';
import type { Resource } from './resources.ts';
import { reference } from './role.ts';
import type { ClusterView, ResourceKind, Role } from './role.ts';
import { serviceRole } from './service-role.ts';

/** What a `kubernetes_sd_configs` entry finds targets for. */
export type RoleName = 'node' | 'pod' | 'service' | 'endpoints' | 'endpointslice' | 'ingress';

/** What one entry of `kubernetes_sd_configs` says. */
export interface KubernetesDiscoveryOptions {
  readonly access: KubernetesAccess;
  readonly role: RoleName;
  /** None: all namespaces. */
  readonly namespaces: readonly string[];
  readonly ownNamespace: boolean;
  readonly selectors: Partial<Readonly<Record<RoleName, { readonly label: string; readonly field: string }>>>;
  readonly attach: {
    readonly node: boolean;
    readonly namespace: boolean;
    readonly deployment: boolean;
    readonly job: boolean;
    readonly cronjob: boolean;
  };
}

/** `kubernetes_sd_configs`: targets from objects of a cluster, which are watched. */
export function kubernetesDiscovery(options: KubernetesDiscoveryOptions): DiscoveryConfig {
  const config = discoveryConfig(
    'kubernetes',
    options,
    (own, context) => new KubernetesProvider(own, context),
  );
  const { access } = options;
  return access.kind === 'api-server' ? { ...config, http: access.http } : config;
}

const ROLES: Readonly<Record<RoleName, Role<never>>> = {
  node: nodeRole,
  pod: podRole,
  service: serviceRole,
  endpoints: endpointsRole,
  endpointslice: endpointSliceRole,
  ingress: ingressRole,
};

/** After so many groups made in a row others get a turn. */
const GROUPS_A_TURN = 50;

/**
 * Watches what its role needs, makes the groups of objects that changed, or that show something that changed, and sends
 * those that differ from before. Nothing is sent before everything that is watched is known, so that no target is without
 * labels that come from elsewhere.
 *
 * @see prometheus discovery/kubernetes/kubernetes.go
 */
class KubernetesProvider implements Provider {
  readonly #options: KubernetesDiscoveryOptions;
  readonly #context: ProviderContext;
  /** By source; outlives a run, so that one started again removes what is gone. */
  readonly #sent = new Map<string, TargetGroup>();

  constructor(options: KubernetesDiscoveryOptions, context: ProviderContext) {
    this.#options = options;
    this.#context = context;
  }

  async run(send: SendGroups, signal: AbortSignal): Promise<void> {
    const api = await openKubernetesApi(this.#options.access, this.#context);
    const run = new KubernetesRun(
      this.#options,
      this.#context,
      api,
      await this.#namespaces(),
      this.#sent,
      send,
    );
    await run.run(signal);
  }

  async #namespaces(): Promise<string[]> {
    const { namespaces, ownNamespace } = this.#options;
    if (!ownNamespace) return namespaces.length === 0 ? [''] : [...new Set(namespaces)];
    return [...new Set([...namespaces, await readOwnNamespace(this.#context)])];
  }
}

/** One run of a {@link KubernetesProvider}. */
class KubernetesRun {
  readonly #options: KubernetesDiscoveryOptions;
  readonly #context: ProviderContext;
  readonly #api: KubernetesApi;
  readonly #namespaces: readonly string[];
  readonly #sent: Map<string, TargetGroup>;
  readonly #send: SendGroups;
  readonly #role: Role;
  readonly #metrics: KubernetesMetrics;
  readonly #objects = new Map<ResourceKind, Map<string, PlainObject>>();
  readonly #references = new ReferenceIndex();
  readonly #cluster: ClusterView;
  #watches: ((signal: AbortSignal) => Promise<void>)[] = [];
  #unsynced = 0;
  /** Keys of objects of the role whose groups are to be made anew. */
  #dirty = new Set<string>();
  #wake: (() => void) | undefined;
  #hasSent = false;

  constructor(
    options: KubernetesDiscoveryOptions,
    context: ProviderContext,
    api: KubernetesApi,
    namespaces: readonly string[],
    sent: Map<string, TargetGroup>,
    send: SendGroups,
  ) {
    this.#options = options;
    this.#context = context;
    this.#api = api;
    this.#namespaces = namespaces;
    this.#sent = sent;
    this.#send = send;
    this.#metrics = kubernetesMetrics(context.metrics);
    // The objects that a role gets are those of its own resource, read by that resource's schema.
    this.#role = ROLES[options.role] as unknown as Role;
    this.#addWatches();
    const { attach } = options;
    this.#cluster = {
      nodes: this.#view<Node>('node'),
      namespaces: this.#view('namespace'),
      pods: this.#view<Pod>('pod'),
      services: this.#view<Service>('service'),
      replicaSets: this.#view('replicaset'),
      jobs: this.#view('job'),
      attachJob: attach.job,
      attachCronJob: attach.cronjob,
    };
  }

  #view<T extends PlainObject>(kind: ResourceKind): ReadonlyMap<string, T> | undefined {
    return this.#objects.get(kind) as ReadonlyMap<string, T> | undefined;
  }

  #addWatches(): void {
    const { role, attach } = this.#options;
    const all = [''];
    this.#addWatch(role, role === 'node' ? all : this.#namespaces);
    if (role === 'endpoints' || role === 'endpointslice') {
      this.#addWatch('service', this.#namespaces);
      this.#addWatch('pod', this.#namespaces);
    }
    const hasPods = role === 'pod' || role === 'endpoints' || role === 'endpointslice';
    if (attach.node && hasPods) this.#addWatch('node', all);
    if (attach.namespace && role !== 'node') this.#addWatch('namespace', all);
    if (attach.deployment && hasPods) this.#addWatch('replicaset', this.#namespaces);
    if ((attach.job || attach.cronjob) && hasPods) this.#addWatch('job', this.#namespaces);
  }

  #addWatch(kind: ResourceKind, namespaces: readonly string[]): void {
    const objects = new Map<string, PlainObject>();
    this.#objects.set(kind, objects);
    const { clock, random, logger, userAgent } = this.#context;
    const { selectors } = this.#options;
    const selector = kind in selectors ? selectors[kind as RoleName] : undefined;
    for (const namespace of namespaces) {
      this.#unsynced++;
      const watch = new ResourceWatch<PlainObject>({
        api: this.#api,
        userAgent,
        clock,
        random,
        logger,
        resource: RESOURCES[kind] as Resource<PlainObject>,
        namespace,
        labelSelector: selector?.label ?? '',
        fieldSelector: selector?.field ?? '',
        onSynced: () => {
          this.#unsynced--;
          if (this.#unsynced === 0) this.#wake?.();
        },
        onChange: (change, key, object) => {
          if (change === 'delete') objects.delete(key);
          else objects.set(key, object);
          this.#changed(kind, change, key, object);
        },
        onFailure: () => this.#metrics.failures.inc(),
      });
      this.#watches.push((signal) => watch.run(signal));
    }
  }

  /** Watches and sends until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#context;
    const scope = new TaskScope((name, error) => {
      logger.error({ watch: name, err: errorText(error) }, 'A watch ended unexpectedly');
    });
    for (const [i, watch] of this.#watches.entries()) scope.spawn(String(i), watch);
    try {
      while (!signal.aborted) {
        if (this.#unsynced === 0 && !this.#hasSent) {
          this.#hasSent = true;
          this.#removeGone();
        } else if (this.#unsynced === 0 && this.#dirty.size > 0) {
          // What comes together is made together.
          await this.#context.clock.yieldTurn();
          await this.#sendDirty();
        } else {
          await waitFor(signal, (resolve) => {
            this.#wake = resolve;
            return () => {
              this.#wake = undefined;
            };
          });
        }
      }
    } finally {
      await scope.stop();
    }
  }

  #changed(kind: ResourceKind, change: ObjectChange, key: string, object: PlainObject): void {
    const { role } = this.#options;
    const { events } = this.#metrics;
    if (kind === role) {
      events.inc({ role, event: change });
      this.#references.set(key, change === 'delete' ? [] : this.#role.referencesOf(object));
      this.#dirty.add(key);
    } else {
      if (kind === 'service') events.inc({ role: kind, event: change });
      if (kind === 'pod' && role === 'endpoints' && change === 'update')
        events.inc({ role: kind, event: change });
      // A pod that goes takes its endpoints along; until then they keep the labels that they had.
      if (kind === 'pod' && change === 'delete') return;
      for (const referring of this.#references.referringTo(reference(kind, key))) this.#dirty.add(referring);
    }
    if (this.#unsynced === 0) this.#wake?.();
  }

  /** Takes back what an earlier run sent and is not there any more. */
  #removeGone(): void {
    const keys = this.#objects.get(this.#options.role)?.keys() ?? [];
    const there = new Set([...keys].map((key) => this.#role.sourceOf(key)));
    const gone = [...this.#sent.keys()].filter((source) => !there.has(source));
    for (const source of gone) this.#sent.delete(source);
    if (gone.length > 0) this.#send(gone.map((source) => emptyGroup(source)));
  }

  async #sendDirty(): Promise<void> {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    const changed: TargetGroup[] = [];
    let made = 0;
    for (const key of dirty) {
      const group = this.#groupOf(key);
      if (group !== undefined) changed.push(group);
      if (++made % GROUPS_A_TURN === 0) await this.#context.clock.yieldTurn();
    }
    for (const group of changed) {
      if (group.targets.length > 0) this.#sent.set(group.source, group);
      else this.#sent.delete(group.source);
    }
    if (changed.length > 0) this.#send(changed);
  }

  /** The group as it is now; undefined when it is as it was sent. */
  #groupOf(key: string): TargetGroup | undefined {
    const objects = this.#objects.get(this.#options.role);
    assert(objects !== undefined, 'the objects of the role are watched');
    const object = objects.get(key);
    const source = this.#role.sourceOf(key);
    const group = object === undefined ? emptyGroup(source) : this.#role.groupOf(object, this.#cluster);
    if (group === undefined) {
      this.#context.logger.warn({ source }, 'No address found; the last good one stays');
      return undefined;
    }
    const before = this.#sent.get(source);
    if (before === undefined) return group.targets.length > 0 ? group : undefined;
    return isSameGroup(before, group) ? undefined : group;
  }
}

function emptyGroup(source: string): TargetGroup {
  return { source, targets: [], labels: Labels.EMPTY };
}

function isSameGroup(a: TargetGroup, b: TargetGroup): boolean {
  return (
    a.targets.length === b.targets.length &&
    isSameFlat(a.labels, b.labels) &&
    a.targets.every((target, i) => isSameFlat(target, b.targets[i]!))
  );
}

/** As `Labels.equals`, without making the keys, which would stay in memory. */
function isSameFlat(a: Labels, b: Labels): boolean {
  return a.flat.length === b.flat.length && a.flat.every((text, i) => text === b.flat[i]);
}
