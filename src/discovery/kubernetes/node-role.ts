import { joinHostPort, sanitizeLabelName } from '../label-text.ts';
import { addObjectLabels, META } from './meta-labels.ts';
import type { LabelValues } from './meta-labels.ts';
import { objectKey } from './objects.ts';
import type { Node } from './objects.ts';
import { groupFrom } from './role.ts';
import type { Role } from './role.ts';

/** Types of addresses, in the order in which they are looked for. */
const ADDRESS_TYPES = ['InternalIP', 'InternalDNS', 'ExternalIP', 'ExternalDNS', 'LegacyHostIP', 'Hostname'];

const sourceOf = (key: string): string => `node/${key}`;

/**
 * A target for each node: its kubelet. A node that has no address yet keeps what it had.
 *
 * @see prometheus discovery/kubernetes/node.go
 */
export const nodeRole: Role<Node> = {
  sourceOf,
  referencesOf: () => [],
  groupOf(node) {
    const { metadata, spec, status } = node;
    const labels: LabelValues = { [`${META}node_provider_id`]: spec.providerID };
    for (const condition of status.conditions) {
      const name = sanitizeLabelName(condition.type.toLowerCase());
      labels[`${META}node_condition_${name}`] = condition.status.toLowerCase();
    }
    addObjectLabels(labels, metadata, 'node');

    const first = new Map<string, string>();
    for (const { type, address } of status.addresses) if (!first.has(type)) first.set(type, address);
    const type = ADDRESS_TYPES.find((candidate) => first.has(candidate));
    if (type === undefined) return undefined;
    const target: LabelValues = {
      __address__: joinHostPort(first.get(type)!, status.daemonEndpoints.kubeletEndpoint.Port),
      instance: metadata.name,
    };
    for (const [name, address] of first) target[sanitizeLabelName(`${META}node_address_${name}`)] = address;
    return groupFrom(sourceOf(objectKey(node)), [target], labels);
  },
};
