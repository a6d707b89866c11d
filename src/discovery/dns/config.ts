import { z } from 'zod';
import type { DnsType } from '../../core/ports.ts';
import { positiveDurationSchema } from '../../core/schema.ts';
import { discoveryConfig } from '../provider.ts';
import type { DiscoveryConfig } from '../provider.ts';
import { createDnsProvider } from './dns-provider.ts';

const TYPES: readonly string[] = ['SRV', 'A', 'AAAA', 'MX', 'NS'] satisfies DnsType[];

/** One entry of `dns_sd_configs`. */
export const dnsSdConfigSchema: z.ZodType<DiscoveryConfig> = z
  .strictObject({
    names: z.array(z.string()).min(1, 'DNS-SD config must contain at least one SRV record name'),
    refresh_interval: positiveDurationSchema.default(30_000),
    type: z
      .string()
      .refine((type) => TYPES.includes(type.toUpperCase()), {
        error: (issue) =>
          `invalid DNS-SD records type ${String(issue.input)}, must be one of ${TYPES.join(', ')}`,
      })
      .default('SRV'),
    port: z.int().min(0).max(65_535).default(0),
  })
  .superRefine(({ type, port }, context) => {
    if (port !== 0 || type.toUpperCase() === 'SRV') return;
    const message = 'a port is required in DNS-SD configs for all record types except SRV';
    context.addIssue({ code: 'custom', message });
  })
  .transform(({ names, refresh_interval, type, port }) =>
    discoveryConfig(
      'dns',
      { names, refreshIntervalMs: refresh_interval, type: type.toUpperCase() as DnsType, port },
      createDnsProvider,
    ),
  );
