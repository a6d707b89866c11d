import type { z } from 'zod';
import { basicAuthHeader } from '../core/authorized-http.ts';
import type { AuthorizedHttp } from '../core/authorized-http.ts';
import { startDeadline } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { TocsinError } from '../core/errors.ts';
import type { HttpResponse } from '../core/ports.ts';
import { pathText } from '../core/validate-yaml.ts';
import { readBody } from './read-body.ts';

/** Answers larger than this are refused, unless said otherwise. */
const MAX_BODY_BYTES = 128 * 1024 * 1024;
/** Of an answer that is not as wanted, this much is shown. */
const SHOWN_CHARACTERS = 200;

/** What {@link fetchJson} needs of {@link AuthorizedHttp}. */
export type JsonHttp = Pick<AuthorizedHttp, 'request' | 'redact'>;

/** A request of {@link fetchJson}. */
export interface JsonRequest<T> {
  readonly http: JsonHttp;
  readonly clock: Clock;
  /** A user and a password in it are sent as basic authentication and never shown; nor is its query. */
  readonly url: string;
  /** GET when absent. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Over the whole request, the reading of the answer included. */
  readonly timeoutMs: number;
  /** 128 MiB when absent. */
  readonly maxBodyBytes?: number;
  /** Called with the head of a good answer; throws when it is not as it should be. */
  readonly checkHead?: (response: HttpResponse) => void;
  /** What the answer must be like; keys it does not name should be allowed, since services add some. */
  readonly schema: z.ZodType<T>;
  readonly signal: AbortSignal;
}

/** An answer of {@link fetchJson}. */
export interface JsonAnswer<T> {
  readonly value: T;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A service answered with a status other than 2xx. */
export class StatusError extends TocsinError {
  readonly status: number;

  constructor(url: string, status: number, shown: string) {
    const said = shown === '' ? '' : `: ${shown}`;
    super('TOCSIN_ERR_HTTP', `${url}: server returned HTTP status ${status}${said}`);
    this.status = status;
  }
}

/**
 * Asks a service that answers in JSON, and checks the answer. Rejects with a TocsinError that names the URL (without
 * user, password and query) and what came back, or with the signal's reason.
 */
export async function fetchJson<T>(request: JsonRequest<T>): Promise<JsonAnswer<T>> {
  const { http, clock, timeoutMs, signal, schema } = request;
  const { url, shown, authorization } = splitUrl(request.url);
  const deadline = startDeadline(
    clock,
    timeoutMs,
    () => new TocsinError('TOCSIN_ERR_TIMEOUT', `${shown}: no full answer within ${timeoutMs} ms`),
    signal,
  );
  try {
    const response = await http.request({
      method: request.method ?? 'GET',
      url,
      headers: { Accept: 'application/json', ...authorization, ...request.headers },
      ...(request.body !== undefined && { body: request.body }),
      signal: deadline.signal,
      transientBody: true,
    });
    if (response.status < 200 || response.status > 299) {
      const text = http.redact(await readStart(response));
      throw new StatusError(shown, response.status, text);
    }
    try {
      request.checkHead?.(response);
    } catch (error) {
      response.discard();
      throw error;
    }
    const text = await readBody(response, shown, request.maxBodyBytes ?? MAX_BODY_BYTES);
    return { value: parseAs(text, schema, shown, http), headers: response.headers };
  } finally {
    deadline.dispose();
  }
}

/** A URL for messages: without user, password, query and fragment. */
export function shownUrl(text: string): string {
  if (!URL.canParse(text)) return 'the URL';
  const { protocol, host, pathname } = new URL(text);
  return `${protocol}//${host}${pathname}`;
}

function splitUrl(text: string): { url: string; shown: string; authorization: Record<string, string> } {
  const url = new URL(text);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const authorization: Record<string, string> = {};
  if (username !== '' || password !== '') {
    authorization['Authorization'] = basicAuthHeader(
      decodeURIComponent(username),
      decodeURIComponent(password),
    );
  }
  return { url: url.href, shown: shownUrl(text), authorization };
}

function parseAs<T>(text: string, schema: z.ZodType<T>, shown: string, http: JsonHttp): T {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    const start = JSON.stringify(http.redact(text).slice(0, SHOWN_CHARACTERS));
    const message = `${shown}: the answer is not valid JSON; it starts with ${start}`;
    throw new TocsinError('TOCSIN_ERR_PARSE', message);
  }
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : `${pathText(issue.path)}: `;
  const message = `${shown}: the answer is not as expected: ${where}${issue?.message ?? ''}`;
  throw new TocsinError('TOCSIN_ERR_PARSE', message);
}

/** The first line of an answer that says why something did not work. */
async function readStart(response: HttpResponse): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > SHOWN_CHARACTERS) {
      response.discard();
      break;
    }
  }
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, SHOWN_CHARACTERS);
}
