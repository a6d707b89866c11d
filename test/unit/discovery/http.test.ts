import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiServer, ProviderWorld, parseDiscovery } from './provider-world.ts';

let world: ProviderWorld;
let server: ApiServer;
let groups: unknown;

beforeEach(async () => {
  world = new ProviderWorld();
  groups = [{ targets: ['x:1', 'x:2'], labels: { env: 'prod' } }, { targets: ['y:1'] }];
  server = await ApiServer.start(() => ({ body: groups }));
});

afterEach(async () => {
  await world.stop();
  await server.stop();
});

function start(more = ''): void {
  world.start(`http_sd_configs: [{url: "${server.url}/sd?t=hidden", refresh_interval: 30s${more}}]`);
}

describe('http discovery', () => {
  test('asks with the headers that Prometheus sends, and labels what it finds', async () => {
    start(', authorization: {credentials: sesame}');
    await world.sent(1);
    const url = `${server.url}/sd?t=hidden`;
    expect([...world.groups.keys()]).toEqual([`${url}:0`, `${url}:1`]);
    expect(world.targets()).toEqual([
      { __address__: 'x:1', __meta_url: url, env: 'prod' },
      { __address__: 'x:2', __meta_url: url, env: 'prod' },
      { __address__: 'y:1', __meta_url: url },
    ]);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      method: 'GET',
      url: '/sd?t=hidden',
      headers: {
        accept: 'application/json',
        authorization: 'Bearer sesame',
        'user-agent': 'tocsin/test',
        'x-prometheus-refresh-interval-seconds': '30',
      },
    });
  });

  test('asks again every interval; groups that are not listed any more are gone', async () => {
    start();
    await world.sent(1);
    await world.pass(29_999);
    expect(server.requests).toHaveLength(1);
    groups = [{ targets: ['x:2', 'x:3'] }];
    await world.pass(1);
    await world.sent(2);
    expect(world.addresses()).toEqual(['x:2', 'x:3']);
    groups = null;
    await world.pass(30_000);
    await world.sent(3);
    expect(world.addresses()).toEqual([]);
  });

  test.each([
    ['a status', { status: 500, body: 'no room\nhere' }, 'server returned HTTP status 500: no room here'],
    ['another good status', { status: 204 }, 'server returned HTTP status 204'],
    [
      'a content type',
      { headers: { 'Content-Type': 'text/html' } },
      'unsupported content type \\"text/html\\"',
    ],
    ['not JSON', { body: '<html>' }, 'not valid JSON; it starts with \\"<html>\\"'.replaceAll('"', '\\"')],
    ['no list', { body: {} }, 'the answer is not as expected'],
    ['an empty entry', { body: [null] }, '[0]'],
    ['an unknown key', { body: [{ targets: [], lables: {} }] }, 'lables'],
    ['a wrong target', { body: [{ targets: [{}] }] }, '[0].targets[0]'],
  ])('%s that is not right keeps the last good targets', async (_, answer, message) => {
    start(', basic_auth: {username: u, password: sesame}');
    await world.sent(1);
    server.answer = () => answer;
    await world.pass(30_000);
    const line = await world.logged('Unable to refresh target groups');
    expect(line.replaceAll('\\\\', '\\')).toContain(message.replaceAll('\\\\', '\\'));
    expect(line).toContain(`${server.url}/sd`);
    expect(line).not.toMatch(/hidden|sesame|\?t=/);
    expect(world.addresses()).toEqual(['x:1', 'x:2', 'y:1']);
    expect(await world.metric('prometheus_sd_http_failures_total')).toEqual({ '': 1 });
    expect(await world.metric('prometheus_sd_refresh_failures_total')).toEqual({
      'mechanism=http,config=j': 1,
    });
    server.answer = () => ({ body: [{ targets: ['z:1'] }] });
    await world.pass(30_000);
    await world.sent(2);
    expect(world.addresses()).toEqual(['z:1']);
  });

  test('a secret that the server says back is not in the log', async () => {
    start(', authorization: {credentials: sesame}');
    await world.sent(1);
    server.answer = ({ headers }) => ({ status: 403, body: `bad token ${headers.authorization}` });
    await world.pass(30_000);
    expect(await world.logged('Unable to refresh')).toContain('bad token Bearer <secret>');
    expect(world.lines.join('\n')).not.toContain('sesame');
  });

  test('a server that does not answer within the interval is a failure', async () => {
    server.answer = () => new Promise(() => undefined);
    start();
    await world.pass(30_000);
    expect(await world.logged('Unable to refresh')).toContain('no full answer within 30000 ms');
  });

  test('user and password of the URL go as basic authentication and are shown nowhere', async () => {
    const url = `http://bob:se%20same@${server.address}/sd`;
    world.start(`http_sd_configs: [{url: "${url}"}]`);
    await world.sent(1);
    expect(server.requests[0]!.headers.authorization).toBe(
      `Basic ${Buffer.from('bob:se same').toString('base64')}`,
    );
    server.answer = () => ({ status: 401 });
    await world.pass(60_000);
    expect(await world.logged('Unable to refresh')).not.toMatch(/bob|se%20same|se same/);
  });

  test('metrics of durations; those with the set are gone when it ends', async () => {
    start();
    await world.sent(1);
    const names = ['prometheus_sd_refresh_duration_seconds', 'prometheus_sd_refresh_failures_total'];
    for (const name of names) expect(Object.keys(await world.metric(name)).length).toBeGreaterThan(0);
    expect(await world.metric('prometheus_sd_refresh_duration_histogram_seconds')).toMatchObject({
      'le=10,mechanism=http': 1,
    });
    await world.stop();
    for (const name of names) expect(await world.metric(name)).toEqual({});
  });
});

describe('the config of http discovery', () => {
  test.each([
    ['{}', '3:21: key "url" is missing in scrape_configs[0].http_sd_configs[0]'],
    ['{url: ""}', '3:27: scrape_configs[0].http_sd_configs[0].url: URL is missing'],
    ['{url: "ftp://x"}', "URL scheme must be 'http' or 'https'"],
    ['{url: "http:///x"}', 'host is missing in URL'],
    [
      '{url: "http://x", refresh_interval: 0s}',
      '3:57: scrape_configs[0].http_sd_configs[0].refresh_interval',
    ],
    ['{url: "http://x", refresh_interval: soon}', 'not a valid duration string: "soon"'],
    ['{url: "http://x", refresh: 1m}', 'unknown key "refresh" in scrape_configs[0].http_sd_configs[0]'],
    ['{url: "http://x", bearer_token: a, basic_auth: {username: u}}', 'at most one of'],
  ])('%s is refused', (entry, message) => {
    const { issues } = parseDiscovery(`http_sd_configs: [${entry}]`);
    expect(issues.join('\n')).toContain(message);
    expect(issues[0]).toMatch(/^prometheus\.yml:3:\d+: /);
  });

  test('equal entries have equal keys; a secret counts and is not in the key', () => {
    const keyOf = (yaml: string) => parseDiscovery(`http_sd_configs: [${yaml}]`).configs[0]!.key;
    const key = keyOf('{url: "http://x", authorization: {credentials: sesame}}');
    expect(key).toBe(keyOf('{authorization: {credentials: sesame}, url: "http://x", refresh_interval: 60s}'));
    expect(key).not.toBe(keyOf('{url: "http://x", authorization: {credentials: other}}'));
    expect(key).not.toBe(keyOf('{url: "http://x"}'));
    expect(key).not.toContain('sesame');
  });
});
