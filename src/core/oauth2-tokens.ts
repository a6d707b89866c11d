import type { Clock } from './clock.ts';
import { errorText, TocsinError } from './errors.ts';
import type { JwtBearerConfig, OAuth2Config } from './http-config.ts';
import type { HttpResponse, Random } from './ports.ts';
import { signJwt } from './sign-jwt.ts';

/** A token counts as ended this long before it does. */
const EXPIRY_MARGIN_MS = 10_000;
/** How long an assertion is good for. */
const ASSERTION_S = 600;
const MAX_ANSWER_BYTES = 1024 * 1024;

interface Token {
  readonly authorization: string;
  /** The client secret or private key it was fetched with. */
  readonly credential: string;
  /** undefined = never ends. */
  readonly expiresAtMs: number | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly contentType: string;
}

/** What {@link OAuth2Tokens} works with. */
export interface OAuth2TokensOptions {
  readonly config: OAuth2Config;
  readonly clock: Clock;
  /** For the `jti` of assertions. */
  readonly random: Random;
  readonly request: (request: {
    method: string;
    url: string;
    headers: Readonly<Record<string, string>>;
    body: string;
    signal: AbortSignal;
  }) => Promise<HttpResponse>;
  /** The configured credential; asked for with every request, so that a rotated one takes effect. */
  readonly readCredential: () => Promise<string>;
}

/**
 * Tokens by the client credentials grant, or by the JWT bearer grant with an assertion signed for each fetch: fetched
 * when needed, shared by requests at the same time, kept until ten seconds before they end or until the client secret
 * or key changes. How the endpoint wants a client with a secret to identify itself (header or form) is found out once.
 *
 * @see golang.org/x/oauth2 clientcredentials, internal/token.go; prometheus/common config/oauth_assertion.go; RFC 7523
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
    const { readCredential, clock } = this.#options;
    const credential = await readCredential();
    for (;;) {
      const token = this.#token;
      if (token?.credential === credential && isValid(token, clock.nowMs())) return token.authorization;
      if (this.#fetching === undefined) {
        this.#fetching = this.#fetch(credential, signal);
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

  async #fetch(credential: string, signal: AbortSignal): Promise<Token> {
    const { jwtBearer } = this.#options.config;
    const answer =
      jwtBearer === undefined
        ? await this.#askWithSecret(credential, signal)
        : await this.#askWithAssertion(jwtBearer, credential, signal);
    return this.#readToken(answer, credential);
  }

  async #askWithSecret(clientSecret: string, signal: AbortSignal): Promise<Answer> {
    const ask = (style: 'header' | 'form'): Promise<Answer> => {
      const form = this.#form({ grant_type: 'client_credentials' });
      const { clientId } = this.#options.config;
      if (style === 'header') {
        const pair = `${formEscape(clientId)}:${formEscape(clientSecret)}`;
        return this.#post(form, signal, { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
      }
      form.set('client_id', clientId);
      if (clientSecret !== '') form.set('client_secret', clientSecret);
      return this.#post(form, signal);
    };
    const first = this.#style ?? 'header';
    const answer = await ask(first);
    if (isSuccess(answer.status)) {
      this.#style = first;
      return answer;
    }
    if (this.#style !== undefined) return answer;
    const second = await ask('form');
    if (isSuccess(second.status)) this.#style = 'form';
    return second;
  }

  /** The assertion is all that says who asks: the client's id is in it and nowhere else. */
  async #askWithAssertion(jwt: JwtBearerConfig, privateKey: string, signal: AbortSignal): Promise<Answer> {
    const assertion = this.#assertion(jwt, privateKey);
    const form = this.#form({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
    return this.#post(form, signal);
  }

  #assertion({ algorithm, keyId, issuer, audience, claims }: JwtBearerConfig, privateKey: string): string {
    const { config, clock, random } = this.#options;
    if (privateKey === '') {
      const message = 'oauth2: client_certificate_key or client_certificate_key_file must be configured';
      throw new TocsinError('TOCSIN_ERR_HTTP', message);
    }
    const issuedS = Math.floor(clock.nowMs() / 1000);
    const all = {
      iss: issuer,
      sub: config.clientId,
      aud: audience,
      ...(config.scopes.length > 0 && { scope: config.scopes.join(' ') }),
      iat: issuedS,
      exp: issuedS + ASSERTION_S,
      jti: random.uuid(),
      ...claims,
    };
    try {
      return signJwt({ algorithm, keyId, claims: all }, privateKey);
    } catch (error) {
      const file = config.credentialFile ?? '';
      const from = file === '' ? 'client_certificate_key' : `client_certificate_key_file ${file}`;
      throw new TocsinError('TOCSIN_ERR_HTTP', `oauth2: ${from}: ${errorText(error)}`, { cause: error });
    }
  }

  /** The grant's own fields, scopes and `endpoint_params`, of which only `grant_type` may stand in for one of ours. */
  #form(fields: Record<string, string>): URLSearchParams {
    const { scopes, endpointParams } = this.#options.config;
    const form = new URLSearchParams(fields);
    if (scopes.length > 0) form.set('scope', scopes.join(' '));
    const own = new Set(form.keys());
    for (const [name, value] of Object.entries(endpointParams)) {
      if (own.has(name) && name !== 'grant_type') {
        const message = `oauth2: cannot overwrite parameter ${JSON.stringify(name)} by endpoint_params`;
        throw new TocsinError('TOCSIN_ERR_HTTP', message);
      }
      form.set(name, value);
    }
    return form;
  }

  async #post(
    form: URLSearchParams,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const { config, request } = this.#options;
    const response = await request({
      method: 'POST',
      url: config.tokenUrl,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
      body: form.toString(),
      signal,
    });
    const text = await readText(response);
    return { status: response.status, text, contentType: response.headers['content-type'] ?? '' };
  }

  #readToken(answer: Answer, credential: string): Token {
    const { tokenUrl, jwtBearer } = this.#options.config;
    const where = `oauth2: cannot fetch token from ${hostOf(tokenUrl)}`;
    if (!isSuccess(answer.status)) {
      throw new TocsinError('TOCSIN_ERR_HTTP', `${where}: status ${answer.status}`);
    }
    // Of the JWT bearer grant Prometheus takes JSON only, whatever the answer calls itself.
    const fields = jwtBearer === undefined ? readFields(answer) : readJson(answer.text);
    const accessToken = fields?.['access_token'];
    if (fields === undefined || typeof accessToken !== 'string' || accessToken === '') {
      throw new TocsinError('TOCSIN_ERR_HTTP', `${where}: server response missing access_token`);
    }
    const expiresInS = Number(fields['expires_in'] ?? 0);
    const type = typeof fields['token_type'] === 'string' ? fields['token_type'] : '';
    const canonical = { '': 'Bearer', bearer: 'Bearer', mac: 'MAC', basic: 'Basic' }[type.toLowerCase()];
    return {
      authorization: `${canonical ?? type} ${accessToken}`,
      credential,
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

function readFields(answer: Answer): Record<string, unknown> | undefined {
  const type = answer.contentType.split(';')[0]!.trim();
  if (type === 'application/x-www-form-urlencoded' || type === 'text/plain') {
    return Object.fromEntries(new URLSearchParams(answer.text));
  }
  return readJson(answer.text);
}

function readJson(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
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
