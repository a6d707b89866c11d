import { Labels } from '../../core/labels.ts';
import { joinHostPort, sanitizeLabelName } from '../label-text.ts';
import type { ConsulInstance } from './consul-api.ts';

const META = '__meta_consul_';

/** Labels of an instance of a service; the group has those of the service. */
export function instanceLabels({ Node, Service, Checks }: ConsulInstance, tagSeparator: string): Labels {
  const labels: Record<string, string> = {
    __address__: joinHostPort(Service.Address === '' ? Node.Address : Service.Address, Service.Port),
    [`${META}address`]: Node.Address,
    [`${META}node`]: Node.Node,
    [`${META}namespace`]: Service.Namespace,
    [`${META}partition`]: Service.Partition,
    // Separators around it too, so that an expression need not care where in the list a tag is.
    [`${META}tags`]: `${tagSeparator}${Service.Tags.join(tagSeparator)}${tagSeparator}`,
    [`${META}service_address`]: Service.Address,
    [`${META}service_port`]: String(Service.Port),
    [`${META}service_id`]: Service.ID,
    [`${META}health`]: aggregatedStatus(Checks),
  };
  for (const [prefix, values] of [
    ['metadata_', Node.Meta],
    ['service_metadata_', Service.Meta],
    ['tagged_address_', Node.TaggedAddresses],
  ] as const) {
    for (const [name, value] of Object.entries(values)) {
      labels[`${META}${prefix}${sanitizeLabelName(name)}`] = value;
    }
  }
  return Labels.fromObject(labels);
}

/** The worst that checks say; '' where one says what nobody knows. */
function aggregatedStatus(checks: ConsulInstance['Checks']): string {
  const statuses = new Set<string>();
  for (const { CheckID, Status } of checks) {
    if (CheckID === '_node_maintenance' || CheckID.startsWith('_service_maintenance:')) {
      statuses.add('maintenance');
    } else if (['passing', 'warning', 'critical'].includes(Status)) statuses.add(Status);
    else return '';
  }
  return ['maintenance', 'critical', 'warning'].find((status) => statuses.has(status)) ?? 'passing';
}
