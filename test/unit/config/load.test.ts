import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diffConfig, loadConfig } from '../../../src/config/index.ts';
import type { LoadOptions } from '../../../src/config/index.ts';
import { expandEnvironment } from '../../../src/config/expand-environment.ts';
import { expandGlob } from '../../../src/config/glob.ts';
import { TocsinError } from '../../../src/core/errors.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { ConfigError } from '../../../src/core/yaml.ts';

async function disk(contents: Record<string, string>): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  for (const [path, text] of Object.entries(contents)) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    if (folder !== '') await files.makeFolder(folder);
    await files.replaceFile(path, new TextEncoder().encode(text));
  }
  return files;
}

const rules = { checkTemplate() {} };

async function load(contents: Record<string, string>, options: Partial<LoadOptions> = {}) {
  return loadConfig(await disk(contents), { configFile: '/c/tocsin.yml', rules, ...options });
}

const problems = async (contents: Record<string, string>, options: Partial<LoadOptions> = {}) => {
  const error: unknown = await load(contents, options).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).message.split('\n');
};

describe('loadConfig', () => {
  test('an empty file has every default', async () => {
    const config = await load({ '/c/tocsin.yml': '' });
    expect(config.global).toMatchObject({ evaluationIntervalMs: 60_000, ruleQueryOffsetMs: 0 });
    expect(config.global.scrape).toMatchObject({ scrapeIntervalMs: 60_000, scrapeTimeoutMs: 10_000 });
    expect(config.alertmanager).toMatchObject({ source: 'built-in', fileName: '(built-in)' });
    expect(config.alertmanager!.alerts.route.groupBy).toEqual(['alertname', 'model']);
    expect(config.alertmanager!.notify.receivers[0]!.integrations[0]!.kind).toBe('console');
  });

  test('jobs inherit from global; files are found beside the config', async () => {
    const config = await load({
      '/c/tocsin.yml': `
global: {scrape_interval: 15s, sample_limit: 10}
rule_files: [rules/*.yml, none.yml]
scrape_config_files: [jobs.yml]
scrape_configs:
- {job_name: a, tls_config: {ca_file: ca.pem}, static_configs: [{targets: [x:1], labels: {on: yes, n: 1.0}}]}
`,
      '/c/rules/b.yml': 'groups: [{name: g, rules: [{record: r, expr: up}]}]',
      '/c/rules/a.yml': '',
      '/c/jobs.yml':
        'scrape_configs: [{job_name: b, scrape_interval: 5s, authorization: {credentials_file: t}}]',
    });
    expect(config.scrapeConfigs).toMatchObject([
      {
        jobName: 'a',
        scrapeIntervalMs: 15_000,
        scrapeTimeoutMs: 10_000,
        sampleLimit: 10,
        http: { tls: { caFile: '/c/ca.pem' } },
      },
      {
        jobName: 'b',
        scrapeIntervalMs: 5_000,
        scrapeTimeoutMs: 5_000,
        http: { authorization: { credentialsFile: '/c/t' } },
      },
    ]);
    expect(config.ruleFiles.map(({ path, groups }) => [path, groups.length])).toEqual([
      ['/c/rules/a.yml', 0],
      ['/c/rules/b.yml', 1],
    ]);
    expect(config.warnings).toEqual(['rule_files: no file matches /c/none.yml']);
  });

  test('external labels take environment variables, and only they', async () => {
    const config = await load(
      {
        '/c/tocsin.yml':
          'global: {external_labels: {a: "${X}-$Y", b: $$X, c: x$}}\nscrape_configs: [{job_name: $X}]',
      },
      { environment: { X: '1' } },
    );
    expect(config.global.externalLabels.toObject()).toEqual({ a: '1-', b: '$X', c: 'x$' });
    expect(config.scrapeConfigs[0]!.jobName).toBe('$X');
    expect(config.warnings).toEqual([
      '/c/tocsin.yml: external label a: environment variable Y is empty or not set',
    ]);
  });

  test('everything that is wrong is told, in every file', async () => {
    expect(
      await problems({
        '/c/tocsin.yml': `
rule_files: ['*.rules']
alerting: {alertmanagers: [{static_configs: [{targets: [a:1]}]}]}
scrape_configs:
- job_name: a
- job_name: a
  scrape_interval: 5s
  scrape_timeout: 6s
alertmanager:
  route: {receiver: x, routes: [{receiver: y, mute_time_intervals: [z]}]}
  receivers: [{name: x}]
`,
        '/c/a.rules': 'groups: [{name: g, rules: [{record: r, expr: "up("}]}]',
      }),
    ).toEqual([
      '/c/tocsin.yml:6:13: found multiple scrape configs with job name "a"',
      '/c/tocsin.yml:8:19: scrape timeout greater than scrape interval for scrape config with job name "a"',
      expect.stringMatching(/^\/c\/a\.rules:1:\d+: group "g", rule 1, "r": could not parse expression: /),
      '/c/tocsin.yml:10:44: undefined receiver "y" used in route',
      '/c/tocsin.yml:10:69: undefined time interval "z" used in route',
    ]);
  });

  const refused: [yaml: string, message: string][] = [
    ['scrape_confgis: []', '1:1: unknown key "scrape_confgis"; did you mean "scrape_configs"?'],
    ['remote_read: [{}]', '1:15: key "url" is missing in remote_read[0]'],
    ['remote_read: [{url: a}]', '1:21: remote_read[0].url: "a" is not an http or https URL'],
    [
      'remote_read: [{url: "http://a", headers: {Authorization: x}}]',
      '1:58: remote_read[0].headers.Authorization: authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread or google_iam parameter',
    ],
    [
      'remote_read: [{url: "http://a", name: n}, {url: "http://b", name: n}]',
      '1:67: remote_read[1].name: found multiple remote_read configs with job name "n"',
    ],
    ['models: []', '1:1: key "models" is not in this version'],
    ['remote_writes: []', '1:1: unknown key "remote_writes"; did you mean "remote_write"?'],
    [
      'scrape_configs: [{job_name: a, eureka_sd_configs: []}]',
      '1:32: key "eureka_sd_configs" in scrape_configs[0] is not in this version',
    ],
    [
      'scrape_configs: [{job_name: a, probe: {methd: GET}}]',
      '1:40: unknown key "methd" in scrape_configs[0].probe; did you mean "method"?',
    ],
    [
      'global: {scrape_interval: 5s, scrape_timeout: 6s}',
      '1:47: global scrape timeout greater than scrape interval',
    ],
    [
      'rule_files: [a/*/b.yml]',
      '1:14: rule_files[0]: invalid file path "/c/a/*/b.yml": "*" may stand in the last part only',
    ],
    ['global: {external_labels: {"": x}}', '1:28: global.external_labels.: "" is not a valid label name'],
    ['alertmanager: {receivers: []}', '1:15: no route provided in config'],
    [
      'alertmanager: {route: {receiver: a, escalate: {}}, receivers: [{name: a}]}',
      '1:37: key "escalate" in alertmanager.route is not in this version',
    ],
    [
      'alertmanager: {route: {receiver: a}, receivers: [{name: a, ntfy_configs: []}]}',
      '1:60: receiver kind "ntfy_configs" in alertmanager.receivers[0] is not in this version',
    ],
    [
      'alerting: {alertmanagers: [{api_version: v1}]}',
      '1:42: alerting.alertmanagers[0].api_version: expected Alertmanager api version to be one of [v2] but got v1',
    ],
    [
      'a: [',
      '1:5: not valid YAML: flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['global: 5', '1:9: global: must be a map, not 5'],
  ];
  test.each(refused)('refuses %s', async (yaml, message) => {
    expect(await problems({ '/c/tocsin.yml': yaml })).toEqual([`/c/tocsin.yml:${message}`]);
  });

  test('Go’s garbage collector setting means nothing here', async () => {
    await load({ '/c/tocsin.yml': 'runtime: {gogc: 50}' });
  });

  test('without a name the usual ones are looked for', async () => {
    const yml = new TextEncoder().encode('');
    const files = new MemoryFileSystem();
    await expect(loadConfig(files, { rules })).rejects.toThrow(
      /neither tocsin.yml nor prometheus.yml .* "tocsin demo"/,
    );
    await files.replaceFile('prometheus.yml', yml);
    expect((await loadConfig(files, { rules })).fileName).toBe('prometheus.yml');
    await files.replaceFile('tocsin.yml', yml);
    expect((await loadConfig(files, { rules })).fileName).toBe('tocsin.yml');
    await expect(loadConfig(files, { configFile: 'no.yml', rules })).rejects.toThrow(/cannot read no\.yml/);
  });
});

describe('where alerts go', () => {
  const am = 'route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: [t/*.tmpl]';
  const outside = 'alerting: {alertmanagers: [{static_configs: [{targets: [a:1]}]}]}';
  const key = 'alertmanager: {route: {receiver: a}, receivers: [{name: a}]}';
  test('a file', async () => {
    const config = await load(
      { '/c/tocsin.yml': outside, '/am/a.yml': am, '/am/t/x.tmpl': '' },
      { alertmanagerConfigFile: '/am/a.yml' },
    );
    expect(config.alertmanager).toMatchObject({ source: 'file', templateFiles: ['/am/t/x.tmpl'] });
    expect(config.alerting.alertmanagers).toHaveLength(1);
  });
  test('the key', async () => {
    expect((await load({ '/c/tocsin.yml': key })).alertmanager?.source).toBe('key');
  });
  test('both is an error', async () => {
    expect(
      await problems({ '/c/tocsin.yml': key, '/am/a.yml': am }, { alertmanagerConfigFile: '/am/a.yml' }),
    ).toEqual([
      '/c/tocsin.yml:1:1: both the key "alertmanager" and --alertmanager.config.file=/am/a.yml are given; remove one',
    ]);
  });
  test('only outside', async () => {
    expect((await load({ '/c/tocsin.yml': outside })).alertmanager).toBe(undefined);
  });
});

describe('what is shown', () => {
  const yaml = `
scrape_configs:
- job_name: a
  basic_auth: {username: u, password: hunter2}
  proxy_url: http://u:hunter2@p:1
  http_headers: {A: {secrets: [hunter2], values: [v]}}
alertmanager:
  global: {slack_api_url: "https://hooks/hunter2", smtp_auth_password: hunter2}
  route: {receiver: a}
  receivers:
  - name: a
    webhook_configs: [{url: "http://h/hunter2"}]
    slack_configs: [{http_config: {authorization: {credentials: hunter2}}}]
    email_configs: [{to: a, from: b, smarthost: h:25, auth_secret: hunter2}]
`;
  test('has no secrets and can be loaded again', async () => {
    const config = await load({ '/c/tocsin.yml': yaml });
    for (const printed of [config.printed, config.alertmanager!.printed]) {
      expect(printed).not.toContain('hunter2');
      expect(printed).toContain('<secret>');
    }
    expect(config.printed).toMatch(/^global:\n {2}scrape_interval: 1m\n {2}scrape_timeout: 10s\n/);
    expect(config.printed).toContain(
      '- job_name: a\n  scrape_interval: 1m\n  scrape_timeout: 10s\n  metrics_path: /metrics\n',
    );
    const again = await load({ '/c/tocsin.yml': config.printed.replaceAll('<secret>', 'http://x') });
    expect(again.printed).toBe(config.printed);
  });

  test('a changed secret is a change', async () => {
    const before = await load({ '/c/tocsin.yml': yaml });
    const after = await load({
      '/c/tocsin.yml': yaml.replace('password: hunter2}\n  proxy', 'password: hunter3}\n  proxy'),
    });
    expect([...diffConfig(before, after)]).toEqual(['scrape']);
    expect([...diffConfig(before, await load({ '/c/tocsin.yml': yaml }))]).toEqual([]);
    expect(after.fingerprint).not.toBe(before.fingerprint);
  });

  test('a changed rule file is a change', async () => {
    const main = 'rule_files: [r.yml]';
    const rule = (expr: string) => `groups: [{name: g, rules: [{record: r, expr: ${expr}}]}]`;
    const before = await load({ '/c/tocsin.yml': main, '/c/r.yml': rule('a') });
    const after = await load({ '/c/tocsin.yml': main, '/c/r.yml': rule('b') });
    expect([...diffConfig(before, after)]).toEqual(['rules']);
  });
});

test('whatever a file holds, what comes is a configuration or an error of ours', async () => {
  const keys = fc.constantFrom(
    'global',
    'scrape_configs',
    'job_name',
    'alertmanager',
    'route',
    'receivers',
    'name',
    'storage',
    'tsdb',
    'rule_files',
    'alerting',
    'x',
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>(null, 0, 'a', true, '5s'),
      fc.array(tie('tree'), { maxLength: 2 }),
      fc.dictionary(keys, tie('tree'), { maxKeys: 4 }),
    ),
  }));
  const texts = fc.oneof(
    tree.map((value) => JSON.stringify(value)),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      const result: unknown = await load({ '/c/tocsin.yml': text }).catch((e: unknown) => e);
      if (result instanceof Error) expect(result).toBeInstanceOf(TocsinError);
    }),
    { numRuns: 300 },
  );
});

