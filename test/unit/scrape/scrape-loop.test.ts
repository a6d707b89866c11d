import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ScrapeWorld, START_MS, oneJob } from './scrape-world.ts';

/** A world with one target whose body the test sets. */
async function worldOf(
  extra = '',
  contentType?: string,
): Promise<{ world: ScrapeWorld; body: { text: string } }> {
  const world = new ScrapeWorld();
  const body = { text: '' };
  world.serve('a:9000', () => body.text, contentType);
  await world.apply(oneJob(extra));
  return { world, body };
}

/** Runs one scrape with each body. */
async function scrapeAll(
  world: ScrapeWorld,
  body: { text: string },
  texts: readonly string[],
): Promise<void> {
  if (world.clock.nowMs() === START_MS) await world.pass(0.2);
  for (const text of texts) {
    body.text = text;
    await world.pass(10);
  }
}

describe('staleness', () => {
  test('a series that is gone gets one stale marker', async () => {
    const { world, body } = await worldOf();
    await scrapeAll(world, body, ['a 1\nb 1\n', 'a 2\n', 'a 3\n', 'a 4\nb 4\n']);
    expect(world.storage.values('a')).toEqual([1, 2, 3, 4]);
    expect(world.storage.values('b')).toEqual([1, 'stale', 4]);
    expect(world.storage.values('scrape_series_added')).toEqual([2, 0, 0, 1]);
    await world.manager.stop();
  });

  test('a failed scrape ends all series and says up 0', async () => {
    const { world, body } = await worldOf();
    await scrapeAll(world, body, ['a 1\n', 'a 2\nb x\n', 'a 3\n']);
    expect(world.storage.values('a')).toEqual([1, 'stale', 3]);
    expect(world.storage.values('up')).toEqual([1, 0, 1]);
    expect(world.storage.values('scrape_samples_scraped')).toEqual([1, 1, 1]);
    expect(world.storage.values('scrape_samples_post_metric_relabeling')).toEqual([1, 1, 1]);
    await world.manager.stop();
  });

  test('an empty body is a good scrape without samples', async () => {
    const { world, body } = await worldOf('', '');
    await scrapeAll(world, body, ['', '']);
    expect(world.storage.values('up')).toEqual([1, 1]);
    expect(world.target.health).toBe('up');
    await world.manager.stop();
  });

  test('samples with their own time are not ended, unless that is asked for', async () => {
    const at = START_MS - 1000;
    const { world, body } = await worldOf();
    await scrapeAll(world, body, [`a 1 ${at}\n`, '']);
    expect(world.storage.dump('a')).toEqual({
      'a{instance="a:9000", job="model"}': [{ tMs: at, value: 1 }],
    });
    await world.manager.stop();
    const tracking = await worldOf('    track_timestamps_staleness: true\n');
    await scrapeAll(tracking.world, tracking.body, [`a 1 ${at}\n`, '']);
    expect(tracking.world.storage.values('a')).toEqual([1, 'stale']);
    await tracking.world.manager.stop();
  });

  test('honor_timestamps: false uses the time of the scrape', async () => {
    const { world, body } = await worldOf('    honor_timestamps: false\n');
    await scrapeAll(world, body, [`a 1 ${START_MS - 99_000}\n`]);
    const [sample] = Object.values(world.storage.dump('a'))[0]!;
    expect(sample!.tMs).toBeGreaterThan(START_MS);
    await world.manager.stop();
  });

  test('another spelling of the same series does not end it', async () => {
    const { world, body } = await worldOf();
    await scrapeAll(world, body, ['a{x="1",y="2"} 1\n', 'a{y="2",x="1"} 2\n', 'a{ x="1", y="2" } 3\n']);
    expect(world.storage.values('a')).toEqual([1, 2, 3]);
    await world.manager.stop();
  });

  test('a removed target ends two intervals and a tenth later, report series included', async () => {
    const { world, body } = await worldOf();
    await scrapeAll(world, body, ['a 1\n']);
    const lastMs = world.target.lastScrapeMs!;
    await world.apply('scrape_configs: []');
    await world.clock.advanceTo(lastMs + 20_900);
    expect(world.storage.values('a')).toEqual([1]);
    await world.clock.advanceTo(lastMs + 21_100);
    expect(world.storage.dump('a')).toEqual({
      'a{instance="a:9000", job="model"}': [
        { tMs: lastMs, value: 1 },
        { tMs: lastMs + 10_000, value: 'stale' },
      ],
    });
    expect(world.storage.values('up')).toEqual([1, 'stale']);
    expect(world.manager.targets().active).toEqual([]);
    await world.manager.stop();
  });

  test('a target that comes back in time is not ended', async () => {
    const { world, body } = await worldOf();
    await scrapeAll(world, body, ['a 1\n']);
    await world.apply('scrape_configs: []');
    await world.apply(oneJob());
    await world.pass(60);
    expect(world.storage.values('a')).not.toContain('stale');
    expect(world.storage.values('up')).not.toContain('stale');
    await world.manager.stop();
  });

  test('a stop of the program ends nothing and breaks off what runs', async () => {
    const world = new ScrapeWorld();
    let calls = 0;
    world.network.serve('a:9000', async (request) => {
      if (++calls === 1) return { status: 200, headers: { 'content-type': 'text/plain' }, body: 'a 1\n' };
      return new Promise((_, reject) => {
        request.signal.addEventListener('abort', () => {
          reject(request.signal.reason as Error);
        });
      });
    });
    await world.apply(oneJob());
    await world.pass(20.2);
    expect(calls).toBe(2);
    await world.manager.stop();
    await world.pass(60);
    expect(world.storage.values('a')).toEqual([1]);
    expect(world.storage.values('up')).toEqual([1]);
  });
});

