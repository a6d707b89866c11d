import { formatMatcher, MatcherParser } from '../alerts/index.ts';
import type { Matcher } from '../core/matcher.ts';
import { goQuote } from '../core/go-quote.ts';
import { GoTime } from '../template/index.ts';
import { callApi, unexpectedAnswer } from './api-client.ts';
import type { ApiAnswer } from './api-client.ts';
import type { CommandContext } from './command-context.ts';
import { flag, usageError } from './command-line.ts';
import type { FlagSpec, ParsedFlags } from './flag-set.ts';

/** Flags of every command that talks to a running Alertmanager, as amtool has them. */
export const ALERTMANAGER_FLAGS: readonly FlagSpec[] = [
  flag('alertmanager.url', 'text', 'http://localhost:9090', 'The tocsin (or Alertmanager) to talk to.'),
  flag('output', 'text', 'simple', 'How to write the answer.', ['simple', 'extended', 'json']),
  flag('timeout', 'text', '30s', 'Longest time for the request.'),
  flag('http.config.file', 'text', '', 'File with credentials, TLS and proxy for the request.'),
  flag('date.format', 'text', '2006-01-02 15:04:05 MST', "How to write times, in Go's layout."),
  { ...flag('version-check', 'switch', 'true', 'there is only one version'), standing: 'ignored' },
  { ...flag('verbose', 'switch', 'false', 'nothing more to tell'), standing: 'ignored' },
];

/** One-letter names of {@link ALERTMANAGER_FLAGS}. */
export const ALERTMANAGER_SHORT: Readonly<Record<string, string>> = { o: 'output', v: 'verbose' };

/** A silence as the API gives it. */
export interface ApiSilence {
  readonly id: string;
  readonly status: { readonly state: string };
  readonly matchers: readonly ApiMatcher[];
  readonly startsAt: string;
  readonly endsAt: string;
  readonly updatedAt: string;
  readonly createdBy: string;
  readonly comment: string;
}

/** A matcher as the API has it. */
export interface ApiMatcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual?: boolean;
}

/** An alert as the API gives it. */
export interface ApiAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL?: string;
  readonly status: { readonly state: string };
}

/** Calls the API v2 below `--alertmanager.url`; rejects for every answer but 200. */
export async function callAlertmanager(
  flags: ParsedFlags,
  context: CommandContext,
  call: {
    readonly method: string;
    readonly path: string;
    readonly query?: readonly (readonly [string, string])[];
    readonly json?: unknown;
  },
): Promise<ApiAnswer> {
  const answer = await callApi(
    {
      ...call,
      path: `/api/v2${call.path}`,
      url: flags.text('alertmanager.url'),
      timeout: flags.text('timeout'),
      httpConfigFile: flags.text('http.config.file'),
    },
    context,
  );
  if (answer.status !== 200) throw unexpectedAnswer(`${call.method} /api/v2${call.path}`, answer);
  return answer;
}

/** Matchers as amtool takes them: a first one that is none is an alertname. */
export function parseMatcherArgs(args: readonly string[]): Matcher[] {
  const parser = new MatcherParser();
  return args.map((arg, i) => {
    const result = parser.parseMatchers(arg, 'command line');
    if (result.kind === 'ok' && result.matchers.length === 1) return result.matchers[0]!;
    const named = i === 0 ? parser.parseMatchers(`alertname=${goQuote(arg)}`, 'command line') : result;
    if (named.kind === 'ok' && named.matchers.length === 1) return named.matchers[0]!;
    throw usageError(
      `bad matcher ${JSON.stringify(arg)}${named.kind === 'error' ? `: ${named.reason}` : ''}`,
    );
  });
}

/** Query parameters that filter by matchers. */
export function filterQuery(matchers: readonly Matcher[]): (readonly [string, string])[] {
  return matchers.map((matcher) => ['filter', formatMatcher(matcher)] as const);
}

/** A time of the API as `--date.format` wants it. */
export function formatApiTime(time: string, flags: ParsedFlags): string {
  return GoTime.fromMs(Date.parse(time)).format(flags.text('date.format'));
}

/** `name="value"`. */
export function formatApiMatcher({ name, value, isRegex, isEqual }: ApiMatcher): string {
  const op = isRegex ? (isEqual === false ? '!~' : '=~') : isEqual === false ? '!=' : '=';
  return `${name}${op}${goQuote(value)}`;
}
