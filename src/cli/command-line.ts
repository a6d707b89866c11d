import { TocsinError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { CommandContext } from './command-context.ts';
import { describeFlags, parseFlags } from './flag-set.ts';
import type { FlagKind, FlagSpec, ParsedFlags } from './flag-set.ts';

/** A command below another (`silence add`), or one that stands alone. */
export interface Command {
  /** What follows the names in the usage line: `[MATCHER …]`. */
  readonly args: string;
  readonly help: string;
  readonly flags: readonly FlagSpec[];
  /** Long names by letter: `{ o: 'output' }`. */
  readonly short?: Readonly<Record<string, string>>;
  run(flags: ParsedFlags, context: CommandContext): Promise<number>;
}

/** Commands by their second word. */
export type CommandGroup = Readonly<Record<string, Command>>;

/** A flag that works. */
export function flag(
  name: string,
  kind: FlagKind,
  byDefault: string,
  help: string,
  choices?: readonly string[],
): FlagSpec {
  const spec = { name, kind, byDefault, help, standing: 'used' } as const;
  return choices === undefined ? spec : { ...spec, choices };
}

/** An error of the person at the keyboard. */
export function usageError(message: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_USAGE', message);
}

/**
 * Runs the command of a group that `args` name. `fallback` is the one that runs when the first word is none (amtool's
 * `silence` alone is `silence query`); `later` are words of the contract that this version does not have.
 */
export async function runGroup(
  name: string,
  group: CommandGroup,
  args: readonly string[],
  context: CommandContext,
  options: { readonly fallback?: string; readonly later?: readonly string[] } = {},
): Promise<number> {
  const [word, ...rest] = args;
  const isHelp = word === '--help' || word === '-h' || word === 'help';
  if (isHelp || (word === undefined && options.fallback === undefined)) {
    (isHelp ? context.stdout : context.stderr).write(describeGroup(name, group));
    return isHelp ? 0 : 1;
  }
  if (word !== undefined && Object.hasOwn(group, word)) {
    return runCommand(`${name} ${word}`, group[word]!, rest, context);
  }
  if (word !== undefined && options.later?.includes(word) === true) {
    throw new TocsinError(
      'TOCSIN_ERR_NOT_IN_VERSION',
      `command ${name} ${word} is not in this version of tocsin`,
    );
  }
  if (options.fallback !== undefined && (word === undefined || word.startsWith('-'))) {
    return runCommand(`${name} ${options.fallback}`, group[options.fallback]!, args, context);
  }
  const known = [...Object.keys(group), ...(options.later ?? [])];
  throw usageError(
    `unknown command ${name} ${word ?? ''}${didYouMean(word ?? '', known)}; see tocsin ${name} --help`,
  );
}

/** Reads the flags and runs the command; `--help` tells about it instead. */
export async function runCommand(
  name: string,
  command: Command,
  args: readonly string[],
  context: CommandContext,
): Promise<number> {
  const end = args.indexOf('--');
  const before = end < 0 ? args : args.slice(0, end);
  if (before.includes('--help') || before.includes('-h')) {
    context.stdout.write(describeCommand(name, command));
    return 0;
  }
  return command.run(
    parseFlags(command.flags, expandShortFlags(args, command.short ?? {}, command.flags)),
    context,
  );
}

/** `-o json`, `-ojson` → `--output=json`; `-as` → `--active --silenced` where both are switches. */
export function expandShortFlags(
  args: readonly string[],
  short: Readonly<Record<string, string>>,
  specs: readonly FlagSpec[],
): string[] {
  const expanded: string[] = [];
  for (const [i, arg] of args.entries()) {
    if (arg === '--') return [...expanded, ...args.slice(i)];
    if (!/^-[A-Za-z]/.test(arg)) {
      expanded.push(arg);
      continue;
    }
    for (let at = 1; at < arg.length; at++) {
      const name = short[arg[at]!];
      if (name === undefined) throw usageError(`unknown short flag '-${arg[at]!}'`);
      const isSwitch = specs.some((spec) => spec.name === name && spec.kind === 'switch');
      const value = isSwitch ? '' : arg.slice(at + 1).replace(/^=/, '');
      expanded.push(value === '' ? `--${name}` : `--${name}=${value}`);
      if (!isSwitch) break;
    }
  }
  return expanded;
}

function describeCommand(name: string, command: Command): string {
  const letters = Object.entries(command.short ?? {}).map(([letter, long]) => `-${letter} is --${long}`);
  return [
    `usage: tocsin ${name} ${command.args}`.trimEnd(),
    '',
    command.help,
    '',
    describeFlags(command.flags).trimEnd(),
    ...(letters.length === 0 ? [] : ['', `Short: ${letters.join(', ')}.`]),
    '',
  ].join('\n');
}

function describeGroup(name: string, group: CommandGroup): string {
  const usages = Object.entries(group).map(
    ([word, { args, help }]) => `  tocsin ${name} ${word} ${args}\n      ${help}`,
  );
  return `usage:\n${usages.join('\n')}\n`;
}

/** Unix seconds or RFC 3339 → milliseconds. */
export function parseTime(text: string, what: string): number {
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const isRfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/.test(text);
  const timeMs = isRfc3339 ? Date.parse(text) : NaN;
  if (Number.isNaN(timeMs)) {
    throw usageError(
      `${what}: ${JSON.stringify(text)} is no time; write 2026-01-31T12:00:00Z or Unix seconds`,
    );
  }
  return timeMs;
}
