import { z } from 'zod';
import { basicAuthHeader } from '../core/authorized-http.ts';
import type { AuthorizedHttp } from '../core/authorized-http.ts';
import { startDeadline } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { TocsinError } from '../core/errors.ts';
import type { HttpResponse } from '../core/ports.ts';
import { Pacer } from '../core/pacer.ts';
import { readBody } from '../core/read-body.ts';
import { shownUrl } from '../core/shown-url.ts';
import { pathText } from '../core/validate-yaml.ts';
import { splitJsonList } from './json-list.ts';
import { STRETCH_MS } from './paced.ts';

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
  const { text, shown, headers } = await fetchText(request);
  return { value: checked(parse(text, shown, request.http), request.schema, shown, []), headers };
}

/**
 * {@link fetchJson} of a list, which may be long: it is parsed and checked in stretches, so that other work has its turns.
 * `schema` is that of an item. null is an empty list.
 */
export async function fetchJsonList<T>(request: JsonRequest<T>): Promise<JsonAnswer<T[]>> {
  const { text, shown, headers } = await fetchText(request);
  const parts = splitJsonList(text);
  if (parts === undefined) {
    return { value: checked(parse(text, shown, request.http), noList, shown, []), headers };
  }
  const pacer = new Pacer(request.clock, STRETCH_MS);
  const value: T[] = [];
  for (const part of parts) {
    // A part is a list, as it has its brackets.
    for (const item of parse(part, shown, request.http) as unknown[]) {
      value.push(checked(item, request.schema, shown, [value.length]));
      if (pacer.isDue) await pacer.pause();
    }
  }
  return { value, headers };
}

const noList = z.null('expected a list').transform(() => []);

/** An answer before it is parsed. */
interface TextAnswer {
  readonly text: string;
  /** URL for messages. */
  readonly shown: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function fetchText(request: Omit<JsonRequest<unknown>, 'schema'>): Promise<TextAnswer> {
  const { http, clock, timeoutMs, signal } = request;
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
    return { text, shown, headers: response.headers };
  } finally {
    deadline.dispose();
  }
}

function splitUrl(text: string): { url: string; shown: string; authorization: Record<string, string> } {
  const url = new URL(text);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const authorization: Record<string, string> = {};
  if (username !== '' || password !== '') {
    authorization['Authorization'] = basicAuthHeader(decoded(username), decoded(password));
  }
  return { url: url.href, shown: shownUrl(text), authorization };
}

/** Text of a URL without its escapes; as it is where they are none. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parse(text: string, shown: string, http: JsonHttp): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const start = JSON.stringify(http.redact(text).slice(0, SHOWN_CHARACTERS));
    const message = `${shown}: the answer is not valid JSON; it starts with ${start}`;
    throw new TocsinError('TOCSIN_ERR_PARSE', message);
  }
}

function checked<T>(raw: unknown, schema: z.ZodType<T>, shown: string, path: readonly PropertyKey[]): T {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = pathText([...path, ...(issue?.path ?? [])]);
  const where = place === '' ? '' : `${place}: `;
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
