import { describe, expect, test } from 'vitest';
import { runAlert } from '../../../src/cli/alert.ts';
import { runCheck } from '../../../src/cli/check.ts';
import type { CommandContext } from '../../../src/cli/command-context.ts';
import { runQuery } from '../../../src/cli/query.ts';
import { runRoutes } from '../../../src/cli/routes.ts';
import { runSilence } from '../../../src/cli/silence.ts';
import type { HttpRequest } from '../../../src/core/ports.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';

const NOW_MS = Date.parse('2026-01-01T00:00:00Z');

type Run = (args: readonly string[], context: CommandContext) => Promise<number>;

async function command(
  run: Run,
  args: readonly string[],
  options: {
    answer?: unknown;
    status?: number;
    headers?: Record<string, string>;
    files?: Record<string, string>;
  } = {},
) {
  const seen: HttpRequest[] = [];
  const network = new FakeNetwork();
  const server = (request: HttpRequest) => {
    seen.push(request);
    return {
      status: options.status ?? 200,
      headers: options.headers ?? {},
      body: JSON.stringify(options.answer ?? ''),
    };
  };
  network.serve('localhost:9090', server);
  network.serve('other:1', server);
  const files = new MemoryFileSystem();
  for (const [path, text] of Object.entries(options.files ?? {})) {
    files.put(path, text);
  }
  let out = '';
  let err = '';
  const context: CommandContext = {
    clock: new VirtualClock(NOW_MS),
    files,
    http: network,
    stdout: { write: (text) => void (out += text) },
    stderr: { write: (text) => void (err += text) },
    environment: {},
    userName: 'ada',
  };
  const outcome = await run(args, context).catch((error: unknown) => (error as Error).message);
  return { outcome, out, err, seen, body: seen[0]?.body === undefined ? undefined : String(seen[0].body) };
}

