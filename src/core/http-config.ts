import { z } from 'zod';
import { filePathSchema, secretSchema, textSchema } from './schema.ts';
import type { Secret } from './secret.ts';
import { JWT_ALGORITHMS } from './sign-jwt.ts';
import type { JwtAlgorithm } from './sign-jwt.ts';
import { notInVersion } from './validate-yaml.ts';

/** TLS material of a client, inline or in files that are read again for every request. */
export interface TlsConfig {
  readonly ca: string | undefined;
  readonly caFile: string | undefined;
  readonly cert: string | undefined;
  readonly certFile: string | undefined;
  readonly key: Secret | undefined;
  readonly keyFile: string | undefined;
  readonly serverName: string | undefined;
  readonly insecureSkipVerify: boolean;
  /** `TLS10` … `TLS13`. */
  readonly minVersion: string | undefined;
  readonly maxVersion: string | undefined;
}

/** A request header that may have several values, some of them secret or in files. */
export interface HttpHeaderConfig {
  readonly name: string;
  readonly values: readonly string[];
  readonly secrets: readonly Secret[];
  readonly files: readonly string[];
}

/** Which proxy to use. */
export interface ProxyConfig {
  readonly url: string | undefined;
  /** Comma-separated hosts that are reached directly. */
  readonly noProxy: string;
  readonly fromEnvironment: boolean;
  readonly connectHeaders: readonly { readonly name: string; readonly values: readonly Secret[] }[];
}

