import type { AwsAccount } from '../../core/aws/aws-account.ts';
import type { XmlElement } from '../../core/aws/xml.ts';
import { errorText } from '../../core/errors.ts';
import { Labels } from '../../core/labels.ts';
import type { Logger } from '../../core/log.ts';
import type { Provider, ProviderContext } from '../provider.ts';
import { RefreshProvider } from '../refresh-provider.ts';
import type { TargetGroup } from '../target-group.ts';
import { awsAccountOf } from './aws-account-of.ts';
import type { AwsDiscoveryOptions } from './config.ts';
import { callEc2 } from './call-ec2.ts';
import { ec2Targets } from './ec2-targets.ts';

/** What an entry of `ec2_sd_configs` says. */
export interface Ec2DiscoveryOptions extends AwsDiscoveryOptions {
  readonly filters: readonly { readonly name: string; readonly values: readonly string[] }[];
}

/** The most that EC2 gives at once. */
const PAGE_INSTANCES = 1000;

/** `ec2_sd_configs`: the instances of an account in a region, as one group. */
export function createEc2Provider(options: Ec2DiscoveryOptions, context: ProviderContext): Provider {
  const instances = new Ec2Instances(options, context);
  return new RefreshProvider(
    {
      mechanism: 'ec2',
      intervalMs: options.refreshIntervalMs,
      refresh: async (signal) => [await instances.find(signal)],
    },
    context,
  );
}

/** The IDs of zones are asked for until they are known. */
class Ec2Instances {
  readonly #options: Ec2DiscoveryOptions;
  readonly #account: AwsAccount;
  readonly #logger: Logger;
  #zoneIds: ReadonlyMap<string, string> | undefined;

  constructor(options: Ec2DiscoveryOptions, context: ProviderContext) {
    this.#options = options;
    this.#account = awsAccountOf(options, context);
    this.#logger = context.logger;
  }

  async find(signal: AbortSignal): Promise<TargetGroup> {
    const { filters, port } = this.#options;
    const region = await this.#account.region(signal);
    this.#zoneIds ??= await this.#findZoneIds(signal);

    const parameters: Record<string, string> = { MaxResults: String(PAGE_INSTANCES) };
    for (const [i, { name, values }] of filters.entries()) {
      parameters[`Filter.${i + 1}.Name`] = name;
      for (const [j, value] of values.entries()) parameters[`Filter.${i + 1}.Value.${j + 1}`] = value;
    }
    const targets: Labels[] = [];
    for (;;) {
      const page = await this.#call('DescribeInstances', parameters, signal);
      targets.push(...ec2Targets(page, { region, port, zoneIds: this.#zoneIds ?? new Map() }));
      const next = page.textAt('nextToken') ?? '';
      if (next === '') break;
      parameters['NextToken'] = next;
    }
    return { source: region, targets, labels: Labels.EMPTY };
  }

  /** IDs of zones by name; undefined when they cannot be had, which the account may not be allowed to. */
  async #findZoneIds(signal: AbortSignal): Promise<ReadonlyMap<string, string> | undefined> {
    try {
      const answer = await this.#call('DescribeAvailabilityZones', {}, signal);
      return new Map(
        answer
          .itemsAt('availabilityZoneInfo')
          .map((zone) => [zone.textAt('zoneName') ?? '', zone.textAt('zoneId') ?? '']),
      );
    } catch (error) {
      signal.throwIfAborted();
      this.#logger.debug({ err: errorText(error) }, 'Unable to describe availability zones');
      return undefined;
    }
  }

  #call(
    action: string,
    parameters: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<XmlElement> {
    return callEc2(this.#account, this.#options.endpoint, action, parameters, signal);
  }
}
