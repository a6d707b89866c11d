import type { Clock } from './clock.ts';
import { errorText, TocsinError } from './errors.ts';
import type { HttpClientConfig, OAuth2Config, TlsConfig } from './http-config.ts';
import { OAuth2Tokens } from './oauth2-tokens.ts';
import type { FileSystem, HttpClient, HttpConnection, HttpRequest, HttpResponse, Random } from './ports.ts';
import { chooseProxy } from './proxy-choice.ts';
import type { Environment } from './proxy-choice.ts';
import type { Secret } from './secret.ts';

/** What {@link AuthorizedHttp} works with. */
export interface AuthorizedHttpOptions {
  readonly http: HttpClient;
  readonly files: FileSystem;
  readonly clock: Clock;
  /** For the assertions of OAuth 2.0. */
  readonly random: Random;
  readonly config: HttpClientConfig;
  /** See {@link HttpConnection.anyAddress}; no when absent. */
  readonly anyAddress?: boolean;
  /** See {@link HttpConnection.socketPath}; proxies and TLS are then out of play. */
  readonly socketPath?: string;
  /** For `proxy_from_environment`; nothing when absent. */
  readonly environment?: Environment;
}

/** A request as its user gives it; connection and redirects come from the configuration. */
export type PlainHttpRequest = Omit<HttpRequest, 'connection' | 'followRedirects'>;

/**
 * HTTP with the credentials, headers, TLS, proxy and redirect settings of one HTTP client block. Secrets in files and
 * TLS material are read anew for every request, so that rotated ones take effect; OAuth 2.0 tokens are kept until
 * shortly before they end.
 *
 * Rejects with a TocsinError (TOCSIN_ERR_HTTP), which never holds a secret, or with the signal's reason.
 */
export class AuthorizedHttp {
  readonly #http: HttpClient;
  readonly #files: FileSystem;
  readonly #config: HttpClientConfig;
  readonly #environment: Environment;
  readonly #anyAddress: boolean;
  readonly #socketPath: string | undefined;
  readonly #tokens: OAuth2Tokens | undefined;

