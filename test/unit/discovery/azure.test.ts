import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { ExpiringCache } from '../../../src/discovery/azure/expiring-cache.ts';
import { parseResourceId } from '../../../src/discovery/azure/resource-id.ts';
import { ApiServer, parseDiscovery, ProviderWorld } from './provider-world.ts';
import type { ApiAnswer, ApiRequest } from './provider-world.ts';
import { RoutedHttp } from './routed-http.ts';

let server: ApiServer;
let world: ProviderWorld;
let environment: Record<string, string>;
/** The token that the API takes. */
let token: string;
let tokenAnswer: (request: ApiRequest) => ApiAnswer;
/** What the API has, by path without subscription. */
let resources: Record<string, (query: URLSearchParams) => ApiAnswer>;

const OAUTH = 'tenant_id: t, client_id: c, client_secret: s3cret';
const MANAGER = 'https://management.azure.com';
const COMPUTE = '/providers/Microsoft.Compute';
const group = (name: string) => `/resourceGroups/${name}`;
const id = (path: string) => `/subscriptions/sub${path}`;

beforeEach(async () => {
  token = 'TOKEN-1';
  tokenAnswer = () => ({ body: { access_token: token, expires_in: 3600 } });
  resources = {
    [`${COMPUTE}/virtualMachines`]: () => ({ body: { value: [machine('a')] } }),
    [`${COMPUTE}/virtualMachineScaleSets`]: () => ({ body: { value: [] } }),
    ...card('a', '10.0.0.1'),
  };
  server = await ApiServer.start(answer);
  environment = {};
  const routes = {
    [MANAGER]: `${server.url}/manager`,
    'https://management.chinacloudapi.cn': `${server.url}/manager`,
    'https://login.microsoftonline.com': `${server.url}/login`,
    'https://login.chinacloudapi.cn': `${server.url}/login-china`,
    'http://169.254.169.254': `${server.url}/imds`,
    'http://app': `${server.url}/app`,
  };
  world = new ProviderWorld({ http: new RoutedHttp(routes), environment });
});

afterEach(async () => {
  await world.stop();
  await server.stop();
});

function answer(request: ApiRequest): ApiAnswer {
  const { pathname, searchParams } = new URL(request.url, 'http://x');
  if (!pathname.startsWith('/manager/')) return tokenAnswer(request);
  if (request.headers.authorization !== `Bearer ${token}`) return { status: 401, body: { error: 'no' } };
  const path = pathname.slice('/manager/subscriptions/sub'.length);
  return resources[path]?.(searchParams) ?? { status: 404, body: { error: { code: 'NotFound' } } };
}

function machine(name: string, resourceGroup = 'g1'): object {
  return {
    id: id(`${group(resourceGroup)}${COMPUTE}/virtualMachines/${name}`),
    name,
    location: 'westeurope',
    properties: {
      networkProfile: {
        networkInterfaces: [
          { id: id(`${group('net')}/providers/Microsoft.Network/networkInterfaces/${name}-nic`) },
        ],
      },
    },
  };
}

/** The network card that {@link machine} has. */
function card(name: string, address: string): typeof resources {
  const properties = { primary: true, ipConfigurations: [{ properties: { privateIPAddress: address } }] };
  return {
    [`${group('net')}/providers/Microsoft.Network/networkInterfaces/${name}-nic`]: () => ({
      body: { properties },
    }),
  };
}

function start(more: string): void {
  world.start(`azure_sd_configs: [{ subscription_id: sub, ${more} }]`);
}

const asked = (part: string) => server.requests.filter(({ url }) => url.includes(part));
const query = ({ url }: ApiRequest) => new URL(url, 'http://x').searchParams;

