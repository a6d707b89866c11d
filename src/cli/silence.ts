import { parseDuration } from '../core/duration.ts';
import {
  ALERTMANAGER_FLAGS,
  ALERTMANAGER_SHORT,
  callAlertmanager,
  filterQuery,
  formatApiMatcher,
  formatApiTime,
  parseMatcherArgs,
} from './alertmanager-api.ts';
import type { ApiSilence } from './alertmanager-api.ts';
import { withSystem } from './command-context.ts';
import type { CommandContext } from './command-context.ts';
import { flag, parseTime, runGroup, usageError } from './command-line.ts';
import type { CommandGroup } from './command-line.ts';
import type { ParsedFlags } from './flag-set.ts';
import { formatTable } from './table.ts';

/** `tocsin silence …`, with amtool's arguments and output. */
export const SILENCE_COMMANDS: CommandGroup = {
  add: {
    args: '[FLAGS] MATCHER …',
    help: 'Silence the alerts that all matchers match; prints the id.',
    flags: [
      ...ALERTMANAGER_FLAGS,
      flag('author', 'text', '', 'Who silences; the user who is logged in when absent.'),
      flag('comment', 'text', '', 'Why.'),
      flag('require-comment', 'switch', 'true', 'Refuse a silence without a comment.'),
      flag('duration', 'text', '1h', 'For how long.'),
      flag('start', 'text', '', 'From when on (RFC 3339); now when absent.'),
      flag('end', 'text', '', 'Until when (RFC 3339); overrides --duration.'),
      flag('annotation', 'list', '', 'name=value to keep with the silence; may be given more than once.'),
    ],
    short: { ...ALERTMANAGER_SHORT, a: 'author', c: 'comment', d: 'duration' },
    run: addSilence,
  },
  query: {
    args: '[FLAGS] [MATCHER …]',
    help: 'List silences that have these matchers.',
    flags: [
      ...ALERTMANAGER_FLAGS,
      flag('expired', 'switch', 'false', 'Those that have ended instead.'),
      flag('quiet', 'switch', 'false', 'Only ids.'),
      flag('created-by', 'text', '', 'Only those of this author.'),
      flag('id', 'list', '', 'Only this id; may be given more than once.'),
      flag('within', 'text', '', 'Only those that end (with --expired: ended) within this duration.'),
    ],
    short: { ...ALERTMANAGER_SHORT, q: 'quiet' },
    run: querySilences,
  },
  expire: {
    args: '[FLAGS] ID …',
    help: 'End silences now.',
    flags: ALERTMANAGER_FLAGS,
    short: ALERTMANAGER_SHORT,
    run: expireSilences,
  },
};

const LATER = ['update', 'import'];

/** Entry of `tocsin silence`. */
export function run(args: readonly string[]): Promise<number> {
  return withSystem((context) => runSilence(args, context));
}

/** {@link run} on a given world. */
export function runSilence(args: readonly string[], context: CommandContext): Promise<number> {
  return runGroup('silence', SILENCE_COMMANDS, args, context, { fallback: 'query', later: LATER });
}

