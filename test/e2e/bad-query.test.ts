import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TocsinProcess, getData } from '../support/tocsin.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

const TOO_NESTED = 'expression is nested too deeply: more than 250 levels';
const BAD_QUERIES: readonly (readonly [name: string, text: string, says: string])[] = [
  ['that cannot be parsed', 'sum(up', '1:7: parse error: unclosed left parenthesis'],
  ['that is empty', '', 'unknown position: parse error: no expression found in input'],
  [
    'of 10,000 parentheses',
    `${'('.repeat(10_000)}up${')'.repeat(10_000)}`,
    '1:251: parse error: expression is nested too deeply: more than 250 levels',
  ],
  [
    'of 10,000 nested calls',
    `${'sum('.repeat(10_000)}up${')'.repeat(10_000)}`,
    '1:1001: parse error: expression is nested too deeply: more than 250 levels',
  ],
  [
    'of 10,000 additions',
    `up${'+up'.repeat(10_000)}`,
    '1:3006: parse error: expression is nested too deeply: more than 1000 levels',
  ],
  [
    'of a megabyte of additions',
    `a${'+a'.repeat(500_000)}`,
    '1:2004: parse error: expression is nested too deeply: more than 1000 levels',
  ],
  ['of 10,000 signs', `${'-'.repeat(10_000)}up`, `1:251: parse error: ${TOO_NESTED}`],
  [
    'of 10,000 nested subqueries',
    `${'max_over_time('.repeat(10_000)}up${'[5m:])'.repeat(10_000)}`,
    `1:3501: parse error: ${TOO_NESTED}`,
  ],
  [
    'of 10,000 durations',
    `up[${'1m+'.repeat(10_000)}1m]`,
    '1:3009: parse error: expression is nested too deeply: more than 1000 levels',
  ],
  [
    'of 1.5 million characters',
    `up{job="${'x'.repeat(1_500_000)}"}`,
    '1:1: parse error: expression is too long: 1500010 characters, at most 1048576 are allowed',
  ],
  [
    'of 300,000 labels',
    `sum by (${'a,'.repeat(300_000)}) (up)`,
    '1:200006: parse error: expression is too large: more than 200000 tokens',
  ],
  [
    'with a number of 100,000 digits',
    '9'.repeat(100_000),
    `1:1: parse error: error parsing number: strconv.ParseFloat: parsing "${'9'.repeat(1000)}"...: value out of range`,
  ],
  [
    'with a duration of 100,000 digits',
    `up[${'9'.repeat(100_000)}h]`,
    `1:4: parse error: not a valid duration string: "${'9'.repeat(1000)}"...`,
  ],
  ['with a duration of 300 years', 'up[300y]', '1:4: parse error: duration out of range'],
  [
    'with a regular expression that repeats repetitions',
    `up{job=~"a${'{1000}'.repeat(100)}"}`,
    '1:4: parse error: error parsing regexp: invalid nested repetition operator: `{1000}{1000}`',
  ],
  [
    'with many large regular expressions',
    `up{${Array.from({ length: 20 }, () => `job=~"(?:${'[a-z]{1000}'.repeat(100)})+"`).join(',')}}`,
    '1:10026: parse error: regular expressions are too large: together they repeat too much',
  ],
  [
    'of 100 KB of garbage',
    Array.from({ length: 100_000 }, (_, i) => String.fromCharCode(33 + ((i * 7919) % 90))).join(''),
    "1:1: parse error: unexpected character after '!': 'z'",
  ],
  ['with an unknown function', 'summ(up)', '1:1: parse error: unknown function with name "summ"'],
  [
    'with a bad regular expression',
    'up{job=~"("}',
    '1:4: parse error: error parsing regexp: missing closing ): `(`',
  ],
];