  constructor(options: AuthorizedHttpOptions) {
    this.#http = options.http;
    this.#files = options.files;
    this.#config = options.config;
    this.#environment = options.environment ?? {};
    this.#anyAddress = options.anyAddress ?? false;
    this.#socketPath = options.socketPath;
    const { oauth2 } = options.config;
    if (oauth2 !== undefined) {
      this.#tokens = new OAuth2Tokens({
        config: oauth2,
        clock: options.clock,
        random: options.random,
        request: async (request) =>
          this.#http.request({
            ...request,
            followRedirects: true,
            connection: await this.#connectionTo(request.url, oauth2, true),
          }),
        readCredential: () =>
          this.#readSecret(oauth2CredentialName(oauth2), oauth2.credential, oauth2.credentialFile),
      });
    }
  }

  async request(request: PlainHttpRequest): Promise<HttpResponse> {
    const headers: Record<string, string> = { ...request.headers };
    await this.#addHeaders(headers);
    await this.#authorize(headers, request.signal);
    return this.#http.request({
      ...request,
      headers,
      followRedirects: this.#config.followRedirects,
      connection: await this.#connectionTo(request.url, this.#config, this.#config.enableHttp2),
    });
  }

  /** A text that came from outside without the block's secrets, should they be in it. */
  redact(text: string): string {
    return secretsOf(this.#config).reduce((shown, secret) => shown.replaceAll(secret, '<secret>'), text);
  }

  async #addHeaders(headers: Record<string, string>): Promise<void> {
    for (const header of this.#config.headers) {
      const values = [...header.values, ...header.secrets.map((secret) => secret.reveal())];
      for (const file of header.files) values.push(await this.#readFile(`http header ${header.name}`, file));
      if (values.length > 0) headers[header.name] = values.join(', ');
    }
  }

  async #authorize(headers: Record<string, string>, signal: AbortSignal): Promise<void> {
    if (Object.keys(headers).some((name) => name.toLowerCase() === 'authorization')) return;
    const { basicAuth, authorization } = this.#config;
    if (basicAuth !== undefined) {
      const username =
        basicAuth.usernameFile === undefined
          ? basicAuth.username
          : await this.#readFile('basic auth username', basicAuth.usernameFile);
      const password = await this.#readSecret(
        'basic auth password',
        basicAuth.password,
        basicAuth.passwordFile,
      );
      headers['Authorization'] = basicAuthHeader(username, password);
    } else if (authorization !== undefined) {
      const { credentials, credentialsFile } = authorization;
      const value = await this.#readSecret('authorization credentials', credentials, credentialsFile);
      headers['Authorization'] = `${authorization.type} ${value}`;
    } else if (this.#tokens !== undefined) {
      headers['Authorization'] = await this.#tokens.authorization(signal);
    }
  }

  async #readSecret(what: string, secret: Secret | undefined, file: string | undefined): Promise<string> {
    if (file !== undefined && file !== '') return this.#readFile(what, file);
    return secret?.reveal() ?? '';
  }

  async #readFile(what: string, path: string): Promise<string> {
    try {
      return new TextDecoder().decode(await this.#files.readFile(path)).trim();
    } catch (error) {
      const message = `unable to read ${what} file ${path}: ${errorText(error)}`;
      throw new TocsinError('TOCSIN_ERR_HTTP', message, { cause: error });
    }
  }

  async #connectionTo(
    url: string,
    config: Pick<HttpClientConfig, 'tls' | 'proxy'>,
    http2: boolean,
  ): Promise<HttpConnection> {
    if (this.#socketPath !== undefined) return { socketPath: this.#socketPath };
    const proxyUrl = chooseProxy(config.proxy, url, this.#environment);
    const proxyHeaders: Record<string, string> = {};
    for (const { name, values } of config.proxy.connectHeaders) {
      proxyHeaders[name] = values.map((value) => value.reveal()).join(', ');
    }
    const tls = url.startsWith('https:') ? await this.#readTls(config.tls) : undefined;
    return {
      ...(tls === undefined ? {} : { tls }),
      ...(proxyUrl === undefined ? {} : { proxyUrl, proxyHeaders }),
      http2,
      ...(this.#anyAddress && { anyAddress: true }),
    };
  }

  async #readTls(tls: TlsConfig): Promise<HttpConnection['tls']> {
    const ca = tls.caFile ? await this.#readFile('TLS CA', tls.caFile) : tls.ca;
    const cert = tls.certFile ? await this.#readFile('TLS certificate', tls.certFile) : tls.cert;
    const key = tls.keyFile ? await this.#readFile('TLS key', tls.keyFile) : tls.key?.reveal();
    return {
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
      ...(tls.serverName ? { serverName: tls.serverName } : {}),
      insecureSkipVerify: tls.insecureSkipVerify,
      ...(tls.minVersion ? { minVersion: tls.minVersion } : {}),
      ...(tls.maxVersion ? { maxVersion: tls.maxVersion } : {}),
    };
  }
}

/** The value of an `Authorization` header for basic authentication. */
export function basicAuthHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

/** What the credential of an `oauth2` block is, for messages. */
export function oauth2CredentialName({ jwtBearer }: OAuth2Config): string {
  return `oauth2 client ${jwtBearer === undefined ? 'secret' : 'certificate key'}`;
}

/** Values of the block that must not be shown, for taking them out of texts that came from outside. */
export function secretsOf(config: HttpClientConfig): string[] {
  return [
    config.basicAuth?.password,
    config.authorization?.credentials,
    config.oauth2?.credential,
    ...config.headers.flatMap((header) => header.secrets),
    ...config.proxy.connectHeaders.flatMap((header) => header.values),
  ].flatMap((secret) => (secret === undefined || secret.reveal() === '' ? [] : [secret.reveal()]));
}
