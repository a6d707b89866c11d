import { Labels } from '../../core/labels.ts';
import { joinHostPort, sanitizeLabelName } from '../label-text.ts';
import type { XmlElement } from '../../core/aws/xml.ts';

const META = '__meta_ec2_';

/** What is the same for all instances of an answer. */
export interface Ec2Surroundings {
  readonly region: string;
  readonly port: number;
  /** IDs of availability zones by their name in this account; undefined when they could not be asked for. */
  readonly zoneIds: ReadonlyMap<string, string>;
}

/**
 * The targets of an answer to DescribeInstances; instances without an address in a network are none.
 *
 * @see prometheus discovery/aws/ec2.go
 */
export function ec2Targets(answer: XmlElement, surroundings: Ec2Surroundings): Labels[] {
  const targets: Labels[] = [];
  for (const reservation of answer.itemsAt('reservationSet')) {
    const owner = reservation.textAt('ownerId') ?? '';
    for (const instance of reservation.itemsAt('instancesSet')) {
      const labels = instanceLabels(instance, owner, surroundings);
      if (labels !== undefined) targets.push(Labels.fromObject(labels));
    }
  }
  return targets;
}

function instanceLabels(
  instance: XmlElement,
  owner: string,
  { region, port, zoneIds }: Ec2Surroundings,
): Record<string, string> | undefined {
  const at = (...path: readonly string[]): string => instance.textAt(...path) ?? '';
  const vpc = at('vpcId');
  const ipv6 = vpc === '' ? NO_IPV6 : ipv6Addresses(instance);
  const privateIp = at('privateIpAddress');
  const address = privateIp === '' ? ipv6.default : privateIp;
  if (address === '') return undefined;
  const publicIp = at('ipAddress');
  const zone = at('placement', 'availabilityZone');
  const labels: Record<string, string> = {
    __address__: joinHostPort(address, port),
    [`${META}instance_id`]: at('instanceId'),
    [`${META}region`]: region,
    [`${META}owner_id`]: owner,
    [`${META}default_ipv6_address`]: ipv6.default,
    [`${META}private_ip`]: privateIp,
    [`${META}private_dns_name`]: at('privateDnsName'),
    [`${META}platform`]: at('platform'),
    [`${META}public_ip`]: publicIp,
    [`${META}public_dns_name`]: publicIp === '' ? '' : at('dnsName'),
    [`${META}primary_ipv6_addresses`]: listed(ipv6.primary),
    [`${META}ipv6_addresses`]: listed(ipv6.all),
    [`${META}ami`]: at('imageId'),
    [`${META}availability_zone`]: zone,
    [`${META}availability_zone_id`]: zoneIds.get(zone) ?? '',
    [`${META}instance_state`]: at('instanceState', 'name'),
    [`${META}instance_type`]: at('instanceType'),
    [`${META}instance_lifecycle`]: at('instanceLifecycle'),
    [`${META}architecture`]: at('architecture'),
  };
  if (vpc !== '') {
    labels[`${META}vpc_id`] = vpc;
    labels[`${META}primary_subnet_id`] = at('subnetId');
    const subnets = instance.itemsAt('networkInterfaceSet').flatMap((card) => card.textAt('subnetId') ?? []);
    labels[`${META}subnet_id`] = `,${[...new Set(subnets)].join(',')},`;
  }
  for (const tag of instance.itemsAt('tagSet')) {
    const key = tag.textAt('key');
    if (key !== undefined) labels[`${META}tag_${sanitizeLabelName(key)}`] = tag.textAt('value') ?? '';
  }
  return labels;
}

interface Ipv6Addresses {
  /** Those of the network cards, each at its card's place; '' where a card has none. */
  readonly primary: readonly string[];
  readonly all: readonly string[];
  readonly default: string;
}

const NO_IPV6: Ipv6Addresses = { primary: [], all: [], default: '' };

function ipv6Addresses(instance: XmlElement): Ipv6Addresses {
  const primary: string[] = [];
  const all: string[] = [];
  for (const card of instance.itemsAt('networkInterfaceSet')) {
    if (card.textAt('subnetId') === undefined) continue;
    for (const item of card.itemsAt('ipv6AddressesSet')) {
      const address = item.textAt('ipv6Address') ?? '';
      all.push(address);
      if (item.textAt('isPrimaryIpv6') !== 'true') continue;
      const place = Number(card.textAt('attachment', 'deviceIndex') ?? 0);
      while (primary.length <= place) primary.push('');
      primary[place] = address;
    }
  }
  return { primary, all, default: [...primary, ...all].find((address) => address !== '') ?? '' };
}

/** With separators at both ends, so that an expression need not mind where in the list something is. */
function listed(values: readonly string[]): string {
  return values.length === 0 ? '' : `,${values.join(',')},`;
}