describe('silence', () => {
  test('add sends matchers, times, author and comment, and prints the id', async () => {
    const args = [
      'add',
      'foo',
      'x!~"a.*"',
      '-c',
      'why not',
      '-d2h',
      '--alertmanager.url=http://u:p@other:1/pre/',
    ];
    const { out, seen, body } = await command(runSilence, args, { answer: { silenceID: 'id-1' } });
    expect(out).toBe('id-1\n');
    expect(seen[0]).toMatchObject({ method: 'POST', url: 'http://other:1/pre/api/v2/silences' });
    expect(seen[0]!.headers['Authorization']).toBe(`Basic ${Buffer.from('u:p').toString('base64')}`);
    expect(JSON.parse(body!)).toEqual({
      matchers: [
        { name: 'alertname', value: 'foo', isRegex: false, isEqual: true },
        { name: 'x', value: 'a.*', isRegex: true, isEqual: false },
      ],
      startsAt: '2026-01-01T00:00:00.000Z',
      endsAt: '2026-01-01T02:00:00.000Z',
      createdBy: 'ada',
      comment: 'why not',
    });
  });

  const bad: [args: string[], message: string][] = [
    [['add'], 'no matchers specified'],
    [['add', 'foo'], 'a comment is required; say why with --comment, or give --no-require-comment'],
    [['add', 'foo', '-c', 'x', '-d', '0'], 'silence duration must be greater than 0'],
    [['add', 'foo', '-c', 'x', '-d', 'soon'], 'not a valid duration string: "soon"'],
    [['add', 'foo', '-c', 'x', '--end=2025-01-01T00:00:00Z'], 'silence cannot start after it ends'],
    [
      ['add', 'foo', '-c', 'x', '--end=tomorrow'],
      '--end: "tomorrow" is no time; write 2026-01-31T12:00:00Z or Unix seconds',
    ],
    [['add', 'foo', 'bar', '-c', 'x'], 'bad matcher "bar": bad matcher format: bar'],
    [['expire'], 'no silence IDs specified'],
    [['update', 'x'], 'command silence update is not in this version of tocsin'],
    [['quer'], 'unknown command silence quer; did you mean "query"?; see tocsin silence --help'],
    [['query', '-z'], "unknown short flag '-z'"],
    [['query', '--otput=json'], "unknown long flag '--otput'; did you mean '--output'?"],
  ];
  test.each(bad)('%s is refused', async (args, message) => {
    const { outcome, seen } = await command(runSilence, args);
    expect(outcome).toBe(message);
    expect(seen).toEqual([]);
  });

  const silence = (id: string, endsAt: string, createdBy = 'me') => ({
    id,
    status: { state: 'active' },
    matchers: [
      { name: 'a', value: 'b"c', isRegex: false, isEqual: true },
      { name: 'd', value: 'e|f', isRegex: true },
    ],
    startsAt: '2025-12-31T00:00:00.000Z',
    endsAt,
    updatedAt: '2025-12-31T00:00:00.000Z',
    createdBy,
    comment: 'é',
  });
  const answer = [
    silence('two', '2026-01-02T00:00:00.000Z', 'you'),
    silence('one', '2026-01-01T01:00:00.000Z'),
    silence('old', '2025-12-31T12:00:00.000Z'),
  ];
  test('query lists what has not ended, sorted by end', async () => {
    const { out, seen } = await command(runSilence, ['query', 'a="b"'], { answer });
    expect(seen[0]!.url).toBe('http://localhost:9090/api/v2/silences?filter=a%3D%22b%22');
    expect(out).toBe(
      'ID   Matchers           Ends At                  Created By  Comment  \n' +
        'one  a="b\\"c" d=~"e|f"  2026-01-01 01:00:00 UTC  me          é        \n' +
        'two  a="b\\"c" d=~"e|f"  2026-01-02 00:00:00 UTC  you         é        \n',
    );
  });
  const queries: [args: string[], ids: string[]][] = [
    [[], ['one', 'two']],
    [['--expired'], ['old']],
    [['--within=2h'], ['one']],
    [['--expired', '--within=1h'], []],
    [['--created-by=you'], ['two']],
    [['--id=one', '--id=old'], ['one']],
  ];
  test.each(queries)('query %s', async (args, ids) => {
    const { out } = await command(runSilence, ['query', '-q', ...args], { answer });
    expect(out).toBe(ids.map((id) => `${id}\n`).join(''));
  });

  test('expire deletes each; a refusal says what the server said', async () => {
    const { seen, outcome } = await command(runSilence, ['expire', 'a', 'b']);
    expect(outcome).toBe(0);
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'DELETE http://localhost:9090/api/v2/silence/a',
      'DELETE http://localhost:9090/api/v2/silence/b',
    ]);
    const refused = await command(runSilence, ['expire', 'a'], { status: 404, answer: 'not found' });
    expect(refused.outcome).toBe('DELETE /api/v2/silence/a: status 404: not found');
  });

  test('help', async () => {
    expect((await command(runSilence, ['--help'])).out).toMatch(
      /^usage:\n {2}tocsin silence add \[FLAGS\] MATCHER …\n/,
    );
    expect((await command(runSilence, ['add', '--help'])).out).toMatch(/-c is --comment/);
  });
});

