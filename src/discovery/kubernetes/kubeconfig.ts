import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { TocsinError } from '../../core/errors.ts';
import { DEFAULT_HTTP_CLIENT_CONFIG } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import type { FileSystem } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import { requireYaml } from '../../core/validate-yaml.ts';
import { parseYaml } from '../../core/yaml.ts';
import type { ExecPlugin } from './exec-credentials.ts';

const text = z.string().default('');

const clusterSchema = z.object({
  server: text,
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': z.boolean().default(false),
  'tls-server-name': text,
  'proxy-url': text,
});
const execSchema = z.object({
  apiVersion: z.enum(['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1']),
  command: z.string(),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  installHint: text,
  provideClusterInfo: z.boolean().default(false),
});
const userSchema = z.object({
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  exec: execSchema.nullish(),
  'auth-provider': z.unknown().optional(),
});
// Kubernetes' own tools ignore what they do not know here (extensions, preferences), so it is ignored here too.
const fileSchema = z.object({
  'current-context': text,
  contexts: z
    .array(z.object({ name: z.string(), context: z.object({ cluster: text, user: text }) }))
    .nullish(),
  clusters: z.array(z.object({ name: z.string(), cluster: clusterSchema })).nullish(),
  users: z.array(z.object({ name: z.string(), user: userSchema.nullish() })).nullish(),
});

/** Where a kubeconfig leads. */
export interface KubeconfigAccess {
  readonly url: string;
  readonly http: HttpClientConfig;
  /** Gives the credentials, where it is named. */
  readonly exec: ExecPlugin | undefined;
}

type User = z.output<typeof userSchema>;
type Cluster = z.output<typeof clusterSchema>;

/**
 * What the current context of a kubeconfig file says of server, credentials and TLS. Paths in it are relative to its folder.
 * Throws a TocsinError that says what is missing.
 *
 * @see k8s.io/client-go/tools/clientcmd
 */
export async function readKubeconfig(file: string, files: FileSystem): Promise<KubeconfigAccess> {
  const source = new TextDecoder().decode(await files.readFile(file));
  const config = requireYaml(parseYaml(source, file), fileSchema);
  const fail = (message: string): never => {
    throw new TocsinError('TOCSIN_ERR_PARSE', `${file}: ${message}`);
  };
  const contextName = config['current-context'];
  const context = config.contexts?.find(({ name }) => name === contextName)?.context;
  if (context === undefined) return fail(`there is no context ${JSON.stringify(contextName)}`);
  const cluster = config.clusters?.find(({ name }) => name === context.cluster)?.cluster;
  if (cluster === undefined) return fail(`there is no cluster ${JSON.stringify(context.cluster)}`);
  if (cluster.server === '') return fail(`cluster ${JSON.stringify(context.cluster)} has no server`);
  const user = config.users?.find(({ name }) => name === context.user)?.user ?? userSchema.parse({});
  if (user['auth-provider'] != null) {
    return fail(`user ${JSON.stringify(context.user)}: auth-provider is no more; use exec, as kubectl does`);
  }
  return {
    url: serverUrl(cluster.server),
    http: httpConfig(cluster, user, dirname(file)),
    exec: user.exec == null ? undefined : await execPlugin(user.exec, cluster, dirname(file), files),
  };
}

async function execPlugin(
  exec: z.output<typeof execSchema>,
  cluster: Cluster,
  folder: string,
  files: FileSystem,
): Promise<ExecPlugin> {
  const { command } = exec;
  return {
    apiVersion: exec.apiVersion,
    // A name alone is looked for on the path of the system.
    command: command.includes('/') && !isAbsolute(command) ? join(folder, command) : command,
    args: exec.args ?? [],
    environment: Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value])),
    installHint: exec.installHint,
    cluster: exec.provideClusterInfo ? await clusterInfo(cluster, folder, files) : undefined,
  };
}

/** A cluster as a program is told of it: a certificate in a file goes along inline. */
async function clusterInfo(
  { 'certificate-authority': caFile, ...cluster }: Cluster,
  folder: string,
  files: FileSystem,
): Promise<Record<string, unknown>> {
  const info: Record<string, unknown> = { ...cluster };
  if (cluster['certificate-authority-data'] === '' && caFile !== '') {
    const ca = await files.readFile(isAbsolute(caFile) ? caFile : join(folder, caFile));
    info['certificate-authority-data'] = Buffer.from(ca).toString('base64');
  }
  return Object.fromEntries(Object.entries(info).filter(([, value]) => value !== '' && value !== false));
}

function serverUrl(server: string): string {
  return /^https?:\/\//i.test(server) ? server : `http://${server}`;
}

/** Where a value is given both inline and as a file, the inline one counts; a token counts before name and password. */
function httpConfig(cluster: Cluster, user: User, folder: string): HttpClientConfig {
  const path = (file: string): string | undefined =>
    file === '' ? undefined : isAbsolute(file) ? file : join(folder, file);
  const ca = decode(cluster['certificate-authority-data']);
  const cert = decode(user['client-certificate-data']);
  const key = decode(user['client-key-data']);
  const hasToken = user.token !== '' || user.tokenFile !== '';
  return {
    ...DEFAULT_HTTP_CLIENT_CONFIG,
    authorization: hasToken
      ? {
          type: 'Bearer',
          credentials: user.token === '' ? undefined : new Secret(user.token),
          // A token in a file is replaced from time to time; the file counts before a token that is written down.
          credentialsFile: path(user.tokenFile),
        }
      : undefined,
    basicAuth:
      hasToken || user.username === ''
        ? undefined
        : {
            username: user.username,
            usernameFile: undefined,
            password: new Secret(user.password),
            passwordFile: undefined,
          },
    tls: {
      ...DEFAULT_HTTP_CLIENT_CONFIG.tls,
      ca,
      caFile: ca === undefined ? path(cluster['certificate-authority']) : undefined,
      cert,
      certFile: cert === undefined ? path(user['client-certificate']) : undefined,
      key: key === undefined ? undefined : new Secret(key),
      keyFile: key === undefined ? path(user['client-key']) : undefined,
      serverName: cluster['tls-server-name'] === '' ? undefined : cluster['tls-server-name'],
      insecureSkipVerify: cluster['insecure-skip-tls-verify'],
    },
    // Without a proxy of its own, Kubernetes' tools use the environment's.
    proxy:
      cluster['proxy-url'] === ''
        ? { ...DEFAULT_HTTP_CLIENT_CONFIG.proxy, fromEnvironment: true }
        : { ...DEFAULT_HTTP_CLIENT_CONFIG.proxy, url: cluster['proxy-url'] },
  };
}

function decode(base64: string): string | undefined {
  return base64 === '' ? undefined : Buffer.from(base64, 'base64').toString('utf8');
}
