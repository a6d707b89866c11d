import { Labels } from '../../core/labels.ts';
import { joinHostPort, sanitizeLabelName } from '../label-text.ts';
import { mapLimited } from '../map-limited.ts';
import type { Provider, ProviderContext } from '../provider.ts';
import { RefreshProvider } from '../refresh-provider.ts';
import { awsAccountOf } from './aws-account-of.ts';
import type { AwsDiscoveryOptions } from './config.ts';
import { EcsApi } from './ecs-api.ts';
import type { EcsCluster, EcsHost, EcsService, EcsTask } from './ecs-api.ts';

/** What an entry of `ecs_sd_configs` says. */
export interface EcsDiscoveryOptions extends AwsDiscoveryOptions {
  /** ARNs or names; none: all. */
  readonly clusters: readonly string[];
  /** Calls of one kind at the same time. */
  readonly requestConcurrency: number;
}

const META = '__meta_ecs_';
const CARD = 'ElasticNetworkInterface';
const SERVICE_GROUP = 'service:';

/**
 * `ecs_sd_configs`: the tasks of clusters, as one group. Where anything of a cluster cannot be asked for, all keep what they
 * had; Prometheus leaves out that cluster's.
 *
 * @see prometheus discovery/aws/ecs.go
 */
export function createEcsProvider(options: EcsDiscoveryOptions, context: ProviderContext): Provider {
  const account = awsAccountOf(options, context);
  const api = new EcsApi(account, options.endpoint, options.requestConcurrency);
  return new RefreshProvider(
    {
      mechanism: 'ecs',
      intervalMs: options.refreshIntervalMs,
      async refresh(signal) {
        const region = await account.region(signal);
        const names = options.clusters.length > 0 ? options.clusters : await api.clusterArns(signal);
        const clusters = await api.clusters(names, signal);
        const targets = await mapLimited(clusters, options.requestConcurrency, (cluster) =>
          clusterTargets(cluster, region, options.port, api, signal),
        );
        return [{ source: region, targets: targets.flat(), labels: Labels.EMPTY }];
      },
    },
    context,
  );
}

/** What tasks of a cluster show besides themselves. */
interface Surroundings {
  readonly cluster: EcsCluster;
  readonly region: string;
  readonly port: number;
  readonly services: ReadonlyMap<string, EcsService>;
  readonly instanceIds: ReadonlyMap<string, string>;
  readonly hosts: ReadonlyMap<string, EcsHost>;
  readonly publicIps: ReadonlyMap<string, string>;
}

async function clusterTargets(
  cluster: EcsCluster,
  region: string,
  port: number,
  api: EcsApi,
  signal: AbortSignal,
): Promise<Labels[]> {
  const arn = cluster.clusterArn;
  const taskArns = await api.taskArns(arn, signal);
  if (taskArns.length === 0) return [];
  const tasks = await api.tasks(arn, taskArns, signal);
  const services = await api.services(arn, await api.serviceArns(arn, signal), signal);
  const containerInstances = new Set(
    tasks.map((task) => task.containerInstanceArn).filter((each) => each !== ''),
  );
  const instanceIds = await api.instanceIds(arn, [...containerInstances], signal);
  const cards = tasks
    .map((task) => cardOf(task)?.get('networkInterfaceId') ?? '')
    .filter((card) => card !== '');
  const surroundings: Surroundings = {
    cluster,
    region,
    port,
    services: new Map(services.map((service) => [service.serviceName, service])),
    instanceIds,
    hosts: await api.hosts([...new Set(instanceIds.values())], signal),
    publicIps: await api.publicIps(cards, signal),
  };
  return tasks.flatMap((task) => {
    const labels = taskLabels(task, surroundings);
    return labels === undefined ? [] : Labels.fromObject(labels);
  });
}

/** What is known of a task's own network card; undefined when it shares its host's network. */
function cardOf(task: EcsTask): ReadonlyMap<string, string> | undefined {
  const attachment = task.attachments?.find(({ type }) => type === CARD);
  return attachment && new Map((attachment.details ?? []).map(({ name, value }) => [name, value]));
}

/** undefined for a task that has no address yet. */
function taskLabels(task: EcsTask, around: Surroundings): Record<string, string> | undefined {
  const { cluster, services } = around;
  const instanceId = around.instanceIds.get(task.containerInstanceArn) ?? '';
  const host = around.hosts.get(instanceId);
  const card = cardOf(task);
  const address = card === undefined ? host?.privateIp : card.get('privateIPv4Address');
  if (address === undefined || address === '') return undefined;
  const publicIp =
    card === undefined ? host?.publicIp : around.publicIps.get(card.get('networkInterfaceId') ?? '');
  const labels: Record<string, string> = {
    __address__: joinHostPort(address, around.port),
    [`${META}cluster`]: cluster.clusterName,
    [`${META}cluster_arn`]: cluster.clusterArn,
    [`${META}task_group`]: task.group,
    [`${META}task_arn`]: task.taskArn,
    [`${META}task_definition`]: task.taskDefinitionArn,
    [`${META}region`]: around.region,
    [`${META}availability_zone`]: task.availabilityZone,
    [`${META}subnet_id`]: (card === undefined ? host?.subnetId : card.get('subnetId')) ?? '',
    [`${META}ip_address`]: address,
    [`${META}launch_type`]: task.launchType,
    [`${META}desired_status`]: task.desiredStatus,
    [`${META}last_status`]: task.lastStatus,
    [`${META}health_status`]: task.healthStatus,
    [`${META}platform_family`]: task.platformFamily,
    [`${META}platform_version`]: task.platformVersion,
    [`${META}network_mode`]: card === undefined ? 'bridge' : 'awsvpc',
    [`${META}container_instance_arn`]: task.containerInstanceArn,
    [`${META}ec2_instance_id`]: instanceId,
    [`${META}ec2_instance_type`]: host?.type ?? '',
    [`${META}ec2_instance_private_ip`]: host?.privateIp ?? '',
    [`${META}ec2_instance_public_ip`]: host?.publicIp ?? '',
    [`${META}public_ip`]: publicIp ?? '',
  };
  addTags(labels, 'cluster', cluster.tags);
  const service = task.group.startsWith(SERVICE_GROUP)
    ? services.get(task.group.slice(SERVICE_GROUP.length))
    : undefined;
  if (service !== undefined) {
    labels[`${META}service`] = service.serviceName;
    labels[`${META}service_arn`] = service.serviceArn;
    labels[`${META}service_status`] = service.status;
    addTags(labels, 'service', service.tags);
  }
  addTags(labels, 'task', task.tags);
  addTags(labels, 'ec2', host?.tags ?? []);
  return labels;
}

function addTags(
  into: Record<string, string>,
  kind: 'cluster' | 'service' | 'task' | 'ec2',
  tags: readonly { readonly key: string; readonly value: string }[],
): void {
  for (const { key, value } of tags) into[`${META}tag_${kind}_${sanitizeLabelName(key)}`] = value;
}
