import { loadAlertmanagerFile, loadAlertmanagerText, loadConfig } from '../config/index.ts';
import type { LoadedAlertmanager, LoadedConfig } from '../config/index.ts';
import { oauth2CredentialName } from '../core/authorized-http.ts';
import { assert, errorText, TocsinError } from '../core/errors.ts';
import type { HttpClientConfig } from '../core/http-config.ts';
import { ConfigError, explainIssue } from '../core/yaml.ts';
import { checkTargetFiles } from '../discovery/index.ts';
import { NotificationTemplates } from '../notify/index.ts';
import { parseRuleFile } from '../rules/index.ts';
import type { RuleConfig, RuleGroupConfig } from '../rules/index.ts';
import { CHECK_SERVICE_DISCOVERY } from './check-service-discovery.ts';
import { withSystem } from './command-context.ts';
import type { CommandContext } from './command-context.ts';
import { flag, runGroup, usageError } from './command-line.ts';
import type { CommandGroup } from './command-line.ts';
import type { ParsedFlags } from './flag-set.ts';
import { FEATURE_FLAG, ruleFileOptions } from './rule-file-options.ts';

const LINT_FLAGS = [
  flag('lint', 'text', 'duplicate-rules', 'What else to look for.', [
    'all',
    'duplicate-rules',
    'none',
    'too-long-scrape-interval',
  ]),
  flag('lint-fatal', 'switch', 'false', 'End with exit code 3 when that is found.'),
];
const STOCK_FLAG = {
  ...flag('stock', 'switch', 'false', 'Name what Prometheus and Alertmanager would not take.'),
  standing: 'notInVersion',
} as const;

/** Longest scrape interval without gaps at the usual lookback. */
const MAX_INTERVAL_MS = 300_000;
const EXIT_LINT = 3;

/** `tocsin check …`, with the arguments and output of `promtool check` and `amtool check-config`. */
export const CHECK_COMMANDS: CommandGroup = {
  config: {
    args: '[FLAGS] FILE …',
    help: 'Check tocsin.yml / prometheus.yml and every file they name.',
    flags: [
      flag('syntax-only', 'switch', 'false', 'Do not look whether secret and certificate files are there.'),
      ...LINT_FLAGS,
      FEATURE_FLAG,
      { ...flag('agent', 'switch', 'false', 'Check for agent mode.'), standing: 'notInVersion' },
      STOCK_FLAG,
    ],
    run: checkConfigs,
  },
  rules: {
    args: '[FLAGS] FILE …',
    help: 'Check rule files; - or nothing reads from standard input.',
    flags: [...LINT_FLAGS, FEATURE_FLAG, STOCK_FLAG],
    run: checkRuleFiles,
  },
  'alertmanager-config': {
    args: '[FLAGS] FILE …',
    help: "Check files in Alertmanager's format; - or nothing reads from standard input.",
    flags: [STOCK_FLAG],
    run: checkAlertmanagerFiles,
  },
  'service-discovery': CHECK_SERVICE_DISCOVERY,
};

const LATER = ['metrics', 'web-config', 'healthy', 'ready'];

/** Entry of `tocsin check`. */
export function run(args: readonly string[]): Promise<number> {
  return withSystem((context) => runCheck(args, context));
}

/** {@link run} on a given world. */
export function runCheck(args: readonly string[], context: CommandContext): Promise<number> {
  return runGroup('check', CHECK_COMMANDS, args, context, { later: LATER });
}

/** Runs `check` for each file; what it throws is written down as FAILED. */
async function forEachFile(
  files: readonly string[],
  context: CommandContext,
  check: (file: string) => Promise<boolean>,
): Promise<number> {
  let failed = false;
  let linted = false;
  for (const file of files) {
    context.stdout.write(`Checking ${file}\n`);
    try {
      linted = !(await check(file)) || linted;
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      failed = true;
      const lines = error instanceof ConfigError ? error.issues.map(explainIssue) : [errorText(error)];
      context.stderr.write(`  FAILED:\n${lines.map((line) => `${line}\n`).join('')}`);
    }
    context.stdout.write('\n');
  }
  if (failed) return 1;
  return linted ? EXIT_LINT : 0;
}

