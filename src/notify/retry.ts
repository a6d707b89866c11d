import type { Random } from '../core/ports.ts';
import type { FailureReason, SendOutcome } from './notification.ts';

const FIRST_DELAY_MS = 500;
const FACTOR = 1.5;
const SPREAD = 0.5;
const MAX_DELAY_MS = 60_000;
/** A receiver may ask for patience, but not for more than this. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * How long to wait before the next request after `attempts` failed ones: 0.5 s growing by half each time to 60 s, each
 * spread by ±50 %; never sooner than the receiver asked for.
 *
 * @see cenkalti/backoff ExponentialBackOff, which Alertmanager uses with its defaults
 */
export function retryDelayMs(attempts: number, afterMs: number | undefined, random: Random): number {
  const plainMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * FACTOR ** Math.max(0, attempts - 1));
  const spreadMs = plainMs * (1 - SPREAD + 2 * SPREAD * random.next());
  return Math.ceil(Math.max(spreadMs, Math.min(afterMs ?? 0, MAX_RETRY_AFTER_MS)));
}

/** Milliseconds of a `Retry-After` header: seconds (fractions too, as some send) or an HTTP date; undefined if neither. */
function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  // HTTP dates name their day and month in words; anything else Date.parse would take is refused.
  const atMs = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/**
 * What an HTTP status means: 2xx sent, 5xx, 429 and those of `alsoRetried` retried (not before Retry-After), anything
 * else final. Unlike Alertmanager this holds for every receiver.
 */
export function classifyStatus(
  status: number,
  message: string,
  retryAfter: string | undefined,
  nowMs: number,
  alsoRetried: readonly number[] = [],
): SendOutcome {
  if (status >= 200 && status < 300) return { kind: 'sent' };
  const reason = failureReasonOfStatus(status);
  const retried = status === 429 || (status >= 500 && status < 600) || alsoRetried.includes(status);
  if (!retried) return { kind: 'reject', reason, message };
  const afterMs = parseRetryAfter(retryAfter, nowMs);
  return { kind: 'retry', reason, message, ...(afterMs === undefined ? {} : { afterMs }) };
}

/** Alertmanager's failure class of an HTTP status. */
function failureReasonOfStatus(status: number): FailureReason {
  if (status === 401 || status === 403) return 'authError';
  if (status === 429) return 'rateLimited';
  if (status >= 400 && status < 500) return 'clientError';
  return status >= 500 && status < 600 ? 'serverError' : 'other';
}
