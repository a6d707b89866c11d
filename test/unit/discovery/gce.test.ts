import { createVerify, generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiServer, parseDiscovery, ProviderWorld } from './provider-world.ts';
import type { ApiAnswer, ApiRequest } from './provider-world.ts';
import { RoutedHttp } from './routed-http.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

let server: ApiServer;
let world: ProviderWorld;
let environment: Record<string, string>;
/** The token that the API takes. */
let token: string;
let instancesAnswer: (query: URLSearchParams) => ApiAnswer;
let tokenAnswer: (request: ApiRequest) => ApiAnswer;

const YAML = 'gce_sd_configs: [{ project: my-project, zone: europe-west4-a, port: 9100 }]';

beforeEach(async () => {
  token = 'TOKEN-1';
  instancesAnswer = () => ({ body: { items: [instance('a', '10.0.0.1')] } });
  tokenAnswer = () => ({ body: { access_token: token, expires_in: 3600, token_type: 'Bearer' } });
  server = await ApiServer.start(answer);
  environment = { HOME: '/home/me', GCE_METADATA_HOST: '169.254.1.1' };
  const http = new RoutedHttp({
    'https://compute.googleapis.com': `${server.url}/api`,
    'https://oauth2.googleapis.com': `${server.url}/oauth`,
    'http://169.254.1.1': `${server.url}/metadata`,
  });
  world = new ProviderWorld({ http, environment });
});

afterEach(async () => {
  await world.stop();
  await server.stop();
});

function answer(request: ApiRequest): ApiAnswer {
  const url = new URL(request.url, 'http://x');
  if (!url.pathname.startsWith('/api/')) return tokenAnswer(request);
  if (request.headers.authorization !== `Bearer ${token}`) {
    return { status: 401, body: { error: { message: 'Invalid Credentials' } } };
  }
  if (url.pathname !== '/api/compute/v1/projects/my-project/zones/europe-west4-a/instances')
    return { status: 404 };
  return instancesAnswer(url.searchParams);
}

function instance(name: string, networkIP: string): object {
  return { id: '1', name, zone: 'z', status: 'RUNNING', networkInterfaces: [{ name: 'nic0', networkIP }] };
}

const asked = (prefix: string) => server.requests.filter(({ url }) => url.startsWith(prefix));

