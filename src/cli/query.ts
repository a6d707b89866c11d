import { parseDuration } from '../core/duration.ts';
import { formatFloatPlain, parseFloatText } from '../core/float-text.ts';
import { Labels } from '../core/labels.ts';
import { callApiV1 } from './api-client.ts';
import { withSystem } from './command-context.ts';
import type { CommandContext } from './command-context.ts';
import { flag, parseTime, runGroup, usageError } from './command-line.ts';
import type { CommandGroup } from './command-line.ts';
import type { ParsedFlags } from './flag-set.ts';

const COMMON_FLAGS = [
  flag('format', 'text', 'promql', 'How to write the answer.', ['promql', 'json']),
  flag('http.config.file', 'text', '', 'File with credentials, TLS and proxy for the request.'),
  flag('header', 'list', '', 'Name=value of a header to send; may be given more than once.'),
];
const SHORT = { o: 'format' };
const START = flag('start', 'text', '', 'First moment (RFC 3339 or Unix seconds).');
const END = flag('end', 'text', '', 'Last moment (RFC 3339 or Unix seconds).');
const MATCH = flag('match', 'list', '', 'Series selector; may be given more than once.');

/** `tocsin query …`, with promtool's arguments and output. */
export const QUERY_COMMANDS: CommandGroup = {
  instant: {
    args: '[FLAGS] SERVER EXPR',
    help: 'Evaluate an expression at one moment.',
    flags: [
      ...COMMON_FLAGS,
      flag('time', 'text', '', 'The moment (RFC 3339 or Unix seconds); now when absent.'),
    ],
    short: SHORT,
    run: queryInstant,
  },
  range: {
    args: '[FLAGS] SERVER EXPR',
    help: 'Evaluate an expression at many moments.',
    flags: [
      ...COMMON_FLAGS,
      START,
      END,
      flag('step', 'text', '', 'Time between moments; a 250th of the range when absent.'),
    ],
    short: SHORT,
    run: queryRange,
  },
  series: {
    args: '[FLAGS] --match=SELECTOR SERVER',
    help: 'List series.',
    flags: [...COMMON_FLAGS, MATCH, START, END],
    short: SHORT,
    run: querySeries,
  },
  labels: {
    args: '[FLAGS] SERVER NAME',
    help: 'List the values of a label.',
    flags: [...COMMON_FLAGS, MATCH, START, END],
    short: SHORT,
    run: queryLabels,
  },
};

/** Entry of `tocsin query`. */
export function run(args: readonly string[]): Promise<number> {
  return withSystem((context) => runQuery(args, context));
}

/** {@link run} on a given world. */
export function runQuery(args: readonly string[], context: CommandContext): Promise<number> {
  return runGroup('query', QUERY_COMMANDS, args, context, { later: ['analyze'] });
}

type Form = (readonly [string, string])[];
type Sample = readonly [timestamp: number, value: string];

/** Result of a query as the API gives it. */
export type QueryResult =
  | { readonly resultType: 'scalar' | 'string'; readonly result: Sample }
  | {
      readonly resultType: 'vector';
      readonly result: readonly { readonly metric: Record<string, string>; readonly value?: Sample }[];
    }
  | {
      readonly resultType: 'matrix';
      readonly result: readonly {
        readonly metric: Record<string, string>;
        readonly values?: readonly Sample[];
      }[];
    };

async function queryInstant(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const [server, expr] = twoArgs(flags, 'SERVER and EXPR');
  const timeMs = flags.text('time') === '' ? context.clock.nowMs() : parseTime(flags.text('time'), '--time');
  const form: Form = [
    ['query', expr],
    ['time', String(timeMs / 1000)],
  ];
  const data = (await ask(flags, context, server, { path: '/query', form })) as QueryResult;
  context.stdout.write(formatResult(data, flags));
  return 0;
}

