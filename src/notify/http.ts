import axios, { AxiosHeaders } from 'axios';
import type { AxiosAdapter } from 'axios';
import { TocsinError, errorText } from '../core/errors.ts';
import type { PlainHttpRequest } from '../core/authorized-http.ts';
import type { HttpResponse } from '../core/ports.ts';
import type { SendOutcome } from './notification.ts';

/** Sent as User-Agent by everything in this room. */
export const USER_AGENT = 'tocsin';

/** Bodies of answers are only shown in messages: more than this is not read. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** HTTP with an integration's credentials, proxy, TLS and redirect settings already in it. */
export interface NotifyHttp {
  request(request: PlainHttpRequest): Promise<HttpResponse>;
}

/** An answer, its body read (up to 64 KiB). */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A request to a receiver or an outside Alertmanager. */
export interface NotifyRequest {
  /** POST when absent. */
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  /** None when absent. */
  readonly body?: string;
  /** JSON when absent and there is a body. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Sends a request through axios, whose transport is the {@link NotifyHttp} (axios' own sockets, redirects, proxies and
 * time limits are not used). Resolves for every status; rejects with what the transport rejected with.
 */
export async function sendRequest(
  http: NotifyHttp,
  request: NotifyRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  // The signal goes to the adapter, not to axios: axios would replace its reason by an error of its own.
  const contentType = request.contentType ?? (request.body === undefined ? undefined : 'application/json');
  const answer = await client.request<string>({
    method: request.method ?? 'POST',
    url: request.url,
    ...(request.body === undefined ? {} : { data: request.body }),
    headers: {
      ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
      'User-Agent': USER_AGENT,
      ...request.headers,
    },
    adapter: adapterOver(http, signal),
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) headers[name.toLowerCase()] = String(value);
  return { status: answer.status, headers, text: answer.data };
}

const client = axios.create({
  timeout: 0,
  proxy: false,
  validateStatus: null,
  transformRequest: [],
  transformResponse: [],
});
// Nothing but what is given goes out: no Accept, no Accept-Encoding (bodies are read as they are).
client.defaults.headers.common = new AxiosHeaders();
client.defaults.headers.post = new AxiosHeaders();
client.defaults.headers.put = new AxiosHeaders();

function adapterOver(http: NotifyHttp, signal: AbortSignal): AxiosAdapter {
  return async (config) => {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(config.headers.toJSON())) headers[name] = String(value);
    const response = await http.request({
      method: (config.method ?? 'get').toUpperCase(),
      url: config.url ?? '',
      headers,
      ...(config.data === undefined ? {} : { body: config.data as string }),
      signal,
    });
    const data = await readText(response.body);
    if (data.cut) response.discard();
    return {
      data: data.text,
      status: response.status,
      statusText: '',
      headers: new AxiosHeaders({ ...response.headers }),
      config,
    };
  };
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<{ text: string; cut: boolean }> {
  const decoder = new TextDecoder();
  let text = '';
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    text += decoder.decode(chunk, { stream: true });
    if (sizeBytes >= MAX_ANSWER_BYTES) return { text: text.slice(0, MAX_ANSWER_BYTES), cut: true };
  }
  return { text: text + decoder.decode(), cut: false };
}

/** Codes of errors after which nothing can have arrived: there was no connection to send on. */
const UNCONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** What a transport error means: always tried again, and whether the request may have arrived all the same. */
export function outcomeOfTransportError(error: unknown, secrets: readonly string[]): SendOutcome {
  // Anything else is a bug and goes on.
  if (!(error instanceof TocsinError)) throw error;
  const timedOut = error.code === 'TOCSIN_ERR_TIMEOUT';
  const cancelled = error.code === 'TOCSIN_ERR_CANCELLED';
  const reason = timedOut ? 'contextDeadlineExceeded' : cancelled ? 'contextCanceled' : 'other';
  const message = redact(errorText(error), secrets);
  return { kind: 'retry', reason, message, unknown: !isUnconnected(error) };
}

function isUnconnected(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (UNCONNECTED.has((at as NodeJS.ErrnoException).code ?? '')) return true;
    if (at instanceof AggregateError && at.errors.length > 0 && at.errors.every(isUnconnected)) return true;
    if (at.message.endsWith(': connection refused')) return true;
  }
  return false;
}

/** The text of a failed answer as Alertmanager words it: `unexpected status code 500: …`; `text` replaces the body's. */
export function statusMessage(
  answer: HttpAnswer,
  secrets: readonly string[],
  text: string = answer.text,
): string {
  // Redacted before it is cut: half a secret would not be found.
  const detail = redact(text, secrets).replaceAll(/\s+/g, ' ').trim().slice(0, 500);
  return `unexpected status code ${answer.status}${detail === '' ? '' : `: ${detail}`}`;
}

/** Takes secrets out of a text that came from outside (a server may echo what it was sent). */
export function redact(text: string, secrets: readonly string[]): string {
  let redacted = text;
  for (const secret of secrets) {
    if (secret === '') continue;
    for (const form of new Set([secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])) {
      redacted = redacted.replaceAll(form, '<secret>');
    }
  }
  return redacted;
}
