import { z } from 'zod';
import { checkHttpClient, httpClientConfigOf, httpClientShape } from '../../core/http-config.ts';
import { positiveDurationSchema, secretSchema } from '../../core/schema.ts';
import { discoveryConfig } from '../provider.ts';
import type { DiscoveryConfig } from '../provider.ts';
import { createAzureProvider } from './azure-provider.ts';
import { azureCloud } from './clouds.ts';

const fieldsSchema = z.strictObject({
  environment: z
    .string()
    .default('AzurePublicCloud')
    .refine((name) => azureCloud(name) !== undefined, {
      error: ({ input }) => `there is no cloud configuration matching the name ${JSON.stringify(input)}`,
    }),
  port: z.int().default(80),
  subscription_id: z
    .string()
    .default('')
    .refine((id) => id !== '', 'azure SD configuration requires a subscription_id'),
  tenant_id: z.string().default(''),
  client_id: z.string().default(''),
  client_secret: secretSchema.optional(),
  refresh_interval: positiveDurationSchema.default(5 * 60_000),
  authentication_method: z.enum(['OAuth', 'ManagedIdentity', 'SDK', 'WorkloadIdentity']).default('OAuth'),
  resource_group: z.string().default(''),
  ...httpClientShape,
});

/**
 * One entry of `azure_sd_configs`.
 *
 * @see prometheus discovery/azure/azure.go
 */
export const azureConfigSchema: z.ZodType<DiscoveryConfig> = fieldsSchema
  .superRefine(checkHttpClient)
  .superRefine((fields, context) => {
    if (fields.authentication_method !== 'OAuth') return;
    for (const key of ['tenant_id', 'client_id', 'client_secret'] as const) {
      const value = fields[key];
      if (value !== undefined && value !== '' && (typeof value === 'string' || value.reveal() !== ''))
        continue;
      context.addIssue({ code: 'custom', path: [key], message: `azure SD configuration requires a ${key}` });
    }
  })
  .transform((fields) =>
    discoveryConfig(
      'azure',
      {
        environment: fields.environment,
        port: fields.port,
        subscriptionId: fields.subscription_id,
        tenantId: fields.tenant_id,
        clientId: fields.client_id,
        clientSecret: fields.client_secret,
        refreshIntervalMs: fields.refresh_interval,
        authentication: fields.authentication_method,
        resourceGroup: fields.resource_group,
        http: httpClientConfigOf(fields),
      },
      createAzureProvider,
    ),
  );
