import { describe, expect, test } from 'vitest';
import type { Tocsin } from '../../../src/app/tocsin.ts';
import { BASE, Machine, START_MS, TO_HOOK, told } from './machine.ts';

const CONFIG = { ...BASE, alertmanager: TO_HOOK };

/** A machine that runs {@link CONFIG} and has a webhook that listens. */
async function running(): Promise<{ machine: Machine; tocsin: Tocsin; hook: ReturnType<Machine['listen']> }> {
  const machine = new Machine();
  const hook = machine.listen('hook');
  machine.configure(CONFIG);
  return { machine, hook, tocsin: await machine.boot() };
}

async function restart(machine: Machine, tocsin: Tocsin, downMs: number): Promise<Tocsin> {
  await machine.drive(tocsin.stop());
  expect(machine.openDatabases).toBe(0);
  await machine.clock.advanceBy(downMs);
  return machine.boot();
}

describe('a restart', () => {
  test('keeps samples', async () => {
    const { machine, tocsin } = await running();
    await machine.clock.advanceBy(60_000);
    const read = async (from: Tocsin): Promise<unknown> =>
      (await from.rooms!.queries.engine.instant('error_ratio[1m]', START_MS + 60_000)).value;
    const before = await read(tocsin);
    expect(before).toMatchObject({ type: 'matrix' });
    const again = await restart(machine, tocsin, 5000);
    expect(await read(again)).toEqual(before);
  });

  test('keeps silences, and they hold', async () => {
    const { machine, tocsin, hook } = await running();
    const nowMs = machine.clock.nowMs();
    const outcome = await machine.drive(
      tocsin.rooms!.alertSide!.plane.silences.set(
        {
          matcherSets: [[{ name: 'alertname', op: '=', value: 'HighErrors' }]],
          endsAtMs: nowMs + 600_000,
          createdBy: 'me',
          comment: 'known',
        },
        nowMs,
      ),
    );
    expect(outcome).toMatchObject({ kind: 'set' });
    const again = await restart(machine, tocsin, 5000);
    const { silences } = again.rooms!.alertSide!.plane;
    expect(silences.query({}, machine.clock.nowMs())).toMatchObject([{ comment: 'known', createdBy: 'me' }]);
    machine.errorRatio = 0.5;
    await machine.clock.advanceBy(180_000);
    expect(hook).toEqual([]);
    await machine.clock.advanceTo(nowMs + 700_000);
    expect(told(hook)).toEqual(['firing HighErrors']);
  });

  test('keeps what an alert has waited of its `for`, less the time that nobody looked', async () => {
    const { machine, tocsin } = await running();
    machine.files.put('/etc/tocsin/rules.yml', RULES_LONG);
    await machine.drive(tocsin.reload());
    machine.errorRatio = 0.5;
    await machine.clock.advanceBy(20 * 60_000);
    const [before] = tocsin.rooms!.rules.activeAlerts();
    expect(before).toMatchObject({ state: 'pending' });
    const again = await restart(machine, tocsin, 60_000);
    await machine.clock.advanceBy(30_000);
    const [after] = again.rooms!.rules.activeAlerts();
    expect(after).toMatchObject({ state: 'pending' });
    // A minute down counts as not seen: the start moves by it, give or take an evaluation.
    expect(after!.activeAtMs - before!.activeAtMs).toBeGreaterThanOrEqual(60_000);
    expect(after!.activeAtMs - before!.activeAtMs).toBeLessThanOrEqual(90_000);
    await machine.clock.advanceBy(12 * 60_000);
    expect(again.rooms!.rules.activeAlerts()).toMatchObject([{ state: 'firing' }]);
  });

  test('tells nothing twice of an alert that goes on, and tells its end', async () => {
    const { machine, tocsin, hook } = await running();
    machine.errorRatio = 0.5;
    await machine.clock.advanceBy(120_000);
    expect(told(hook)).toEqual(['firing HighErrors']);
    const again = await restart(machine, tocsin, 60_000);
    await machine.clock.advanceBy(15 * 60_000);
    expect(again.rooms!.rules.activeAlerts()).toMatchObject([{ state: 'firing' }]);
    expect(told(hook)).toEqual(['firing HighErrors']);
    machine.errorRatio = 0;
    await machine.clock.advanceBy(120_000);
    expect(told(hook)).toEqual(['firing HighErrors', 'resolved HighErrors']);
  });

  test('tells what could not be told before it', async () => {
    const { machine, tocsin } = await running();
    machine.network.remove('hook');
    machine.errorRatio = 0.5;
    await machine.clock.advanceBy(120_000);
    await machine.drive(tocsin.stop());
    const hook = machine.listen('hook');
    await machine.boot();
    await machine.clock.advanceBy(90_000);
    expect(told(hook)).toEqual(['firing HighErrors']);
  });

  test('ends everything: no timer is left, and a second stop does nothing', async () => {
    const { machine, tocsin } = await running();
    machine.errorRatio = 0.5;
    await machine.clock.advanceBy(120_000);
    await machine.drive(tocsin.stop());
    await tocsin.stop();
    expect(machine.clock.nextTimerMs()).toBeUndefined();
    expect(tocsin.rooms).toBeUndefined();
  });
});

