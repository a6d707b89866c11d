import { z } from 'zod';
import { durationSchema, filePathSchema, labelNameSchema, textSchema } from '../core/schema.ts';
import { notInVersion } from '../core/validate-yaml.ts';
import { alertingSchema } from '../notify/config.ts';
import type { AlertingConfig } from '../notify/config.ts';
import { remoteStorageSchema } from '../promql/config.ts';
import type { RemoteStorageConfig } from '../promql/config.ts';
import { globalScrapeShape, scrapeConfigSchema } from '../scrape/config.ts';
import type { ScrapeConfigFields } from '../scrape/config.ts';
import { DEFAULT_STORAGE_CONFIG, storageConfigSchema } from '../storage/config.ts';
import type { StorageConfig } from '../storage/config.ts';
import { otlpSchema } from '../storage/remote/otlp/config.ts';
import type { OtlpConfig } from '../storage/remote/otlp/config.ts';
import { remoteWriteSchema } from '../storage/remote/config.ts';
import type { RemoteWriteConfig } from '../storage/remote/config.ts';
import { remoteReadSchema } from '../storage/remote/read/config.ts';
import type { RemoteReadConfig } from '../storage/remote/read/config.ts';
import { createAlertmanagerSchema } from './alertmanager-schema.ts';
import type { AlertmanagerFields, MatcherReader } from './alertmanager-schema.ts';
import { isLastPartPattern } from './glob.ts';

const globalSchema = z.strictObject({
  ...globalScrapeShape,
  evaluation_interval: durationSchema.optional(),
  rule_query_offset: durationSchema.default(0),
  external_labels: z.record(labelNameSchema, textSchema).default({}),
  query_log_file: filePathSchema.optional(),
});

const patternsSchema = z
  .array(filePathSchema)
  .superRefine((patterns, context) => {
    for (const [i, pattern] of patterns.entries()) {
      if (isLastPartPattern(pattern)) continue;
      const message = `invalid file path ${JSON.stringify(pattern)}: "*" may stand in the last part only`;
      context.addIssue({ code: 'custom', path: [i], message });
    }
  })
  .default([]);

/** Keys of the contract that this version does not have. */
const LATER_KEYS = ['tracing', 'models', 'slos', 'maintenance', 'actions', 'review', 'state'];

/** Endpoints are told apart by their names. */
function checkNames(
  key: string,
): (configs: readonly { readonly name: string }[], context: z.RefinementCtx) => void {
  return (configs, context) => {
    const names = new Set<string>();
    for (const [i, { name }] of configs.entries()) {
      if (name !== '' && names.has(name)) {
        const message = `found multiple ${key} configs with job name ${JSON.stringify(name)}`;
        context.addIssue({ code: 'custom', path: [i, 'name'], message });
      }
      names.add(name);
    }
  };
}

/** What {@link createMainSchema} reads. */
export interface MainFields {
  readonly global: z.output<typeof globalSchema>;
  readonly alerting: AlertingConfig;
  /** Patterns. */
  readonly rule_files: readonly string[];
  /** Patterns. */
  readonly scrape_config_files: readonly string[];
  readonly scrape_configs: readonly ScrapeConfigFields[];
  readonly storage: StorageConfig;
  readonly remote_write: readonly RemoteWriteConfig[];
  readonly remote_read: readonly RemoteReadConfig[];
  readonly otlp: OtlpConfig;
  readonly remote_storage?: RemoteStorageConfig | undefined;
  readonly alertmanager?: AlertmanagerFields | undefined;
}

/** The whole of `tocsin.yml` / `prometheus.yml`. */
export function createMainSchema(matchers?: MatcherReader): z.ZodType<MainFields> {
  return notInVersion(
    z.strictObject({
      global: globalSchema.prefault({}),
      // Go's garbage collector; means nothing here.
      runtime: z.strictObject({ gogc: z.number().int().optional() }).optional(),
      alerting: alertingSchema.prefault({}),
      rule_files: patternsSchema,
      scrape_config_files: patternsSchema,
      scrape_configs: z.array(scrapeConfigSchema).default([]),
      storage: storageConfigSchema.default(DEFAULT_STORAGE_CONFIG),
      remote_write: z.array(remoteWriteSchema).default([]).superRefine(checkNames('remote_write')),
      remote_read: z.array(remoteReadSchema).default([]).superRefine(checkNames('remote_read')),
      otlp: otlpSchema.prefault({}),
      remote_storage: remoteStorageSchema.optional(),
      alertmanager: createAlertmanagerSchema(matchers).optional(),
    }),
    LATER_KEYS,
  );
}

/** A file named by `scrape_config_files`. */
export const scrapeConfigFileSchema = z.strictObject({
  scrape_configs: z.array(scrapeConfigSchema).default([]),
});
