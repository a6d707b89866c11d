import { z } from 'zod';
import { DEFAULT_HTTP_CLIENT_CONFIG } from '../../core/http-config.ts';
import { Labels } from '../../core/labels.ts';
import { AccessTokens } from '../access-token.ts';
import { fetchJson } from '../fetch-json.ts';
import { sanitizeLabelName } from '../label-text.ts';
import type { Provider, ProviderContext } from '../provider.ts';
import { RefreshProvider } from '../refresh-provider.ts';
import { fetchGoogleToken } from './google-tokens.ts';

/** What an entry of `gce_sd_configs` says. */
export interface GceDiscoveryOptions {
  readonly project: string;
  readonly zone: string;
  /** In the words of the API; '' for all instances. */
  readonly filter: string;
  readonly refreshIntervalMs: number;
  readonly port: number;
  readonly tagSeparator: string;
}

const META = '__meta_gce_';
const API = 'https://compute.googleapis.com/compute/v1';
const TIMEOUT_MS = 60_000;

const text = z.string().default('');
const instanceSchema = z.object({
  // The API writes numbers of 64 bits as text.
  id: text,
  name: text,
  zone: text,
  status: text,
  machineType: text,
  networkInterfaces: z
    .array(
      z.object({
        name: text,
        network: text,
        subnetwork: text,
        networkIP: text,
        accessConfigs: z.array(z.object({ type: text, natIP: text })).default([]),
      }),
    )
    .default([]),
  tags: z.object({ items: z.array(z.string()).default([]) }).optional(),
  metadata: z
    .object({ items: z.array(z.object({ key: z.string(), value: z.string().optional() })).default([]) })
    .optional(),
  labels: z.record(z.string(), z.string()).default({}),
});
type Instance = z.output<typeof instanceSchema>;

const pageSchema = z.object({ items: z.array(instanceSchema).default([]), nextPageToken: text });

/**
 * `gce_sd_configs`: the instances of a project in a zone, as one group.
 *
 * @see prometheus discovery/gce/gce.go
 */
export function createGceProvider(options: GceDiscoveryOptions, context: ProviderContext): Provider {
  const { project, zone, filter } = options;
  const { proxy } = DEFAULT_HTTP_CLIENT_CONFIG;
  const http = context.httpFor({ ...DEFAULT_HTTP_CLIENT_CONFIG, proxy: { ...proxy, fromEnvironment: true } });
  const tokens = new AccessTokens(context.clock, (signal) => fetchGoogleToken(context, http, signal));
  const url = `${API}/projects/${encodeURIComponent(project)}/zones/${encodeURIComponent(zone)}/instances`;

  const fetchPage = (pageToken: string, signal: AbortSignal) =>
    tokens.use(signal, async (authorization) => {
      const query = new URLSearchParams({ prettyPrint: 'false' });
      if (filter !== '') query.set('filter', filter);
      if (pageToken !== '') query.set('pageToken', pageToken);
      const { value } = await fetchJson({
        http,
        clock: context.clock,
        url: `${url}?${query.toString()}`,
        headers: { Authorization: authorization, 'User-Agent': context.userAgent },
        timeoutMs: TIMEOUT_MS,
        schema: pageSchema,
        signal,
      });
      return value;
    });

  return new RefreshProvider(
    {
      mechanism: 'gce',
      intervalMs: options.refreshIntervalMs,
      async refresh(signal) {
        const targets: Labels[] = [];
        for (let pageToken: string | undefined = ''; pageToken !== undefined;) {
          const page: z.output<typeof pageSchema> = await fetchPage(pageToken, signal);
          for (const instance of page.items) {
            const labels = instanceLabels(instance, options);
            if (labels !== undefined) targets.push(Labels.fromObject(labels));
          }
          pageToken = page.nextPageToken === '' ? undefined : page.nextPageToken;
        }
        return [{ source: `GCE_${project}_${zone}`, targets, labels: Labels.EMPTY }];
      },
    },
    context,
  );
}

function instanceLabels(
  instance: Instance,
  options: GceDiscoveryOptions,
): Record<string, string> | undefined {
  const [first] = instance.networkInterfaces;
  if (first === undefined) return undefined;
  const { port, project, tagSeparator } = options;
  const labels: Record<string, string> = {
    __address__: `${first.networkIP}:${port}`,
    [`${META}project`]: project,
    [`${META}zone`]: instance.zone,
    [`${META}instance_id`]: instance.id,
    [`${META}instance_name`]: instance.name,
    [`${META}instance_status`]: instance.status,
    [`${META}machine_type`]: instance.machineType,
    [`${META}network`]: first.network,
    [`${META}subnetwork`]: first.subnetwork,
    [`${META}private_ip`]: first.networkIP,
  };
  for (const { name, networkIP } of instance.networkInterfaces) {
    labels[`${META}interface_ipv4_${sanitizeLabelName(name)}`] = networkIP;
  }
  const tags = instance.tags?.items ?? [];
  // With separators at both ends, so that an expression need not mind where in the list something is.
  if (tags.length > 0) labels[`${META}tags`] = tagSeparator + tags.join(tagSeparator) + tagSeparator;
  for (const { key, value } of instance.metadata?.items ?? []) {
    if (value !== undefined) labels[`${META}metadata_${sanitizeLabelName(key)}`] = value;
  }
  for (const [key, value] of Object.entries(instance.labels)) {
    labels[`${META}label_${sanitizeLabelName(key)}`] = value;
  }
  const [access] = first.accessConfigs;
  if (access?.type === 'ONE_TO_ONE_NAT') labels[`${META}public_ip`] = access.natIP;
  return labels;
}
