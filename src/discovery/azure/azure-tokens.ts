import { z } from 'zod';
import { TocsinError } from '../../core/errors.ts';
import { DEFAULT_HTTP_CLIENT_CONFIG } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { Secret } from '../../core/secret.ts';
import { withoutTokens } from '../access-token.ts';
import type { AccessToken } from '../access-token.ts';
import { fetchJson } from '../fetch-json.ts';
import type { ProviderContext } from '../provider.ts';
import type { AzureCloud } from './clouds.ts';

/** How the API is to know who asks. */
export interface AzureIdentity {
  readonly authentication: 'OAuth' | 'ManagedIdentity' | 'SDK' | 'WorkloadIdentity';
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: Secret | undefined;
}

const TOKEN_TIMEOUT_MS = 30_000;
/** Outside of Azure nothing answers there. */
const METADATA_TIMEOUT_MS = 5000;

/** Some answers say seconds as text; some when the token ends, some how long it lasts. */
const answerSchema = z.object({
  access_token: z.string(),
  expires_in: z.coerce.number().optional(),
  expires_on: z.coerce.number().optional(),
});

/**
 * A token for Azure Resource Manager. `SDK` stands for what Azure's own tools try in turn: the environment, a workload
 * identity, the machine's managed identity.
 *
 * @see learn.microsoft.com "DefaultAzureCredential overview"
 */
export async function fetchAzureToken(
  identity: AzureIdentity,
  cloud: AzureCloud,
  httpConfig: HttpClientConfig,
  context: ProviderContext,
  signal: AbortSignal,
): Promise<AccessToken> {
  const source = new TokenSource(cloud, httpConfig, context, signal);
  const { tenantId, clientId, clientSecret } = identity;
  switch (identity.authentication) {
    case 'OAuth':
      return source.bySecret(tenantId, clientId, clientSecret?.reveal() ?? '');
    case 'WorkloadIdentity':
      return source.byWorkload('');
    case 'ManagedIdentity':
      return source.byMachine(clientId);
    case 'SDK':
      return source.byDefault(tenantId);
  }
}

class TokenSource {
  readonly #cloud: AzureCloud;
  readonly #httpConfig: HttpClientConfig;
  readonly #context: ProviderContext;
  readonly #signal: AbortSignal;

  constructor(
    cloud: AzureCloud,
    httpConfig: HttpClientConfig,
    context: ProviderContext,
    signal: AbortSignal,
  ) {
    this.#cloud = cloud;
    // The block's credentials are for whoever stands before the API.
    this.#httpConfig = { ...httpConfig, basicAuth: undefined, authorization: undefined, oauth2: undefined };
    this.#context = context;
    this.#signal = signal;
  }

  async byDefault(tenantId: string): Promise<AccessToken> {
    const { environment } = this.#context;
    const tenant = environment['AZURE_TENANT_ID'] ?? '';
    const client = environment['AZURE_CLIENT_ID'] ?? '';
    const secret = environment['AZURE_CLIENT_SECRET'] ?? '';
    if (tenant !== '' && client !== '' && secret !== '') return this.bySecret(tenant, client, secret);
    if (environment['AZURE_FEDERATED_TOKEN_FILE']) return this.byWorkload(tenantId);
    return this.byMachine(client);
  }

  async bySecret(tenantId: string, clientId: string, secret: string): Promise<AccessToken> {
    return this.#byClient(tenantId, { client_id: clientId, client_secret: secret });
  }

  /** By the token that Kubernetes puts into a pod's file and renews there. */
  async byWorkload(tenantId: string): Promise<AccessToken> {
    const { environment, files } = this.#context;
    const tenant = tenantId || (environment['AZURE_TENANT_ID'] ?? '');
    const client = environment['AZURE_CLIENT_ID'] ?? '';
    const file = environment['AZURE_FEDERATED_TOKEN_FILE'] ?? '';
    if (tenant === '' || client === '' || file === '') {
      const message =
        'a workload identity needs AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE in the environment';
      throw new TocsinError('TOCSIN_ERR_HTTP', message);
    }
    return this.#byClient(tenant, {
      client_id: client,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: new TextDecoder().decode(await files.readFile(file)).trim(),
    });
  }

  async #byClient(tenantId: string, fields: Readonly<Record<string, string>>): Promise<AccessToken> {
    const form = { grant_type: 'client_credentials', scope: `${this.#cloud.manager}/.default`, ...fields };
    const { value } = await fetchJson({
      http: withoutTokens(this.#context.httpFor(this.#httpConfig)),
      clock: this.#context.clock,
      url: `${this.#cloud.authority}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`,
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded',
        'User-Agent': this.#context.userAgent,
      },
      body: new URLSearchParams(form).toString(),
      timeoutMs: TOKEN_TIMEOUT_MS,
      schema: answerSchema,
      signal: this.#signal,
    });
    return this.#tokenOf(value);
  }

  /** The identity of the virtual machine, or of the app where the environment says so. No proxy leads to either. */
  async byMachine(clientId: string): Promise<AccessToken> {
    const { environment, userAgent, clock } = this.#context;
    const query = new URLSearchParams({ resource: this.#cloud.manager });
    if (clientId !== '') query.set('client_id', clientId);
    const app = environment['IDENTITY_ENDPOINT'] ?? '';
    const appSecret = environment['IDENTITY_HEADER'] ?? '';
    const isApp = app !== '' && appSecret !== '';
    query.set('api-version', isApp ? '2019-08-01' : '2018-02-01');
    const host = (environment['AZURE_POD_IDENTITY_AUTHORITY_HOST'] || 'http://169.254.169.254').replace(
      /\/+$/,
      '',
    );
    const { value } = await fetchJson({
      http: withoutTokens(this.#context.httpFor(DEFAULT_HTTP_CLIENT_CONFIG)),
      clock,
      url: `${isApp ? app : `${host}/metadata/identity/oauth2/token`}?${query.toString()}`,
      headers: {
        'User-Agent': userAgent,
        ...(isApp ? { 'X-IDENTITY-HEADER': appSecret } : { Metadata: 'true' }),
      },
      timeoutMs: METADATA_TIMEOUT_MS,
      schema: answerSchema,
      signal: this.#signal,
    });
    return this.#tokenOf(value);
  }

  #tokenOf(answer: z.output<typeof answerSchema>): AccessToken {
    const nowMs = this.#context.clock.nowMs();
    const expiresAtMs =
      answer.expires_in === undefined ? (answer.expires_on ?? 0) * 1000 : nowMs + answer.expires_in * 1000;
    return { value: new Secret(answer.access_token), expiresAtMs };
  }
}
