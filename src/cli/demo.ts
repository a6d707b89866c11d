import { DEMO_DATA_PATH, runDemo, runDemoServers } from '../app/index.ts';
import { TocsinError } from '../core/errors.ts';
import { type FlagSpec, describeFlags, parseFlags } from './flag-set.ts';
import { normalisePrefix } from './serve-options.ts';

const DEMO_FLAGS: readonly FlagSpec[] = [
  {
    name: 'web.listen-address',
    kind: 'text',
    byDefault: '127.0.0.1:9090',
    help: 'Address of the page and the APIs.',
    standing: 'used',
  },
  { name: 'web.route-prefix', kind: 'text', byDefault: '', help: 'Prefix of every route.', standing: 'used' },
  {
    name: 'storage.tsdb.path',
    kind: 'text',
    byDefault: DEMO_DATA_PATH,
    help: 'Folder for everything the demo writes; emptied at start.',
    standing: 'used',
  },
  {
    name: 'resume',
    kind: 'switch',
    byDefault: 'false',
    help: 'Go on with the data of the last demo instead of emptying its folder.',
    standing: 'used',
  },
  { name: 'seed', kind: 'integer', byDefault: '1', help: 'Seed of the simulated traffic.', standing: 'used' },
  {
    name: 'servers-only',
    kind: 'switch',
    byDefault: 'false',
    help: 'Run only the simulated model servers, for another tocsin or Prometheus to scrape.',
    standing: 'used',
  },
  {
    name: 'servers.listen-address',
    kind: 'text',
    byDefault: '127.0.0.1:0',
    help: 'Address of the first simulated server; the others take the ports after it. Port 0 takes free ones.',
    standing: 'used',
  },
  {
    name: 'log.level',
    kind: 'text',
    byDefault: 'warn',
    help: 'Least severe lines to log.',
    standing: 'used',
    choices: ['debug', 'info', 'warn', 'error'],
  },
];

/** `tocsin demo`: a whole tocsin with something to look after. */
export async function run(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(
      `usage: tocsin demo [FLAGS]\n\nShows tocsin at work.\n\n${describeFlags(DEMO_FLAGS)}`,
    );
    return 0;
  }
  const flags = parseFlags(DEMO_FLAGS, args);
  const [extra] = flags.positional;
  if (extra !== undefined) throw new TocsinError('TOCSIN_ERR_USAGE', `unexpected ${extra}`);
  const servers = { seed: flags.integer('seed'), listenAddress: flags.text('servers.listen-address') };
  if (flags.isOn('servers-only')) return runDemoServers(servers);
  return runDemo({
    servers,
    listenAddress: flags.text('web.listen-address'),
    routePrefix: normalisePrefix(flags.text('web.route-prefix')),
    dataPath: flags.text('storage.tsdb.path'),
    resume: flags.isOn('resume'),
    logLevel: flags.text('log.level'),
    shownFlags: flags.all(),
  });
}