describe('machines', () => {
  test('on their own and of scale sets have all labels', async () => {
    resources = {
      [`${COMPUTE}/virtualMachines`]: () => ({
        body: {
          value: [
            {
              id: id(`/resourcegroups/G1${COMPUTE}/virtualMachines/vm`),
              name: 'vm',
              type: 'Microsoft.Compute/virtualMachines',
              location: 'westeurope',
              tags: { 'cost-center': '7' },
              properties: {
                storageProfile: { osDisk: { osType: 'Linux' } },
                osProfile: { computerName: 'vm.local' },
                hardwareProfile: { vmSize: 'Standard_ND96' },
                networkProfile: {
                  networkInterfaces: [
                    { id: id(`${group('net')}/providers/Microsoft.Network/networkInterfaces/second`) },
                    { id: id(`${group('net')}/providers/Microsoft.Network/networkInterfaces/first`) },
                  ],
                },
              },
            },
          ],
        },
      }),
      [`${COMPUTE}/virtualMachineScaleSets`]: () => ({
        body: { value: [{ id: id(`${group('g2')}${COMPUTE}/virtualMachineScaleSets/set`), name: 'set' }] },
      }),
      [`${group('g2')}${COMPUTE}/virtualMachineScaleSets/set/virtualMachines`]: () => ({
        body: {
          value: [
            {
              id: id(`${group('g2')}${COMPUTE}/virtualMachineScaleSets/set/virtualMachines/3`),
              instanceId: '3',
              name: 'set_3',
              location: 'westeurope',
              properties: {
                networkProfile: {
                  networkInterfaces: [
                    {
                      id: id(
                        `${group('g2')}${COMPUTE}/virtualMachineScaleSets/set/virtualMachines/3/networkInterfaces/nic`,
                      ),
                    },
                  ],
                },
              },
            },
          ],
        },
      }),
      [`${group('net')}/providers/Microsoft.Network/networkInterfaces/second`]: () => ({
        body: { properties: { primary: false } },
      }),
      [`${group('net')}/providers/Microsoft.Network/networkInterfaces/first`]: () => ({
        body: {
          properties: {
            primary: true,
            ipConfigurations: [
              {
                properties: {
                  privateIPAddress: '10.0.0.1',
                  publicIPAddress: { properties: { ipAddress: '203.0.113.1' } },
                },
              },
            ],
          },
        },
      }),
      [`${group('g2')}${COMPUTE}/virtualMachineScaleSets/set/virtualMachines/3/networkInterfaces/nic`]:
        () => ({
          body: {
            properties: {
              primary: true,
              ipConfigurations: [{ properties: { privateIPAddress: 'fd00::3' } }],
            },
          },
        }),
    };
    start(`port: 9100, ${OAUTH}`);
    await world.sent(1);
    expect([...world.groups.keys()]).toEqual(['']);
    expect(world.targets()).toEqual([
      {
        __address__: '10.0.0.1:9100',
        __meta_azure_machine_computer_name: 'vm.local',
        __meta_azure_machine_id: id(`/resourcegroups/G1${COMPUTE}/virtualMachines/vm`),
        __meta_azure_machine_location: 'westeurope',
        __meta_azure_machine_name: 'vm',
        __meta_azure_machine_os_type: 'Linux',
        __meta_azure_machine_private_ip: '10.0.0.1',
        __meta_azure_machine_public_ip: '203.0.113.1',
        __meta_azure_machine_resource_group: 'G1',
        __meta_azure_machine_size: 'Standard_ND96',
        __meta_azure_machine_tag_cost_center: '7',
        __meta_azure_subscription_id: 'sub',
        __meta_azure_tenant_id: 't',
      },
      {
        __address__: '[fd00::3]:9100',
        __meta_azure_machine_id: id(`${group('g2')}${COMPUTE}/virtualMachineScaleSets/set/virtualMachines/3`),
        __meta_azure_machine_location: 'westeurope',
        __meta_azure_machine_name: 'set_3',
        __meta_azure_machine_private_ip: 'fd00::3',
        __meta_azure_machine_resource_group: 'g2',
        __meta_azure_machine_scale_set: 'set',
        __meta_azure_subscription_id: 'sub',
        __meta_azure_tenant_id: 't',
      },
    ]);
    const cards = asked('/networkInterfaces/').map(query);
    expect(cards.map((each) => each.get('$expand'))).toEqual(
      Array.from({ length: 3 }, () => 'IPConfigurations/PublicIPAddress'),
    );
  });

  test('come in pages; a page that is elsewhere does not get the token', async () => {
    resources = {
      ...resources,
      ...card('b', '10.0.0.2'),
      [`${COMPUTE}/virtualMachines`]: (page) =>
        page.has('$skiptoken')
          ? { body: { value: [machine('b')] } }
          : {
              body: {
                value: [machine('a')],
                nextLink: `${MANAGER}/subscriptions/sub${COMPUTE}/virtualMachines?api-version=x&%24skiptoken=2`,
              },
            },
    };
    start(OAUTH);
    await world.sent(1);
    expect(world.addresses()).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
    resources[`${COMPUTE}/virtualMachines`] = () => ({
      body: { value: [], nextLink: 'https://elsewhere.example/x' },
    });
    await world.pass(300_000);
    expect(await world.logged('Unable to refresh')).toContain(`the next page is not at ${MANAGER}`);
    expect(world.addresses()).toHaveLength(2);
  });

  test('may be those of one resource group', async () => {
    resources = {
      ...card('c', '10.0.0.3'),
      [`${group('my group')}${COMPUTE}/virtualMachines`]: () => ({
        body: { value: [machine('c', 'my group')] },
      }),
      [`${group('my group')}${COMPUTE}/virtualMachineScaleSets`]: () => ({ body: {} }),
    };
    // The path is escaped on its way.
    for (const [path, of] of Object.entries(resources)) resources[path.replaceAll(' ', '%20')] = of;
    start(`resource_group: my group, ${OAUTH}`);
    await world.sent(1);
    expect(world.addresses()).toEqual(['10.0.0.3:80']);
  });

  test('that are switched off, or whose card is gone, are no targets', async () => {
    const off = (name: string) => `${group('net')}/providers/Microsoft.Network/networkInterfaces/${name}-nic`;
    resources[`${COMPUTE}/virtualMachines`] = () => ({
      body: { value: ['a', 'off', 'gone'].map((name) => machine(name)) },
    });
    resources[off('off')] = () => ({ body: { properties: {} } });
    // Azure says of no card of a machine that is off that it is the primary one; the first tells.
    const nics = ['off-nic', 'a-nic'].map((name) => ({
      id: id(`${group('net')}/providers/Microsoft.Network/networkInterfaces/${name}`),
    }));
    resources[`${COMPUTE}/virtualMachineScaleSets`] = () => ({
      body: { value: [{ id: id(`${group('g')}${COMPUTE}/virtualMachineScaleSets/s`), name: 's' }] },
    });
    resources[`${group('g')}${COMPUTE}/virtualMachineScaleSets/s/virtualMachines`] = () => ({
      body: {
        value: [
          { ...machine('two'), instanceId: '0', properties: { networkProfile: { networkInterfaces: nics } } },
        ],
      },
    });
    const ofSet = `${group('net')}${COMPUTE}/virtualMachineScaleSets/s/virtualMachines/0/networkInterfaces`;
    resources[`${ofSet}/off-nic`] = resources[off('off')]!;
    resources[`${ofSet}/a-nic`] = resources[off('a')]!;
    start(OAUTH);
    await world.sent(1);
    expect(world.addresses()).toEqual(['10.0.0.1:80']);
    expect(await world.logged('Network interface does not exist')).toContain('gone-nic');
  });

  test('have their cards asked for again only after ten intervals', async () => {
    start(OAUTH);
    await world.sent(1);
    for (let round = 2; round <= 10; round++) {
      await world.pass(300_000);
      await world.sent(round);
    }
    expect(asked('/networkInterfaces/')).toHaveLength(1);
    expect((await world.metric('prometheus_sd_azure_cache_hit_total'))['']).toBe(9);
    for (let round = 11; round <= 14; round++) {
      await world.pass(300_000);
      await world.sent(round);
    }
    expect(asked('/networkInterfaces/')).toHaveLength(2);
  });

  test('with an error of any card keep what was there', async () => {
    start(OAUTH);
    await world.sent(1);
    resources[`${COMPUTE}/virtualMachines`] = () => ({
      body: { value: Array.from({ length: 40 }, (_, i) => machine(`m${i}`)) },
    });
    for (let i = 0; i < 39; i++) Object.assign(resources, card(`m${i}`, `10.0.1.${i}`));
    const broken = `${group('net')}/providers/Microsoft.Network/networkInterfaces/m39-nic`;
    resources[broken] = () => ({ status: 429, body: { error: { code: 'TooManyRequests' } } });
    await world.pass(300_000);
    expect(await world.logged('Unable to refresh')).toContain('TooManyRequests');
    expect(world.addresses()).toEqual(['10.0.0.1:80']);
    expect((await world.metric('prometheus_sd_azure_failures_total'))['']).toBe(1);
    Object.assign(resources, card('m39', '10.0.1.39'));
    await world.pass(300_000);
    await world.sent(2);
    expect(world.addresses()).toHaveLength(40);
  });
});

