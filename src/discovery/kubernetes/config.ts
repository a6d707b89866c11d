import { z } from 'zod';
import { configKey } from '../../core/config-key.ts';
import {
  checkHttpClient,
  DEFAULT_HTTP_CLIENT_CONFIG,
  httpClientConfigOf,
  httpClientShape,
} from '../../core/http-config.ts';
import type { HttpClientFields } from '../../core/http-config.ts';
import { filePathSchema } from '../../core/schema.ts';
import type { DiscoveryConfig } from '../provider.ts';
import { kubernetesDiscovery } from './kubernetes-provider.ts';
import type { KubernetesDiscoveryOptions, RoleName } from './kubernetes-provider.ts';
import { fieldSelectorProblem, labelSelectorProblem } from './selectors.ts';

const ROLE_NAMES = ['pod', 'service', 'endpoints', 'endpointslice', 'node', 'ingress'] as const;

/** Which kinds of objects of a role may be chosen by selectors. */
const SELECTABLE: Readonly<Record<RoleName, readonly RoleName[]>> = {
  pod: ['pod', 'node'],
  service: ['service'],
  endpointslice: ['pod', 'service', 'endpointslice'],
  endpoints: ['pod', 'service', 'endpoints'],
  node: ['node'],
  ingress: ['ingress'],
};

const roleSchema = z.enum(ROLE_NAMES);

const selectorSchema = z.strictObject({
  role: roleSchema,
  label: checked(labelSelectorProblem),
  field: checked(fieldSelectorProblem),
});

function checked(problemOf: (selector: string) => string | undefined) {
  return z
    .string()
    .default('')
    .superRefine((selector, context) => {
      const message = problemOf(selector);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    });
}

const fieldsSchema = z.strictObject({
  api_server: z
    .string()
    .default('')
    .refine((url) => url === '' || /^https?:\/\/[^/]/i.test(url), {
      error: ({ input }) =>
        `${JSON.stringify(input)} is not a valid URL of an API server (https://host:port)`,
    }),
  role: roleSchema,
  kubeconfig_file: filePathSchema.default(''),
  namespaces: z
    .strictObject({
      own_namespace: z.boolean().default(false),
      names: z.array(z.string()).default([]),
    })
    .default({ own_namespace: false, names: [] }),
  selectors: z.array(selectorSchema).default([]),
  attach_metadata: z
    .strictObject({
      node: z.boolean().default(false),
      namespace: z.boolean().default(false),
      deployment: z.boolean().default(false),
      job: z.boolean().default(false),
      cronjob: z.boolean().default(false),
    })
    .default({ node: false, namespace: false, deployment: false, job: false, cronjob: false }),
  ...httpClientShape,
});

type Fields = z.output<typeof fieldsSchema>;

/**
 * One entry of `kubernetes_sd_configs`.
 *
 * @see prometheus discovery/kubernetes/kubernetes.go SDConfig.UnmarshalYAML
 */
export const kubernetesConfigSchema: z.ZodType<DiscoveryConfig> = fieldsSchema
  .superRefine(checkHttpClient)
  .superRefine(checkAccess)
  .superRefine(checkSelectors)
  .transform((fields) => kubernetesDiscovery(optionsOf(fields)));

function checkAccess(fields: Fields, context: z.RefinementCtx): void {
  const refuse = (path: string[], message: string): void => {
    context.addIssue({ code: 'custom', path, message });
  };
  const { api_server: server, kubeconfig_file: kubeconfig, namespaces } = fields;
  const hasHttp = configKey(httpClientConfigOf(fields)) !== configKey(DEFAULT_HTTP_CLIENT_CONFIG);
  const httpKey = givenHttpKey(fields);
  if (server !== '' && kubeconfig !== '') {
    refuse(['kubeconfig_file'], "cannot use 'kubeconfig_file' and 'api_server' simultaneously");
  } else if (kubeconfig !== '' && hasHttp) {
    refuse(httpKey, "cannot use a custom HTTP client configuration together with 'kubeconfig_file'");
  } else if (server === '' && hasHttp) {
    refuse(httpKey, "to use custom HTTP client configuration please provide the 'api_server' URL explicitly");
  }
  if (!namespaces.own_namespace) return;
  const path = ['namespaces', 'own_namespace'];
  if (server !== '') refuse(path, "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously");
  if (kubeconfig !== '') {
    refuse(path, "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously");
  }
}

/** A key of the HTTP client block that is not as by default. */
function givenHttpKey(fields: Fields): string[] {
  const defaults: Partial<Record<keyof HttpClientFields, unknown>> = {
    follow_redirects: true,
    enable_http2: true,
    proxy_from_environment: false,
  };
  const keys = Object.keys(httpClientShape) as (keyof HttpClientFields)[];
  const given = keys.find((key) => {
    const value = fields[key];
    if (key === 'http_headers') return Object.keys(fields.http_headers).length > 0;
    return value !== undefined && value !== defaults[key];
  });
  return given === undefined ? [] : [given];
}

function checkSelectors({ role, selectors }: Fields, context: z.RefinementCtx): void {
  const seen = new Set<RoleName>();
  for (const [i, selector] of selectors.entries()) {
    const path = ['selectors', i, 'role'];
    if (seen.has(selector.role)) {
      context.addIssue({ code: 'custom', path, message: `duplicated selector role: ${selector.role}` });
    } else if (!SELECTABLE[role].includes(selector.role)) {
      const message = `${role} role supports only ${SELECTABLE[role].join(', ')} selectors`;
      context.addIssue({ code: 'custom', path, message });
    }
    seen.add(selector.role);
  }
}

function optionsOf(fields: Fields): KubernetesDiscoveryOptions {
  const { role, namespaces, attach_metadata: attach } = fields;
  return {
    access:
      fields.kubeconfig_file !== ''
        ? { kind: 'kubeconfig', file: fields.kubeconfig_file }
        : fields.api_server !== ''
          ? { kind: 'api-server', url: fields.api_server, http: httpClientConfigOf(fields) }
          : { kind: 'in-cluster' },
    role,
    namespaces: namespaces.names,
    ownNamespace: namespaces.own_namespace,
    selectors: Object.fromEntries(
      fields.selectors.map((selector) => [selector.role, { label: selector.label, field: selector.field }]),
    ),
    attach,
  };
}
