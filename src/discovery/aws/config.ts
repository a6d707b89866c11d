import { z } from 'zod';
import { checkHttpClient, httpClientConfigOf, httpClientShape } from '../../core/http-config.ts';
import type { HttpClientConfig, HttpClientFields } from '../../core/http-config.ts';
import { positiveDurationSchema, secretSchema, textSchema } from '../../core/schema.ts';
import type { Secret } from '../../core/secret.ts';
import { discoveryConfig } from '../provider.ts';
import type { DiscoveryConfig } from '../provider.ts';
import type { AwsAccess } from '../../core/aws/credential-chain.ts';
import { createEc2Provider } from './ec2-provider.ts';
import { createEcsProvider } from './ecs-provider.ts';
import { createLightsailProvider } from './lightsail-provider.ts';

/** What ECS allows a second. */
const REQUEST_CONCURRENCY = 20;

/** The keys that all kinds of AWS discovery have. */
const awsShape = {
  endpoint: z.string().default(''),
  region: z.string().default(''),
  access_key: z.string().default(''),
  secret_key: secretSchema.optional(),
  profile: z.string().default(''),
  role_arn: z.string().default(''),
  external_id: z.string().default(''),
  refresh_interval: positiveDurationSchema.default(60_000),
  port: z.int().default(80),
  ...httpClientShape,
};

interface AwsFields extends HttpClientFields {
  readonly endpoint: string;
  readonly region: string;
  readonly access_key: string;
  readonly secret_key?: Secret | undefined;
  readonly profile: string;
  readonly role_arn: string;
  readonly external_id: string;
  readonly refresh_interval: number;
  readonly port: number;
}

/** What all kinds of AWS discovery know. */
export interface AwsDiscoveryOptions {
  /** Instead of the service's own in the region; '' for that. */
  readonly endpoint: string;
  readonly access: AwsAccess;
  readonly refreshIntervalMs: number;
  readonly port: number;
  readonly http: HttpClientConfig;
}

function optionsOf(fields: AwsFields): AwsDiscoveryOptions {
  return {
    endpoint: fields.endpoint,
    access: {
      region: fields.region,
      accessKey: fields.access_key,
      secretKey: fields.secret_key,
      profile: fields.profile,
      roleArn: fields.role_arn,
      externalId: fields.external_id,
    },
    refreshIntervalMs: fields.refresh_interval,
    port: fields.port,
    http: httpClientConfigOf(fields),
  };
}

const filterSchema = z.strictObject({
  name: z.string(),
  values: z
    .array(textSchema)
    .default([])
    .refine((values) => values.length > 0, 'EC2 SD configuration filter values cannot be empty'),
});

/**
 * One entry of `ec2_sd_configs`.
 *
 * @see prometheus discovery/aws/ec2.go
 */
export const ec2ConfigSchema: z.ZodType<DiscoveryConfig> = z
  .strictObject({ ...awsShape, filters: z.array(filterSchema).default([]) })
  .superRefine(checkHttpClient)
  .transform((fields) =>
    discoveryConfig('ec2', { ...optionsOf(fields), filters: fields.filters }, createEc2Provider),
  );

/**
 * One entry of `ecs_sd_configs`.
 *
 * @see prometheus discovery/aws/ecs.go
 */
export const ecsConfigSchema: z.ZodType<DiscoveryConfig> = z
  .strictObject({
    ...awsShape,
    clusters: z.array(z.string()).default([]),
    request_concurrency: z.int().min(1, 'must be at least 1').default(REQUEST_CONCURRENCY),
  })
  .superRefine(checkHttpClient)
  .transform((fields) =>
    discoveryConfig(
      'ecs',
      {
        ...optionsOf(fields),
        clusters: fields.clusters,
        requestConcurrency: fields.request_concurrency,
      },
      createEcsProvider,
    ),
  );

/**
 * One entry of `lightsail_sd_configs`.
 *
 * @see prometheus discovery/aws/lightsail.go
 */
export const lightsailConfigSchema: z.ZodType<DiscoveryConfig> = z
  .strictObject(awsShape)
  .superRefine(checkHttpClient)
  .transform((fields) => discoveryConfig('lightsail', optionsOf(fields), createLightsailProvider));

/** Roles of `aws_sd_configs` that Prometheus has and this version does not. */
const ROLES_NOT_IN_VERSION: readonly string[] = ['elasticache', 'msk', 'rds'];

/**
 * One entry of `aws_sd_configs`: any of the other kinds, by its role.
 *
 * @see prometheus discovery/aws/aws.go
 */
export const awsConfigSchema: z.ZodType<DiscoveryConfig> = z
  .strictObject({
    ...awsShape,
    role: z
      .enum(['ec2', 'ecs', 'lightsail', ...ROLES_NOT_IN_VERSION])
      .refine((role) => !ROLES_NOT_IN_VERSION.includes(role), 'this role is not in this version'),
    filters: z.array(filterSchema).default([]),
    clusters: z.array(z.string()).default([]),
  })
  .superRefine(checkHttpClient)
  .transform((fields) => {
    const options = optionsOf(fields);
    const { role, filters, clusters } = fields;
    if (role === 'ec2') return discoveryConfig('ec2', { ...options, filters }, createEc2Provider);
    if (role === 'lightsail') return discoveryConfig('lightsail', options, createLightsailProvider);
    const ecs = { ...options, clusters, requestConcurrency: REQUEST_CONCURRENCY };
    return discoveryConfig('ecs', ecs, createEcsProvider);
  });
