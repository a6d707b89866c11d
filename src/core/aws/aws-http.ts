import { z } from 'zod';
import type { AuthorizedHttp } from '../authorized-http.ts';
import { startDeadline } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { TocsinError } from '../errors.ts';
import type { FileSystem, Programs } from '../ports.ts';
import type { Environment } from '../proxy-choice.ts';
import { readBody } from '../read-body.ts';
import { shownUrl } from '../shown-url.ts';
import type { AwsCredentials } from './aws-credentials.ts';
import { signedHeaders } from './signature-v4.ts';
import { parseXml } from './xml.ts';
import type { XmlElement } from './xml.ts';

/** What talks to AWS and its surroundings. */
export interface AwsContext {
  readonly clock: Clock;
  readonly files: FileSystem;
  /** For credentials, regions and endpoints (`AWS_…`). */
  readonly environment: Environment;
  /** For `credential_process`. */
  readonly programs: Programs;
  /** `User-Agent` of every request. */
  readonly userAgent: string;
  /** With the settings of the HTTP client block. */
  readonly http: Pick<AuthorizedHttp, 'request'>;
}

/** A request of {@link ask}. */
export interface AwsRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Over the whole request, the reading of the answer included. */
  readonly timeoutMs: number;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const QUERY_TIMEOUT_MS = 60_000;

/** An answer of {@link ask}. */
interface AwsAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Asks for a text, whatever the status. */
export async function ask(
  context: AwsContext,
  { timeoutMs, ...request }: AwsRequest,
  signal: AbortSignal,
): Promise<AwsAnswer> {
  const shown = shownUrl(request.url);
  const deadline = startDeadline(
    context.clock,
    timeoutMs,
    () => new TocsinError('TOCSIN_ERR_TIMEOUT', `${shown}: no full answer within ${timeoutMs} ms`),
    signal,
  );
  try {
    const headers = { 'User-Agent': context.userAgent, ...request.headers };
    const response = await context.http.request({ ...request, headers, signal: deadline.signal });
    const text = await readBody(response, shown, MAX_ANSWER_BYTES);
    return { status: response.status, headers: response.headers, text };
  } finally {
    deadline.dispose();
  }
}

/** An answer of AWS that says what was wrong. */
export class AwsError extends TocsinError {
  /** AWS' own word: `AuthFailure`, `UnauthorizedOperation` … */
  readonly awsCode: string;
  /** AWS' own words, up to 500 characters. */
  readonly reason: string;
  readonly status: number;
  /** The header, as it came. */
  readonly retryAfter: string | undefined;

  constructor(action: string, { status, headers }: AwsAnswer, awsCode: string, message: string | undefined) {
    const reason = (message ?? 'no reason given').slice(0, 500);
    super('TOCSIN_ERR_HTTP', `${action}: status ${status}: ${awsCode}: ${reason}`);
    this.awsCode = awsCode;
    this.reason = reason;
    this.status = status;
    this.retryAfter = headers['retry-after'];
  }
}

/** A call of a query API. */
export interface AwsQuery {
  readonly service: 'ec2' | 'sns' | 'sts';
  readonly region: string;
  /** Instead of the service's own in the region. */
  readonly endpoint: string;
  readonly version: string;
  readonly action: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** undefined: the call is not signed (web identities). */
  readonly credentials: AwsCredentials | undefined;
}

/** Calls a query API; resolves to the answer's root element, rejects with an {@link AwsError} when AWS refuses. */
export async function callAws(
  context: AwsContext,
  query: AwsQuery,
  signal: AbortSignal,
): Promise<XmlElement> {
  const { service, region, credentials, action } = query;
  const url = endpointUrl(context.environment, query);
  const body = new URLSearchParams({
    Action: action,
    Version: query.version,
    ...query.parameters,
  }).toString();
  const plain = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const headers =
    credentials === undefined
      ? plain
      : signedHeaders({ url, headers: plain, body }, credentials, {
          region,
          service,
          nowMs: context.clock.nowMs(),
        });
  const answer = await ask(
    context,
    { method: 'POST', url, headers, body, timeoutMs: QUERY_TIMEOUT_MS },
    signal,
  );
  if (answer.status === 200) return parseXml(answer.text);
  throw refusal(action, answer, credentials);
}

