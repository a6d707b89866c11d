import { describe, expect, test } from 'vitest';
import { PROTO_CONTENT_TYPE, protoBody } from '../../support/proto-exposition.ts';
import type { ProtoFamily, ProtoHistogramMessage } from '../../support/proto-exposition.ts';
import { START_MS, ScrapeWorld, oneJob } from './scrape-world.ts';

const family = (histogram: ProtoHistogramMessage, labels: Record<string, string> = {}): ProtoFamily => ({
  name: 'h',
  type: 'histogram',
  metrics: [{ labels, histogram }],
});

/** Ten buckets next to each other, each with one observation. */
const TEN: ProtoHistogramMessage = {
  count: 10,
  sum: 5,
  schema: 2,
  positiveSpans: [1, 10],
  positiveDeltas: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
};
const TEN_TEXT = '{{schema:2 count:10 sum:5 offset:1 buckets:[1 1 1 1 1 1 1 1 1 1]}}';

async function worldOf(
  bodies: readonly (readonly ProtoFamily[])[],
  lines: string,
  ...features: string[]
): Promise<ScrapeWorld> {
  const world = new ScrapeWorld(features);
  let at = 0;
  world.serve('a:9000', () => protoBody(...bodies[Math.min(at++, bodies.length - 1)]!), PROTO_CONTENT_TYPE);
  await world.apply(oneJob(`    scrape_native_histograms: true\n${lines}`));
  await world.pass(10 * bodies.length);
  return world;
}

