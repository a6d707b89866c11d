import { errorText } from '../../core/errors.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { Labels } from '../../core/labels.ts';
import type { Logger } from '../../core/log.ts';
import type { Provider, ProviderContext } from '../provider.ts';
import { RefreshProvider } from '../refresh-provider.ts';
import type { TargetGroup } from '../target-group.ts';
import { AwsError, callAws } from './aws-http.ts';
import type { AwsContext } from './aws-http.ts';
import { CredentialChain } from './credential-chain.ts';
import type { AwsAccess } from './credential-chain.ts';
import { ec2Targets } from './ec2-targets.ts';
import { findRegion } from './region.ts';
import type { XmlElement } from './xml.ts';

/** What an entry of `ec2_sd_configs` says. */
export interface Ec2DiscoveryOptions {
  /** Instead of EC2's own in the region; '' for that. */
  readonly endpoint: string;
  readonly access: AwsAccess;
  readonly refreshIntervalMs: number;
  readonly port: number;
  readonly filters: readonly { readonly name: string; readonly values: readonly string[] }[];
  readonly http: HttpClientConfig;
}

const EC2_VERSION = '2016-11-15';
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

/** Region, credentials and the IDs of zones are found out once; the credentials again when EC2 refuses them. */
class Ec2Instances {
  readonly #options: Ec2DiscoveryOptions;
  readonly #context: AwsContext;
  readonly #logger: Logger;
  #account: { readonly region: string; readonly credentials: CredentialChain } | undefined;
  #zoneIds: ReadonlyMap<string, string> | undefined;

  constructor(options: Ec2DiscoveryOptions, context: ProviderContext) {
    const { clock, files, environment, programs, userAgent, logger } = context;
    this.#options = options;
    this.#context = { clock, files, environment, programs, userAgent, http: context.httpFor(options.http) };
    this.#logger = logger;
  }

  async find(signal: AbortSignal): Promise<TargetGroup> {
    const { access, filters, port } = this.#options;
    if (this.#account === undefined) {
      const region = await findRegion(access.region, this.#context, signal);
      this.#account = { region, credentials: new CredentialChain(access, region, this.#context) };
    }
    const { region } = this.#account;
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

  async #call(
    action: string,
    parameters: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<XmlElement> {
    const { region, credentials } = this.#account!;
    const query = { service: 'ec2', region, endpoint: this.#options.endpoint, version: EC2_VERSION } as const;
    try {
      return await callAws(
        this.#context,
        { ...query, action, parameters, credentials: await credentials.get(signal) },
        signal,
      );
    } catch (error) {
      const isRefused = error instanceof AwsError && REFUSED.has(error.awsCode);
      // To describe zones may be forbidden for good.
      if (isRefused && action === 'DescribeInstances') credentials.forget();
      throw error;
    }
  }
}

/** AWS' words for credentials that are not (any more) good. */
const REFUSED: ReadonlySet<string> = new Set([
  'AuthFailure',
  'UnauthorizedOperation',
  'ExpiredToken',
  'RequestExpired',
  'InvalidClientTokenId',
]);
