import { z } from 'zod';
import { TocsinError } from '../../core/errors.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { AccessTokens } from '../access-token.ts';
import { fetchJson, StatusError } from '../fetch-json.ts';
import type { ProviderContext } from '../provider.ts';
import { fetchAzureToken } from './azure-tokens.ts';
import type { AzureIdentity } from './azure-tokens.ts';
import type { AzureCloud } from './clouds.ts';
import { parseResourceId } from './resource-id.ts';

const TIMEOUT_MS = 60_000;
const COMPUTE_VERSION = '2024-03-01';
const NETWORK_VERSION = '2023-09-01';
/** Network cards of scale sets' machines are there in this version only. */
const SCALE_SET_NETWORK_VERSION = '2018-10-01';
const EXPAND = 'IPConfigurations/PublicIPAddress';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const machineSchema = z.object({
  id: z.string(),
  name: text,
  location: text,
  instanceId: text,
  tags: z.record(z.string(), text).nullish(),
  properties: z
    .object({
      storageProfile: z.object({ osDisk: z.object({ osType: text }).nullish() }).nullish(),
      networkProfile: z
        .object({ networkInterfaces: z.array(z.object({ id: z.string() })).nullish() })
        .nullish(),
      osProfile: z.object({ computerName: text }).nullish(),
      hardwareProfile: z.object({ vmSize: text }).nullish(),
    })
    .nullish(),
});
const scaleSetSchema = z.object({ id: z.string(), name: z.string() });
const cardSchema = z.object({
  properties: z
    .object({
      primary: z.boolean().nullish(),
      ipConfigurations: z
        .array(
          z.object({
            properties: z
              .object({
                privateIPAddress: z.string().nullish(),
                publicIPAddress: z
                  .object({ properties: z.object({ ipAddress: z.string().nullish() }).nullish() })
                  .nullish(),
              })
              .nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});

/** A virtual machine, of a scale set or on its own. */
export interface AzureMachine extends z.output<typeof machineSchema> {
  /** '' for a machine on its own. */
  readonly scaleSet: string;
}
/** A network card. */
export type AzureNetworkCard = z.output<typeof cardSchema>;

/** The part of Azure Resource Manager that discovery uses. Failures reject with a TocsinError. */
export class AzureApi {
  readonly #manager: string;
  readonly #subscription: string;
  readonly #context: ProviderContext;
  readonly #http;
  readonly #tokens: AccessTokens;

  constructor(
    cloud: AzureCloud,
    subscriptionId: string,
    identity: AzureIdentity,
    httpConfig: HttpClientConfig,
    context: ProviderContext,
  ) {
    this.#manager = cloud.manager;
    this.#subscription = `/subscriptions/${encodeURIComponent(subscriptionId)}`;
    this.#context = context;
    this.#http = context.httpFor(httpConfig);
    this.#tokens = new AccessTokens(context.clock, (signal) =>
      fetchAzureToken(identity, cloud, httpConfig, context, signal),
    );
  }

  /** All virtual machines of the subscription, or of a resource group when one is given. */
  async machines(resourceGroup: string, signal: AbortSignal): Promise<AzureMachine[]> {
    const path = `${this.#within(resourceGroup)}/providers/Microsoft.Compute/virtualMachines`;
    const alone = await this.#list(path, machineSchema, signal);
    const machines = alone.map((machine): AzureMachine => ({ ...machine, scaleSet: '' }));
    const setsPath = `${this.#within(resourceGroup)}/providers/Microsoft.Compute/virtualMachineScaleSets`;
    for (const set of await this.#list(setsPath, scaleSetSchema, signal)) {
      const group = this.#within(parseResourceId(set.id).resourceGroup);
      const setPath = `${group}/providers/Microsoft.Compute/virtualMachineScaleSets/${encodeURIComponent(set.name)}`;
      const found = await this.#list(`${setPath}/virtualMachines`, machineSchema, signal);
      machines.push(...found.map((machine) => ({ ...machine, scaleSet: set.name })));
    }
    return machines;
  }

  /** A network card of a machine; undefined when there is none (any more). */
  async networkCard(
    id: string,
    { scaleSet, instanceId }: AzureMachine,
    signal: AbortSignal,
  ): Promise<AzureNetworkCard | undefined> {
    const { resourceGroup, name } = parseResourceId(id);
    const providers = `${this.#within(resourceGroup)}/providers`;
    const card = `networkInterfaces/${encodeURIComponent(name)}`;
    const isAlone = scaleSet === '';
    const set = `Microsoft.Compute/virtualMachineScaleSets/${encodeURIComponent(scaleSet)}`;
    const path = isAlone
      ? `${providers}/Microsoft.Network/${card}`
      : `${providers}/${set}/virtualMachines/${encodeURIComponent(instanceId)}/${card}`;
    const version = isAlone ? NETWORK_VERSION : SCALE_SET_NETWORK_VERSION;
    const query = new URLSearchParams({ 'api-version': version, $expand: EXPAND });
    try {
      return await this.#get(`${this.#manager}${path}?${query.toString()}`, cardSchema, signal);
    } catch (error) {
      if (error instanceof StatusError && error.status === 404) return undefined;
      throw error;
    }
  }

  #within(resourceGroup: string): string {
    return resourceGroup === ''
      ? this.#subscription
      : `${this.#subscription}/resourceGroups/${encodeURIComponent(resourceGroup)}`;
  }

  async #list<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T[]> {
    const pageSchema = z.object({ value: z.array(schema).nullish(), nextLink: text });
    const all: T[] = [];
    for (let url = `${this.#manager}${path}?api-version=${COMPUTE_VERSION}`; url !== '';) {
      const page: z.output<typeof pageSchema> = await this.#get(url, pageSchema, signal);
      all.push(...(page.value ?? []));
      url = page.nextLink;
      // The token goes along, so it must stay where it belongs.
      if (url !== '' && !(URL.canParse(url) && new URL(url).origin === this.#manager)) {
        throw new TocsinError('TOCSIN_ERR_HTTP', `${path}: the next page is not at ${this.#manager}`);
      }
    }
    return all;
  }

  async #get<T>(url: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    return this.#tokens.use(signal, async (authorization) => {
      const { value } = await fetchJson({
        http: this.#http,
        clock: this.#context.clock,
        url,
        headers: { Authorization: authorization, 'User-Agent': this.#context.userAgent },
        timeoutMs: TIMEOUT_MS,
        schema,
        signal,
      });
      return value;
    });
  }
}
