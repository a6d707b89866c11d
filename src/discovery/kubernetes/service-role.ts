import { addNamespaceLabels } from './attached-labels.ts';
import { joinHostPort } from '../label-text.ts';
import { addObjectLabels, META } from './meta-labels.ts';
import type { LabelValues } from './meta-labels.ts';
import { objectKey } from './objects.ts';
import type { Service } from './objects.ts';
import { groupFrom, reference } from './role.ts';
import type { Role } from './role.ts';

const sourceOf = (key: string): string => `svc/${key}`;

/**
 * A target for each port of a service, by its name in the cluster's DNS.
 *
 * @see prometheus discovery/kubernetes/service.go
 */
export const serviceRole: Role<Service> = {
  sourceOf,
  referencesOf: (service) => [reference('namespace', service.metadata.namespace)],
  groupOf(service, cluster) {
    const { metadata, spec } = service;
    const labels: LabelValues = { [`${META}namespace`]: metadata.namespace };
    addObjectLabels(labels, metadata, 'service');
    addNamespaceLabels(labels, metadata.namespace, cluster);
    const targets = spec.ports.map((port): LabelValues => ({
      __address__: joinHostPort(`${metadata.name}.${metadata.namespace}.svc`, port.port),
      [`${META}service_port_name`]: port.name,
      [`${META}service_port_number`]: String(port.port),
      [`${META}service_port_protocol`]: port.protocol,
      [`${META}service_type`]: spec.type,
      ...(spec.type === 'ExternalName'
        ? { [`${META}service_external_name`]: spec.externalName }
        : { [`${META}service_cluster_ip`]: spec.clusterIP }),
      ...(spec.type === 'LoadBalancer' && {
        [`${META}service_loadbalancer_ip`]: loadBalancerAddresses(service),
      }),
    }));
    return groupFrom(sourceOf(objectKey(service)), targets, labels);
  },
};

/** What the load balancer got, else what was asked for. */
function loadBalancerAddresses({ spec, status }: Service): string {
  const given = status.loadBalancer.ingress.map(({ ip }) => ip).filter((ip) => ip !== '');
  return given.length > 0 ? given.join(',') : spec.loadBalancerIP;
}
