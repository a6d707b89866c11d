import { describe, expect, test } from 'vitest';
import { createRegistry } from '../../../src/core/metrics.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import { DiscoveryMetrics } from '../../../src/discovery/metrics.ts';
import { RefreshProvider } from '../../../src/discovery/refresh-provider.ts';
import type { RefreshOptions } from '../../../src/discovery/refresh-provider.ts';
import { makeTargetGroup } from '../../../src/discovery/index.ts';
import type { DiscoveryConfig } from '../../../src/discovery/index.ts';
import { ProviderWorld } from './provider-world.ts';

const INTERVAL_MS = 10_000;

function refreshing(options: Partial<RefreshOptions> & Pick<RefreshOptions, 'refresh'>): DiscoveryConfig {
  return {
    kind: 'test',
    key: 'test',
    createProvider: (context) =>
      new RefreshProvider({ mechanism: 'test', intervalMs: INTERVAL_MS, ...options }, context),
  };
}

/** A world, and when it was refreshed, in milliseconds since the start. */
function world(): { world: ProviderWorld; times: number[]; note: () => void } {
  const made = new ProviderWorld({ http: new FakeNetwork() });
  const startMs = made.clock.nowMs();
  const times: number[] = [];
  return { world: made, times, note: () => void times.push(made.clock.nowMs() - startMs) };
}

describe('a provider that refreshes', () => {
  test('looks at once, then every interval', async () => {
    const { world: w, times, note } = world();
    w.run(refreshing({ refresh: async () => (note(), [makeTargetGroup('s', ['x:1'])]) }));
    await w.pass(35_000);
    expect(times).toEqual([0, 10_000, 20_000, 30_000]);
    await w.stop();
  });

  test('a look that takes longer is followed by the next at once, which does not pile up', async () => {
    const { world: w, times, note } = world();
    let tookMs = 0;
    w.run(
      refreshing({
        async refresh(signal) {
          note();
          if (tookMs > 0) await w.clock.sleep(tookMs, signal);
          return [];
        },
      }),
    );
    await w.pass(5000);
    tookMs = 25_000;
    await w.pass(5000);
    tookMs = 0;
    await w.pass(60_000);
    expect(times).toEqual([0, 10_000, 35_000, 45_000, 55_000, 65_000]);
    await w.stop();
  });

  test('a failure of the first look sends nothing, and the next one counts', async () => {
    const { world: w } = world();
    let fails = true;
    const refresh = async () => {
      if (fails) throw new Error('out of order');
      return [makeTargetGroup('s', ['x:1'])];
    };
    w.run(refreshing({ refresh }));
    await w.pass(0);
    expect(w.updates).toEqual([]);
    expect(w.lines).toEqual(['error Unable to refresh target groups {"err":"out of order"}']);
    expect(await w.metric('prometheus_sd_refresh_failures_total')).toEqual({ 'mechanism=test,config=j': 1 });
    fails = false;
    await w.pass(INTERVAL_MS);
    expect(w.addresses()).toEqual(['x:1']);
    await w.stop();
  });

  test('what is not listed any more is gone, unless the kind keeps it', async () => {
    for (const keepsMissing of [false, true]) {
      const { world: w } = world();
      let sources = ['a', 'b'];
      const refresh = async () => sources.map((source) => makeTargetGroup(source, [`${source}:1`]));
      w.run(refreshing({ keepsMissing, refresh }));
      await w.pass(0);
      sources = ['b', 'c'];
      await w.pass(INTERVAL_MS);
      expect(w.addresses()).toEqual(keepsMissing ? ['a:1', 'b:1', 'c:1'] : ['b:1', 'c:1']);
      await w.stop();
    }
  });

  test('the end comes in the middle of a look without a line in the log', async () => {
    const { world: w } = world();
    const refresh = async (signal: AbortSignal) => {
      await w.clock.sleep(1000, signal);
      return [makeTargetGroup('s', ['x:1'])];
    };
    w.run(refreshing({ refresh }));
    await w.pass(500);
    await w.stop();
    await w.pass(INTERVAL_MS);
    expect(w.updates).toEqual([]);
    expect(w.lines).toEqual([]);
  });

  test('two with the same labels share their metrics until both have ended', async () => {
    const registry = createRegistry();
    const metrics = DiscoveryMetrics.in(registry);
    const first = metrics.refreshOf('test', 'j');
    const second = metrics.refreshOf('test', 'j');
    const shown = async () => (await metrics.refreshFailures.get()).values.map(({ value }) => value);
    expect(await shown()).toEqual([0]);
    first.release();
    expect(await shown()).toEqual([0]);
    second.release();
    expect(await shown()).toEqual([]);
  });
});
