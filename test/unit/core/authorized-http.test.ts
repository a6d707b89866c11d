import { describe, expect, test } from 'vitest';
import { AuthorizedHttp, secretsOf } from '../../../src/core/authorized-http.ts';
import { httpConfigSchema } from '../../../src/core/http-config.ts';
import type { HttpRequest } from '../../../src/core/ports.ts';
import { chooseProxy } from '../../../src/core/proxy-choice.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import type { FakeAnswer } from '../../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { validateYaml } from '../../../src/core/validate-yaml.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { formatIssue, parseYaml } from '../../../src/core/yaml.ts';

function read(yaml: string) {
  const result = validateYaml(parseYaml(yaml, 'f'), httpConfigSchema, '/etc/t');
  if (!result.ok) throw new Error(result.issues.map(formatIssue).join('\n'));
  return result.value;
}

async function setUp(yaml: string, files: Record<string, string> = {}) {
  const network = new FakeNetwork();
  const seen: HttpRequest[] = [];
  const answers: FakeAnswer[] = [];
  network.serve('target', (request) => {
    seen.push(request);
    return { status: 200 };
  });
  network.serve('token', (request) => {
    seen.push(request);
    return answers.shift() ?? { status: 500 };
  });
  const disk = new MemoryFileSystem();
  await disk.makeFolder('/etc/t');
  const write = (name: string, text: string) => disk.replaceFile(name, new TextEncoder().encode(text));
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const clock = new VirtualClock(0);
  const http = new AuthorizedHttp({
    http: network,
    files: disk,
    clock,
    random: new SeededRandom(1),
    config: read(yaml),
  });
  const get = (url = 'http://target/', headers = {}) =>
    http.request({ method: 'GET', url, headers, signal: new AbortController().signal });
  return { seen, answers, write, clock, get };
}

describe('AuthorizedHttp', () => {
  test('basic auth, its password read anew each time', async () => {
    const { seen, get, write } = await setUp('basic_auth: {username: 1é, password_file: pw}', {
      '/etc/t/pw': 'a\n',
    });
    await get();
    await write('/etc/t/pw', 'b');
    await get();
    const sent = seen.map((r) => Buffer.from(r.headers['Authorization']!.slice(6), 'base64').toString());
    expect(sent).toEqual(['1é:a', '1é:b']);
  });

  test('authorization with another type; an own header wins', async () => {
    const { seen, get } = await setUp('authorization: {type: " GenieKey ", credentials: k}');
    await get();
    await get('http://target/', { authorization: 'own' });
    expect(seen.map((r) => r.headers['Authorization'] ?? r.headers['authorization'])).toEqual([
      'GenieKey k',
      'own',
    ]);
  });

  test('bearer_token, headers, redirects and HTTP/2', async () => {
    const { seen, get } = await setUp(
      'bearer_token: t\nfollow_redirects: no\nenable_http2: off\nhttp_headers: {X-A: {values: [1], secrets: [s], files: [h]}}',
      { '/etc/t/h': 'f' },
    );
    await get();
    expect(seen[0]).toMatchObject({
      headers: { Authorization: 'Bearer t', 'X-A': '1, s, f' },
      followRedirects: false,
      connection: { http2: false },
    });
  });

  test('a missing file says which', async () => {
    const { get } = await setUp('authorization: {credentials_file: no}');
    await expect(get()).rejects.toThrow(/unable to read authorization credentials file \/etc\/t\/no/);
  });

  test('TLS material from files, only for https', async () => {
    const { seen, get } = await setUp(
      'tls_config: {ca_file: ca, cert: c, key: k, server_name: n, min_version: TLS12}',
      {
        '/etc/t/ca': 'CA',
      },
    );
    await get();
    await get('https://target/');
    expect(seen.map((r) => r.connection?.tls)).toEqual([
      undefined,
      { ca: 'CA', cert: 'c', key: 'k', serverName: 'n', insecureSkipVerify: false, minVersion: 'TLS12' },
    ]);
  });

  test('OAuth 2.0: one token for many requests, again when it ends; the endpoint’s way is found out', async () => {
    const { seen, answers, get, clock } = await setUp(
      'oauth2: {client_id: i d, client_secret: "s&", token_url: "http://token/t", scopes: [a, b], endpoint_params: {x: y}}',
    );
    const json = (body: object) => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    answers.push({ status: 401 }, json({ access_token: 'one', expires_in: 60, token_type: 'bearer' }));
    await Promise.all([get(), get(), get()]);
    await clock.advanceTo(49_000);
    await get();
    await clock.advanceTo(50_000);
    answers.push(json({ access_token: 'two', expires_in: '60' }));
    await get();
    const [first, second, ...rest] = seen;
    expect(Buffer.from(first!.headers['Authorization']!.slice(6), 'base64').toString()).toBe('i+d:s%26');
    expect(first!.body).toBe('grant_type=client_credentials&scope=a+b&x=y');
    expect(second!.body).toBe('grant_type=client_credentials&scope=a+b&x=y&client_id=i+d&client_secret=s%26');
    expect(rest.map((r) => (r.url.includes('token') ? 'fetch' : r.headers['Authorization']))).toEqual([
      'Bearer one',
      'Bearer one',
      'Bearer one',
      'Bearer one',
      'fetch',
      'Bearer two',
    ]);
  });

  test('a refused token request says where, not with what', async () => {
    const { get } = await setUp(
      'oauth2: {client_id: i, client_secret: sss, token_url: "http://token/t?sss"}',
    );
    await expect(get()).rejects.toThrow('oauth2: cannot fetch token from token: status 500');
  });

  test('secrets for taking out of texts', () => {
    expect(
      secretsOf(read('basic_auth: {username: u, password: p}\nhttp_headers: {A: {secrets: [x, ""]}}')),
    ).toEqual(['p', 'x']);
  });
});

