import { describe, expect, test } from 'vitest';
import { ScrapeWorld, START_MS, oneJob } from './scrape-world.ts';

describe('scraping', () => {
  test('stores what a target says, under its labels, and the series about the scrape', async () => {
    const world = new ScrapeWorld();
    world.serve('a:9000', () => 'requests_total{code="200"} 3\n');
    await world.apply(oneJob());
    await world.pass(11);
    const dump = world.storage.dump();
    expect(Object.keys(dump).sort()).toEqual([
      'requests_total{code="200", instance="a:9000", job="model"}',
      'scrape_duration_seconds{instance="a:9000", job="model"}',
      'scrape_samples_post_metric_relabeling{instance="a:9000", job="model"}',
      'scrape_samples_scraped{instance="a:9000", job="model"}',
      'scrape_series_added{instance="a:9000", job="model"}',
      'up{instance="a:9000", job="model"}',
    ]);
    expect(world.storage.values('requests_total')).toEqual([3]);
    expect(world.storage.values('up')).toEqual([1]);
    expect(world.target).toMatchObject({
      health: 'up',
      lastError: '',
      scrapeUrl: 'http://a:9000/metrics',
      scrapePool: 'model',
      scrapeIntervalMs: 10_000,
      scrapeTimeoutMs: 10_000,
    });
    await world.manager.stop();
  });

  test("asks with Prometheus' headers", async () => {
    const world = new ScrapeWorld();
    const seen: Record<string, string>[] = [];
    world.network.serve('a:9000', (request) => {
      seen.push({ url: request.url, ...request.headers });
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: 'a 1\n' };
    });
    await world.apply(
      oneJob(`    scrape_timeout: 2500ms
    metrics_path: /m
    params: { module: [x y, z], other: [1] }
    bearer_token: secret
`),
    );
    await world.pass(10.2);
    expect(seen).toEqual([
      {
        url: 'http://a:9000/m?module=x+y&module=z&other=1',
        Accept:
          'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
        'Accept-Encoding': 'gzip',
        Authorization: 'Bearer secret',
        'User-Agent': 'tocsin/test',
        'X-Prometheus-Scrape-Timeout-Seconds': '2.5',
      },
    ]);
    await world.manager.stop();
  });

  test('a steady target costs no look-up of series after the first scrape', async () => {
    const world = new ScrapeWorld();
    let value = 0;
    world.serve(
      'a:9000',
      () => `# TYPE x counter\nx{a="1"} ${value++}\nx{a="2"} ${value++}\n# HELP y Yes.\ny 1\n`,
    );
    await world.apply(oneJob());
    await world.pass(11);
    const { lookups } = world.storage;
    await world.pass(50);
    expect(world.storage.lookups).toBe(lookups);
    expect(world.storage.values('y')).toEqual([1, 1, 1, 1, 1, 1]);
    expect(world.manager.metadata().get('x')).toEqual([{ family: 'x', type: 'counter', help: '', unit: '' }]);
    expect(world.manager.metadata().get('y')).toEqual([
      { family: 'y', type: 'unknown', help: 'Yes.', unit: '' },
    ]);
    expect(world.storage.values('scrape_series_added')).toEqual([3, 0, 0, 0, 0, 0]);
    await world.manager.stop();
  });

  test('scrapes at times of one grid, which lies in the interval by the target', async () => {
    const world = new ScrapeWorld();
    for (const host of ['a:9000', 'b:9000', 'c:9000']) world.serve(host, () => 'x 1\n');
    await world.apply(`
scrape_configs:
  - job_name: model
    scrape_interval: 10s
    static_configs: [{ targets: ['a:9000', 'b:9000', 'c:9000', 'a:9000'] }]
`);
    await world.pass(60);
    const times = Object.values(world.storage.dump('x')).map((samples) =>
      samples.map((sample) => sample.tMs - START_MS),
    );
    expect(times).toHaveLength(3);
    const offsets = new Set(times.map((list) => list[0]! % 10_000));
    expect(offsets.size).toBe(3);
    for (const list of times) {
      expect(list.length).toBeGreaterThanOrEqual(5);
      for (let i = 1; i < list.length; i++) expect(list[i]! - list[i - 1]!).toBe(10_000);
    }
    await world.manager.stop();
  });
});
