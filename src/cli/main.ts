import { TocsinError, errorText } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { ConfigError, explainIssue } from '../core/yaml.ts';

/** One command: gets the arguments behind its name, resolves to the exit code. Loaded when it is called. */
interface CommandEntry {
  readonly help: string;
  readonly load: () => Promise<{ run(args: readonly string[]): Promise<number> }>;
}

/** The commands of this version. Those of two words come under their first. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  serve: {
    help: 'scrape, store, evaluate and notify',
    load: () => import('./serve.ts'),
  },
  demo: {
    help: 'serve with simulated model servers and a scripted incident',
    load: () => import('./demo.ts'),
  },
  check: { help: 'check configuration, rule and Alertmanager files', load: () => import('./check.ts') },
  test: { help: 'run unit tests of rules', load: () => import('./test.ts') },
  query: { help: 'ask a running server (PromQL, series, labels)', load: () => import('./query.ts') },
  alert: { help: 'list alerts, hand one in', load: () => import('./alert.ts') },
  silence: { help: 'add, list and end silences', load: () => import('./silence.ts') },
  tsdb: { help: 'list, analyse, dump and make blocks', load: () => import('./tsdb.ts') },
  routes: { help: 'draw the routing tree, try where an alert goes', load: () => import('./routes.ts') },
};

/** Commands of the contract that later versions bring. */
const LATER_COMMANDS: readonly string[] = [
  'alertmanager',
  'maintenance',
  'template',
  'notify',
  'backtest',
  'review',
  'models',
  'export',
];

function usage(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const rows = Object.entries(COMMANDS).map(([name, { help }]) => `  ${name.padEnd(width)}  ${help}`);
  return [
    'usage: tocsin COMMAND [ARGUMENTS]',
    '',
    ...rows,
    '',
    'tocsin COMMAND --help tells more about one; tocsin --version tells the version.',
    'New here? tocsin demo',
    '',
  ].join('\n');
}

/** Runs one command line and resolves to the exit code; failures are one line on stderr (one for each mistake in a file). */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  try {
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      process.stdout.write(usage());
      return name === undefined ? 1 : 0;
    }
    if (name === '--version') {
      const { versionText } = await import('../app/index.ts');
      process.stdout.write(`${versionText()}\n`);
      return 0;
    }
    const command = COMMANDS[name];
    if (command !== undefined) return await (await command.load()).run(rest);
    if (LATER_COMMANDS.includes(name)) {
      throw new TocsinError('TOCSIN_ERR_NOT_IN_VERSION', `command ${name} is not in this version of tocsin`);
    }
    const near = nearest(name, [...Object.keys(COMMANDS), ...LATER_COMMANDS]);
    const hint = near === undefined ? 'see tocsin --help' : `did you mean ${near}?`;
    throw new TocsinError('TOCSIN_ERR_USAGE', `unknown command ${name}; ${hint}`);
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    const lines = error instanceof ConfigError ? error.issues.map(explainIssue) : [errorText(error)];
    process.stderr.write(lines.map((line) => `tocsin: ${line}\n`).join(''));
    return 1;
  }
}

/** The program: sets the exit code when the command has ended. */
export async function main(args: readonly string[]): Promise<void> {
  process.exitCode = await runCommandLine(args);
}