/** What the JWT bearer grant asserts (RFC 7523, 2.1), and how it signs that. */
export interface JwtBearerConfig {
  readonly algorithm: JwtAlgorithm;
  /** Header `kid`; empty = none. */
  readonly keyId: string;
  /** Claim `iss`. */
  readonly issuer: string;
  /** Claim `aud`. */
  readonly audience: string;
  /** Further claims, or other values of those that there are anyway. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** OAuth 2.0: how a client without a person gets its tokens. */
export interface OAuth2Config {
  readonly clientId: string;
  /** The client's secret; of the JWT bearer grant, its private key in PEM. */
  readonly credential: Secret | undefined;
  /** File with the credential, instead of it. */
  readonly credentialFile: string | undefined;
  /** undefined = the client credentials grant. */
  readonly jwtBearer: JwtBearerConfig | undefined;
  readonly scopes: readonly string[];
  readonly tokenUrl: string;
  readonly endpointParams: Readonly<Record<string, string>>;
  readonly tls: TlsConfig;
  readonly proxy: ProxyConfig;
}

/** Prometheus' HTTP client block, checked. At most one of `basicAuth`, `authorization` and `oauth2` is given. */
export interface HttpClientConfig {
  readonly basicAuth:
    | {
        readonly username: string;
        readonly usernameFile: string | undefined;
        readonly password: Secret | undefined;
        readonly passwordFile: string | undefined;
      }
    | undefined;
  readonly authorization:
    | {
        readonly type: string;
        readonly credentials: Secret | undefined;
        readonly credentialsFile: string | undefined;
      }
    | undefined;
  readonly oauth2: OAuth2Config | undefined;
  readonly tls: TlsConfig;
  readonly proxy: ProxyConfig;
  readonly followRedirects: boolean;
  readonly enableHttp2: boolean;
  readonly headers: readonly HttpHeaderConfig[];
}

const TLS_VERSIONS = ['TLS10', 'TLS11', 'TLS12', 'TLS13'] as const;

/** `tls_config`. */
export const tlsConfigSchema = notInVersion(
  z.strictObject({
    ca: z.string().optional(),
    ca_file: filePathSchema.optional(),
    cert: z.string().optional(),
    cert_file: filePathSchema.optional(),
    key: secretSchema.optional(),
    key_file: filePathSchema.optional(),
    server_name: z.string().optional(),
    insecure_skip_verify: z.boolean().default(false),
    min_version: z.enum(TLS_VERSIONS).optional(),
    max_version: z.enum(TLS_VERSIONS).optional(),
  }),
  ['ca_ref', 'cert_ref', 'key_ref'],
);

const urlTextSchema = z.string().refine(isUrlText, {
  error: (issue) => `${JSON.stringify(issue.input)} is not a valid URL`,
});

const proxyShape = {
  proxy_url: urlTextSchema.optional(),
  no_proxy: z.string().optional(),
  proxy_from_environment: z.boolean().default(false),
  proxy_connect_header: z.record(z.string(), z.array(secretSchema)).optional(),
};

const CLIENT_CREDENTIALS = 'client_credentials';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const GRANT_TYPES = ['', CLIENT_CREDENTIALS, JWT_BEARER];

const oauth2Schema = notInVersion(
  z.strictObject({
    client_id: z.string().default(''),
    client_secret: secretSchema.optional(),
    client_secret_file: filePathSchema.optional(),
    scopes: z.array(z.string()).default([]),
    token_url: urlTextSchema.default(''),
    endpoint_params: z.record(z.string(), textSchema).default({}),
    grant_type: z
      .string()
      // Prometheus takes every other text for client_credentials, which hides a mistyped one.
      .refine((type) => GRANT_TYPES.includes(type), {
        error: ({ input }) =>
          `unsupported grant type ${JSON.stringify(input)}: must be ${CLIENT_CREDENTIALS} or ${JWT_BEARER}`,
      })
      .default(CLIENT_CREDENTIALS),
    client_certificate_key_id: z.string().default(''),
    client_certificate_key: secretSchema.optional(),
    client_certificate_key_file: filePathSchema.optional(),
    signature_algorithm: z.string().default(''),
    iss: z.string().default(''),
    audience: z.string().default(''),
    claims: z.record(z.string(), z.unknown().refine(isJson, 'must be a value that JSON has')).default({}),
    tls_config: tlsConfigSchema.optional(),
    ...proxyShape,
  }),
  ['client_secret_ref', 'client_certificate_key_ref'],
);

const headerSchema = z.strictObject({
  values: z.array(textSchema).default([]),
  secrets: z.array(secretSchema).default([]),
  files: z.array(filePathSchema).default([]),
});

/**
 * The keys of the HTTP client block, for schemas that have them inline (scrape configs, HTTP discovery):
 * `z.strictObject({ ...httpClientShape, … }).superRefine(checkHttpClient).transform((f) => … httpClientConfigOf(f) …)`.
 */
export const httpClientShape = {
  basic_auth: notInVersion(
    z.strictObject({
      username: textSchema.default(''),
      username_file: filePathSchema.optional(),
      password: secretSchema.optional(),
      password_file: filePathSchema.optional(),
    }),
    ['username_ref', 'password_ref'],
  ).optional(),
  authorization: notInVersion(
    z.strictObject({
      type: z.string().default('Bearer'),
      credentials: secretSchema.optional(),
      credentials_file: filePathSchema.optional(),
    }),
    ['credentials_ref'],
  ).optional(),
  oauth2: oauth2Schema.optional(),
  bearer_token: secretSchema.optional(),
  bearer_token_file: filePathSchema.optional(),
  tls_config: tlsConfigSchema.optional(),
  ...proxyShape,
  follow_redirects: z.boolean().default(true),
  enable_http2: z.boolean().default(true),
  http_headers: z.record(z.string(), headerSchema).default({}),
};

const fieldsSchema = z.strictObject(httpClientShape);

/** What {@link httpClientShape} reads. */
export type HttpClientFields = z.output<typeof fieldsSchema>;
type ProxyFields = Pick<
  HttpClientFields,
  'proxy_url' | 'no_proxy' | 'proxy_from_environment' | 'proxy_connect_header'
>;
type OAuth2Fields = z.output<typeof oauth2Schema>;
type TlsFields = z.output<typeof tlsConfigSchema>;

/** The checks of the block as a whole, for `superRefine`; messages are Prometheus' own. */
export function checkHttpClient(fields: HttpClientFields, context: z.RefinementCtx): void {
  for (const { path, message } of problemsOf(fields)) context.addIssue({ code: 'custom', path, message });
}

/** The typed value of the block; hold {@link checkHttpClient} against the fields first. */
export function httpClientConfigOf(fields: HttpClientFields): HttpClientConfig {
  const { basic_auth: basic, authorization, oauth2 } = fields;
  const hasBearer = isGiven(fields.bearer_token) || isGiven(fields.bearer_token_file);
  const bearer = {
    type: 'Bearer',
    credentials: fields.bearer_token,
    credentialsFile: fields.bearer_token_file,
  };
  return {
    basicAuth: basic && {
      username: basic.username,
      usernameFile: basic.username_file,
      password: basic.password,
      passwordFile: basic.password_file,
    },
    authorization: hasBearer
      ? bearer
      : authorization && {
          type: authorization.type.trim() === '' ? 'Bearer' : authorization.type.trim(),
          credentials: authorization.credentials,
          credentialsFile: authorization.credentials_file,
        },
    oauth2: oauth2 && oauth2ConfigOf(oauth2),
    tls: tlsConfigOf(fields.tls_config),
    proxy: proxyConfigOf(fields),
    followRedirects: fields.follow_redirects,
    enableHttp2: fields.enable_http2,
    headers: Object.entries(fields.http_headers).map(([name, header]) => ({ name, ...header })),
  };
}

function oauth2ConfigOf(oauth2: OAuth2Fields): OAuth2Config {
  const isJwtBearer = oauth2.grant_type === JWT_BEARER;
  return {
    clientId: oauth2.client_id,
    credential: isJwtBearer ? oauth2.client_certificate_key : oauth2.client_secret,
    credentialFile: isJwtBearer ? oauth2.client_certificate_key_file : oauth2.client_secret_file,
    jwtBearer: isJwtBearer
      ? {
          algorithm: JWT_ALGORITHMS.find((known) => known === oauth2.signature_algorithm) ?? 'RS256',
          keyId: oauth2.client_certificate_key_id,
          issuer: oauth2.iss === '' ? oauth2.client_id : oauth2.iss,
          audience: oauth2.audience === '' ? oauth2.token_url : oauth2.audience,
          claims: oauth2.claims,
        }
      : undefined,
    scopes: oauth2.scopes,
    tokenUrl: oauth2.token_url,
    endpointParams: oauth2.endpoint_params,
    tls: tlsConfigOf(oauth2.tls_config),
    proxy: proxyConfigOf(oauth2),
  };
}

/** The block as a value of its own, as Alertmanager's `http_config`. */
export const httpConfigSchema: z.ZodType<HttpClientConfig> = fieldsSchema
  .superRefine(checkHttpClient)
  .transform(httpClientConfigOf);

/** The block with nothing in it. */
export const DEFAULT_HTTP_CLIENT_CONFIG: HttpClientConfig = httpConfigSchema.parse({});

/** The typed value of a `tls_config`; hold {@link tlsProblems} against it first. */
export function tlsConfigOf(fields: TlsFields | undefined): TlsConfig {
  return {
    ca: fields?.ca,
    caFile: fields?.ca_file,
    cert: fields?.cert,
    certFile: fields?.cert_file,
    key: fields?.key,
    keyFile: fields?.key_file,
    serverName: fields?.server_name,
    insecureSkipVerify: fields?.insecure_skip_verify ?? false,
    minVersion: fields?.min_version,
    maxVersion: fields?.max_version,
  };
}

function proxyConfigOf(fields: ProxyFields): ProxyConfig {
  return {
    url: fields.proxy_url === '' ? undefined : fields.proxy_url,
    noProxy: fields.no_proxy ?? '',
    fromEnvironment: fields.proxy_from_environment,
    connectHeaders: Object.entries(fields.proxy_connect_header ?? {}).map(([name, values]) => ({
      name,
      values,
    })),
  };
}

interface Problem {
  readonly path: string[];
  readonly message: string;
}

function isGiven(value: Secret | string | undefined): boolean {
  return value !== undefined && (typeof value === 'string' ? value : value.reveal()) !== '';
}

/** YAML has numbers that JSON has not. */
function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value !== 'object' || value === null || Object.values(value).every(isJson);
}

