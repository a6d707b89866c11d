import { FakePrograms } from '../../../../src/core/testing/fake-programs.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseDiscovery, ProviderWorld } from '../provider-world.ts';
import { AwsServer, refusal } from './aws-server.ts';

let server: AwsServer;
let world: ProviderWorld;
let programs: FakePrograms;
let environment: Record<string, string>;

const ZONES = `<R><availabilityZoneInfo>
<item><zoneName>eu-west-2a</zoneName><zoneId>euw2-az2</zoneId></item>
</availabilityZoneInfo></R>`;
const KEYS = 'access_key: AKID, secret_key: SECRET';

beforeEach(async () => {
  server = new AwsServer();
  await server.start();
  server.answers['DescribeAvailabilityZones'] = () => ZONES;
  server.answers['DescribeInstances'] = () => instances(simple('i-1', '10.0.0.1'));
  environment = {
    HOME: '/home/me',
    AWS_EC2_METADATA_SERVICE_ENDPOINT: server.url,
    AWS_ENDPOINT_URL_STS: server.url,
  };
  programs = new FakePrograms();
  world = new ProviderWorld({ environment, programs });
});

afterEach(async () => {
  await world.stop();
  await server.stop();
});

function instances(items: string, more = ''): string {
  const reservation = `<item><ownerId>123</ownerId><instancesSet>${items}</instancesSet></item>`;
  return `<?xml version="1.0"?><R xmlns="http://ec2"><reservationSet>${reservation}</reservationSet>${more}</R>`;
}

function simple(id: string, ip: string): string {
  return `<item><instanceId>${id}</instanceId><imageId>ami</imageId><privateIpAddress>${ip}</privateIpAddress>
<instanceState><code>16</code><name>running</name></instanceState><instanceType>p5</instanceType>
<placement><availabilityZone>eu-west-2a</availabilityZone></placement></item>`;
}

async function found(yaml: string): Promise<void> {
  world.start(`ec2_sd_configs: [{ endpoint: '${server.url}', ${yaml} }]`);
  await world.sent(1);
}

const actions = () => server.calls.map(({ action }) => action);

