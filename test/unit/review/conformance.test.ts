import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memoryFiles, runFile } from './run-file.ts';

const folder = join(process.env['TOCSIN_CONFORMANCE'] ?? '', 'promtool');
const present = process.env['TOCSIN_CONFORMANCE'] !== undefined && existsSync(folder);
if (!present) {
  console.log("skipped: promtool's rule unit tests; TOCSIN_CONFORMANCE names no folder with them");
}

/** Every test file of promtool, and how what does not pass begins; none means success. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  'at-modifier-test.yml': [],
  'bad-input-series.yml': [
    'refused: /t/bad-input-series.yml:3:17: 1:47: parse error: unexpected end of input',
  ],
  'bad-promql.yml': [
    '    expr: "join_1 + on(a) join_2", time: 0s, err: found duplicate series for the match',
  ],
  'bad-rules-error-test.yml': ['    rule: joined, time: 0s, err: found duplicate series for the match'],
  'bad-rules-syntax-test.yml': [
    'refused: /t/bad-rules-syntax.yml:7:22: group "bad-syntax", rule 1, "x": could not',
  ],
  'failing.yml': [
    '    name: Failing test,\n    alertname: Test, time: 0s, \n        exp:[\n            0:\n',
    '    name: Failing test,\n    expr: "test", time: 0s,\n        exp: {__name__="test"} 1E+00\n        got: {__name__="test"} 0E+00',
    '    name: Failing alert test,\n    alertname: InstanceDown, time: 5m, \n        exp:[], \n        got:[\n',
    '    name: Failing alert test,\n    alertname: AlwaysFiring, time: 5m, \n        exp:[], \n        got:[\n',
  ],
  'long-period.yml': [],
  'negative-offset-test.yml': [],
  'no-test-group-interval.yml': [],
  'rules_run.yml': ['    name: wrong test,\n'],
  // promtool takes it with --ignore-unknown-fields only, which this version refuses.
  'rules_run_extrafields.yml': [
    'refused: /t/rules_extrafields.yml:7:5: unknown key "namespace"',
    'refused: /t/rules_extrafields.yml:21:5: unknown key "ownership"',
  ],
  'rules_run_fuzzy.yml': ['    name: wrong fuzzy match,\n', '    name: wrong fuzzy match,\n'],
  'rules_run_no_fuzzy.yml': ['    name: correct fuzzy match,\n', '    name: correct fuzzy match,\n'],
  'start-time-test.yml': [],
  'unittest.yml': [],
};

function readFolder(): Record<string, string> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yml'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

describe.skipIf(!present)("promtool's own files", () => {
  test('the table names every test file', () => {
    const names = Object.entries(readFolder()).filter(([, text]) => /^tests:/m.test(text));
    expect(Object.keys(EXPECTED)).toEqual(names.map(([name]) => name));
  });

  test.each(Object.entries(EXPECTED))('%s', async (name, beginnings) => {
    const texts = readFolder();
    const problems = await runFile(await memoryFiles(texts), name);
    expect(problems.map((text, i) => text.slice(0, beginnings[i]?.length))).toEqual(beginnings);
  });

  test('--run leaves out what it does not name', async () => {
    expect(await runFile(await memoryFiles(readFolder()), 'rules_run.yml', '^correct')).toEqual([]);
  });
});