describe('tokens', () => {
  const form = (request: ApiRequest | undefined) => Object.fromEntries(new URLSearchParams(request?.body));

  test('by OAuth are asked for with the secret, kept, and asked for again when they are refused', async () => {
    start(OAUTH);
    await world.sent(1);
    const [request] = asked('/login/');
    expect(request!.url).toBe('/login/t/oauth2/v2.0/token');
    expect(form(request)).toEqual({
      grant_type: 'client_credentials',
      scope: 'https://management.azure.com/.default',
      client_id: 'c',
      client_secret: 's3cret',
    });
    await world.pass(300_000);
    await world.sent(2);
    expect(asked('/login/')).toHaveLength(1);
    token = 'TOKEN-2';
    await world.pass(300_000);
    await world.sent(3);
    expect(asked('/login/')).toHaveLength(2);
  });

  test('of other clouds come from there', async () => {
    start(`environment: azurechinacloud, ${OAUTH}`);
    await world.sent(1);
    expect(form(asked('/login-china/')[0])['scope']).toBe('https://management.chinacloudapi.cn/.default');
  });

  test('of a managed identity come from the machine', async () => {
    tokenAnswer = ({ headers }) =>
      headers['metadata'] === 'true'
        ? { body: { access_token: token, expires_in: '3600', expires_on: '1767229200' } }
        : { status: 400 };
    start('authentication_method: ManagedIdentity, client_id: c');
    await world.sent(1);
    const [request] = asked('/imds/metadata/identity/oauth2/token');
    expect(Object.fromEntries(query(request!))).toEqual({
      resource: MANAGER,
      client_id: 'c',
      'api-version': '2018-02-01',
    });
    await world.pass(300_000);
    await world.sent(2);
    expect(asked('/imds/')).toHaveLength(1);
  });

  test('of a managed identity come from the app where the environment says so', async () => {
    Object.assign(environment, { IDENTITY_ENDPOINT: 'http://app/token', IDENTITY_HEADER: 'h' });
    tokenAnswer = ({ headers }) =>
      headers['x-identity-header'] === 'h'
        ? { body: { access_token: token, expires_on: String(world.clock.nowMs() / 1000 + 3600) } }
        : { status: 400 };
    start('authentication_method: ManagedIdentity');
    await world.sent(1);
    expect(query(asked('/app/token')[0]!).get('api-version')).toBe('2019-08-01');
    await world.pass(300_000);
    await world.sent(2);
    expect(asked('/app/token')).toHaveLength(1);
  });

  test('of a workload identity are asked for with the token in the file', async () => {
    Object.assign(environment, {
      AZURE_TENANT_ID: 'wt',
      AZURE_CLIENT_ID: 'wc',
      AZURE_FEDERATED_TOKEN_FILE: '/token',
    });
    world.files.put('/token', 'JWT\n');
    start('authentication_method: WorkloadIdentity');
    await world.sent(1);
    expect(asked('/login/wt/oauth2/v2.0/token')).toHaveLength(1);
    expect(form(asked('/login/')[0])).toMatchObject({
      client_id: 'wc',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: 'JWT',
    });
  });

  test('of a workload identity need their environment', async () => {
    start('authentication_method: WorkloadIdentity');
    expect(await world.logged('Unable to refresh')).toContain('a workload identity needs AZURE_TENANT_ID');
  });

  test.each([
    [
      { AZURE_TENANT_ID: 'et', AZURE_CLIENT_ID: 'ec', AZURE_CLIENT_SECRET: 'es' },
      '/login/et/oauth2/v2.0/token',
    ],
    [
      { AZURE_TENANT_ID: 'et', AZURE_CLIENT_ID: 'ec', AZURE_FEDERATED_TOKEN_FILE: '/token' },
      '/login/et/oauth2/v2.0/token',
    ],
    [{}, '/imds/metadata/identity/oauth2/token'],
  ])('as the SDK finds them, with %j', async (variables, path) => {
    Object.assign(environment, variables);
    world.files.put('/token', 'JWT');
    start('authentication_method: SDK');
    await world.sent(1);
    expect(asked(path)).toHaveLength(1);
  });

  test('and secrets are not shown when something goes wrong', async () => {
    tokenAnswer = () => ({ status: 401, body: { error: 'invalid_client', access_token: 'HIDDEN' } });
    start(OAUTH);
    const line = await world.logged('Unable to refresh');
    expect(line).toContain('invalid_client');
    expect(line).toContain('https://login.microsoftonline.com/t/oauth2/v2.0/token');
    expect(world.lines.join('\n')).not.toMatch(/HIDDEN|s3cret/);
  });
});

