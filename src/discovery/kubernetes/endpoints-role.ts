import {
  addContainerPortLabels,
  addNamespaceLabels,
  addNodeLabels,
  addPodLabels,
  addServiceLabels,
  containersOf,
  otherPortTargets,
} from './attached-labels.ts';
import { joinHostPort } from '../label-text.ts';
import { addObjectLabels, META } from './meta-labels.ts';
import type { LabelValues } from './meta-labels.ts';
import { objectKey } from './objects.ts';
import type { EndpointAddress, Endpoints, Pod } from './objects.ts';
import { groupFrom, reference } from './role.ts';
import type { ClusterView, Role } from './role.ts';

const sourceOf = (key: string): string => `endpoints/${key}`;

/**
 * A target for each address and port behind a service, and for each further port of the pods behind it.
 *
 * @see prometheus discovery/kubernetes/endpoints.go
 */
export const endpointsRole: Role<Endpoints> = {
  sourceOf,
  referencesOf(endpoints) {
    const references = new Set([
      reference('service', objectKey(endpoints)),
      reference('namespace', endpoints.metadata.namespace),
    ]);
    for (const subset of endpoints.subsets) {
      for (const { nodeName, targetRef } of [...subset.addresses, ...subset.notReadyAddresses]) {
        if (targetRef?.kind === 'Pod')
          references.add(reference('pod', `${targetRef.namespace}/${targetRef.name}`));
        const node = nodeName ?? (targetRef?.kind === 'Node' ? targetRef.name : undefined);
        if (node !== undefined) references.add(reference('node', node));
      }
    }
    return [...references];
  },
  groupOf(endpoints, cluster) {
    const { metadata } = endpoints;
    const labels: LabelValues = { [`${META}namespace`]: metadata.namespace };
    addServiceLabels(labels, objectKey(endpoints), cluster);
    addObjectLabels(labels, metadata, 'endpoints');
    addNamespaceLabels(labels, metadata.namespace, cluster);

    const targets: LabelValues[] = [];
    const seenPods = new Map<string, { pod: Pod; ports: Set<number> }>();
    for (const { ports, addresses, notReadyAddresses } of endpoints.subsets) {
      for (const port of ports) {
        for (const address of addresses) targets.push(targetOf(address, port, true, cluster, seenPods));
        for (const address of notReadyAddresses)
          targets.push(targetOf(address, port, false, cluster, seenPods));
      }
    }
    targets.push(...otherPortTargets(seenPods, cluster));
    return groupFrom(sourceOf(objectKey(endpoints)), targets, labels);
  },
};

function targetOf(
  address: EndpointAddress,
  port: Endpoints['subsets'][number]['ports'][number],
  isReady: boolean,
  cluster: ClusterView,
  seenPods: Map<string, { pod: Pod; ports: Set<number> }>,
): LabelValues {
  const { targetRef, nodeName } = address;
  const target: LabelValues = {
    __address__: joinHostPort(address.ip, port.port),
    [`${META}endpoint_port_name`]: port.name,
    [`${META}endpoint_port_protocol`]: port.protocol,
    [`${META}endpoint_ready`]: String(isReady),
    [`${META}endpoint_address_target_kind`]: targetRef?.kind ?? '',
    [`${META}endpoint_address_target_name`]: targetRef?.name ?? '',
    [`${META}endpoint_node_name`]: nodeName ?? '',
    [`${META}endpoint_hostname`]: address.hostname,
  };
  const node = nodeName ?? (targetRef?.kind === 'Node' ? targetRef.name : undefined);
  if (node !== undefined) addNodeLabels(target, node, cluster);

  if (targetRef?.kind !== 'Pod') return target;
  const podKey = `${targetRef.namespace}/${targetRef.name}`;
  const pod = cluster.pods?.get(podKey);
  if (pod === undefined) return target;
  addPodLabels(target, pod, cluster);
  for (const each of containersOf(pod)) {
    const found = each.container.ports.find(({ containerPort }) => containerPort === port.port);
    if (found !== undefined) addContainerPortLabels(target, each, found, port.protocol);
  }
  const seen = seenPods.get(podKey) ?? { pod, ports: new Set() };
  seen.ports.add(port.port);
  seenPods.set(podKey, seen);
  return target;
}
