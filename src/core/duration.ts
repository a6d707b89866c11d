import { TocsinError } from './errors.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
const YEAR_MS = 365 * DAY_MS;

const PROMETHEUS_DURATION =
  /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const UNITS_MS = [YEAR_MS, WEEK_MS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, 1];

/** Longest duration that Go can hold (292 years), in milliseconds. */
const MAX_DURATION_MS = 9_223_372_036_854;

/**
 * Milliseconds of a Prometheus duration (`1d12h`, `30s`, `0`); undefined when the text is none.
 *
 * @see prometheus/common model/time.go ParseDuration
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = text === '' ? null : PROMETHEUS_DURATION.exec(text);
  if (match === null) return undefined;
  let totalMs = 0;
  UNITS_MS.forEach((unitMs, i) => {
    const amount = match[i + 1];
    if (amount !== undefined) totalMs += Number(amount) * unitMs;
  });
  return totalMs > MAX_DURATION_MS ? undefined : totalMs;
}

/** A duration as Prometheus prints it: the exact units that divide it, weeks and years only when nothing is left over. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return '0s';
  let restMs = Math.abs(durationMs);
  let text = durationMs < 0 ? '-' : '';
  const take = (unit: string, unitMs: number, exactOnly: boolean): void => {
    if (exactOnly && restMs % unitMs !== 0) return;
    const amount = Math.floor(restMs / unitMs);
    if (amount > 0) text += `${amount}${unit}`;
    restMs -= amount * unitMs;
  };
  take('y', YEAR_MS, true);
  take('w', WEEK_MS, true);
  take('d', DAY_MS, false);
  take('h', HOUR_MS, false);
  take('m', MINUTE_MS, false);
  take('s', SECOND_MS, false);
  take('ms', 1, false);
  return text;
}

const GO_UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: SECOND_MS,
  m: MINUTE_MS,
  h: HOUR_MS,
};

/** Milliseconds of a Go duration (`1.5h`, `-2m`, `300ms`); undefined when the text is none. Go's time.ParseDuration. */
export function parseGoDuration(text: string): number | undefined {
  if (text === '0' || text === '+0' || text === '-0') return 0;
  const negative = text.startsWith('-');
  let rest = negative || text.startsWith('+') ? text.slice(1) : text;
  if (rest === '') return undefined;
  let totalMs = 0;
  while (rest !== '') {
    const match = /^(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/.exec(rest);
    if (match === null) return undefined;
    totalMs += Number(match[1]) * GO_UNITS_MS[match[2]!]!;
    rest = rest.slice(match[0].length);
  }
  return negative ? -totalMs : totalMs;
}

/** {@link parseDuration} for places where the text must be one; the message is Prometheus'. */
export function requireDuration(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs !== undefined) return durationMs;
  const message =
    text === '' ? 'empty duration string' : `not a valid duration string: ${JSON.stringify(text)}`;
  throw new TocsinError('TOCSIN_ERR_PARSE', message);
}
