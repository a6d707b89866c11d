import { describe, expect, test } from 'vitest';
import { ScrapeWorld, oneJob } from './scrape-world.ts';

describe('reload', () => {
  test('a job that did not change is not touched', async () => {
    const world = new ScrapeWorld();
    const times: number[] = [];
    world.serve('a:9000', () => {
      times.push(world.clock.nowMs());
      return 'a 1\n';
    });
    await world.apply(oneJob());
    await world.pass(25);
    await world.apply(oneJob());
    await world.pass(25);
    for (let i = 1; i < times.length; i++) expect(times[i]! - times[i - 1]!).toBe(10_000);
    expect(await world.metric('prometheus_target_scrape_pool_reloads_total')).toBe(0);
    await world.manager.stop();
  });

  test.each([
    ['another interval', oneJob('', '5s')],
    ['another timeout', oneJob('    scrape_timeout: 1s\n')],
    ['another limit', oneJob('    sample_limit: 100\n')],
    ['other credentials', oneJob('    bearer_token: x\n')],
  ])('%s: series go on, what is known of them stays', async (_, yaml) => {
    const world = new ScrapeWorld();
    world.serve('a:9000', () => 'a 1\n');
    await world.apply(oneJob());
    await world.pass(20);
    await world.apply(yaml);
    await world.pass(60);
    expect(world.storage.values('a')).not.toContain('stale');
    expect(world.storage.values('up')).not.toContain('stale');
    expect(world.storage.values('scrape_series_added').filter((added) => added === 1)).toHaveLength(1);
    expect(await world.metric('prometheus_target_scrape_pool_reloads_total')).toBe(1);
    await world.manager.stop();
  });

  test('rotated secrets are seen', async () => {
    const world = new ScrapeWorld();
    const seen = new Set<string | undefined>();
    world.network.serve('a:9000', (request) => {
      seen.add(request.headers['Authorization']);
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: '' };
    });
    await world.apply(oneJob('    bearer_token: one\n'));
    await world.pass(11);
    await world.apply(oneJob('    bearer_token: two\n'));
    await world.pass(11);
    expect([...seen]).toEqual(['Bearer one', 'Bearer two']);
    await world.manager.stop();
  });

  test('new metric relabelling ends what it drops', async () => {
    const world = new ScrapeWorld();
    world.serve('a:9000', () => 'a 1\nb 1\n');
    await world.apply(oneJob());
    await world.pass(20);
    await world.apply(
      oneJob('    metric_relabel_configs: [{ source_labels: [__name__], regex: b, action: drop }]\n'),
    );
    await world.pass(60);
    expect(world.storage.values('a')).not.toContain('stale');
    expect(world.storage.values('b').at(-1)).toBe('stale');
    await world.manager.stop();
  });

  test('dropped targets are shown, up to what is kept', async () => {
    const world = new ScrapeWorld();
    await world.apply(`
global: { keep_dropped_targets: 2 }
scrape_configs:
  - job_name: model
    scrape_interval: 10s
    static_configs: [{ targets: ['a:1', 'b:1', 'c:1', 'd:1'], labels: { env: x } }]
    relabel_configs: [{ source_labels: [__address__], regex: 'd.*', action: keep }]
`);
    await world.pass(1);
    const view = world.manager.targets();
    expect(view.active.map((target) => target.scrapeUrl)).toEqual(['http://d:1/metrics']);
    expect(view.dropped).toHaveLength(2);
    expect(view.dropped[0]!.discoveredLabels.toObject()).toEqual({
      __address__: 'a:1',
      __always_scrape_classic_histograms__: 'false',
      __convert_classic_histograms_to_nhcb__: 'false',
      __metrics_path__: '/metrics',
      __scheme__: 'http',
      __scrape_interval__: '10s',
      __scrape_native_histograms__: 'false',
      __scrape_timeout__: '10s',
      env: 'x',
      job: 'model',
    });
    expect(view.droppedCounts).toEqual({ model: 3 });
    await world.manager.stop();
  });

  test('relabelling decides address, scheme, path, parameters and timing', async () => {
    const world = new ScrapeWorld();
    await world.apply(`
scrape_configs:
  - job_name: probe
    scrape_interval: 30s
    params: { module: [http], extra: [1, 2] }
    static_configs: [{ targets: ['https://example.com/x'], labels: { __scrape_interval__: 20s } }]
    relabel_configs:
      - { source_labels: [__address__], target_label: __param_target }
      - { source_labels: [__param_target], target_label: instance }
      - { target_label: __address__, replacement: 'blackbox:9115' }
      - { target_label: __scheme__, replacement: https }
      - { target_label: __metrics_path__, replacement: /probe }
      - { target_label: __scrape_timeout__, replacement: 5s }
      - { target_label: __param_module, replacement: tcp }
`);
    await world.pass(1);
    expect(world.target).toMatchObject({
      scrapeUrl:
        'https://blackbox:9115/probe?extra=1&extra=2&module=tcp&target=https%3A%2F%2Fexample.com%2Fx',
      scrapeIntervalMs: 20_000,
      scrapeTimeoutMs: 5000,
    });
    expect(world.target.labels.toObject()).toEqual({ instance: 'https://example.com/x', job: 'probe' });
    await world.manager.stop();
  });

  test.each([
    ['__address__', '', 'no address'],
    ['__address__', 'http://x/', '\\"http://x/\\" is not a valid hostname'],
    ['__scrape_interval__', 'x', 'error parsing scrape interval'],
    ['__scrape_interval__', '0s', 'scrape interval cannot be 0'],
    ['__scrape_timeout__', '0s', 'scrape timeout cannot be 0'],
    ['__scrape_timeout__', '1h', 'scrape timeout cannot be greater than scrape interval'],
    ['__scrape_native_histograms__', 'maybe', 'neither true nor false'],
  ])('a target with %s = %j is not made, and that is said', async (label, value, reason) => {
    const world = new ScrapeWorld();
    await world.apply(
      oneJob(`    relabel_configs: [{ target_label: ${label}, replacement: ${JSON.stringify(value)} }]\n`),
    );
    await world.pass(1);
    expect(world.manager.targets().active).toEqual([]);
    expect(world.logLines.join('\n')).toContain('Creating target failed');
    expect(world.logLines.join('\n')).toContain(reason);
    await world.manager.stop();
  });
});
