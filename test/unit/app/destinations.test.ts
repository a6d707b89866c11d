import { describe, expect, test } from 'vitest';
import { BASE, Machine, START_MS, TO_HOOK, told } from './machine.ts';

const OUTSIDE = { alertmanagers: [{ static_configs: [{ targets: ['outside:9093'] }] }] };
const SAID = 'Alerts go to the embedded Alertmanager and to those of alerting.alertmanagers';

/** A machine whose model fails from the start, with a webhook and an Alertmanager outside that listen. */
function failing(): {
  machine: Machine;
  hook: ReturnType<Machine['listen']>;
  outside: ReturnType<Machine['listen']>;
} {
  const machine = new Machine();
  machine.errorRatio = 0.5;
  return { machine, hook: machine.listen('hook'), outside: machine.listen('outside:9093') };
}

describe('where alerts go', () => {
  test('the file that --alertmanager.config.file names', async () => {
    const { machine, hook } = failing();
    machine.configure(BASE);
    machine.files.put('/etc/alertmanager.yml', JSON.stringify(TO_HOOK));
    const tocsin = await machine.boot({ alertmanagerConfigFile: '/etc/alertmanager.yml' });
    await machine.clock.advanceBy(120_000);
    expect(told(hook)).toEqual(['firing HighErrors']);
    expect(tocsin.config.alertmanager?.source).toBe('file');
    expect(machine.printed).toBe('');
    expect(machine.logged(SAID)).toBe(0);
  });

  test('the key alertmanager', async () => {
    const { machine, hook } = failing();
    machine.configure({ ...BASE, alertmanager: TO_HOOK });
    const tocsin = await machine.boot();
    await machine.clock.advanceBy(120_000);
    expect(told(hook)).toEqual(['firing HighErrors']);
    expect(tocsin.config.alertmanager?.source).toBe('key');
    expect(machine.printed).toBe('');
  });

  test('both are refused, naming the place', async () => {
    const { machine } = failing();
    machine.configure({ ...BASE, alertmanager: TO_HOOK });
    machine.files.put('/etc/alertmanager.yml', JSON.stringify(TO_HOOK));
    await expect(machine.load({ alertmanagerConfigFile: '/etc/alertmanager.yml' })).rejects.toThrow(
      /tocsin\.yml:\d+:\d+: both the key "alertmanager" and --alertmanager\.config\.file=\/etc\/alertmanager\.yml are given/,
    );
  });

  test('neither: the console, grouped by alertname and model', async () => {
    const { machine } = failing();
    machine.network.serve('model:8000', () => ({
      status: 200,
      headers: { 'content-type': 'text/plain' },
      body: 'error_ratio{model="a"} 1\nerror_ratio{model="b",part="1"} 1\nerror_ratio{model="b",part="2"} 1\n',
    }));
    machine.configure(BASE);
    const tocsin = await machine.boot();
    await machine.clock.advanceBy(120_000);
    expect(tocsin.config.alertmanager?.source).toBe('built-in');
    expect(machine.printed).toContain('HighErrors model=a');
    expect(machine.printed).toContain('HighErrors model=b');
    const groups = await tocsin.rooms!.alertSide!.plane.groups({}, machine.clock.nowMs());
    expect(groups.map(({ group }) => group.labels.toObject())).toEqual([
      { alertname: 'HighErrors', model: 'a' },
      { alertname: 'HighErrors', model: 'b' },
    ]);
  });

  test('alerting.alertmanagers alone: nothing embedded', async () => {
    const { machine, outside } = failing();
    machine.configure({ ...BASE, alerting: OUTSIDE });
    const tocsin = await machine.boot();
    await machine.clock.advanceBy(60_000);
    expect(tocsin.rooms!.alertSide).toBeUndefined();
    expect(told(outside)).toEqual(['HighErrors']);
    expect(machine.printed).toBe('');
    expect(machine.logged(SAID)).toBe(0);
  });

  test('both exist: both get them, said once', async () => {
    const { machine, hook, outside } = failing();
    machine.configure({ ...BASE, alertmanager: TO_HOOK, alerting: OUTSIDE });
    const tocsin = await machine.boot();
    await machine.clock.advanceBy(60_000);
    await machine.drive(tocsin.reload());
    await machine.clock.advanceBy(30_000);
    expect(told(hook)).toEqual(['firing HighErrors']);
    expect(new Set(told(outside))).toEqual(new Set(['HighErrors']));
    expect(machine.logged(SAID)).toBe(1);
  });
});

describe('external labels and alert_relabel_configs', () => {
  const global = {
    ...BASE.global,
    external_labels: { cluster: 'eu', severity: 'from outside', replica: 'r1' },
  };
  const alert_relabel_configs = [
    { action: 'labeldrop', regex: 'replica' },
    { source_labels: ['cluster'], target_label: 'region', replacement: '$1-west' },
    { source_labels: ['alertname'], regex: 'Noise', action: 'drop' },
  ];

  test('hold for the embedded store and outside, not for what the rules show', async () => {
    const { machine, hook, outside } = failing();
    machine.files.put(
      '/etc/tocsin/rules.yml',
      `groups:
  - name: models
    rules:
      - { alert: HighErrors, expr: error_ratio > 0.3, labels: { severity: critical } }
      - { alert: Noise, expr: error_ratio > 0.3 }
`,
    );
    machine.configure({
      ...BASE,
      global,
      alertmanager: TO_HOOK,
      alerting: { ...OUTSIDE, alert_relabel_configs },
    });
    const tocsin = await machine.boot();
    await machine.clock.advanceBy(50_000);
    const sent = {
      alertname: 'HighErrors',
      cluster: 'eu',
      instance: 'model:8000',
      job: 'models',
      region: 'eu-west',
      severity: 'critical',
    };
    expect(hook[0]?.alerts.map(({ labels }) => labels)).toEqual([sent]);
    expect(outside[0]?.alerts.map(({ labels }) => labels)).toEqual([sent]);
    expect(tocsin.rooms!.alertSide!.plane.store.list().map(({ labels }) => labels.toObject())).toEqual([
      sent,
    ]);
    const own = { instance: 'model:8000', job: 'models' };
    expect(tocsin.rooms!.rules.activeAlerts().map(({ labels }) => labels.toObject())).toEqual([
      { ...own, alertname: 'HighErrors', severity: 'critical' },
      { ...own, alertname: 'Noise' },
    ]);
    const { value } = await tocsin.rooms!.queries.engine.instant(
      'ALERTS{alertname="HighErrors"}',
      START_MS + 50_000,
    );
    expect(value.type === 'vector' && value.samples.map(({ labels }) => labels.get('cluster'))).toEqual(['']);
  });

  test('follow a reload', async () => {
    const { machine, hook } = failing();
    machine.configure({ ...BASE, alertmanager: TO_HOOK });
    const tocsin = await machine.boot();
    await machine.clock.advanceBy(5000);
    machine.configure({ ...BASE, global, alertmanager: TO_HOOK, alerting: { alert_relabel_configs } });
    await machine.drive(tocsin.reload());
    await machine.clock.advanceBy(90_000);
    expect(hook[0]?.alerts[0]?.labels).toMatchObject({
      cluster: 'eu',
      region: 'eu-west',
      severity: 'critical',
    });
  });
});