describe('azure_sd_configs', () => {
  test('take every field, and have defaults', () => {
    const options = (yaml: string): unknown => {
      const { configs, issues } = parseDiscovery(`azure_sd_configs: [${yaml}]`);
      expect(issues).toEqual([]);
      expect(configs[0]!.key).not.toContain('s3cret');
      return JSON.parse(configs[0]!.key.slice('azure:'.length));
    };
    expect(
      options(
        `{ environment: AzureUSGovernment, port: 1, subscription_id: sub, refresh_interval: 1m, resource_group: g, authentication_method: OAuth, follow_redirects: false, ${OAUTH} }`,
      ),
    ).toMatchObject({
      environment: 'AzureUSGovernment',
      port: 1,
      subscriptionId: 'sub',
      tenantId: 't',
      clientId: 'c',
      refreshIntervalMs: 60_000,
      authentication: 'OAuth',
      resourceGroup: 'g',
      http: { followRedirects: false },
    });
    expect(options('{ subscription_id: sub, authentication_method: SDK }')).toMatchObject({
      environment: 'AzurePublicCloud',
      port: 80,
      tenantId: '',
      clientId: '',
      refreshIntervalMs: 300_000,
      resourceGroup: '',
    });
  });

  test.each([
    ['{ authentication_method: SDK }', 'azure SD configuration requires a subscription_id'],
    ['{ subscription_id: s, client_id: c, client_secret: x }', 'azure SD configuration requires a tenant_id'],
    ['{ subscription_id: s, tenant_id: t, client_secret: x }', 'azure SD configuration requires a client_id'],
    ['{ subscription_id: s, tenant_id: t, client_id: c }', 'azure SD configuration requires a client_secret'],
    ['{ subscription_id: s, tenant_id: t, client_id: c, client_secret: "" }', 'requires a client_secret'],
    [
      '{ subscription_id: s, authentication_method: Other }',
      'authentication_method: must be one of OAuth, ManagedIdentity, SDK, WorkloadIdentity, not "Other"',
    ],
    [
      '{ subscription_id: s, authentication_method: SDK, environment: Mars }',
      'there is no cloud configuration matching the name "Mars"',
    ],
    ['{ subscription_id: s, subscription: s }', 'unknown key "subscription"'],
  ])('refuse %s', (yaml, message) => {
    expect(parseDiscovery(`azure_sd_configs: [${yaml}]`).issues.join('\n')).toContain(message);
  });
});

test.each([
  '',
  'x',
  '/subscriptions/s',
  '/subscriptions/s/resourceGroups',
  '/a/b/c/d',
  '/resourceGroups//x/y',
])('an ID %j of no resource is refused', (text) => {
  expect(() => parseResourceId(text)).toThrow('invalid ID');
});

test('a cache gives up what is old, and what was not asked for the longest', async () => {
  const clock = new VirtualClock(0);
  const cache = new ExpiringCache<number>(2, clock);
  cache.set('a', 1, 1000);
  cache.set('b', 2, 2000);
  expect(cache.get('a')).toBe(1);
  cache.set('c', 3, 2000);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3]);
  await clock.advanceBy(1000);
  expect([cache.get('a'), cache.get('c')]).toEqual([undefined, 3]);
});