describe('instances', () => {
  test('have all labels of an answer', async () => {
    const card = (index: number, subnet: string, addresses: [string, boolean][]) =>
      `<item>${subnet === '' ? '' : `<subnetId>${subnet}</subnetId>`}<attachment><deviceIndex>${index}</deviceIndex></attachment>
<ipv6AddressesSet>${addresses
        .map(
          ([ip, primary]) =>
            `<item><ipv6Address>${ip}</ipv6Address><isPrimaryIpv6>${primary}</isPrimaryIpv6></item>`,
        )
        .join('')}</ipv6AddressesSet></item>`;
    server.answers['DescribeInstances'] = () =>
      instances(`<item><instanceId>i-9</instanceId><imageId>ami-1</imageId>
<instanceState><name>running</name></instanceState>
<privateDnsName>ip-10-0-0-9.internal</privateDnsName><dnsName>ec2-9.example</dnsName>
<instanceType>p5.48xlarge</instanceType><instanceLifecycle>spot</instanceLifecycle>
<placement><availabilityZone>eu-west-2a</availabilityZone></placement>
<platform>windows</platform><architecture>x86_64</architecture>
<subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>
<privateIpAddress>10.0.0.9</privateIpAddress><ipAddress>203.0.113.9</ipAddress>
<networkInterfaceSet>
${card(0, 'subnet-1', [['fd00::1', false]])}
${card(2, 'subnet-2', [
  ['fd00::2', true],
  ['fd00::3', false],
])}
${card(3, 'subnet-1', [])}
${card(4, '', [['fd00::4', true]])}
</networkInterfaceSet>
<tagSet><item><key>Name</key><value>gpu &amp; co</value></item><item><key>k8s.io/role</key><value>x</value></item></tagSet>
</item>`);
    await found(`region: eu-west-2, port: 9100, ${KEYS}`);
    expect([...world.groups.keys()]).toEqual(['eu-west-2']);
    expect(world.targets()).toEqual([
      {
        __address__: '10.0.0.9:9100',
        __meta_ec2_ami: 'ami-1',
        __meta_ec2_architecture: 'x86_64',
        __meta_ec2_availability_zone: 'eu-west-2a',
        __meta_ec2_availability_zone_id: 'euw2-az2',
        __meta_ec2_default_ipv6_address: 'fd00::2',
        __meta_ec2_instance_id: 'i-9',
        __meta_ec2_instance_lifecycle: 'spot',
        __meta_ec2_instance_state: 'running',
        __meta_ec2_instance_type: 'p5.48xlarge',
        __meta_ec2_ipv6_addresses: ',fd00::1,fd00::2,fd00::3,',
        __meta_ec2_owner_id: '123',
        __meta_ec2_platform: 'windows',
        __meta_ec2_primary_ipv6_addresses: ',,,fd00::2,',
        __meta_ec2_primary_subnet_id: 'subnet-1',
        __meta_ec2_private_dns_name: 'ip-10-0-0-9.internal',
        __meta_ec2_private_ip: '10.0.0.9',
        __meta_ec2_public_dns_name: 'ec2-9.example',
        __meta_ec2_public_ip: '203.0.113.9',
        __meta_ec2_region: 'eu-west-2',
        __meta_ec2_subnet_id: ',subnet-1,subnet-2,',
        __meta_ec2_tag_Name: 'gpu & co',
        __meta_ec2_tag_k8s_io_role: 'x',
        __meta_ec2_vpc_id: 'vpc-1',
      },
    ]);
  });

  test('with IPv6 alone are asked there, without an address not at all', async () => {
    const at = (id: string, network: string) =>
      `<item><instanceId>${id}</instanceId><imageId>a</imageId>${network}</item>`;
    const card =
      '<networkInterfaceSet><item><subnetId>s</subnetId><ipv6AddressesSet><item><ipv6Address>fd00::7</ipv6Address><isPrimaryIpv6>false</isPrimaryIpv6></item></ipv6AddressesSet></item></networkInterfaceSet>';
    server.answers['DescribeInstances'] = () =>
      instances(at('i-1', `<vpcId>v</vpcId>${card}`) + at('i-2', card) + at('i-3', ''));
    await found(`region: eu-west-2, ${KEYS}`);
    expect(world.addresses()).toEqual(['[fd00::7]:80']);
  });

  test('come in pages, with filters on each, and are signed for the region', async () => {
    server.answers['DescribeInstances'] = ({ parameters }) => {
      const page = Number(parameters['NextToken'] ?? 0);
      const next = page < 2 ? `<nextToken>${page + 1}</nextToken>` : '<nextToken/>';
      return instances(simple(`i-${page}`, `10.0.0.${page}`), next);
    };
    await found(
      `region: eu-west-2, ${KEYS}, filters: [{ name: tag:a, values: [x, y] }, { name: b, values: [1] }]`,
    );
    expect(world.addresses()).toEqual(['10.0.0.0:80', '10.0.0.1:80', '10.0.0.2:80']);
    const described = server.calls.filter(({ action }) => action === 'DescribeInstances');
    expect(described.map(({ parameters }) => parameters['NextToken'])).toEqual([undefined, '1', '2']);
    for (const { parameters, scope } of described) {
      expect(parameters).toMatchObject({
        Version: '2016-11-15',
        MaxResults: '1000',
        'Filter.1.Name': 'tag:a',
        'Filter.1.Value.1': 'x',
        'Filter.1.Value.2': 'y',
        'Filter.2.Name': 'b',
        'Filter.2.Value.1': '1',
      });
      expect(scope).toBe('20260101/eu-west-2/ec2/aws4_request');
    }
  });

  test('are looked for every interval; zones once, and an error keeps what was there', async () => {
    await found(`region: eu-west-2, refresh_interval: 30s, ${KEYS}`);
    server.answers['DescribeInstances'] = () => refusal(503, 'Unavailable', 'try later');
    await world.pass(30_000);
    expect(await world.logged('Unavailable')).toContain(
      'DescribeInstances: status 503: Unavailable: try later',
    );
    expect(world.addresses()).toEqual(['10.0.0.1:80']);
    expect((await world.metric('prometheus_sd_refresh_failures_total'))['mechanism=ec2,config=j']).toBe(1);
    server.answers['DescribeInstances'] = () => instances(simple('i-2', '10.0.0.2'));
    await world.pass(30_000);
    await world.sent(2);
    expect(world.addresses()).toEqual(['10.0.0.2:80']);
    expect(actions()).toEqual([
      'DescribeAvailabilityZones',
      ...Array.from({ length: 3 }, () => 'DescribeInstances'),
    ]);
  });

  test('are found without the IDs of zones where these may not be asked for; they are asked for again', async () => {
    delete server.answers['DescribeAvailabilityZones'];
    await found(`region: eu-west-2, ${KEYS}`);
    expect(world.targets()[0]).not.toHaveProperty('__meta_ec2_availability_zone_id');
    server.answers['DescribeAvailabilityZones'] = () => ZONES;
    await world.pass(60_000);
    await world.sent(2);
    expect(world.targets()[0]).toHaveProperty('__meta_ec2_availability_zone_id', 'euw2-az2');
  });

  test('of an answer that is no XML are an error that does not show secrets', async () => {
    server.answers['DescribeInstances'] = () => ({ status: 200, body: '<html>' });
    world.start(`ec2_sd_configs: [{ endpoint: '${server.url}', region: r, ${KEYS} }]`);
    expect(await world.logged('Unable to refresh')).toContain('not well-formed XML');
    expect(world.lines.join('\n')).not.toContain('SECRET');
  });
});

