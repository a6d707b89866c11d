import { parseOptionsOf, promqlFeatures } from '../promql/index.ts';
import type { RuleFileOptions } from '../rules/index.ts';
import { checkRuleTemplate } from '../template/index.ts';
import type { CommandContext } from './command-context.ts';
import { flag } from './command-line.ts';
import type { ParsedFlags } from './flag-set.ts';
import { readFeatures } from './serve-flags.ts';

/** The features of `tocsin serve` that change what expressions are accepted. */
export const FEATURE_FLAG = flag(
  'enable-feature',
  'list',
  '',
  'Features that the rules may use, comma-separated.',
);
/** How rule files are read under {@link FEATURE_FLAG}; what is odd about it is warned of. */
export function ruleFileOptions(flags: ParsedFlags, context: CommandContext): RuleFileOptions {
  const { enabled, warnings } = readFeatures(flags);
  for (const warning of warnings) context.stderr.write(`  WARNING: ${warning}\n`);
  return { checkTemplate: checkRuleTemplate, promql: parseOptionsOf(promqlFeatures(enabled)) };
}
