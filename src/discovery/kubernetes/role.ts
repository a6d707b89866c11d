import { Labels } from '../../core/labels.ts';
import type { TargetGroup } from '../target-group.ts';
import type { LabelValues } from './meta-labels.ts';
import type { Node, PlainObject, Pod, Service } from './objects.ts';

/** Kinds of objects that are watched. */
export type ResourceKind =
  'node' | 'namespace' | 'pod' | 'service' | 'endpoints' | 'endpointslice' | 'ingress' | 'replicaset' | 'job';

/** Objects of a kind by `namespace/name`, as last heard of. */
export type ObjectsByKey<T> = ReadonlyMap<string, T>;

/** What is known of the cluster; a kind that is not watched is absent. */
export interface ClusterView {
  readonly nodes: ObjectsByKey<Node> | undefined;
  readonly namespaces: ObjectsByKey<PlainObject> | undefined;
  readonly pods: ObjectsByKey<Pod> | undefined;
  readonly services: ObjectsByKey<Service> | undefined;
  readonly replicaSets: ObjectsByKey<PlainObject> | undefined;
  readonly jobs: ObjectsByKey<PlainObject> | undefined;
  /** `attach_metadata.job`: name the job that a pod belongs to. */
  readonly attachJob: boolean;
  /** `attach_metadata.cronjob`: name the cron job behind it. */
  readonly attachCronJob: boolean;
}

/** How the objects of one kind become target groups. */
export interface Role<T extends PlainObject = PlainObject> {
  /** What the group of an object is called, by the object's key. */
  sourceOf(key: string): string;
  /**
   * The group of an object; undefined when the object says too little to replace an earlier one. A group without targets
   * removes an earlier one.
   */
  groupOf(object: T, cluster: ClusterView): TargetGroup | undefined;
  /** Other objects that the group is made from, as {@link reference} names them. */
  referencesOf(object: T): string[];
}

/** Names an object of a kind, among objects of all kinds. */
export function reference(kind: ResourceKind, key: string): string {
  return `${kind} ${key}`;
}

/** A group of labels under construction. */
export function groupFrom(source: string, targets: readonly LabelValues[], labels: LabelValues): TargetGroup {
  return {
    source,
    targets: targets.map((target) => Labels.fromObject(target)),
    labels: Labels.fromObject(labels),
  };
}
