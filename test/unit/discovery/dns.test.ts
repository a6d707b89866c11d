import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeDnsClient } from '../../../src/core/system/node-dns-client.ts';
import { namesToTry, parseResolverConfig } from '../../../src/discovery/dns/resolver-config.ts';
import { FakeDns } from '../../../src/core/testing/fake-dns.ts';
import { DnsServer } from '../../support/dns-server.ts';
import type { ServedAnswer } from '../../support/dns-server.ts';
import { ProviderWorld, parseDiscovery } from './provider-world.ts';

/** A resolver that really asks, one server whatever the config says. */
class OneServer extends NodeDnsClient {
  readonly #address: string;

  constructor(address: string) {
    super();
    this.#address = address;
  }

  override systemServers(): readonly string[] {
    return [this.#address];
  }
}

let server: DnsServer;
let world: ProviderWorld;
let zone: Record<string, ServedAnswer>;

beforeEach(async () => {
  zone = {};
  server = await DnsServer.start();
  server.answer = (name, type) => zone[`${name} ${type}`] ?? { code: 3 };
  world = new ProviderWorld({ dns: new OneServer(server.address) });
});

afterEach(async () => {
  await world.stop();
  await server.stop();
});

const start = (entry: string) => world.start(`dns_sd_configs: [${entry}]`);

describe('dns discovery, with a real server', () => {
  test('SRV records', async () => {
    zone['_http._tcp.example.org SRV'] = {
      records: [
        { type: 'SRV', name: 'a.example.org', port: 8000 },
        { type: 'SRV', name: 'b.example.org', port: 8001 },
      ],
    };
    start('{names: [_http._tcp.example.org]}');
    await world.sent(1);
    expect(world.targets()).toEqual([
      {
        __address__: 'a.example.org:8000',
        __meta_dns_name: '_http._tcp.example.org',
        __meta_dns_srv_record_target: 'a.example.org.',
        __meta_dns_srv_record_port: '8000',
      },
      {
        __address__: 'b.example.org:8001',
        __meta_dns_name: '_http._tcp.example.org',
        __meta_dns_srv_record_target: 'b.example.org.',
        __meta_dns_srv_record_port: '8001',
      },
    ]);
    expect([...world.groups.keys()]).toEqual(['_http._tcp.example.org']);
  });

  test('addresses, behind a CNAME too', async () => {
    zone['m.example.org A'] = {
      records: [
        { type: 'CNAME', name: 'm.example.org' },
        { type: 'A', address: '192.0.2.7' },
      ],
    };
    start('{names: [m.example.org], type: a, port: 9100}');
    await world.sent(1);
    expect(world.targets()).toEqual([{ __address__: '192.0.2.7:9100', __meta_dns_name: 'm.example.org' }]);
  });

  test('IPv6 addresses are in brackets', async () => {
    zone['m.example.org AAAA'] = { records: [{ type: 'AAAA', address: '2001:db8:0:0:0:0:0:1' }] };
    start('{names: [m.example.org], type: AAAA, port: 9100}');
    await world.sent(1);
    expect(world.addresses()).toEqual(['[2001:db8::1]:9100']);
  });

  test.each([
    ['MX', '__meta_dns_mx_record_target'],
    ['NS', '__meta_dns_ns_record_target'],
  ] as const)('%s records', async (type, label) => {
    zone[`example.org ${type}`] = { records: [{ type, name: 'one.example.org' }] };
    start(`{names: [example.org], type: ${type}, port: 25}`);
    await world.sent(1);
    expect(world.targets()).toEqual([
      { __address__: 'one.example.org:25', __meta_dns_name: 'example.org', [label]: 'one.example.org.' },
    ]);
  });

  test('an answer that is cut short over UDP is asked for over TCP', async () => {
    zone['m.example.org A'] = { records: [{ type: 'A', address: '192.0.2.7' }], truncateUdp: true };
    start('{names: [m.example.org], type: A, port: 1}');
    await world.sent(1);
    expect(world.addresses()).toEqual(['192.0.2.7:1']);
    expect(server.questions.at(-1)).toBe('m.example.org A tcp');
  });

  test('a change; a name that is gone; one without records', async () => {
    zone['a.org A'] = { records: [{ type: 'A', address: '192.0.2.1' }] };
    zone['b.org A'] = { records: [{ type: 'A', address: '192.0.2.2' }] };
    start('{names: [a.org, b.org], type: A, port: 1, refresh_interval: 10s}');
    await world.sent(1);
    expect(world.addresses()).toEqual(['192.0.2.1:1', '192.0.2.2:1']);
    zone['a.org A'] = { records: [{ type: 'A', address: '192.0.2.3' }] };
    delete zone['b.org A'];
    await world.pass(10_000);
    await world.sent(2);
    expect(world.addresses()).toEqual(['192.0.2.3:1']);
    zone['a.org A'] = { records: [] };
    await world.pass(10_000);
    await world.sent(3);
    expect(world.addresses()).toEqual([]);
  });

  test('one name that fails keeps its targets and does not disturb the others', async () => {
    zone['a.org A'] = { records: [{ type: 'A', address: '192.0.2.1' }] };
    zone['b.org A'] = { records: [{ type: 'A', address: '192.0.2.2' }] };
    start('{names: [a.org, b.org], type: A, port: 1, refresh_interval: 10s}');
    await world.sent(1);
    zone['a.org A'] = { code: 2 };
    zone['b.org A'] = { records: [{ type: 'A', address: '192.0.2.9' }] };
    await world.pass(10_000);
    await world.sent(2);
    expect(world.addresses()).toEqual(['192.0.2.1:1', '192.0.2.9:1']);
    expect(await world.logged('Error refreshing DNS targets')).toContain('could not resolve \\"a.org\\"');
    expect(await world.logged('DNS resolution failed')).toContain('SERVFAIL');
    expect(await world.metric('prometheus_sd_dns_lookups_total')).toEqual({ '': 4 });
    expect(await world.metric('prometheus_sd_dns_lookup_failures_total')).toEqual({ '': 1 });
  });

  test('a stop ends a question that nobody answers', async () => {
    zone['a.org A'] = 'silence';
    start('{names: [a.org], type: A, port: 1}');
    await world.clock.settle();
    await world.stop();
    expect(world.lines).toEqual([]);
  });
});

describe('where names are looked up', () => {
  const A = { known: true, records: [{ value: '192.0.2.1' }] } as const;

  async function asked(
    resolvConf: string,
    name: string,
    answer: FakeDns['answer'],
  ): Promise<{ questions: string[]; addresses: string[]; lines: string[] }> {
    const dns = new FakeDns();
    dns.answer = answer;
    const local = new ProviderWorld({ dns });
    local.files.put('/etc/resolv.conf', resolvConf);
    local.start(`dns_sd_configs: [{names: [${name}], type: A, port: 1}]`);
    await local.clock.settle();
    await local.stop();
    return { questions: dns.questions, addresses: local.addresses(), lines: local.lines };
  }

  test('the second server is asked when the first fails', async () => {
    const { questions, addresses } = await asked(
      'nameserver 10.0.0.1\nnameserver 10.0.0.2\n',
      'a.org',
      (server) => (server === '10.0.0.2' ? A : undefined),
    );
    expect(questions).toEqual(['10.0.0.1 a.org. A', '10.0.0.2 a.org. A']);
    expect(addresses).toEqual(['192.0.2.1:1']);
  });

  test('a short name is tried in the search domains first, up to the first that knows it', async () => {
    const { questions } = await asked(
      '# c\nnameserver ::1\nsearch one.org two.org. three.org\n',
      'a',
      (_, name) => (name === 'a.two.org.' ? A : { known: false }),
    );
    expect(questions).toEqual(['::1 a.one.org. A', '::1 a.two.org. A']);
  });

  test('nobody knows it: no targets; somebody could not be asked: a failure', async () => {
    const unknown = await asked('nameserver ::1\nsearch x.org\n', 'a.b', () => ({ known: false }));
    expect(unknown.questions).toEqual(['::1 a.b. A', '::1 a.b.x.org. A']);
    expect(unknown.lines).toEqual([]);
    const unsure = await asked('nameserver ::1\nsearch x.org\n', 'a.b', (_, name) =>
      name === 'a.b.' ? undefined : { known: false },
    );
    expect(unsure.lines.join('\n')).toContain('Error refreshing DNS targets');
  });

  test.each([
    ['options ndots:3\nsearch x', 'a.b.c', ['a.b.c.x.', 'a.b.c.']],
    ['options rotate ndots:2 timeout:1\nsearch x', 'a.b.c', ['a.b.c.', 'a.b.c.x.']],
    ['search x', 'a.', ['a.']],
    ['search .', 'a', ['a.', 'a.']],
    ['search x\ndomain y z', 'a', ['a.y.', 'a.']],
    ['', 'a', ['a.']],
  ])('%j, %s', (text, name, names) => {
    expect(namesToTry(name, parseResolverConfig(text))).toEqual(names);
  });

  test('servers are addresses', () => {
    const { servers } = parseResolverConfig(
      'nameserver 1.2.3.4\n;nameserver 5.6.7.8\nnameserver host\n\tnameserver fe80::1\n',
    );
    expect(servers).toEqual(['1.2.3.4', 'fe80::1']);
  });
});

test.each([
  ['{}', 'key "names" is missing'],
  ['{names: []}', 'must contain at least one SRV record name'],
  ['{names: [a], type: TXT}', 'invalid DNS-SD records type TXT'],
  ['{names: [a], type: A}', 'a port is required in DNS-SD configs for all record types except SRV'],
  ['{names: [a], port: x}', 'must be a number, not "x"'],
  ['{names: [a], refresh_interval: 0s}', 'must be greater than 0'],
  ['{names: [a], name: b}', 'unknown key "name"'],
])('%s is refused', (entry, message) => {
  const { issues } = parseDiscovery(`dns_sd_configs: [${entry}]`);
  expect(issues.join('\n')).toContain(message);
  expect(issues[0]).toMatch(/^prometheus\.yml:3:\d+: /);
});