describe('what the block refuses', () => {
  const rows: [yaml: string, message: string][] = [
    [
      'basic_auth: {password: a, password_file: b}',
      'at most one of basic_auth password & password_file must be configured',
    ],
    [
      'basic_auth: {}\nauthorization: {}',
      'at most one of basic_auth, oauth2 & authorization must be configured',
    ],
    ['authorization: {type: Basic}', 'authorization type cannot be set to "basic", use "basic_auth" instead'],
    [
      'bearer_token: a\nbearer_token_file: b',
      'at most one of bearer_token & bearer_token_file must be configured',
    ],
    [
      'bearer_token: a\nbasic_auth: {}',
      'at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured',
    ],
    ['oauth2: {token_url: x}', 'oauth2 client_id must be configured'],
    [
      'oauth2: {client_id: x, token_url: y, client_secret_ref: r}',
      'f:1:38: key "client_secret_ref" in oauth2 is not in this version',
    ],
    [
      'oauth2: {client_id: x, token_url: y, client_secret: a, client_secret_file: b}',
      'f:1:9: oauth2: at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured using grant-type=client_credentials',
    ],
    [
      'tls_config: {cert: a}',
      'exactly one of key or key_file must be configured when a client certificate is configured',
    ],
    [
      'tls_config: {min_version: TLS9}',
      'must be one of TLS10, TLS11, TLS12, TLS13, not "TLS9"; did you mean "TLS10"?',
    ],
    ['http_headers: {HOST: {values: [a]}}', 'setting header "HOST" is not allowed'],
    ['no_proxy: a', 'if no_proxy is configured, proxy_url must also be configured'],
    [
      'proxy_url: a\nproxy_from_environment: true',
      'if proxy_from_environment is configured, proxy_url must not be configured',
    ],
    [
      'proxy_connect_header: {a: [b]}',
      'if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured',
    ],
    ['proxy_ulr: a', 'unknown key "proxy_ulr"; did you mean "proxy_url"?'],
  ];
  test.each(rows)('%s', (yaml, message) => {
    expect(() => read(yaml)).toThrow(message);
  });
});

describe('chooseProxy', () => {
  const proxy = { url: 'http://p:1', fromEnvironment: false, connectHeaders: [] };
  const rows: [noProxy: string, url: string, direct: boolean][] = [
    ['', 'http://localhost/', false],
    ['x', 'http://localhost/', true],
    ['x', 'http://[::1]:9/', true],
    ['*', 'http://a/', true],
    ['a.com', 'http://a.com/', true],
    ['a.com', 'http://b.a.com/', true],
    ['a.com', 'http://ba.com/', false],
    ['.a.com', 'http://a.com/', false],
    ['.a.com, c', 'http://b.a.com/', true],
    ['a.com:8080', 'http://a.com:8080/', true],
    ['a.com:80', 'http://a.com/', true],
    ['a.com:80', 'https://a.com/', false],
    ['10.0.0.0/8', 'http://10.2.3.4:1/', true],
    ['10.0.0.0/8', 'http://11.2.3.4/', false],
    ['10.1.1.1', 'http://10.1.1.1/', true],
    ['fe80::/10', 'http://[fe80::1]/', true],
    ['fe80::/10', 'http://[fec0::1]/', false],
    ['10.0.0.0/99', 'http://10.0.0.1/', false],
  ];
  test.each(rows)('no_proxy %s, %s', (noProxy, url, direct) => {
    expect(chooseProxy({ ...proxy, noProxy }, url, {})).toBe(direct ? undefined : 'http://p:1');
  });

  test('from the environment', () => {
    const config = { url: undefined, noProxy: '', fromEnvironment: true, connectHeaders: [] };
    const environment = { HTTPS_PROXY: 'p:1', http_proxy: 'http://q', NO_PROXY: 'c' };
    expect(chooseProxy(config, 'https://a/', environment)).toBe('http://p:1');
    expect(chooseProxy(config, 'http://a/', environment)).toBe('http://q');
    expect(chooseProxy(config, 'http://c/', environment)).toBe(undefined);
    expect(chooseProxy(config, 'http://a/', {})).toBe(undefined);
  });
});
