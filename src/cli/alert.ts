import { compareText } from '../core/labels.ts';
import {
  ALERTMANAGER_FLAGS,
  ALERTMANAGER_SHORT,
  callAlertmanager,
  filterQuery,
  formatApiTime,
  parseMatcherArgs,
} from './alertmanager-api.ts';
import type { ApiAlert } from './alertmanager-api.ts';
import { withSystem } from './command-context.ts';
import type { CommandContext } from './command-context.ts';
import { flag, parseTime, runGroup, usageError } from './command-line.ts';
import type { CommandGroup } from './command-line.ts';
import type { ParsedFlags } from './flag-set.ts';
import { parsePair } from './silence.ts';
import { formatTable } from './table.ts';

/** `tocsin alert …`, with amtool's arguments and output. */
export const ALERT_COMMANDS: CommandGroup = {
  query: {
    args: '[FLAGS] [MATCHER …]',
    help: 'List alerts; active ones when no flag says which.',
    flags: [
      ...ALERTMANAGER_FLAGS,
      flag('active', 'switch', 'false', 'Active ones.'),
      flag('silenced', 'switch', 'false', 'Silenced ones.'),
      flag('inhibited', 'switch', 'false', 'Inhibited ones.'),
      flag('unprocessed', 'switch', 'false', 'Those that nothing has looked at yet.'),
      flag(
        'receiver',
        'text',
        '',
        'Only those that go to a receiver whose name matches (regular expression).',
      ),
    ],
    short: {
      ...ALERTMANAGER_SHORT,
      a: 'active',
      s: 'silenced',
      i: 'inhibited',
      u: 'unprocessed',
      r: 'receiver',
    },
    run: queryAlerts,
  },
  add: {
    args: '[FLAGS] [ALERTNAME] [LABEL=VALUE …]',
    help: 'Hand in an alert.',
    flags: [
      ...ALERTMANAGER_FLAGS,
      flag('generator-url', 'text', '', 'Link to what made the alert.'),
      flag('start', 'text', '', 'Since when (RFC 3339).'),
      flag('end', 'text', '', 'Until when (RFC 3339).'),
      flag('annotation', 'list', '', 'name=value; may be given more than once.'),
    ],
    short: ALERTMANAGER_SHORT,
    run: addAlert,
  },
};

/** Entry of `tocsin alert`. */
export function run(args: readonly string[]): Promise<number> {
  return withSystem((context) => runAlert(args, context));
}

/** {@link run} on a given world. */
export function runAlert(args: readonly string[], context: CommandContext): Promise<number> {
  return runGroup('alert', ALERT_COMMANDS, args, context, { fallback: 'query', later: ['why'] });
}

async function queryAlerts(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const states = ['active', 'silenced', 'inhibited', 'unprocessed'];
  const none = states.every((state) => !flags.isOn(state));
  const query: (readonly [string, string])[] = [
    ...filterQuery(parseMatcherArgs(flags.positional)),
    ...states.map((state) => [state, String(flags.isOn(state) || (none && state === 'active'))] as const),
  ];
  if (flags.text('receiver') !== '') query.push(['receiver', flags.text('receiver')]);
  const answer = await callAlertmanager(flags, context, { method: 'GET', path: '/alerts', query });
  const alerts = (answer.body as ApiAlert[]).toSorted(
    (a, b) => Date.parse(a.startsAt) - Date.parse(b.startsAt),
  );
  context.stdout.write(formatAlerts(alerts, flags));
  return 0;
}

function formatAlerts(alerts: readonly ApiAlert[], flags: ParsedFlags): string {
  const time = (text: string): string => formatApiTime(text, flags);
  const output = flags.text('output');
  if (output === 'json') return `${JSON.stringify(alerts)}\n`;
  if (output === 'simple') {
    return formatTable([
      ['Alertname', 'Starts At', 'Summary', 'State'],
      ...alerts.map(({ labels, annotations, startsAt, status }) => [
        labels['alertname'] ?? '',
        time(startsAt),
        annotations['summary'] ?? '',
        status.state,
      ]),
    ]);
  }
  return formatTable([
    ['Labels', 'Annotations', 'Starts At', 'Ends At', 'Generator URL', 'State'],
    ...alerts.map((alert) => [
      formatPairs(alert.labels),
      formatPairs(alert.annotations),
      time(alert.startsAt),
      time(alert.endsAt),
      alert.generatorURL ?? '',
      alert.status.state,
    ]),
  ]);
}

/** `alertname="x" a="b"`: the alertname first, the rest by name. */
function formatPairs(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .toSorted(([a], [b]) => Number(b === 'alertname') - Number(a === 'alertname') || compareText(a, b))
    .map(([name, value]) => `${name}="${value}"`)
    .join(' ');
}

async function addAlert(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const [first, ...rest] = flags.positional;
  if (first === undefined)
    throw usageError('an alert needs labels: tocsin alert add ALERTNAME label=value …');
  const firstPair: [string, string] = first.includes('=') ? parsePair(first) : ['alertname', first];
  const labels = Object.fromEntries([firstPair, ...rest.map(parsePair)].map(unquoteValue));
  const time = (name: string): Record<string, string> =>
    flags.text(name) === ''
      ? {}
      : { [`${name}sAt`]: new Date(parseTime(flags.text(name), `--${name}`)).toISOString() };
  const alert = {
    labels,
    annotations: Object.fromEntries(flags.list('annotation').map(parsePair).map(unquoteValue)),
    ...time('start'),
    ...time('end'),
    ...(flags.text('generator-url') === '' ? {} : { generatorURL: flags.text('generator-url') }),
  };
  await callAlertmanager(flags, context, { method: 'POST', path: '/alerts', json: [alert] });
  return 0;
}

/** amtool reads `label="value"` as a matcher, so quotes around the value are not part of it. */
function unquoteValue([name, value]: readonly [string, string]): [string, string] {
  const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
  return [name, isQuoted ? value.slice(1, -1).replaceAll(/\\(["\\])/g, '$1') : value];
}
