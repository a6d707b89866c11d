import { joinHostPort } from '../label-text.ts';
import { addLabelsAndAnnotations, addObjectLabels, META } from './meta-labels.ts';
import type { LabelValues } from './meta-labels.ts';
import { controllerOf } from './objects.ts';
import type { Pod } from './objects.ts';
import type { ClusterView } from './role.ts';

/** Name, labels and annotations of a node, where nodes are watched and it is known. */
export function addNodeLabels(into: LabelValues, nodeName: string, cluster: ClusterView): void {
  const node = cluster.nodes?.get(nodeName);
  if (node !== undefined) addObjectLabels(into, node.metadata, 'node');
}

/** Labels and annotations of a namespace, where namespaces are watched and it is known. */
export function addNamespaceLabels(into: LabelValues, namespace: string, cluster: ClusterView): void {
  const found = cluster.namespaces?.get(namespace);
  if (found !== undefined) addLabelsAndAnnotations(into, found.metadata, 'namespace');
}

/** Namespace, name, labels and annotations of a service. */
export function addServiceLabels(into: LabelValues, key: string, cluster: ClusterView): void {
  const service = cluster.services?.get(key);
  if (service === undefined) return;
  into[`${META}namespace`] = service.metadata.namespace;
  addObjectLabels(into, service.metadata, 'service');
}

/** What is known of a pod and of those that own it. */
export function addPodLabels(into: LabelValues, pod: Pod, cluster: ClusterView): void {
  const { metadata, spec, status } = pod;
  const ready = status.conditions.find(({ type }) => type === 'Ready');
  into[`${META}pod_ip`] = status.podIP;
  into[`${META}pod_ready`] = (ready?.status ?? 'unknown').toLowerCase();
  into[`${META}pod_phase`] = status.phase;
  into[`${META}pod_node_name`] = spec.nodeName;
  into[`${META}pod_host_ip`] = status.hostIP;
  into[`${META}pod_uid`] = metadata.uid;
  addObjectLabels(into, metadata, 'pod');
  const owner = controllerOf(pod);
  if (owner === undefined) return;
  into[`${META}pod_controller_kind`] = owner.kind;
  into[`${META}pod_controller_name`] = owner.name;
  const ownerKey = `${metadata.namespace}/${owner.name}`;
  if (owner.kind === 'ReplicaSet') {
    const above = ownerOf(cluster.replicaSets, ownerKey);
    if (above?.kind === 'Deployment') into[`${META}pod_deployment_name`] = above.name;
  } else if (owner.kind === 'Job') {
    if (cluster.attachJob) into[`${META}pod_job_name`] = owner.name;
    const above = cluster.attachCronJob ? ownerOf(cluster.jobs, ownerKey) : undefined;
    if (above?.kind === 'CronJob') into[`${META}pod_cronjob_name`] = above.name;
  }
}

function ownerOf(
  objects: ClusterView['jobs'],
  key: string,
): { readonly kind: string; readonly name: string } | undefined {
  const object = objects?.get(key);
  return object && controllerOf(object);
}

/** A container of a pod, and whether it is one that runs before the others. */
export type PodContainer = Pod['spec']['containers'][number];

/** All containers of a pod, the usual ones first. */
export function* containersOf(pod: Pod): Generator<{ container: PodContainer; isInit: boolean }> {
  for (const container of pod.spec.containers) yield { container, isInit: false };
  for (const container of pod.spec.initContainers) yield { container, isInit: true };
}

/** Labels of a container's port; `protocol` may be the one that an endpoint says. */
export function addContainerPortLabels(
  into: LabelValues,
  { container, isInit }: { readonly container: PodContainer; readonly isInit: boolean },
  port: PodContainer['ports'][number],
  protocol: string = port.protocol,
): void {
  into[`${META}pod_container_name`] = container.name;
  into[`${META}pod_container_image`] = container.image;
  into[`${META}pod_container_port_name`] = port.name;
  into[`${META}pod_container_port_number`] = String(port.containerPort);
  into[`${META}pod_container_port_protocol`] = protocol;
  into[`${META}pod_container_init`] = String(isInit);
}

/** Targets for ports of pods that are behind a service, but whose ports the service does not name. */
export function* otherPortTargets(
  seenPods: ReadonlyMap<string, { readonly pod: Pod; readonly ports: ReadonlySet<number> }>,
  cluster: ClusterView,
): Generator<LabelValues> {
  for (const { pod, ports } of seenPods.values()) {
    // A pod that starts or was evicted has no address.
    if (pod.status.podIP === '') continue;
    for (const each of containersOf(pod)) {
      for (const port of each.container.ports) {
        if (ports.has(port.containerPort)) continue;
        const target: LabelValues = { __address__: joinHostPort(pod.status.podIP, port.containerPort) };
        addContainerPortLabels(target, each, port);
        addPodLabels(target, pod, cluster);
        yield target;
      }
    }
  }
}