describe('limits', () => {
  test('sample_limit refuses the whole scrape and keeps counting', async () => {
    const { world, body } = await worldOf('    sample_limit: 2\n');
    await scrapeAll(world, body, ['a 1\nb 1\n', 'a 2\nb 2\nc 2\nd 2\n', 'a 3\n']);
    expect(world.storage.values('a')).toEqual([1, 'stale', 3]);
    expect(world.storage.values('b')).toEqual([1, 'stale']);
    expect(world.storage.dump('c')).toEqual({});
    expect(world.storage.values('up')).toEqual([1, 0, 1]);
    expect(world.storage.values('scrape_samples_scraped')).toEqual([2, 4, 1]);
    expect(world.storage.values('scrape_samples_post_metric_relabeling')).toEqual([2, 4, 1]);
    expect(await world.metric('prometheus_target_scrapes_exceeded_sample_limit_total')).toBe(1);
    await world.manager.stop();
  });

  test.each([
    [
      'label_limit: 3',
      'a{b="c",d="e"} 1\n',
      'label_limit exceeded (metric: a, number of labels: 5, limit: 3)',
    ],
    [
      'label_name_length_limit: 8',
      'a{much_too_long="c"} 1\n',
      'label_name_length_limit exceeded (metric: a, label name: much_too_long, length: 13, limit: 8)',
    ],
    [
      'label_value_length_limit: 6',
      'a{b="12345678"} 1\n',
      'label_value_length_limit exceeded (metric: a, label name: b, value: "12345678", length: 8, limit: 6)',
    ],
    ['body_size_limit: 10B', 'a 1\nb 2\nc 3\n', 'body size limit exceeded'],
    ['target_limit: 1\n    params: {}', 'a 1\n', ''],
  ])('%s', async (limit, text, error) => {
    const { world, body } = await worldOf(`    ${limit}\n`);
    await scrapeAll(world, body, [text]);
    expect(world.target.lastError).toBe(error);
    expect(world.storage.values('up')).toEqual([error === '' ? 1 : 0]);
    expect(world.storage.values('scrape_series_added')).toEqual([error === '' ? 1 : 0]);
    await world.manager.stop();
  });

  test('target_limit fails every target of the job without asking it', async () => {
    const world = new ScrapeWorld();
    let asked = 0;
    for (const host of ['a:9000', 'b:9000']) {
      world.serve(host, () => {
        asked++;
        return 'x 1\n';
      });
    }
    await world.apply(`
scrape_configs:
  - job_name: model
    scrape_interval: 10s
    target_limit: 1
    static_configs: [{ targets: ['a:9000', 'b:9000'] }]
`);
    await world.pass(11);
    expect(asked).toBe(0);
    expect(world.manager.targets().active.map((target) => target.lastError)).toEqual([
      'target_limit exceeded (number of targets: 2, limit: 1)',
      'target_limit exceeded (number of targets: 2, limit: 1)',
    ]);
    await world.manager.stop();
  });

  test('extra_scrape_metrics tells limits and sizes; -1 when the body was too large', async () => {
    const { world, body } = await worldOf(
      '    extra_scrape_metrics: true\n    body_size_limit: 20B\n    sample_limit: 9\n    scrape_timeout: 4s\n',
    );
    await scrapeAll(world, body, ['a 1\n', 'a 12345678901234567890\n', 'a x\n']);
    expect(world.storage.values('scrape_body_size_bytes')).toEqual([4, -1, 4]);
    expect(world.storage.values('scrape_sample_limit')).toEqual([9, 9, 9]);
    expect(world.storage.values('scrape_timeout_seconds')).toEqual([4, 4, 4]);
    await world.manager.stop();
  });

  test('samples far ahead of the clock are left out singly', async () => {
    const { world, body } = await worldOf();
    await scrapeAll(world, body, [`a 1\nb 1 ${START_MS + 1_000_000}\n`]);
    expect(world.storage.dump('b')).toEqual({});
    expect(world.storage.values('up')).toEqual([1]);
    expect(world.storage.values('scrape_samples_post_metric_relabeling')).toEqual([2]);
    expect(world.storage.values('scrape_series_added')).toEqual([1]);
    expect(await world.metric('prometheus_target_scrapes_sample_out_of_bounds_total')).toBe(1);
    await world.manager.stop();
  });

  test('the same line twice: the first counts', async () => {
    const { world, body } = await worldOf();
    await scrapeAll(world, body, ['a 1\na 2\na 3\nb 1\n']);
    expect(world.storage.values('a')).toEqual([1]);
    expect(world.storage.values('up')).toEqual([1]);
    expect(world.storage.values('scrape_samples_post_metric_relabeling')).toEqual([4]);
    expect(await world.metric('prometheus_target_scrapes_sample_duplicate_timestamp_total')).toBe(2);
    await world.manager.stop();
  });
});