describe('the region', () => {
  const regionOf = async (): Promise<string | undefined> => {
    await found(KEYS);
    return world.targets()[0]?.['__meta_ec2_region'];
  };

  test('is that of the environment', async () => {
    environment['AWS_REGION'] = 'us-east-1';
    environment['AWS_DEFAULT_REGION'] = 'us-east-2';
    expect(await regionOf()).toBe('us-east-1');
  });

  test('else that of the profile', async () => {
    world.files.put(
      '/home/me/.aws/config',
      '[default]\nregion = us-west-1\n[profile p]\nregion=us-west-2 # here\n',
    );
    environment['AWS_PROFILE'] = 'p';
    expect(await regionOf()).toBe('us-west-2');
  });

  test('else that of the instance, which wants a token first', async () => {
    server.metadata['PUT /latest/api/token'] = ({ headers }) => ({
      body: headers['x-aws-ec2-metadata-token-ttl-seconds'] === '21600' ? 'TOKEN' : '',
    });
    server.metadata['GET /latest/dynamic/instance-identity/document'] = ({ headers }) =>
      headers['x-aws-ec2-metadata-token'] === 'TOKEN'
        ? { body: { region: 'ap-south-1', accountId: '1' } }
        : { status: 401 };
    expect(await regionOf()).toBe('ap-south-1');
  });

  test('must be somewhere', async () => {
    environment['AWS_EC2_METADATA_DISABLED'] = 'true';
    world.start(`ec2_sd_configs: [{ endpoint: '${server.url}', ${KEYS} }]`);
    expect(await world.logged('could not determine AWS region')).toContain(
      'switched off by AWS_EC2_METADATA_DISABLED',
    );
  });
});

