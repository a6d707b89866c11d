import { describe, expect, test } from 'vitest';
import type { Tocsin } from '../../../src/app/tocsin.ts';
import { BASE, Machine, TO_HOOK, told } from './machine.ts';

const MIB = 2 ** 20;
const MINUTE_MS = 60_000;
const ALERT = 'TocsinMemoryGuardActive';

async function values(tocsin: Tocsin, machine: Machine, query: string): Promise<number[]> {
  const { value } = await tocsin.rooms!.queries.engine.instant(query, machine.clock.nowMs());
  return value.type === 'vector' ? value.samples.map((sample) => sample.value) : [];
}

async function metric(tocsin: Tocsin, name: string): Promise<number> {
  const got = await tocsin.registry.getSingleMetric(name)?.get();
  return got?.values[0]?.value ?? NaN;
}

describe('a limit of memory', () => {
  test('new series are refused, said and alerted; the others go on; room lets new ones in again', async () => {
    const machine = new Machine();
    const hook = machine.listen('hook');
    let scrape = 0;
    let fresh = 300;
    machine.network.serve('model:8000', () => {
      scrape++;
      const ids = Array.from({ length: fresh }, (_, i) => `request{id="${scrape}-${i}"} 1\n`);
      return {
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: `steady ${scrape}\n${ids.join('')}`,
      };
    });
    const config = { ...BASE, alertmanager: TO_HOOK };
    machine.configure(config);
    const tocsin = await machine.boot({ memoryLimitBytes: 6 * MIB, minBlockMs: 20 * MINUTE_MS });
    expect(await metric(tocsin, 'tocsin_storage_memory_limit_bytes')).toBe(6 * MIB);
    await machine.clock.advanceBy(2 * MINUTE_MS);
    expect(await metric(tocsin, 'tocsin_storage_memory_guard_active')).toBe(0);
    expect(told(hook)).toEqual([]);

    for (let i = 0; i < 30 && (await metric(tocsin, 'tocsin_storage_refused_series_total')) === 0; i++) {
      await machine.clock.advanceBy(MINUTE_MS);
    }
    await machine.clock.advanceBy(MINUTE_MS);
    expect(await metric(tocsin, 'tocsin_storage_memory_guard_active')).toBe(1);
    expect(await metric(tocsin, 'tocsin_storage_refused_series_total')).toBeGreaterThan(300);
    expect(told(hook)).toContain(`firing ${ALERT}`);
    expect(machine.logged('new series are refused')).toBe(1);
    expect(machine.logged('There is no memory for new series')).toBe(1);
    const [target] = tocsin.rooms!.scrape.targets().active;
    expect(target).toMatchObject({
      health: 'up',
      lastError: 'memory is at --storage.memory-limit: 300 samples of new series were left out',
    });
    expect(await values(tocsin, machine, 'steady')).toEqual([scrape]);
    expect(await values(tocsin, machine, `ALERTS{alertname="${ALERT}",alertstate="firing"}`)).toEqual([1]);

    // A target that is new meanwhile has what tocsin says of it, and nothing else.
    const targets = ['model:8000', 'other:8000'];
    machine.network.serve('other:8000', () => ({
      status: 200,
      headers: { 'content-type': 'text/plain' },
      body: 'other 1\n',
    }));
    machine.configure({ ...config, scrape_configs: [{ job_name: 'models', static_configs: [{ targets }] }] });
    await machine.drive(tocsin.reload());
    await machine.clock.advanceBy(MINUTE_MS);
    expect(await values(tocsin, machine, 'up')).toEqual([1, 1]);
    expect(await values(tocsin, machine, 'other')).toEqual([]);

    // Their block is written, the series that have ended leave memory.
    fresh = 0;
    await machine.clock.advanceBy(60 * MINUTE_MS);
    expect(await metric(tocsin, 'tocsin_storage_memory_guard_active')).toBe(0);
    expect(await values(tocsin, machine, 'other')).toEqual([1]);
    expect(told(hook)).toContain(`resolved ${ALERT}`);
    expect(machine.logged('new series are taken again')).toBe(1);
    fresh = 1;
    await machine.clock.advanceBy(20_000);
    expect(await values(tocsin, machine, 'request')).toEqual([1]);
    await machine.drive(tocsin.stop());
  });

  test('without one there is no rule about it', async () => {
    const machine = new Machine();
    machine.configure(BASE);
    const tocsin = await machine.boot({ memoryLimitBytes: 0 });
    expect(tocsin.rooms!.rules.groups().map(({ name }) => name)).toEqual(['models']);
    expect(await metric(tocsin, 'tocsin_storage_memory_limit_bytes')).toBe(0);
    await machine.drive(tocsin.stop());
  });
});