async function addSilence(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const matchers = parseMatcherArgs(flags.positional);
  if (matchers.length === 0) throw usageError('no matchers specified');
  const startsAtMs =
    flags.text('start') === '' ? context.clock.nowMs() : parseTime(flags.text('start'), '--start');
  const endsAtMs = endOf(flags, startsAtMs);
  if (startsAtMs > endsAtMs) throw usageError('silence cannot start after it ends');
  if (flags.isOn('require-comment') && flags.text('comment') === '') {
    throw usageError('a comment is required; say why with --comment, or give --no-require-comment');
  }
  const annotations = Object.fromEntries(flags.list('annotation').map(parsePair));
  const answer = await callAlertmanager(flags, context, {
    method: 'POST',
    path: '/silences',
    json: {
      matchers: matchers.map(({ name, op, value }) => ({
        name,
        value,
        isRegex: op === '=~' || op === '!~',
        isEqual: op === '=' || op === '=~',
      })),
      startsAt: new Date(startsAtMs).toISOString(),
      endsAt: new Date(endsAtMs).toISOString(),
      createdBy: flags.text('author') === '' ? context.userName : flags.text('author'),
      comment: flags.text('comment'),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
  });
  context.stdout.write(`${(answer.body as { silenceID: string }).silenceID}\n`);
  return 0;
}

function endOf(flags: ParsedFlags, startsAtMs: number): number {
  if (flags.text('end') !== '') return parseTime(flags.text('end'), '--end');
  const text = flags.text('duration');
  const durationMs = parseDuration(text);
  if (durationMs === undefined) throw usageError(`not a valid duration string: ${JSON.stringify(text)}`);
  if (durationMs === 0) throw usageError('silence duration must be greater than 0');
  return startsAtMs + durationMs;
}

/** `name=value`. */
export function parsePair(text: string): [name: string, value: string] {
  const equals = text.indexOf('=');
  if (equals <= 0) throw usageError(`${JSON.stringify(text)} is not of the form name=value`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

async function querySilences(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const nowMs = context.clock.nowMs();
  const within = flags.text('within') === '' ? 0 : parseDuration(flags.text('within'));
  if (within === undefined)
    throw usageError(`--within: not a valid duration string: "${flags.text('within')}"`);
  const query = filterQuery(parseMatcherArgs(flags.positional));
  const answer = await callAlertmanager(flags, context, { method: 'GET', path: '/silences', query });
  const isWanted = (silence: ApiSilence): boolean => {
    const endsAtMs = Date.parse(silence.endsAt);
    const hasEnded = endsAtMs < nowMs;
    if (hasEnded !== flags.isOn('expired')) return false;
    if (within > 0 && (hasEnded ? endsAtMs < nowMs - within : endsAtMs > nowMs + within)) return false;
    const author = flags.text('created-by');
    if (author !== '' && silence.createdBy !== author) return false;
    const ids = flags.list('id');
    return ids.length === 0 || ids.includes(silence.id);
  };
  const silences = (answer.body as ApiSilence[])
    .filter(isWanted)
    .toSorted((a, b) => Date.parse(a.endsAt) - Date.parse(b.endsAt));
  context.stdout.write(formatSilences(silences, flags));
  return 0;
}

function formatSilences(silences: readonly ApiSilence[], flags: ParsedFlags): string {
  if (flags.isOn('quiet')) return silences.map(({ id }) => `${id}\n`).join('');
  const time = (text: string): string => formatApiTime(text, flags);
  const output = flags.text('output');
  if (output === 'json') return `${JSON.stringify(silences)}\n`;
  if (output === 'simple') {
    return formatTable([
      ['ID', 'Matchers', 'Ends At', 'Created By', 'Comment'],
      ...silences.map((silence) => [
        silence.id,
        silence.matchers.map(formatApiMatcher).join(' '),
        time(silence.endsAt),
        silence.createdBy,
        silence.comment,
      ]),
    ]);
  }
  return formatTable([
    ['ID', 'Matchers', 'Starts At', 'Ends At', 'Updated At', 'Created By', 'Comment'],
    ...silences.map((silence) => [
      silence.id,
      `{${silence.matchers.map(formatApiMatcher).join(',')}}`,
      time(silence.startsAt),
      time(silence.endsAt),
      time(silence.updatedAt),
      silence.createdBy,
      silence.comment,
    ]),
  ]);
}

async function expireSilences(flags: ParsedFlags, context: CommandContext): Promise<number> {
  if (flags.positional.length === 0) throw usageError('no silence IDs specified');
  for (const id of flags.positional) {
    await callAlertmanager(flags, context, { method: 'DELETE', path: `/silence/${encodeURIComponent(id)}` });
  }
  return 0;
}
