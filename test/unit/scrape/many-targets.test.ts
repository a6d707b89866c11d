import { describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { ScrapeWorld } from './scrape-world.ts';

/** A world whose work takes time: every look at the clock finds that 10 ms have passed, so it is always time to give way. */
function slowWorld(): { world: ScrapeWorld; asked: Set<string> } {
  const world = new ScrapeWorld();
  const { clock } = world;
  const monotonicMs = clock.monotonicMs.bind(clock);
  let workedMs = 0;
  clock.monotonicMs = () => monotonicMs() + (workedMs += 10);
  const asked = new Set<string>();
  for (let i = 0; i < 60; i++) {
    world.network.serve(`t${i}:8080`, () => {
      asked.add(`t${i}`);
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: 'a 1\n' };
    });
  }
  return { world, asked };
}

const job = (from: number, to: number, more = '') => {
  const targets = Array.from({ length: to - from }, (_, i) => `"t${from + i}:8080"`);
  return `scrape_configs: [{job_name: j, scrape_interval: 10s, static_configs: [{targets: [${targets.join()}]}]${more}}]`;
};

describe('many targets at once', () => {
  test('give way to other work, and are all replaced', async () => {
    const { world, asked } = slowWorld();
    await world.apply(job(0, 40));
    await world.clock.advanceBy(15_000);
    expect(asked.size).toBe(40);
    await world.apply(job(30, 60));
    await world.clock.advanceBy(15_000);
    asked.clear();
    await world.clock.advanceBy(30_000);
    expect([...asked].toSorted()).toEqual(Array.from({ length: 30 }, (_, i) => `t${30 + i}`));
    expect(world.manager.targets().active).toHaveLength(30);
    await world.manager.stop();
  });

  test('a limit holds from the first scrape on', async () => {
    const { world, asked } = slowWorld();
    await world.apply(job(0, 40, ', target_limit: 39'));
    await world.clock.advanceBy(30_000);
    expect(asked.size).toBe(0);
    expect(world.manager.targets().active[0]!.lastError).toContain('target_limit exceeded');
    await world.manager.stop();
  });

  test.each([
    ['go on under the new config', 45],
    ['begin', 105],
    ['end', 135],
  ])('nothing is scraped any more when the end comes while loops %s', async (_, turn) => {
    const { world, asked } = slowWorld();
    await world.apply(job(0, 30));
    await world.clock.advanceBy(15_000);
    expect(asked.size).toBe(30);
    let turns = 0;
    let stopping: Promise<void> | undefined;
    world.clock.yieldTurn = async () => {
      if (++turns === turn) stopping = world.manager.stop();
    };
    await world.apply(job(30, 60));
    await world.clock.advanceBy(1000);
    expect(stopping).toBeDefined();
    await stopping;
    asked.clear();
    await world.clock.advanceBy(60_000);
    expect(asked.size).toBe(0);
  });

  test('a job that goes while its targets are replaced leaves nothing running', async () => {
    const { world, asked } = slowWorld();
    await world.apply(job(0, 30));
    await world.clock.advanceBy(15_000);
    expect(asked.size).toBe(30);
    let turns = 0;
    let applying: Promise<void> | undefined;
    world.clock.yieldTurn = async () => {
      if (++turns === 105)
        applying = world.manager.apply({ scrapeConfigs: [], externalLabels: Labels.EMPTY });
    };
    await world.apply(job(30, 60));
    await world.clock.advanceBy(1000);
    expect(applying).toBeDefined();
    await applying;
    asked.clear();
    await world.clock.advanceBy(60_000);
    expect(asked.size).toBe(0);
    expect(world.manager.targets().active).toEqual([]);
    await world.manager.stop();
  });
});
