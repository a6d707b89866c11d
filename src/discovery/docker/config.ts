import { z } from 'zod';
import {
  DEFAULT_HTTP_CLIENT_CONFIG,
  checkHttpClient,
  httpClientConfigOf,
  httpClientShape,
} from '../../core/http-config.ts';
import type { HttpClientFields } from '../../core/http-config.ts';
import { positiveDurationSchema, textSchema } from '../../core/schema.ts';
import { discoveryConfig } from '../provider.ts';
import type { DiscoveryConfig } from '../provider.ts';
import { createDockerProvider } from './docker-provider.ts';
import type { DockerHost } from './docker-api.ts';
import { SWARM_ROLES, createSwarmProvider } from './swarm-provider.ts';

const HOST = /^(unix|tcp|https?):\/\/(.+)$/s;

/** Where Docker's daemon listens. */
const hostSchema = z.string().superRefine((host, context) => {
  if (host === '') context.addIssue({ code: 'custom', message: 'host missing' });
  else if (!isHost(host)) {
    const message = `${JSON.stringify(host)} is not where Docker listens: write unix:///var/run/docker.sock, tcp://host:port, http://… or https://…`;
    context.addIssue({ code: 'custom', message });
  }
});

/** Fields that both kinds have. */
const sharedShape = {
  ...httpClientShape,
  host: hostSchema,
  port: z.int().min(0).max(65_535).default(80),
  filters: z
    .array(z.strictObject({ name: z.string().default(''), values: z.array(textSchema).default([]) }))
    .default([]),
  refresh_interval: positiveDurationSchema.default(60_000),
};

const sharedSchema = z.strictObject(sharedShape);

/** One entry of `docker_sd_configs`. */
export const dockerSdConfigSchema: z.ZodType<DiscoveryConfig> = z
  .strictObject({
    ...sharedShape,
    host_networking_host: z.string().default('localhost'),
    match_first_network: z.boolean().default(true),
  })
  .superRefine(checkHttpClient)
  .transform((fields) =>
    discoveryConfig(
      'docker',
      {
        ...sharedOptions(fields),
        hostNetworkingHost: fields.host_networking_host,
        matchFirstNetwork: fields.match_first_network,
      },
      createDockerProvider,
    ),
  );

/** One entry of `dockerswarm_sd_configs`. */
export const swarmSdConfigSchema: z.ZodType<DiscoveryConfig> = z
  .strictObject({ ...sharedShape, role: z.enum(SWARM_ROLES) })
  .superRefine(checkHttpClient)
  .transform((fields) =>
    discoveryConfig('dockerswarm', { ...sharedOptions(fields), role: fields.role }, createSwarmProvider),
  );

function sharedOptions(fields: z.output<typeof sharedSchema>) {
  const host = dockerHost(fields.host, fields);
  return {
    host,
    http: host.http,
    port: fields.port,
    filters: fields.filters,
    refreshIntervalMs: fields.refresh_interval,
  };
}

/** The HTTP client block is for http and https only, as in Prometheus. */
function dockerHost(host: string, fields: HttpClientFields): DockerHost {
  const [, scheme, rest] = HOST.exec(host)!;
  if (scheme === 'unix') {
    return { baseUrl: 'http://docker', socketPath: rest!, http: DEFAULT_HTTP_CLIENT_CONFIG };
  }
  const address = rest!.replace(/\/+$/, '');
  if (scheme === 'tcp') {
    return { baseUrl: `http://${address}`, socketPath: undefined, http: DEFAULT_HTTP_CLIENT_CONFIG };
  }
  return { baseUrl: `${scheme!}://${address}`, socketPath: undefined, http: httpClientConfigOf(fields) };
}

function isHost(host: string): boolean {
  const [, scheme, rest] = HOST.exec(host) ?? [];
  if (scheme === undefined) return false;
  return scheme === 'unix' ? rest!.startsWith('/') : URL.canParse(`http://${rest!}`);
}