describe('instances', () => {
  test('have all labels of an answer', async () => {
    const base = 'https://www.googleapis.com/compute/v1/projects/my-project';
    instancesAnswer = () => ({
      body: {
        kind: 'compute#instanceList',
        items: [
          {
            id: '18446744073709551615',
            name: 'gpu-1',
            zone: `${base}/zones/europe-west4-a`,
            status: 'RUNNING',
            machineType: `${base}/machineTypes/a3`,
            networkInterfaces: [
              {
                name: 'nic0',
                network: `${base}/networks/default`,
                subnetwork: `${base}/subnetworks/default`,
                networkIP: '10.0.0.1',
                accessConfigs: [{ type: 'ONE_TO_ONE_NAT', natIP: '203.0.113.1' }],
              },
              { name: 'nic-1', networkIP: '10.1.0.1' },
            ],
            tags: { items: ['http', 'gpu'] },
            metadata: { items: [{ key: 'created-by', value: 'me' }, { key: 'nothing' }] },
            labels: { 'cost-center': '7' },
          },
          { id: '2', name: 'without-a-network' },
          { ...instance('b', '10.0.0.2'), tags: {}, metadata: {} },
        ],
      },
    });
    world.start(YAML);
    await world.sent(1);
    expect([...world.groups.keys()]).toEqual(['GCE_my-project_europe-west4-a']);
    expect(world.targets()).toEqual([
      {
        __address__: '10.0.0.1:9100',
        __meta_gce_instance_id: '18446744073709551615',
        __meta_gce_instance_name: 'gpu-1',
        __meta_gce_instance_status: 'RUNNING',
        __meta_gce_interface_ipv4_nic0: '10.0.0.1',
        __meta_gce_interface_ipv4_nic_1: '10.1.0.1',
        __meta_gce_label_cost_center: '7',
        __meta_gce_machine_type: `${base}/machineTypes/a3`,
        __meta_gce_metadata_created_by: 'me',
        __meta_gce_network: `${base}/networks/default`,
        __meta_gce_private_ip: '10.0.0.1',
        __meta_gce_project: 'my-project',
        __meta_gce_public_ip: '203.0.113.1',
        __meta_gce_subnetwork: `${base}/subnetworks/default`,
        __meta_gce_tags: ',http,gpu,',
        __meta_gce_zone: `${base}/zones/europe-west4-a`,
      },
      {
        __address__: '10.0.0.2:9100',
        __meta_gce_instance_id: '1',
        __meta_gce_instance_name: 'b',
        __meta_gce_instance_status: 'RUNNING',
        __meta_gce_interface_ipv4_nic0: '10.0.0.2',
        __meta_gce_private_ip: '10.0.0.2',
        __meta_gce_project: 'my-project',
        __meta_gce_zone: 'z',
      },
    ]);
  });

  test('come in pages, with the filter on each', async () => {
    instancesAnswer = (query) => {
      const page = Number(query.get('pageToken') ?? 0);
      const next = page < 2 ? { nextPageToken: String(page + 1) } : {};
      return { body: { items: [instance(`i${page}`, `10.0.0.${page}`)], ...next } };
    };
    world.start(
      'gce_sd_configs: [{ project: my-project, zone: europe-west4-a, filter: \'labels.a=b AND status="RUNNING"\' }]',
    );
    await world.sent(1);
    expect(world.addresses()).toEqual(['10.0.0.0:80', '10.0.0.1:80', '10.0.0.2:80']);
    const queries = asked('/api/').map(({ url }) => new URL(url, 'http://x').searchParams);
    expect(queries.map((query) => query.get('pageToken'))).toEqual([null, '1', '2']);
    expect(queries.map((query) => query.get('filter'))).toEqual(
      Array.from({ length: 3 }, () => 'labels.a=b AND status="RUNNING"'),
    );
  });

  test('are looked for every interval; an error, of a page too, keeps what was there', async () => {
    world.start(YAML);
    await world.sent(1);
    instancesAnswer = (query) =>
      query.has('pageToken')
        ? { status: 500, body: { error: 'broken' } }
        : { body: { items: [instance('b', '10.0.0.2')], nextPageToken: 'x' } };
    await world.pass(60_000);
    expect(await world.logged('Unable to refresh')).toContain('HTTP status 500');
    expect(world.addresses()).toEqual(['10.0.0.1:9100']);
    instancesAnswer = () => ({ body: {} });
    await world.pass(60_000);
    await world.sent(2);
    expect(world.addresses()).toEqual([]);
  });
});

