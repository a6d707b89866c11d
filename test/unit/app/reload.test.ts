import { beforeEach, describe, expect, test } from 'vitest';
import type { Tocsin } from '../../../src/app/tocsin.ts';
import { type Arrival, BASE, CONFIG_FILE, Machine, RULES, START_MS, TO_HOOK, told } from './machine.ts';

const RULES_FILE = '/etc/tocsin/rules.yml';
const TEMPLATE_FILE = '/etc/tocsin/own.tmpl';

/** `alertmanager:` with a template file of its own. */
const WITH_TEMPLATE = { ...TO_HOOK, templates: ['own.tmpl'] };
const CONFIG = { ...BASE, alertmanager: WITH_TEMPLATE };

async function metric(tocsin: Tocsin, name: string): Promise<number | undefined> {
  const values = (await tocsin.registry.getSingleMetric(name)?.get())?.values;
  return values?.[0]?.value;
}

/** Everything of a running tocsin that a reload may change. */
function shape(tocsin: Tocsin): object {
  const { rules, scrape, alertSide } = tocsin.rooms!;
  return {
    config: tocsin.config,
    groups: rules.groups().map(({ name, rules: list }) => [name, list.map((rule) => rule.query)]),
    pools: scrape.scrapePools(),
    targets: scrape.targets().active.map(({ scrapeUrl }) => scrapeUrl),
    route: alertSide!.plane.route,
    active: rules.activeAlerts().map(({ labels, activeAtMs }) => [labels.key, activeAtMs]),
  };
}