async function queryRange(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const [server, expr] = twoArgs(flags, 'SERVER and EXPR');
  const endMs = flags.text('end') === '' ? context.clock.nowMs() : parseTime(flags.text('end'), '--end');
  const startMs = flags.text('start') === '' ? endMs - 300_000 : parseTime(flags.text('start'), '--start');
  if (startMs > endMs) throw usageError('start time is not before end time');
  const step = flags.text('step');
  const stepMs =
    step === '' ? Math.max(Math.floor((endMs - startMs) / 250_000), 1) * 1000 : parseDuration(step);
  if (stepMs === undefined) throw usageError(`--step: not a valid duration string: ${JSON.stringify(step)}`);
  const form: Form = [
    ['query', expr],
    ['start', String(startMs / 1000)],
    ['end', String(endMs / 1000)],
    ['step', String(stepMs / 1000)],
  ];
  const data = (await ask(flags, context, server, { path: '/query_range', form })) as QueryResult;
  context.stdout.write(formatResult(data, flags));
  return 0;
}

async function querySeries(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const [server, extra] = flags.positional;
  if (server === undefined || extra !== undefined) throw usageError('one argument is needed: SERVER');
  if (flags.list('match').length === 0) throw usageError('required flag --match not provided');
  const form = [...matchParameters(flags), ...rangeParameters(flags)];
  const data = (await ask(flags, context, server, { path: '/series', form })) as Record<string, string>[];
  const lines = data.map((metric) => Labels.fromObject(metric).toString());
  context.stdout.write(
    flags.text('format') === 'json' ? `${JSON.stringify(data)}\n` : lines.map((line) => `${line}\n`).join(''),
  );
  return 0;
}

async function queryLabels(flags: ParsedFlags, context: CommandContext): Promise<number> {
  const [server, name] = twoArgs(flags, 'SERVER and NAME');
  const query = [...matchParameters(flags), ...rangeParameters(flags)];
  const path = `/label/${encodeURIComponent(name)}/values`;
  const data = (await ask(flags, context, server, { path, query })) as string[];
  context.stdout.write(
    flags.text('format') === 'json'
      ? `${JSON.stringify(data)}\n`
      : data.map((value) => `${value}\n`).join(''),
  );
  return 0;
}

function twoArgs(flags: ParsedFlags, what: string): [string, string] {
  const [first, second, extra] = flags.positional;
  if (first === undefined || second === undefined || extra !== undefined) {
    throw usageError(`two arguments are needed: ${what}`);
  }
  return [first, second];
}

function matchParameters(flags: ParsedFlags): Form {
  return flags.list('match').map((selector) => ['match[]', selector] as const);
}

function rangeParameters(flags: ParsedFlags): Form {
  return ['start', 'end']
    .filter((name) => flags.text(name) !== '')
    .map((name) => [name, String(parseTime(flags.text(name), `--${name}`) / 1000)] as const);
}

async function ask(
  flags: ParsedFlags,
  context: CommandContext,
  server: string,
  call: { readonly path: string; readonly form?: Form; readonly query?: Form },
): Promise<unknown> {
  const headers = Object.fromEntries(
    flags.list('header').map((text) => {
      const match = /^([^=:]+)[=:]\s*(.*)$/s.exec(text);
      if (match === null) throw usageError(`--header: ${JSON.stringify(text)} is not of the form Name=value`);
      return [match[1]!, match[2]!];
    }),
  );
  return await callApiV1(
    { ...call, url: server, headers, httpConfigFile: flags.text('http.config.file') },
    context,
  );
}

/** A result as promtool prints it. */
export function formatResult(data: QueryResult, flags: ParsedFlags): string {
  if (flags.text('format') === 'json') return `${JSON.stringify(data.result)}\n`;
  switch (data.resultType) {
    case 'scalar':
      return `scalar: ${sampleText(data.result)}\n`;
    case 'string':
      return `${data.result[1]}\n`;
    case 'vector': {
      const line = (metric: Record<string, string>, value: Sample | undefined): string =>
        `${Labels.fromObject(metric).toString()} => ${value === undefined ? 'histogram' : sampleText(value)}`;
      return `${data.result.map(({ metric, value }) => line(metric, value)).join('\n')}\n`;
    }
    case 'matrix': {
      const block = (metric: Record<string, string>, values: readonly Sample[]): string =>
        [`${Labels.fromObject(metric).toString()} =>`, ...values.map(sampleText)].join('\n');
      return `${data.result.map(({ metric, values = [] }) => block(metric, values)).join('\n')}\n`;
    }
  }
}

function sampleText([timestamp, value]: Sample): string {
  const number = parseFloatText(value);
  return `${number === undefined ? value : formatFloatPlain(number)} @[${formatFloatPlain(timestamp)}]`;
}
