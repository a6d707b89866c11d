import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerBadly } from '../support/hostile-targets.ts';
import { type TestServer, serveHttp } from '../support/http-server.ts';
import { freePort, waitFor } from '../support/processes.ts';
import { TocsinProcess, getData, getJson, postJson, runTocsin } from '../support/tocsin.ts';

const ANY_PORT = '--web.listen-address=127.0.0.1:0';

function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'tocsin-bad-'));
}

function yaml(...lines: string[]): string {
  return `${lines.join('\n')}\n`;
}

/** What is wrong with a start, and the whole of what it says about it. */
interface BadStart {
  readonly name: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly says: readonly string[];
}

const SERVE = ['serve', ANY_PORT, '--config.file=tocsin.yml', '--storage.tsdb.path=data'];

const RULES = yaml(
  'groups:',
  '  - name: models',
  '    rules:',
  '      - alert: Slow',
  '        expr: sum by (model) (up) > > 1',
);

const BAD_CONFIGURATION: readonly BadStart[] = [
  {
    name: 'broken YAML',
    files: { 'tocsin.yml': yaml('global:', '  scrape_interval: [1s', 'scrape_configs: []') },
    args: SERVE,
    says: [
      'tocsin: tocsin.yml:3:1: not valid YAML: flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  },
  {
    name: 'a tab where YAML wants spaces',
    files: { 'tocsin.yml': 'global:\n\tscrape_interval: 1s\n' },
    args: SERVE,
    says: ['tocsin: tocsin.yml:2:1: not valid YAML: tabs are not allowed as indentation'],
  },
  {
    name: 'an unknown key',
    files: { 'tocsin.yml': yaml('global:', '  scrape_intervall: 1s') },
    args: SERVE,
    says: [
      'tocsin: tocsin.yml:2:3: unknown key "scrape_intervall" in global; did you mean "scrape_interval"?',
    ],
  },
  {
    name: 'bad PromQL in a rule file',
    files: { 'tocsin.yml': 'rule_files: [rules.yml]\n', 'rules.yml': RULES },
    args: SERVE,
    says: [
      'tocsin: rules.yml:5:37: group "models", rule 1, "Slow": could not parse expression: 1:23: parse error: unexpected <op:>>',
      '            expr: sum by (model) (up) > > 1',
      `${' '.repeat(40)}^`,
    ],
  },
  {
    name: 'two jobs of one name',
    files: { 'tocsin.yml': yaml('scrape_configs:', '  - job_name: a', '  - job_name: a') },
    args: SERVE,
    says: ['tocsin: tocsin.yml:3:15: found multiple scrape configs with job name "a"'],
  },
  {
    name: 'a route to a receiver that is not there',
    files: {
      'tocsin.yml': '{}\n',
      'alertmanager.yml': yaml(
        'route:',
        '  receiver: team',
        '  routes:',
        '    - receiver: nobody',
        'receivers:',
        '  - name: team',
      ),
    },
    args: [...SERVE, '--alertmanager.config.file=alertmanager.yml'],
    says: ['tocsin: alertmanager.yml:4:17: undefined receiver "nobody" used in route'],
  },
  {
    name: 'two Alertmanager configurations',
    files: {
      'tocsin.yml': yaml('global: {}', 'alertmanager:', '  route: {receiver: a}', '  receivers: [{name: a}]'),
      'alertmanager.yml': yaml('route: {receiver: a}', 'receivers: [{name: a}]'),
    },
    args: [...SERVE, '--alertmanager.config.file=alertmanager.yml'],
    says: [
      'tocsin: tocsin.yml:2:1: both the key "alertmanager" and --alertmanager.config.file=alertmanager.yml are given; remove one',
    ],
  },
  {
    name: 'a key of a later version',
    files: { 'tocsin.yml': yaml('tracing:', '  endpoint: localhost:4317') },
    args: SERVE,
    says: ['tocsin: tocsin.yml:1:1: key "tracing" is not in this version'],
  },
  {
    name: 'start timestamps in chunks that cannot have them',
    files: { 'tocsin.yml': yaml('global: {}') },
    args: [...SERVE, '--enable-feature=st-storage'],
    says: [
      'tocsin: tocsin.yml: float chunk encoding "xor" is incompatible with start-timestamp storage (--enable-feature=st-storage): XOR chunks do not store start timestamps; set storage.tsdb.chunk_encoding.floats to "xor2"',
    ],
  },
  {
    name: 'several problems at once, a line for each',
    files: {
      'tocsin.yml': yaml(
        'rule_files: [rules.yml]',
        'scrape_configs:',
        '  - job_name: a',
        '    scrape_timeout: 2m',
        '  - job_name: a',
      ),
      'rules.yml': RULES,
    },
    args: SERVE,
    says: [
      'tocsin: tocsin.yml:4:21: scrape timeout greater than scrape interval for scrape config with job name "a"',
      'tocsin: tocsin.yml:5:15: found multiple scrape configs with job name "a"',
      'tocsin: rules.yml:5:37: group "models", rule 1, "Slow": could not parse expression: 1:23: parse error: unexpected <op:>>',
      '            expr: sum by (model) (up) > > 1',
      `${' '.repeat(40)}^`,
    ],
  },
  {
    name: 'a configuration file that is not there',
    args: SERVE,
    says: ['tocsin: cannot read tocsin.yml: no such file or directory'],
  },
  {
    name: 'no configuration at all',
    args: ['serve', ANY_PORT],
    says: [
      'tocsin: there is neither tocsin.yml nor prometheus.yml in this folder: name a file with --config.file, or run "tocsin demo" to see tocsin at work',
    ],
  },
];

const BAD_COMMAND_LINES: readonly BadStart[] = [
  {
    name: 'an unknown flag',
    args: ['serve', '--web.listen-adress=127.0.0.1:0'],
    says: ["tocsin: unknown long flag '--web.listen-adress'; did you mean '--web.listen-address'?"],
  },
  {
    name: 'a flag of a later version',
    args: ['serve', '--web.config.file=web.yml'],
    says: ["tocsin: flag '--web.config.file' is not in this version of tocsin"],
  },
  {
    name: 'a feature of a later version',
    args: ['serve', '--enable-feature=otlp-write-receiver'],
    says: ['tocsin: --enable-feature=otlp-write-receiver is not in this version of tocsin'],
  },
  {
    name: 'an unknown command',
    args: ['srve'],
    says: ['tocsin: unknown command srve; did you mean serve?'],
  },
  {
    name: 'a command of a later version',
    args: ['backtest'],
    says: ['tocsin: command backtest is not in this version of tocsin'],
  },
  {
    name: 'a bad duration',
    args: ['serve', '--query.timeout=soon'],
    says: ['tocsin: flag \'--query.timeout\': not a valid duration string: "soon" (write 30s, 5m, 1d …)'],
  },
];

const GOOD_FILES = { 'tocsin.yml': '{}\n', 'a-file': '' };

const BAD_PLACES: readonly BadStart[] = [
  {
    name: 'a file in place of the data folder',
    files: GOOD_FILES,
    args: [...SERVE, '--storage.tsdb.path=a-file'],
    says: [
      'tocsin: the data folder a-file cannot be written (create folder a-file/tocsin: not a directory); make it writable for this user or name another with --storage.tsdb.path',
    ],
  },
  {
    name: 'a data folder below a file',
    files: GOOD_FILES,
    args: [...SERVE, '--storage.tsdb.path=a-file/data'],
    says: [
      'tocsin: the data folder a-file/data cannot be written (create folder a-file/data/tocsin: not a directory); make it writable for this user or name another with --storage.tsdb.path',
    ],
  },
  {
    name: 'an address without port',
    files: GOOD_FILES,
    args: [...SERVE, '--web.listen-address=127.0.0.1'],
    says: ['tocsin: --web.listen-address=127.0.0.1 is not host:port; write for example 127.0.0.1:9090'],
  },
  {
    name: 'an address of another machine',
    files: GOOD_FILES,
    args: ['serve', '--config.file=tocsin.yml', '--web.listen-address=203.0.113.1:9090'],
    says: ['tocsin: cannot listen on 203.0.113.1:9090: this machine does not have that address'],
  },
];

describe.concurrent.each([...BAD_CONFIGURATION, ...BAD_COMMAND_LINES, ...BAD_PLACES])(
  'a start with $name',
  ({ files = {}, args, says }) => {
    test('says so and ends with 1', async () => {
      const folder = makeFolder();
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      const { code, stdout, messages } = await runTocsin(args, { folder });
      rmSync(folder, { recursive: true });
      expect({ code, stdout, messages }).toEqual({ code: 1, stdout: '', messages: says });
    });
  },
);

/** A server whose targets misbehave; `id` of a target is its path, or `unreachable`. */
describe('a running tocsin', () => {
  const folder = makeFolder();
  const configFile = join(folder, 'tocsin.yml');
  let targets: TestServer;
  let tocsin: TocsinProcess;
  let base = '';
  let config = '';

  beforeAll(async () => {
    targets = await serveHttp(answerBadly);
    const job = (name: string, ...more: string[]): string[] => [
      `  - job_name: ${name}`,
      `    metrics_path: /${name}`,
      `    static_configs: [{targets: ['${targets.address}']}]`,
      ...more,
    ];
    config = yaml(
      'global: {scrape_interval: 1s, scrape_timeout: 700ms}',
      'scrape_configs:',
      ...job('good'),
      ...['html', 'html-as-metrics', 'json', 'half', 'missing', 'cut', 'broken-gzip', 'slow'].flatMap(
        (name) => job(name),
      ),
      ...job('endless', '    body_size_limit: 1MB'),
      '  - job_name: unreachable',
      `    static_configs: [{targets: ['127.0.0.1:${await freePort()}']}]`,
      '  - job_name: nowhere',
      `    static_configs: [{targets: ['no.such.host.invalid:80']}]`,
    );
    writeFileSync(configFile, config);
    tocsin = new TocsinProcess(
      ['serve', ANY_PORT, '--config.file=tocsin.yml', '--storage.tsdb.path=data', '--web.enable-lifecycle'],
      { folder },
    );
    base = await tocsin.ready();
  });

  afterAll(async () => {
    await tocsin?.stop();
    await targets?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  interface Target {
    readonly scrapePool: string;
    readonly health: string;
    readonly lastError: string;
    readonly scrapeUrl: string;
  }

  async function allScraped(): Promise<Map<string, Target>> {
    return waitFor('a scrape of every target', 15_000, async () => {
      const { activeTargets } = await getData<{ activeTargets: Target[] }>(`${base}/api/v1/targets`);
      const done = activeTargets.length === 12 && activeTargets.every(({ health }) => health !== 'unknown');
      return done ? new Map(activeTargets.map((target) => [target.scrapePool, target])) : undefined;
    });
  }

  async function query(expr: string): Promise<[Record<string, string>, string][]> {
    const url = `${base}/api/v1/query?query=${encodeURIComponent(expr)}`;
    const { result } = await getData<{
      result: { metric: Record<string, string>; value: [number, string] }[];
    }>(url);
    return result.map(({ metric, value }) => [metric, value[1]]);
  }

  const LAST_ERRORS: Readonly<Record<string, RegExp>> = {
    html: /received unsupported Content-Type "text\/html" and no fallback_scrape_protocol specified/,
    json: /received unsupported Content-Type "application\/json" and no fallback_scrape_protocol specified/,
    'html-as-metrics': /expected .*<|invalid .*<|"<"/,
    half: /"?one/,
    missing: /server returned HTTP status 404 Not Found/,
    cut: /closed|EOF|cut|ended|terminated/i,
    'broken-gzip': /gzip|header/i,
    slow: /context deadline exceeded|timeout|no answer/i,
    endless: /body size limit exceeded/,
    unreachable: /connection refused/i,
    nowhere: /no such host/i,
  };

  test('says of every bad target what is wrong, and scrapes the good one', async () => {
    const found = await allScraped();
    expect(found.get('good')).toMatchObject({ health: 'up', lastError: '' });
    for (const [name, pattern] of Object.entries(LAST_ERRORS)) {
      expect.soft(found.get(name), name).toMatchObject({ health: 'down' });
      expect.soft(found.get(name)?.lastError, name).toMatch(pattern);
      expect.soft(found.get(name)?.lastError, name).not.toMatch(/\n|^Error|undefined|    at /);
    }
  });

  test('gives bad targets up 0, keeps nothing of their pages, and serves the neighbours', async () => {
    await allScraped();
    const up = await waitFor('up of every target', 10_000, async () => {
      const found = Object.fromEntries((await query('up')).map(([{ job = '' }, value]) => [job, value]));
      return Object.keys(found).length === 12 ? found : undefined;
    });
    const down = Object.keys(LAST_ERRORS).map((job) => [job, '0']);
    expect(up).toEqual(Object.fromEntries([...down, ['good', '1']]));
    expect(await query('good_total')).toMatchObject([[{ job: 'good' }, '1']]);
    expect(await query('{__name__=~"first_total|second_total"}')).toEqual([]);
  });

  async function expectAlive(): Promise<void> {
    expect((await fetch(`${base}/-/ready`)).status).toBe(200);
    expect(await query('vector(1)')).toEqual([[{}, '1']]);
  }

  const named = { labels: { alertname: 'A' } };
  const BAD_ALERTS: readonly (readonly [name: string, body: unknown, status: number, says: RegExp])[] = [
    ['garbage', '{{{', 400, /parsing alerts body from \\"\\" failed/],
    ['an object', {}, 400, /cannot unmarshal object into Go value of type models.PostableAlerts/],
    ['an alert without labels', [{}], 422, /0\.labels in body is required/],
    ['empty labels', [{ labels: {} }], 400, /at least one label pair required/],
    ['an empty label name', [{ labels: { '': 'x' } }], 400, /invalid name/],
    ['a label that is no text', [{ labels: { a: 1 } }], 400, /cannot unmarshal number/],
    ['a bad time', [{ ...named, startsAt: 'yesterday' }], 400, /parsing time \\"yesterday\\"/],
    [
      'an alert that ends before it starts',
      [{ ...named, startsAt: '2026-01-02T00:00:00Z', endsAt: '2026-01-01T00:00:00Z' }],
      400,
      /start time must be before end time/,
    ],
  ];

  test.each(BAD_ALERTS)('refuses alerts that are %s', async (_name, body, status, says) => {
    const response = await postJson(`${base}/api/v2/alerts`, body);
    expect([response.status, await response.text()]).toEqual([status, expect.stringMatching(says)]);
  });

  test('refuses alerts of another content type', async () => {
    const headers = { 'content-type': 'text/plain' };
    const response = await fetch(`${base}/api/v2/alerts`, { method: 'POST', headers, body: '[]' });
    expect([response.status, await response.text()]).toEqual([
      415,
      expect.stringMatching(/unsupported media type/),
    ]);
    expect(await getJson(`${base}/api/v2/alerts`)).toEqual([]);
  });

  const times = { startsAt: '2020-01-01T00:00:00Z', endsAt: '2090-01-01T00:00:00Z' };
  const silence = { ...times, createdBy: 'test', comment: 'test' };
  const matcher = { name: 'a', value: 'x', isRegex: false };
  const BAD_SILENCES: readonly (readonly [name: string, body: unknown, status: number, says: RegExp])[] = [
    ['garbage', 'nope', 400, /parsing silence body from \\"\\" failed/],
    ['no matchers', silence, 422, /matchers in body is required/],
    ['an empty list of matchers', { ...silence, matchers: [] }, 422, /should have at least 1 items/],
    [
      'a bad regular expression',
      { ...silence, matchers: [{ ...matcher, value: '(', isRegex: true }] },
      400,
      /missing closing \)/,
    ],
    [
      'a matcher that matches everything',
      { ...silence, matchers: [{ ...matcher, value: '' }] },
      400,
      /at least one matcher must not match the empty string/,
    ],
    [
      'a matcher without name',
      { ...silence, matchers: [{ ...matcher, name: '' }] },
      400,
      /invalid label name/,
    ],
    [
      'an end in the past',
      { ...silence, endsAt: '2020-01-02T00:00:00Z', matchers: [matcher] },
      400,
      /end time can't be in the past/,
    ],
    ['the id of no silence', { ...silence, id: 'nope', matchers: [matcher] }, 404, /silence not found/],
  ];

  test.each(BAD_SILENCES)('refuses a silence with %s', async (_name, body, status, says) => {
    const response = await postJson(`${base}/api/v2/silences`, body);
    expect([response.status, await response.text()]).toEqual([status, expect.stringMatching(says)]);
    expect(await getJson(`${base}/api/v2/silences`)).toEqual([]);
  });

  async function expectOldConfig(): Promise<void> {
    const { yaml: shown } = await getData<{ yaml: string }>(`${base}/api/v1/status/config`);
    expect(shown).toContain('job_name: good');
    expect((await allScraped()).size).toBe(12);
    const info = await getData<{ reloadConfigSuccess: boolean }>(`${base}/api/v1/status/runtimeinfo`);
    expect(info.reloadConfigSuccess).toBe(false);
    const metrics = await (await fetch(`${base}/metrics`)).text();
    expect(metrics).toMatch(/^prometheus_config_last_reload_successful 0$/m);
  }

  test('keeps its configuration when a reload over HTTP is bad, and says why', async () => {
    writeFileSync(configFile, 'global:\n  scrape_intervall: 1s\n');
    const response = await fetch(`${base}/-/reload`, { method: 'POST' });
    expect([response.status, await response.text()]).toEqual([
      500,
      'failed to reload config: tocsin.yml:2:3: unknown key "scrape_intervall" in global; did you mean "scrape_interval"?\n',
    ]);
    await expectOldConfig();
  });

  test('keeps its configuration when a reload by SIGHUP is bad, and logs why', async () => {
    writeFileSync(configFile, 'scrape_configs: {a\n');
    tocsin.child.kill('SIGHUP');
    await waitFor('a log line about the reload', 10_000, () =>
      Promise.resolve(/level=ERROR.*tocsin\.yml:2:1: not valid YAML/.test(tocsin.stderr) ? true : undefined),
    );
    await expectOldConfig();
  });

  test('takes a good configuration after bad ones', async () => {
    writeFileSync(configFile, config);
    expect((await fetch(`${base}/-/reload`, { method: 'POST' })).status).toBe(200);
    const metrics = await (await fetch(`${base}/metrics`)).text();
    expect(metrics).toMatch(/^prometheus_config_last_reload_successful 1$/m);
  });

  test('keeps others out of its data folder and off its port', async () => {
    const other = ['serve', '--config.file=tocsin.yml'];
    const sameFolder = await runTocsin([...other, ANY_PORT, '--storage.tsdb.path=data'], { folder });
    expect(sameFolder).toMatchObject({
      code: 1,
      messages: [
        `tocsin: the data folder data is in use by process ${tocsin.child.pid}: stop that one, or give this one its own --storage.tsdb.path`,
      ],
    });
    const { host } = new URL(base);
    const samePort = await runTocsin(
      [...other, `--web.listen-address=${host}`, '--storage.tsdb.path=data-2'],
      { folder },
    );
    expect(samePort).toMatchObject({
      code: 1,
      messages: [
        `tocsin: cannot listen on ${host}: address already in use; stop what listens there or choose another with --web.listen-address`,
      ],
    });
    await expectAlive();
  });

  test('printed nothing but log lines, and no stack', () => {
    expect(tocsin.messages).toEqual([]);
    expect(tocsin.stderr).not.toMatch(/\n\s+at /);
  });
});

test('a server without --web.enable-lifecycle refuses to reload and to quit', async () => {
  const folder = makeFolder();
  writeFileSync(join(folder, 'tocsin.yml'), '{}\n');
  const tocsin = new TocsinProcess(SERVE, { folder });
  const base = await tocsin.ready();
  for (const path of ['/-/reload', '/-/quit']) {
    const response = await fetch(`${base}${path}`, { method: 'POST' });
    expect([response.status, await response.text()]).toEqual([403, 'Lifecycle API is not enabled.']);
  }
  await tocsin.stop();
  expect(tocsin.child.exitCode).toBe(0);
  rmSync(folder, { recursive: true });
});
