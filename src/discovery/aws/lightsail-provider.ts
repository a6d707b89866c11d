import { z } from 'zod';
import { Labels } from '../../core/labels.ts';
import { joinHostPort, sanitizeLabelName } from '../label-text.ts';
import type { Provider, ProviderContext } from '../provider.ts';
import { RefreshProvider } from '../refresh-provider.ts';
import { awsAccountOf } from './aws-account-of.ts';
import type { AwsDiscoveryOptions } from './config.ts';

const META = '__meta_lightsail_';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const instanceSchema = z.object({
  name: text,
  supportCode: text,
  blueprintId: text,
  bundleId: text,
  privateIpAddress: text,
  publicIpAddress: text,
  ipv6Addresses: z.array(z.string()).nullish(),
  location: z.object({ availabilityZone: text }).nullish(),
  state: z.object({ name: text }).nullish(),
  tags: z.array(z.object({ key: text, value: text })).nullish(),
});
const pageSchema = z.object({ instances: z.array(instanceSchema).nullish(), nextPageToken: text });

/**
 * `lightsail_sd_configs`: the instances of an account in a region, as one group. All pages of them; Prometheus reads only
 * the first.
 *
 * @see prometheus discovery/aws/lightsail.go
 */
export function createLightsailProvider(options: AwsDiscoveryOptions, context: ProviderContext): Provider {
  const account = awsAccountOf(options, context);
  const fetchPage = (pageToken: string, signal: AbortSignal): Promise<z.output<typeof pageSchema>> =>
    account.json(
      'lightsail',
      options.endpoint,
      'Lightsail_20161128.GetInstances',
      pageToken === '' ? {} : { pageToken },
      pageSchema,
      signal,
    );
  return new RefreshProvider(
    {
      mechanism: 'lightsail',
      intervalMs: options.refreshIntervalMs,
      async refresh(signal) {
        const region = await account.region(signal);
        const targets: Labels[] = [];
        let pageToken = '';
        do {
          const page = await fetchPage(pageToken, signal);
          for (const instance of page.instances ?? []) {
            if (instance.privateIpAddress === '') continue;
            targets.push(Labels.fromObject(instanceLabels(instance, region, options.port)));
          }
          pageToken = page.nextPageToken;
        } while (pageToken !== '');
        return [{ source: region, targets, labels: Labels.EMPTY }];
      },
    },
    context,
  );
}

function instanceLabels(
  instance: z.output<typeof instanceSchema>,
  region: string,
  port: number,
): Record<string, string> {
  const ipv6 = instance.ipv6Addresses ?? [];
  const labels: Record<string, string> = {
    __address__: joinHostPort(instance.privateIpAddress, port),
    [`${META}availability_zone`]: instance.location?.availabilityZone ?? '',
    [`${META}blueprint_id`]: instance.blueprintId,
    [`${META}bundle_id`]: instance.bundleId,
    [`${META}instance_name`]: instance.name,
    [`${META}instance_state`]: instance.state?.name ?? '',
    [`${META}instance_support_code`]: instance.supportCode,
    [`${META}ipv6_addresses`]: ipv6.length === 0 ? '' : `,${ipv6.join(',')},`,
    [`${META}private_ip`]: instance.privateIpAddress,
    [`${META}public_ip`]: instance.publicIpAddress,
    [`${META}region`]: region,
  };
  for (const { key, value } of instance.tags ?? []) labels[`${META}tag_${sanitizeLabelName(key)}`] = value;
  return labels;
}
