import { TocsinError } from '../../core/errors.ts';
import { DEFAULT_HTTP_CLIENT_CONFIG } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import type { JsonHttp } from '../fetch-json.ts';
import type { ProviderContext } from '../provider.ts';
import { ExecHttp } from './exec-credentials.ts';
import type { ExecPlugin } from './exec-credentials.ts';
import { kubernetesMetrics } from './kubernetes-metrics.ts';
import type { KubernetesMetrics } from './kubernetes-metrics.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { joinHostPort } from '../label-text.ts';

/** How the API of a cluster is reached. */
export type KubernetesAccess =
  | { readonly kind: 'api-server'; readonly url: string; readonly http: HttpClientConfig }
  | { readonly kind: 'kubeconfig'; readonly file: string }
  /** With the service account of the pod that this program runs in. */
  | { readonly kind: 'in-cluster' };

/** A cluster's API: where it is, and what asks it with the credentials as they are now. */
export interface KubernetesApi {
  readonly http: JsonHttp;
  /** Without a `/` at its end. */
  readonly url: string;
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The API by its settings; throws a TocsinError when they do not lead to one. */
export async function openKubernetesApi(
  access: KubernetesAccess,
  context: ProviderContext,
): Promise<KubernetesApi> {
  const { url, http: config, exec } = await resolveAccess(access, context);
  const http = exec === undefined ? context.httpFor(config) : new ExecHttp(exec, config, context);
  return { http: counted(http, kubernetesMetrics(context.metrics)), url: url.replace(/\/+$/, '') };
}

function counted(http: JsonHttp, { requests }: KubernetesMetrics): JsonHttp {
  return {
    redact: (text) => http.redact(text),
    async request(request) {
      try {
        const response = await http.request(request);
        requests.inc({ status_code: String(response.status) });
        return response;
      } catch (error) {
        requests.inc({ status_code: '<error>' });
        throw error;
      }
    },
  };
}

async function resolveAccess(
  access: KubernetesAccess,
  context: ProviderContext,
): Promise<{ url: string; http: HttpClientConfig; exec?: ExecPlugin | undefined }> {
  switch (access.kind) {
    case 'api-server':
      return access;
    case 'kubeconfig':
      return readKubeconfig(access.file, context.files);
    case 'in-cluster':
      return inClusterAccess(context);
  }
}

/** The token is read again for each request, because the cluster replaces it. */
async function inClusterAccess({
  environment,
  files,
}: ProviderContext): Promise<{ url: string; http: HttpClientConfig }> {
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '';
  if (host === '' || port === '') {
    throw new TocsinError(
      'TOCSIN_ERR_HTTP',
      'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined; ' +
        'outside a cluster give api_server or kubeconfig_file',
    );
  }
  const caFile = `${ACCOUNT}/ca.crt`;
  const hasCa = (await files.stat(caFile)) !== undefined;
  return {
    url: `https://${joinHostPort(host, Number(port))}`,
    http: {
      ...DEFAULT_HTTP_CLIENT_CONFIG,
      authorization: { type: 'Bearer', credentials: undefined, credentialsFile: `${ACCOUNT}/token` },
      tls: { ...DEFAULT_HTTP_CLIENT_CONFIG.tls, caFile: hasCa ? caFile : undefined },
    },
  };
}

/** The namespace of the pod that this program runs in. */
export async function readOwnNamespace({ files }: ProviderContext): Promise<string> {
  const namespace = new TextDecoder().decode(await files.readFile(`${ACCOUNT}/namespace`));
  if (namespace === '') {
    throw new TocsinError('TOCSIN_ERR_HTTP', 'could not read own namespace name (empty file)');
  }
  return namespace;
}
