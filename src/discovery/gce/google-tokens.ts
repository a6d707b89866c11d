import { join } from 'node:path';
import { z } from 'zod';
import { errorText, TocsinError } from '../../core/errors.ts';
import { DEFAULT_HTTP_CLIENT_CONFIG } from '../../core/http-config.ts';
import { Secret } from '../../core/secret.ts';
import { signJwt } from '../../core/sign-jwt.ts';
import { withoutTokens } from '../access-token.ts';
import type { AccessToken } from '../access-token.ts';
import { fetchJson } from '../fetch-json.ts';
import type { JsonHttp } from '../fetch-json.ts';
import type { ProviderContext } from '../provider.ts';

const SCOPE = 'https://www.googleapis.com/auth/compute.readonly';
const TOKEN_URL = 'https://oauth2.googleapis.com/token';
const TOKEN_TIMEOUT_MS = 30_000;
/** Outside of Google's cloud nothing answers there. */
const METADATA_TIMEOUT_MS = 5000;
const ASSERTION_S = 3600;

const answerSchema = z.object({ access_token: z.string(), expires_in: z.number() });

const serviceAccountSchema = z.object({
  type: z.literal('service_account'),
  client_email: z.string(),
  private_key: z.string(),
  private_key_id: z.string().default(''),
  token_uri: z.string().default(TOKEN_URL),
});
const authorizedUserSchema = z.object({
  type: z.literal('authorized_user'),
  client_id: z.string(),
  client_secret: z.string(),
  refresh_token: z.string(),
});
const keyFileSchema = z.discriminatedUnion('type', [serviceAccountSchema, authorizedUserSchema]);
type ServiceAccount = z.output<typeof serviceAccountSchema>;

/**
 * A token by Google's application default credentials: the key file of `GOOGLE_APPLICATION_CREDENTIALS`, else the one that
 * gcloud keeps, else the service account of the machine. The file is read each time, so a new key takes effect.
 *
 * @see cloud.google.com/docs/authentication/application-default-credentials
 */
export async function fetchGoogleToken(
  context: ProviderContext,
  http: JsonHttp,
  signal: AbortSignal,
): Promise<AccessToken> {
  const file = await findKeyFile(context);
  if (file === undefined) return fetchMachineToken(context, signal);
  const key = readKey(file, new TextDecoder().decode(await context.files.readFile(file)));
  const isAccount = key.type === 'service_account';
  const form = isAccount
    ? {
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: signAssertion(key, file, context.clock.nowMs()),
      }
    : {
        grant_type: 'refresh_token',
        client_id: key.client_id,
        client_secret: key.client_secret,
        refresh_token: key.refresh_token,
      };
  const { value } = await fetchJson({
    http: withoutTokens(http),
    clock: context.clock,
    url: isAccount ? key.token_uri : TOKEN_URL,
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'User-Agent': context.userAgent },
    body: new URLSearchParams(form).toString(),
    timeoutMs: TOKEN_TIMEOUT_MS,
    schema: answerSchema,
    signal,
  });
  return tokenOf(value, context);
}

async function findKeyFile({ environment, files }: ProviderContext): Promise<string | undefined> {
  const named = environment['GOOGLE_APPLICATION_CREDENTIALS'] ?? '';
  if (named !== '') return named;
  const folder =
    environment['CLOUDSDK_CONFIG'] ??
    (environment['APPDATA'] === undefined
      ? join(environment['HOME'] ?? '', '.config', 'gcloud')
      : join(environment['APPDATA'], 'gcloud'));
  const known = join(folder, 'application_default_credentials.json');
  return (await files.stat(known)) === undefined ? undefined : known;
}

function readKey(file: string, text: string): z.output<typeof keyFileSchema> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    // The parser's own message would show a piece of the key.
    throw new TocsinError('TOCSIN_ERR_PARSE', `${file}: not valid JSON`);
  }
  const type = z.object({ type: z.string() }).safeParse(raw).data?.type;
  if (type !== undefined && type !== 'service_account' && type !== 'authorized_user') {
    const message = `${file}: credentials of type ${JSON.stringify(type)} are not in this version`;
    throw new TocsinError('TOCSIN_ERR_NOT_IN_VERSION', message);
  }
  const result = keyFileSchema.safeParse(raw);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const message = `${file}: not a key file: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
  throw new TocsinError('TOCSIN_ERR_PARSE', message);
}

/** A JWT in which the service account asks for a token for itself. */
function signAssertion(account: ServiceAccount, file: string, nowMs: number): string {
  const issuedS = Math.floor(nowMs / 1000);
  const claims = {
    iss: account.client_email,
    scope: SCOPE,
    aud: account.token_uri,
    iat: issuedS,
    exp: issuedS + ASSERTION_S,
  };
  try {
    return signJwt({ algorithm: 'RS256', keyId: account.private_key_id, claims }, account.private_key);
  } catch (error) {
    throw new TocsinError('TOCSIN_ERR_PARSE', `${file}: the private key cannot be used: ${errorText(error)}`);
  }
}

/** The metadata server is on the machine's own network: no proxy leads there. */
async function fetchMachineToken(context: ProviderContext, signal: AbortSignal): Promise<AccessToken> {
  const host = context.environment['GCE_METADATA_HOST'] ?? '169.254.169.254';
  const scopes = encodeURIComponent(SCOPE);
  const { value } = await fetchJson({
    http: withoutTokens(context.httpFor(DEFAULT_HTTP_CLIENT_CONFIG)),
    clock: context.clock,
    url: `http://${host}/computeMetadata/v1/instance/service-accounts/default/token?scopes=${scopes}`,
    headers: { 'Metadata-Flavor': 'Google', 'User-Agent': context.userAgent },
    timeoutMs: METADATA_TIMEOUT_MS,
    schema: answerSchema,
    signal,
  });
  return tokenOf(value, context);
}

function tokenOf(answer: z.output<typeof answerSchema>, { clock }: ProviderContext): AccessToken {
  return {
    value: new Secret(answer.access_token),
    expiresAtMs: clock.nowMs() + answer.expires_in * 1000,
  };
}