function isUrlText(text: string): boolean {
  // As lenient as Go: nearly everything is a relative reference.
  return !/[\0-\x20\x7f]/.test(text) && !text.startsWith(':') && !/%(?![0-9a-fA-F]{2})/.test(text);
}

/** Headers that other keys set, or that belong to the transport; in lower case. */
export const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'host',
  'content-encoding',
  'content-length',
  'content-type',
  'user-agent',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'www-authenticate',
  'accept-encoding',
  'x-prometheus-remote-write-version',
  'x-prometheus-remote-read-version',
]);

/** Those that `http_headers` refuses (prometheus/common config/headers.go). */
const REFUSED_HEADERS: ReadonlySet<string> = new Set([
  ...RESERVED_HEADERS,
  'x-prometheus-scrape-timeout-seconds',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
]);

function* problemsOf(fields: HttpClientFields): Generator<Problem> {
  const { basic_auth: basic, authorization, oauth2 } = fields;
  const hasToken = isGiven(fields.bearer_token);
  const hasTokenFile = isGiven(fields.bearer_token_file);
  if (hasToken && hasTokenFile) {
    const message = 'at most one of bearer_token & bearer_token_file must be configured';
    yield { path: ['bearer_token_file'], message };
  }
  const hasBearer = hasToken || hasTokenFile;
  if (hasBearer && (basic !== undefined || oauth2 !== undefined)) {
    const message = 'at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured';
    yield { path: [hasToken ? 'bearer_token' : 'bearer_token_file'], message };
  }
  if (basic !== undefined) {
    yield* oneOf(['basic_auth'], 'basic_auth username & username_file', basic.username, basic.username_file);
    yield* oneOf(['basic_auth'], 'basic_auth password & password_file', basic.password, basic.password_file);
  }
  if (authorization !== undefined) {
    if (hasBearer) {
      const message = 'authorization is not compatible with bearer_token & bearer_token_file';
      yield { path: ['authorization'], message };
    }
    const { credentials, credentials_file: file } = authorization;
    yield* oneOf(['authorization'], 'authorization credentials & credentials_file', credentials, file);
    if (authorization.type.trim().toLowerCase() === 'basic') {
      const message = 'authorization type cannot be set to "basic", use "basic_auth" instead';
      yield { path: ['authorization', 'type'], message };
    }
    if (basic !== undefined || oauth2 !== undefined) {
      const message = 'at most one of basic_auth, oauth2 & authorization must be configured';
      yield { path: ['authorization'], message };
    }
  }
  if (oauth2 !== undefined) {
    if (basic !== undefined) {
      yield {
        path: ['oauth2'],
        message: 'at most one of basic_auth, oauth2 & authorization must be configured',
      };
    }
    yield* oauth2Problems(oauth2);
  }
  yield* tlsProblems(fields.tls_config, ['tls_config']);
  yield* proxyProblems(fields, []);
  for (const name of Object.keys(fields.http_headers)) {
    if (REFUSED_HEADERS.has(name.toLowerCase())) {
      yield {
        path: ['http_headers', name],
        message: `setting header ${JSON.stringify(name)} is not allowed`,
      };
    }
  }
}

