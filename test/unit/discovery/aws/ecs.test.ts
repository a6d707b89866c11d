import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mapLimited } from '../../../../src/discovery/map-limited.ts';
import { parseDiscovery, ProviderWorld } from '../provider-world.ts';
import { AwsServer, jsonRefusal } from './aws-server.ts';
import type { AwsCall } from './aws-server.ts';

let server: AwsServer;
let world: ProviderWorld;

const KEYS = 'region: eu-west-2, access_key: AKID, secret_key: SECRET';

beforeEach(async () => {
  server = new AwsServer();
  await server.start();
  world = new ProviderWorld({ environment: { AWS_ENDPOINT_URL_EC2: server.url } });
});

afterEach(async () => {
  await world.stop();
  await server.stop();
});

const targets = () => server.calls.map(({ action }) => action.replace(/^.*\./, ''));
const ofTarget = (name: string) => server.calls.filter(({ action }) => action.endsWith(`.${name}`));

describe('ECS', () => {
  const ARN = 'arn:aws:ecs:eu-west-2:1:';
  const ecs = (action: string, answer: (call: AwsCall) => object) => {
    server.answers[`AmazonEC2ContainerServiceV20141113.${action}`] = (call) => ({ body: answer(call) });
  };
  const card = (id: string, ip: string) => ({
    type: 'ElasticNetworkInterface',
    details: [
      { name: 'subnetId', value: 'subnet-t' },
      { name: 'networkInterfaceId', value: id },
      { name: 'privateIPv4Address', value: ip },
      { name: 'empty' },
    ],
  });

  beforeEach(() => {
    ecs('ListClusters', () => ({ clusterArns: [`${ARN}cluster/models`] }));
    ecs('DescribeClusters', ({ json }) => ({
      clusters: (json['clusters'] as string[]).map((name) => ({
        clusterArn: name.startsWith('arn:') ? name : `${ARN}cluster/${name}`,
        clusterName: name.replace(/^.*\//, ''),
        tags: [{ key: 'cost center', value: '7' }],
      })),
    }));
    ecs('ListServices', () => ({ serviceArns: [`${ARN}service/models/llama`] }));
    ecs('DescribeServices', ({ json }) => ({
      services: (json['services'] as string[]).map((arn) => ({
        serviceArn: arn,
        serviceName: arn.replace(/^.*\//, ''),
        status: 'ACTIVE',
        tags: [{ key: 'team', value: 'ml' }],
      })),
    }));
    ecs('ListTasks', () => ({ taskArns: ['fargate', 'vpc', 'bridge', 'starting'] }));
    ecs('DescribeTasks', () => ({
      tasks: [
        {
          taskArn: `${ARN}task/fargate`,
          taskDefinitionArn: `${ARN}task-definition/llama:3`,
          group: 'service:llama',
          launchType: 'FARGATE',
          desiredStatus: 'RUNNING',
          lastStatus: 'RUNNING',
          healthStatus: 'HEALTHY',
          availabilityZone: 'eu-west-2a',
          platformFamily: 'Linux',
          platformVersion: '1.4.0',
          attachments: [{ type: 'Other' }, card('eni-1', '10.0.1.1')],
          tags: [{ key: 'k', value: 'v' }],
        },
        {
          taskArn: `${ARN}task/vpc`,
          group: 'family:x',
          launchType: 'EC2',
          healthStatus: 'UNKNOWN',
          containerInstanceArn: `${ARN}container-instance/1`,
          attachments: [card('eni-2', '10.0.1.2')],
        },
        {
          taskArn: `${ARN}task/bridge`,
          group: 'service:gone',
          launchType: 'EC2',
          healthStatus: 'UNKNOWN',
          containerInstanceArn: `${ARN}container-instance/1`,
        },
        { taskArn: `${ARN}task/starting`, group: 'service:llama', attachments: [] },
      ],
    }));
    ecs('DescribeContainerInstances', () => ({
      containerInstances: [{ containerInstanceArn: `${ARN}container-instance/1`, ec2InstanceId: 'i-1' }],
    }));
    server.answers['DescribeInstances'] = () => `<R><reservationSet><item><instancesSet><item>
<instanceId>i-1</instanceId><privateIpAddress>10.0.0.1</privateIpAddress><ipAddress>203.0.113.1</ipAddress>
<subnetId>subnet-h</subnetId><instanceType>p5</instanceType>
<tagSet><item><key>Name</key><value>host</value></item></tagSet></item></instancesSet></item></reservationSet></R>`;
    server.answers['DescribeNetworkInterfaces'] = () => `<R><networkInterfaceSet>
<item><networkInterfaceId>eni-1</networkInterfaceId><association><publicIp>203.0.113.7</publicIp></association></item>
<item><networkInterfaceId>eni-2</networkInterfaceId></item></networkInterfaceSet></R>`;
  });

  const start = (more = '') => {
    world.start(`ecs_sd_configs: [{ endpoint: '${server.url}', ${KEYS}${more} }]`);
  };

  test('has a target for each task with an address, with all labels', async () => {
    start(', port: 9100');
    await world.sent(1);
    expect([...world.groups.keys()]).toEqual(['eu-west-2']);
    const common = {
      __meta_ecs_cluster: 'models',
      __meta_ecs_cluster_arn: `${ARN}cluster/models`,
      __meta_ecs_region: 'eu-west-2',
      __meta_ecs_tag_cluster_cost_center: '7',
    };
    const host = {
      __meta_ecs_container_instance_arn: `${ARN}container-instance/1`,
      __meta_ecs_ec2_instance_id: 'i-1',
      __meta_ecs_ec2_instance_private_ip: '10.0.0.1',
      __meta_ecs_ec2_instance_public_ip: '203.0.113.1',
      __meta_ecs_ec2_instance_type: 'p5',
      __meta_ecs_health_status: 'UNKNOWN',
      __meta_ecs_launch_type: 'EC2',
      __meta_ecs_tag_ec2_Name: 'host',
    };
    expect(world.targets()).toEqual([
      {
        ...common,
        ...host,
        __address__: '10.0.0.1:9100',
        __meta_ecs_ip_address: '10.0.0.1',
        __meta_ecs_network_mode: 'bridge',
        __meta_ecs_public_ip: '203.0.113.1',
        __meta_ecs_subnet_id: 'subnet-h',
        __meta_ecs_task_arn: `${ARN}task/bridge`,
        __meta_ecs_task_group: 'service:gone',
      },
      {
        ...common,
        __address__: '10.0.1.1:9100',
        __meta_ecs_availability_zone: 'eu-west-2a',
        __meta_ecs_desired_status: 'RUNNING',
        __meta_ecs_health_status: 'HEALTHY',
        __meta_ecs_ip_address: '10.0.1.1',
        __meta_ecs_last_status: 'RUNNING',
        __meta_ecs_launch_type: 'FARGATE',
        __meta_ecs_network_mode: 'awsvpc',
        __meta_ecs_platform_family: 'Linux',
        __meta_ecs_platform_version: '1.4.0',
        __meta_ecs_public_ip: '203.0.113.7',
        __meta_ecs_service: 'llama',
        __meta_ecs_service_arn: `${ARN}service/models/llama`,
        __meta_ecs_service_status: 'ACTIVE',
        __meta_ecs_subnet_id: 'subnet-t',
        __meta_ecs_tag_service_team: 'ml',
        __meta_ecs_tag_task_k: 'v',
        __meta_ecs_task_arn: `${ARN}task/fargate`,
        __meta_ecs_task_definition: `${ARN}task-definition/llama:3`,
        __meta_ecs_task_group: 'service:llama',
      },
      {
        ...common,
        ...host,
        __address__: '10.0.1.2:9100',
        __meta_ecs_ip_address: '10.0.1.2',
        __meta_ecs_network_mode: 'awsvpc',
        __meta_ecs_subnet_id: 'subnet-t',
        __meta_ecs_task_arn: `${ARN}task/vpc`,
        __meta_ecs_task_group: 'family:x',
      },
    ]);
    expect(new Set(server.calls.map(({ scope }) => scope.split('/')[2]))).toEqual(new Set(['ecs', 'ec2']));
  });

  test('is asked in pages and batches that its API takes', async () => {
    const names = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
    const paged =
      (key: string, all: string[]) =>
      ({ json }: AwsCall) => {
        const start = Number(json['nextToken'] ?? 0);
        expect(json['maxResults']).toBe(100);
        const end = start + 100;
        return { [key]: all.slice(start, end), ...(end < all.length && { nextToken: String(end) }) };
      };
    ecs('ListTasks', paged('taskArns', names('task', 230)));
    ecs('ListServices', paged('serviceArns', names('service', 25)));
    ecs('DescribeTasks', ({ json }) => ({
      tasks: (json['tasks'] as string[]).map((name) => ({
        taskArn: name,
        group: 'service:service-24',
        attachments: [card(`eni-${name}`, `10.0.0.${name.slice(5)}`)],
      })),
    }));
    start();
    await world.sent(1);
    expect(world.addresses()).toHaveLength(230);
    expect(world.targets()[0]).toHaveProperty('__meta_ecs_service', 'service-24');
    const sizes = (target: string, key: string) =>
      ofTarget(target)
        .map(({ json }) => (json[key] as string[]).length)
        .sort((a, b) => b - a);
    expect(sizes('DescribeTasks', 'tasks')).toEqual([100, 100, 30]);
    expect(sizes('DescribeServices', 'services')).toEqual([10, 10, 5]);
    expect(ofTarget('ListTasks').map(({ json }) => json['nextToken'])).toEqual([undefined, '100', '200']);
    const cards = server.calls.filter(({ action }) => action === 'DescribeNetworkInterfaces');
    expect(cards).toHaveLength(3);
    expect(cards[0]!.parameters['NetworkInterfaceId.1']).toMatch(/^eni-task-/);
  });

  test('may be asked for some clusters only, by name too', async () => {
    start(', clusters: [models, other], request_concurrency: 1');
    await world.sent(1);
    expect(targets()).not.toContain('ListClusters');
    expect(ofTarget('DescribeClusters')[0]!.json['clusters']).toEqual(['models', 'other']);
    expect(ofTarget('ListTasks').map(({ json }) => json['cluster'])).toEqual([
      `${ARN}cluster/models`,
      `${ARN}cluster/other`,
    ]);
    expect(world.addresses()).toHaveLength(6);
  });

  test('without clusters or tasks has no targets, and is not asked more', async () => {
    ecs('ListClusters', () => ({ clusterArns: [] }));
    start();
    await world.sent(1);
    expect(targets()).toEqual(['ListClusters']);
    ecs('ListClusters', () => ({ clusterArns: ['a'] }));
    ecs('ListTasks', () => ({ taskArns: [] }));
    await world.pass(60_000);
    await world.sent(2);
    expect(targets().slice(1)).toEqual(['ListClusters', 'DescribeClusters', 'ListTasks']);
    expect(world.addresses()).toEqual([]);
  });

  test('keeps what was there when anything cannot be asked for', async () => {
    start();
    await world.sent(1);
    for (const name of ['DescribeTasks', 'DescribeServices', 'DescribeContainerInstances']) {
      const target = `AmazonEC2ContainerServiceV20141113.${name}`;
      const good = server.answers[target]!;
      server.answers[target] = () => jsonRefusal(400, 'AccessDeniedException', `no ${name}`);
      await world.pass(60_000);
      expect(await world.logged(`no ${name}`)).toContain(
        `${name}: status 400: AccessDeniedException: no ${name}`,
      );
      server.answers[target] = good;
    }
    expect(world.addresses()).toHaveLength(3);
    expect((await world.metric('prometheus_sd_refresh_failures_total'))['mechanism=ecs,config=j']).toBe(3);
  });

  test('whose answer is not as expected is a failure', async () => {
    ecs('ListClusters', () => ({ clusterArns: [7] }));
    start();
    expect(await world.logged('Unable to refresh')).toContain(
      'ListClusters: the answer is not as expected: clusterArns.0',
    );
  });
});

describe('Lightsail', () => {
  const GET = 'Lightsail_20161128.GetInstances';

  test('has a target for each instance with an address, with all labels, of all pages', async () => {
    server.answers[GET] = ({ json }) => ({
      body:
        json['pageToken'] === undefined
          ? {
              instances: [
                {
                  name: 'gpu',
                  supportCode: '1/i-1',
                  blueprintId: 'ubuntu',
                  bundleId: 'large',
                  privateIpAddress: '10.0.0.1',
                  publicIpAddress: '203.0.113.1',
                  ipv6Addresses: ['fd00::1', 'fd00::2'],
                  location: { availabilityZone: 'eu-west-2a' },
                  state: { code: 16, name: 'running' },
                  tags: [{ key: 'cost-center', value: '7' }, { key: 'alone' }],
                },
                { name: 'without-an-address' },
              ],
              nextPageToken: 'x',
            }
          : { instances: [{ privateIpAddress: '10.0.0.2' }] },
    });
    world.start(`lightsail_sd_configs: [{ endpoint: '${server.url}', port: 9100, ${KEYS} }]`);
    await world.sent(1);
    expect([...world.groups.keys()]).toEqual(['eu-west-2']);
    expect(world.targets()).toEqual([
      {
        __address__: '10.0.0.1:9100',
        __meta_lightsail_availability_zone: 'eu-west-2a',
        __meta_lightsail_blueprint_id: 'ubuntu',
        __meta_lightsail_bundle_id: 'large',
        __meta_lightsail_instance_name: 'gpu',
        __meta_lightsail_instance_state: 'running',
        __meta_lightsail_instance_support_code: '1/i-1',
        __meta_lightsail_ipv6_addresses: ',fd00::1,fd00::2,',
        __meta_lightsail_private_ip: '10.0.0.1',
        __meta_lightsail_public_ip: '203.0.113.1',
        __meta_lightsail_region: 'eu-west-2',
        __meta_lightsail_tag_cost_center: '7',
      },
      {
        __address__: '10.0.0.2:9100',
        __meta_lightsail_private_ip: '10.0.0.2',
        __meta_lightsail_region: 'eu-west-2',
      },
    ]);
    expect(server.calls.map(({ json, scope }) => [json, scope.split('/')[2]])).toEqual([
      [{}, 'lightsail'],
      [{ pageToken: 'x' }, 'lightsail'],
    ]);
  });

  test('keeps what was there when it refuses', async () => {
    server.answers[GET] = () => ({ body: { instances: [{ privateIpAddress: '10.0.0.1' }] } });
    world.start(`lightsail_sd_configs: [{ endpoint: '${server.url}', ${KEYS} }]`);
    await world.sent(1);
    server.secrets.clear();
    await world.pass(60_000);
    expect(await world.logged('Unable to refresh')).toContain('UnrecognizedClientException');
    expect(world.addresses()).toEqual(['10.0.0.1:80']);
  });
});

describe('configs', () => {
  test.each(['ecs', 'lightsail'])('of %s have defaults and take the keys of AWS', (kind) => {
    const options = (yaml: string): unknown => {
      const { configs, issues } = parseDiscovery(`${kind}_sd_configs: [${yaml}]`);
      expect(issues).toEqual([]);
      return JSON.parse(configs[0]!.key.slice(kind.length + 1));
    };
    expect(options('{}')).toMatchObject({ port: 80, refreshIntervalMs: 60_000, endpoint: '' });
    expect(
      options(
        "{ endpoint: 'https://e', region: r, access_key: a, secret_key: s, profile: p, role_arn: arn, external_id: x, refresh_interval: 2m, port: 1, proxy_url: 'http://p' }",
      ),
    ).toMatchObject({
      endpoint: 'https://e',
      access: { region: 'r', accessKey: 'a', profile: 'p', roleArn: 'arn', externalId: 'x' },
      refreshIntervalMs: 120_000,
      port: 1,
      http: { proxy: { url: 'http://p' } },
    });
  });

  test('of ECS take clusters and how many calls at a time', () => {
    const { configs } = parseDiscovery('ecs_sd_configs: [{ clusters: [a], request_concurrency: 3 }]');
    expect(JSON.parse(configs[0]!.key.slice('ecs:'.length))).toMatchObject({
      clusters: ['a'],
      requestConcurrency: 3,
    });
  });

  test.each([
    [
      'role: ec2, filters: [{ name: a, values: [b] }]',
      'ec2_sd_configs: [{ filters: [{ name: a, values: [b] }] }]',
    ],
    ['role: ecs, clusters: [a], port: 7', 'ecs_sd_configs: [{ clusters: [a], port: 7 }]'],
    ['role: lightsail, region: r', 'lightsail_sd_configs: [{ region: r }]'],
  ])('of aws_sd_configs with %s are those of the kind, and share its provider', (yaml, same) => {
    const [of] = parseDiscovery(`aws_sd_configs: [{ ${yaml} }]`).configs;
    expect(of!.key).toBe(parseDiscovery(same).configs[0]!.key);
  });

  test.each([
    ['aws_sd_configs: [{ role: msk }]', 'role: this role is not in this version'],
    ['aws_sd_configs: [{ role: s3 }]', 'role: must be one of ec2, ecs, lightsail'],
    ['aws_sd_configs: [{}]', 'key "role" is missing'],
    ['ecs_sd_configs: [{ request_concurrency: 0 }]', 'request_concurrency: must be at least 1'],
    ['ecs_sd_configs: [{ cluster: a }]', 'did you mean "clusters"?'],
    ['lightsail_sd_configs: [{ filters: [] }]', 'unknown key "filters"'],
  ])('refuse %s', (yaml, message) => {
    expect(parseDiscovery(yaml).issues.join('\n')).toContain(message);
  });
});

test('work for many items is done some at a time, in order, and ends at the first failure', async () => {
  let running = 0;
  let most = 0;
  const begun: number[] = [];
  const work = async (item: number): Promise<number> => {
    begun.push(item);
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    if (item === 5) throw new Error('five');
    return item * 2;
  };
  expect(await mapLimited([4, 3, 2, 1], 2, work)).toEqual([8, 6, 4, 2]);
  expect(most).toBe(2);
  expect(await mapLimited([], 2, work)).toEqual([]);
  begun.length = 0;
  await expect(mapLimited([1, 5, 2, 3, 4, 6, 7, 8], 2, work)).rejects.toThrow('five');
  expect(begun.length).toBeLessThan(5);
});