describe('alert', () => {
  const answer = [
    {
      labels: { x: '1', alertname: 'B' },
      annotations: { summary: 's' },
      startsAt: '2026-01-02T00:00:00Z',
      endsAt: '2026-01-03T00:00:00Z',
      status: { state: 'active' },
      generatorURL: 'u',
    },
    {
      labels: { alertname: 'A' },
      annotations: {},
      startsAt: '2026-01-01T00:00:00Z',
      endsAt: '2026-01-03T00:00:00Z',
      status: { state: 'suppressed' },
    },
  ];
  test('query asks for active alerts unless told otherwise', async () => {
    const { out, seen } = await command(runAlert, ['query', '-o', 'extended'], { answer });
    expect(seen[0]!.url).toBe(
      'http://localhost:9090/api/v2/alerts?active=true&silenced=false&inhibited=false&unprocessed=false',
    );
    expect(out.split('\n').map((line) => line.trimEnd())).toEqual([
      'Labels               Annotations  Starts At                Ends At                  Generator URL  State',
      'alertname="A"                     2026-01-01 00:00:00 UTC  2026-01-03 00:00:00 UTC                 suppressed',
      'alertname="B" x="1"  summary="s"  2026-01-02 00:00:00 UTC  2026-01-03 00:00:00 UTC  u              active',
      '',
    ]);
    const silenced = await command(runAlert, ['query', '-si', 'foo', '-r', 'pager'], {
      answer: [],
    });
    expect(silenced.seen[0]!.url).toContain(
      'filter=alertname%3D%22foo%22&active=false&silenced=true&inhibited=true',
    );
    expect(silenced.seen[0]!.url).toContain('receiver=pager');
  });

  test('add', async () => {
    const { body, outcome } = await command(runAlert, [
      'add',
      'Foo',
      'a=b c',
      'd="e"',
      '--annotation=s=x=y',
      '--end=1767225600',
    ]);
    expect(outcome).toBe(0);
    expect(JSON.parse(body!)).toEqual([
      {
        labels: { alertname: 'Foo', a: 'b c', d: 'e' },
        annotations: { s: 'x=y' },
        endsAt: '2026-01-01T00:00:00.000Z',
      },
    ]);
  });
});

describe('query', () => {
  const results: [name: string, data: unknown, out: string][] = [
    ['scalar', { resultType: 'scalar', result: [1.5, '1e+30'] }, `scalar: 1${'0'.repeat(30)} @[1.5]\n`],
    ['string', { resultType: 'string', result: [1, 'x'] }, 'x\n'],
    [
      'vector',
      { resultType: 'vector', result: [{ metric: { __name__: 'up', a: 'b' }, value: [1, 'NaN'] }] },
      'up{a="b"} => NaN @[1]\n',
    ],
    ['nothing', { resultType: 'vector', result: [] }, '\n'],
    [
      'matrix',
      {
        resultType: 'matrix',
        result: [
          {
            metric: {},
            values: [
              [1, '1'],
              [2, '2'],
            ],
          },
        ],
      },
      '{} =>\n1 @[1]\n2 @[2]\n',
    ],
  ];
  test.each(results)('instant: %s', async (_, data, out) => {
    const result = await command(runQuery, ['instant', 'localhost:9090', 'x'], {
      answer: { status: 'success', data },
    });
    expect(result.out).toBe(out);
    expect(result.body).toBe(`query=x&time=${NOW_MS / 1000}`);
  });

  test('range', async () => {
    const data = { resultType: 'matrix', result: [] };
    const ask = (...args: string[]) =>
      command(runQuery, ['range', ...args, 'http://localhost:9090', 'x'], {
        answer: { status: 'success', data },
      });
    expect((await ask()).body).toBe(`query=x&start=${NOW_MS / 1000 - 300}&end=${NOW_MS / 1000}&step=1`);
    expect((await ask('--start=0', '--end=1970-01-01T01:00:00Z')).body).toBe(
      'query=x&start=0&end=3600&step=14',
    );
    expect((await ask('--start=10', '--end=5')).outcome).toBe('start time is not before end time');
  });

  test('series and labels', async () => {
    const series = await command(runQuery, ['series', '--match=up', '--match=x', 'http://localhost:9090'], {
      answer: { status: 'success', data: [{ __name__: 'up', a: 'b' }] },
    });
    expect([series.body, series.out]).toEqual(['match%5B%5D=up&match%5B%5D=x', 'up{a="b"}\n']);
    const labels = await command(runQuery, ['labels', 'http://localhost:9090', 'job'], {
      answer: { status: 'success', data: ['a', 'b'] },
    });
    expect([labels.seen[0]!.url, labels.out]).toEqual([
      'http://localhost:9090/api/v1/label/job/values',
      'a\nb\n',
    ]);
  });

  test('errors', async () => {
    const answer = { status: 'error', errorType: 'bad_data', error: 'no' };
    expect(
      (await command(runQuery, ['instant', 'http://localhost:9090', 'x'], { answer, status: 400 })).outcome,
    ).toBe('query error: bad_data: no');
    expect((await command(runQuery, ['instant', 'http://nobody', 'x'])).outcome).toBe(
      'nobody: connection refused',
    );
    expect((await command(runQuery, ['instant', 'x'])).outcome).toBe(
      'two arguments are needed: SERVER and EXPR',
    );
  });
});

