import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { FakeDns } from '../../../src/core/testing/fake-dns.ts';
import { FakePrograms } from '../../../src/core/testing/fake-programs.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import {
  DiscoveryManager,
  fileDiscovery,
  makeTargetGroup,
  staticDiscovery,
} from '../../../src/discovery/index.ts';
import type { DiscoveryConfig, TargetSets } from '../../../src/discovery/index.ts';

class World {
  readonly clock = new VirtualClock(1_000_000);
  readonly files = new MemoryFileSystem(() => this.clock.nowMs());
  readonly registry = createRegistry();
  readonly updates: { atMs: number; sets: TargetSets }[] = [];
  readonly manager: DiscoveryManager;

  constructor() {
    this.manager = new DiscoveryManager({
      name: 'scrape',
      clock: this.clock,
      files: this.files,
      http: new FakeNetwork(),
      dns: new FakeDns(),
      programs: new FakePrograms(),
      random: new SeededRandom(1),
      environment: {},
      userAgent: 'tocsin/test',
      logger: silentLogger,
      registry: this.registry,
      onUpdate: (sets) => {
        this.updates.push({ atMs: this.clock.nowMs() - 1_000_000, sets });
      },
    });
  }

  async apply(configs: Record<string, DiscoveryConfig[]>): Promise<void> {
    await this.manager.apply(new Map(Object.entries(configs)));
    await this.clock.settle();
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advanceBy(ms);
  }

  /** Addresses of a set in the newest update. */
  addresses(set: string): string[] {
    return (this.updates.at(-1)?.sets.get(set) ?? [])
      .flatMap((group) => group.targets.map((target) => target.get('__address__')))
      .sort();
  }

  async metric(name: string): Promise<number> {
    return (await this.registry.getSingleMetric(name)?.get())?.values[0]?.value ?? NaN;
  }
}

const file = (...files: string[]) => fileDiscovery({ files, refreshIntervalMs: 300_000 });
const statics = (...addresses: string[]) => staticDiscovery([makeTargetGroup('0', addresses)]);

describe('discovery manager', () => {
  test('tells of static targets once, soon', async () => {
    const world = new World();
    await world.apply({ a: [statics('x:1', 'y:1')], b: [] });
    await world.pass(60_000);
    expect(world.updates).toHaveLength(1);
    expect(world.updates[0]!.atMs).toBeLessThanOrEqual(100);
    expect(world.addresses('a')).toEqual(['x:1', 'y:1']);
    expect(world.updates[0]!.sets.get('b')).toEqual([]);
    await world.manager.stop();
  });

  test('changes that come in bursts are told of every five seconds', async () => {
    const world = new World();
    world.files.put('/sd/a.json', '[]');
    await world.apply({ a: [file('/sd/*.json')] });
    await world.pass(1000);
    for (let i = 0; i < 100; i++) {
      world.files.put('/sd/a.json', `[{"targets":["x:${i}"]}]`);
      await world.pass(200);
    }
    await world.pass(10_000);
    const gaps = world.updates.slice(1).map((update, i) => update.atMs - world.updates[i]!.atMs);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5000);
    expect(world.updates.length).toBeLessThanOrEqual(7);
    expect(world.addresses('a')).toEqual(['x:99']);
    await world.manager.stop();
  });

  test('equal configs share a provider', async () => {
    const world = new World();
    world.files.put('/sd/a.yml', '- targets: [x:1]\n');
    await world.apply({ a: [file('/sd/a.yml')], b: [file('/sd/a.yml'), statics('y:1')] });
    await world.pass(1000);
    expect(world.addresses('a')).toEqual(['x:1']);
    expect(world.addresses('b')).toEqual(['x:1', 'y:1']);
    expect(await world.metric('prometheus_sd_received_updates_total')).toBe(2);
    await world.manager.stop();
  });

  test('a reload keeps what runs, ends what is not needed, serves new sets from what is known', async () => {
    const world = new World();
    world.files.put('/sd/a.yml', '- targets: [x:1]\n');
    await world.apply({ a: [file('/sd/a.yml')], old: [statics('z:1')] });
    await world.pass(1000);
    await world.apply({ b: [file('/sd/a.yml')] });
    await world.pass(1000);
    expect(world.updates.at(-1)!.sets.has('a')).toBe(false);
    expect(world.updates.at(-1)!.sets.has('old')).toBe(false);
    expect(world.addresses('b')).toEqual(['x:1']);
    expect(await world.metric('prometheus_sd_received_updates_total')).toBe(2);
    await world.manager.stop();
  });

  test('a provider that breaks keeps its targets and is started again', async () => {
    const world = new World();
    let runs = 0;
    const broken: DiscoveryConfig = {
      kind: 'broken',
      key: 'broken',
      createProvider: () => ({
        run: async (send) => {
          if (++runs === 1) send([makeTargetGroup('0', ['x:1'])]);
          throw new Error('out of order');
        },
      }),
    };
    await world.apply({ a: [broken] });
    await world.pass(61_000);
    expect(runs).toBe(2);
    expect(world.addresses('a')).toEqual(['x:1']);
    await world.manager.stop();
  });
});

