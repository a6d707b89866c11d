import { z } from 'zod';
import { positiveDurationSchema } from '../../core/schema.ts';
import { discoveryConfig } from '../provider.ts';
import type { DiscoveryConfig } from '../provider.ts';
import { createGceProvider } from './gce-provider.ts';

const given = (message: string) =>
  z
    .string()
    .default('')
    .refine((text) => text !== '', message);

/**
 * One entry of `gce_sd_configs`. It has no HTTP client block, as in Prometheus.
 *
 * @see prometheus discovery/gce/gce.go
 */
export const gceConfigSchema: z.ZodType<DiscoveryConfig> = z
  .strictObject({
    project: given('GCE SD configuration requires a project'),
    zone: given('GCE SD configuration requires a zone'),
    filter: z.string().default(''),
    refresh_interval: positiveDurationSchema.default(60_000),
    port: z.int().default(80),
    tag_separator: z.string().default(','),
  })
  .transform(({ refresh_interval: refreshIntervalMs, tag_separator: tagSeparator, ...fields }) =>
    discoveryConfig('gce', { ...fields, refreshIntervalMs, tagSeparator }, createGceProvider),
  );
