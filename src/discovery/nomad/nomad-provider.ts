import { z } from 'zod';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { Labels } from '../../core/labels.ts';
import { fetchJson } from '../fetch-json.ts';
import { listOf, number, text } from '../go-json.ts';
import { joinHostPort } from '../label-text.ts';
import type { Provider, ProviderContext } from '../provider.ts';
import { RefreshProvider } from '../refresh-provider.ts';

/** What an entry of `nomad_sd_configs` says. */
export interface NomadDiscoveryOptions {
  readonly allowStale: boolean;
  readonly namespace: string;
  /** Also the time limit of each request. */
  readonly refreshIntervalMs: number;
  readonly region: string;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly tagSeparator: string;
  readonly http: HttpClientConfig;
}

const servicesSchema = listOf(z.object({ Services: listOf(z.object({ ServiceName: text })) }));

const instanceSchema = z.object({
  ID: text,
  ServiceName: text,
  Namespace: text,
  NodeID: text,
  Datacenter: text,
  Address: text,
  Port: number,
  Tags: listOf(z.string()),
});

/**
 * `nomad_sd_configs`: the instances of all services that Nomad itself registers, as one group.
 *
 * @see prometheus discovery/nomad/nomad.go
 */
export function createNomadProvider(options: NomadDiscoveryOptions, context: ProviderContext): Provider {
  const { clock, metrics, userAgent } = context;
  const http = context.httpFor(options.http);
  const failures = metrics.counter(
    'prometheus_sd_nomad_failures_total',
    'Number of nomad service discovery refresh failures.',
  );
  const query = queryOf(options);
  const ask = async <T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> => {
    try {
      const answer = await fetchJson({
        http,
        clock,
        url: `${options.baseUrl}${path}${query}`,
        headers: { 'User-Agent': userAgent },
        timeoutMs: options.refreshIntervalMs,
        schema,
        signal,
      });
      return answer.value;
    } catch (error) {
      if (!signal.aborted) failures.inc();
      throw error;
    }
  };
  return new RefreshProvider(
    {
      mechanism: 'nomad',
      intervalMs: options.refreshIntervalMs,
      async refresh(signal) {
        const targets: Labels[] = [];
        for (const { Services } of await ask('/v1/services', servicesSchema, signal)) {
          for (const { ServiceName } of Services) {
            const path = `/v1/service/${encodeURIComponent(ServiceName)}`;
            const instances = await ask(path, listOf(instanceSchema), signal);
            for (const instance of instances) targets.push(labelsOf(instance, options.tagSeparator));
          }
        }
        return [{ source: 'Nomad', targets, labels: Labels.EMPTY }];
      },
    },
    context,
  );
}

function queryOf({ region, namespace, allowStale }: NomadDiscoveryOptions): string {
  const parameters = new URLSearchParams();
  if (region !== '') parameters.set('region', region);
  if (namespace !== '') parameters.set('namespace', namespace);
  if (allowStale) parameters.set('stale', '');
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

function labelsOf(instance: z.output<typeof instanceSchema>, separator: string): Labels {
  const { Address, Port, Tags } = instance;
  return Labels.fromObject({
    __address__: joinHostPort(Address, Port),
    __meta_nomad_address: Address,
    __meta_nomad_dc: instance.Datacenter,
    __meta_nomad_node_id: instance.NodeID,
    __meta_nomad_namespace: instance.Namespace,
    __meta_nomad_service: instance.ServiceName,
    __meta_nomad_service_address: Address,
    __meta_nomad_service_id: instance.ID,
    __meta_nomad_service_port: String(Port),
    __meta_nomad_tags: Tags.length === 0 ? '' : `${separator}${Tags.join(separator)}${separator}`,
  });
}
