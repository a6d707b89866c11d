import { z } from 'zod';
import { checkHttpClient, httpClientConfigOf, httpClientShape } from '../../core/http-config.ts';
import { positiveDurationSchema, secretSchema, textSchema } from '../../core/schema.ts';
import { discoveryConfig } from '../provider.ts';
import type { DiscoveryConfig } from '../provider.ts';
import { ConsulProvider } from './consul-provider.ts';
import type { ConsulDiscoveryOptions } from './consul-provider.ts';

const fieldsSchema = z.strictObject({
  ...httpClientShape,
  server: z
    .string()
    .refine((server) => server.trim() !== '', 'consul SD configuration requires a server address')
    .default('localhost:8500'),
  path_prefix: z.string().default(''),
  token: secretSchema.optional(),
  datacenter: z.string().default(''),
  namespace: z.string().default(''),
  partition: z.string().default(''),
  tag_separator: z.string().default(','),
  scheme: z.string().default('http'),
  username: z.string().default(''),
  password: secretSchema.optional(),
  allow_stale: z.boolean().default(true),
  refresh_interval: positiveDurationSchema.default(30_000),
  services: z.array(z.string()).default([]),
  tags: z.array(z.string()).default([]),
  node_meta: z.record(z.string(), textSchema).default({}),
  filter: z.string().default(''),
  health_filter: z.string().default(''),
});

type Fields = z.output<typeof fieldsSchema>;

/** One entry of `consul_sd_configs`. */
export const consulSdConfigSchema: z.ZodType<DiscoveryConfig> = fieldsSchema
  .superRefine((fields, context) => {
    const { basic_auth, authorization, oauth2 } = fields;
    const hasUser = fields.username !== '' || (fields.password?.reveal() ?? '') !== '';
    if (hasUser && basic_auth !== undefined) {
      const message =
        'at most one of consul SD configuration username and password and basic auth can be configured';
      context.addIssue({ code: 'custom', path: ['basic_auth'], message });
    }
    const hasToken = (fields.token?.reveal() ?? '') !== '';
    if (hasToken && (authorization !== undefined || oauth2 !== undefined)) {
      const message = 'at most one of consul SD token, authorization, or oauth2 can be configured';
      context.addIssue({ code: 'custom', path: ['token'], message });
    }
    if (
      fields.server.trim() !== '' &&
      (!URL.canParse(baseUrlOf(fields)) || !/^https?:/.test(baseUrlOf(fields)))
    ) {
      const message = `${JSON.stringify(fields.server)} is not the address of a Consul server`;
      context.addIssue({ code: 'custom', path: ['server'], message });
    }
    checkHttpClient(withUser(fields), context);
  })
  .transform((fields) =>
    discoveryConfig('consul', optionsOf(fields), (options, context) => new ConsulProvider(options, context)),
  );

function optionsOf(fields: Fields): ConsulDiscoveryOptions {
  return {
    baseUrl: baseUrlOf(fields),
    token: fields.token,
    datacenter: fields.datacenter,
    namespace: fields.namespace,
    partition: fields.partition,
    tagSeparator: fields.tag_separator,
    allowStale: fields.allow_stale,
    refreshIntervalMs: fields.refresh_interval,
    services: fields.services,
    tags: fields.tags,
    nodeMeta: fields.node_meta,
    filter: fields.filter,
    healthFilter: fields.health_filter,
    http: httpClientConfigOf(withUser(fields)),
  };
}

/** The fields with `username` and `password` where the HTTP client block has them. */
function withUser(fields: Fields): Fields {
  const { username, password, basic_auth } = fields;
  if (basic_auth !== undefined || (username === '' && password === undefined)) return fields;
  return {
    ...fields,
    basic_auth: { username, password, username_file: undefined, password_file: undefined },
  };
}

/** The server's URL, with what comes before `/v1`; an address may bring its scheme and a path itself, as Consul's client takes it. */
function baseUrlOf({ server, scheme, path_prefix }: Fields): string {
  const [, ownScheme, address] = /^(?:(\w+):\/\/)?(.*)$/s.exec(server.trim())!;
  const prefix = path_prefix === '' ? '' : `/${path_prefix.replaceAll(/^\/+|\/+$/g, '')}`;
  const usedScheme =
    ownScheme === undefined || (ownScheme === 'http' && scheme === 'https') ? scheme : ownScheme;
  return `${usedScheme === '' ? 'http' : usedScheme}://${address!.replace(/\/+$/, '')}${prefix}`;
}
