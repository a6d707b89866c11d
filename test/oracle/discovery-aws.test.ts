import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, stopProcess, waitFor, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { getData, TocsinProcess } from '../support/tocsin.ts';
import { AwsServer } from '../unit/discovery/aws/aws-server.ts';

/**
 * The same cloud, asked by Debian's Prometheus 2.42 and by the built tocsin with the same configuration:
 * both find the same targets with the same labels, at the start and after changes.
 Of the other kinds, Debian's build has none that could be asked here.
 */

const INSTANCE = (
  id: string,
  more: string,
): string => `<item><instanceId>${id}</instanceId><imageId>ami-1</imageId>
<instanceState><code>16</code><name>running</name></instanceState><privateDnsName>${id}.internal</privateDnsName>
<dnsName>${id}.example</dnsName><instanceType>p5</instanceType><architecture>x86_64</architecture>
<placement><availabilityZone>eu-west-2a</availabilityZone></placement>${more}</item>`;
const NETWORK = `<vpcId>vpc-1</vpcId><subnetId>subnet-1</subnetId><networkInterfaceSet>
<item><subnetId>subnet-1</subnetId><attachment><deviceIndex>0</deviceIndex></attachment>
<ipv6AddressesSet><item><ipv6Address>fd00::1</ipv6Address><isPrimaryIpv6>false</isPrimaryIpv6></item></ipv6AddressesSet></item>
<item><subnetId>subnet-2</subnetId><attachment><deviceIndex>1</deviceIndex></attachment></item></networkInterfaceSet>`;
const LIGHTSAIL = {
  name: 'gpu',
  supportCode: '1/i-1',
  blueprintId: 'ubuntu',
  bundleId: 'large',
  privateIpAddress: '10.0.9.9',
  publicIpAddress: '203.0.113.9',
  ipv6Addresses: ['fd00::1', 'fd00::2'],
  location: { availabilityZone: 'eu-west-2a', regionName: 'eu-west-2' },
  state: { code: 16, name: 'running' },
  tags: [{ key: 'cost-center', value: '7' }],
};
const INSTANCES = [
  INSTANCE(
    'i-1',
    `<privateIpAddress>10.0.0.1</privateIpAddress><ipAddress>203.0.113.1</ipAddress><platform>windows</platform>
<instanceLifecycle>spot</instanceLifecycle>${NETWORK}<tagSet><item><key>k8s.io/role</key><value>a &amp; b</value></item></tagSet>`,
  ),
  INSTANCE('i-2', '<privateIpAddress>10.0.0.2</privateIpAddress>'),
];

/** Labels that come from discovery and that this version of Prometheus has already. */
const COMPARED = /^__(?:address__|meta_(?:lightsail_|ec2_(?!default_ipv6|primary_ipv6)))/;

interface Targets {
  readonly droppedTargets: readonly { readonly discoveredLabels: Readonly<Record<string, string>> }[];
}

describe.skipIf(!hasProgram('prometheus'))('discovery as Prometheus 2.42 does it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-oracle-discovery-'));
  const aws = new AwsServer();
  const instances = [...INSTANCES];
  let theirs = '';
  let ours = '';
  let prometheus: ChildProcess | undefined;
  let tocsin: TocsinProcess | undefined;

  beforeAll(async () => {
    await aws.start();
    aws.answers['DescribeAvailabilityZones'] = () =>
      '<R><availabilityZoneInfo><item><zoneName>eu-west-2a</zoneName><zoneId>euw2-az2</zoneId></item></availabilityZoneInfo></R>';
    aws.answers['DescribeInstances'] = ({ parameters }) => {
      const page = Number(parameters['NextToken'] ?? 0);
      const next = page === 0 ? '<nextToken>1</nextToken>' : '';
      return `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item><ownerId>123</ownerId>
<instancesSet>${instances[page]!}</instancesSet></item></reservationSet>${next}</DescribeInstancesResponse>`;
    };
    aws.answers['Lightsail_20161128.GetInstances'] = () => ({ body: { instances: [LIGHTSAIL] } });
    const port = await freePort();
    theirs = `http://127.0.0.1:${port}`;
    const config = join(folder, 'prometheus.yml');
    writeFileSync(config, configText());
    for (const name of ['theirs', 'ours']) mkdirSync(join(folder, name));
    const environment = { ...process.env, AWS_EC2_METADATA_DISABLED: 'true' };
    prometheus = spawn(
      'prometheus',
      [
        `--config.file=${config}`,
        `--web.listen-address=127.0.0.1:${port}`,
        `--storage.tsdb.path=${join(folder, 'theirs')}`,
      ],
      { env: environment, stdio: 'ignore' },
    );
    tocsin = new TocsinProcess(
      [
        'serve',
        `--config.file=${config}`,
        '--web.listen-address=127.0.0.1:0',
        `--storage.tsdb.path=${join(folder, 'ours')}`,
      ],
      { folder, environment: { AWS_EC2_METADATA_DISABLED: 'true' } },
    );
    await waitForReady(`${theirs}/-/ready`, prometheus);
    ours = await tocsin.ready();
  }, 60_000);

  afterAll(async () => {
    await tocsin?.stop();
    if (prometheus !== undefined) await stopProcess(prometheus);
    await aws.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Targets are dropped, so that nobody asks them anything; their labels are shown all the same. */
  function configText(): string {
    const drop = 'relabel_configs: [{ action: drop, regex: .*, source_labels: [__address__] }]';
    const common = `endpoint: '${aws.url}', region: eu-west-2, access_key: AKID, secret_key: SECRET, refresh_interval: 1s, port: 9100`;
    const filters = "filters: [{ name: 'tag:a', values: [b, c] }]";
    return `scrape_configs:
- { job_name: ec2, ${drop}, ec2_sd_configs: [{ ${common}, ${filters} }] }
- { job_name: lightsail, ${drop}, lightsail_sd_configs: [{ ${common} }] }
`;
  }

  async function found(url: string): Promise<string[]> {
    const { droppedTargets } = await getData<Targets>(`${url}/api/v1/targets`);
    return droppedTargets
      .map(({ discoveredLabels }) => {
        const kept = Object.entries(discoveredLabels)
          .filter(([name, value]) => value !== '' && COMPARED.test(name))
          .sort(([a], [b]) => (a < b ? -1 : 1));
        return JSON.stringify(Object.fromEntries(kept));
      })
      .sort();
  }

  test(
    'finds the same instances with the same labels, at the start and after changes',
    { timeout: 60_000 },
    async () => {
      const both = async (address: string): Promise<string[]> => {
        for (const url of [theirs, ours]) {
          await waitFor(`${address} at ${url}`, 30_000, async () =>
            (await found(url)).some((labels) => labels.includes(address)) ? true : undefined,
          );
        }
        return found(theirs);
      };
      await both('10.0.9.9:9100');
      const before = await both('10.0.0.2:9100');
      expect(before).toHaveLength(3);
      expect(await found(ours)).toEqual(before);
      instances[1] = INSTANCE('i-3', '<privateIpAddress>10.0.0.3</privateIpAddress>');
      const after = await both('10.0.0.3:9100');
      expect(after).toHaveLength(3);
      expect(await found(ours)).toEqual(after);
      // Each was signed; the server answers no other.
      expect(new Set(aws.calls.map(({ accessKey }) => accessKey))).toEqual(new Set(['AKID']));
    },
  );
});