describe('tokens', () => {
  test('come from the machine, and are kept until shortly before they end', async () => {
    world.start(YAML);
    await world.sent(1);
    const [request] = asked('/metadata/');
    expect(request!.url).toBe(
      '/metadata/computeMetadata/v1/instance/service-accounts/default/token?scopes=' +
        encodeURIComponent('https://www.googleapis.com/auth/compute.readonly'),
    );
    expect(request!.headers['metadata-flavor']).toBe('Google');
    for (let minute = 1; minute <= 57; minute++) {
      await world.pass(60_000);
      await world.sent(minute + 1);
    }
    expect(asked('/metadata/')).toHaveLength(1);
    await world.pass(60_000);
    await world.sent(59);
    expect(asked('/metadata/')).toHaveLength(2);
  });

  test('that are refused are fetched again at once, but only once', async () => {
    world.start(YAML);
    await world.sent(1);
    token = 'TOKEN-2';
    await world.pass(60_000);
    await world.sent(2);
    expect(asked('/metadata/')).toHaveLength(2);
    tokenAnswer = () => ({ body: { access_token: 'WRONG', expires_in: 3600 } });
    token = 'TOKEN-3';
    await world.pass(60_000);
    expect(await world.logged('Unable to refresh')).toContain('HTTP status 401');
    expect(asked('/metadata/')).toHaveLength(3);
  });

  test('of a service account are asked for with a signed assertion', async () => {
    environment['GOOGLE_APPLICATION_CREDENTIALS'] = '/key.json';
    world.files.put(
      '/key.json',
      JSON.stringify({
        type: 'service_account',
        client_email: 'me@example',
        private_key: privateKey,
        private_key_id: 'k1',
        token_uri: 'https://oauth2.googleapis.com/token',
      }),
    );
    world.start(YAML);
    await world.sent(1);
    const form = new URLSearchParams(asked('/oauth/token')[0]!.body);
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const [header, claims, signature] = form.get('assertion')!.split('.') as [string, string, string];
    const read = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect(read(header)).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k1' });
    const nowS = Date.UTC(2026, 0, 1) / 1000;
    expect(read(claims)).toEqual({
      iss: 'me@example',
      scope: 'https://www.googleapis.com/auth/compute.readonly',
      aud: 'https://oauth2.googleapis.com/token',
      iat: nowS,
      exp: nowS + 3600,
    });
    const verify = createVerify('RSA-SHA256').update(`${header}.${claims}`);
    expect(verify.verify(publicKey, signature, 'base64url')).toBe(true);
  });

  test('of a person come from the file that gcloud keeps', async () => {
    world.files.put(
      '/home/me/.config/gcloud/application_default_credentials.json',
      JSON.stringify({ type: 'authorized_user', client_id: 'c', client_secret: 's', refresh_token: 'r' }),
    );
    world.start(YAML);
    await world.sent(1);
    expect(Object.fromEntries(new URLSearchParams(asked('/oauth/token')[0]!.body))).toEqual({
      grant_type: 'refresh_token',
      client_id: 'c',
      client_secret: 's',
      refresh_token: 'r',
    });
  });

  test.each([
    ['{"type":"external_account"}', 'credentials of type \\"external_account\\" are not in this version'],
    ['{"type":"service_account"}', '/key.json: not a key file: client_email'],
    ['{"private_key": "HIDDEN', '/key.json: not valid JSON'],
    [
      '{"type":"service_account","client_email":"a","private_key":"HIDDEN"}',
      '/key.json: the private key cannot be used',
    ],
  ])('of a file that is no key are an error: %s', async (content, message) => {
    environment['GOOGLE_APPLICATION_CREDENTIALS'] = '/key.json';
    world.files.put('/key.json', content);
    world.start(YAML);
    expect((await world.logged('Unable to refresh')).replaceAll('\\\\', '\\')).toContain(message);
    expect(world.lines.join('\n')).not.toContain('HIDDEN');
  });

  test('are not shown when an answer with one is not as it should be', async () => {
    tokenAnswer = () => ({ body: '{"access_token": "HIDDEN-TOKEN' });
    world.start(YAML);
    expect(await world.logged('Unable to refresh')).toContain('<secret>');
    expect(world.lines.join('\n')).not.toContain('HIDDEN');
  });
});

describe('gce_sd_configs', () => {
  test('take every field, and have defaults', () => {
    const options = (yaml: string): unknown => {
      const { configs, issues } = parseDiscovery(`gce_sd_configs: [${yaml}]`);
      expect(issues).toEqual([]);
      return JSON.parse(configs[0]!.key.slice('gce:'.length));
    };
    expect(
      options("{ project: p, zone: z, filter: f, refresh_interval: 5m, port: 1, tag_separator: ';' }"),
    ).toEqual({
      project: 'p',
      zone: 'z',
      filter: 'f',
      refreshIntervalMs: 300_000,
      port: 1,
      tagSeparator: ';',
    });
    expect(options('{ project: p, zone: z }')).toEqual({
      project: 'p',
      zone: 'z',
      filter: '',
      refreshIntervalMs: 60_000,
      port: 80,
      tagSeparator: ',',
    });
  });

  test.each([
    ['{ zone: z }', 'GCE SD configuration requires a project'],
    ['{ project: p }', 'GCE SD configuration requires a zone'],
    ['{ project: p, zone: z, basic_auth: {} }', 'prometheus.yml:3:43: unknown key "basic_auth"'],
    ['{ project: p, zone: z, port: 1.5 }', 'prometheus.yml:3:49: '],
    ['{ project: p, zone: z, tag_seperator: x }', 'did you mean "tag_separator"?'],
  ])('refuse %s', (yaml, message) => {
    expect(parseDiscovery(`gce_sd_configs: [${yaml}]`).issues.join('\n')).toContain(message);
  });
});