describe('native histograms that are scraped', () => {
  test('are stored, end when they are gone, and count as one sample', async () => {
    const world = await worldOf([[family(TEN)], [family(TEN)], []], '');
    expect(world.storage.values('h')).toEqual([TEN_TEXT, TEN_TEXT, 'stale']);
    expect(world.storage.values('scrape_samples_scraped')).toEqual([1, 1, 0]);
    expect(world.storage.values('scrape_samples_post_metric_relabeling')).toEqual([1, 1, 0]);
    expect(world.storage.values('scrape_series_added')).toEqual([1, 0, 0]);
    expect(world.storage.lookups).toBeLessThan(10);
    await world.manager.stop();
  });

  test('keep the time that they came with, which ends nothing', async () => {
    const timed = { ...family(TEN), metrics: [{ histogram: TEN, timestampMs: START_MS + 1000 }] };
    const world = await worldOf([[timed], []], '');
    expect(world.storage.dump('h')).toEqual({
      'h{instance="a:9000", job="model"}': [{ tMs: START_MS + 1000, value: TEN_TEXT }],
    });
    await world.manager.stop();
  });

  test('are relabelled and dropped as other samples', async () => {
    const lines = `    metric_relabel_configs:
      - { source_labels: [a], regex: drop, action: drop }
      - { source_labels: [a], target_label: b }
`;
    const bodies = [[family(TEN, { a: 'drop' }), family(TEN, { a: 'keep' })]];
    const world = await worldOf([...bodies, ...bodies], lines);
    expect(Object.keys(world.storage.dump('h'))).toEqual([
      'h{a="keep", b="keep", instance="a:9000", job="model"}',
    ]);
    expect(world.storage.values('scrape_samples_scraped')).toEqual([2, 2]);
    expect(world.storage.values('scrape_samples_post_metric_relabeling')).toEqual([1, 1]);
    await world.manager.stop();
  });

  test('sample_limit counts each as one', async () => {
    const two = [family(TEN, { a: '1' }), family(TEN, { a: '2' })];
    const world = await worldOf([two], '    sample_limit: 1\n');
    expect(world.target.lastError).toBe('sample limit exceeded');
    expect(world.storage.dump('h')).toEqual({});
    await world.manager.stop();
  });

  test('the same series twice in a body counts once', async () => {
    const world = await worldOf([[family(TEN), family({ ...TEN, sum: 6 })]], '');
    expect(world.storage.values('h')).toEqual([TEN_TEXT]);
    expect(await world.metric('prometheus_target_scrapes_sample_duplicate_timestamp_total')).toBe(1);
    await world.manager.stop();
  });

  test('native_histogram_bucket_limit makes them coarser, or fails the scrape', async () => {
    const coarse = await worldOf([[family(TEN)]], '    native_histogram_bucket_limit: 4\n');
    expect(coarse.storage.values('h')).toEqual(['{{count:10 sum:5 offset:1 buckets:[4 4 2]}}']);
    await coarse.manager.stop();
    const custom = { count: 3, sum: 1, buckets: [1, 2, 3].map((bound) => ({ bound, count: bound })) };
    const failed = await worldOf(
      [[family(custom)]],
      '    native_histogram_bucket_limit: 2\n    convert_classic_histograms_to_nhcb: true\n',
    );
    expect(failed.target.lastError).toBe('histogram bucket limit exceeded');
    expect(failed.storage.values('up')).toEqual([0]);
    expect(failed.storage.values('scrape_samples_scraped')).toEqual([1]);
    expect(failed.storage.values('scrape_series_added')).toEqual([0]);
    const name = 'prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total';
    expect(await failed.metric(name)).toBe(1);
    await failed.manager.stop();
  });

  test.each([
    [2, '{{count:10 sum:5 offset:1 buckets:[4 4 2]}}'],
    [1.18, TEN_TEXT],
    [100, '{{schema:-3 count:10 sum:5 offset:1 buckets:[10]}}'],
  ])('native_histogram_min_bucket_factor: %d', async (factor, expected) => {
    const world = await worldOf([[family(TEN)]], `    native_histogram_min_bucket_factor: ${factor}\n`);
    expect(world.storage.values('h')).toEqual([expected]);
    await world.manager.stop();
  });

  test('a schema finer than any in use is taken where a factor makes it coarser', async () => {
    const fine = { ...TEN, schema: 40 };
    const refused = await worldOf([[family(fine)]], '');
    expect(refused.target.lastError).toContain('histogram has an invalid schema');
    await refused.manager.stop();
    const taken = await worldOf([[family(fine)]], '    native_histogram_min_bucket_factor: 2\n');
    expect(taken.storage.values('h')).toEqual(['{{count:10 sum:5 offset:1 buckets:[10]}}']);
    await taken.manager.stop();
  });

  test.each<[string, ProtoHistogramMessage, string]>([
    [
      'counts that do not add up',
      { ...TEN, count: 9 },
      '10 observations found in buckets, but the Count field is 9',
    ],
    [
      'a negative count',
      { ...TEN, positiveDeltas: [-1, 2, 0, 0, 0, 0, 0, 0, 0, 0] },
      'bucket number 1 has observation count of -1',
    ],
    [
      'spans that overlap',
      { ...TEN, positiveSpans: [1, 5, -2, 5] },
      'histogram has a span whose offset is negative',
    ],
  ])('one that is not well-formed fails the scrape: %s', async (_, histogram, reason) => {
    const world = await worldOf([[family(TEN, { a: 'b' }), family(histogram)]], '');
    expect(world.target.lastError).toContain(reason);
    expect(world.storage.dump('h')).toEqual({});
    await world.manager.stop();
  });

  test('a target may say otherwise by its labels', async () => {
    const both = { ...TEN, buckets: [{ bound: 1, count: 4 }] };
    const world = await worldOf(
      [[family(both)]],
      "    relabel_configs: [{ target_label: __scrape_native_histograms__, replacement: 'f' }]\n",
    );
    expect(world.storage.values('h')).toEqual([]);
    expect(world.storage.values('h_sum')).toEqual([5]);
    await world.manager.stop();
  });

  test('start timestamps: an empty histogram is stored where counting began', async () => {
    const started = { ...TEN, startMs: START_MS - 1000 };
    const world = await worldOf([[family(started)]], '', 'created-timestamp-zero-ingestion');
    expect(world.storage.values('h')).toEqual(['{{schema:2 counter_reset_hint:reset}}', TEN_TEXT]);
    await world.manager.stop();
    const kept = await worldOf([[family(started)]], '', 'st-storage');
    expect(kept.storage.dump('h')['h{instance="a:9000", job="model"}']).toEqual([
      { tMs: expect.any(Number) as number, value: TEN_TEXT, startMs: START_MS - 1000 },
    ]);
    await kept.manager.stop();
  });

  test('exemplars go in by time; only when all are late is that counted', async () => {
    const at = (value: number, seconds: number): object => ({
      labels: { id: `${seconds}` },
      value,
      timestampMs: seconds * 1000,
    });
    const of = (...exemplars: object[]): ProtoFamily[] => [family({ ...TEN, exemplars })];
    const late = 'prometheus_target_scrapes_exemplar_out_of_order_total';
    const world = await worldOf([of(at(2, 9), at(-1, 3))], '', 'exemplar-storage');
    // The storage of these tests refuses negative values as late.
    expect(world.storage.extras).toEqual(['h {id="3"} -1 3000 own', 'h {id="9"} 2 9000 own']);
    expect(await world.metric(late)).toBe(0);
    await world.manager.stop();
    const allLate = await worldOf([of(at(-2, 9), at(-1, 3))], '', 'exemplar-storage');
    expect(await allLate.metric(late)).toBe(2);
    await allLate.manager.stop();
  });

  test('metadata and type labels are those of the family', async () => {
    const world = await worldOf(
      [[{ ...family(TEN), help: 'text', unit: 'bytes' }]],
      '',
      'metadata-wal-records',
      'type-and-unit-labels',
    );
    expect(Object.keys(world.storage.dump('h'))).toEqual([
      'h{__type__="histogram", __unit__="bytes", instance="a:9000", job="model"}',
    ]);
    expect(world.storage.extras).toEqual(['h is histogram,bytes,text']);
    await world.manager.stop();
  });

  test('a series may be floats first and a histogram later', async () => {
    const gauge: ProtoFamily = { name: 'h', type: 'gauge', metrics: [{ gauge: 3 }] };
    const world = await worldOf([[gauge], [family(TEN)], [gauge]], '');
    expect(world.storage.values('h')).toEqual([3, TEN_TEXT, 3]);
    await world.manager.stop();
  });
});
