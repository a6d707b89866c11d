import { z } from 'zod';
import { checkHttpClient, httpClientConfigOf, httpClientShape } from '../../core/http-config.ts';
import { positiveDurationSchema } from '../../core/schema.ts';
import { discoveryConfig } from '../provider.ts';
import type { DiscoveryConfig } from '../provider.ts';
import { createNomadProvider } from './nomad-provider.ts';

const serverSchema = z.string().superRefine((server, context) => {
  if (server.trim() === '') {
    context.addIssue({ code: 'custom', message: 'nomad SD configuration requires a server address' });
  } else if (!/^https?:\/\/[^/]/i.test(server) || !URL.canParse(server)) {
    const message = `${JSON.stringify(server)} is not the URL of a Nomad server (http://… or https://…)`;
    context.addIssue({ code: 'custom', message });
  }
});

/** One entry of `nomad_sd_configs`. */
export const nomadSdConfigSchema: z.ZodType<DiscoveryConfig> = z
  .strictObject({
    ...httpClientShape,
    allow_stale: z.boolean().default(true),
    namespace: z.string().default('default'),
    refresh_interval: positiveDurationSchema.default(60_000),
    region: z.string().default('global'),
    server: serverSchema.default('http://localhost:4646'),
    tag_separator: z.string().default(','),
  })
  .superRefine(checkHttpClient)
  .transform((fields) =>
    discoveryConfig(
      'nomad',
      {
        allowStale: fields.allow_stale,
        namespace: fields.namespace,
        refreshIntervalMs: fields.refresh_interval,
        region: fields.region,
        baseUrl: fields.server.trim().replace(/\/+$/, ''),
        tagSeparator: fields.tag_separator,
        http: httpClientConfigOf(fields),
      },
      createNomadProvider,
    ),
  );