describe('a reload', () => {
  let machine: Machine;
  let hook: Arrival[];
  let tocsin: Tocsin;

  beforeEach(async () => {
    machine = new Machine();
    hook = machine.listen('hook');
    machine.files.put(TEMPLATE_FILE, '{{ define "own" }}fine{{ end }}');
    machine.configure(CONFIG);
    tocsin = await machine.boot();
    await machine.clock.advanceBy(45_000);
  });

  const bad: readonly (readonly [string, string, string, RegExp])[] = [
    ['broken YAML', CONFIG_FILE, '{"global": [', /tocsin\.yml:1:\d+: /],
    ['an unknown key', CONFIG_FILE, JSON.stringify({ ...CONFIG, scrape_confgs: [] }), /scrape_configs/],
    ['a bad expression', RULES_FILE, RULES.replace('error_ratio > 0.3', '"rate("'), /rules\.yml:\d+:\d+: /],
    ['a bad rule template', RULES_FILE, RULES.replace('critical', '"{{ .X"'), /rules\.yml:/],
    ['an empty rule file name', RULES_FILE, 'groups: [{ name: "" }]', /rules\.yml:/],
    ['a bad notification template', TEMPLATE_FILE, '{{ define "own" }}{{ end', /own\.tmpl/],
    [
      'an unknown receiver',
      CONFIG_FILE,
      JSON.stringify({ ...CONFIG, alertmanager: { ...WITH_TEMPLATE, receivers: [] } }),
      /undefined receiver "hook"/,
    ],
    [
      'a bad receiver',
      CONFIG_FILE,
      JSON.stringify({
        ...CONFIG,
        alertmanager: { ...WITH_TEMPLATE, receivers: [{ name: 'hook', webhook_configs: [{ url: 'x' }] }] },
      }),
      /tocsin\.yml:\d+:\d+: .*not a valid URL/,
    ],
    [
      'a bad scrape config',
      CONFIG_FILE,
      JSON.stringify({ ...CONFIG, scrape_configs: [{ job_name: 'm', scrape_timeout: '1h' }] }),
      /tocsin\.yml:\d+:\d+: .*timeout/,
    ],
  ];

  test.each(bad)('with %s leaves everything as it was', async (_what, path, text, message) => {
    machine.errorRatio = 0.5;
    await machine.clock.advanceBy(20_000);
    const before = shape(tocsin);
    // All of this would change too if a part of the configuration were taken.
    machine.configure({
      ...CONFIG,
      global: { ...BASE.global, external_labels: { cluster: 'eu' } },
      scrape_configs: [{ job_name: 'others', static_configs: [{ targets: ['other:1'] }] }],
      alertmanager: { ...WITH_TEMPLATE, route: { ...TO_HOOK.route, group_by: ['job'] } },
    });
    machine.files.put(path, text);
    await expect(machine.drive(tocsin.reload())).rejects.toThrow(message);
    expect(shape(tocsin)).toEqual(before);
    expect(tocsin.lastReload).toEqual({ ok: false, atMs: START_MS });
    expect(await metric(tocsin, 'prometheus_config_last_reload_successful')).toBe(0);
    expect(await metric(tocsin, 'alertmanager_config_last_reload_successful')).toBe(0);
    expect(machine.logged('Loading the configuration failed; the old one stays')).toBe(1);
    // And it goes on working: the alert fires and is told under the old labels.
    await machine.clock.advanceBy(60_000);
    expect(told(hook)).toEqual(['firing HighErrors']);
    expect(hook[0]!.alerts[0]!.labels).not.toHaveProperty('cluster');
    // A good one repairs it.
    machine.configure(CONFIG);
    machine.files.put(RULES_FILE, RULES);
    machine.files.put(TEMPLATE_FILE, '{{ define "own" }}better{{ end }}');
    const nowMs = machine.clock.nowMs();
    await machine.drive(tocsin.reload());
    expect(tocsin.lastReload).toEqual({ ok: true, atMs: nowMs });
    expect(await metric(tocsin, 'prometheus_config_last_reload_successful')).toBe(1);
  });

  test('with good files changes rules, routes and targets', async () => {
    const other = machine.listen('other-hook');
    machine.network.serve('other:1', () => ({
      status: 200,
      headers: { 'content-type': 'text/plain' },
      body: 'error_ratio 0.9\n',
    }));
    machine.files.put(RULES_FILE, RULES.replace('HighErrors', 'Renamed').replace('30s', '10s'));
    machine.configure({
      ...BASE,
      scrape_configs: [{ job_name: 'others', static_configs: [{ targets: ['other:1'] }] }],
      alertmanager: {
        route: { ...TO_HOOK.route, receiver: 'other', group_by: ['job'] },
        receivers: [{ name: 'other', webhook_configs: [{ url: 'http://other-hook/' }] }],
      },
    });
    await machine.drive(tocsin.reload());
    await machine.clock.advanceBy(60_000);
    expect(tocsin.rooms!.scrape.scrapePools()).toEqual(['others']);
    expect(told(other)).toEqual(['firing Renamed']);
    expect(hook).toEqual([]);
    // The series of the target that is gone have ended.
    const { value } = await tocsin.rooms!.queries.engine.instant('up', machine.clock.nowMs());
    expect(value.type === 'vector' && value.samples.map(({ labels }) => labels.get('job'))).toEqual([
      'others',
    ]);
  });

  test('leaves jobs and groups that did not change alone: no scrape and no evaluation is lost or moved', async () => {
    const untouched = new Machine();
    untouched.configure(CONFIG);
    untouched.files.put(TEMPLATE_FILE, '');
    const twin = await untouched.boot();
    await untouched.clock.advanceBy(45_000);
    for (let i = 0; i < 7; i++) {
      machine.configure({
        ...CONFIG,
        scrape_configs: [
          ...BASE.scrape_configs,
          { job_name: `extra${i}`, static_configs: [{ targets: ['x:1'] }] },
        ],
      });
      await machine.drive(tocsin.reload());
      await machine.clock.advanceBy(3000);
      await untouched.clock.advanceBy(3000);
    }
    expect(machine.scrapes).toBe(untouched.scrapes);
    const times = (of: Tocsin): unknown =>
      of.rooms!.rules.groups().map(({ lastEvaluationMs }) => lastEvaluationMs);
    expect(times(tocsin)).toEqual(times(twin));
  });

  test('keeps the `for` state of a rule whose group changed', async () => {
    machine.errorRatio = 0.5;
    await machine.clock.advanceBy(20_000);
    const [before] = tocsin.rooms!.rules.activeAlerts();
    expect(before).toMatchObject({ state: 'pending' });
    machine.files.put(RULES_FILE, `${RULES}      - { record: worst, expr: max(error_ratio) }\n`);
    await machine.drive(tocsin.reload());
    await machine.clock.advanceBy(25_000);
    expect(tocsin.rooms!.rules.activeAlerts()).toMatchObject([
      { state: 'firing', activeAtMs: before!.activeAtMs },
    ]);
    const { value } = await tocsin.rooms!.queries.engine.instant('worst', machine.clock.nowMs());
    expect(value).toMatchObject({ samples: [{ value: 0.5 }] });
  });

  test('tells nothing twice and loses no repeat of what was told', async () => {
    machine.errorRatio = 0.5;
    await machine.clock.advanceBy(90_000);
    for (let i = 0; i < 3; i++) {
      machine.configure({ ...CONFIG, alertmanager: { ...WITH_TEMPLATE, inhibit_rules: Array(i).fill({}) } });
      await machine.drive(tocsin.reload());
      await machine.clock.advanceBy(70_000);
    }
    expect(told(hook)).toEqual(['firing HighErrors']);
    machine.errorRatio = 0;
    await machine.clock.advanceBy(120_000);
    expect(told(hook)).toEqual(['firing HighErrors', 'resolved HighErrors']);
  });

  test('that would switch the embedded Alertmanager off is refused', async () => {
    machine.configure({
      ...BASE,
      alerting: { alertmanagers: [{ static_configs: [{ targets: ['outside:9093'] }] }] },
    });
    const before = shape(tocsin);
    await expect(machine.drive(tocsin.reload())).rejects.toThrow(/switched off; that needs a restart/);
    expect(shape(tocsin)).toEqual(before);
  });

  test('runs after the one before, and not after the stop', async () => {
    const first = tocsin.reload();
    machine.files.put(CONFIG_FILE, '[');
    const second = tocsin.reload();
    const ends = await machine.drive(Promise.allSettled([first, second]));
    expect(ends.map(({ status }) => status)).toContain('rejected');
    expect(tocsin.lastReload.ok).toBe(false);
    await machine.drive(tocsin.stop());
    await expect(tocsin.reload()).rejects.toThrow('tocsin is not running');
  });

  test('filesChanged sees every file that the configuration names', async () => {
    expect(await tocsin.filesChanged()).toBe(false);
    machine.files.put(TEMPLATE_FILE, 'other');
    expect(await tocsin.filesChanged()).toBe(true);
    await machine.drive(tocsin.reload());
    expect(await tocsin.filesChanged()).toBe(false);
    machine.files.put(RULES_FILE, 'groups: []');
    expect(await tocsin.filesChanged()).toBe(true);
    machine.files.put(RULES_FILE, 'groups: [');
    expect(await tocsin.filesChanged()).toBeUndefined();
  });
});