describe('credentials', () => {
  const used = () => server.calls.find(({ action }) => action === 'DescribeInstances');
  const assumed = (result: string, key: string, seconds = 3600) => `<R><${result}><Credentials>
<AccessKeyId>${key}</AccessKeyId><SecretAccessKey>${key}-SECRET</SecretAccessKey><SessionToken>${key}-TOKEN</SessionToken>
<Expiration>${new Date(world.clock.nowMs() + seconds * 1000).toISOString()}</Expiration></Credentials></${result}></R>`;

  beforeEach(() => {
    for (const key of ['ENV', 'FILE', 'ROLE', 'WEB', 'POD', 'VM', 'VM2'])
      server.secrets.set(key, `${key}-SECRET`);
  });

  test('of the environment', async () => {
    Object.assign(environment, {
      AWS_ACCESS_KEY_ID: 'ENV',
      AWS_SECRET_ACCESS_KEY: 'ENV-SECRET',
      AWS_SESSION_TOKEN: 'T',
    });
    await found('region: r');
    expect(used()).toMatchObject({ accessKey: 'ENV', sessionToken: 'T' });
  });

  test('of the profile that is named, before the environment', async () => {
    Object.assign(environment, { AWS_ACCESS_KEY_ID: 'ENV', AWS_SECRET_ACCESS_KEY: 'ENV-SECRET' });
    world.files.put(
      '/home/me/.aws/credentials',
      '[default]\naws_access_key_id = NO\n\n[p]\naws_access_key_id = FILE\naws_secret_access_key = FILE-SECRET\n',
    );
    await found('region: r, profile: p');
    expect(used()?.accessKey).toBe('FILE');
  });

  test('of a role, assumed with others, and again shortly before they end', async () => {
    let count = 0;
    server.answers['AssumeRole'] = () => {
      count++;
      return assumed('AssumeRoleResult', 'ROLE', 900);
    };
    await found(`region: r, role_arn: 'arn:aws:iam::1:role/x', external_id: e, ${KEYS}`);
    expect(server.calls[0]).toMatchObject({
      action: 'AssumeRole',
      accessKey: 'AKID',
      scope: '20260101/r/sts/aws4_request',
      parameters: {
        Version: '2011-06-15',
        RoleArn: 'arn:aws:iam::1:role/x',
        ExternalId: 'e',
        DurationSeconds: '900',
      },
    });
    expect(used()).toMatchObject({ accessKey: 'ROLE', sessionToken: 'ROLE-TOKEN' });
    for (let minute = 2; minute <= 10; minute++) {
      await world.pass(60_000);
      await world.sent(minute);
    }
    expect(count).toBe(1);
    await world.pass(60_000);
    await world.sent(11);
    expect(count).toBe(2);
  });

  test('of a role in a profile, by the profile that is its source', async () => {
    world.files.put(
      '/home/me/.aws/config',
      '[profile p]\nrole_arn = arn:r\nsource_profile = base\nexternal_id = e\n[profile base]\naws_access_key_id=FILE\naws_secret_access_key=FILE-SECRET\n',
    );
    server.answers['AssumeRole'] = () => assumed('AssumeRoleResult', 'ROLE');
    await found('region: r, profile: p');
    expect(server.calls[0]).toMatchObject({
      accessKey: 'FILE',
      parameters: { RoleArn: 'arn:r', ExternalId: 'e' },
    });
    expect(used()?.accessKey).toBe('ROLE');
  });

  test('of a web identity, as EKS gives it', async () => {
    Object.assign(environment, {
      AWS_WEB_IDENTITY_TOKEN_FILE: '/token',
      AWS_ROLE_ARN: 'arn:w',
      AWS_ROLE_SESSION_NAME: 's',
    });
    world.files.put('/token', 'JWT\n');
    server.answers['AssumeRoleWithWebIdentity'] = () => assumed('AssumeRoleWithWebIdentityResult', 'WEB');
    await found('region: r');
    expect(server.calls[0]).toMatchObject({
      accessKey: '',
      parameters: { RoleArn: 'arn:w', RoleSessionName: 's', WebIdentityToken: 'JWT' },
    });
    expect(used()).toMatchObject({ accessKey: 'WEB', sessionToken: 'WEB-TOKEN' });
  });

  const json = (key: string, seconds: number) => ({
    Code: 'Success',
    AccessKeyId: key,
    SecretAccessKey: `${key}-SECRET`,
    Token: `${key}-TOKEN`,
    Expiration: new Date(world.clock.nowMs() + seconds * 1000).toISOString(),
  });

  test('of the container, with the token it has', async () => {
    world.files.put('/pod-token', 'POD-AUTH\n');
    environment['AWS_CONTAINER_CREDENTIALS_FULL_URI'] = `${server.url}/v1/credentials`;
    environment['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'] = '/pod-token';
    server.metadata['GET /v1/credentials'] = ({ headers }) =>
      headers.authorization === 'POD-AUTH' ? { body: json('POD', 3600) } : { status: 403 };
    await found('region: r');
    expect(used()).toMatchObject({ accessKey: 'POD', sessionToken: 'POD-TOKEN' });
  });

  test('of the instance, and new ones when EC2 refuses them', async () => {
    let key = 'VM';
    server.metadata['PUT /latest/api/token'] = () => ({ body: 'TOKEN' });
    server.metadata['GET /latest/meta-data/iam/security-credentials/'] = () => ({ body: 'my-role' });
    server.metadata['GET /latest/meta-data/iam/security-credentials/my-role'] = () => ({
      body: json(key, 36_000),
    });
    await found('region: r');
    expect(used()?.accessKey).toBe('VM');
    key = 'VM2';
    server.secrets.delete('VM');
    await world.pass(60_000);
    await world.logged('AuthFailure');
    await world.pass(60_000);
    await world.sent(2);
    expect(server.calls.at(-1)?.accessKey).toBe('VM2');
  });

  test('of a program that the profile names', async () => {
    world.files.put('/home/me/.aws/credentials', '[default]\ncredential_process = tool "a b" --json\n');
    programs.answer = ({ program, args }) => ({
      exitCode: program === 'sh' && args.join(' ') === '-c tool "a b" --json' ? 0 : 1,
      stdout: JSON.stringify({
        Version: 1,
        AccessKeyId: 'FILE',
        SecretAccessKey: 'FILE-SECRET',
        SessionToken: 'T',
      }),
    });
    await found('region: r');
    expect(used()).toMatchObject({ accessKey: 'FILE', sessionToken: 'T' });
  });

  test.each([
    ['[p]\ncredential_process = x\n', 'sh: it could not be started'],
    ['[p]\nsso_session = x\n', 'profile "p": sso_session is not in this version'],
    ['[p]\nrole_arn = x\n', 'profile "p": role_arn needs a source_profile or a credential_source'],
    [
      '[p]\nrole_arn = x\nsource_profile = q\n[q]\nrole_arn = x\nsource_profile = p\n',
      'its source profiles name each other',
    ],
    ['[q]\n', 'failed to get shared config profile, p'],
  ])('that lead nowhere say so: %j', async (file, message) => {
    world.files.put('/home/me/.aws/credentials', file);
    world.start(`ec2_sd_configs: [{ endpoint: '${server.url}', region: r, profile: p }]`);
    expect(JSON.stringify(await world.logged('Unable to refresh')).replaceAll('\\', '')).toContain(message);
  });
});

