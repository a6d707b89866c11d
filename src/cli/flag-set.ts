import { parseDuration } from '../core/duration.ts';
import { TocsinError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';

/** What a flag takes. `switch` takes nothing and has a `--no-` form; `list` may be given several times. */
export type FlagKind = 'text' | 'switch' | 'duration' | 'integer' | 'list';

/**
 * Where a flag stands: it works; it is accepted with one warning because it has no meaning here; or it belongs to the
 * contract and isn't built yet, so that giving it is an error.
 */
export type FlagStanding = 'used' | 'ignored' | 'notInVersion';

/** One flag of a command. */
export interface FlagSpec {
  readonly name: string;
  readonly kind: FlagKind;
  readonly help: string;
  /** As it would be written; for `list` comma-separated; '' is none, 'true' or 'false' for switches. */
  readonly byDefault: string;
  readonly standing: FlagStanding;
  /** Left out of the help text. */
  readonly hidden?: boolean;
  /** The only values allowed. */
  readonly choices?: readonly string[];
}

function usageError(message: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_USAGE', message);
}

/** Flags of one command line, with defaults filled in. */
export class ParsedFlags {
  readonly #specs: ReadonlyMap<string, FlagSpec>;
  readonly #given: ReadonlyMap<string, readonly string[]>;
  /** What is left over, in order. */
  readonly positional: readonly string[];

  constructor(
    specs: ReadonlyMap<string, FlagSpec>,
    given: ReadonlyMap<string, readonly string[]>,
    positional: readonly string[],
  ) {
    this.#specs = specs;
    this.#given = given;
    this.positional = positional;
  }

  /** Whether the flag was on the command line. */
  isGiven(name: string): boolean {
    return this.#given.has(name);
  }

  /** The last value given, or the default; '' is none. */
  text(name: string): string {
    return this.#given.get(name)?.at(-1) ?? this.#spec(name).byDefault;
  }

  isOn(name: string): boolean {
    return this.text(name) === 'true';
  }

  /** Milliseconds. */
  durationMs(name: string): number {
    return parseDuration(this.text(name)) ?? 0;
  }

  integer(name: string): number {
    return Number(this.text(name));
  }

  /** Every value given, or the default's parts. */
  list(name: string): readonly string[] {
    const { byDefault } = this.#spec(name);
    return this.#given.get(name) ?? (byDefault === '' ? [] : byDefault.split(','));
  }

  /** Name and value of every flag, as `/api/v1/status/flags` shows them. */
  all(): Record<string, string> {
    const shown: Record<string, string> = {};
    for (const { name, kind } of this.#specs.values()) {
      shown[name] = kind === 'list' ? this.list(name).join(',') : this.text(name);
    }
    return shown;
  }

  /** One line for each given flag that has no meaning here. */
  warnings(): string[] {
    return [...this.#specs.values()]
      .filter(({ name, standing }) => standing === 'ignored' && this.isGiven(name))
      .map(({ name, help }) => `--${name} has no effect in tocsin (${help})`);
  }

  #spec(name: string): FlagSpec {
    const spec = this.#specs.get(name);
    if (spec === undefined) throw new Error(`no flag ${name} is declared`);
    return spec;
  }
}

/**
 * Reads a command line as kingpin does: `--flag=value`, `--flag value`, `--switch`, `--no-switch`, `--` ends flags.
 * Throws TOCSIN_ERR_USAGE for unknown flags (naming the nearest), missing and bad values, and TOCSIN_ERR_NOT_IN_VERSION.
 */
export function parseFlags(specs: readonly FlagSpec[], args: readonly string[]): ParsedFlags {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const given = new Map<string, string[]>();
  const positional: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') {
      positional.push(...args.slice(i + 1));
      break;
    }
    if (!arg.startsWith('--')) {
      positional.push(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const written = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
    const { spec, negated } = findFlag(byName, written);
    let value = equals < 0 ? undefined : arg.slice(equals + 1);
    if (spec.kind === 'switch') value = switchValue(written, value, negated);
    else if (value === undefined) {
      i++;
      value = args[i];
      if (value === undefined) throw usageError(`expected argument for flag '--${written}'`);
    }
    checkValue(spec, value);
    given.set(spec.name, spec.kind === 'list' ? [...(given.get(spec.name) ?? []), value] : [value]);
  }
  return new ParsedFlags(byName, given, positional);
}

function findFlag(
  specs: ReadonlyMap<string, FlagSpec>,
  written: string,
): { readonly spec: FlagSpec; readonly negated: boolean } {
  const direct = specs.get(written);
  const inverse = written.startsWith('no-') ? specs.get(written.slice(3)) : undefined;
  const spec = direct ?? (inverse?.kind === 'switch' ? inverse : undefined);
  if (spec === undefined) {
    const near = nearest(written, specs.keys());
    throw usageError(
      `unknown long flag '--${written}'${near === undefined ? '' : `; did you mean '--${near}'?`}`,
    );
  }
  if (spec.standing === 'notInVersion' && direct !== undefined) {
    throw new TocsinError(
      'TOCSIN_ERR_NOT_IN_VERSION',
      `flag '--${spec.name}' is not in this version of tocsin`,
    );
  }
  return { spec, negated: direct === undefined };
}

function switchValue(written: string, value: string | undefined, negated: boolean): string {
  if (value === undefined) return String(!negated);
  if (value !== 'true' && value !== 'false')
    throw usageError(`flag '--${written}' takes true or false, not '${value}'`);
  return String((value === 'true') !== negated);
}

function checkValue(spec: FlagSpec, value: string): void {
  const { name, kind, choices } = spec;
  if (choices !== undefined && !choices.includes(value)) {
    throw usageError(`enum value for '--${name}' must be one of ${choices.join(',')}, got '${value}'`);
  }
  if (kind === 'duration' && value !== '' && parseDuration(value) === undefined) {
    throw usageError(
      `flag '--${name}': not a valid duration string: ${JSON.stringify(value)} (write 30s, 5m, 1d …)`,
    );
  }
  if (kind === 'integer' && !/^-?\d+(e\d+)?$/i.test(value)) {
    throw usageError(`flag '--${name}' takes a whole number, not '${value}'`);
  }
}

/** The help text of a command's flags. */
export function describeFlags(specs: readonly FlagSpec[]): string {
  const lines: string[] = [];
  for (const { name, kind, help, byDefault, standing, hidden, choices } of specs) {
    if (hidden === true || standing === 'notInVersion') continue;
    const taken = kind === 'switch' ? '' : `=${byDefault === '' ? `<${kind}>` : JSON.stringify(byDefault)}`;
    const more = kind === 'list' ? ' …' : '';
    const oneOf = choices === undefined ? '' : ` One of: ${choices.join(', ')}.`;
    const note = standing === 'ignored' ? ' (accepted, no effect)' : '';
    lines.push(
      `  --${kind === 'switch' ? '[no-]' : ''}${name}${taken}${more}`,
      `      ${help}${oneOf}${note}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