async function checkConfigs(flags: ParsedFlags, context: CommandContext): Promise<number> {
  if (flags.positional.length === 0) throw usageError('name the file to check');
  const rules = ruleFileOptions(flags, context);
  return forEachFile(flags.positional, context, async (file) => {
    const config = await loadConfig(context.files, {
      configFile: file,
      environment: context.environment,
      rules,
    });
    const problems = flags.isOn('syntax-only') ? [] : await missingFiles(config, context);
    if (problems.length > 0) throw new TocsinError('TOCSIN_ERR_CONFIG', `${file}: ${problems.join('; ')}`);
    if (config.alertmanager !== undefined) await parseTemplates(config.alertmanager, context);
    const { stdout } = context;
    if (config.ruleFiles.length > 0) stdout.write(`  SUCCESS: ${config.ruleFiles.length} rule files found\n`);
    for (const warning of config.warnings) context.stderr.write(`  WARNING: ${warning}\n`);
    stdout.write(` SUCCESS: ${file} is valid prometheus config file syntax\n`);
    let clean = lintIntervals(config, flags, context);
    for (const { path, groups } of config.ruleFiles) {
      stdout.write(`\nChecking ${path}\n`);
      clean = reportRules(groups, flags, context) && clean;
    }
    return clean || !flags.isOn('lint-fatal');
  });
}

async function checkRuleFiles(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const files = flags.positional.length === 0 ? ['-'] : flags.positional;
  const options = ruleFileOptions(flags, context);
  return forEachFile(files, context, async (file) => {
    const text = await readText(file, context);
    const groups = parseRuleFile(text, shownName(file), options);
    return reportRules(groups, flags, context) || !flags.isOn('lint-fatal');
  });
}

async function checkAlertmanagerFiles(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const files = flags.positional.length === 0 ? ['-'] : flags.positional;
  let failed = 0;
  for (const file of files) {
    context.stdout.write(`Checking '${shownName(file)}'`);
    try {
      const config =
        file === '-'
          ? await loadAlertmanagerText(context.files, await readText(file, context), shownName(file), '.')
          : await loadAlertmanagerFile(context.files, file);
      await parseTemplates(config, context);
      context.stdout.write(`  SUCCESS\n${describeAlertmanager(config)}`);
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      failed++;
      const text =
        error instanceof ConfigError ? error.issues.map(explainIssue).join('\n') : errorText(error);
      context.stdout.write(`  FAILED: ${text}\n`);
    }
    context.stdout.write('\n');
  }
  if (failed === 0) return 0;
  context.stderr.write(`tocsin: failed to validate ${failed} file(s)\n`);
  return 1;
}

/** Throws when a template file does not parse. */
async function parseTemplates(config: LoadedAlertmanager, context: CommandContext): Promise<void> {
  const sources: { name: string; text: string }[] = [];
  for (const path of config.templateFiles) sources.push({ name: path, text: await readText(path, context) });
  // Parsing is what the constructor does.
  const templates = new NotificationTemplates(sources, '');
  assert(templates.externalUrl === '', 'nothing is sent from here');
}

function describeAlertmanager({ alerts, notify }: LoadedAlertmanager): string {
  const intervals = alerts.timeIntervals.length;
  return [
    'Found:',
    ' - global config',
    ' - route',
    ` - ${alerts.inhibitRules.length} inhibit rules`,
    ` - ${notify.receivers.length} receivers`,
    ` - ${notify.templates.length} templates`,
    ...(intervals > 0 ? [` - ${intervals} time intervals`] : []),
    ...(notify.templates.length > 0 ? ['  SUCCESS'] : []),
    '',
  ].join('\n');
}

function shownName(file: string): string {
  return file === '-' ? '<stdin>' : file;
}

async function readText(file: string, context: CommandContext): Promise<string> {
  const path = file === '-' ? '/dev/stdin' : file;
  return new TextDecoder().decode(await context.files.readFile(path));
}

