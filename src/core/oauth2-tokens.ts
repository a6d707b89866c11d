import type { Clock } from './clock.ts';
import { TocsinError } from './errors.ts';
import type { OAuth2Config } from './http-config.ts';
import type { HttpResponse } from './ports.ts';
import type { Secret } from './secret.ts';

/** A token counts as ended this long before it does. */
const EXPIRY_MARGIN_MS = 10_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

interface Token {
  readonly authorization: string;
  readonly clientSecret: string;
  /** undefined = never ends. */
  readonly expiresAtMs: number | undefined;
}

/** What {@link OAuth2Tokens} works with. */
export interface OAuth2TokensOptions {
  readonly config: OAuth2Config;
  readonly clock: Clock;
  readonly request: (request: {
    method: string;
    url: string;
    headers: Readonly<Record<string, string>>;
    body: string;
    signal: AbortSignal;
  }) => Promise<HttpResponse>;
  readonly readSecret: (secret: Secret | undefined, file: string | undefined) => Promise<string>;
}

/**
 * Tokens by the client-credentials grant: fetched when needed, shared by requests at the same time, kept until ten
 * seconds before they end or until the client secret changes. How the endpoint wants the client to identify itself
 * (header or form) is found out once.
 *
 * @see golang.org/x/oauth2 clientcredentials, internal/token.go
 */
export class OAuth2Tokens {
  readonly #options: OAuth2TokensOptions;
  #token: Token | undefined;
  #fetching: Promise<Token> | undefined;
  #style: 'header' | 'form' | undefined;

  constructor(options: OAuth2TokensOptions) {
    this.#options = options;
  }

  /** Value for the `Authorization` header. */
  async authorization(signal: AbortSignal): Promise<string> {
    const { config, readSecret, clock } = this.#options;
    const clientSecret = await readSecret(config.clientSecret, config.clientSecretFile);
    for (;;) {
      const token = this.#token;
      if (token?.clientSecret === clientSecret && isValid(token, clock.nowMs())) return token.authorization;
      if (this.#fetching === undefined) {
        this.#fetching = this.#fetch(clientSecret, signal);
        try {
          this.#token = await this.#fetching;
          return this.#token.authorization;
        } finally {
          this.#fetching = undefined;
        }
      }
      // Somebody else is at it; should theirs fail (their time may be up), the next round tries with ours.
      await this.#fetching.catch(() => undefined);
      signal.throwIfAborted();
    }
  }

  async #fetch(clientSecret: string, signal: AbortSignal): Promise<Token> {
    const first = this.#style ?? 'header';
    let answer = await this.#post(first, clientSecret, signal);
    if (!isSuccess(answer.status) && this.#style === undefined) {
      const second = await this.#post('form', clientSecret, signal);
      if (isSuccess(second.status)) this.#style = 'form';
      answer = second;
    } else if (isSuccess(answer.status)) this.#style = first;
    return this.#readToken(answer, clientSecret);
  }

  async #post(
    style: 'header' | 'form',
    clientSecret: string,
    signal: AbortSignal,
  ): Promise<{ status: number; text: string; contentType: string }> {
    const { config, request } = this.#options;
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (config.scopes.length > 0) form.set('scope', config.scopes.join(' '));
    for (const [name, value] of Object.entries(config.endpointParams)) form.set(name, value);
    const headers: Record<string, string> = { 'Content-Type': 'application/x-www-form-urlencoded' };
    if (style === 'header') {
      const pair = `${formEscape(config.clientId)}:${formEscape(clientSecret)}`;
      headers['Authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
    } else {
      form.set('client_id', config.clientId);
      if (clientSecret !== '') form.set('client_secret', clientSecret);
    }
    const response = await request({
      method: 'POST',
      url: config.tokenUrl,
      headers,
      body: form.toString(),
      signal,
    });
    const text = await readText(response);
    return { status: response.status, text, contentType: response.headers['content-type'] ?? '' };
  }

  #readToken(answer: { status: number; text: string; contentType: string }, clientSecret: string): Token {
    const where = `oauth2: cannot fetch token from ${hostOf(this.#options.config.tokenUrl)}`;
    if (!isSuccess(answer.status)) {
      throw new TocsinError('TOCSIN_ERR_HTTP', `${where}: status ${answer.status}`);
    }
    const fields = readFields(answer);
    const accessToken = fields?.['access_token'];
    if (fields === undefined || typeof accessToken !== 'string' || accessToken === '') {
      throw new TocsinError('TOCSIN_ERR_HTTP', `${where}: server response missing access_token`);
    }
    const expiresInS = Number(fields['expires_in'] ?? 0);
    const type = typeof fields['token_type'] === 'string' ? fields['token_type'] : '';
    const canonical = { '': 'Bearer', bearer: 'Bearer', mac: 'MAC', basic: 'Basic' }[type.toLowerCase()];
    return {
      authorization: `${canonical ?? type} ${accessToken}`,
      clientSecret,
      expiresAtMs: expiresInS > 0 ? this.#options.clock.nowMs() + expiresInS * 1000 : undefined,
    };
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function isValid(token: Token, nowMs: number): boolean {
  return token.expiresAtMs === undefined || nowMs < token.expiresAtMs - EXPIRY_MARGIN_MS;
}

function formEscape(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2);
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'the token URL';
}

function readFields(answer: { text: string; contentType: string }): Record<string, unknown> | undefined {
  const type = answer.contentType.split(';')[0]!.trim();
  if (type === 'application/x-www-form-urlencoded' || type === 'text/plain') {
    return Object.fromEntries(new URLSearchParams(answer.text));
  }
  try {
    const parsed: unknown = JSON.parse(answer.text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function readText(response: HttpResponse): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_ANSWER_BYTES) {
      response.discard();
      throw new TocsinError('TOCSIN_ERR_HTTP', 'oauth2: the answer of the token endpoint is too large');
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
