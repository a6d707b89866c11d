import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PromqlParseError, parseExpr, printExpr } from '../../src/promql/index.ts';
import { lezerAccepts } from '../support/lezer-promql.ts';
import { freePort, stopProcess, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { exprArbitrary } from '../support/promql-arbitrary.ts';
import { mutatedExprArbitrary } from '../support/promql-mutations.ts';

/** Texts that Prometheus 2.42 takes and 3.x, which we follow, refuses, by what we say of them. */
const REFUSED_SINCE_3: readonly (readonly [reason: string, example: string, says: RegExp])[] = [
  [
    'the function holt_winters, which has another name',
    'holt_winters(a[5m], 0.1, 0.1)',
    /unknown function with name "holt_winters"/,
  ],
];

/** Texts that 3.x takes and 2.42 refuses, by what 2.42 says of them. */
const TAKEN_SINCE_3: readonly (readonly [reason: string, example: string, says: RegExp])[] = [
  [
    'durations as numbers',
    '5m + 1',
    /unexpected duration "|trailing commas not allowed in function call args/,
  ],
  [
    'numbers as durations',
    'a[300]',
    /missing unit character in duration|unexpected number ".*expected duration/,
  ],
  ['operators that trim native histograms', 'a </ 1', /unexpected <op:\/>/],
  [
    'newer functions',
    'histogram_avg(a)',
    /unknown function with name "(?:histogram_(?:avg|stddev|stdvar)|first_over_time)"/,
  ],
  ['quoted label names in groupings', 'sum by ("a.b") (c)', /unexpected string ".*in grouping opts/],
  [
    'quoted names in selectors',
    '{"a.b"}',
    /unexpected character inside braces: '"'|unexpected string ".*in label matching/,
  ],
  ['arithmetic on durations', 'a[5m + 1m]', /unexpected <op:.> in subquery or range|expected duration/],
];
const SHOWN = 20;

const TEXTS = 4000;

/** What we say against a text; undefined when we take it. */
function refusal(text: string): string | undefined {
  try {
    parseExpr(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof PromqlParseError)) throw error;
    return error.message;
  }
}

describe.skipIf(!hasProgram('prometheus'))('expressions as Prometheus 2.42 takes and refuses them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-parser-'));
  let prometheus: ChildProcess;
  let base = '';

  beforeAll(async () => {
    const configFile = join(folder, 'prometheus.yml');
    writeFileSync(configFile, '{}\n');
    const address = `127.0.0.1:${await freePort()}`;
    base = `http://${address}`;
    prometheus = spawn(
      'prometheus',
      [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
        '--log.level=error',
      ],
      { stdio: 'ignore' },
    );
    await waitForReady(`${base}/-/ready`, prometheus);
  });

  afterAll(async () => {
    await stopProcess(prometheus);
    rmSync(folder, { recursive: true, force: true });
  });

  /** What Prometheus says against a text; undefined when it takes it. */
  async function theirRefusal(text: string): Promise<string | undefined> {
    const body = new URLSearchParams({ query: text });
    const response = await fetch(`${base}/api/v1/format_query`, { method: 'POST', body });
    const answer = (await response.json()) as { status: string; error?: string };
    return answer.status === 'success' ? undefined : (answer.error ?? '');
  }

  test('what the editor grammar takes and we refuse, it refuses', async () => {
    const texts = fc
      .sample(mutatedExprArbitrary({ maxDepth: 2 }), { numRuns: TEXTS, seed: 20260101 })
      .filter((text) => text.isWellFormed() && lezerAccepts(text));
    const differences: string[] = [];
    let refused = 0;
    for (const text of texts) {
      const ours = refusal(text);
      if (ours === undefined) continue;
      refused++;
      if ((await theirRefusal(text)) !== undefined) continue;
      if (REFUSED_SINCE_3.some(([, , says]) => says.test(ours))) continue;
      differences.push(`only we refuse: ${ours}: ${JSON.stringify(text)}`);
    }
    expect(differences.slice(0, SHOWN)).toEqual([]);
    expect(refused).toBeGreaterThan(100);
  });

  test('what we take, it takes', async () => {
    const choice = { metrics: ['foo', 'a:b', 'by'], labels: ['a', 'job'] };
    const texts = fc.sample(
      fc.oneof(exprArbitrary(choice).map(printExpr), mutatedExprArbitrary({ ...choice, maxDepth: 2 })),
      { numRuns: TEXTS / 2, seed: 20260102 },
    );
    const differences: string[] = [];
    for (const text of texts) {
      if (!text.isWellFormed() || refusal(text) !== undefined) continue;
      const theirs = await theirRefusal(text);
      if (theirs === undefined || TAKEN_SINCE_3.some(([, , says]) => says.test(theirs))) continue;
      differences.push(`only they refuse: ${theirs}: ${JSON.stringify(text)}`);
    }
    expect(differences.slice(0, SHOWN)).toEqual([]);
  });

  test.each(REFUSED_SINCE_3)('since 3.x refused: %s', async (_reason, example, says) => {
    expect(await theirRefusal(example)).toBeUndefined();
    expect(refusal(example)).toMatch(says);
  });

  test.each(TAKEN_SINCE_3)('since 3.x taken: %s', async (_reason, example, says) => {
    expect(await theirRefusal(example)).toMatch(says);
    expect(refusal(example)).toBeUndefined();
  });
});