/** Files that HTTP client blocks name and that are not there, and files of targets that cannot be read as such. */
async function missingFiles(config: LoadedConfig, context: CommandContext): Promise<string[]> {
  const missing: string[] = [];
  const users = [...config.scrapeConfigs, ...config.alerting.alertmanagers];
  const blocks: HttpClientConfig[] = [
    ...users.map(({ http }) => http),
    ...users.flatMap(({ discovery }) => discovery.flatMap(({ http }) => http ?? [])),
  ];
  for (const { authorization, basicAuth, oauth2, tls } of blocks) {
    const named: (readonly [what: string, path: string | undefined])[] = [
      ['authorization credentials', authorization?.credentialsFile],
      ['basic auth username', basicAuth?.usernameFile],
      ['basic auth password', basicAuth?.passwordFile],
      [oauth2 === undefined ? '' : oauth2CredentialName(oauth2), oauth2?.credentialFile],
      ['CA', tls.caFile],
      ['client certificate', tls.certFile],
      ['client key', tls.keyFile],
    ];
    for (const [what, path] of named) {
      if (path === undefined || path === '' || (await context.files.stat(path)) !== undefined) continue;
      missing.push(`the ${what} file ${path} is not there`);
    }
  }
  return [...missing, ...(await targetFileProblems(config, context))];
}

/** What is wrong with the files of `file_sd_configs`; warns of those that are not there, which may come later. */
async function targetFileProblems(config: LoadedConfig, context: CommandContext): Promise<string[]> {
  const problems: string[] = [];
  const users = [
    ...config.scrapeConfigs.map(({ jobName, discovery }) => ({ discovery, name: `scrape job "${jobName}"` })),
    ...config.alerting.alertmanagers.map(({ discovery }) => ({ discovery, name: 'alertmanagers' })),
  ];
  for (const { name, discovery } of users) {
    for (const pattern of discovery.flatMap(({ targetFiles }) => targetFiles ?? [])) {
      const checked = await checkTargetFiles(context.files, pattern);
      problems.push(...checked.problems);
      if (checked.found.length > 0) continue;
      context.stderr.write(`  WARNING: file "${pattern}" for file_sd in ${name} does not exist\n`);
    }
  }
  return problems;
}

function lints(flags: ParsedFlags, name: string): boolean {
  return flags.text('lint') === 'all' || flags.text('lint') === name;
}

function lintIntervals(config: LoadedConfig, flags: ParsedFlags, context: CommandContext): boolean {
  if (!lints(flags, 'too-long-scrape-interval')) return true;
  const long = config.scrapeConfigs.filter(({ scrapeIntervalMs }) => scrapeIntervalMs >= MAX_INTERVAL_MS);
  for (const { jobName } of long) {
    context.stderr.write(
      `  WARNING: job ${jobName} has a scrape interval of 5 minutes or more: its graphs will have gaps\n`,
    );
  }
  return long.length === 0;
}

/** Says how many rules there are, and which are there twice; false when some are. */
function reportRules(
  groups: readonly RuleGroupConfig[],
  flags: ParsedFlags,
  context: CommandContext,
): boolean {
  const count = groups.reduce((sum, group) => sum + group.rules.length, 0);
  context.stdout.write(`  SUCCESS: ${count} rules found\n`);
  if (!lints(flags, 'duplicate-rules')) return true;
  const seen = new Set<string>();
  const duplicates: RuleConfig[] = [];
  for (const rule of groups.flatMap((group) => group.rules)) {
    const name = rule.kind === 'recording' ? rule.record : rule.alert;
    const key = JSON.stringify([name, rule.labels]);
    if (seen.has(key)) duplicates.push(rule);
    seen.add(key);
  }
  if (duplicates.length === 0) return true;
  context.stdout.write(`${duplicates.length} duplicate rule(s) found.\n`);
  for (const rule of duplicates) {
    const labels = rule.labels.map(([name, value]) => `\t\t${name}: ${value}\n`).join('');
    const name = rule.kind === 'recording' ? rule.record : rule.alert;
    context.stdout.write(`Metric: ${name}\n${labels === '' ? '' : `Label(s):\n${labels}`}`);
  }
  context.stdout.write('Might cause inconsistency while recording expressions\n');
  return false;
}
