import { parseDuration } from '../core/duration.ts';
import { errorText } from '../core/errors.ts';
import { parseFloatText } from '../core/float-text.ts';
import { goQuote } from '../core/go-quote.ts';
import type { Matcher } from '../core/matcher.ts';
import { parseMetricSelector } from '../promql/index.ts';
import { ApiError } from './api-error.ts';

/** Start and end of time as Prometheus' clients write them. */
const MIN_TIME_TEXT = '-292273086-05-16T16:47:06Z';
const MAX_TIME_TEXT = '292277025-08-18T07:12:54.999999999Z';

/** Bounds of a span nobody gave; within what JS can count exactly. */
export const MIN_TIME_MS: number = -Number.MAX_SAFE_INTEGER;
/** See {@link MIN_TIME_MS}. */
export const MAX_TIME_MS: number = Number.MAX_SAFE_INTEGER;

/** The parameters of a request: those of a form in the body, then those of the URL. */
export class Params {
  readonly #body: URLSearchParams;
  readonly #query: URLSearchParams;

  constructor(query: string, body = '') {
    this.#query = new URLSearchParams(query);
    this.#body = new URLSearchParams(body);
  }

  /** The first value, '' when there is none. */
  get(name: string): string {
    return this.#body.get(name) ?? this.#query.get(name) ?? '';
  }

  /** Of the URL only. */
  fromUrl(name: string): string {
    return this.#query.get(name) ?? '';
  }

  /** All values. */
  all(name: string): string[] {
    return [...this.#body.getAll(name), ...this.#query.getAll(name)];
  }

  /** A count of results; 0 is no limit. */
  limit(name = 'limit'): number {
    const text = this.get(name);
    if (text === '') return 0;
    const limit = parseInteger(text);
    if (limit === undefined)
      throw invalidParam(name, `strconv.Atoi: parsing ${goQuote(text)}: invalid syntax`);
    if (limit < 0) throw invalidParam(name, 'limit must be non-negative');
    return limit;
  }

  /** A time that must be given. */
  requiredTimeMs(name: string): number {
    const timeMs = parseTimeMs(this.get(name));
    if (timeMs !== undefined) return timeMs;
    throw invalidParam(name, `cannot parse ${goQuote(this.get(name))} to a valid timestamp`);
  }

  /** A time that may be given. */
  timeMs(name: string, defaultMs: number): number {
    const text = this.get(name);
    if (text === '') return defaultMs;
    const timeMs = parseTimeMs(text);
    if (timeMs !== undefined) return timeMs;
    const reason = `cannot parse ${goQuote(text)} to a valid timestamp`;
    throw invalidParam(name, `invalid time value for '${name}': ${reason}`);
  }

  /** Milliseconds of a duration that may be given. */
  durationMs(name: string): number | undefined {
    return this.get(name) === '' ? undefined : this.requiredDurationMs(name);
  }

  /** Milliseconds of a duration that must be given. */
  requiredDurationMs(name: string): number {
    const text = this.get(name);
    const durationMs = parseDurationMs(text);
    if (typeof durationMs === 'number') return durationMs;
    throw invalidParam(name, durationMs.problem);
  }

  /** The selectors of `match[]`; each must have a matcher that does not match ''. */
  matcherSets(): (readonly Matcher[])[] {
    const sets = this.all('match[]').map((text) => selector(text));
    if (sets.some((set) => set.every((matcher) => matcher.matches('')))) {
      throw new ApiError('bad_data', 'match[] must contain at least one non-empty matcher');
    }
    return sets;
  }
}

/** Matchers of a selector in a parameter; a bad one is bad_data. */
export function selector(text: string): readonly Matcher[] {
  try {
    return parseMetricSelector(text);
  } catch (error) {
    throw new ApiError('bad_data', errorText(error), { cause: error });
  }
}

/** Go's strconv.Atoi, within what JS counts exactly. */
export function parseInteger(text: string): number | undefined {
  if (!/^[+-]?\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** What Prometheus says of a parameter. */
export function invalidParam(name: string, reason: string): ApiError {
  return new ApiError('bad_data', `invalid parameter ${goQuote(name)}: ${reason}`);
}

/** Milliseconds of Unix seconds or RFC 3339; undefined when the text is neither. */
function parseTimeMs(text: string): number | undefined {
  const seconds = parseFloatText(text);
  if (seconds !== undefined) {
    if (!Number.isFinite(seconds) || Math.abs(seconds) > MAX_TIME_MS / 1000) return undefined;
    const whole = Math.trunc(seconds);
    return whole * 1000 + Math.round((seconds - whole) * 1000);
  }
  if (text === MIN_TIME_TEXT) return MIN_TIME_MS;
  if (text === MAX_TIME_TEXT) return MAX_TIME_MS;
  return parseRfc3339(text);
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds of RFC 3339; undefined when the text is none. */
export function parseRfc3339(text: string): number | undefined {
  if (!RFC3339.test(text)) return undefined;
  const [date = ''] = text.split('T');
  const ms = Date.parse(text.replace(',', '.'));
  // Date.parse carries a 31st of a short month on; RFC 3339 has none.
  const day = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(ms) || Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== date)
    return undefined;
  return ms;
}

function parseDurationMs(text: string): number | { readonly problem: string } {
  const seconds = parseFloatText(text);
  if (seconds !== undefined) {
    if (!(Math.abs(seconds) * 1e9 <= 2 ** 63)) {
      return { problem: `cannot parse ${goQuote(text)} to a valid duration. It overflows int64` };
    }
    return seconds * 1000;
  }
  return parseDuration(text) ?? { problem: `cannot parse ${goQuote(text)} to a valid duration` };
}
