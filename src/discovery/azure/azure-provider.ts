import { assert, TocsinError } from '../../core/errors.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { Labels } from '../../core/labels.ts';
import type { Counter } from '../../core/metrics.ts';
import { joinHostPort, sanitizeLabelName } from '../label-text.ts';
import { mapLimited } from '../map-limited.ts';
import type { Provider, ProviderContext } from '../provider.ts';
import { RefreshProvider } from '../refresh-provider.ts';
import { AzureApi } from './azure-api.ts';
import type { AzureMachine, AzureNetworkCard } from './azure-api.ts';
import type { AzureIdentity } from './azure-tokens.ts';
import { azureCloud } from './clouds.ts';
import { ExpiringCache } from './expiring-cache.ts';
import { parseResourceId } from './resource-id.ts';

/** What an entry of `azure_sd_configs` says. */
export interface AzureDiscoveryOptions extends AzureIdentity {
  /** Name of a cloud, one that {@link azureCloud} knows. */
  readonly environment: string;
  readonly port: number;
  readonly subscriptionId: string;
  readonly refreshIntervalMs: number;
  /** '' for all. */
  readonly resourceGroup: string;
  readonly http: HttpClientConfig;
}

const META = '__meta_azure_';
/** Network cards that are asked for at a time. */
const CARDS_AT_A_TIME = 16;
const MAX_CARDS = 5000;

/**
 * `azure_sd_configs`: the virtual machines of a subscription, those of scale sets too, as one group.
 *
 * @see prometheus discovery/azure/azure.go
 */
export function createAzureProvider(options: AzureDiscoveryOptions, context: ProviderContext): Provider {
  const machines = new AzureMachines(options, context);
  return new RefreshProvider(
    {
      mechanism: 'azure',
      intervalMs: options.refreshIntervalMs,
      refresh: async (signal) => [{ source: '', targets: await machines.find(signal), labels: Labels.EMPTY }],
    },
    context,
  );
}

class AzureMachines {
  readonly #options: AzureDiscoveryOptions;
  readonly #context: ProviderContext;
  readonly #api: AzureApi;
  readonly #cards: ExpiringCache<AzureNetworkCard>;
  readonly #failures: Counter;
  readonly #cacheHits: Counter;

  constructor(options: AzureDiscoveryOptions, context: ProviderContext) {
    const cloud = azureCloud(options.environment);
    assert(cloud !== undefined, 'the environment of a checked config must be known');
    this.#options = options;
    this.#context = context;
    this.#api = new AzureApi(cloud, options.subscriptionId, options, options.http, context);
    this.#cards = new ExpiringCache(MAX_CARDS, context.clock);
    this.#failures = context.metrics.counter(
      'prometheus_sd_azure_failures_total',
      'Number of Azure service discovery refresh failures.',
    );
    this.#cacheHits = context.metrics.counter(
      'prometheus_sd_azure_cache_hit_total',
      'Number of cache hit during refresh.',
    );
  }

  async find(signal: AbortSignal): Promise<Labels[]> {
    try {
      const machines = await this.#api.machines(this.#options.resourceGroup, signal);
      const found = await mapLimited(machines, CARDS_AT_A_TIME, (machine) => this.#labelsOf(machine, signal));
      return found.flatMap((labels) => (labels === undefined ? [] : Labels.fromObject(labels)));
    } catch (error) {
      if (!signal.aborted) this.#failures.inc();
      throw error;
    }
  }

  /** Labels of a machine; undefined when it has no address, as those that are switched off. */
  async #labelsOf(machine: AzureMachine, signal: AbortSignal): Promise<Record<string, string> | undefined> {
    const labels = machineLabels(machine, this.#options);
    for (const { id } of machine.properties?.networkProfile?.networkInterfaces ?? []) {
      const card = await this.#card(id, machine, signal);
      if (card === undefined) {
        this.#context.logger.warn({ name: id }, 'Network interface does not exist');
        return undefined;
      }
      const { properties } = card;
      if (properties == null) continue;
      // Azure says this of cards of machines that run, and nothing of others.
      if (properties.primary == null) return undefined;
      if (!properties.primary) continue;
      const [first] = properties.ipConfigurations ?? [];
      if (first === undefined) continue;
      const address = first.properties?.privateIPAddress;
      if (address == null) {
        throw new TocsinError('TOCSIN_ERR_HTTP', `unable to find a private IP for VM ${machine.name}`);
      }
      labels[`${META}machine_public_ip`] = first.properties?.publicIPAddress?.properties?.ipAddress ?? '';
      labels[`${META}machine_private_ip`] = address;
      labels['__address__'] = joinHostPort(address, this.#options.port);
      return labels;
    }
    return undefined;
  }

  /** Cards are asked for one by one, and Azure limits how often; so they are kept for some ten intervals. */
  async #card(id: string, machine: AzureMachine, signal: AbortSignal): Promise<AzureNetworkCard | undefined> {
    const known = this.#cards.get(id);
    if (known !== undefined) {
      this.#cacheHits.inc();
      return known;
    }
    const card = await this.#api.networkCard(id, machine, signal);
    // Not all at once again: up to three intervals more, at random.
    const keepMs = this.#options.refreshIntervalMs * (10 + 3 * this.#context.random.next());
    if (card !== undefined) this.#cards.set(id, card, keepMs);
    return card;
  }
}

function machineLabels(machine: AzureMachine, options: AzureDiscoveryOptions): Record<string, string> {
  const { properties } = machine;
  const labels: Record<string, string> = {
    [`${META}subscription_id`]: options.subscriptionId,
    [`${META}tenant_id`]: options.tenantId,
    [`${META}machine_id`]: machine.id,
    [`${META}machine_name`]: machine.name,
    [`${META}machine_computer_name`]: properties?.osProfile?.computerName ?? '',
    [`${META}machine_os_type`]: properties?.storageProfile?.osDisk?.osType ?? '',
    [`${META}machine_location`]: machine.location,
    [`${META}machine_resource_group`]: parseResourceId(machine.id).resourceGroup,
    [`${META}machine_size`]: properties?.hardwareProfile?.vmSize ?? '',
    [`${META}machine_scale_set`]: machine.scaleSet,
  };
  for (const [key, value] of Object.entries(machine.tags ?? {})) {
    labels[`${META}machine_tag_${sanitizeLabelName(key)}`] = value;
  }
  return labels;
}
