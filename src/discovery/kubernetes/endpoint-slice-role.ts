import {
  addContainerPortLabels,
  addNamespaceLabels,
  addNodeLabels,
  addPodLabels,
  addServiceLabels,
  containersOf,
  otherPortTargets,
} from './attached-labels.ts';
import { joinHostPort, sanitizeLabelName } from '../label-text.ts';
import { addObjectLabels, META } from './meta-labels.ts';
import type { LabelValues } from './meta-labels.ts';
import { objectKey } from './objects.ts';
import type { EndpointSlice, Pod, SliceEndpoint, SlicePort } from './objects.ts';
import { groupFrom, reference } from './role.ts';
import type { ClusterView, Role } from './role.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';

const sourceOf = (key: string): string => `endpointslice/${key}`;

/**
 * A target for each address and port of a slice of a service's endpoints, and for each further port of the pods behind
 * it. Of a service with two families of addresses only the slices of the first count, or all would be there twice.
 *
 * @see prometheus discovery/kubernetes/endpointslice.go
 */
export const endpointSliceRole: Role<EndpointSlice> = {
  sourceOf,
  referencesOf(slice) {
    const references = new Set([reference('namespace', slice.metadata.namespace)]);
    const service = serviceKeyOf(slice);
    if (service !== undefined) references.add(reference('service', service));
    for (const endpoint of slice.endpoints) {
      const { targetRef } = endpoint;
      if (targetRef?.kind === 'Pod')
        references.add(reference('pod', `${targetRef.namespace}/${targetRef.name}`));
      const node = nodeOf(endpoint);
      if (node !== undefined) references.add(reference('node', node));
    }
    return [...references];
  },
  groupOf(slice, cluster) {
    const { metadata } = slice;
    const source = sourceOf(objectKey(slice));
    const labels: LabelValues = {
      [`${META}namespace`]: metadata.namespace,
      [`${META}endpointslice_address_type`]: slice.addressType,
    };
    addObjectLabels(labels, metadata, 'endpointslice');
    const service = serviceKeyOf(slice);
    if (service !== undefined) addServiceLabels(labels, service, cluster);
    addNamespaceLabels(labels, metadata.namespace, cluster);
    if (service !== undefined && isOfOtherFamily(slice, service, cluster))
      return groupFrom(source, [], labels);

    const targets: LabelValues[] = [];
    const seenPods = new Map<string, { pod: Pod; ports: Set<number> }>();
    for (const endpoint of slice.endpoints) {
      for (const port of slice.ports) {
        for (const address of endpoint.addresses) {
          const target = endpointLabels(address, endpoint, port, cluster);
          addPod(target, endpoint, port, cluster, seenPods);
          targets.push(target);
        }
      }
    }
    targets.push(...otherPortTargets(seenPods, cluster));
    return groupFrom(source, targets, labels);
  },
};

function serviceKeyOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels[SERVICE_NAME];
  return name === undefined ? undefined : `${metadata.namespace}/${name}`;
}

function nodeOf({ nodeName, targetRef }: SliceEndpoint): string | undefined {
  return targetRef?.kind === 'Node' ? targetRef.name : (nodeName ?? undefined);
}

function isOfOtherFamily(slice: EndpointSlice, serviceKey: string, cluster: ClusterView): boolean {
  const spec = cluster.services?.get(serviceKey)?.spec;
  if (spec?.ipFamilyPolicy !== 'PreferDualStack' && spec?.ipFamilyPolicy !== 'RequireDualStack') return false;
  const first = spec.ipFamilies[0];
  return first !== undefined && first !== slice.addressType;
}

function endpointLabels(
  address: string,
  endpoint: SliceEndpoint,
  port: SlicePort,
  cluster: ClusterView,
): LabelValues {
  const prefix = `${META}endpointslice_`;
  const { conditions, targetRef } = endpoint;
  const target: LabelValues = {
    __address__: port.port == null ? address : joinHostPort(address, port.port),
    [`${prefix}port_name`]: port.name ?? '',
    [`${prefix}port_protocol`]: port.protocol ?? '',
    [`${prefix}port`]: String(port.port ?? ''),
    [`${prefix}port_app_protocol`]: port.appProtocol ?? '',
    [`${prefix}endpoint_conditions_ready`]: String(conditions.ready ?? ''),
    [`${prefix}endpoint_conditions_serving`]: String(conditions.serving ?? ''),
    [`${prefix}endpoint_conditions_terminating`]: String(conditions.terminating ?? ''),
    [`${prefix}endpoint_hostname`]: endpoint.hostname ?? '',
    [`${prefix}address_target_kind`]: targetRef?.kind ?? '',
    [`${prefix}address_target_name`]: targetRef?.name ?? '',
    [`${prefix}endpoint_node_name`]: endpoint.nodeName ?? '',
    [`${prefix}endpoint_zone`]: endpoint.zone ?? '',
  };
  for (const [key, value] of Object.entries(endpoint.deprecatedTopology)) {
    const name = sanitizeLabelName(key);
    target[`${prefix}endpoint_topology_${name}`] = value;
    target[`${prefix}endpoint_topology_present_${name}`] = 'true';
  }
  const node = nodeOf(endpoint);
  if (node !== undefined) addNodeLabels(target, node, cluster);
  return target;
}

function addPod(
  target: LabelValues,
  { targetRef }: SliceEndpoint,
  { port }: SlicePort,
  cluster: ClusterView,
  seenPods: Map<string, { pod: Pod; ports: Set<number> }>,
): void {
  if (targetRef?.kind !== 'Pod') return;
  const podKey = `${targetRef.namespace}/${targetRef.name}`;
  const pod = cluster.pods?.get(podKey);
  if (pod === undefined) return;
  addPodLabels(target, pod, cluster);
  const seen = seenPods.get(podKey) ?? { pod, ports: new Set() };
  seenPods.set(podKey, seen);
  if (port == null) return;
  seen.ports.add(port);
  for (const each of containersOf(pod)) {
    const found = each.container.ports.find(({ containerPort }) => containerPort === port);
    if (found !== undefined) addContainerPortLabels(target, each, found);
  }
}