describe('ec2_sd_configs', () => {
  test('take every field', () => {
    const { configs, issues } = parseDiscovery(`
ec2_sd_configs:
- endpoint: https://ec2.example
  region: r
  access_key: a
  secret_key: hidden
  profile: p
  role_arn: arn
  external_id: e
  refresh_interval: 2m
  port: 1
  filters: [{ name: n, values: [v] }]
  proxy_url: http://p
`);
    expect(issues).toEqual([]);
    const key = configs[0]!.key;
    expect(key).not.toContain('hidden');
    expect(JSON.parse(key.slice('ec2:'.length))).toMatchObject({
      endpoint: 'https://ec2.example',
      access: { region: 'r', accessKey: 'a', profile: 'p', roleArn: 'arn', externalId: 'e' },
      refreshIntervalMs: 120_000,
      port: 1,
      filters: [{ name: 'n', values: ['v'] }],
      http: { proxy: { url: 'http://p' } },
    });
  });

  test('have defaults', () => {
    const { configs } = parseDiscovery('ec2_sd_configs: [{}]');
    expect(JSON.parse(configs[0]!.key.slice('ec2:'.length))).toMatchObject({
      refreshIntervalMs: 60_000,
      port: 80,
    });
  });

  test.each([
    ['ec2_sd_configs: [{ filters: [{ name: a }] }]', 'EC2 SD configuration filter values cannot be empty'],
    [
      'ec2_sd_configs: [{ filters: [{ name: a, values: [] }] }]',
      'EC2 SD configuration filter values cannot be empty',
    ],
    [
      'ec2_sd_configs: [{ regio: a }]',
      'prometheus.yml:3:22: unknown key "regio" in scrape_configs[0].ec2_sd_configs[0]; did you mean "region"?',
    ],
    ['ec2_sd_configs: [{ port: x }]', 'prometheus.yml:3:28: '],
    ['ec2_sd_configs: [{ refresh_interval: 0s }]', 'must be greater than 0'],
  ])('refuse %s', (yaml, message) => {
    expect(parseDiscovery(yaml).issues.join('\n')).toContain(message);
  });
});
