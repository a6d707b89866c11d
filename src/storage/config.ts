import { z } from 'zod';
import { durationSchema, sizeSchema } from '../core/schema.ts';

/** The part of the configuration file that the store lives by. The flags of the same meaning apply where a key is absent. */
export interface StorageConfig {
  /** How long samples are kept; undefined = not given, 0 = for ever. */
  readonly retentionTimeMs: number | undefined;
  /** How much disk blocks and WAL may take; undefined = not given, 0 = no limit. */
  readonly retentionSizeBytes: number | undefined;
  /** The same as a share of the disk, in percent; counts instead of the size. */
  readonly retentionPercentage: number | undefined;
}

const outOfOrderSchema = durationSchema.refine(
  (windowMs) => windowMs === 0,
  'a window for out-of-order samples is not in this version',
);

const tsdbSchema = z.strictObject({
  out_of_order_time_window: outOfOrderSchema.optional(),
  retention: z
    .strictObject({
      time: durationSchema.optional(),
      size: sizeSchema.optional(),
      percentage: z.number().min(0).max(100).optional(),
    })
    .optional(),
  chunk_encoding: z
    .strictObject({
      floats: z
        .enum(['xor', 'xor2'])
        .refine((encoding) => encoding === 'xor', 'the chunk encoding xor2 is not in this version')
        .optional(),
    })
    .optional(),
  stale_series_compaction_threshold: z
    .number()
    .refine((threshold) => threshold === 0, 'compaction of stale series is not in this version')
    .optional(),
});

const fieldsSchema = z.strictObject({
  tsdb: tsdbSchema.optional(),
  // Without the feature flag exemplar-storage, which this version does not have, Prometheus does not look at it either.
  exemplars: z.strictObject({ max_exemplars: z.number().int().optional() }).optional(),
});

/** `storage:` of Prometheus. */
export const storageConfigSchema: z.ZodType<StorageConfig> = fieldsSchema.transform(({ tsdb }) => ({
  retentionTimeMs: tsdb?.retention?.time,
  retentionSizeBytes: tsdb?.retention?.size,
  retentionPercentage: tsdb?.retention?.percentage,
}));

/** What holds when the file has no `storage:`. */
export const DEFAULT_STORAGE_CONFIG: StorageConfig = {
  retentionTimeMs: undefined,
  retentionSizeBytes: undefined,
  retentionPercentage: undefined,
};