function* oneOf(
  path: string[],
  names: string,
  a: Secret | string | undefined,
  b: Secret | string | undefined,
): Generator<Problem> {
  if (isGiven(a) && isGiven(b)) yield { path, message: `at most one of ${names} must be configured` };
}

function* oauth2Problems(oauth2: OAuth2Fields): Generator<Problem> {
  const path = ['oauth2'];
  if (oauth2.client_id === '') yield { path, message: 'oauth2 client_id must be configured' };
  if (oauth2.token_url === '') yield { path, message: 'oauth2 token_url must be configured' };
  // Keys of the other grant are not looked at, as in Prometheus.
  if (oauth2.grant_type === JWT_BEARER) {
    const names = 'oauth2 client_certificate_key, client_certificate_key_file & client_certificate_key_ref';
    const { client_certificate_key: key, client_certificate_key_file: file } = oauth2;
    const { signature_algorithm: algorithm } = oauth2;
    if (isGiven(key) && isGiven(file)) {
      yield { path, message: `at most one of ${names} must be configured using grant-type=${JWT_BEARER}` };
    }
    if (algorithm !== '' && !JWT_ALGORITHMS.some((known) => known === algorithm)) {
      const message = 'valid signature algorithms are RS256, RS384 and RS512';
      yield { path: [...path, 'signature_algorithm'], message };
    }
  } else if (isGiven(oauth2.client_secret) && isGiven(oauth2.client_secret_file)) {
    const names = 'oauth2 client_secret, client_secret_file & client_secret_ref';
    const message = `at most one of ${names} must be configured using grant-type=${CLIENT_CREDENTIALS}`;
    yield { path, message };
  }
  yield* tlsProblems(oauth2.tls_config, ['oauth2', 'tls_config']);
  yield* proxyProblems(oauth2, path);
}

