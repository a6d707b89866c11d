import { z } from 'zod';
import type { AwsAccount } from '../../core/aws/aws-account.ts';
import { mapLimited } from '../map-limited.ts';
import { callEc2 } from './call-ec2.ts';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const tags = z
  .array(z.object({ key: text, value: text }))
  .nullish()
  .transform((value) => value ?? []);

const clusterSchema = z.object({ clusterArn: text, clusterName: text, tags });
const serviceSchema = z.object({ serviceArn: text, serviceName: text, status: text, tags });
const taskSchema = z.object({
  attachments: z
    .array(z.object({ type: text, details: z.array(z.object({ name: text, value: text })).nullish() }))
    .nullish(),
  availabilityZone: text,
  containerInstanceArn: text,
  desiredStatus: text,
  group: text,
  healthStatus: text,
  lastStatus: text,
  launchType: text,
  platformFamily: text,
  platformVersion: text,
  tags,
  taskArn: text,
  taskDefinitionArn: text,
});

/** A cluster of ECS. */
export type EcsCluster = z.output<typeof clusterSchema>;
/** A service. */
export type EcsService = z.output<typeof serviceSchema>;
/** A task. */
export type EcsTask = z.output<typeof taskSchema>;

/** An EC2 instance that tasks run on. */
export interface EcsHost {
  readonly id: string;
  readonly privateIp: string;
  readonly publicIp: string;
  readonly subnetId: string;
  readonly type: string;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
}

/** The most that the API takes or gives at once; of services fewer. */
const BATCH = 100;
const SERVICES_BATCH = 10;

/** The part of ECS' and EC2's API that discovery uses: whole lists, in batches, no more calls at once than are allowed. */
export class EcsApi {
  readonly #account: AwsAccount;
  readonly #endpoint: string;
  readonly #concurrency: number;

  constructor(account: AwsAccount, endpoint: string, concurrency: number) {
    this.#account = account;
    this.#endpoint = endpoint;
    this.#concurrency = concurrency;
  }

  /** Names (ARNs) of all clusters. */
  clusterArns(signal: AbortSignal): Promise<string[]> {
    return this.#list('ListClusters', 'clusterArns', {}, signal);
  }

  serviceArns(cluster: string, signal: AbortSignal): Promise<string[]> {
    return this.#list('ListServices', 'serviceArns', { cluster }, signal);
  }

  taskArns(cluster: string, signal: AbortSignal): Promise<string[]> {
    return this.#list('ListTasks', 'taskArns', { cluster }, signal);
  }

  /** Clusters by ARN or name; those that there are. */
  clusters(names: readonly string[], signal: AbortSignal): Promise<EcsCluster[]> {
    const schema = z.object({ clusters: z.array(clusterSchema).default([]) });
    return this.#inBatches(names, BATCH, async (clusters) => {
      const answer = await this.#call('DescribeClusters', { clusters, include: ['TAGS'] }, schema, signal);
      return answer.clusters;
    });
  }

  services(cluster: string, arns: readonly string[], signal: AbortSignal): Promise<EcsService[]> {
    const schema = z.object({ services: z.array(serviceSchema).default([]) });
    return this.#inBatches(arns, SERVICES_BATCH, async (services) => {
      const body = { cluster, services, include: ['TAGS'] };
      return (await this.#call('DescribeServices', body, schema, signal)).services;
    });
  }

  tasks(cluster: string, arns: readonly string[], signal: AbortSignal): Promise<EcsTask[]> {
    const schema = z.object({ tasks: z.array(taskSchema).default([]) });
    return this.#inBatches(arns, BATCH, async (tasks) => {
      return (await this.#call('DescribeTasks', { cluster, tasks, include: ['TAGS'] }, schema, signal)).tasks;
    });
  }

  /** IDs of EC2 instances by the ARNs of container instances. */
  async instanceIds(
    cluster: string,
    arns: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string>> {
    const schema = z.object({
      containerInstances: z.array(z.object({ containerInstanceArn: text, ec2InstanceId: text })).default([]),
    });
    const found = await this.#inBatches(arns, BATCH, async (containerInstances) => {
      const body = { cluster, containerInstances };
      return (await this.#call('DescribeContainerInstances', body, schema, signal)).containerInstances;
    });
    return new Map(found.map((each) => [each.containerInstanceArn, each.ec2InstanceId]));
  }

  /** EC2 instances by ID. */
  async hosts(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, EcsHost>> {
    const found = await this.#inBatches(ids, BATCH, async (batch) => {
      const answer = await callEc2(
        this.#account,
        '',
        'DescribeInstances',
        numbered('InstanceId', batch),
        signal,
      );
      return answer.itemsAt('reservationSet').flatMap((each) => each.itemsAt('instancesSet'));
    });
    const hosts = found.map((instance): EcsHost => {
      const at = (name: string): string => instance.textAt(name) ?? '';
      return {
        id: at('instanceId'),
        privateIp: at('privateIpAddress'),
        publicIp: at('ipAddress'),
        subnetId: at('subnetId'),
        type: at('instanceType'),
        tags: instance
          .itemsAt('tagSet')
          .map((tag) => ({ key: tag.textAt('key') ?? '', value: tag.textAt('value') ?? '' })),
      };
    });
    return new Map(hosts.filter(({ privateIp }) => privateIp !== '').map((host) => [host.id, host]));
  }

  /** Public addresses of network cards by their ID; of those that have one. */
  async publicIps(cards: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const found = await this.#inBatches(cards, BATCH, async (batch) => {
      const parameters = numbered('NetworkInterfaceId', batch);
      const answer = await callEc2(this.#account, '', 'DescribeNetworkInterfaces', parameters, signal);
      return answer.itemsAt('networkInterfaceSet');
    });
    return new Map(
      found.map((card) => [
        card.textAt('networkInterfaceId') ?? '',
        card.textAt('association', 'publicIp') ?? '',
      ]),
    );
  }

  async #list(action: string, key: string, body: object, signal: AbortSignal): Promise<string[]> {
    const schema = z.intersection(
      z.object({ nextToken: text }),
      z.object({ [key]: z.array(z.string()).default([]) }).transform((page) => ({ arns: page[key] ?? [] })),
    );
    const all: string[] = [];
    let nextToken = '';
    do {
      const parameters = { ...body, maxResults: BATCH, ...(nextToken !== '' && { nextToken }) };
      const page = await this.#call(action, parameters, schema, signal);
      all.push(...page.arns);
      nextToken = page.nextToken;
    } while (nextToken !== '');
    return all;
  }

  async #inBatches<Result>(
    names: readonly string[],
    size: number,
    fetch: (batch: readonly string[]) => Promise<Result[]>,
  ): Promise<Result[]> {
    const batches: string[][] = [];
    for (let i = 0; i < names.length; i += size) batches.push(names.slice(i, i + size));
    return (await mapLimited(batches, this.#concurrency, fetch)).flat();
  }

  #call<T>(action: string, body: object, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const target = `AmazonEC2ContainerServiceV20141113.${action}`;
    return this.#account.json('ecs', this.#endpoint, target, body, schema, signal);
  }
}

function numbered(name: string, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(values.map((value, i) => [`${name}.${i + 1}`, value]));
}
