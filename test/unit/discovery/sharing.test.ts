import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { FakeDns } from '../../../src/core/testing/fake-dns.ts';
import { FakePrograms } from '../../../src/core/testing/fake-programs.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { DiscoveryManager } from '../../../src/discovery/index.ts';
import type { TargetSets } from '../../../src/discovery/index.ts';
import { parseDiscovery } from './provider-world.ts';

/** A manager whose HTTP discovery asks a fake server. */
class World {
  readonly clock = new VirtualClock(Date.UTC(2026, 0, 1));
  readonly registry = createRegistry();
  readonly asked: string[] = [];
  latest: TargetSets = new Map();
  readonly manager: DiscoveryManager;

  constructor() {
    const http = new FakeNetwork();
    http.serve('sd', ({ url, headers }) => {
      this.asked.push(`${new URL(url).pathname} ${headers['Authorization'] ?? ''}`.trim());
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: '[{"targets":["x:1"]}]',
      };
    });
    this.manager = new DiscoveryManager({
      name: 'scrape',
      clock: this.clock,
      files: new MemoryFileSystem(),
      http,
      dns: new FakeDns(),
      programs: new FakePrograms(),
      random: new SeededRandom(1),
      environment: {},
      userAgent: 'tocsin/test',
      logger: silentLogger,
      registry: this.registry,
      onUpdate: (sets) => {
        this.latest = sets;
      },
    });
  }

  /** Applies jobs by name, each with the one discovery that its YAML says, parsed anew as a reload does. */
  async apply(jobs: Record<string, string>): Promise<void> {
    const configs = Object.entries(jobs).map(([job, yaml]) => [job, parseDiscovery(yaml).configs] as const);
    await this.manager.apply(new Map(configs));
    await this.clock.advanceBy(6000);
  }

  addresses(job: string): string[] {
    return (this.latest.get(job) ?? []).flatMap(({ targets }) =>
      targets.map((target) => target.get('__address__')),
    );
  }
}

const entry = (path: string, more = '') => `http_sd_configs: [{url: "http://sd${path}"${more}}]`;

describe('providers of the discovery manager', () => {
  test('jobs whose entries mean the same share one', async () => {
    const world = new World();
    await world.apply({
      a: entry('/x', ', bearer_token: t'),
      b: 'http_sd_configs: [{bearer_token: t, refresh_interval: 1m, url: "http://sd/x"}]',
      c: entry('/x', ', authorization: {type: Bearer, credentials: t}'),
    });
    expect(world.asked).toEqual(['/x Bearer t']);
    for (const job of ['a', 'b', 'c']) expect(world.addresses(job)).toEqual(['x:1']);
    await world.clock.advanceBy(60_000);
    expect(world.asked).toHaveLength(2);
    await world.manager.stop();
  });

  test('jobs with other secrets do not', async () => {
    const world = new World();
    await world.apply({ a: entry('/x', ', bearer_token: s'), b: entry('/x', ', bearer_token: t') });
    expect(world.asked.toSorted()).toEqual(['/x Bearer s', '/x Bearer t']);
    await world.manager.stop();
  });

  test('a reload leaves alone what stays, starts what is new, and ends what is not wanted', async () => {
    const world = new World();
    await world.apply({ a: entry('/x'), b: entry('/y') });
    await world.apply({ a: entry('/x'), c: entry('/x'), d: entry('/z') });
    // 12 seconds since the start, and nothing was asked again.
    expect(world.asked).toEqual(['/x', '/y', '/z']);
    expect(world.addresses('c')).toEqual(['x:1']);
    await world.clock.advanceBy(48_000);
    // The first one still has its own rhythm.
    expect(world.asked).toEqual(['/x', '/y', '/z', '/x']);
    await world.clock.advanceBy(6000);
    expect(world.asked).toEqual(['/x', '/y', '/z', '/x', '/z']);
    await world.manager.stop();
  });

  test('a changed secret is a change', async () => {
    const world = new World();
    await world.apply({ a: entry('/x', ', bearer_token: s') });
    await world.apply({ a: entry('/x', ', bearer_token: t') });
    expect(world.asked).toEqual(['/x Bearer s', '/x Bearer t']);
    await world.manager.stop();
  });

  test('the label of a provider’s metrics is the first job that wanted it', async () => {
    const world = new World();
    await world.apply({ a: entry('/x'), b: entry('/x') });
    const failures = await world.registry.getSingleMetric('prometheus_sd_refresh_failures_total')!.get();
    expect(failures.values).toMatchObject([{ labels: { mechanism: 'http', config: 'a' }, value: 0 }]);
    await world.manager.stop();
  });
});