const RULES_LONG = `groups:
  - name: models
    rules:
      - { alert: HighErrors, expr: error_ratio > 0.3, for: 30m }
`;

describe('a start that fails', () => {
  /** Everything that was opened is closed again. */
  async function expectNothingLeft(machine: Machine): Promise<void> {
    expect(machine.openDatabases).toBe(0);
    expect(machine.clock.nextTimerMs()).toBeUndefined();
    machine.files.fault = undefined;
    const tocsin = await machine.boot();
    await machine.clock.advanceBy(30_000);
    expect(machine.scrapes).toBe(3);
    await machine.drive(tocsin.stop());
    expect(machine.openDatabases).toBe(0);
  }

  test('because the data folder cannot be written says so in one line', async () => {
    const machine = new Machine();
    machine.configure(CONFIG);
    machine.files.fault = ({ kind, path }) =>
      kind === 'replace' && path.startsWith('/data') ? { code: 'EACCES' } : undefined;
    const tocsin = await machine.load();
    const failure = await tocsin.start().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'TOCSIN_ERR_DATA_FOLDER' });
    expect((failure as Error).message).toMatch(
      /^the data folder \/data cannot be written \(.*EACCES\); make it writable .* --storage\.tsdb\.path$/,
    );
    await expectNothingLeft(machine);
  });

  test('because another process has the folder', async () => {
    const machine = new Machine();
    machine.configure(CONFIG);
    // A living process' lock: the machine's second run asks whether its first one lives.
    const first = await machine.boot();
    const second = await machine.load();
    const identity = Object.assign(second.ports.process, { isAlive: () => true });
    expect(identity.isAlive()).toBe(true);
    await expect(machine.drive(second.start())).rejects.toMatchObject({ code: 'TOCSIN_ERR_DATA_FOLDER' });
    expect(machine.openDatabases).toBe(1);
    await machine.drive(first.stop());
    expect(machine.openDatabases).toBe(0);
  });

  test('because the log of samples cannot be opened', async () => {
    const machine = new Machine();
    machine.configure(CONFIG);
    machine.files.fault = ({ kind, path }) =>
      kind === 'open' && path.includes('/wal') ? { code: 'EIO' } : undefined;
    const tocsin = await machine.load();
    await expect(machine.drive(tocsin.start())).rejects.toThrow('EIO');
    await expectNothingLeft(machine);
  });

  test('because a notification template is broken', async () => {
    const machine = new Machine();
    machine.files.put('/etc/tocsin/own.tmpl', '{{ define "x" }}');
    machine.configure({ ...BASE, alertmanager: { ...TO_HOOK, templates: ['own.tmpl'] } });
    const tocsin = await machine.load();
    await expect(machine.drive(tocsin.start())).rejects.toMatchObject({ code: 'TOCSIN_ERR_TEMPLATE' });
    expect(tocsin.rooms).toBeUndefined();
    machine.files.put('/etc/tocsin/own.tmpl', '');
    await expectNothingLeft(machine);
  });

  test('because the state cannot be read', async () => {
    const machine = new Machine();
    machine.configure(CONFIG);
    const tocsin = await machine.boot();
    await machine.drive(tocsin.stop());
    machine.database.exec('ALTER TABLE silences RENAME TO lost');
    await expect(machine.boot()).rejects.toMatchObject({ code: 'TOCSIN_ERR_STATE' });
    machine.database.exec('ALTER TABLE lost RENAME TO silences');
    await expectNothingLeft(machine);
  });
});
