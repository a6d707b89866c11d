import { errorText, TocsinError } from '../core/errors.ts';
import { SearchRegexp } from '../core/regexp.ts';
import { ConfigError, explainIssue } from '../core/yaml.ts';
import { promqlFeatures } from '../promql/index.ts';
import { formatRuleTestFailure, runRuleTests } from '../review/index.ts';
import type { RuleTestOptions } from '../review/index.ts';
import { withSystem } from './command-context.ts';
import type { CommandContext } from './command-context.ts';
import { flag, runGroup, usageError } from './command-line.ts';
import type { CommandGroup } from './command-line.ts';
import type { FlagKind, FlagSpec, ParsedFlags } from './flag-set.ts';
import { readFeatures } from './serve-flags.ts';

const later = (name: string, kind: FlagKind, help: string): FlagSpec => ({
  ...flag(name, kind, kind === 'switch' ? 'false' : '', help),
  standing: 'notInVersion',
});

/** `tocsin test …`, with the arguments, output and exit codes of `promtool test`. */
const TEST_COMMANDS: CommandGroup = {
  rules: {
    args: '[FLAGS] FILE …',
    help: 'Run unit tests of rules.',
    flags: [
      flag(
        'run',
        'list',
        '',
        'Run only tests whose name this expression occurs in; may be given several times.',
      ),
      flag('enable-feature', 'list', '', 'Features that the rules and expressions may use, comma-separated.'),
      later('diff', 'switch', 'Show differences line by line.'),
      later('debug', 'switch', 'Write down what happens.'),
      later('ignore-unknown-fields', 'switch', 'Pass over keys of rule files that are unknown.'),
      later('junit', 'text', 'Write results to this file, in the format of JUnit.'),
    ],
    run: testRules,
  },
};

/** Entry of `tocsin test`. */
export function run(args: readonly string[]): Promise<number> {
  return withSystem((context) => runTest(args, context));
}

/** {@link run} on a given world. */
export function runTest(args: readonly string[], context: CommandContext): Promise<number> {
  return runGroup('test', TEST_COMMANDS, args, context);
}

async function testRules(flags: ParsedFlags, context: CommandContext): Promise<number> {
  if (flags.positional.length === 0) throw usageError('name the file of tests to run');
  const names = flags.list('run');
  const { enabled, warnings } = readFeatures(flags);
  for (const warning of warnings) context.stderr.write(`  WARNING: ${warning}\n`);
  const options: RuleTestOptions = {
    features: promqlFeatures(enabled),
    ...(names.length > 0 && { run: new SearchRegexp(names.join('|')) }),
  };
  let failed = false;
  for (const file of flags.positional) {
    context.stdout.write(`Unit Testing:  ${file}\n`);
    const problems = await testFile(file, options, context);
    if (problems.length === 0) context.stdout.write('  SUCCESS\n');
    else {
      failed = true;
      context.stderr.write('  FAILED:\n');
      for (const problem of problems) {
        context.stderr.write(`${problem}\n`);
        context.stdout.write('\n');
      }
    }
    context.stdout.write('\n');
  }
  return failed ? 1 : 0;
}

/** What is wrong, one text each. */
async function testFile(
  file: string,
  options: RuleTestOptions,
  context: CommandContext,
): Promise<readonly string[]> {
  try {
    const { warnings, failures } = await runRuleTests({ files: context.files }, file, options);
    for (const warning of warnings) context.stderr.write(`  WARNING: ${warning}\n`);
    return failures.map(formatRuleTestFailure);
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    return error instanceof ConfigError ? error.issues.map(explainIssue) : [errorText(error)];
  }
}