/** What is wrong with a `tls_config` as a whole. */
export function* tlsProblems(tls: TlsFields | undefined, path: string[]): Generator<Problem> {
  if (tls === undefined) return;
  yield* oneOf(path, 'ca and ca_file', tls.ca, tls.ca_file);
  yield* oneOf(path, 'cert and cert_file', tls.cert, tls.cert_file);
  yield* oneOf(path, 'key and key_file', tls.key, tls.key_file);
  const hasCert = isGiven(tls.cert) || isGiven(tls.cert_file);
  const hasKey = isGiven(tls.key) || isGiven(tls.key_file);
  if (hasCert && !hasKey) {
    const message =
      'exactly one of key or key_file must be configured when a client certificate is configured';
    yield { path, message };
  }
  if (hasKey && !hasCert) {
    const message = 'exactly one of cert or cert_file must be configured when a client key is configured';
    yield { path, message };
  }
  const { min_version: min, max_version: max } = tls;
  if (min !== undefined && max !== undefined && min > max) {
    const message =
      'tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified';
    yield { path: [...path, 'max_version'], message };
  }
}

function* proxyProblems(fields: ProxyFields, path: string[]): Generator<Problem> {
  const hasUrl = isGiven(fields.proxy_url);
  const hasHeaders = Object.keys(fields.proxy_connect_header ?? {}).length > 0;
  if (hasHeaders && !fields.proxy_from_environment && !hasUrl) {
    const message =
      'if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured';
    yield { path: [...path, 'proxy_connect_header'], message };
  }
  if (fields.proxy_from_environment && hasUrl) {
    const message = 'if proxy_from_environment is configured, proxy_url must not be configured';
    yield { path: [...path, 'proxy_url'], message };
  }
  if (fields.proxy_from_environment && isGiven(fields.no_proxy)) {
    const message = 'if proxy_from_environment is configured, no_proxy must not be configured';
    yield { path: [...path, 'no_proxy'], message };
  }
  if (!hasUrl && !fields.proxy_from_environment && isGiven(fields.no_proxy)) {
    const message = 'if no_proxy is configured, proxy_url must also be configured';
    yield { path: [...path, 'no_proxy'], message };
  }
}