describe('labels', () => {
  test.each([
    [
      'target labels win; what was there is kept as exported_',
      '',
      'a{job="x",instance="y",exported_job="z"} 1\n',
      'a{exported_exported_job="x", exported_instance="y", exported_job="z", instance="a:9000", job="model"}',
    ],
    ['honor_labels', '    honor_labels: true\n', 'a{job="x"} 1\n', 'a{instance="a:9000", job="x"}'],
    [
      'honor_labels: a label without value keeps that of the target out',
      '    honor_labels: true\n',
      'a{job="x",instance="",b=""} 1\n',
      'a{job="x"}',
    ],
    [
      'metric_relabel_configs',
      "    metric_relabel_configs: [{ source_labels: [code], regex: '5..', action: drop }, { regex: x, action: labeldrop }]\n",
      'a{code="500"} 1\na{code="200",x="y"} 2\n',
      'a{code="200", instance="a:9000", job="model"}',
    ],
  ])('%s', async (_, extra, text, series) => {
    const { world, body } = await worldOf(extra);
    await scrapeAll(world, body, [text, text]);
    expect(Object.keys(world.storage.dump('a'))).toEqual([series]);
    await world.manager.stop();
  });

  test('dropped samples count as scraped only', async () => {
    const { world, body } = await worldOf(
      '    metric_relabel_configs: [{ source_labels: [__name__], regex: b, action: drop }]\n',
    );
    await scrapeAll(world, body, ['a 1\nb 1\n', 'a 1\nb 1\n']);
    expect(world.storage.values('scrape_samples_scraped')).toEqual([2, 2]);
    expect(world.storage.values('scrape_samples_post_metric_relabeling')).toEqual([1, 1]);
    await world.manager.stop();
  });

  test('names that may not be refuse the scrape', async () => {
    const { world, body } = await worldOf('    metric_name_validation_scheme: legacy\n');
    await scrapeAll(world, body, ['{"a.b"} 1\n']);
    expect(world.target.lastError).toMatch(/^invalid metric name or label names: /);
    await scrapeAll(world, body, ['{""} 1\n']);
    expect(world.target.lastError).toBe('missing metric name (__name__ label)');
    await world.manager.stop();
  });
});

