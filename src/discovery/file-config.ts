import { z } from 'zod';
import { filePathSchema, positiveDurationSchema } from '../core/schema.ts';
import { fileDiscovery } from './file-provider.ts';
import type { DiscoveryConfig } from './provider.ts';

const FILE_PATTERN = /^[^*]*(?:\*[^/]*)?\.(?:json|yml|yaml|JSON|YML|YAML)$/;

/** One entry of `file_sd_configs`. */
export const fileConfigSchema: z.ZodType<DiscoveryConfig> = z
  .strictObject({
    files: z
      .array(filePathSchema)
      .min(1, 'file service discovery config must contain at least one path name')
      .superRefine((paths, context) => {
        paths.forEach((path, i) => {
          if (FILE_PATTERN.test(path)) return;
          const message = `path name ${JSON.stringify(path)} is not valid for file discovery`;
          context.addIssue({ code: 'custom', path: [i], message });
        });
      }),
    refresh_interval: positiveDurationSchema.default(5 * 60 * 1000),
  })
  .transform(({ files, refresh_interval }) => fileDiscovery({ files, refreshIntervalMs: refresh_interval }));
