import { dirname } from 'node:path';
import { expandGlob } from '../config/index.ts';
import type { FileSystem } from '../core/ports.ts';
import type { SearchRegexp } from '../core/regexp.ts';
import { parseOptionsOf, promqlFeatures } from '../promql/index.ts';
import type { PromqlFeatures } from '../promql/index.ts';
import { parseRuleFile } from '../rules/index.ts';
import type { RuleGroupConfig } from '../rules/index.ts';
import { parseRuleTestFile } from './config.ts';
import type { RuleTestFile } from './config.ts';
import type { RuleTestFailure, RuleTestReport } from './rule-test-report.ts';
import { TestRun } from './test-run.ts';

/** What {@link runRuleTests} works with. */
export interface RuleTestPorts {
  readonly files: FileSystem;
}

/** Options of {@link runRuleTests}. */
export interface RuleTestOptions {
  /** Runs only tests whose name it occurs in. */
  readonly run?: SearchRegexp;
  /** Of the query language; none beyond the stable one when absent. */
  readonly features?: PromqlFeatures;
}

/**
 * Runs one file of rule unit tests: for each test the rule groups of its rule files are evaluated by the program's own
 * rule and query code over samples in memory, on a clock that stands at each evaluation in turn. Files that cannot be
 * read or are not acceptable reject with TocsinError ({@link ConfigError} with places); what does not come out as
 * expected is in the report.
 *
 * @see prometheus cmd/promtool/unittest.go
 */
export async function runRuleTests(
  ports: RuleTestPorts,
  file: string,
  options: RuleTestOptions = {},
): Promise<RuleTestReport> {
  const text = await readText(ports, file);
  const testFile = parseRuleTestFile(text, file, dirname(file));
  const warnings: string[] = [];
  const features = options.features ?? promqlFeatures(new Set());
  const groups = await loadGroups(ports, testFile, features, warnings);
  const tests = testFile.tests.filter(({ name }) => options.run?.test(name) ?? true);
  const failures: RuleTestFailure[] = [];
  for (const test of tests) failures.push(...(await new TestRun(testFile, test, groups, features).run()));
  return { file, testCount: tests.length, warnings, failures };
}

async function readText(ports: RuleTestPorts, path: string): Promise<string> {
  return new TextDecoder().decode(await ports.files.readFile(path));
}

async function loadGroups(
  ports: RuleTestPorts,
  { ruleFiles, groupEvalOrder }: RuleTestFile,
  features: PromqlFeatures,
  warnings: string[],
): Promise<RuleGroupConfig[]> {
  const paths = new Set<string>();
  for (const pattern of ruleFiles) {
    const found = await expandGlob(ports.files, pattern);
    if (found.length === 0) warnings.push(`no file match pattern ${pattern}`);
    for (const path of found) paths.add(path);
  }
  const groups: RuleGroupConfig[] = [];
  const promql = parseOptionsOf(features);
  for (const path of paths) {
    groups.push(...parseRuleFile(await readText(ports, path), path, { promql }));
  }
  const place = ({ name }: RuleGroupConfig): number => Math.max(0, groupEvalOrder.indexOf(name));
  return groups.toSorted((a, b) => place(a) - place(b));
}
