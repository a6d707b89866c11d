export { formatRuleTestFailure } from './rule-test-report.ts';
export type { RuleTestFailure, RuleTestReport } from './rule-test-report.ts';
export { runRuleTests } from './rule-test.ts';
export type { RuleTestOptions, RuleTestPorts } from './rule-test.ts';
