import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DATA_END_MS, makeData } from '../fuzz/promql/data.ts';
import { remoteWrite } from '../fuzz/promql/remote-write.ts';
import { TocsinProcess, getData, runTocsin } from '../support/tocsin.ts';

/** `tsdb create-blocks-from rules` against a running tocsin: every sample is what an evaluation at its time gives. */

const RULES = `
groups:
  - name: every half minute
    interval: 30s
    labels: { team: a }
    rules:
      - record: g:gauge:sum
        expr: sum by (g) (GAUGE)
        labels: { kind: sum }
      - alert: passed over
        expr: vector(1)
  - name: by default
    rules:
      - record: one
        expr: "1"
      - record: gauge:copy
        expr: GAUGE
        labels: { team: b }
`;

describe('tsdb create-blocks-from rules', () => {
  const data = makeData({ seed: 3, full: true });
  const gauge = data.find(({ samples }) => samples.every(({ histogram }) => histogram === undefined))!.labels
    .metricName;
  let folder: string;
  let tocsin: TocsinProcess;
  let url: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-rules-backfill-'));
    writeFileSync(join(folder, 'tocsin.yml'), 'global: {}\n');
    writeFileSync(join(folder, 'rules.yml'), RULES.replaceAll('GAUGE', gauge));
    tocsin = new TocsinProcess(
      [
        'serve',
        '--web.listen-address=127.0.0.1:0',
        '--storage.tsdb.path=data',
        '--storage.tsdb.retention.time=100y',
        '--web.enable-remote-write-receiver',
      ],
      { folder },
    );
    url = await tocsin.ready();
    await remoteWrite(url, data);
  });

  afterAll(async () => {
    await tocsin.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function create(...args: string[]): ReturnType<typeof runTocsin> {
    return runTocsin(['tsdb', 'create-blocks-from', 'rules', `--url=${url}`, ...args], { folder });
  }

  test('stores what the rules would have stored', async () => {
    const end = DATA_END_MS / 1000 + 600;
    const args = ['--start=300', `--end=${end}`, '--output-dir=blocks', '--eval-interval=2m', 'rules.yml'];
    const made = await create(...args);
    expect(made).toMatchObject({ code: 0, stdout: '' });
    // Two blocks: the data ends where the second begins.
    expect(made.messages).toEqual([
      expect.stringMatching(/^block \w{26}: \d+ samples up to 1970-01-01T01:59:/),
      expect.stringMatching(/^block \w{26}: \d+ samples up to 1970-01-01T02:0\d:/),
    ]);
    const { stdout } = await runTocsin(['tsdb', 'dump', 'blocks'], { folder });
    const found = new Map<string, Map<number, string>>();
    for (const line of stdout.trim().split('\n')) {
      const [, series, value, time] = /^(\{.*\}) (\S+) (\d+)$/.exec(line)!;
      const samples = found.get(series!) ?? new Map<number, string>();
      found.set(series!, samples.set(Number(time), value!));
    }
    const names = new Set([...found.keys()].map((series) => /__name__="([^"]*)"/.exec(series)![1]));
    expect(names).toEqual(new Set(['g:gauge:sum', 'gauge:copy', 'one']));
    const one = found.get('{__name__="one"}')!;
    const times = [...one.keys()];
    expect(times.every((time, i) => i === 0 || time - times[i - 1]! === 120_000)).toBe(true);
    expect(times[0]).toBeGreaterThanOrEqual(300_000);
    expect(end * 1000 - times.at(-1)!).toBeLessThan(120_000);
    expect(times[0]! - 300_000).toBeLessThan(120_000);
    const sums = [...found].filter(([series]) => series.includes('g:gauge:sum'));
    expect(sums.length).toBeGreaterThanOrEqual(1);
    const copies = [...found].filter(([series]) => series.includes('gauge:copy'));
    expect(copies.length).toBe(new Set(data.filter(({ labels }) => labels.metricName === gauge)).size);
    for (const [series, samples] of copies) {
      expect(series).toContain('team="b"');
      const selector = series.replace('__name__="gauge:copy", ', '').replace(/,? ?team="b"/, '');
      const [first] = samples.keys();
      const query = encodeURIComponent(`${gauge}${selector}`);
      const range = `start=${first! / 1000}&end=${end}&step=120`;
      const { result } = await getData<{ result: { values: [number, string][] }[] }>(
        `${url}/api/v1/query_range?query=${query}&${range}`,
      );
      const wanted = result[0]!.values.map(([seconds, value]) => [Math.round(seconds * 1000), Number(value)]);
      expect([...samples].map(([tMs, value]) => [tMs, Number(value)])).toEqual(wanted);
    }
  });

  test('says what it cannot do', async () => {
    expect(await create('rules.yml')).toMatchObject({
      code: 1,
      messages: ['tocsin: required flag --start not provided'],
    });
    expect(await create('--start=10', '--end=5', 'rules.yml')).toMatchObject({
      messages: ['tocsin: start time is not before end time'],
    });
    expect(await create('--start=10')).toMatchObject({
      messages: ["tocsin: required argument 'rule-files' not provided"],
    });
    writeFileSync(
      join(folder, 'double.yml'),
      `groups: [{ name: g, rules: [{ record: a, expr: "1" }, { record: a, expr: "2" }, { record: b, expr: "{a='b'} / on(a) group_left {b='c'}" }] }]`,
    );
    const { code, messages } = await create('--start=10', '--end=500', '--output-dir=bad', 'double.yml');
    expect([code, messages]).toEqual([
      1,
      [
        'rule importer error: double.yml, group g, rule a: series a comes from rule a of group g too',
        expect.stringMatching(/^block /),
        'tocsin: error importing rules',
      ],
    ]);
  });
});
