import type { Clock } from '../../core/clock.ts';
import { TocsinError } from '../../core/errors.ts';
import { Labels } from '../../core/labels.ts';
import { joinHostPort } from '../label-text.ts';
import { mapPaced } from '../paced.ts';
import type { Provider, ProviderContext } from '../provider.ts';
import { RefreshProvider } from '../refresh-provider.ts';
import { DockerApi, labelled } from './docker-api.ts';
import type { DockerFilter, DockerHost, MetaLabels } from './docker-api.ts';
import { nodeSchema, serviceSchema, taskSchema } from './swarm-objects.ts';
import type { SwarmNode, SwarmPort, SwarmService, SwarmTask } from './swarm-objects.ts';

/** Values of `role`. */
export const SWARM_ROLES = ['services', 'tasks', 'nodes'] as const;

/** What an entry of `dockerswarm_sd_configs` says. */
export interface SwarmDiscoveryOptions {
  readonly host: DockerHost;
  readonly role: (typeof SWARM_ROLES)[number];
  /** Of what publishes none. */
  readonly port: number;
  /** Of services, tasks or nodes, as the role says. */
  readonly filters: readonly DockerFilter[];
  /** Also the time limit of each request. */
  readonly refreshIntervalMs: number;
}

const META = '__meta_dockerswarm_';

/**
 * `dockerswarm_sd_configs`: services, tasks or nodes of a swarm, as one group.
 *
 * @see prometheus discovery/moby/dockerswarm.go, services.go, tasks.go, nodes.go
 */
export function createSwarmProvider(options: SwarmDiscoveryOptions, context: ProviderContext): Provider {
  const api = new DockerApi(options.host, options.refreshIntervalMs, context);
  const find = { services: findServices, tasks: findTasks, nodes: findNodes }[options.role];
  return new RefreshProvider(
    {
      mechanism: 'dockerswarm',
      intervalMs: options.refreshIntervalMs,
      async refresh(signal) {
        const targets = await find(api, options, context.clock, signal);
        return [{ source: 'DockerSwarm', targets, labels: Labels.EMPTY }];
      },
    },
    context,
  );
}

