import {
  addContainerPortLabels,
  addNamespaceLabels,
  addNodeLabels,
  addPodLabels,
  containersOf,
} from './attached-labels.ts';
import { joinHostPort } from '../label-text.ts';
import { META } from './meta-labels.ts';
import type { LabelValues } from './meta-labels.ts';
import { controllerOf, objectKey } from './objects.ts';
import type { Pod } from './objects.ts';
import { groupFrom, reference } from './role.ts';
import type { Role } from './role.ts';

const sourceOf = (key: string): string => `pod/${key}`;

/**
 * Targets for each container of a pod: one for each of its ports, or one without a port. Where nodes are watched, pods on
 * nodes that are not among them (the selector leaves them out) have none.
 *
 * @see prometheus discovery/kubernetes/pod.go
 */
export const podRole: Role<Pod> = {
  sourceOf,
  referencesOf: (pod) => [
    reference('node', pod.spec.nodeName),
    reference('namespace', pod.metadata.namespace),
    ...ownerReferencesOf(pod),
  ],
  groupOf(pod, cluster) {
    const source = sourceOf(objectKey(pod));
    const { podIP } = pod.status;
    // A pod that starts or was evicted has no address.
    if (podIP === '') return groupFrom(source, [], {});
    if (cluster.nodes !== undefined && !cluster.nodes.has(pod.spec.nodeName))
      return groupFrom(source, [], {});
    const labels: LabelValues = {};
    addPodLabels(labels, pod, cluster);
    labels[`${META}namespace`] = pod.metadata.namespace;
    addNodeLabels(labels, pod.spec.nodeName, cluster);
    addNamespaceLabels(labels, pod.metadata.namespace, cluster);
    return groupFrom(source, [...targetsOf(pod)], labels);
  },
};

function* targetsOf(pod: Pod): Generator<LabelValues> {
  const { podIP, containerStatuses, initContainerStatuses } = pod.status;
  for (const each of containersOf(pod)) {
    const { container, isInit } = each;
    const statuses = isInit ? initContainerStatuses : containerStatuses;
    const id = statuses.find(({ name }) => name === container.name)?.containerID ?? '';
    if (container.ports.length === 0) {
      // Which port to ask is left to relabelling.
      yield {
        __address__: podIP,
        [`${META}pod_container_name`]: container.name,
        [`${META}pod_container_id`]: id,
        [`${META}pod_container_image`]: container.image,
        [`${META}pod_container_init`]: String(isInit),
      };
    }
    for (const port of container.ports) {
      const target: LabelValues = {
        __address__: joinHostPort(podIP, port.containerPort),
        [`${META}pod_container_id`]: id,
      };
      addContainerPortLabels(target, each, port);
      yield target;
    }
  }
}

function ownerReferencesOf(pod: Pod): string[] {
  const owner = controllerOf(pod);
  if (owner?.kind !== 'ReplicaSet' && owner?.kind !== 'Job') return [];
  return [reference(owner.kind === 'Job' ? 'job' : 'replicaset', `${pod.metadata.namespace}/${owner.name}`)];
}
