import { describe, expect, test } from 'vitest';
import type { Tocsin } from '../../../src/app/tocsin.ts';
import { snappyDecompress } from '../../../src/core/compression/snappy.ts';
import { holdFiles, isSegment } from '../../support/held-files.ts';
import { BASE, Machine, START_MS, TO_HOOK, told } from './machine.ts';

const CONFIG = { ...BASE, alertmanager: TO_HOOK };

/** A machine whose second start cannot read the log before that is released. */
async function starting(config: object = CONFIG): Promise<{
  machine: Machine;
  tocsin: Tocsin;
  started: Promise<void>;
  hook: ReturnType<Machine['listen']>;
}> {
  const machine = new Machine();
  const hook = machine.listen('hook');
  machine.configure(CONFIG);
  const first = await machine.boot();
  await machine.clock.advanceBy(60_000);
  await machine.drive(first.stop());
  machine.configure(config);
  machine.held = holdFiles(machine.files, isSegment);
  const tocsin = await machine.load();
  const started = tocsin.start();
  started.catch(() => undefined);
  return { machine, tocsin, started, hook };
}

async function values(tocsin: Tocsin, query: string, tMs: number): Promise<unknown> {
  const { value } = await tocsin.rooms!.queries.engine.instant(query, tMs);
  if (value.type === 'scalar') return value.value;
  if (value.type !== 'vector') throw new Error(`${query} gives ${value.type}`);
  return value.samples.map((sample) => sample.value);
}

describe('while the log is read at a start', () => {
  test('targets are scraped, rules are not evaluated; afterwards everything is there', async () => {
    const { machine, tocsin, started, hook } = await starting();
    machine.errorRatio = 0.5;
    const { scrapes } = machine;
    await machine.clock.advanceBy(60_000);
    expect(machine.scrapes).toBe(scrapes + 6);
    expect(tocsin.rooms).toBeUndefined();
    expect(hook).toEqual([]);
    machine.held!.release();
    await machine.drive(started);
    const nowMs = machine.clock.nowMs();
    expect(await values(tocsin, 'count_over_time(up[2m])', nowMs)).toEqual([12]);
    expect(await values(tocsin, 'count_over_time(error_ratio[2m])', nowMs)).toEqual([12]);
    expect(await values(tocsin, 'error_ratio', nowMs)).toEqual([0.5]);
    expect(await values(tocsin, 'error_ratio', START_MS + 60_000)).toEqual([0.01]);
    await machine.clock.advanceBy(60_000);
    expect(told(hook)).toEqual(['firing HighErrors']);
    expect(await values(tocsin, 'count_over_time(up[3m])', machine.clock.nowMs())).toEqual([18]);
    await machine.drive(tocsin.stop());
  });

  test('a series that a target gave then and gives no more ends', async () => {
    const { machine, tocsin, started } = await starting();
    let body = 'kept 1\ngone 1\n';
    machine.network.serve('model:8000', () => ({
      status: 200,
      headers: { 'content-type': 'text/plain' },
      body,
    }));
    await machine.clock.advanceBy(10_000);
    body = 'kept 2\n';
    machine.held!.release();
    await machine.drive(started);
    await machine.clock.advanceBy(10_000);
    const nowMs = machine.clock.nowMs();
    expect(await values(tocsin, 'kept', nowMs)).toEqual([2]);
    expect(await values(tocsin, 'gone', nowMs)).toEqual([]);
    expect(await values(tocsin, 'count_over_time(gone[1m])', nowMs)).toEqual([1]);
    expect(await values(tocsin, 'scrape_series_added', nowMs)).toEqual([0]);
    await machine.drive(tocsin.stop());
  });

  test('a stop breaks it off, and the next start has what was scraped', async () => {
    const { machine, tocsin, started } = await starting();
    await machine.clock.advanceBy(30_000);
    const stopped = tocsin.stop();
    machine.held!.release();
    await machine.drive(stopped);
    await expect(started).rejects.toMatchObject({ code: 'TOCSIN_ERR_CANCELLED' });
    expect(machine.openDatabases).toBe(0);
    const { scrapes } = machine;
    await machine.clock.advanceBy(30_000);
    expect(machine.scrapes).toBe(scrapes);
    machine.held = undefined;
    const again = await machine.boot();
    expect(await values(again, 'count_over_time(up[3m])', machine.clock.nowMs())).toEqual([9]);
    await machine.drive(again.stop());
  });

  test('a log that the disk does not give does not keep the program from starting, and loses nothing', async () => {
    const { machine, tocsin, started } = await starting();
    await machine.clock.advanceBy(30_000);
    machine.files.fault = ({ kind, path }) =>
      kind === 'read' && isSegment(path) ? { code: 'EIO' } : undefined;
    machine.held!.release();
    await machine.drive(started);
    expect(machine.logged('could not be read whole')).toBeGreaterThan(0);
    expect(await values(tocsin, 'count_over_time(up[3m])', machine.clock.nowMs())).toEqual([3]);
    await machine.drive(tocsin.stop());
    machine.files.fault = undefined;
    machine.held = undefined;
    const again = await machine.boot();
    expect(await values(again, 'count_over_time(up[3m])', machine.clock.nowMs())).toEqual([9]);
    await machine.drive(again.stop());
  });

  test('remote write sends what was scraped, also to an endpoint that is new', async () => {
    const remote_write = [{ url: 'http://far/write', queue_config: { batch_send_deadline: '1s' } }];
    const { machine, tocsin, started } = await starting({ ...CONFIG, remote_write });
    const bodies: string[] = [];
    machine.network.serve('far', (request) => {
      bodies.push(new TextDecoder('latin1').decode(snappyDecompress(request.body as Uint8Array, 2 ** 24)));
      return { status: 204 };
    });
    await machine.clock.advanceBy(30_000);
    expect(bodies).toEqual([]);
    machine.held!.release();
    await machine.drive(started);
    await machine.clock.advanceBy(5000);
    const count = bodies.join('').split(`error_ratio`).length - 1;
    expect(count).toBe(3);
    await machine.drive(tocsin.stop());
  });
});