/** A target for each address of a service and each TCP port that it publishes. */
async function findServices(
  api: DockerApi,
  { filters, port }: SwarmDiscoveryOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<Labels[]> {
  const version = await api.version(signal);
  const services = await api.list(version, 'services', serviceSchema, filters, signal);
  const networks = await api.networkLabels(version, META, signal);
  const found = await mapPaced(clock, services, (service) => {
    const { ContainerSpec } = service.Spec.TaskTemplate;
    const common: MetaLabels = {
      ...serviceLabels(service),
      [`${META}service_task_container_hostname`]: ContainerSpec?.Hostname ?? '',
      [`${META}service_task_container_image`]: ContainerSpec?.Image ?? '',
      [`${META}service_updating_status`]: service.UpdateStatus?.State ?? '',
    };
    return service.Endpoint.VirtualIPs.flatMap(({ NetworkID, Addr }) =>
      addressTargets(Addr, service.Endpoint.Ports, port, (published) => ({
        ...common,
        ...(published !== undefined && {
          [`${META}service_endpoint_port_name`]: published.Name,
          [`${META}service_endpoint_port_publish_mode`]: published.PublishMode,
        }),
        ...networks.get(NetworkID),
      })),
    );
  });
  return found.flat();
}

/** A target for each port that a task itself publishes, and for each of its addresses and each port of its service. */
async function findTasks(
  api: DockerApi,
  { filters, port }: SwarmDiscoveryOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<Labels[]> {
  const version = await api.version(signal);
  const tasks = await api.list(version, 'tasks', taskSchema, filters, signal);
  const allServices = await api.list(version, 'services', serviceSchema, [], signal);
  const services = new Map(allServices.map((service) => [service.ID, service]));
  const nodes = await api.list(version, 'nodes', nodeSchema, [], signal);
  const nodesById = new Map(nodes.map((node) => [node.ID, node]));
  const networks = await api.networkLabels(version, META, signal);
  const found = await mapPaced(clock, tasks, (task) => {
    const service = services.get(task.ServiceID);
    const node = nodesById.get(task.NodeID);
    const common: MetaLabels = {
      ...taskLabels(task),
      ...(service !== undefined && serviceLabels(service)),
      ...(node !== undefined && nodeLabels(node)),
    };
    const withMode = (published: SwarmPort | undefined): MetaLabels =>
      published === undefined
        ? common
        : { ...common, [`${META}task_port_publish_mode`]: published.PublishMode };
    const own = task.Status.PortStatus.Ports.filter(isTcp).map((published) =>
      Labels.fromObject({
        ...withMode(published),
        __address__: joinHostPort(node?.Status.Addr ?? '', published.PublishedPort),
      }),
    );
    const attached = task.NetworksAttachments.flatMap(({ Network, Addresses }) =>
      Addresses.flatMap((address) =>
        addressTargets(address, service?.Endpoint.Ports ?? [], port, (published) => ({
          ...withMode(published),
          ...networks.get(Network.ID),
        })),
      ),
    );
    return [...own, ...attached];
  });
  return found.flat();
}

/** A target for each node. */
async function findNodes(
  api: DockerApi,
  { filters, port }: SwarmDiscoveryOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<Labels[]> {
  const version = await api.version(signal);
  const nodes = await api.list(version, 'nodes', nodeSchema, filters, signal);
  return mapPaced(clock, nodes, (node) => {
    const manager = node.ManagerStatus;
    return Labels.fromObject({
      ...nodeLabels(node),
      [`${META}node_engine_version`]: node.Description.Engine.EngineVersion,
      ...(manager && {
        [`${META}node_manager_leader`]: String(manager.Leader),
        [`${META}node_manager_reachability`]: manager.Reachability,
        [`${META}node_manager_address`]: manager.Addr,
      }),
      __address__: joinHostPort(node.Status.Addr, port),
    });
  });
}

/** Targets at an address (`10.0.0.3/24`): one for each TCP port, or one at the port of the config when there is none. */
function addressTargets(
  network: string,
  ports: readonly SwarmPort[],
  configPort: number,
  labelsOf: (published: SwarmPort | undefined) => MetaLabels,
): Labels[] {
  const [, address] = /^([\da-fA-F.:]+)\/\d+$/.exec(network) ?? [];
  if (address === undefined) {
    const message = `error while parsing address ${JSON.stringify(network)}: it is not an address with a prefix length`;
    throw new TocsinError('TOCSIN_ERR_PARSE', message);
  }
  const tcp = ports.filter(isTcp);
  if (tcp.length === 0) {
    return [Labels.fromObject({ ...labelsOf(undefined), __address__: joinHostPort(address, configPort) })];
  }
  return tcp.map((published) =>
    Labels.fromObject({
      ...labelsOf(published),
      __address__: joinHostPort(address, published.PublishedPort),
    }),
  );
}

function isTcp({ Protocol }: SwarmPort): boolean {
  return Protocol === 'tcp';
}

function serviceLabels({ ID, Spec }: SwarmService): MetaLabels {
  return {
    [`${META}service_id`]: ID,
    [`${META}service_name`]: Spec.Name,
    [`${META}service_mode`]: modeOf(Spec.Mode),
    ...labelled(`${META}service_label_`, Spec.Labels),
  };
}

function modeOf({ Global, Replicated }: SwarmService['Spec']['Mode']): string {
  if (Global) return 'global';
  return Replicated ? 'replicated' : '';
}

function taskLabels({ ID, DesiredState, Status, Slot, Spec }: SwarmTask): MetaLabels {
  return {
    [`${META}task_id`]: ID,
    [`${META}task_desired_state`]: DesiredState,
    [`${META}task_state`]: Status.State,
    [`${META}task_slot`]: String(Slot),
    [`${META}task_container_id`]: Status.ContainerStatus?.ContainerID ?? '',
    ...labelled(`${META}container_label_`, Spec.ContainerSpec?.Labels ?? {}),
  };
}

function nodeLabels({ ID, Spec, Description, Status }: SwarmNode): MetaLabels {
  return {
    [`${META}node_id`]: ID,
    [`${META}node_role`]: Spec.Role,
    [`${META}node_availability`]: Spec.Availability,
    [`${META}node_hostname`]: Description.Hostname,
    [`${META}node_platform_architecture`]: Description.Platform.Architecture,
    [`${META}node_platform_os`]: Description.Platform.OS,
    [`${META}node_status`]: Status.State,
    [`${META}node_address`]: Status.Addr,
    ...labelled(`${META}node_label_`, Spec.Labels),
  };
}
