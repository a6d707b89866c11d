import { z } from 'zod';
import { Labels } from '../../core/labels.ts';
import { listOf, number, part, text, texts } from '../go-json.ts';
import { joinHostPort } from '../label-text.ts';
import { mapPaced } from '../paced.ts';
import type { Provider, ProviderContext } from '../provider.ts';
import { RefreshProvider } from '../refresh-provider.ts';
import { DockerApi, labelled } from './docker-api.ts';
import type { DockerFilter, DockerHost, MetaLabels } from './docker-api.ts';

/** What an entry of `docker_sd_configs` says. */
export interface DockerDiscoveryOptions {
  readonly host: DockerHost;
  /** Of containers that expose none. */
  readonly port: number;
  readonly filters: readonly DockerFilter[];
  /** Also the time limit of each request. */
  readonly refreshIntervalMs: number;
  /** Address of containers in the network of their host. */
  readonly hostNetworkingHost: string;
  /** Of several networks take only the first by name. */
  readonly matchFirstNetwork: boolean;
}

const endpointSchema = z.object({ NetworkID: text, IPAddress: text, GlobalIPv6Address: text });

const containerSchema = z.object({
  Id: text,
  Names: listOf(z.string()),
  Image: text,
  ImageID: text,
  Labels: texts,
  Ports: listOf(z.object({ IP: text, PrivatePort: number, PublicPort: number, Type: text })),
  HostConfig: part({ NetworkMode: text }),
  NetworkSettings: part({
    Networks: z
      .record(z.string(), endpointSchema.nullable())
      .nullish()
      .transform((networks) => networks ?? {}),
  }),
});

type Container = z.output<typeof containerSchema>;
type Endpoint = z.output<typeof endpointSchema>;

const META = '__meta_docker_';

/**
 * `docker_sd_configs`: the running containers of one daemon, a target for each network and TCP port, as one group.
 *
 * @see prometheus discovery/moby/docker.go
 */
export function createDockerProvider(options: DockerDiscoveryOptions, context: ProviderContext): Provider {
  const { host, refreshIntervalMs, filters } = options;
  const api = new DockerApi(host, refreshIntervalMs, context);
  return new RefreshProvider(
    {
      mechanism: 'docker',
      intervalMs: refreshIntervalMs,
      async refresh(signal) {
        const version = await api.version(signal);
        const containers = await api.list(version, 'containers/json', containerSchema, filters, signal);
        const networkLabels = await api.networkLabels(version, META, signal);
        const byId = new Map(containers.map((container) => [container.Id, container]));
        const targets = await mapPaced(context.clock, containers, (container) =>
          networksOf(container, byId, options.matchFirstNetwork).flatMap((endpoint) =>
            targetsOf(container, endpoint, networkLabels.get(endpoint.NetworkID) ?? {}, options),
          ),
        );
        return [{ source: 'Docker', targets: targets.flat(), labels: Labels.EMPTY }];
      },
    },
    context,
  );
}

/** The networks that a container is in; one that shares another's network has none of its own. */
function networksOf(
  container: Container,
  byId: ReadonlyMap<string, Container>,
  onlyFirst: boolean,
): Endpoint[] {
  const seen = new Set<Container>();
  let owner: Container | undefined = container;
  while (Object.keys(owner.NetworkSettings.Networks).length === 0 && !seen.has(owner)) {
    seen.add(owner);
    const id: string | undefined = /^container:(.*)$/s.exec(owner.HostConfig.NetworkMode)?.[1];
    const next: Container | undefined = id === undefined ? undefined : byId.get(id);
    if (next === undefined) break;
    owner = next;
  }
  const networks = Object.entries(owner.NetworkSettings.Networks)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, endpoint]) => endpoint ?? []);
  return onlyFirst ? networks.slice(0, 1) : networks;
}

function targetsOf(
  container: Container,
  endpoint: Endpoint,
  networkLabels: MetaLabels,
  { port, hostNetworkingHost }: DockerDiscoveryOptions,
): Labels[] {
  if (container.Names.length === 0) return [];
  const { NetworkMode } = container.HostConfig;
  const ip = endpoint.IPAddress === '' ? endpoint.GlobalIPv6Address : endpoint.IPAddress;
  const common: MetaLabels = {
    [`${META}container_id`]: container.Id,
    [`${META}container_name`]: container.Names[0]!,
    [`${META}container_network_mode`]: NetworkMode,
    [`${META}container_image`]: container.Image,
    [`${META}container_image_id`]: container.ImageID,
    ...labelled(`${META}container_label_`, container.Labels),
    ...networkLabels,
    [`${META}network_ip`]: ip,
  };
  const tcp = container.Ports.filter(({ Type }) => Type === 'tcp');
  if (tcp.length === 0) {
    const address = NetworkMode === 'host' ? hostNetworkingHost : joinHostPort(ip, port);
    return [Labels.fromObject({ ...common, __address__: address })];
  }
  return tcp.map(({ PrivatePort, PublicPort, IP }) =>
    Labels.fromObject({
      ...common,
      __address__: joinHostPort(ip, PrivatePort),
      [`${META}port_private`]: String(PrivatePort),
      ...(PublicPort > 0 && {
        [`${META}port_public`]: String(PublicPort),
        [`${META}port_public_ip`]: IP,
      }),
    }),
  );
}