/** Queries that nobody should ask, one after the other to the same program. */
describe('a running tocsin', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bad-query-'));
  let tocsin: TocsinProcess;
  let base = '';

  beforeAll(async () => {
    writeFileSync(join(folder, 'tocsin.yml'), '{}\n');
    const args = ['serve', '--web.listen-address=127.0.0.1:0', '--config.file=tocsin.yml'];
    tocsin = new TocsinProcess([...args, '--storage.tsdb.path=data'], { folder });
    base = await tocsin.ready();
  });

  afterAll(async () => {
    await tocsin?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function post(path: string, query: string): Promise<Response> {
    const body = new URLSearchParams({ query });
    return fetch(`${base}/api/v1/${path}`, { method: 'POST', headers: FORM, body });
  }

  async function expectAlive(): Promise<void> {
    expect((await fetch(`${base}/-/ready`)).status).toBe(200);
    const { result } = await getData<{ result: unknown[] }>(`${base}/api/v1/query?query=vector(1)`);
    expect(result).toHaveLength(1);
  }

  test.each(BAD_QUERIES)('refuses a query %s', async (_name, text, says) => {
    const response = await post('query', text);
    expect([response.status, await response.json()]).toEqual([
      400,
      { status: 'error', errorType: 'bad_data', error: `invalid parameter "query": ${says}` },
    ]);
    await expectAlive();
  });

  test.each(['format_query', 'parse_query'])('refuses the same to %s', async (path) => {
    for (const [, text, says] of BAD_QUERIES) {
      const response = await post(path, text);
      expect([response.status, await response.json()]).toEqual([
        400,
        { status: 'error', errorType: 'bad_data', error: `invalid parameter "query": ${says}` },
      ]);
    }
    await expectAlive();
  });

  const DEEP_QUERIES: readonly (readonly [name: string, text: string])[] = [
    ['of 1,000 additions', Array.from({ length: 1000 }, () => 'vector(1)').join('+')],
    ['of 249 parentheses', `${'('.repeat(249)}up${')'.repeat(249)}`],
    ['of 200 signs and calls', `${'-abs('.repeat(120)}vector(1)${')'.repeat(120)}`],
    ['of 100 subqueries', `${'max_over_time('.repeat(100)}up${'[2m:1m])'.repeat(100)}`],
    ['with a regular expression that backtracks elsewhere', `up{job=~"${'(a+)+$'.repeat(1000)}"}`],
  ];

  test.each(DEEP_QUERIES)('answers a query %s', async (_name, text) => {
    for (const path of ['query', 'format_query', 'parse_query']) {
      const response = await post(path, text);
      expect([response.status, await response.json()]).toMatchObject([200, { status: 'success' }]);
    }
    await expectAlive();
  });

  test('refuses an address of 100 KB', async () => {
    const response = await fetch(`${base}/api/v1/query?query=${'a'.repeat(100_000)}`);
    expect(response.status).toBe(431);
    await expectAlive();
  });

  test.each([11, 60])('refuses a query of %i MB', async (megabytes) => {
    const body = `query=${'a'.repeat(megabytes * 1e6)}`;
    const response = await fetch(`${base}/api/v1/query`, { method: 'POST', headers: FORM, body });
    expect([response.status, await response.json()]).toEqual([
      400,
      {
        status: 'error',
        errorType: 'bad_data',
        error: 'error parsing form values: http: POST too large (at most 10 MiB)',
      },
    ]);
    await expectAlive();
  });

  test('does not read a body of 100 MB', async () => {
    const body = `query=${'a'.repeat(100e6)}`;
    // It answers and hangs up while the body is still being sent; whether a client sees the answer is up to it.
    const status = await fetch(`${base}/api/v1/query`, { method: 'POST', headers: FORM, body }).then(
      (response) => response.status,
      (error: TypeError) => (error.cause as NodeJS.ErrnoException).code,
    );
    expect([400, 'EPIPE', 'ECONNRESET', 'UND_ERR_SOCKET']).toContain(status);
    await expectAlive();
  });

  const BAD_RANGES: readonly (readonly [query: string, says: string])[] = [
    ['query=up&start=1&end=0&step=1', 'invalid parameter "end": end timestamp must not be before start time'],
    [
      'query=up&start=0&end=1&step=0',
      'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
    ],
    [
      'query=up&start=0&end=1e9&step=1',
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
    ],
    ['query=up&start=now&end=1&step=1', 'invalid parameter "start": cannot parse "now" to a valid timestamp'],
  ];

  test.each(BAD_RANGES)('refuses the range query %s', async (parameters, says) => {
    const response = await fetch(`${base}/api/v1/query_range?${parameters}`);
    expect([response.status, await response.json()]).toEqual([
      400,
      { status: 'error', errorType: 'bad_data', error: says },
    ]);
  });

  test('printed nothing but log lines, and no stack', () => {
    expect(tocsin.messages).toEqual([]);
    expect(tocsin.stderr).not.toMatch(/\n\s+at /);
  });
});
