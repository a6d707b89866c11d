import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseShard, shardOf } from '../../../src/scrape/shard.ts';
import { ScrapeWorld } from './scrape-world.ts';

const identities = Array.from(
  { length: 3000 },
  (_, i) => `{instance="pod-${i}:8000",job="vllm"}\nhttp://pod-${i}:8000/metrics`,
);

describe('which process a target belongs to', () => {
  test.each([1, 2, 3, 7, 20])('%d processes get their even share', (count) => {
    const shares = new Array<number>(count).fill(0);
    for (const identity of identities) shares[shardOf(identity, count)]!++;
    const even = identities.length / count;
    // Six standard deviations of a fair draw.
    for (const share of shares) expect(Math.abs(share - even)).toBeLessThan(6 * Math.sqrt(even) + 1);
  });

  test('with one more process only its own targets move', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 300 }), (identity, count) => {
        const [before, after] = [shardOf(identity, count), shardOf(identity, count + 1)];
        expect(before).toBeLessThan(count);
        expect(after === before || after === count).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['0/3', { index: 0, count: 3 }],
    ['2/3', { index: 2, count: 3 }],
    ['3/3', undefined],
    ['0/0', undefined],
    ['1', undefined],
    ['-1/3', undefined],
    ['1/3 ', undefined],
    ['0/99999', undefined],
  ])('%j', (text, shard) => {
    expect(parseShard(text)).toEqual(shard);
  });
});

const targets = Array.from({ length: 20 }, (_, i) => `pod-${i}:8000`);
const config = (interval: string): string =>
  JSON.stringify({
    scrape_configs: [{ job_name: 'vllm', scrape_interval: interval, static_configs: [{ targets }] }],
  });

async function scraped(index: number, count: number, interval = '15s'): Promise<string[]> {
  const world = new ScrapeWorld([], { index, count });
  for (const target of targets) world.serve(target, () => 'up_here 1\n');
  await world.apply(config(interval));
  await world.pass(60);
  const urls = world.manager.targets().active.map((target) => target.labels.get('instance'));
  const others = /tocsin_scrape_pool_targets_of_other_shards\{[^}]*\} (\d+)/.exec(
    await world.registry.metrics(),
  );
  expect(Number(others?.[1])).toBe(targets.length - urls.length);
  await world.manager.stop();
  return urls;
}

test('processes share the targets of a job, whatever its interval', async () => {
  const parts = await Promise.all([0, 1, 2].map((index) => scraped(index, 3)));
  expect(parts.flat().toSorted()).toEqual(targets.toSorted());
  for (const part of parts) expect(part.length).toBeGreaterThan(2);
  expect(await scraped(1, 3, '20s')).toEqual(parts[1]);
});