describe('check', () => {
  const rules = 'groups: [{name: g, rules: [{record: r, expr: up}, {record: r, expr: up}]}]';
  test('config', async () => {
    const files = {
      '/p.yml': 'rule_files: [r.yml]\nscrape_configs: [{job_name: a, authorization: {credentials_file: t}}]',
      '/r.yml': rules,
    };
    const missing = await command(runCheck, ['config', '/p.yml'], { files });
    expect(missing).toMatchObject({
      outcome: 1,
      err: '  FAILED:\n/p.yml: the authorization credentials file /t is not there\n',
    });
    const good = await command(runCheck, ['config', '--syntax-only', '/p.yml'], { files });
    expect(good).toMatchObject({
      outcome: 0,
      out: 'Checking /p.yml\n  SUCCESS: 1 rule files found\n SUCCESS: /p.yml is valid prometheus config file syntax\n\nChecking /r.yml\n  SUCCESS: 2 rules found\n1 duplicate rule(s) found.\nMetric: r\nMight cause inconsistency while recording expressions\n\n',
    });
    expect(
      (await command(runCheck, ['config', '--lint-fatal', '--syntax-only', '/p.yml'], { files })).outcome,
    ).toBe(3);
    const none = await command(
      runCheck,
      ['config', '--lint=none', '--lint-fatal', '--syntax-only', '/p.yml'],
      { files },
    );
    expect(none.outcome).toBe(0);
  });

  test('every mistake is told', async () => {
    const files = {
      '/p.yml': 'a: 1\nb: 2',
      '/q.yml': 'groups: [{name: g, rules: [{record: r, expr: up(}]}]',
    };
    expect(await command(runCheck, ['config', '/p.yml'], { files })).toMatchObject({
      outcome: 1,
      err: '  FAILED:\n/p.yml:1:1: unknown key "a"\n/p.yml:2:1: unknown key "b"\n',
    });
    const result = await command(runCheck, ['rules', '/q.yml', '/none.yml'], { files });
    expect(result.outcome).toBe(1);
    expect(result.err).toMatch(
      /^ {2}FAILED:\n\/q\.yml:1:\d+: group "g", rule 1, "r": could not parse expression: .*\n.*\n +\^\n {2}FAILED:\n.*none\.yml/,
    );
  });

  test('a bad expression is shown with carets below what is wrong', async () => {
    const files = {
      '/r.yml': [
        'groups:',
        '- name: g',
        '  rules:',
        '  - record: folded',
        '    expr: >-',
        '      sum by (job) (',
        '      \t rate(up)',
        '      )',
        '  - record: escaped',
        String.raw`    expr: "up\x20+ +"`,
        '  - record: experimental',
        '    expr: mad_over_time(up[5m])',
        '  - record: long',
        `    expr: ${'up + '.repeat(50)}down[5m] ${'+ up '.repeat(50)}`,
        '',
      ].join('\n'),
    };
    const { outcome, err } = await command(runCheck, ['rules', '/r.yml'], { files });
    expect(outcome).toBe(1);
    const say = (place: string, rule: number, name: string, message: string): string =>
      `/r.yml:${place}: group "g", rule ${rule}, "${name}": could not parse expression: ${message}`;
    expect(err.split('\n')).toEqual([
      '  FAILED:',
      say(
        '7:14',
        1,
        'folded',
        '2:8: parse error: expected type range vector in call to function "rate", got instant vector',
      ),
      '          \t rate(up)',
      '          \t      ^^',
      say('10:11', 2, 'escaped', '1:7: parse error: unexpected end of input'),
      '    up + +',
      '          ^',
      say('12:11', 3, 'experimental', '1:1: parse error: function "mad_over_time" is not enabled'),
      '        expr: mad_over_time(up[5m])',
      '              ^^^^^^^^^^^^^',
      say(
        '14:261',
        4,
        'long',
        '1:251: parse error: binary expression must contain only scalar and instant vector types',
      ),
      `    ${'up + '.repeat(12)}down[5m] ${'+ up '.repeat(11).slice(0, 51)}`,
      `    ${' '.repeat(60)}^^^^^^^^`,
      '',
    ]);
  });

  test('alertmanager-config', async () => {
    const files = {
      '/a.yml': 'route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: [t.tmpl]',
      '/t.tmpl': '{{ define "x" }}y{{ end }}',
      '/b.yml': 'route: {}\nreceivers: []',
    };
    const result = await command(runCheck, ['alertmanager-config', '/a.yml', '/b.yml'], { files });
    expect(result).toMatchObject({
      outcome: 1,
      out: "Checking '/a.yml'  SUCCESS\nFound:\n - global config\n - route\n - 0 inhibit rules\n - 1 receivers\n - 1 templates\n  SUCCESS\n\nChecking '/b.yml'  FAILED: /b.yml:1:8: root route must specify a default receiver\n\n",
      err: 'tocsin: failed to validate 1 file(s)\n',
    });
    const broken = await command(runCheck, ['alertmanager-config', '/a.yml'], {
      files: { ...files, '/t.tmpl': '{{ if }}' },
    });
    expect(broken.outcome).toBe(1);
    expect(broken.out).toMatch(/FAILED: template: \/t\.tmpl:1: /);
  });

  test('what discovery needs', async () => {
    const files = {
      '/p.yml': `scrape_configs:
- {job_name: a, consul_sd_configs: [{server: "c:8500", tls_config: {ca_file: ca.pem}}]}
- {job_name: b, docker_sd_configs: [{host: "https://d", basic_auth: {username: u, password_file: pw}}]}
- {job_name: c, kubernetes_sd_configs: [{role: pod, api_server: "https://k", bearer_token_file: tok}]}
- {job_name: e, oauth2: {client_id: i, token_url: t, client_secret_file: cs}}
- {job_name: f, oauth2: {client_id: i, token_url: t, client_certificate_key_file: ck, grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer"}}
- {job_name: d, file_sd_configs: [{files: [sd/*.json, later.yml]}]}
alerting: {alertmanagers: [{http_sd_configs: [{url: "http://h", authorization: {credentials_file: ok}}]}]}
`,
      '/ok': 'x',
      '/sd/good.json': '[{"targets": ["x:1"]}]',
      '/sd/bad.json': '[{"targts": ["x:1"]}]',
    };
    const result = await command(runCheck, ['config', '/p.yml'], { files });
    expect(result).toMatchObject({
      outcome: 1,
      err:
        '  WARNING: file "/later.yml" for file_sd in scrape job "d" does not exist\n' +
        '  FAILED:\n/p.yml: the oauth2 client secret file /cs is not there; ' +
        'the oauth2 client certificate key file /ck is not there; the CA file /ca.pem is not there; the basic auth password file /pw is not there; ' +
        'the authorization credentials file /tok is not there; ' +
        '/sd/bad.json:1:3: unknown key "targts" in [0]; did you mean "targets"?\n',
    });
    const syntax = await command(runCheck, ['config', '--syntax-only', '/p.yml'], { files });
    expect(syntax).toMatchObject({ outcome: 0, err: '' });
  });

  test('service-discovery', async () => {
    const files = {
      '/p.yml': `scrape_configs:
- job_name: a
  http_sd_configs: [{url: "http://localhost:9090/sd"}]
  relabel_configs:
  - {source_labels: [env], regex: dev, action: drop}
  - {source_labels: [env], target_label: stage}
- job_name: b
`,
    };
    const run: Run = async (args, context) => {
      const running = runCheck(args, context);
      const clock = context.clock as VirtualClock;
      // What is not awaited in here moves on with the clock.
      for (let i = 0; i < 10; i++) await clock.advanceBy(1000);
      return running;
    };
    const answer = [
      { targets: ['x:1'], labels: { env: 'prod' } },
      { targets: ['y:1'], labels: { env: 'dev' } },
      { targets: ['z/1'], labels: {} },
    ];
    const headers = { 'content-type': 'application/json' };
    const found = await command(run, ['service-discovery', '--timeout=8s', '/p.yml', 'a'], {
      files,
      answer,
      headers,
    });
    expect(found).toMatchObject({ outcome: 0, err: '' });
    const list = JSON.parse(found.out) as Record<string, Record<string, string>>[];
    expect(list.map(({ labels, error }) => ({ labels, error }))).toEqual([
      { labels: { env: 'prod', stage: 'prod', instance: 'x:1', job: 'a' }, error: undefined },
      { labels: {}, error: undefined },
      { labels: {}, error: expect.stringContaining('z/1') },
    ]);
    expect(list[1]!['discoveredLabels']).toMatchObject({
      __address__: 'y:1',
      __meta_url: 'http://localhost:9090/sd',
      env: 'dev',
      job: 'a',
    });
    const unknown = await command(runCheck, ['service-discovery', '/p.yml', 'c'], { files });
    expect(unknown.outcome).toBe('job c not found; there are:\n\ta\n\tb');
    const failing = await command(run, ['service-discovery', '/p.yml', 'a', '--timeout=8s'], {
      files,
      headers,
      status: 500,
    });
    expect(failing).toMatchObject({ outcome: 0, out: '[]\n' });
    expect(failing.err).toContain('server returned HTTP status 500');
  });

  test('what is not there yet', async () => {
    expect((await command(runCheck, ['metrics'])).outcome).toBe(
      'command check metrics is not in this version of tocsin',
    );
    expect((await command(runCheck, ['config', '--stock', 'x'])).outcome).toBe(
      "flag '--stock' is not in this version of tocsin",
    );
    expect((await command(runCheck, [])).outcome).toBe(1);
  });
});