describe('answers', () => {
  test.each([
    [
      'no content type',
      '',
      '',
      'non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target',
    ],
    [
      'a page',
      'text/html; charset=utf-8',
      '',
      'received unsupported Content-Type "text/html; charset=utf-8" and no fallback_scrape_protocol specified for target',
    ],
    ['a broken type', '/;', '', 'cannot parse Content-Type "/;" and no fallback_scrape_protocol for target'],
    [
      'protobuf',
      'application/vnd.google.protobuf; proto=x',
      '',
      'a message in protobuf format is cut off: it should have 97 bytes, there are 3',
    ],
    ['a page with a fallback', 'text/html', '    fallback_scrape_protocol: PrometheusText0.0.4\n', ''],
    ['nothing with a fallback', '', '    fallback_scrape_protocol: PrometheusText0.0.4\n', ''],
    [
      'a fallback that is not needed',
      'text/plain',
      '    fallback_scrape_protocol: OpenMetricsText1.0.0\n',
      '',
    ],
    ['OpenMetrics that is none', 'application/openmetrics-text', '', 'data does not end with # EOF'],
  ])('%s', async (_, contentType, extra, error) => {
    const { world, body } = await worldOf(extra, contentType);
    await scrapeAll(world, body, ['a 1\n']);
    expect(world.target.lastError).toBe(error);
    await world.manager.stop();
  });

  test.each([
    [500, 'server returned HTTP status 500 Internal Server Error'],
    [204, 'server returned HTTP status 204 No Content'],
    [299, 'server returned HTTP status 299'],
  ])('status %d', async (status, error) => {
    const world = new ScrapeWorld();
    world.network.serve('a:9000', () => ({ status, body: 'a 1\n' }));
    await world.apply(oneJob());
    await world.pass(11);
    expect(world.target.lastError).toBe(error);
    await world.manager.stop();
  });

  test('nobody there', async () => {
    const world = new ScrapeWorld();
    await world.apply(oneJob());
    await world.pass(11);
    expect(world.target.lastError).toBe('Get "http://a:9000/metrics": a:9000: connection refused');
    expect(world.storage.values('up')).toEqual([0]);
    await world.manager.stop();
  });

  test('gzip', async () => {
    const world = new ScrapeWorld();
    world.network.serve('a:9000', (request) => ({
      status: 200,
      headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' },
      body: request.headers['Accept-Encoding'] === 'gzip' ? gzipSync('a 1\n') : '',
    }));
    await world.apply(oneJob('    extra_scrape_metrics: true\n'));
    await world.pass(11);
    expect(world.storage.values('a')).toEqual([1]);
    expect(world.storage.values('scrape_body_size_bytes')).toEqual([4]);
    await world.manager.stop();
  });

  test('enable_compression: false asks for plain bodies', async () => {
    const world = new ScrapeWorld();
    const asked: (string | undefined)[] = [];
    world.network.serve('a:9000', (request) => {
      asked.push(request.headers['Accept-Encoding']);
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: 'a 1\n' };
    });
    await world.apply(oneJob('    enable_compression: false\n'));
    await world.pass(11);
    expect(asked[0]).toBe('identity');
    await world.manager.stop();
  });

  test('a storage that cannot commit costs the samples, not the loop', async () => {
    const { world, body } = await worldOf();
    world.storage.failCommits = true;
    await scrapeAll(world, body, ['a 1\n']);
    world.storage.failCommits = false;
    await scrapeAll(world, body, ['a 2\n']);
    expect(world.storage.values('a')).toEqual([2]);
    expect(world.logLines.join('\n')).toContain('Scrape commit failed');
    await world.manager.stop();
  });

  test('series that the storage forgot are made again', async () => {
    const { world, body } = await worldOf();
    await scrapeAll(world, body, ['# TYPE h histogram\nh_bucket{le="1"} 1\na 1\n']);
    world.storage.reclaim();
    await scrapeAll(world, body, ['# TYPE h histogram\nh_bucket{le="1"} 2\na 2\n', 'a 3\n']);
    expect(world.storage.values('a')).toEqual([2, 3]);
    expect(world.storage.dump('h_bucket')).toEqual({
      'h_bucket{instance="a:9000", job="model", le="1.0"}': [
        expect.objectContaining({ value: 2 }),
        expect.objectContaining({ value: 'stale' }),
      ],
    });
    await world.manager.stop();
  });
});

describe('time', () => {
  test('a scrape that takes too long fails at the timeout and says how far it came', async () => {
    const world = new ScrapeWorld();
    let asked = 0;
    world.network.serve('a:9000', async () => {
      if (++asked === 1) await new Promise(() => undefined);
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: drip(world) };
    });
    await world.apply(oneJob('    scrape_timeout: 3s\n'));
    const errors = new Set<string>();
    for (let i = 0; i < 23; i++) {
      await world.pass(1);
      errors.add(world.target.lastError);
    }
    expect([...errors].slice(1)).toEqual([
      'Get "http://a:9000/metrics": context deadline exceeded (scrape_timeout 3s, no answer yet)',
      'Get "http://a:9000/metrics": context deadline exceeded (scrape_timeout 3s, after 12 bytes of the body)',
    ]);
    expect(world.target.lastScrapeDurationMs).toBe(3000);
    expect(world.storage.values('up')).toEqual([0, 0]);
    await world.manager.stop();
  });

  test('ticks that pass while a scrape runs are made up for at most once', async () => {
    const world = new ScrapeWorld();
    const startsMs: number[] = [];
    world.network.serve('a:9000', async () => {
      startsMs.push(world.clock.nowMs());
      if (startsMs.length === 2) await world.clock.sleep(9999);
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: 'a 1\n' };
    });
    await world.apply(oneJob());
    await world.pass(55);
    const gaps = startsMs.slice(1).map((ms, i) => ms - startsMs[i]!);
    expect(gaps.every((gap) => gap === 10_000)).toBe(true);
    await world.manager.stop();
  });
});

async function* drip(world: ScrapeWorld): AsyncGenerator<Uint8Array> {
  for (;;) {
    yield Buffer.from('a 1\n');
    await world.clock.sleep(1000);
  }
}
