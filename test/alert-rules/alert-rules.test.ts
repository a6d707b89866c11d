import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { formatRuleTestFailure, runRuleTests } from '../../src/review/index.ts';
import { hasProgram } from '../support/programs.ts';

const root = join(import.meta.dirname, '../..');
const ruleFiles = readdirSync(join(root, 'alert-rules'));

describe('alert-rules', () => {
  test('every file has a unit test', () => {
    const tested = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.yml'));
    expect(tested.map((name) => name.replace('.test.yml', '.yml'))).toEqual(ruleFiles);
  });

  test.skipIf(!hasProgram('promtool')).each(ruleFiles)('%s passes its unit test in promtool', (name) => {
    const file = join(import.meta.dirname, name.replace('.yml', '.test.yml'));
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
    expect(stdout + stderr).toContain('SUCCESS');
    expect(status).toBe(0);
  });

  test.each(ruleFiles)('%s passes its unit test in tocsin', async (name) => {
    const file = join(import.meta.dirname, name.replace('.yml', '.test.yml'));
    const report = await runRuleTests({ files: new NodeFileSystem() }, file);
    expect(report.failures.map(formatRuleTestFailure)).toEqual([]);
    expect(report.warnings).toEqual([]);
    expect(report.testCount).toBeGreaterThan(0);
  });
});