describe('routes', () => {
  const yaml = `
route:
  receiver: default
  routes:
  - {matchers: [severity="page"], receiver: pager, continue: true, routes: [{match: {x: y}, receiver: deep}]}
  - {match_re: {service: a|b}}
receivers: [{name: default}, {name: pager}, {name: deep}]
`;
  const tree = [
    'Routing tree:',
    '.',
    '└── default-route  receiver: default',
    '    ├── {severity="page"}  continue: true  receiver: pager',
    '    │\u00a0\u00a0 └── {x="y"}  receiver: deep',
    '    └── {service=~"^(?:a|b)$"}  receiver: default',
    '',
    '',
  ].join('\n');
  test('show, from a file, from the key in a tocsin.yml, from a running server', async () => {
    const files = {
      '/a.yml': yaml,
      '/t.yml': `alertmanager: ${JSON.stringify({ route: { receiver: 'z' }, receivers: [{ name: 'z' }] })}`,
    };
    expect((await command(runRoutes, ['show', '--config.file=/a.yml'], { files })).out).toBe(tree);
    expect((await command(runRoutes, ['--config.file=/t.yml'], { files })).out).toContain(
      'default-route  receiver: z',
    );
    expect((await command(runRoutes, [], { answer: { config: { original: yaml } } })).out).toBe(tree);
  });
  const tests: [args: string[], out: string, code: number][] = [
    [['severity=page', 'x=y', 'service=a'], 'deep,default\n', 0],
    [['service=a'], 'default\n', 0],
    [['--verify.receivers=pager', 'severity=page'], 'pager\n', 0],
    [
      ['--verify.receivers=pager', 'service=a'],
      'default\nWARNING: Expected receivers did not match resolved receivers.\n',
      1,
    ],
    [
      ['--tree', 'service=b'],
      'Matching routes:\n.\n└── default-route\n    └── {service=~"^(?:a|b)$"}  receiver: default\n\n\ndefault\n',
      0,
    ],
  ];
  test.each(tests)('test %s', async (args, out, code) => {
    const result = await command(runRoutes, ['test', '--config.file=/a.yml', ...args], {
      files: { '/a.yml': yaml },
    });
    expect(result.out).toBe(out);
    expect(result.outcome).toBe(code);
  });
});