/** A call of a service that speaks JSON. */
export interface AwsJsonCall<T> {
  readonly service: 'ecs' | 'lightsail';
  readonly region: string;
  /** Instead of the service's own in the region. */
  readonly endpoint: string;
  readonly target: string;
  readonly body: object;
  readonly schema: z.ZodType<T>;
  readonly credentials: AwsCredentials;
}

const jsonErrorSchema = z.object({
  __type: z.string().default('no code given'),
  message: z.string().optional(),
  Message: z.string().optional(),
});

/** As {@link callAws}, for services that speak JSON; checks the answer. */
export async function callAwsJson<T>(
  context: AwsContext,
  call: AwsJsonCall<T>,
  signal: AbortSignal,
): Promise<T> {
  const { service, region, target, schema } = call;
  const url = endpointUrl(context.environment, call);
  const body = JSON.stringify(call.body);
  const plain = { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': target };
  const nowMs = context.clock.nowMs();
  const headers = signedHeaders({ url, headers: plain, body }, call.credentials, { region, service, nowMs });
  const answer = await ask(
    context,
    { method: 'POST', url, headers, body, timeoutMs: QUERY_TIMEOUT_MS },
    signal,
  );
  const action = target.slice(target.indexOf('.') + 1);
  if (answer.status !== 200) throw jsonRefusal(action, answer, call.credentials);
  const result = schema.safeParse(readJson(answer.text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new TocsinError(
    'TOCSIN_ERR_PARSE',
    `${action}: the answer is not as expected: ${where}: ${issue?.message ?? ''}`,
  );
}

function jsonRefusal(action: string, answer: AwsAnswer, credentials: AwsCredentials): AwsError {
  const error = jsonErrorSchema.safeParse(readJson(answer.text)).data;
  const code = error?.__type.slice(error.__type.indexOf('#') + 1) ?? 'no code given';
  return new AwsError(action, answer, code, withoutToken(error?.message ?? error?.Message, credentials));
}

/** undefined for what is no JSON. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** AWS shows the headers that it had signed, the session's token among them, where a signature does not match. */
function withoutToken(
  message: string | undefined,
  credentials: AwsCredentials | undefined,
): string | undefined {
  const token = credentials?.sessionToken ?? '';
  return token === '' ? message : message?.replaceAll(token, '<secret>');
}

function endpointUrl(
  environment: Environment,
  { service, region, endpoint }: Pick<AwsQuery, 'region' | 'endpoint'> & { readonly service: string },
): string {
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const given = [
    endpoint,
    environment[`AWS_ENDPOINT_URL_${service.toUpperCase()}`],
    environment['AWS_ENDPOINT_URL'],
  ].find((candidate) => candidate !== undefined && candidate !== '');
  const url = given ?? `https://${service}.${region}.${suffix}`;
  const whole = /^https?:\/\//i.test(url) ? url : `https://${url}`;
  if (!URL.canParse(whole)) {
    throw new TocsinError('TOCSIN_ERR_HTTP', `${JSON.stringify(url)} is not the URL of an endpoint`);
  }
  return new URL(whole).href;
}

function refusal(action: string, answer: AwsAnswer, credentials: AwsCredentials | undefined): AwsError {
  let root: XmlElement | undefined;
  try {
    root = parseXml(answer.text);
  } catch (error) {
    // Something other than AWS answered, a proxy perhaps; the status has to do.
    if (!(error instanceof TocsinError)) throw error;
  }
  // EC2 has a list of errors, STS and SNS one error.
  const found = root?.find('Errors', 'Error') ?? root?.find('Error');
  const message = withoutToken(found?.textAt('Message'), credentials);
  return new AwsError(action, answer, found?.textAt('Code') ?? 'no code given', message);
}
