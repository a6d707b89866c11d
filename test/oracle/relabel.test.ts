import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, stopProcess, waitFor, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { relabelRules, targetLabels } from '../support/relabel-arbitrary.ts';
import { ScrapeWorld } from '../unit/scrape/scrape-world.ts';

/**
 * Generated relabel rules over generated targets, through Debian's Prometheus 2.42 and through ours: the same targets are
 * kept with the same labels and URLs, the same ones dropped. Names are of the old characters, as 2.42 has them.
 */

const JOBS = 150;
const TARGETS = 6;

interface TargetsAnswer {
  readonly data: {
    readonly activeTargets: readonly {
      readonly discoveredLabels: Record<string, string>;
      readonly labels: Record<string, string>;
      readonly scrapePool: string;
      readonly scrapeUrl: string;
    }[];
    readonly droppedTargets: readonly { readonly discoveredLabels: Record<string, string> }[];
  };
}

/** Jobs with their rules and targets; what a target is called before relabelling is its own in all jobs. */
function makeJobs(): { readonly name: string; readonly fields: object }[] {
  const lists = fc.sample(relabelRules, { numRuns: JOBS, seed: 42 });
  const labels = fc.sample(targetLabels, { numRuns: JOBS * TARGETS, seed: 43 });
  return lists.map((rules, i) => {
    const name = `job-${i}`;
    const groups = Array.from({ length: TARGETS }, (_, t) => ({
      targets: [`host-${i}-${t}:9000`],
      labels: labels[i * TARGETS + t]!,
    }));
    return { name, fields: { job_name: name, relabel_configs: rules, static_configs: groups } };
  });
}

/**
 * A target as a line. A label without name, which labelmap makes of names that it replaces by nothing, is none here.
 * Before relabelling only the address is looked at: 2.42 shows changed labels there as well.
 */
function activeText(url: string, labels: Record<string, string>, discovered: Record<string, string>): string {
  const names = Object.keys(labels)
    .filter((name) => name !== '')
    .sort();
  return `${discovered['__address__']} ${url} ${JSON.stringify(names.map((name) => [name, labels[name]]))}`;
}

describe.skipIf(!hasProgram('prometheus'))('relabelling as Prometheus does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-relabel-'));
  const jobs = makeJobs();
  const world = new ScrapeWorld();
  let child: ChildProcess;
  let theirs: TargetsAnswer['data'];

  beforeAll(async () => {
    const times = { scrape_interval: '1h', scrape_timeout: '1m' };
    const scrapeConfigs = jobs.map(({ fields }) => fields);
    const config = (global: object): string => JSON.stringify({ global, scrape_configs: scrapeConfigs });
    const file = join(folder, 'prometheus.yml');
    writeFileSync(file, config(times));
    const port = await freePort();
    const base = `http://127.0.0.1:${port}`;
    child = spawn(
      'prometheus',
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--enable-feature=no-default-scrape-port',
        '--log.level=error',
      ],
      { stdio: 'ignore' },
    );
    await waitForReady(`${base}/-/ready`, child);
    await world.apply(config({ ...times, metric_name_validation_scheme: 'legacy' }));
    await world.pass(10);
    const count = (data: TargetsAnswer['data']): number =>
      data.activeTargets.length + data.droppedTargets.length;
    let before = -1;
    theirs = await waitFor('targets of Prometheus', 30_000, async () => {
      const answer = (await (await fetch(`${base}/api/v1/targets`)).json()) as TargetsAnswer;
      const isSteady = count(answer.data) === before && before > 0;
      before = count(answer.data);
      return isSteady ? answer.data : undefined;
    });
  }, 60_000);

  afterAll(async () => {
    await world.manager.stop();
    await stopProcess(child);
    rmSync(folder, { recursive: true, force: true });
  });

  const names = jobs.map(({ name }) => name);

  test.each(names)('%s', (name) => {
    const ours = world.manager.targets();
    const active = ours.active
      .filter((target) => target.scrapePool === name)
      .map((target) =>
        activeText(target.scrapeUrl, target.labels.toObject(), target.discoveredLabels.toObject()),
      );
    const theirActive = theirs.activeTargets
      .filter((target) => target.scrapePool === name)
      .map((target) => activeText(target.scrapeUrl, target.labels, target.discoveredLabels));
    expect(active.sort()).toEqual(theirActive.sort());
    const dropped = ours.dropped
      .filter((target) => target.scrapePool === name)
      .map(({ discoveredLabels }) => discoveredLabels.get('__address__'));
    const theirDropped = theirs.droppedTargets
      .map(({ discoveredLabels }) => discoveredLabels['__address__']!)
      .filter((address) => address.startsWith(`${name.replace('job', 'host')}-`));
    expect(dropped.sort()).toEqual(theirDropped.sort());
  });

  test('the rules keep some targets, drop some, and change most', () => {
    expect(theirs.activeTargets.length).toBeGreaterThan(200);
    expect(theirs.droppedTargets.length).toBeGreaterThan(100);
    const given = new Map(
      world.manager.targets().active.map((one) => [one.discoveredLabels.get('__address__'), one]),
    );
    const changed = [...given.values()].filter(({ labels, discoveredLabels }) =>
      [...labels].some(([name, value]) => name !== 'instance' && discoveredLabels.get(name) !== value),
    );
    expect(changed.length).toBeGreaterThan(given.size / 3);
  });
});