describe('file discovery', () => {
  test('reads JSON and YAML, adds the path, takes labels', async () => {
    const world = new World();
    world.files.put('/sd/a.json', '[{"targets":["x:1"],"labels":{"env":"prod"}}]');
    world.files.put(
      '/sd/b.yaml',
      '- targets: [y:1, 2]\n  labels: {port: 8080, flag: yes}\n- targets: [z:1]\n',
    );
    world.files.put('/sd/c.txt', 'no');
    await world.apply({ a: [file('/sd/*.json', '/sd/b.yaml')] });
    await world.pass(1000);
    const groups = world.updates.at(-1)!.sets.get('a')!;
    expect(groups.map((group) => [group.source, group.labels.toObject()])).toEqual([
      ['/sd/a.json:0', { __meta_filepath: '/sd/a.json', env: 'prod' }],
      ['/sd/b.yaml:0', { __meta_filepath: '/sd/b.yaml', flag: 'yes', port: '8080' }],
      ['/sd/b.yaml:1', { __meta_filepath: '/sd/b.yaml' }],
    ]);
    expect(world.addresses('a')).toEqual(['2', 'x:1', 'y:1', 'z:1']);
    await world.manager.stop();
  });

  test.each([
    ['broken JSON', '/sd/a.json', '[{"targets":["x:2"'],
    ['an unknown key', '/sd/a.json', '[{"targets":["x:2"],"lables":{}}]'],
    ['no list', '/sd/a.json', '{}'],
    ['an empty entry', '/sd/a.json', '[null, {"targets":["x:2"]}]'],
    ['not UTF-8', '/sd/a.json', Buffer.from([0xff, 0xfe])],
  ])('%s keeps the last good targets', async (_, path, content) => {
    const world = new World();
    world.files.put(path, '[{"targets":["x:1"]}]');
    await world.apply({ a: [file('/sd/a.json')] });
    await world.pass(1000);
    world.files.put(path, content);
    await world.pass(10_000);
    expect(world.addresses('a')).toEqual(['x:1']);
    expect(await world.metric('prometheus_sd_file_read_errors_total')).toBeGreaterThan(0);
    world.files.put(path, '[{"targets":["x:3"]}]');
    await world.pass(10_000);
    expect(world.addresses('a')).toEqual(['x:3']);
    await world.manager.stop();
  });

  test('a file that is gone, or has fewer groups, loses them', async () => {
    const world = new World();
    world.files.put('/sd/a.json', '[{"targets":["x:1"]},{"targets":["x:2"]}]');
    world.files.put('/sd/b.json', '[{"targets":["y:1"]}]');
    await world.apply({ a: [file('/sd/*.json')] });
    await world.pass(1000);
    expect(world.addresses('a')).toEqual(['x:1', 'x:2', 'y:1']);
    world.files.put('/sd/a.json', '[{"targets":["x:1"]}]');
    await world.pass(10_000);
    expect(world.addresses('a')).toEqual(['x:1', 'y:1']);
    await world.files.remove('/sd/b.json');
    await world.pass(10_000);
    expect(world.addresses('a')).toEqual(['x:1']);
    await world.manager.stop();
  });

  test('a folder that cannot be listed keeps everything', async () => {
    const world = new World();
    world.files.put('/sd/a.json', '[{"targets":["x:1"]}]');
    await world.apply({ a: [file('/sd/*.json')] });
    await world.pass(1000);
    world.files.fault = () => ({ code: 'EIO' });
    await world.pass(600_000);
    expect(world.addresses('a')).toEqual(['x:1']);
    await world.manager.stop();
  });

  test('without a watch the interval finds changes', async () => {
    const world = new World();
    world.files.watch = () => ({ close: () => undefined });
    await world.apply({ a: [file('/later/*.yml')] });
    await world.pass(1000);
    expect(world.addresses('a')).toEqual([]);
    world.files.put('/later/a.yml', '- targets: [x:1]\n');
    await world.pass(310_000);
    expect(world.addresses('a')).toEqual(['x:1']);
    await world.manager.stop();
  });
});
