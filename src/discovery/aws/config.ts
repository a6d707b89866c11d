import { z } from 'zod';
import { checkHttpClient, httpClientConfigOf, httpClientShape } from '../../core/http-config.ts';
import { positiveDurationSchema, secretSchema, textSchema } from '../../core/schema.ts';
import { discoveryConfig } from '../provider.ts';
import type { DiscoveryConfig } from '../provider.ts';
import { createEc2Provider } from './ec2-provider.ts';

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
  .strictObject({
    endpoint: z.string().default(''),
    region: z.string().default(''),
    access_key: z.string().default(''),
    secret_key: secretSchema.optional(),
    profile: z.string().default(''),
    role_arn: z.string().default(''),
    external_id: z.string().default(''),
    refresh_interval: positiveDurationSchema.default(60_000),
    port: z.int().default(80),
    filters: z.array(filterSchema).default([]),
    ...httpClientShape,
  })
  .superRefine(checkHttpClient)
  .transform((fields) =>
    discoveryConfig(
      'ec2',
      {
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
        filters: fields.filters,
        http: httpClientConfigOf(fields),
      },
      createEc2Provider,
    ),
  );
