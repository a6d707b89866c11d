import { dirname } from 'node:path';
import { AuthorizedHttp, basicAuthHeader } from '../core/authorized-http.ts';
import { startDeadline } from '../core/clock.ts';
import { parseGoDuration } from '../core/duration.ts';
import { TocsinError } from '../core/errors.ts';
import { DEFAULT_HTTP_CLIENT_CONFIG, httpConfigSchema } from '../core/http-config.ts';
import { SystemRandom } from '../core/system/system-random.ts';
import { requireYaml } from '../core/validate-yaml.ts';
import { parseYaml } from '../core/yaml.ts';
import type { CommandContext } from './command-context.ts';
import { usageError } from './command-line.ts';

/** An answer of the API. */
export interface ApiAnswer {
  readonly status: number;
  /** Parsed when it is JSON, else the text. */
  readonly body: unknown;
}

/** What {@link callApi} sends. */
export interface ApiCall {
  readonly method: string;
  /** Of the server, with its prefix. */
  readonly url: string;
  /** Below the server's prefix: `/api/v2/alerts`. */
  readonly path: string;
  readonly query?: readonly (readonly [string, string])[];
  /** Sent as a form. */
  readonly form?: readonly (readonly [string, string])[];
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** A Go duration; '' is none. */
  readonly timeout: string;
  /** File with an HTTP client block; '' is none. */
  readonly httpConfigFile: string;
}

/** Asks a running server; failures to reach it say where and why. */
export async function callApi(call: ApiCall, context: CommandContext): Promise<ApiAnswer> {
  const base = URL.parse(call.url.includes('://') ? call.url : `http://${call.url}`);
  if (base === null) throw usageError(`${JSON.stringify(call.url)} is not a valid URL`);
  const timeoutMs = call.timeout === '' ? undefined : parseGoDuration(call.timeout);
  if (call.timeout !== '' && timeoutMs === undefined) {
    throw usageError(`--timeout: ${JSON.stringify(call.timeout)} is no duration; write 30s`);
  }
  const { username, password } = base;
  const login = username === '' ? undefined : [username, password].map(decodeURIComponent);
  base.username = '';
  base.password = '';
  const url = new URL(base.href.replace(/\/$/, '') + call.path);
  for (const [name, value] of call.query ?? []) url.searchParams.append(name, value);
  const http = await makeHttp(call.httpConfigFile, context);
  const deadline = startDeadline(
    context.clock,
    timeoutMs ?? 120_000,
    () => new TocsinError('TOCSIN_ERR_TIMEOUT', `${url.host}: no answer in time`),
  );
  let body: { readonly body?: string } = {};
  if (call.form !== undefined) {
    body = { body: new URLSearchParams(call.form.map(([name, value]) => [name, value])).toString() };
  } else if (call.json !== undefined) body = { body: JSON.stringify(call.json) };
  const contentType = call.form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
  try {
    const response = await http.request({
      method: call.method,
      url: url.href,
      headers: {
        ...('body' in body ? { 'Content-Type': contentType } : {}),
        ...(login === undefined ? {} : { Authorization: basicAuthHeader(login[0]!, login[1]!) }),
        ...call.headers,
      },
      ...body,
      signal: deadline.signal,
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    return { status: response.status, body: parseBody(text) };
  } finally {
    deadline.dispose();
  }
}

/**
 * Calls Prometheus' API v1 (by POST when there is a form) and gives `data`; warnings go to stderr, failures are errors with Prometheus'
 * type and text.
 */
export async function callApiV1(
  call: Pick<ApiCall, 'url' | 'path' | 'form' | 'query' | 'headers' | 'httpConfigFile'>,
  context: CommandContext,
): Promise<unknown> {
  const method = call.form === undefined ? 'GET' : 'POST';
  const answer = await callApi({ ...call, method, path: `/api/v1${call.path}`, timeout: '2m' }, context);
  const body = answer.body as {
    status?: string;
    data?: unknown;
    errorType?: string;
    error?: string;
    warnings?: string[];
  } | null;
  if (typeof body !== 'object' || body?.status === undefined) throw unexpectedAnswer('query', answer);
  for (const warning of body.warnings ?? []) context.stderr.write(`query warning: ${warning}\n`);
  if (body.status === 'success') return body.data;
  throw new TocsinError('TOCSIN_ERR_HTTP', `query error: ${body.errorType ?? ''}: ${body.error ?? ''}`);
}

async function makeHttp(configFile: string, context: CommandContext): Promise<AuthorizedHttp> {
  const { http, files, clock, environment } = context;
  let config = DEFAULT_HTTP_CLIENT_CONFIG;
  if (configFile !== '') {
    const text = new TextDecoder().decode(await files.readFile(configFile));
    config = requireYaml(parseYaml(text, configFile), httpConfigSchema, dirname(configFile));
  }
  return new AuthorizedHttp({ http, files, clock, random: new SystemRandom(), config, environment });
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** The error to report for an answer that is none of the expected ones. */
export function unexpectedAnswer(what: string, answer: ApiAnswer): TocsinError {
  const { body } = answer;
  let detail = '';
  if (typeof body === 'string') detail = body.trim().slice(0, 500);
  else if (typeof body === 'object' && body !== null && 'message' in body) {
    detail = typeof body.message === 'string' ? body.message : '';
  }
  return new TocsinError(
    'TOCSIN_ERR_HTTP',
    `${what}: status ${answer.status}${detail === '' ? '' : `: ${detail}`}`,
  );
}
