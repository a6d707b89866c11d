import { createHash, createHmac } from 'node:crypto';
import { ApiServer } from '../provider-world.ts';
import type { ApiAnswer, ApiRequest } from '../provider-world.ts';

/** A call of a query API as {@link AwsServer} understood it. */
export interface AwsCall {
  readonly action: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Of a service that speaks JSON. */
  readonly json: Readonly<Record<string, unknown>>;
  /** '' for calls that are not signed. */
  readonly accessKey: string;
  readonly scope: string;
  readonly sessionToken: string;
}

/** Speaks EC2's and STS' query API, services' JSON, and what instances and containers ask; checks every signature. */
export class AwsServer {
  readonly calls: AwsCall[] = [];
  /** Secrets by access key; a call that is not signed by one of them is refused. */
  readonly secrets = new Map<string, string>([['AKID', 'SECRET']]);
  /** Answers by action, XML; by target for JSON. */
  readonly answers: Record<string, (call: AwsCall) => string | ApiAnswer> = {};
  /** Answers to what is no query, by `METHOD path`. */
  readonly metadata: Record<string, (request: ApiRequest) => ApiAnswer> = {};
  #server: ApiServer | undefined;

  async start(): Promise<void> {
    this.#server = await ApiServer.start((request) => this.#answer(request));
  }

  get url(): string {
    return this.#server!.url;
  }

  get requests(): readonly ApiRequest[] {
    return this.#server!.requests;
  }

  async stop(): Promise<void> {
    await this.#server!.stop();
  }

  #answer(request: ApiRequest): ApiAnswer {
    const other = this.metadata[`${request.method} ${request.url}`];
    if (other !== undefined) return other(request);
    if (request.method !== 'POST') return { status: 404, body: 'nothing here' };
    const target = String(request.headers['x-amz-target'] ?? '');
    const isJson = target !== '';
    const json = isJson ? (JSON.parse(request.body) as Record<string, unknown>) : {};
    const form = isJson ? {} : Object.fromEntries(new URLSearchParams(request.body));
    const { Action: action = target, ...parameters } = form as Record<string, string>;
    const authorization = String(request.headers['authorization'] ?? '');
    const signed = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\S+), SignedHeaders=(\S+), Signature=(\w+)$/.exec(
      authorization,
    );
    const [, accessKey = '', scope = '', names = '', signature = ''] = signed ?? [];
    const token = String(request.headers['x-amz-security-token'] ?? '');
    this.calls.push({ action, parameters, json, accessKey, scope, sessionToken: token });
    const secret = this.secrets.get(accessKey);
    const isFree = action === 'AssumeRoleWithWebIdentity' && authorization === '';
    if (!isFree && (secret === undefined || signature !== expected(request, secret, scope, names))) {
      const message = 'AWS was not able to validate the provided access credentials';
      return isJson
        ? jsonRefusal(400, 'UnrecognizedClientException', message)
        : refusal(401, 'AuthFailure', message);
    }
    const answer = this.answers[action]?.(this.calls.at(-1)!);
    if (answer === undefined) return refusal(400, 'InvalidAction', action);
    return typeof answer === 'string' ? { body: answer } : answer;
  }
}

/** How services that speak JSON say no. */
export function jsonRefusal(status: number, code: string, message: string): ApiAnswer {
  return { status, body: { __type: `com.amazonaws.ecs#${code}`, message } };
}

/** How EC2 says no. */
export function refusal(status: number, code: string, message: string): ApiAnswer {
  const error = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, body: `<Response><Errors>${error}</Errors><RequestID>r</RequestID></Response>` };
}

/** The signature as a server finds it from what it got. */
function expected({ headers, body }: ApiRequest, secret: string, scope: string, names: string): string {
  const hex = (text: string): string => createHash('sha256').update(text).digest('hex');
  const lines = names.split(';').map((name) => `${name}:${String(headers[name])}\n`);
  const canonical = `POST\n/\n\n${lines.join('')}\n${names}\n${hex(body)}`;
  const toSign = `AWS4-HMAC-SHA256\n${String(headers['x-amz-date'])}\n${scope}\n${hex(canonical)}`;
  const key = scope
    .split('/')
    .reduce((at, part) => createHmac('sha256', at).update(part).digest(), Buffer.from(`AWS4${secret}`));
  return createHmac('sha256', key).update(toSign).digest('hex');
}