describe('expandEnvironment', () => {
  const rows: [text: string, expanded: string][] = [
    ['$A', '1'],
    ['${A}b', '1b'],
    ['$Ab', ''],
    ['$$A', '$A'],
    ['$', '$'],
    ['a$', 'a$'],
    ['$-', ''],
    ['$ x', '$ x'],
    ['${', ''],
    ['${}', ''],
    ['x${A', 'xA'],
    ['é$A', 'é1'],
    ['$é', '$é'],
  ];
  test.each(rows)('%s', (text, expanded) => {
    expect(expandEnvironment(text, { A: '1' }, () => undefined)).toBe(expanded);
  });
});

describe('expandGlob', () => {
  const rows: [pattern: string, found: string[]][] = [
    ['/d/*.yml', ['/d/a.yml', '/d/b.yml']],
    ['/d/?.yml', ['/d/a.yml', '/d/b.yml']],
    ['/d/[bc].yml', ['/d/b.yml']],
    ['/d/[^b].yml', ['/d/a.yml']],
    ['/d/a.yml', ['/d/a.yml']],
    ['/d/x.yml', []],
    ['/?/a.yml', ['/d/a.yml']],
    ['/d/\\*.yml', []],
    ['/none/*.yml', []],
    ['/d/a.y(m)l', []],
  ];
  test.each(rows)('%s', async (pattern, found) => {
    const files = await disk({ '/d/a.yml': '', '/d/b.yml': '', '/d/c.yaml': '' });
    expect(await expandGlob(files, pattern)).toEqual(found);
  });
});
